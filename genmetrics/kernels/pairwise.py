"""Log-sum-exp of negative distances over all pairs, streamed in blocks; float64, with a certified rounding bound.

Squared distances come from |x|^2 + |y|^2 - 2 x.y (one matrix product) after centring. Where cancellation could
cost more than `TOLERANCE` of a distance that matters, the pairs are computed again from their differences.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

DISTANCES = ("half_sq", "sq", "l2")
TOLERANCE = 1e-11  # allowed rounding error of one scaled distance D, relative to max(1, D)
SIGNIFICANT = 80.0  # a term e^-80 below a row's largest adds less than 1e-17 of it, even 10^17 times
ROWS, COLUMNS = 512, 1024  # 4 MiB of float64: a block stays in the cache while it is worked on

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class LogMeanExp:
    """log of the mean over references of e^-D(query, reference), one value for each query."""

    values: NDArray[np.float64]  # (n,), each <= 0
    error: NDArray[np.float64]  # (n,) bound on each value's rounding error


def log_mean_exp(queries: NDArray[Any], references: NDArray[Any], *, distance: str, scale: float) -> LogMeanExp:
    """log (1/m) sum_j e^-D(x_i, y_j) for each query, by an online log-sum-exp over blocks of references.

    Args:
        queries: (n, d) float.
        references: (m, d) float.
        distance: "half_sq" |x-y|^2 / (2 h^2), "sq" |x-y|^2 / h^2, "l2" |x-y| / h.
        scale: h > 0.

    Source: Milakov & Gimelshein (2018), arXiv:1805.02867 (online normaliser).
    """
    centre = centre_of(references)

    def one_block(block: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        columns = (centred(part, centre) for part in split(references, COLUMNS))
        with np.errstate(over="ignore", invalid="ignore"):  # the caller looks at the result; each thread has its own
            return block_log_sum_exp(centred(block, centre), columns, distance, scale)

    parts = in_threads(one_block, split(queries, ROWS))
    sums, errors = (np.concatenate(column) for column in zip(*parts, strict=True))
    # a sum of m exponentials, each within a few roundings, adds at most (m + 4) roundings to the logarithm
    return LogMeanExp(sums - np.log(len(references)), errors + (len(references) + 4) * np.finfo(float).eps)


def centre_of(points: NDArray[Any]) -> NDArray[np.float64]:
    """A point amid the others, whatever lies far out: the median of up to 2,000 of them."""
    return np.median(points[:: max(1, len(points) // 1000)].astype(np.float64), axis=0)


@dataclass(frozen=True, eq=False)
class Centred:
    """A block of points about a common centre, and their squared norms."""

    given: NDArray[Any]  # (b, d), as they came: centring may round off what lies near another place
    points: NDArray[np.float64]  # (b, d)
    square: NDArray[np.float64]  # (b,)


def centred(block: NDArray[Any], centre: NDArray[np.float64]) -> Centred:
    points = block.astype(np.float64) - centre
    return Centred(block, points, np.einsum("ij,ij->i", points, points))


def block_log_sum_exp(
    x: Centred, columns: Iterable[Centred], distance: str, scale: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """log sum_j e^-D and the bound on D's rounding error, for one block of queries against all references."""
    largest = np.full(len(x.points), -np.inf)
    total = np.zeros(len(x.points))
    for y in columns:
        exponent = squared_distances(x, y)
        make_exact(exponent, x, y, distance, scale, -largest)
        to_scaled(exponent, distance, scale)
        np.negative(exponent, out=exponent)
        new = np.maximum(largest, exponent.max(axis=1))
        exponent -= new[:, None]
        np.exp(exponent, out=exponent)
        total *= np.exp(largest - new)
        total += exponent.sum(axis=1)
        largest = new
    # the terms that matter have D <= SIGNIFICANT - largest; differences summed directly err by d + 4 roundings
    relative = max(TOLERANCE, (x.points.shape[1] + 4) * np.finfo(float).eps)
    return largest + np.log(total), relative * np.maximum(1.0, SIGNIFICANT - largest)


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
    return (x.points.shape[1] + 4) * np.finfo(float).eps * norm**2


def make_exact(
    square: NDArray[np.float64], x: Centred, y: Centred, distance: str, scale: float, nearest: NDArray[np.float64]
) -> None:
    """Recompute from differences the pairs whose D could err by more than TOLERANCE * max(1, D) and that matter.

    `nearest` is each row's smallest D so far; a pair matters if its D may lie within SIGNIFICANT of the smallest.
    """
    error = expansion_error(x, y)
    doubtful = square < doubt_threshold(error, distance, scale)[:, None]
    if not doubtful.any():
        return
    if distance == "l2":
        closest = np.minimum(nearest * scale, np.sqrt(square.min(axis=1) + error))
        matters = (closest + SIGNIFICANT * scale) ** 2 + error
    else:
        unit = square_unit(distance, scale)
        matters = np.minimum(nearest * unit, square.min(axis=1) + error) + SIGNIFICANT * unit + error
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


def square_unit(distance: str, scale: float) -> float:
    """What |x-y|^2 is divided by to give D."""
    return 2 * scale**2 if distance == "half_sq" else scale**2


def to_scaled(square: NDArray[np.float64], distance: str, scale: float) -> None:
    """Squared distances to D, in place."""
    if distance == "l2":
        np.sqrt(square, out=square)
        square /= scale
    else:
        square /= square_unit(distance, scale)


def split(x: NDArray[Any], rows: int) -> list[NDArray[Any]]:
    """Views of up to `rows` consecutive rows."""
    return [x[i : i + rows] for i in range(0, len(x), rows)]


def in_threads(work: Callable[[Item], Result], blocks: list[Item]) -> Iterator[Result]:
    """`work` on every block, in order, one thread a core and one BLAS thread in each."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1), ThreadPoolExecutor(usable_cores()) as pool:
        yield from pool.map(work, blocks)


def usable_cores() -> int:
    """Cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
