"""Kernel distance: squared maximum mean discrepancy with a polynomial or a Gaussian kernel.

On the 2015-12-05 Inception features this is the KID of Binkowski et al. (2018), arXiv:1801.01401; on other features
it is a kernel distance (`kd_<extractor>`). With a Gaussian kernel of sigma 10 on CLIP features it is the CMMD of
Jayasumana et al. (2024), arXiv:2401.09603, but for its factor of 1000.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from genmetrics._checks import DataError, as_features, blocks, one_of, positive, same_width
from genmetrics.intervals import random_halves
from genmetrics.records import Z95, Estimate

SUBSETS, SUBSET_SIZE = 100, 1000  # KID's protocol
KERNELS = ("polynomial", "rbf")
SIGMA = 10.0  # CMMD's
FEWEST_FOR_INTERVAL = 4  # images on each side
LEAST_SEEN = 1e-3  # mean Gaussian kernel of two real images, below which it tells them apart and nothing else

Kernel = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]  # (b, d), (m, d) -> (b, m)


@dataclass(frozen=True)
class KernelDistance:
    """MMD^2 and, under KID's protocol, the standard deviation over its subsets (ddof = 0); None without subsets."""

    value: float
    std: float | None


def kernel_distance(
    real: Any,
    generated: Any,
    subsets: int | None = SUBSETS,
    subset_size: int = SUBSET_SIZE,
    seed: int = 0,
    *,
    kernel: str = "polynomial",
    degree: int = 3,
    gamma: float | None = None,
    coef0: float = 1.0,
    sigma: float = SIGMA,
    biased: bool = False,
) -> KernelDistance:
    """Unbiased MMD^2 with the kernel k(x, y) = (x.y / d + 1)^3, KID's, or another.

    Args:
        real: features (n, d) of real images.
        generated: features (m, d) of generated images, from the same extractor.
        subsets: average over this many random subsets of each set (KID's protocol); None: all pairs of all images,
            the same expectation with less variance.
        subset_size: images in each subset, drawn without replacement.
        seed: of the subsets (NumPy's RandomState: generated drawn first, as torch-fidelity does).
        kernel: "polynomial" (gamma x.y + coef0)^degree, or "rbf" exp(-|x-y|^2 / (2 sigma^2)).
        degree, gamma, coef0: of the polynomial; gamma None is 1/d.
        sigma: of the Gaussian, in the units of the features; 10 is CMMD's.
        biased: pairs of an image with itself count too (the V-statistic that CMMD's code computes): never negative.

    Returns:
        value: about 0 when the distributions are equal (it may be a little negative); lower is better.

    Raises:
        DataError: a set holds fewer images than `subset_size` (or than 2), widths differ, NaN or inf.
    Source: Gretton et al. (2012), eq. 3; arXiv:1801.01401, section 4; sigma: arXiv:2401.09603, section 4.
    Differs: CMMD's code returns 1000 times the biased value; values here are raw, and unbiased unless asked otherwise.
    """
    x, y = as_features(real, "real", at_least=2), as_features(generated, "generated", at_least=2)
    same_width(x.shape[1], y.shape[1])
    k = kernel_of(kernel, degree, gamma, coef0, sigma)

    def distance(x: NDArray[Any], y: NDArray[Any]) -> float:
        sums = sums_of(x, y, k)
        return sums.biased_mmd2 if biased else sums.mmd2

    if subsets is None:
        return KernelDistance(distance(x, y), None)
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
        values.append(distance(x_subset, y_subset))
    return KernelDistance(float(np.mean(values)), float(np.std(values)))


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums of the kernel over pairs; the diagonal of a set with itself is left out."""

    xx: NDArray[np.float64]  # (n,) sum over other x' of k(x, x')
    yy: NDArray[np.float64]  # (m,)
    xy: NDArray[np.float64]  # (n,) sum over y
    xy_halves: NDArray[np.float64]  # (2, n) mean over either of two random halves of y
    yx: NDArray[np.float64]  # (m,) sum over x
    xx_squares: float  # sums of k^2 over the same pairs
    yy_squares: float
    xy_squares: float
    diagonals: tuple[float, float]  # sums of k(x, x) and of k(y, y), which the others leave out

    @property
    def mmd2(self) -> float:
        n, m = len(self.xx), len(self.yy)
        within = self.xx.sum() / (n * (n - 1)) + self.yy.sum() / (m * (m - 1))
        return float(within - 2 * self.xy.sum() / (n * m))

    @property
    def biased_mmd2(self) -> float:
        """With the pairs of an image with itself."""
        n, m = len(self.xx), len(self.yy)
        of_x, of_y = self.diagonals
        within = (self.xx.sum() + of_x) / n**2 + (self.yy.sum() + of_y) / m**2
        return float(within - 2 * self.xy.sum() / (n * m))


def kernel_of(kernel: str, degree: int, gamma: float | None, coef0: float, sigma: float) -> Kernel:
    """k for all pairs of two blocks.

    Raises:
        UnknownNameError: no such kernel.
        ValueError: a parameter that makes none.
    """
    one_of(kernel, "kernel", KERNELS)
    if kernel == "rbf":
        positive(sigma, "sigma")
        return partial(gaussian_kernel, sigma=sigma)
    if degree < 1:
        raise ValueError(f"degree must be at least 1, got {degree}")
    if gamma is not None:
        positive(gamma, "gamma")
    return partial(polynomial_kernel, degree=degree, gamma=gamma, coef0=coef0)


def sums_of(x: NDArray[Any], y: NDArray[Any], kernel: Kernel | None = None, seed: int = 0) -> Sums:
    """All the sums the estimate and its variance need, in blocks of rows; `seed` of the halves."""
    k = polynomial_kernel if kernel is None else kernel
    x, y = x.astype(np.float64), y.astype(np.float64)
    halves = np.zeros((len(y), 2))
    for column, rows in enumerate(random_halves(len(y), seed)):
        halves[rows, column] = 1 / len(rows)
    with np.errstate(over="ignore", invalid="ignore"):
        xx, _, xx_squares, of_x, _ = kernel_sums(x, x, k, skip_diagonal=True)
        yy, _, yy_squares, of_y, _ = kernel_sums(y, y, k, skip_diagonal=True)
        xy, yx, xy_squares, _, xy_halves = kernel_sums(x, y, k, weights=halves)
    if not np.isfinite([xx_squares, yy_squares, xy_squares]).all():
        raise DataError("the features are so large that powers of their kernel overflow float64; scale them down")
    return Sums(xx, yy, xy, xy_halves.T, yx, xx_squares, yy_squares, xy_squares, (of_x, of_y))


def kernel_sums(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    kernel: Kernel,
    *,
    skip_diagonal: bool = False,
    weights: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64], float, float, NDArray[np.float64]]:
    """Row sums, column sums, sum of squares of k(x_i, y_j), what the diagonal held, and row sums weighted by (m, w).

    A block of rows at a time.
    """
    rows, columns, squares, skipped, weighted = [], np.zeros(len(y)), 0.0, 0.0, []
    start = 0
    for block in blocks(x, max(1, 4_000_000 // len(y))):
        k = kernel(block, y)
        if skip_diagonal:
            diagonal = np.arange(len(block)), start + np.arange(len(block))
            skipped += float(k[diagonal].sum())
            k[diagonal] = 0
        rows.append(k.sum(axis=1))
        columns += k.sum(axis=0)
        weighted.append(k[:, :0] if weights is None else k @ weights)
        squares += float(np.einsum("ij,ij->", k, k))
        start += len(block)
    return np.concatenate(rows), columns, squares, skipped, np.concatenate(weighted)


def polynomial_kernel(
    x: NDArray[np.float64], y: NDArray[np.float64], degree: int = 3, gamma: float | None = None, coef0: float = 1.0
) -> NDArray[np.float64]:
    """(gamma x.y + coef0)^degree for all pairs."""
    k = x @ y.T
    k *= 1 / x.shape[1] if gamma is None else gamma
    k += coef0
    return k * k * k if degree == 3 else k**degree


def gaussian_kernel(x: NDArray[np.float64], y: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """exp(-|x-y|^2 / (2 sigma^2)) for all pairs."""
    centre = y.mean(axis=0)  # distances are what they were, and |x|^2 + |y|^2 - 2 x.y cancels less
    x, y = x - centre, y - centre
    k = x @ y.T
    k *= 2
    k -= np.einsum("ij,ij->i", x, x)[:, None]
    k -= np.einsum("ij,ij->i", y, y)
    np.minimum(k, 0, out=k)
    k /= 2 * sigma**2
    return np.exp(k, out=k)


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
    itself goes with the sample's value, and covers 90% just off the null: `benchmarks/coverage.py`.) How fast it grows
    is itself found from the sample, and too low where the value is; half of the second-order variance, which is about
    what is uncertain of it, is added. Without, intervals cover 88% on MNIST with a little noise.
    """
    growth = (max(0.0, first) + second / 2) / max(value, math.sqrt(second), np.finfo(float).tiny)
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
    x, y = as_features(real, "real", at_least=2), as_features(generated, "generated", at_least=2)
    enough = min(len(x), len(y)) >= SUBSET_SIZE
    result = kernel_distance(x, y, subsets=SUBSETS if enough else None, seed=seed)
    options = {"subsets": f"{SUBSETS}x{SUBSET_SIZE}", "seed": seed} if enough else {"subsets": "all-pairs"}
    why = no_interval(x, y, intervals)
    return estimated(result, None if why else sums_of(x, y, seed=seed), options, why)


