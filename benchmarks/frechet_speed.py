"""How fast is the Frechet distance, against the matrix square roots that other packages take?

Two sets of n skewed, correlated feature vectors; all routes in one run, the shortest of several times:

1. the trace of (S1 S2)^(1/2) from the two covariances: ours (Cholesky and a symmetric eigensolve),
   `scipy.linalg.sqrtm`, `torch.linalg.eigvals`; and ours once more against the same reference, whose factor is kept;
2. fewer images than features: the distance from the features themselves, against the least that a route through the
   n x n matrix of products of centred images costs: that one product, and its singular values or the eigenvalues of
   its square (`of_bare`: our time over the quicker of the two);
3. the distance with its 95% interval, both sides linearised.

    python benchmarks/frechet_speed.py [--d 2048] [--n 10000] [--parts traces few distances]

Rows of parts that are not asked for stay as they were.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import csv_tables
import numpy as np
import scipy.linalg
import torch

from genmetrics.metrics.frechet import frechet_distance, frechet_estimate
from genmetrics.metrics.gaussians import Gaussian, squared_singular_values
from genmetrics.metrics.moments import Moments

RESULTS = Path(__file__).parent / "results" / "frechet_speed.csv"
COLUMNS = ("what", "n", "d", "seconds", "value", "of_bare", "date", "machine")
FEW, TIMES_FEW = 500, 100  # images; how often such a short time is taken


def features(n: int, d: int, seed: int, scale: float = 1.0) -> np.ndarray:
    """Skewed features along random axes, the k-th largest variance going with 1/k as those of trained networks do."""
    axes = np.linalg.qr(np.random.default_rng(0).normal(size=(d, d)))[0]
    along = np.random.default_rng(seed).gamma(2.0, size=(n, d)) / np.sqrt(np.arange(1, d + 1))
    return (scale * along @ axes).astype(np.float32)


def by_sqrtm(a: Moments, b: Moments) -> float:
    """What pytorch-fid, clean-fid and others do."""
    return float(np.trace(scipy.linalg.sqrtm(a.covariance @ b.covariance)).real)


def by_eigvals(a: Moments, b: Moments) -> float:
    """What torchmetrics does."""
    product = torch.from_numpy(a.covariance @ b.covariance)
    return float(torch.linalg.eigvals(product).sqrt().real.sum())


def ours(a: Moments, b: Moments) -> float:
    squared = squared_singular_values(Gaussian(a, "a"), Gaussian(b, "b"))
    assert squared is not None
    return float(np.sqrt(squared).sum())


def measured(what: str, n: int, d: int, run: Callable[[], float], repeats: int = 1) -> dict[str, object]:
    return in_turns([(what, run)], n, d, repeats)[0]


def in_turns(routes: list[tuple[str, Callable[[], float]]], n: int, d: int, repeats: int) -> list[dict[str, object]]:
    """The shortest time of each of several routes, taken in turns, so that whatever else runs slows all of them."""
    seconds, values = [np.inf] * len(routes), [np.nan] * len(routes)
    for _ in range(repeats):
        for i, (_, run) in enumerate(routes):
            start = time.perf_counter()
            values[i] = run()
            seconds[i] = min(seconds[i], time.perf_counter() - start)
    rows: list[dict[str, object]] = []
    for (what, _), least, value in zip(routes, seconds, values, strict=True):
        print(f"{what:<54} n = {n:>6}  d = {d:>5}  {least:>8.3f} s   {value:.12g}", flush=True)
        rows.append(
            {
                "what": what,
                "n": n,
                "d": d,
                "seconds": f"{least:.3f}",
                "value": f"{value:.12g}",
                "of_bare": "",
                "date": date.today().isoformat(),
                "machine": f"{os.cpu_count()} cores",
            }
        )
    return rows


def traces(n: int, d: int) -> list[dict[str, object]]:
    a, b = Moments.of(features(n, d, 1)), Moments.of(features(n, d, 2, 1.05))
    fresh = Moments(a.n, a.mean, a.scatter)
    return [
        measured("trace: Cholesky and eigvalsh (ours)", n, d, lambda: ours(Moments(a.n, a.mean, a.scatter), b), 3),
        measured("trace: the same, another set, reference factor kept", n, d, lambda: ours(fresh, b), 3),
        measured("trace: torch.linalg.eigvals", n, d, lambda: by_eigvals(a, b), 3),
        measured("trace: scipy.linalg.sqrtm", n, d, lambda: by_sqrtm(a, b), 2),
    ]


def distances(n: int, d: int) -> list[dict[str, object]]:
    x, y = features(n, d, 1), features(n, d, 2, 1.05)
    return [
        measured("distance from features", n, d, lambda: frechet_distance(x, y)),
        measured("distance with interval", n, d, lambda: frechet_estimate(x, y).std_error or np.nan),
    ]


def few(_: int, d: int) -> list[dict[str, object]]:
    """What is left besides one product and its singular values: two passes over the features, and checks of them."""
    x, y = features(FEW, d, 1), features(FEW, d, 2)
    a, b = (x - x.mean(axis=0, dtype=np.float64) for x in (x, y))
    *bare, ours = in_turns(
        [
            ("bare: product of centred images, its singular values", lambda: by_svd(a, b)),
            ("bare: the same, eigenvalues of its square", lambda: by_square(a, b)),
            ("distance, fewer images than features", lambda: frechet_distance(x, y)),
        ],
        FEW,
        d,
        TIMES_FEW,
    )
    least = min(float(str(row["seconds"])) for row in bare)
    return [*bare, ours | {"of_bare": f"{float(str(ours['seconds'])) / least:.2f}"}]


def by_svd(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.svd(a @ b.T, compute_uv=False).sum()) / (len(a) - 1)


def by_square(a: np.ndarray, b: np.ndarray) -> float:
    cross = a @ b.T
    return float(np.sqrt(np.linalg.eigvalsh(cross @ cross.T).clip(min=0)).sum()) / (len(a) - 1)


PARTS = {"traces": traces, "few": few, "distances": lambda n, d: distances(n, 64) + distances(n, d)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--d", type=int, default=2048)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    arguments = parser.parse_args()
    rows = known()
    for part in arguments.parts:
        for row in PARTS[part](arguments.n, arguments.d):
            rows[row["what"], str(row["n"]), str(row["d"])] = row
    csv_tables.write(RESULTS, list(rows.values()))


def known() -> dict[tuple[object, ...], dict[str, object]]:
    """The rows measured before."""
    return {(row["what"], row["n"], row["d"]): dict(row) for row in csv_tables.read(RESULTS)}


if __name__ == "__main__":
    main()
