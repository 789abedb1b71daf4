"""DDM of a million test points against a million: does the exact stream stay near its floor, and what do clusters save?

    python benchmarks/ddm_million.py [--n 1000000] [--state runs/ddm_million] [--out benchmarks/results/ddm_million.csv]

The points are `mnist-cnn` logits of real MNIST images, each copied with Gaussian jitter of a tenth of each logit's
standard deviation: test points from the 10,000 test images, generated and training points from the 60,000 training
images with different jitter. h is `scale="auto"`. Times are CPU seconds of the process, all threads together, so that a
busy machine blurs them less; the floor, the bare float64 product and exponential over the same tiles, is timed on a
share of the rows between the blocks of the exact run, and scaled up. Killed, it goes on from --state.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

import csv_tables
import numpy as np
from packs import mnist

import genmetrics as gm
from genmetrics.kernels.clustered import clustered_log_mean_exp
from genmetrics.kernels.geometry import in_threads
from genmetrics.kernels.pairwise import log_mean_exp
from genmetrics.metrics.scales import likeliest_scale

JITTER = 0.1  # of each logit's standard deviation
ROWS = 10_000  # queries between two checkpoints
FLOOR_ROWS = 256  # of them, timed for the floor
TOL = 1e-2  # nats between the ends of the certified interval


def logits(state: Path) -> dict[str, np.ndarray]:
    """mnist-cnn logits of the training and test images, kept in `state`."""
    file = state / "logits.npz"
    if not file.exists():
        found = {part: gm.extract(mnist(part).images, "mnist-cnn", ("logits",))["logits"] for part in ("train", "test")}
        np.savez(file, **found)
    return dict(np.load(file))


def jittered(points: np.ndarray, n: int, seed: int) -> np.ndarray:
    """`n` float32 points: copies of `points` in turn, with noise."""
    random = np.random.default_rng(seed)
    copies = points[np.arange(n) % len(points)]
    return (copies + JITTER * points.std(axis=0) * random.normal(size=copies.shape)).astype(np.float32)


def floor_seconds(n: int, m: int, d: int) -> float:
    """CPU time of the bare float64 products and exponentials of n x m pairs in tiles of 128 x 1024, in threads."""
    x, y = np.random.default_rng(0).normal(size=(2, 1024, d + 2))

    def tiles(rows: int) -> None:
        tile = np.empty((rows, 1024))
        for _ in range(-(-m // 1024)):
            np.matmul(x[:rows], y.T, out=tile)
            np.exp(tile, out=tile)

    list(in_threads(tiles, [1]))
    start = time.process_time()
    list(in_threads(tiles, [128] * (n // 128)))
    return (time.process_time() - start) * n / (128 * (n // 128))


class State:
    """What is done, as JSON beside the logits."""

    def __init__(self, folder: Path, n: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / f"state-{n}.json"
        self.values = json.loads(self.file.read_text()) if self.file.exists() else {}

    def keep(self, **values: object) -> None:
        self.values |= values
        part = self.file.with_suffix(".part")
        part.write_text(json.dumps(self.values))
        os.replace(part, self.file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=1_000_000)
    parser.add_argument("--state", type=Path, default=Path("runs/ddm_million"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "ddm_million.csv")
    arguments = parser.parse_args()
    n, state = arguments.n, State(arguments.state, arguments.n)
    real = logits(arguments.state)
    test, generated = jittered(real["test"], n, 1), jittered(real["train"], n, 2)
    if "h" not in state.values:
        start = time.process_time()
        h = likeliest_scale(test, jittered(real["train"], n, 3), "half_sq")
        state.keep(h=h, auto_seconds=time.process_time() - start)
        print(f"h = {h}, {state.values['auto_seconds']:.0f} s", flush=True)
    h = state.values["h"]
    sums = list(state.values.get("sums", []))
    seconds, floor = state.values.get("exact_seconds", 0.0), state.values.get("floor_seconds", 0.0)
    for i in range(len(sums) * ROWS, n, ROWS):
        start = time.process_time()
        values = log_mean_exp(test[i : i + ROWS], generated, distance="half_sq", scale=h)
        seconds += time.process_time() - start
        sums.append([float(values.values.sum()), float(values.error.sum())])
        floor += floor_seconds(FLOOR_ROWS, n, test.shape[1]) * ROWS / FLOOR_ROWS
        state.keep(sums=sums, exact_seconds=seconds, floor_seconds=floor)
        print(f"{i + ROWS} of {n}: exact {seconds:.0f} s, floor {floor:.0f} s", flush=True)
    if "clustered_seconds" not in state.values:
        start = time.process_time()
        found = clustered_log_mean_exp(test, generated, distance="half_sq", scale=h, width=0.8 * TOL)
        state.keep(
            clustered_seconds=time.process_time() - start,
            clustered_lower=-float(found.upper.mean()),
            clustered_upper=-float(found.lower.mean()),
            **found.details,
        )
        print(state.values, flush=True)
    total, error = np.sum(sums, axis=0) / n
    v = state.values
    row = {
        "n": n,
        "h": h,
        "ddm": f"{-total:.9f}",
        "rounding": f"{error:.1e}",
        "exact_cpu_seconds": f"{seconds:.0f}",
        "floor_cpu_seconds": f"{floor:.0f}",
        "exact_over_floor": f"{seconds / floor:.2f}",
        "clustered_cpu_seconds": f"{v['clustered_seconds']:.0f}",
        "clustered_lower": f"{v['clustered_lower']:.6f}",
        "clustered_upper": f"{v['clustered_upper']:.6f}",
        "interval_width": f"{v['clustered_upper'] - v['clustered_lower']:.1e}",
        "share_refined": f"{v['share_refined']:.4f}",
        "clusters": int(v["clusters"]),
        "exact_over_clustered": f"{seconds / v['clustered_seconds']:.1f}",
        "auto_cpu_seconds": f"{v['auto_seconds']:.0f}",
        "cores": len(os.sched_getaffinity(0)),
        "date": time.strftime("%Y-%m-%d"),
    }
    csv_tables.write(arguments.out, [*csv_tables.read(arguments.out), row])
    print("\n".join(f"{key:>24}  {value}" for key, value in row.items()))


if __name__ == "__main__":
    main()
