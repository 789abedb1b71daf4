"""Standard errors from influence functions, right also where the first-order term vanishes.

An image's influence on an estimate is the derivative of the estimate in that image's weight. The variance of their
mean is the usual (infinitesimal jackknife) variance. At a minimum or maximum of the measure - real images against
real ones, a perfectly balanced classifier - the true influence is 0, what is left is of second order, and the plug-in
variance is twice too large.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genmetrics.records import Z95, Estimate

PART, SMALLEST_PART, PAIRS = 1000, 20, 40  # images in a part of a set; pairs of parts that a variance is taken over
RARE = 3  # trials that came out one way, up to which a Poisson limit holds for them


def variance_of_mean(influence: NDArray[np.float64]) -> float:
    """Variance of the mean of n independent values, (n,)."""
    return float(influence.var(ddof=1) / len(influence))


def wilson(share: float, trials: float) -> tuple[float, float]:
    """95% interval of a share found in so many independent trials (effective ones: any number above 0).

    Where some trials, but no more than RARE, came out one way, the limit towards 0 of these is a Poisson count's:
    Wilson's own lies too far from it, and covers as little as 84%.

    Source: Wilson (1927), JASA 22, 209-212; rare ones: Brown, Cai & DasGupta (2001), Statistical Science 16, 101-133,
        the modified Wilson interval.
    """
    z2 = Z95**2
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    reach = Z95 / (1 + z2 / trials) * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    low = min(middle - reach, fewest(share * trials) / trials)
    high = max(middle + reach, 1 - fewest((1 - share) * trials) / trials)
    return max(0.0, min(share, low)), min(1.0, max(share, high))


def fewest(found: float) -> float:
    """The Poisson mean under which `found` or more come up in 5%; of more than RARE: no limit."""
    if not 0 < found < RARE + 0.5:  # effective trials are not whole
        return math.inf
    from scipy.special import gammaincinv

    return float(gammaincinv(found, 0.05))


def student(values: ArrayLike) -> tuple[float, float]:
    """95% interval of the mean of independent values, Student's t; of one value everything is possible.

    Source: Student (1908), Biometrika 6, 1-25.
    """
    x = np.asarray(values, np.float64)
    if len(x) < 2:
        return -math.inf, math.inf
    reach = student_reach(math.sqrt(variance_of_mean(x)), len(x) - 1)
    return float(x.mean()) - reach, float(x.mean()) + reach


def student_reach(std_error: float, freedom: float) -> float:
    """Half of Student's 95% interval around a value whose standard error has so many degrees of freedom."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.975)) * std_error


def share_estimate(
    share: float, trials: float, interval: str, *, over_generated: bool = False, scale: float = 1.0, **rest: Any
) -> Estimate:
    """`scale` times a share, with Wilson's interval; `over_generated`: the generated images are the trials.

    The standard error is the interval's half-width over 1.96: never 0, not even where the share is 0 or 1.
    """
    low, high = wilson(share, trials)
    error = scale * (high - low) / (2 * Z95)
    return Estimate(
        scale * share,
        std_error=error,
        std_error_generated=error if over_generated else None,
        low=scale * low,
        high=scale * high,
        interval=interval,
        **rest,
    )


def second_order_corrected(at_n: float, at_half: np.floating[Any] | float) -> float:
    """Variance of an estimate from its plug-in variance at n images and at n/2: `second_order` counts once in it."""
    return at_n - second_order(at_n, at_half)


def second_order(at_n: float, at_half: np.floating[Any] | float) -> float:
    """The part of the variance at n images that is of second order, from the plug-in variance at n and at n/2.

    With V1 of order 1/n and V2 of order 1/n^2 the truth is V1 + V2, while the plug-in is V1 + 2 V2 at n and
    2 V1 + 8 V2 at n/2. So V2 = (V(n/2) - 2 V(n)) / 4, kept between 0 and V(n) / 2.

    Source: the bias of the jackknife variance for quadratic functionals, Efron & Stein (1981), section 4.
    """
    return min(max((float(at_half) - 2 * at_n) / 4, 0.0), at_n / 2)


