"""Precision and recall, density and coverage, realism: how generated images lie among the balls around real ones.

A set's manifold is the union of balls, one around each image, that reach to its k-th nearest other image of the set.
One pass over the pairs serves all of these metrics (`kernels.close_pairs`); distances are compared squared.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genmetrics._checks import as_features, same_width
from genmetrics.intervals import random_halves, share_estimate, share_of_parts, variance_of_mean, variances_of_parts
from genmetrics.kernels.close_pairs import Between, Nearest, all_squares, between, largest_ratio, within
from genmetrics.metrics.jackknife import density_moves, precision_moves
from genmetrics.records import Estimate

PRECISION_K, COVERAGE_K = 3, 5  # of the papers
AT_LEAST = 40  # images on each side for coverage's interval


@dataclass(frozen=True)
class PrecisionRecall:
    """Shares between 0 and 1."""

    precision: float
    recall: float


@dataclass(frozen=True)
class DensityCoverage:
    """Density, >= 0 and about 1 for real images; coverage, between 0 and 1."""

    density: float
    coverage: float


@dataclass(frozen=True, eq=False)
class Terms:
    """What the four metrics are means of."""

    precision: NDArray[np.bool_]  # (m,) does a generated image lie in some real ball?
    recall: NDArray[np.bool_] | None  # (n,) does a real image lie in some generated ball? None: no more than k of them
    density: NDArray[np.float64]  # (m,) real balls that hold a generated image, over k
    coverage: NDArray[np.bool_]  # (n,) does a real image's ball hold a generated image?
    real: Nearest  # what the pass found that the jackknife over the real images needs
    found: Between
    halves: NDArray[np.int64]  # (m,) which half of the generated images each is in


def precision_recall(real: Any, generated: Any, k: int = PRECISION_K) -> PrecisionRecall:
    """Share of generated images in the real manifold, and share of real images in the generated manifold.

    A ball is closed: |x - y|^2 <= r^2, r the distance from x to its k-th nearest other image of its own set.

    Args:
        real: features (n, d) of real images; n > k.
        generated: features (m, d) of generated images, from the same extractor; m > k.
        k: neighbours that make the radius.

    Returns:
        precision and recall, each between 0 and 1; higher is better. They fall and rise with n, m and k: compare
        equal ones only. Real images against real ones do not reach 1.

    Raises:
        DataError: a set holds no more images than k, widths differ, NaN or inf.
    Source: Kynkaanniemi et al. (2019), arXiv:1904.06991, eq. 1-2.
    Differs: exact in float64, also where float32 products (prdc, torch-fidelity) cannot tell two distances apart.
        prdc's balls are open, so that a copy of a real image whose k-th neighbour is a copy too lies in no ball.
    """
    recall = recall_terms(real, generated, k)
    return PrecisionRecall(float(terms_of(real, generated, k).precision.mean()), float(recall.mean()))


def density_coverage(real: Any, generated: Any, k: int = COVERAGE_K) -> DensityCoverage:
    """Mean number of real balls around a generated image, over k; share of real balls that hold a generated image.

    A ball is open: |x - y| < r, r the distance from the real image to its k-th nearest other real image.

    Args:
        real: features (n, d) of real images; n > k.
        generated: features (m, d) of generated images, from the same extractor.
        k: neighbours that make the radius.

    Returns:
        density >= 0, whose expectation is m-free and 1 for real images; coverage between 0 and 1, for m = n real
        images 1 - (n-1)...(n-k) / (2n-1)...(2n-k) in expectation, 0.97 at k = 5; higher is better.

    Raises:
        DataError: the real set holds no more images than k, widths differ, NaN or inf.
    Source: Naeem et al. (2020), arXiv:2002.09797, eq. 3, 5 and 9.
    Differs: exact in float64, also where float32 products cannot tell two distances apart.
    """
    terms = terms_of(real, generated, k)
    return DensityCoverage(float(terms.density.mean()), float(terms.coverage.mean()))


def realism(real: Any, generated: Any, k: int = PRECISION_K) -> NDArray[np.float64]:
    """max over real x of r(x) / |x - g|, for each generated g; x only those with r(x) at most the median radius.

    Args:
        real: features (n, d) of real images; n > k.
        generated: features (m, d) of generated images, from the same extractor.
        k: neighbours that make the radius r.

    Returns:
        (m,) scores >= 0; higher is better; 1 or more inside a ball of that half, inf on a real image.

    Raises:
        DataError: the real set holds no more images than k, widths differ, NaN or inf.
    Source: arXiv:1904.06991, eq. 3.
    Differs: dgm-eval leaves the ball of median radius out.
    """
    x, y = checked(real, generated, k)
    squares = within(x, k).squares[:, k - 1]
    small = squares <= np.median(squares)
    return np.sqrt(largest_ratio(x[small], y, squares[small]))


def checked(real: Any, generated: Any, k: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Both sets as features, the real one larger than k."""
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    x, y = as_features(real, "real", at_least=k + 1), as_features(generated, "generated")
    same_width(x.shape[1], y.shape[1])
    return x, y


