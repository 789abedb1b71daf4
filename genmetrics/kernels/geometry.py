"""What the pairwise engines share: the distances, a centre, blocks of rows, threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from genmetrics._checks import DataError

DISTANCES = ("half_sq", "sq", "l2")
EPS = float(np.finfo(float).eps)
LEAST_SQUARE = 1e-290  # of a scale: near 1e-308 float64 loses digits
SIGNIFICANT = 80.0  # a term e^-80 below a row's largest adds less than 1e-17 of it, even 10^17 times

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class LogMeanExp:
    """log of the mean over references of e^-D(query, reference), one value for each query."""

    values: NDArray[np.float64]  # (n,), each <= 0
    error: NDArray[np.float64]  # (n,) bound on each value's rounding error


def square_unit(distance: str, scale: float) -> float:
    """What |x-y|^2 is divided by to give D, or for "l2" D^2.

    Raises:
        DataError: the square of `scale` is infinite in float64, or too small to keep its digits.
    """
    square = float(scale) * float(scale)
    if not LEAST_SQUARE < square < np.inf:
        raise DataError(f"the square of scale {scale} leaves float64; bring features and scale nearer to 1")
    return 2 * square if distance == "half_sq" else square


def to_scaled(square: NDArray[np.float64], distance: str, scale: float) -> None:
    """Squared distances to D, in place."""
    if distance == "l2":
        np.sqrt(square, out=square)
        square /= scale
    else:
        square /= square_unit(distance, scale)


def centre_of(points: NDArray[Any]) -> NDArray[np.float64]:
    """A point amid the others, whatever lies far out: the median of up to 2,000 of them."""
    return np.median(points[:: max(1, len(points) // 1000)].astype(np.float64), axis=0)


def split(x: NDArray[Any], rows: int) -> list[NDArray[Any]]:
    """Views of up to `rows` consecutive rows."""
    return [x[i : i + rows] for i in range(0, len(x), rows)]


def in_threads(work: Callable[[Item], Result], items: Sequence[Item] | Iterable[Item]) -> Iterator[Result]:
    """`work` on every item, in order, one thread a core and one BLAS thread in each."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1), ThreadPoolExecutor(usable_cores()) as pool:
        yield from pool.map(work, items)


def usable_cores() -> int:
    """Cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, eq=False)
class Bracket:
    """Certified bounds on the log of the mean over references of e^-D, one pair for each query."""

    lower: NDArray[np.float64]  # (n,)
    upper: NDArray[np.float64]  # (n,)
    certified: bool = True  # False: an approximate index may have missed a near reference
    details: dict[str, float] = field(default_factory=dict)  # how it was reached

    def narrow_enough(self, tol: float) -> bool:
        """The mean's interval is at most `tol` wide, relative to the mean or to 1, whichever is more."""
        with np.errstate(all="ignore"):
            low, high = self.lower.mean(), self.upper.mean()
            return bool(high - low <= tol * max(1.0, abs(low + high) / 2))
