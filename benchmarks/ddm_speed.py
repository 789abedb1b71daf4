"""How fast is exact DDM against its floor, the bare product and exponential, and against other ways to the number?

    python benchmarks/ddm_speed.py [--n 50000] [--m 50000] [--d 10,640,2048] [--out benchmarks/results/ddm_speed.csv]

Standard normal points, n queries against m references, h = 1. CPU seconds of the process, all threads together, and
wall seconds, in one run; a row replaces that of its sizes. The floor is the float64 product and exponential over the
same tiles (float32 beside it), for --floor-rows queries, scaled up, as NumPy in chunks and scikit-learn's KernelDensity
are from --slow-rows. KeOps is timed where it is installed.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

import csv_tables
import numpy as np
from ddm_memory import peak, resident
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


def floors(n: int, m: int, d: int, rows: int) -> dict[str, float]:
    """What n queries would take of the bare work, from `rows` of them."""
    up = n / rows
    product = timed(lambda: floor(rows, m, d, np.float64, exponential=False))
    double = timed(lambda: floor(rows, m, d, np.float64, exponential=True))
    single = timed(lambda: floor(rows, m, d, np.float32, exponential=True))
    return {
        "product_float64_cpu": product[0] * up,
        "floor_float64_cpu": double[0] * up,
        "floor_float64_wall": double[1] * up,
        "floor_float32_cpu": single[0] * up,
    }


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


def write(file: Path, row: dict[str, object]) -> None:
    """Add the row, in place of an older one of its sizes."""
    rows = csv_tables.replaced(csv_tables.read(file), row, "n", "m", "d")
    csv_tables.write(file, sorted(rows, key=lambda one: [int(str(one[key])) for key in ("d", "m", "n")]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=50_000)
    parser.add_argument("--m", type=int, default=50_000)
    parser.add_argument("--d", default="10,640,2048")
    parser.add_argument("--floor-rows", type=int, default=12_800)
    parser.add_argument("--slow-rows", type=int, default=500)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "ddm_speed.csv")
    arguments = parser.parse_args()
    from sklearn.neighbors import KernelDensity

    for d in (int(part) for part in arguments.d.split(",")):
        n, m, few = arguments.n, arguments.m, min(arguments.n, arguments.slow_rows)
        random = np.random.default_rng(0)
        x, y = random.standard_normal((n, d), np.float32), random.standard_normal((m, d), np.float32)
        gm.ddm(x[:300], y[:3000])
        before = resident()
        exact = timed(lambda x=x, y=y: gm.ddm(x, y))
        memory = peak() - before
        row = {
            "n": n,
            "m": m,
            "d": d,
            "exact_cpu": exact[0],
            "exact_wall": exact[1],
            **floors(n, m, d, min(n, arguments.floor_rows)),
            "numpy_chunks_cpu": timed(lambda x=x, y=y, few=few: numpy_chunks(x[:few], y))[0] * n / few,
        }
        kde = KernelDensity(bandwidth=1.0).fit(y)
        kde_rows = min(few, 100)
        scored = timed(lambda x=x, kde=kde, kde_rows=kde_rows: kde.score_samples(x[:kde_rows]))
        row["scikit_learn_kde_cpu"] = scored[0] * n / kde_rows
        there = keops(x[:2], y[:2]) is not None  # and compiled
        lazy = timed(lambda x=x, y=y, few=few: keops(x[:few], y))
        row["keops_cpu"] = lazy[0] * n / few if there else float("nan")
        row |= {"exact_over_floor": exact[0] / row["floor_float64_cpu"], "peak_mib_above_inputs": memory}
        row = {key: round(value, 3) if isinstance(value, float) else value for key, value in row.items()}
        row |= {"cores": len(os.sched_getaffinity(0)), "date": time.strftime("%Y-%m-%d")}
        print(row, flush=True)
        write(arguments.out, row)


if __name__ == "__main__":
    main()