def terms_of(real: Any, generated: Any, k: int) -> Terms:
    """The terms of all four metrics at this k, from one pass over the pairs, which is remembered."""
    x, y = checked(real, generated, k)
    near_x, near_y, found = pass_over(x, y, k)
    i, j = x_balls(near_x, k).index(k), [*up_to(near_y, ks_of(k)), k].index(k)
    return Terms(
        precision=found.x_balls.closed[i] > 0,
        recall=found.y_balls.closed[j] > 0 if k < len(y) else None,
        density=found.x_balls.open[i] / k,
        coverage=found.nearest_y.squares[:, 0] < near_x.squares[:, k - 1],
        real=near_x,
        found=found,
        halves=halves_of(len(y)),
    )


def pass_over(x: NDArray[Any], y: NDArray[Any], k: int = PRECISION_K) -> tuple[Nearest, Nearest, Between]:
    """Neighbours within both sets, and between them with the balls of the papers' k and this one."""
    ks = ks_of(k)
    near_x, near_y = within(x, min(ks[-1] + 1, len(x) - 1)), within(y, min(ks[-1], len(y) - 1))
    x_radii, y_radii = radii_of(near_x, x_balls(near_x, k)), radii_of(near_y, up_to(near_y, ks))
    return near_x, near_y, between(x, y, x_radii, y_radii, halves_of(len(y)))


def ks_of(k: int) -> list[int]:
    """Those of the papers and this one."""
    return sorted({PRECISION_K, COVERAGE_K, k})


def x_balls(near: Nearest, k: int) -> list[int]:
    """To which neighbours the balls around x reach that are counted: the k-th, and the next, the k-th without one."""
    return up_to(near, sorted({i for each in ks_of(k) for i in (each, each + 1)}))


def up_to(near: Nearest, neighbours: list[int]) -> list[int]:
    """Those that there are."""
    return [i for i in neighbours if i <= near.squares.shape[1]]


def radii_of(near: Nearest, neighbours: list[int]) -> NDArray[np.float64]:
    """Squared radii of balls up to these neighbours, (n, balls)."""
    return near.squares[:, np.array(neighbours, int) - 1]


def halves_of(m: int) -> NDArray[np.int64]:
    """Which half of the generated images each is in, 0 or 1, at random; 2: the odd one out."""
    halves = np.full(m, 2)
    for i, rows in enumerate(random_halves(m, seed=0)):
        halves[rows] = i
    return halves


def recall_terms(real: Any, generated: Any, k: int) -> NDArray[np.bool_]:
    """Which real images lie in the generated manifold, (n,)."""
    checked(real, generated, k)
    as_features(generated, "generated", at_least=k + 1)
    recall = terms_of(real, generated, k).recall
    assert recall is not None
    return recall


# estimates: the rows of METRICS


def precision_estimate(
    real: Any, generated: Any, *, seed: int = 0, intervals: bool = True, k: int = PRECISION_K
) -> Estimate:
    """Precision, with Wilson's interval over the generated images; the real balls stand fixed."""
    terms, options = terms_of(real, generated, k), {"k": k}
    inside = terms.precision
    if not intervals:
        return Estimate.bare(float(inside.mean()), options=options)
    return share_estimate(
        float(inside.mean()),
        len(inside),
        "over generated images, conditional on the real set",
        over_generated=True,
        options=options,
        of_reference=precision_moves(terms.real, terms.found.lone, inside, terms.halves, k),
    )


