"""What do precision, recall, density, coverage and AuthPct cost above the bare matrix products, in time and memory?

    pip install --no-deps prdc
    python benchmarks/neighbours_speed.py [--n 10000] [--d 2048] [--peer] [--out FILE.csv]

In one process, one after the other: the metrics, the three bare float32 products (in blocks of 1,024 rows), and with
--peer prdc. The metrics take each pair within a set once, the products twice, so that a ratio below 1 is possible.
Wall and CPU seconds are both written; only CPU seconds compare where the machine does other work too.
Peak memory is the system's, less what was resident before. A row is added to the file, or replaces that of its n, d.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import csv_tables
import numpy as np
from ddm_memory import peak, resident

import genmetrics as gm

ROWS = 1024


def spent(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def metrics(real: np.ndarray, generated: np.ndarray) -> None:
    print(gm.precision_recall(real, generated), gm.density_coverage(real, generated), flush=True)
    print("AuthPct", gm.auth_pct(real, generated), flush=True)


def bare_products(real: np.ndarray, generated: np.ndarray) -> None:
    for a, b in ((real, real), (generated, generated), (real, generated)):
        for i in range(0, len(a), ROWS):
            a[i : i + ROWS] @ b.T


def peer(real: np.ndarray, generated: np.ndarray) -> None:
    from prdc import compute_prdc

    with contextlib.redirect_stdout(None):
        compute_prdc(real, generated, nearest_k=5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--d", type=int, default=2048)
    parser.add_argument("--peer", action="store_true")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "neighbours_speed.csv")
    arguments = parser.parse_args()
    n, d = arguments.n, arguments.d
    random = np.random.default_rng(0)
    real, generated = (random.standard_normal((n, d), np.float32) for _ in range(2))
    generated *= 1.02
    metrics(real[:500], generated[:500])  # what is loaded once is not counted
    before = resident()
    wall, cpu = spent(lambda: metrics(real, generated))
    above = peak() - before
    bare_wall, bare_cpu = spent(lambda: bare_products(real, generated))
    row = {
        "n": n,
        "d": d,
        "wall_s": f"{wall:.2f}",
        "cpu_s": f"{cpu:.2f}",
        "products_wall_s": f"{bare_wall:.2f}",
        "products_cpu_s": f"{bare_cpu:.2f}",
        "wall_ratio": f"{wall / bare_wall:.2f}",
        "cpu_ratio": f"{cpu / bare_cpu:.2f}",
        "peak_mib_above_features": f"{above:.0f}",
        "prdc_wall_s": "",
        "prdc_cpu_s": "",
        "prdc_peak_mib_above_features": "",
        "cores": len(os.sched_getaffinity(0)),
        "date": time.strftime("%Y-%m-%d"),
    }
    if arguments.peer:
        wall, cpu = spent(lambda: peer(real, generated))
        row |= {"prdc_wall_s": f"{wall:.2f}", "prdc_cpu_s": f"{cpu:.2f}"}
        row["prdc_peak_mib_above_features"] = f"{peak() - before:.0f}"
    print("\n".join(f"{key:>30}  {value}" for key, value in row.items()))
    rows = csv_tables.replaced(csv_tables.read(arguments.out), row, "n", "d")
    csv_tables.write(arguments.out, sorted(rows, key=lambda r: (int(str(r["d"])), int(str(r["n"])))))


if __name__ == "__main__":
    main()