def rbf_estimate(real: Any, generated: Any, *, seed: int = 0, intervals: bool = True) -> Estimate:
    """All pairs, unbiased, with CMMD's Gaussian kernel."""
    x, y = as_features(real, "real", at_least=2), as_features(generated, "generated", at_least=2)
    same_width(x.shape[1], y.shape[1])
    sums = sums_of(x, y, partial(gaussian_kernel, sigma=SIGMA), seed)
    options = {"sigma": SIGMA, "subsets": "all-pairs"}
    found = estimated(KernelDistance(sums.mmd2, None), sums, options, no_interval(x, y, intervals))
    return replace(found, notes=notes_on_sigma(x, sums))


def notes_on_sigma(x: NDArray[Any], sums: Sums) -> tuple[str, ...]:
    """That sigma is too small for these features, where it is.

    With E k(x, x') = mu over the real images, E k(x, y) <= sqrt(mu E k(y, y')) of any samples: as mu vanishes the value
    says how alike the samples are to each other, not how near the real ones they lie.
    """
    seen = float(sums.xx.mean() / (len(x) - 1))
    if seen >= LEAST_SEEN:
        return ()
    apart = math.sqrt(2 * float(x.var(axis=0, dtype=np.float64).sum()))
    return (
        f"sigma {SIGMA:g} is too small for features that lie {apart:,.0f} apart (root mean square): the kernel of two "
        f"real images is {seen:.1g} on average, and the value can be near 0 however far the samples lie from them; "
        "use kernel, or scale the features down, or call kernel_distance(kernel='rbf', sigma=...) on them",
    )


def no_interval(x: NDArray[Any], y: NDArray[Any], intervals: bool) -> str:
    """Why none is offered; empty: one is."""
    if not intervals:
        return "intervals were switched off"
    fewest = min(len(x), len(y))
    return "" if fewest >= FEWEST_FOR_INTERVAL else f"{fewest} images are too few to see how the kernel varies"


def estimated(result: KernelDistance, sums: Sums | None, options: dict[str, Any], why: str) -> Estimate:
    """The result with its interval, from `sums` over all pairs, unless there is a reason for none."""
    details = {} if result.std is None else {"std_over_subsets": result.std}
    if why or sums is None:
        return Estimate.bare(result.value, why, options=options, details=details)
    v = mmd2_variances(sums)
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
        of_reference=2 * (sums.xx / (len(sums.xx) - 1) - sums.xy_halves),
    )
