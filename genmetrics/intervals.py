"""Standard errors from influence functions, right also where the first-order term vanishes.

An image's influence on an estimate is the derivative of the estimate in that image's weight. The variance of their
mean is the usual (infinitesimal jackknife) variance. At a minimum or maximum of the measure - real images against
real ones, a perfectly balanced classifier - the true influence is 0, what is left is of second order, and the plug-in
variance is twice too large.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def variance_of_mean(influence: NDArray[np.float64]) -> float:
    """Variance of the mean of n independent values, (n,)."""
    return float(influence.var(ddof=1) / len(influence))


def second_order_corrected(at_n: float, at_half: np.floating[Any] | float) -> float:
    """Variance of an estimate from its plug-in variance at n images and at n/2.

    With V1 of order 1/n and V2 of order 1/n^2 the truth is V1 + V2, while the plug-in is V1 + 2 V2 at n and
    2 V1 + 8 V2 at n/2. So V2 = (V(n/2) - 2 V(n)) / 4, kept between 0 and V(n) / 2.

    Source: the bias of the jackknife variance for quadratic functionals, Efron & Stein (1981), section 4.
    """
    second = (float(at_half) - 2 * at_n) / 4
    return at_n - min(max(second, 0.0), at_n / 2)


def random_halves(n: int, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Two disjoint random halves of 0..n-1; the odd one out is in neither."""
    order = np.random.default_rng(seed).permutation(n)
    return order[: n // 2], order[n // 2 : 2 * (n // 2)]
