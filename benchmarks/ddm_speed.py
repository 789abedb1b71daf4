"""How fast is exact DDM against its floor, the bare product and exponential, and against other ways to the number?

    python benchmarks/ddm_speed.py [--n 50000] [--m 50000] [--d 10,640,2048] [--out benchmarks/results/ddm_speed.csv]

Standard normal points, n queries against m references, h = 1. CPU seconds of the process, all threads together, and
wall seconds, in one run; rows are appended. The floor is the float64 product and exponential over the same tiles
(float32 beside it). NumPy in chunks, and scikit-learn's KernelDensity, take --slow-rows queries, scaled up. KeOps is
timed where it is installed.
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.special import logsumexp

import genmetrics as gm
from genmetrics.kernels.geometry import in_threads


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """CPU and wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def floor(n: int, m: int, d: int, kind: type, *, exponential: bool) -> None:
    """The bare product of n x (d + 2) and (d + 2) x m, tile by tile in threads, and the exponential in place."""
    rows = 128 if d < 64 else 512
    x = np.random.default_rng(0).normal(size=(rows, d + 2)).astype(kind) / d
    y = np.random.default_rng(1).normal(size=(1024, d + 2)).astype(kind)

    def row_of_tiles(_: int) -> None:
        tile = np.empty((rows, 1024), kind)
        for _ in range(-(-m // 1024)):
            np.matmul(x, y.T, out=tile)
            if exponential:
                np.exp(tile, out=tile)

    list(in_threads(row_of_tiles, range(-(-n // rows))))


def numpy_chunks(x: np.ndarray, y: np.ndarray) -> float:
    """What one would write: chunks of 500 rows, float64."""
    y = y.astype(np.float64)
    total, squares = 0.0, (y**2).sum(axis=1)
    for i in range(0, len(x), 500):
        part = x[i : i + 500].astype(np.float64)
        d = (part**2).sum(axis=1)[:, None] + squares - 2 * part @ y.T
        total += logsumexp(-d / 2, axis=1).sum()
    return -total / len(x) + np.log(len(y))


def keops(x: np.ndarray, y: np.ndarray) -> float | None:
    """The same with KeOps' LazyTensor on the CPU, float64; None where it is not installed."""
    try:
        from pykeops.numpy import LazyTensor
    except ImportError:
        return None
    a, b = LazyTensor(x.astype(np.float64)[:, None]), LazyTensor(y.astype(np.float64)[None])
    return float(-(-((a - b) ** 2).sum(-1) / 2).logsumexp(dim=1).mean() + np.log(len(y)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=50_000)
    parser.add_argument("--m", type=int, default=50_000)
    parser.add_argument("--d", default="10,640,2048")
    parser.add_argument("--slow-rows", type=int, default=500)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "ddm_speed.csv")
    arguments = parser.parse_args()
    from sklearn.neighbors import KernelDensity

    rows = []
    for d in (int(part) for part in arguments.d.split(",")):
        n, m, few = arguments.n, arguments.m, min(arguments.n, arguments.slow_rows)
        rng = np.random.default_rng(0)
        x, y = rng.normal(size=(n, d)).astype(np.float32), rng.normal(size=(m, d)).astype(np.float32)
        gm.ddm(x[:300], y[:3000])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        exact = timed(lambda x=x, y=y: gm.ddm(x, y))
        memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        both = timed(lambda n=n, m=m, d=d: floor(n, m, d, np.float64, exponential=True))
        row = {
            "n": n,
            "m": m,
            "d": d,
            "exact_cpu": exact[0],
            "exact_wall": exact[1],
            "product_float64_cpu": timed(lambda n=n, m=m, d=d: floor(n, m, d, np.float64, exponential=False))[0],
            "floor_float64_cpu": both[0],
            "floor_float64_wall": both[1],
            "floor_float32_cpu": timed(lambda n=n, m=m, d=d: floor(n, m, d, np.float32, exponential=True))[0],
            "numpy_chunks_cpu": timed(lambda x=x, y=y, few=few: numpy_chunks(x[:few], y))[0] * n / few,
        }
        kde = KernelDensity(bandwidth=1.0).fit(y)
        kde_rows = min(few, 100)
        scored = timed(lambda x=x, kde=kde, kde_rows=kde_rows: kde.score_samples(x[:kde_rows]))
        row["scikit_learn_kde_cpu"] = scored[0] * n / kde_rows
        lazy = timed(lambda x=x, y=y, few=few: keops(x[:few], y))
        row["keops_cpu"] = lazy[0] * n / few if keops(x[:2], y[:2]) is not None else float("nan")
        row |= {"exact_over_floor": exact[0] / both[0], "peak_mib_above_inputs": memory}
        rows.append(
            {key: round(value, 3) if isinstance(value, float) else value for key, value in row.items()}
            | {"cores": len(os.sched_getaffinity(0)), "date": time.strftime("%Y-%m-%d")}
        )
        print(rows[-1], flush=True)
    new = not arguments.out.exists()
    with arguments.out.open("a", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        if new:
            writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
