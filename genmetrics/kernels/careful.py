"""The slow path of the pairwise engine: right wherever float64 can be, whatever lies far from the centre.

Squared distances come from |x|^2 + |y|^2 - 2 x.y (one matrix product) after centring. Where cancellation could
cost more than `TOLERANCE` of a distance that matters, the pairs are computed again from their differences.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genmetrics.kernels.geometry import EPS, SIGNIFICANT, in_threads, split, square_unit, to_scaled

TOLERANCE = 1e-11  # allowed rounding error of one scaled distance D, relative to max(1, D)
ROWS, COLUMNS = 512, 1024  # 4 MiB of float64: a block stays in the cache while it is worked on


@dataclass(frozen=True, eq=False)
class Centred:
    """A block of points about a common centre, their squared norms, and the logarithms of their weights."""

    given: NDArray[Any]  # (b, d), as they came: centring may round off what lies near another place
    points: NDArray[np.float64]  # (b, d)
    square: NDArray[np.float64]  # (b,)
    log_weights: NDArray[np.float64] | None = None  # (b,)


def centred(
    block: NDArray[Any], centre: NDArray[np.float64], log_weights: NDArray[np.float64] | None = None
) -> Centred:
    points = block.astype(np.float64) - centre
    return Centred(block, points, np.einsum("ij,ij->i", points, points), log_weights)


def careful_log_sum_exp(
    queries: NDArray[Any],
    references: NDArray[Any],
    centre: NDArray[np.float64],
    distance: str,
    scale: float,
    log_weights: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """log sum_j w_j e^-D(x_i, y_j) and the bound on its rounding error, for all queries, in threads."""

    def one_block(block: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        columns = (
            centred(references[j : j + COLUMNS], centre, None if log_weights is None else log_weights[j : j + COLUMNS])
            for j in range(0, len(references), COLUMNS)
        )
        with np.errstate(over="ignore", invalid="ignore"):  # the caller looks at the result; each thread has its own
            return block_log_sum_exp(centred(block, centre), columns, distance, scale, spread(log_weights))

    parts = in_threads(one_block, split(queries, ROWS))
    sums, errors = (np.concatenate(column) for column in zip(*parts, strict=True))
    # a sum of m exponentials, each within a few roundings, adds at most (m + 4) roundings to the logarithm
    # and adding log w rounds it
    heavy = 0.0 if log_weights is None else float(np.abs(log_weights).max())
    return sums, errors + (len(references) + 4 + 2 * heavy) * EPS


def spread(log_weights: NDArray[np.float64] | None) -> float:
    """How much farther a reference may lie and still matter, because it weighs more."""
    return 0.0 if log_weights is None else float(np.ptp(log_weights))


def block_log_sum_exp(
    x: Centred, columns: Iterable[Centred], distance: str, scale: float, slack: float = 0.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """log sum_j w_j e^-D and the bound on D's rounding error, for one block of queries against all references."""
    largest = np.full(len(x.points), -np.inf)
    nearest = np.full(len(x.points), np.inf)
    total = np.zeros(len(x.points))
    for y in columns:
        exponent = squared_distances(x, y)
        make_exact(exponent, x, y, distance, scale, nearest, SIGNIFICANT + slack)
        to_scaled(exponent, distance, scale)
        np.minimum(nearest, exponent.min(axis=1), out=nearest)
        np.negative(exponent, out=exponent)
        if y.log_weights is not None:
            exponent += y.log_weights
        new = np.maximum(largest, exponent.max(axis=1))
        exponent -= new[:, None]
        np.maximum(exponent, -700, out=exponent)  # far below a rounding of the sum, and exp is slow where it underflows
        np.exp(exponent, out=exponent)
        total *= np.exp(largest - new)
        total += exponent.sum(axis=1)
        largest = new
    # the terms that matter have D <= nearest + SIGNIFICANT; differences summed directly err by d + 4 roundings
    relative = max(TOLERANCE, (x.points.shape[1] + 4) * EPS)
    return largest + np.log(total), relative * np.maximum(1.0, SIGNIFICANT + slack + nearest)


def squared_distances(x: Centred, y: Centred) -> NDArray[np.float64]:
    """|x_i - y_j|^2 by the expansion; off by up to `expansion_error`."""
    square = x.points @ y.points.T
    square *= -2
    square += x.square[:, None]
    square += y.square
    return np.maximum(square, 0, out=square)


def expansion_error(x: Centred, y: Centred) -> NDArray[np.float64]:
    """Bound, for each row, on the error of |x|^2 + |y|^2 - 2 x.y; Higham (2002), section 3.1."""
    norm = np.sqrt(x.square) + np.sqrt(y.square.max())
    return (x.points.shape[1] + 4) * EPS * norm**2


def make_exact(
    square: NDArray[np.float64],
    x: Centred,
    y: Centred,
    distance: str,
    scale: float,
    nearest: NDArray[np.float64],
    significant: float = SIGNIFICANT,
) -> None:
    """Recompute from differences the pairs whose D could err by more than TOLERANCE * max(1, D) and that matter.

    `nearest` is each row's smallest D so far; a pair matters if its D may lie within `significant` of the smallest.
    """
    error = expansion_error(x, y)
    doubtful = square < doubt_threshold(error, distance, scale)[:, None]
    if not doubtful.any():
        return
    if distance == "l2":
        closest = np.minimum(nearest * scale, np.sqrt(square.min(axis=1) + error))
        matters = (closest + significant * scale) ** 2 + error
    else:
        unit = square_unit(distance, scale)
        matters = np.minimum(nearest * unit, square.min(axis=1) + error) + significant * unit + error
    doubtful &= square <= matters[:, None]
    for i in np.flatnonzero(doubtful.any(axis=1)):
        j = np.flatnonzero(doubtful[i])
        difference = y.given[j].astype(np.float64) - x.given[i].astype(np.float64)
        square[i, j] = np.einsum("ij,ij->i", difference, difference)


def doubt_threshold(error: NDArray[np.float64], distance: str, scale: float) -> NDArray[np.float64]:
    """The squared distance under which an `error` of it moves D by more than TOLERANCE * max(1, D); 0: nowhere."""
    if distance == "l2":  # D errs by error / (2 |x-y| h)
        return np.minimum(error / (2 * TOLERANCE), (error / (2 * TOLERANCE * scale)) ** 2)
    return np.where(error <= TOLERANCE * square_unit(distance, scale), 0.0, error / TOLERANCE)
