"""Kernel distance: squared maximum mean discrepancy with a polynomial kernel.

On the 2015-12-05 Inception features this is the KID of Binkowski et al. (2018), arXiv:1801.01401; on other features
it is a kernel distance (`kd_<extractor>`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from genmetrics._checks import DataError, as_features, blocks, same_width
from genmetrics.records import Z95, Estimate

SUBSETS, SUBSET_SIZE = 100, 1000  # KID's protocol


@dataclass(frozen=True)
class KernelDistance:
    """MMD^2 and, under KID's protocol, the standard deviation over its subsets (ddof = 0); None without subsets."""

    value: float
    std: float | None


def kernel_distance(
    real: Any, generated: Any, subsets: int | None = SUBSETS, subset_size: int = SUBSET_SIZE, seed: int = 0
) -> KernelDistance:
    """Unbiased MMD^2 with the kernel k(x, y) = (x.y / d + 1)^3.

    Args:
        real: features (n, d) of real images.
        generated: features (m, d) of generated images, from the same extractor.
        subsets: average over this many random subsets of each set (KID's protocol); None: all pairs of all images,
            the same expectation with less variance.
        subset_size: images in each subset, drawn without replacement.
        seed: of the subsets (NumPy's RandomState: generated drawn first, as torch-fidelity does).

    Returns:
        value: about 0 when the distributions are equal (it may be a little negative); lower is better.

    Raises:
        DataError: a set holds fewer images than `subset_size` (or than 2), widths differ, NaN or inf.
    Source: Gretton et al. (2012), eq. 3; arXiv:1801.01401, section 4.
    """
    x, y = as_features(real, "real", at_least=2), as_features(generated, "generated", at_least=2)
    same_width(x.shape[1], y.shape[1])
    if subsets is None:
        return KernelDistance(sums_of(x, y).mmd2, None)
    if subsets < 1 or subset_size < 2:
        raise ValueError(f"subsets must be at least 1 and subset_size at least 2, got {subsets} and {subset_size}")
    for name, z in (("real", x), ("generated", y)):
        if len(z) < subset_size:
            raise DataError(
                f"{name}: {len(z)} images, but subsets of {subset_size} are asked; lower subset_size, "
                "or pass subsets=None for the estimate over all pairs"
            )
    random = np.random.RandomState(seed)
    values = []
    for _ in range(subsets):
        y_subset = y[random.choice(len(y), subset_size, replace=False)]
        x_subset = x[random.choice(len(x), subset_size, replace=False)]
        values.append(sums_of(x_subset, y_subset).mmd2)
    return KernelDistance(float(np.mean(values)), float(np.std(values)))


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums of the kernel over pairs; the diagonal of a set with itself is left out."""

    xx: NDArray[np.float64]  # (n,) sum over other x' of k(x, x')
    yy: NDArray[np.float64]  # (m,)
    xy: NDArray[np.float64]  # (n,) sum over y
    yx: NDArray[np.float64]  # (m,) sum over x
    xx_squares: float  # sums of k^2 over the same pairs
    yy_squares: float
    xy_squares: float

    @property
    def mmd2(self) -> float:
        n, m = len(self.xx), len(self.yy)
        within = self.xx.sum() / (n * (n - 1)) + self.yy.sum() / (m * (m - 1))
        return float(within - 2 * self.xy.sum() / (n * m))


def sums_of(x: NDArray[Any], y: NDArray[Any]) -> Sums:
    """All the sums the estimate and its variance need, in blocks of rows."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        xx, _, xx_squares = kernel_sums(x, x, skip_diagonal=True)
        yy, _, yy_squares = kernel_sums(y, y, skip_diagonal=True)
        xy, yx, xy_squares = kernel_sums(x, y)
    if not np.isfinite([xx_squares, yy_squares, xy_squares]).all():
        raise DataError("the features are so large that powers of their kernel overflow float64; scale them down")
    return Sums(xx, yy, xy, yx, xx_squares, yy_squares, xy_squares)


