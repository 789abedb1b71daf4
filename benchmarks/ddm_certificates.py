"""Do the certified intervals of DDM always hold the exact value, and meet `tol`? Random cases, hard on purpose.

    python benchmarks/ddm_certificates.py [--cases 10000] [--backends exact faiss clustered] [--out FILE]

Cases (tests/reference/ddm_cases.py): 1 to 30 test points, 1 to 400 generated ones, 1 to 11 dimensions, all three
distances, scales from 1e-6 to 1e3, clusters, duplicates, outliers at 1e6, float32 and float64, tol from 1e-6 to 0.1.
The exact value is float64 brute force over differences. Each backend's row in --out is replaced when it is done.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from functools import partial
from multiprocessing import Pool
from pathlib import Path
from typing import NamedTuple

import csv_tables
import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import logsumexp

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import genmetrics as gm  # noqa: E402
from tests.reference.ddm_cases import Case, random_case  # noqa: E402


def brute_force(case: Case) -> float:
    """All differences at once."""
    x, y = case.test.astype(np.float64), case.generated.astype(np.float64)
    if case.distance == "l2":
        exponents = cdist(x, y) / case.scale
    else:
        exponents = cdist(x, y, "sqeuclidean") / case.scale**2 / (2 if case.distance == "half_sq" else 1)
    return float(-np.mean(logsumexp(-exponents, axis=1) - np.log(len(y))))


class Outcome(NamedTuple):
    """One case under one backend."""

    outside: bool  # of the certified interval
    wider: bool  # than tol
    off: float  # of the value, relative to it or to 1
    partly: bool  # not every pair was computed


def outcome(backend: str, seed: int) -> Outcome:
    case = random_case(seed)
    value = brute_force(case)
    found = gm.ddm(case.test, case.generated, case.distance, case.scale, backend, case.tol)
    rounding = 1e-13 * max(1.0, abs(value))  # of the brute force
    share = found.details.get("share_refined", found.details.get("share_exact", 1.0))
    return Outcome(
        not found.lower - rounding <= value <= found.upper + rounding,
        found.upper - found.lower > case.tol * max(1.0, found.value) * (1 + 1e-9),
        abs(found.value - value) / max(1.0, abs(value)),
        share < 1,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--backends", nargs="+", default=["exact", "faiss", "clustered"])
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "ddm_certificates.csv")
    arguments = parser.parse_args()
    rows = csv_tables.read(arguments.out)
    for backend in arguments.backends:
        with Pool(len(os.sched_getaffinity(0))) as pool:
            outcomes = pool.map(partial(outcome, backend), range(arguments.cases), chunksize=50)
        row = {
            "backend": backend,
            "cases": arguments.cases,
            "outside": sum(each.outside for each in outcomes),
            "wider_than_tol": sum(each.wider for each in outcomes),
            "largest_error": f"{max(each.off for each in outcomes):.1e}",
            "not_wholly_exact": sum(each.partly for each in outcomes),
            "date": time.strftime("%Y-%m-%d"),
        }
        print(row, flush=True)
        rows = csv_tables.replaced(rows, row, "backend")
        csv_tables.write(arguments.out, rows)


if __name__ == "__main__":
    main()
