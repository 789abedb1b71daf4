"""Frechet distance between Gaussians fitted to two sets of features.

On the 2015-12-05 Inception features this is the FID of Heusel et al. (2017), arXiv:1706.08500, eq. 6; on any other
features it is a Frechet distance (`fd_<extractor>`), never an FID.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from genmetrics._checks import as_features, blocks, same_width
from genmetrics.intervals import random_halves, second_order_corrected, variance_of_mean
from genmetrics.metrics.gaussians import (
    Gaussian,
    all_rounding,
    between,
    identical,
    in_range,
    rounding_of_roots,
    singular,
    singular_values,
    squared_singular_values,
)
from genmetrics.metrics.moments import Moments
from genmetrics.records import Estimate

TOLERANCE = 3e-9  # of the distance: what rounding may cost before the slower, exact factors are taken
FEWEST_FOR_INTERVAL = 20  # images on each side
SQUARES_FIT = 1e-140, 1e140  # influences whose variance is a float64
NO_INTERVAL_OF_SCALE = (
    "no interval: the features are so large or so small that their fourth powers leave float64; scale them"
)


def frechet_distance(real: Any, generated: Any) -> float:
    """Squared Frechet (2-Wasserstein) distance between the two fitted Gaussians.

    Args:
        real: features (n, d) of real images, or their `Moments`.
        generated: features (m, d) of generated images from the same extractor, or their `Moments`.

    Returns:
        |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2), >= 0; lower is better.
        Units: those of the features, squared. Biased upwards, the more so the fewer the images.

    Raises:
        DataError: the widths differ, a set holds fewer than 2 images, or features hold NaN or inf.
    Source: Dowson & Landau (1982); arXiv:1706.08500, eq. 6.
    Differs: tr (S1 S2)^(1/2) is the nuclear norm of F1^T F2 for any factors S = F F^T, so no matrix square root is
        taken, nothing becomes complex, and a set is at distance 0 from itself even with fewer images than features;
        exactly 0, in whatever order its images are.
        Of `Moments` the Cholesky factor is kept, so that one reference serves many sets.
    """
    a, b = Gaussian(real, "real"), Gaussian(generated, "generated")
    same_width(a.width, b.width)
    return distance_between(a, b)


def distance_between(a: Gaussian, b: Gaussian) -> float:
    """`frechet_distance` of two fitted Gaussians, whose factors are kept."""
    shift = a.mean - b.mean
    apart = float(shift @ shift)
    squared = squared_singular_values(a, b)
    if squared is not None:
        spread = a.total_variance + b.total_variance
        distance = apart + spread - 2 * float(np.sqrt(squared).sum())
        if rounding_of_roots(squared) <= TOLERANCE * distance:
            return distance
    if identical(a, b):
        return 0.0
    cross = singular_values(a.factor.T @ b.factor).sum()
    return max(0.0, float(apart + (a.factor**2).sum() + (b.factor**2).sum() - 2 * cross))


def frechet_influence(a: Gaussian, b: Gaussian) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """The distance between samples a and b, and the influence function of each side at its images.

    The derivative of tr (S1 S2)^(1/2) in S2 is half the optimal map from the second Gaussian to the first. With
    S = F F^T, the singular value decomposition F1^T F2 = P s Q^T, and u = F2^+ (y - m2) the whitened image, its
    quadratic form at a generated image y is the sum over k of s_k (Q^T u)_k^2: no inverse of s appears, so
    rank-deficient sets pose no problem.

    Returns:
        distance, influence of each image of a (n,), of b (m,); each has mean 0.
    """
    found = influence_by_cholesky(a, b)
    if found is not None:
        return found
    of_a, of_b = a.whitened, b.whitened
    left, s, right = singular(of_a.factor.T @ of_b.factor)
    shift = b.mean - a.mean
    distance = float(shift @ shift + (of_a.factor**2).sum() + (of_b.factor**2).sum() - 2 * s.sum())
    return max(0.0, distance), of_a.pull(-shift, left, s), of_b.pull(shift, right.T, s)


@np.errstate(over="ignore", invalid="ignore")
def influence_by_cholesky(a: Gaussian, b: Gaussian) -> tuple[float, NDArray[np.float64], NDArray[np.float64]] | None:
    """`frechet_influence` by one symmetric eigensolve; None where rounding would show, or a covariance is singular.

    With S1 = L L^T and L^T S2 L = V s^2 V^T the optimal maps are L V s^-1 V^T L^T and L^-T V s V^T L^-1.
    """
    if a.few or b.few or not (a.moments.varying.all() and b.moments.varying.all()) or a.moments.root is None:
        return None
    root = a.moments.root
    product = between(root, b.covariance)
    if not in_range(product):
        return None
    squared, axes = np.linalg.eigh(product)
    shift, s = b.mean - a.mean, np.sqrt(squared.clip(min=0))
    distance = float(shift @ shift) + a.total_variance + b.total_variance - 2 * float(s.sum())
    if rounding_of_roots(squared.clip(min=0)) > TOLERANCE * distance:
        return None
    from scipy.linalg import solve_triangular

    half = np.sqrt(s)
    to_b = np.divide(axes, half, out=np.zeros_like(axes), where=~all_rounding(squared))  # guarded above
    to_a = solve_triangular(root.T, axes * half, check_finite=False)
    return distance, pull(a, -shift, to_a), pull(b, shift, root @ to_b)


def pull(of: Gaussian, shift: NDArray[np.float64], half_map: NDArray[np.float64]) -> NDArray[np.float64]:
    """|c|^2 + 2 c.shift - |half_map^T c|^2 for each image (n,), less its mean; c is the centred image."""
    assert of.x is not None
    parts = []
    for block in blocks(of.x):
        c = block - of.mean
        parts.append((c**2).sum(axis=1) + 2 * c @ shift - ((c @ half_map) ** 2).sum(axis=1))
    values = np.concatenate(parts)
    return values - values.mean()


def frechet_estimate(real: Any, generated: Any, *, seed: int = 0, intervals: bool = True) -> Estimate:
    """`frechet_distance` with an interval for its expectation at these numbers of images.

    Either side may be `Moments`. They do not tell how much they vary, so there is no interval then; the standard error
    of drawing the generated images is given if those are known.

    The standard error is that of the influence functions of both sides, corrected for the second order, which is
    all there is at the null, from two halves of each set (`intervals.second_order_corrected`). The interval is normal
    for the logarithm, since the standard error of a sample goes with its distance. Its coverage is measured by
    `benchmarks/coverage.py`, at the null and away from it, also with fewer images than features.
    """
    if isinstance(real, Moments) or isinstance(generated, Moments):
        return estimate_from_moments(real, generated, seed, intervals)
    x, y = as_features(real, "real", at_least=2), as_features(generated, "generated", at_least=2)
    same_width(x.shape[1], y.shape[1])
    notes = too_few_notes(x, "real") + too_few_notes(y, "generated")
    why = "intervals were switched off" if not intervals else ""
    if min(len(x), len(y)) < FEWEST_FOR_INTERVAL:
        why = f"fewer than {FEWEST_FOR_INTERVAL} images on a side"
    if why:
        return Estimate(frechet_distance(x, y), interval=f"no interval: {why}", notes=notes)
    a, b = Gaussian(x, "real"), Gaussian(y, "generated")
    value = distance_between(a, b)  # the influences' own differs where rounding shows
    halves_a = [Gaussian(x[i], "real") for i in random_halves(len(x), seed)]
    halves_b = [Gaussian(y[i], "generated") for i in random_halves(len(y), seed + 1)]
    _, of_real, of_generated = frechet_influence(a, b)
    if not squares_fit(of_real, of_generated):
        return Estimate(value, interval=NO_INTERVAL_OF_SCALE, notes=notes)
    both = [frechet_influence(*pair)[1:] for pair in zip(halves_a, halves_b, strict=True)]
    generated_alone = [frechet_influence(a, half)[1:] for half in halves_b]
    variance = second_order_corrected(
        variance_of_mean(of_real) + variance_of_mean(of_generated),
        np.mean([variance_of_mean(i) + variance_of_mean(j) for i, j in both]),
    )
    variance_generated = second_order_corrected(
        variance_of_mean(of_generated), np.mean([variance_of_mean(j) for _, j in generated_alone])
    )
    return Estimate.log_normal(
        value,
        float(np.sqrt(variance)),
        std_error_generated=float(np.sqrt(variance_generated)),
        interval=f"for the expectation at n = {len(x)} real, {len(y)} generated",
        notes=notes,
        of_reference=np.stack([i for i, _ in generated_alone]),
    )


def squares_fit(*influences: NDArray[np.float64]) -> bool:
    """Whether the squares of these, fourth powers of the features, stay within float64."""
    largest = max(float(np.abs(each).max()) for each in influences)
    return largest == 0 or SQUARES_FIT[0] < largest < SQUARES_FIT[1]


def estimate_from_moments(real: Any, generated: Any, seed: int, intervals: bool) -> Estimate:
    """`frechet_distance` where of one side or both the moments are all that is known."""
    value = frechet_distance(real, generated)
    which = " and ".join(name for name, side in (("real", real), ("generated", generated)) if isinstance(side, Moments))
    why = f"no interval: of the {which} side only mean and covariance are known"
    if isinstance(generated, Moments) or not intervals or len(generated) < FEWEST_FOR_INTERVAL:
        return Estimate(value, interval=why)
    y = as_features(generated, "generated")
    fixed = Gaussian(real, "real")
    variance, *of_halves = (
        variance_of_mean(influence_of_second(fixed, Gaussian(part, "generated")))
        for part in (y, *(y[rows] for rows in random_halves(len(y), seed + 1)))
    )
    std_error = float(np.sqrt(second_order_corrected(variance, np.mean(of_halves))))
    return Estimate(value, std_error_generated=std_error, interval=why, notes=too_few_notes(y, "generated"))


def influence_of_second(a: Gaussian, b: Gaussian) -> NDArray[np.float64]:
    """The influence function of the distance at the images of b, as `frechet_influence` gives it."""
    white = b.whitened
    _, s, right = singular(a.factor.T @ white.factor)
    return white.pull(b.mean - a.mean, right.T, s)


def too_few_notes(x: NDArray[Any], name: str) -> tuple[str, ...]:
    """A warning when the covariance is singular because there are no more images than features."""
    n, d = x.shape
    if n > d:
        return ()
    return (f"{name}: {n} images for {d}-wide features, so the covariance is singular and the distance biased",)