def kernel_sums(
    x: NDArray[np.float64], y: NDArray[np.float64], *, skip_diagonal: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Row sums, column sums and the sum of squares of k(x_i, y_j); never more than a block of rows held."""
    rows, columns, squares = [], np.zeros(len(y)), 0.0
    start = 0
    for block in blocks(x, max(1, 4_000_000 // len(y))):
        k = polynomial_kernel(block, y)
        if skip_diagonal:
            k[np.arange(len(block)), start + np.arange(len(block))] = 0
        rows.append(k.sum(axis=1))
        columns += k.sum(axis=0)
        squares += float(np.einsum("ij,ij->", k, k))
        start += len(block)
    return np.concatenate(rows), columns, squares


def polynomial_kernel(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """(x.y / d + 1)^3 for all pairs."""
    k = x @ y.T
    k /= x.shape[1]
    k += 1
    return k * k * k


class Variances(NamedTuple):
    """Estimated variance of the unbiased MMD^2 by order; `first` may by chance be negative."""

    first: float
    second: float
    first_given_real: float  # what drawing the generated images alone brings
    second_given_real: float


def mmd2_variances(s: Sums) -> Variances:
    """The terms of the variance of the unbiased MMD^2.

    Hoeffding's decomposition: 4 V(h_x)/n + 4 V(h_y)/m + 2 s_xx/(n(n-1)) + 2 s_yy/(m(m-1)) + 4 s_xy/(nm), where h_x
    is the projection E k(x, x') - E k(x, y) and s the second moments of the doubly centred kernels. At equal
    distributions h vanishes and only the second-order terms are left. The sample variance of an estimated projection
    also holds s_xx/n + s_xy/m, which is taken off.
    """
    n, m = len(s.xx), len(s.yy)
    xx, yy, xy, yx = s.xx / (n - 1), s.yy / (m - 1), s.xy / m, s.yx / n
    s_xx = doubly_centred(s.xx_squares / (n * (n - 1)), xx, xx)
    s_yy = doubly_centred(s.yy_squares / (m * (m - 1)), yy, yy)
    s_xy = doubly_centred(s.xy_squares / (n * m), xy, yx)
    spread_x, spread_y = float((xx - xy).var(ddof=1)), float((yy - yx).var(ddof=1))
    second_y = 2 * s_yy / (m * (m - 1))
    return Variances(
        first=4 * (spread_x - s_xx / n - s_xy / m) / n + 4 * (spread_y - s_yy / m - s_xy / n) / m,
        second=2 * s_xx / (n * (n - 1)) + second_y + 4 * s_xy / (n * m),
        # with x fixed, the mean of k(x, y) over this very sample of x is part of the projection of y
        first_given_real=4 * (spread_y - s_yy / m) / m,
        second_given_real=second_y,
    )


def mmd2_interval(value: float, first: float, second: float) -> tuple[float, float]:
    """95% interval: every distance t that `value` lies within 1.96 standard errors of, at the variance it would have.

    The second-order variance is there at any distance; the first-order one grows with it, as the square of the
    difference of the distributions does, so at t it is first * t / value. (A standard error taken from the sample
    itself goes with the sample's value, and covers 90% just off the null: `benchmarks/coverage.py`.)
    """
    growth = max(0.0, first) / max(value, math.sqrt(second), np.finfo(float).tiny)
    middle = value + Z95**2 * growth / 2
    reach = Z95 * math.sqrt(max(0.0, second + growth * value + (Z95 * growth / 2) ** 2))
    low, high = middle - reach, middle + reach
    alone = Z95 * math.sqrt(second)  # below 0 there is no first-order variance
    return (low if low > 0 else value - alone), (high if high > 0 else value + alone)


def doubly_centred(second_moment: float, rows: NDArray[np.float64], columns: NDArray[np.float64]) -> float:
    """E of (k - row mean - column mean + mean)^2."""
    return max(0.0, float(second_moment - (rows**2).mean() - (columns**2).mean() + rows.mean() * columns.mean()))


def kernel_estimate(real: Any, generated: Any, *, seed: int = 0, intervals: bool = True) -> Estimate:
    """KID's protocol where both sets have the images for it, else all pairs; interval by the U-statistic's variance."""
    x, y = as_features(real, "real", at_least=4), as_features(generated, "generated", at_least=4)
    enough = min(len(x), len(y)) >= SUBSET_SIZE
    result = kernel_distance(x, y, subsets=SUBSETS if enough else None, seed=seed)
    options = {"subsets": f"{SUBSETS}x{SUBSET_SIZE}", "seed": seed} if enough else {"subsets": "all-pairs"}
    details = {} if result.std is None else {"std_over_subsets": result.std}
    if not intervals:
        why = "no interval: intervals were switched off"
        return Estimate(result.value, interval=why, options=options, details=details)
    v = mmd2_variances(sums_of(x, y))
    drawing = result.std**2 / SUBSETS if result.std is not None else 0.0  # which subsets were drawn
    low, high = mmd2_interval(result.value, v.first, v.second + drawing)
    return Estimate(
        result.value,
        std_error=math.sqrt(max(0.0, v.first) + v.second + drawing),
        std_error_generated=math.sqrt(max(0.0, v.first_given_real) + v.second_given_real + drawing),
        low=low,
        high=high,
        interval="for the distance of the two distributions",
        options=options,
        details=details,
    )
