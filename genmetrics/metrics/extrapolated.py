"""Frechet distance and Inception score without their bias: extrapolated to infinitely many generated images.

Both are biased by an amount that goes with 1/n, n the number of generated images. So a line is fitted to the value
against 1/n, and its intercept, the value at 1/n = 0, is FID-infinity or IS-infinity.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genmetrics._checks import DataError, as_features, count
from genmetrics.intervals import random_halves, second_order, variance_of_mean
from genmetrics.metrics.frechet import NO_INTERVAL_OF_SCALE, frechet_distance, frechet_influence, squares_fit
from genmetrics.metrics.gaussians import Gaussian
from genmetrics.metrics.inception_score import distributions, divergences
from genmetrics.metrics.moments import Moments
from genmetrics.records import Estimate

POINTS = 15  # sizes at which the value is taken
SMALLEST = 5000  # the smallest size, where there are enough images
FEWEST = 100  # generated images


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

    The second-order part of its variance, which is all there is where the distributions are equal, counts twice, as it
    does in the plug-in variance: errors are small where values are low, and but for that intervals cover too little. A
    real image's influence on the limit is taken to be that on the distance to either half of the generated images.
    """
    reference, y = as_features(real, "real", at_least=2), as_features(generated, "generated")
    found = frechet_distance_infinity(reference, y, seed=seed)
    if not intervals or len(y) < 2 * FEWEST:
        return without_interval(found, len(y), seed, intervals)
    x = Gaussian(reference, "real")
    _, _, of_all = frechet_influence(x, Gaussian(y, "generated"))
    if not squares_fit(of_all):
        return Estimate(found.value, interval=NO_INTERVAL_OF_SCALE, **told(found, seed))
    halves = [frechet_influence(x, Gaussian(y[rows], "generated"))[1:] for rows in random_halves(len(y), seed)]
    at_n = variance_of_mean(of_all)
    second = second_order(at_n, np.mean([variance_of_mean(half) for _, half in halves]))
    return Estimate.normal(
        found.value,
        std_error := math.sqrt(intercept_variance(found.sizes, at_n - 2 * second, 2 * second)),
        std_error_generated=std_error,
        interval="for the limit of many generated images, conditional on the reference",
        of_reference=np.stack([of_real for of_real, _ in halves]),
        **told(found, seed),
    )


def inception_score_infinity_estimate(logits: Any, *, seed: int = 0, intervals: bool = True) -> Estimate:
    """`inception_score_infinity` with an interval for the limit of many images."""
    p = distributions(logits, None)
    found = inception_score_infinity(probabilities=p, seed=seed)
    if not intervals or len(p) < 2 * FEWEST:
        return without_interval(found, len(p), seed, intervals)
    at_n = variance_of_mean(divergences(p))  # of the score's logarithm
    halves = [variance_of_mean(divergences(p[rows])) for rows in random_halves(len(p), seed)]
    second = second_order(at_n, np.mean(halves))
    return Estimate.normal(
        found.value,
        std_error := found.value * math.sqrt(intercept_variance(found.sizes, at_n - 2 * second, second)),
        std_error_generated=std_error,
        interval="for the limit of many images",
        **told(found, seed),
    )


def intercept_variance(sizes: Sequence[int], first: float, second: float) -> float:
    """Variance of the intercept of the line through values of random subsets of these sizes, the last of all n images.

    `first` and `second` are what the terms of order 1/n and 1/n^2 bring to the variance at n. Two subsets share as
    many images as chance has it, so their values covary as the value at n varies, and each varies on its own by what
    its size is smaller. The intercept is a sum of the values, with weights that add up to 1.
    """
    smaller = sizes[-1] / np.array(sizes)
    weights = np.linalg.pinv(np.stack([np.ones(len(sizes)), smaller], axis=1))[0]
    own = [float(weights**2 @ (smaller**order - 1)) for order in (1, 2)]
    return first * (1 + own[0]) + second * (1 + own[1])


def without_interval(found: Extrapolated, n: int, seed: int, intervals: bool) -> Estimate:
    """The value, and why that is all."""
    why = f"{count(n, 'image')} are too few to halve" if intervals else "intervals were switched off"
    return Estimate(found.value, interval=f"no interval: {why}", **told(found, seed))


def told(found: Extrapolated, seed: int) -> dict[str, Any]:
    """What an estimate says of how it was made."""
    return {
        "options": {"points": POINTS, "seed": seed},
        "details": {"sizes": list(found.sizes), "values": list(found.values)},
    }
