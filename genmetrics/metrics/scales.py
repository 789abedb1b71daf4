"""The width of a mixture's components that makes held-out points likeliest."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from genmetrics._checks import DataError
from genmetrics.kernels.pairwise import log_mean_exp

HELD_OUT = 2000  # points that the likelihood is averaged over
DIGITS = 4  # h is rounded to, so that it can be quoted and does not hang on the order of summation
FACTOR = 2.0  # of the first search
SMALLEST, LARGEST = 1e-120, 1e120  # of a spread: squares of it, and of scales and outliers around it, are float64


def likeliest_scale(held_out: NDArray[Any], train: NDArray[Any], distance: str) -> float:
    """The h that maximises mean log p(t), with p the mixture of densities proportional to e^-D(t, r) / h^d.

    Args:
        held_out: (n, d); of more than HELD_OUT points, that many evenly spaced in lexicographic order are taken, so
            that the order given does not matter.
        train: (m, d), all of them: h depends on m.
        distance: as in `pairwise.log_mean_exp`.

    Returns:
        h, rounded to 4 digits.

    Raises:
        DataError: every held-out point is also a training point: ever smaller h would be ever likelier. Features whose
            squares leave float64.
    """
    points = held_out if len(held_out) <= HELD_OUT else evenly(held_out, HELD_OUT)

    def log_likelihood(log_h: float) -> float:
        terms = log_mean_exp(points, train, distance=distance, scale=float(np.exp(log_h))).values
        return float(terms.mean()) - points.shape[1] * log_h

    spread = max(spread_of(part, train) for part in (points, train))
    if spread == 0:
        raise DataError('scale="auto": all training and test images lie on one point')
    if not SMALLEST < spread < LARGEST:
        raise DataError(
            f'scale="auto": features that spread by {spread:.3g} leave float64 when squared; '
            "multiply them all by a number that brings them nearer to 1"
        )
    low, high = bracket_maximum(log_likelihood, float(np.log(spread)))
    log_h = place_of_maximum(log_likelihood, low, high)
    return float(f"{np.exp(log_h):.{DIGITS - 1}e}")


def spread_of(points: NDArray[Any], train: NDArray[Any]) -> float:
    """Root mean square of the distances from the mean of `train`, along an axis; not squared before it is in range."""
    with np.errstate(over="ignore", invalid="ignore"):  # the caller looks at the result
        apart = points - train.mean(axis=0, dtype=np.float64)
        most = float(np.abs(apart).max())
        if most == 0:
            return 0.0
        apart /= most
        return most * float(np.sqrt(np.mean(np.square(apart, out=apart))))


def evenly(points: NDArray[Any], n: int) -> NDArray[Any]:
    """`n` of the points, evenly spaced in lexicographic order."""
    order = np.lexsort(points.T[: min(points.shape[1], 8)][::-1])
    return points[order[np.linspace(0, len(points) - 1, n).astype(np.intp)]]


def bracket_maximum(function: Any, start: float) -> tuple[float, float]:
    """Two points, one FACTOR below and above (as logarithms) one that is no lower than either.

    Raises:
        DataError: none is found within 60 steps.
    """
    step = np.log(FACTOR)
    at = {start: function(start)}
    for _ in range(60):
        best = max(at, key=lambda x: at[x])
        below, above = best - step, best + step
        known = {round(x, 9): x for x in at}
        missing = [x for x in (below, above) if round(x, 9) not in known]
        if not missing:
            return below, above
        for x in missing:
            at[x] = function(x)
    raise DataError(
        'scale="auto": the likelihood has no maximum; test images that are also training images make it endless'
    )


def place_of_maximum(function: Any, low: float, high: float, tol: float = 2e-4) -> float:
    """The place of the maximum between `low` and `high`, to `tol`."""
    from scipy.optimize import minimize_scalar

    found: Any = minimize_scalar(lambda x: -function(x), bounds=(low, high), method="bounded", options={"xatol": tol})
    return float(found.x)