def paired_variance(a: NDArray[Any], b: NDArray[Any]) -> float:
    """What drawing the n reference images adds to the variance of a difference a - b of two estimates, both (2, n).

    An image moves the difference by the difference of its influences: a paired bootstrap, which gives it one weight
    in both estimates, has their variance over n. An influence that is found with some samples holds noise of theirs,
    which the standard errors over the samples count already (they hold the variance of this very reference's sums);
    that of two halves of the samples is independent, so their covariance is free of it.

    Source: infinitesimal jackknife, Efron (1982), chapter 6; second-order terms: Hoeffding's decomposition.
    """
    first, second = np.subtract(a, b, dtype=np.float64)
    return max(0.0, float(np.cov(first, second)[0, 1]) / a.shape[1])


def random_halves(n: int, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Two disjoint random halves of 0..n-1; the odd one out is in neither."""
    order = np.random.default_rng(seed).permutation(n)
    return order[: n // 2], order[n // 2 : 2 * (n // 2)]


def variances_of_parts(
    x: NDArray[Any], y: NDArray[Any], statistic: Callable[[NDArray[Any], NDArray[Any]], float], seed: int
) -> tuple[float, float, NDArray[np.float64]]:
    """Variance of a statistic of two sets: over both of them, and over the second for a given first; and its values.

    For statistics of neighbours, whose terms depend on each other. Both sets are cut at random into as many parts, at
    least two, of up to PART images; the variance over parts, less by their number, is that of the whole. Repeated
    with other cuts until PAIRS pairs of parts were seen. The values (repeats, cuts) of two second sets of one size lie
    against the same parts of one first set, so that their difference has the difference's variance.

    Source: subsampling with the rate 1/n, Politis, Romano & Wolf (1999), chapter 3.
    """
    random = np.random.default_rng(seed)
    cuts = min(max(2, math.ceil(max(len(x), len(y)) / PART)), min(len(x), len(y)) // SMALLEST_PART)
    both, given_first, of_parts = [], [], []
    for _ in range(math.ceil(PAIRS / cuts)):
        first, second = ([z[rows] for rows in np.array_split(random.permutation(len(z)), cuts)] for z in (x, y))
        turned = (second, [*second[1:], second[0]])
        values = np.array([[statistic(a, b) for a, b in zip(first, other, strict=True)] for other in turned])
        both.append(values.var(axis=1, ddof=1).mean())
        given_first.append(np.square(values[0] - values[1]).mean() / 2)
        of_parts.append(values[0])
    return float(np.mean(both)) / cuts, float(np.mean(given_first)) / cuts, np.array(of_parts)


def reach_of_parts(values: NDArray[Any]) -> float:
    """Half the length of the 95% interval of the whole's statistic, from those of its parts, (repeats, cuts).

    Student's: each repeat, a cut at random that is nearly independent of the others, has cuts - 1 degrees of freedom.
    """
    repeats, cuts = values.shape
    variance = float(values.astype(np.float64).var(axis=1, ddof=1).mean()) / cuts
    return student_reach(math.sqrt(variance), repeats * (cuts - 1))


def share_of_parts(
    share: float, both: float, given_first: float, of_parts: NDArray[Any], most: int, **rest: Any
) -> Estimate:
    """A share with Wilson's interval for as many independent trials (at most `most`) as have the variance `both`."""
    spread = share * (1 - share)
    trials = most if both * most <= spread or spread == 0 else max(1.0, spread / both)
    found = share_estimate(share, trials, "over real and generated images", of_parts=of_parts, **rest)
    part = math.sqrt(min(1.0, given_first / both)) if both > 0 else 1.0
    return replace(found, std_error_generated=(found.std_error or 0.0) * part)
