"""How much memory does exact DDM take above its inputs, and how long does it take against the bare matrix product?

    python benchmarks/ddm_memory.py [--n 50000] [--d 10] [--out benchmarks/results/ddm_memory.csv]

Peak resident memory is the operating system's (ru_maxrss), less what was resident once the inputs were made.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import time
from pathlib import Path

import csv_tables
import numpy as np

import genmetrics as gm

MIB = 1 << 20


def resident() -> float:
    """Resident memory now, MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / MIB


def peak() -> float:
    """Largest resident memory so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def product_seconds(a: np.ndarray, b: np.ndarray, rows: int = 1000) -> float:
    """Wall time of the bare float64 product a @ b.T, in blocks of rows."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    start = time.perf_counter()
    for i in range(0, len(a), rows):
        a[i : i + rows] @ b.T
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=50_000)
    parser.add_argument("--d", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "ddm_memory.csv")
    arguments = parser.parse_args()
    n, d = arguments.n, arguments.d
    random = np.random.default_rng(0)
    test, generated = (random.normal(size=(n, d)).astype(np.float32) for _ in range(2))
    gm.ddm(test[:2000], generated[:2000])  # what is loaded once is not counted
    before = resident()
    start = time.perf_counter()
    value = gm.ddm(test, generated).value
    seconds = time.perf_counter() - start
    above = peak() - before
    row = {
        "n": n,
        "d": d,
        "ddm": f"{value:.6f}",
        "peak_mib_above_inputs": f"{above:.0f}",
        "seconds": f"{seconds:.1f}",
        "float64_product_seconds": f"{product_seconds(test, generated):.1f}",
        "cores": len(os.sched_getaffinity(0)),
        "machine": platform.machine(),
        "date": time.strftime("%Y-%m-%d"),
    }
    csv_tables.write(arguments.out, [row])
    print("\n".join(f"{key:>24}  {value}" for key, value in row.items()))


if __name__ == "__main__":
    main()
