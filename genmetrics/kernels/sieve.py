"""Which pairs of two blocks of points lie close: sieved by float32 products, decided by float64 differences.

Squared distances come from float32 products, |x|^2 + |y|^2 - 2 x.y, a block at a time. They only rule pairs out: where
a bound on their rounding error leaves it open whether a pair is close, the pair is computed again in float64 from the
difference, and that alone decides. Where float32 leaves too many open (points far closer to each other than to the
centre), the block is sieved again by float64 products. So every result is that of float64 differences, exactly.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from genmetrics.kernels.geometry import centre_of
from genmetrics.kernels.neighbours import largest_deviation

SIDE = 1024  # rows and columns of a block: 4 MiB of float32
OPEN = 64  # float32 may leave open one pair in so many before float64 is asked
DIFFERENCES = 1 << 16  # numbers in a block of differences: 512 KiB


@dataclass(frozen=True, eq=False)
class Points:
    """A set as it came, and ready for products: about a common centre, in a common unit."""

    given: NDArray[Any]  # (n, d)
    centre: NDArray[np.float64]  # (d,)
    unit: float  # a power of two: dividing by it rounds nothing off
    ready: NDArray[np.float32]  # (n, d), (given - centre) / unit
    norm: NDArray[np.float64]  # (n,), lengths of `ready`
    identity: NDArray[np.int64]  # (n,), equal for equal rows

    def block(self, part: slice, dtype: type) -> NDArray[Any]:
        """Rows about the centre, in float32 or float64."""
        return self.ready[part] if dtype is np.float32 else (self.given[part] - self.centre) / self.unit

    def squared_norms(self, part: slice, block: NDArray[Any]) -> NDArray[Any]:
        """Of the rows in a block, in its type."""
        if block.dtype == np.float32:
            return np.square(self.norm[part]).astype(np.float32)
        return np.square(block).sum(axis=1)


def points_of(*sets: NDArray[Any]) -> list[Points]:
    """The sets about one centre, in one unit."""
    centre = centre_of(sets[0])
    largest = max(float(largest_deviation(x, x, centre)) for x in sets)
    unit = float(2.0 ** np.ceil(np.log2(largest)))
    found = []
    for x, identity in zip(sets, identities(*sets), strict=True):
        ready, norm = np.empty(x.shape, np.float32), np.empty(len(x))
        for part in parts(len(x)):
            ready[part] = (x[part] - centre) / unit
            norm[part] = np.sqrt(np.square(ready[part], dtype=np.float64).sum(axis=1))
        found.append(Points(x, centre, unit, ready, norm, identity))
    return found


def identities(*sets: NDArray[Any]) -> list[NDArray[np.int64]]:
    """For each row of each set a number, equal for equal rows."""
    known: dict[bytes, int] = {}
    return [np.array([known.setdefault(hashlib.sha256(row.tobytes()).digest(), len(known)) for row in x]) for x in sets]


@dataclass(frozen=True, eq=False)
class Limits:
    """Which pairs of a block matter: those at most as far apart as the row's limit or the column's.

    An infinite limit is one not known yet: the k-th smallest distance of the block stands in for it.
    """

    rows: NDArray[np.float64]  # squared distances, in the units of the input
    columns: NDArray[np.float64] | None  # None: a block on the diagonal, where rows are all there is
    k: int
    row_reach: NDArray[np.float64] | float = -np.inf  # balls matter up to here, whatever the limit
    column_reach: NDArray[np.float64] | float = -np.inf


class Pairs(NamedTuple):
    """Pairs that matter, with their squared distances in float64."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    squares: NDArray[np.float64]
    one_sided: bool  # (i, j) and (j, i) both stand there


def close_pairs(x: Points, y: Points, a: slice, b: slice, limits: Limits) -> Pairs:
    """The pairs of rows `a` of x and rows `b` of y that matter, and maybe some that do not."""
    found = sieved(x, y, a, b, limits, np.float32)
    if len(found) * OPEN > (a.stop - a.start) * (b.stop - b.start):
        found = sieved(x, y, a, b, limits, np.float64)
    rows, columns = np.divmod(found, b.stop - b.start)
    rows, columns = rows + a.start, columns + b.start
    return Pairs(rows, columns, squared_differences(x, y, rows, columns), limits.columns is None)


