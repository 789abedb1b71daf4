"""Frechet distance and Inception score without their bias: extrapolated to infinitely many generated images.

Both are biased by an amount that goes with 1/n, n the number of generated images. So a line is fitted to the value
against 1/n, and its intercept, the value at 1/n = 0, is FID-infinity or IS-infinity.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genmetrics._checks import DataError, as_features, count
from genmetrics.intervals import random_halves, student_reach
from genmetrics.metrics.frechet import frechet_distance, frechet_influence
from genmetrics.metrics.gaussians import Gaussian
from genmetrics.metrics.inception_score import distributions, divergences
from genmetrics.metrics.moments import Moments
from genmetrics.records import Estimate

POINTS = 15  # sizes at which the value is taken
SMALLEST = 5000  # the smallest size, where there are enough images
FEWEST = 100  # generated images
SPLITS = 10  # in random halves, for the standard error


@dataclass(frozen=True)
class Extrapolated:
    """The intercept of the line through the values at 1/sizes."""

    value: float
    sizes: tuple[int, ...]
    values: tuple[float, ...]


def frechet_distance_infinity(real: Any, generated: Any, points: int = POINTS, seed: int = 0) -> Extrapolated:
    """Frechet distance at 1/m = 0: intercept of the line through the distances of subsets of m generated images.

    Args:
        real: features (n, d) of real images, or their `Moments`. All of them are used at each size, so what their
            number adds to the distance stays.
        generated: features (m, d) of generated images, at least 100.
        points: sizes, evenly spaced from 5,000 (or a tenth of the images, if that is less) to all.
        seed: of the subsets, which are drawn without replacement.

    Returns:
        value: lower is better; it may be a little negative. Units: those of the features, squared.

    Raises:
        DataError: too few images, widths differ, NaN or inf.
    Source: Chong & Forsyth (2020), arXiv:1911.07023, section 4.
    Differs: random subsets where the paper draws Sobol points of the latent space; images are given here.
    """
    y = as_features(generated, "generated")
    reference = real if isinstance(real, Moments) else as_features(real, "real", at_least=2)
    if not isinstance(reference, Moments) and len(reference) > reference.shape[1]:
        reference = Moments.of(reference)  # whose factor is kept
    return extrapolated(y, lambda rows: frechet_distance(reference, rows), points, seed)


def inception_score_infinity(
    *, logits: Any = None, probabilities: Any = None, points: int = POINTS, seed: int = 0
) -> Extrapolated:
    """Inception score at 1/n = 0: intercept of the line through the scores of subsets of n images, each in one split.

    Args:
        logits: (n, classes) of the generated images, at least 100. Give this,
        probabilities: or (n, classes), rows summing to 1.
        points: sizes, evenly spaced from 5,000 (or a tenth of the images, if that is less) to all.
        seed: of the subsets, which are drawn without replacement.

    Returns:
        value: from about 1; higher is better.

    Raises:
        DataError: both or neither given, too few images, NaN or inf, rows that are not distributions.
    Source: Chong & Forsyth (2020), arXiv:1911.07023, section 4.
    """
    p = distributions(logits, probabilities)
    return extrapolated(p, lambda rows: float(np.exp(divergences(rows).mean())), points, seed)


def extrapolated(x: NDArray[Any], measure: Callable[[NDArray[Any]], float], points: int, seed: int) -> Extrapolated:
    """The intercept at 1/n = 0 of `measure` on random subsets of x."""
    if points < 2:
        raise ValueError(f"points must be at least 2, got {points}")
    if len(x) < FEWEST:
        raise DataError(f"generated: {count(len(x), 'image')}, but at least {FEWEST} are needed to extrapolate")
    random = np.random.default_rng(seed)
    sizes = np.linspace(min(SMALLEST, len(x) // 10), len(x), points).astype(int)
    values = [measure(x[random.choice(len(x), size, replace=False)]) for size in sizes]
    intercept = np.polynomial.polynomial.polyfit(1 / sizes, values, 1)[0]
    return Extrapolated(float(intercept), tuple(int(size) for size in sizes), tuple(values))


def frechet_infinity_estimate(real: Any, generated: Any, *, seed: int = 0, intervals: bool = True) -> Estimate:
    """`frechet_distance_infinity` with an interval for the limit of many generated images, the reference fixed.

    A real image's influence on the limit is taken to be that on the distance to either half of the generated images.
    """
    reference = as_features(real, "real", at_least=2)
    y = as_features(generated, "generated")
    found = estimated(y, lambda x, s: frechet_distance_infinity(reference, x, seed=s), seed, intervals)
    if found.std_error is None:
        return found
    x, halves = Gaussian(reference, "real"), [Gaussian(y[rows], "generated") for rows in random_halves(len(y), seed)]
    return replace(found, of_reference=np.stack([frechet_influence(x, half)[1] for half in halves]))


def inception_score_infinity_estimate(logits: Any, *, seed: int = 0, intervals: bool = True) -> Estimate:
    """`inception_score_infinity` with an interval for the limit of many images."""
    p = distributions(logits, None)
    return estimated(p, lambda x, s: inception_score_infinity(probabilities=x, seed=s), seed, intervals)


def estimated(
    x: NDArray[Any], fit: Callable[[NDArray[Any], int], Extrapolated], seed: int, intervals: bool
) -> Estimate:
    """The fit to all images; its standard error from whole fits to random halves, its interval Student's.

    Two halves share no image, so their fits differ by the root of 4 variances of the fit to all; each pair of halves
    is a degree of freedom.
    """
    found = fit(x, seed)
    details = {"sizes": list(found.sizes), "values": list(found.values)}
    options = {"points": POINTS, "seed": seed}
    if not intervals or len(x) < 2 * FEWEST:
        why = f"{count(len(x), 'image')} are too few to halve" if intervals else "intervals were switched off"
        return Estimate(found.value, interval=f"no interval: {why}", options=options, details=details)
    differences = []
    for split in range(SPLITS):
        first, second = (fit(x[rows], seed + split).value for rows in random_halves(len(x), seed + split))
        differences.append(first - second)
    std_error = float(np.sqrt(np.mean(np.square(differences))) / 2)
    reach = student_reach(std_error, SPLITS)
    return Estimate(
        found.value,
        std_error,
        std_error_generated=std_error,
        low=found.value - reach,
        high=found.value + reach,
        interval="for the limit of many generated images, conditional on the reference",
        options=options,
        details=details,
    )
