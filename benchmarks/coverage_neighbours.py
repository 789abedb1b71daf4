"""Do the nominal 95% intervals of the neighbour metrics cover in 92-98% of repetitions?

Gaussians at the null, near it and away from it, and MNIST digits (real ones, blurred ones, half of the classes) where
../shared/data has them. Each case draws anew what its interval is over and holds fixed what the interval calls
conditional; the truth is the mean over all repetitions.

    python benchmarks/coverage_neighbours.py [--repetitions 300] [--out benchmarks/results/coverage_neighbours.csv]
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
from coverage import MNIST, offered, repeat, row
from threadpoolctl import threadpool_limits

from genmetrics.metrics.manifold import coverage_estimate, density_estimate, precision_estimate, recall_estimate
from genmetrics.metrics.memorisation import auth_pct_estimate, ct_score_estimate
from genmetrics.metrics.two_sample import two_sample_estimate
from genmetrics.records import Estimate

Draw = Callable[[np.random.Generator, int], np.ndarray]
N = 300
# estimate, whether the sets before the generated one are drawn anew each time, and whether the generated one is
STUDIED: dict[str, tuple[Callable[..., Estimate], tuple[bool, ...]]] = {
    "precision": (precision_estimate, (False, True)),
    "recall": (recall_estimate, (True, False)),
    "density": (density_estimate, (False, True)),
    "coverage": (coverage_estimate, (True, True)),
    "two-sample": (two_sample_estimate, (True, True)),
    "auth-pct": (auth_pct_estimate, (False, True)),
    "ct-score": (ct_score_estimate, (False, True, True)),
}


def gaussian(d: int, spread: float = 1.0, shift: float = 0.0) -> Draw:
    """Draws of a d-wide Gaussian."""
    return lambda random, n: spread * random.normal(size=(n, d)) + shift


@cache
def digits(blur: float, classes: int) -> np.ndarray:
    """MNIST digits of the first classes, blurred by so many pixels and averaged to 7 x 7."""
    from scipy.ndimage import gaussian_filter

    pack = np.load(MNIST)
    images = pack["x"][pack["y"] < classes].astype(np.float64) / 255
    if blur:
        images = gaussian_filter(images, (0, blur, blur))
    return images.reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4)).reshape(-1, 49)


def mnist(blur: float = 0.0, classes: int = 10) -> Draw:
    return lambda random, n: digits(blur, classes)[random.choice(len(digits(blur, classes)), n, replace=False)]


def populations() -> Iterator[tuple[str, Draw, Draw]]:
    yield "near d=2", gaussian(2), gaussian(2, 1.05, 0.1)
    for d in (10, 64):
        yield f"null d={d}", gaussian(d), gaussian(d)
        yield f"apart d={d}", gaussian(d), gaussian(d, 1.1, 0.2)
    yield "narrow d=10", gaussian(10), gaussian(10, 0.7, 0.3)
    if MNIST.exists():
        yield "null mnist", mnist(), mnist()
        yield "blurred mnist", mnist(), mnist(blur=1.0)
        yield "half of mnist", mnist(), mnist(classes=5)


def measured(repetitions: int) -> Iterator[dict[str, object]]:
    for population, real, generated in populations():
        for name, (estimate, anew) in STUDIED.items():
            draws = [real] * (len(anew) - 1) + [generated]
            fixed = [draw(np.random.default_rng(1000 + i), N) for i, draw in enumerate(draws)]

            def once(random, estimate=estimate, draws=draws, anew=anew, fixed=fixed):
                sets = [draw(random, N) if new else held for draw, new, held in zip(draws, anew, fixed, strict=True)]
                return offered(estimate(*sets))

            yield row(f"{name} {population} n={N}", repeat(once, repetitions))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=300)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "coverage_neighbours.csv")
    arguments = parser.parse_args()
    rows = []
    with threadpool_limits(1):
        for found in measured(arguments.repetitions):
            print(f"{found['case']:<40}", *(f"{value:>10}" for value in list(found.values())[1:]), flush=True)
            rows.append(found)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    with arguments.out.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
