"""Do the certified intervals of DDM always hold the exact value, and meet `tol`? Random cases, hard on purpose.

    python benchmarks/ddm_certificates.py [--cases 10000] [--out benchmarks/results/ddm_certificates.csv]

Cases (tests/reference/ddm_cases.py): 1 to 30 test points, 1 to 400 generated ones, 1 to 11 dimensions, all three
distances, scales from 1e-3 to 1e3, clusters, duplicates, outliers at 1e6, float32 and float64, tol from 1e-6 to 0.1.
The exact value is float64 brute force over differences.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from pathlib import Path

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "ddm_certificates.csv")
    arguments = parser.parse_args()
    rows = []
    values = [brute_force(random_case(seed)) for seed in range(arguments.cases)]
    for backend in ("exact", "faiss", "clustered"):
        outside, wide, off, partly = 0, 0, 0.0, 0
        for seed, value in enumerate(values):
            case = random_case(seed)
            found = gm.ddm(case.test, case.generated, case.distance, case.scale, backend, case.tol)
            rounding = 1e-13 * max(1.0, abs(value))  # of the brute force
            outside += not found.lower - rounding <= value <= found.upper + rounding
            wide += found.upper - found.lower > case.tol * max(1.0, found.value) * (1 + 1e-9)
            off = max(off, abs(found.value - value) / max(1.0, abs(value)))
            share = found.details.get("share_refined", found.details.get("share_exact", 1.0))
            partly += share < 1
        rows.append(
            {
                "backend": backend,
                "cases": arguments.cases,
                "outside": outside,
                "wider_than_tol": wide,
                "largest_error": f"{off:.1e}",
                "not_wholly_exact": partly,
                "date": time.strftime("%Y-%m-%d"),
            }
        )
        print(rows[-1], flush=True)
    with arguments.out.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