def sieved(x: Points, y: Points, a: slice, b: slice, limits: Limits, dtype: type) -> NDArray[np.intp]:
    """Flat indices in the block of all pairs that the products cannot rule out.

    First by the largest error in a row or column, then, among what is left, by each pair's own.
    """
    square = products(x, y, a, b, dtype)
    d, unit = x.given.shape[1], x.unit**2
    if limits.columns is None:
        np.fill_diagonal(square, np.inf)
    u, v = x.norm[a], y.norm[b]
    rows = reaches(square, limits.rows / unit, limits.row_reach / unit, (u, v), d, limits.k)
    close = square <= rounded_up(rows + rounding(u + v.max(), d, dtype), dtype)[:, None]
    columns = np.full(len(v), -np.inf)
    if limits.columns is not None:
        columns = reaches(square.T, limits.columns / unit, limits.column_reach / unit, (v, u), d, limits.k)
        close |= square <= rounded_up(columns + rounding(v + u.max(), d, dtype), dtype)
    found = np.flatnonzero(close.ravel())
    i, j = np.divmod(found, b.stop - b.start)
    error = rounding(u[i] + v[j], d, dtype)
    return found[square.ravel()[found] <= np.maximum(rows[i], columns[j]) + error]


def products(x: Points, y: Points, a: slice, b: slice, dtype: type) -> NDArray[Any]:
    """|x|^2 + |y|^2 - 2 x.y of a block, in common units squared; off by up to `rounding`."""
    p, q = x.block(a, dtype), y.block(b, dtype)
    square = p @ q.T
    square *= -2
    square += x.squared_norms(a, p)[:, None]
    square += y.squared_norms(b, q)
    return square


def reaches(
    square: NDArray[Any],
    limit: NDArray[np.float64],
    reach: NDArray[np.float64] | float,
    norms: tuple[NDArray[np.float64], NDArray[np.float64]],
    d: int,
    k: int,
) -> NDArray[np.float64]:
    """Up to which true square a pair of each row may matter."""
    unknown = np.isinf(limit)
    if unknown.any() and square.shape[1] >= k:
        at_most = square[unknown] + rounding(norms[0][unknown, None] + norms[1], d, square.dtype.type)
        limit = limit.copy()
        limit[unknown] = np.partition(at_most, k - 1, axis=1)[:, k - 1]
    return np.maximum(limit, reach)


def rounded_up(limit: NDArray[np.float64], dtype: type) -> NDArray[Any]:
    """The limits in `dtype`, none of them lower than it was."""
    return np.nextafter(limit.astype(dtype), dtype(np.inf))


def rounding(norms: NDArray[np.float64], d: int, dtype: type) -> NDArray[np.float64]:
    """Bound on the error of |x|^2 + |y|^2 - 2 x.y in `dtype`, where |x| + |y| <= `norms`.

    With u the unit roundoff: 2 d u |x||y| of the product (Higham 2002, section 3.1) is at most d/2 u (|x|+|y|)^2; the
    points, their norms and the two sums add less than 12; the difference that decides errs by d u in float64. The
    second term is what underflows.
    """
    info = np.finfo(dtype)
    per_square = (d / 2 + 12) * float(info.eps) / 2 + (d + 12) * float(np.finfo(np.float64).eps)
    return per_square * 1.01 * norms**2 + 4 * d * float(info.tiny)


def squared_differences(
    x: Points, y: Points, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> NDArray[np.float64]:
    """|x_i - y_j|^2 of these pairs from differences; equal rows need none."""
    squares = np.zeros(len(rows))
    differ = np.flatnonzero(x.identity[rows] != y.identity[columns])
    step = max(1, DIFFERENCES // x.given.shape[1])
    for start in range(0, len(differ), step):
        some = differ[start : start + step]
        difference = x.given[rows[some]].astype(np.float64)
        difference -= y.given[columns[some]]
        squares[some] = np.square(difference, out=difference).sum(axis=1)
    return squares


def parts(n: int, side: int = 0) -> list[slice]:
    """0..n-1 in parts of nearly equal length, at most `side` (SIDE)."""
    cuts = np.linspace(0, n, -(-n // (side or SIDE)) + 1).astype(int)
    return [slice(int(a), int(b)) for a, b in pairwise(cuts)]