def recall_estimate(
    real: Any, generated: Any, *, seed: int = 0, intervals: bool = True, k: int = PRECISION_K
) -> Estimate:
    """Recall, with Wilson's interval over the real images; the generated balls stand fixed.

    How far their moving would change it is measured on parts of the sets: the standard error over generated images.
    """
    inside, options = recall_terms(real, generated, k), {"k": k}
    if not intervals:
        return Estimate.bare(float(inside.mean()), options=options)
    given = "over real images, conditional on the generated set"
    found = share_estimate(float(inside.mean()), len(inside), given, options=options)
    x, y = checked(real, generated, k)
    if min(len(x), len(y)) < AT_LEAST:
        return found
    _, given_real, of_parts = variances_of_parts(x, y, partial(recall_of_part, k=k), seed)
    return replace(found, std_error_generated=math.sqrt(given_real), of_parts=of_parts)


def recall_of_part(x: NDArray[Any], y: NDArray[Any], k: int) -> float:
    """Recall of a part of the sets, all its pairs held."""
    kth = np.partition(all_squares(y, y), k, axis=1)[:, k]  # the nearest of all is itself
    return float((all_squares(x, y) <= kth).any(axis=1).mean())


def density_estimate(real: Any, generated: Any, *, seed: int = 0, intervals: bool = True) -> Estimate:
    """Density, a mean over the generated images, with an interval normal for its logarithm; the real balls stand fixed.

    Few samples in many balls make the mean's distribution skewed, and the plain normal interval too narrow where most
    samples lie in none; `benchmarks/coverage.py` measures this one. Where none of them lies in any, it is Wilson's for
    the share of them that would, each of density 1, as of real images.
    """
    k = COVERAGE_K
    known = terms_of(real, generated, k)
    terms, options = known.density, {"k": k}
    value = float(terms.mean())
    if not intervals:
        return Estimate.bare(value, options=options)
    if len(terms) < 2:
        return Estimate.bare(value, "one image", options=options)
    held = known.found.held[x_balls(known.real, k).index(k) :]
    of_reference = density_moves(known.real, held, known.halves, k)
    if not terms.any():
        given = "over generated images, conditional on the real set, those in balls having real images' density"
        return share_estimate(0.0, len(terms), given, over_generated=True, options=options, of_reference=of_reference)
    std_error = math.sqrt(variance_of_mean(terms))
    return Estimate.log_normal(
        value,
        std_error,
        std_error_generated=std_error,
        interval="over generated images, conditional on the real set",
        options=options,
        of_reference=of_reference,
    )


def coverage_estimate(real: Any, generated: Any, *, seed: int = 0, intervals: bool = True) -> Estimate:
    """Coverage, with an interval over both sets.

    Balls overlap, so that real images are not independent trials; how far they are from it is measured on parts of
    the sets (`variances_of_parts`), and Wilson's interval is that of as many independent trials as have this variance.
    """
    covered, options = terms_of(real, generated, COVERAGE_K).coverage, {"k": COVERAGE_K}
    value = float(covered.mean())
    x, y = checked(real, generated, COVERAGE_K)
    if not intervals or min(len(x), len(y)) < AT_LEAST:
        few = f"parts of {min(len(x), len(y))} images are too few to see how coverage varies"
        return Estimate.bare(value, few if intervals else "intervals were switched off", options=options)
    return share_of_parts(value, *variances_of_parts(x, y, coverage_of_part, seed), len(x), options=options)


def coverage_of_part(x: NDArray[Any], y: NDArray[Any]) -> float:
    """Coverage of a part of the sets, all its pairs held."""
    kth = np.partition(all_squares(x, x), COVERAGE_K, axis=1)[:, COVERAGE_K]  # the nearest of all is itself
    return float((all_squares(x, y).min(axis=1) < kth).mean())
