"""Which points lie close to which: nearest points and counts within radii, all from one pass over the pairs.

Squared distances come from float32 products, |x|^2 + |y|^2 - 2 x.y, a block at a time. They only rule pairs out: where
a bound on their rounding error leaves it open whether a pair is close, the pair is computed again in float64 from the
difference, and that alone decides. Where float32 leaves too many open (points far closer to each other than to the
centre), the block is sieved again by float64 products. So every result is that of float64 differences, exactly.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from genmetrics.kernels.geometry import centre_of, in_threads
from genmetrics.kernels.neighbours import largest_deviation

SIDE = 1024  # rows and columns of a block: 4 MiB of float32
OPEN = 64  # float32 may leave open one pair in so many before float64 is asked
DIFFERENCES = 1 << 17  # numbers in a block of differences: 1 MiB
REMEMBERED = 8  # results kept for whoever asks for the same again

Function = TypeVar("Function", bound=Callable[..., Any])


# the two passes


class Nearest(NamedTuple):
    """The k nearest of each point, nearest first; equal distances in order of index."""

    squares: NDArray[np.float64]  # (n, k) squared distances
    indices: NDArray[np.int64]  # (n, k)


class Between(NamedTuple):
    """What one pass over the pairs of two sets tells."""

    nearest_y: Nearest  # (n, 1), of each x
    nearest_x: Nearest  # (m, 1), of each y
    x_balls: Counts  # of each y: in how many of the balls around x it lies
    y_balls: Counts  # of each x


class Counts(NamedTuple):
    """In how many balls a point lies: one row for each column of radii that was given."""

    open: NDArray[np.int64]  # (radii, points), |x-y|^2 < r^2
    closed: NDArray[np.int64]  # (radii, points), |x-y|^2 <= r^2


def remembered(function: Function) -> Function:
    """Results of the last few calls are kept: metrics that rest on the same pass share it."""
    memory: OrderedDict[tuple[Any, ...], Any] = OrderedDict()

    @wraps(function)
    def once(*arguments: Any) -> Any:
        key = tuple(content(argument) for argument in arguments)
        if key not in memory:
            memory[key] = function(*arguments)
        memory.move_to_end(key)
        while len(memory) > REMEMBERED:
            memory.popitem(last=False)
        return memory[key]

    return once  # pyright: ignore[reportReturnType]


def content(argument: Any) -> Any:
    """What tells one argument from another: an array's shape, type and digest."""
    if isinstance(argument, np.ndarray):
        return argument.shape, argument.dtype.str, hashlib.sha256(np.ascontiguousarray(argument).data).digest()
    return argument


@remembered
def within(x: NDArray[Any], k: int) -> Nearest:
    """The k nearest other points of each point of one set, 1 <= k < n. Each pair is computed once.

    Args:
        x: (n, d) float32 or float64.
        k: neighbours of each; a point is not its own neighbour, another equal to it is.
    """
    (points,) = points_of(x)
    best = Closest(len(x), k)
    cuts = parts(len(x), max(SIDE, 2 * k + 2))
    blocks = [(a, a) for a in cuts] + [(a, b) for i, a in enumerate(cuts) for b in cuts[i + 1 :]]

    def work(block: tuple[slice, slice]) -> Pairs:
        a, b = block
        limits = Limits(best.limit[a], best.limit[b] if a != b else None, k)
        return close_pairs(points, points, a, b, limits)

    for pairs in in_threads(work, blocks):
        best.add(pairs.rows, pairs.columns, pairs.squares)
        if not pairs.one_sided:
            best.add(pairs.columns, pairs.rows, pairs.squares)
    return best.found


@remembered
def between(x: NDArray[Any], y: NDArray[Any], x_radii: NDArray[np.float64], y_radii: NDArray[np.float64]) -> Between:
    """The nearest of the other set for each point of both, and in how many balls of the other set each lies.

    Args:
        x: (n, d) float32 or float64.
        y: (m, d).
        x_radii: (n, p) squared radii of balls around each x; p may be 0.
        y_radii: (m, q) likewise around each y.
    """
    px, py = points_of(x, y)
    nearest_y, nearest_x = Closest(len(x), 1), Closest(len(y), 1)
    x_reach, y_reach = x_radii.max(axis=1, initial=-np.inf), y_radii.max(axis=1, initial=-np.inf)
    in_x, in_y = Inside(x_radii, len(y)), Inside(y_radii, len(x))

    def work(block: tuple[slice, slice]) -> Pairs:
        a, b = block
        limits = Limits(nearest_y.limit[a], nearest_x.limit[b], 1, x_reach[a], y_reach[b])
        return close_pairs(px, py, a, b, limits)

    for pairs in in_threads(work, covering_first(parts(len(x)), parts(len(y)))):
        nearest_y.add(pairs.rows, pairs.columns, pairs.squares)
        nearest_x.add(pairs.columns, pairs.rows, pairs.squares)
        in_x.add(pairs.rows, pairs.columns, pairs.squares)
        in_y.add(pairs.columns, pairs.rows, pairs.squares)
    return Between(nearest_y.found, nearest_x.found, in_x.counts, in_y.counts)


def parts(n: int, side: int = 0) -> list[slice]:
    """0..n-1 in parts of nearly equal length, at most `side` (SIDE)."""
    cuts = np.linspace(0, n, -(-n // (side or SIDE)) + 1).astype(int)
    return [slice(int(a), int(b)) for a, b in pairwise(cuts)]


def covering_first(rows: list[slice], columns: list[slice]) -> list[tuple[slice, slice]]:
    """All blocks; the first of them touch every row and column once, and so give each point a first bound."""
    first = {(i % len(rows), i % len(columns)): None for i in range(max(len(rows), len(columns)))}
    rest = [(i, j) for i in range(len(rows)) for j in range(len(columns)) if (i, j) not in first]
    return [(rows[i], columns[j]) for i, j in (*first, *rest)]


# what is known so far


@dataclass
class Closest:
    """The k nearest so far of each of n points."""

    n: int
    k: int
    squares: NDArray[np.float64] = field(init=False)
    indices: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.squares = np.full((self.n, self.k), np.inf)
        self.indices = np.full((self.n, self.k), np.iinfo(np.int64).max)

    @property
    def limit(self) -> NDArray[np.float64]:
        """Nothing farther matters; it falls while threads look, and an old one only lets more through."""
        return self.squares[:, -1]

    @property
    def found(self) -> Nearest:
        for array in (self.squares, self.indices):
            array.flags.writeable = False
        return Nearest(self.squares, self.indices)

    def add(self, points: NDArray[np.int64], others: NDArray[np.int64], squares: NDArray[np.float64]) -> None:
        """Take pairs into account, each of them once."""
        last, last_index = self.squares[points, -1], self.indices[points, -1]
        matters = np.flatnonzero((squares < last) | ((squares == last) & (others < last_index)))
        points, others, squares = points[matters], others[matters], squares[matters]
        order = np.lexsort((others, squares, points))
        points, others, squares = points[order], others[order], squares[order]
        touched, start, row = np.unique(points, return_index=True, return_inverse=True)
        rank = np.arange(len(points)) - start[row]
        near = rank < self.k
        row, rank = row[near], self.k + rank[near]
        merged = np.full((len(touched), 2 * self.k), np.inf), np.full((len(touched), 2 * self.k), -1)
        for array, known, new in zip(merged, (self.squares, self.indices), (squares, others), strict=True):
            array[:, : self.k] = known[touched]
            array[row, rank] = new[near]
        order = np.lexsort((merged[1], merged[0]), axis=1)[:, : self.k]
        self.indices[touched] = np.take_along_axis(merged[1], order, axis=1)
        self.squares[touched] = np.take_along_axis(merged[0], order, axis=1)


@dataclass
class Inside:
    """In how many balls each of m points lies so far."""

    radii: NDArray[np.float64]  # (n, p) squared radii around each of the n centres
    m: int
    counts: Counts = field(init=False)

    def __post_init__(self) -> None:
        shape = self.radii.shape[1], self.m
        self.counts = Counts(np.zeros(shape, np.int64), np.zeros(shape, np.int64))

    def add(self, centres: NDArray[np.int64], points: NDArray[np.int64], squares: NDArray[np.float64]) -> None:
        for column in range(self.radii.shape[1]):
            radius = self.radii[centres, column]
            self.counts.open[column] += np.bincount(points[squares < radius], minlength=self.m)
            self.counts.closed[column] += np.bincount(points[squares <= radius], minlength=self.m)


# one block


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
    known: dict[bytes, int] = {}
    found = []
    for x in sets:
        ready, norm = np.empty(x.shape, np.float32), np.empty(len(x))
        identity = np.array([known.setdefault(hashlib.sha256(row.tobytes()).digest(), len(known)) for row in x])
        for part in parts(len(x)):
            ready[part] = (x[part] - centre) / unit
            norm[part] = np.sqrt(np.square(ready[part], dtype=np.float64).sum(axis=1))
        found.append(Points(x, centre, unit, ready, norm, identity))
    return found


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
    """Flat indices in the block of all pairs that the products cannot rule out."""
    square = products(x, y, a, b, dtype)
    d = x.given.shape[1]
    if limits.columns is None:
        np.fill_diagonal(square, np.inf)
    unit = x.unit**2
    error = rounding(x.norm[a] + y.norm[b].max(), d, dtype)
    rows = reaches(square, limits.rows / unit, limits.row_reach / unit, error, limits.k, dtype)
    if limits.columns is None:
        return np.flatnonzero((square <= rows[:, None]).ravel())
    error = rounding(y.norm[b] + x.norm[a].max(), d, dtype)
    columns = reaches(square.T, limits.columns / unit, limits.column_reach / unit, error, limits.k, dtype)
    close = square <= rows[:, None]
    close |= square <= columns
    return np.flatnonzero(close.ravel())


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
    error: NDArray[np.float64],
    k: int,
    dtype: type,
) -> NDArray[Any]:
    """Up to which computed square a pair of each row may matter."""
    unknown = np.isinf(limit)
    if unknown.any():
        kth = np.partition(square[unknown], min(k, square.shape[1]) - 1, axis=1)[:, min(k, square.shape[1]) - 1]
        limit = limit.copy()
        limit[unknown] = kth + error[unknown] if square.shape[1] >= k else np.inf
    return np.nextafter((np.maximum(limit, reach) + error).astype(dtype), dtype(np.inf))


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
        difference = x.given[rows[some]].astype(np.float64) - y.given[columns[some]]
        squares[some] = np.square(difference, out=difference).sum(axis=1)
    return squares


def largest_ratio(x: NDArray[Any], y: NDArray[Any], radii: NDArray[np.float64]) -> NDArray[np.float64]:
    """max over i of radii_i / |x_i - y_j|^2 for each y_j, (m,); inf where some x_i is y_j.

    Args:
        radii: (n,) squared radii.
    """
    px, py = points_of(x, y)
    radii = radii / px.unit**2

    def work(b: slice) -> NDArray[np.float64]:
        best = np.zeros(b.stop - b.start)
        for a in parts(len(x)):
            square = products(px, py, a, b, np.float64)
            error = rounding(px.norm[a] + py.norm[b].max(), x.shape[1], np.float64)[:, None]
            at_least = np.maximum(best, (radii[a, None] / (np.maximum(square, 0) + error)).max(axis=0))
            with np.errstate(divide="ignore"):
                close = square <= radii[a, None] / at_least + error
            rows, columns = np.nonzero(close)
            exact = squared_differences(px, py, rows + a.start, columns + b.start) / px.unit**2
            ratio = np.divide(radii[a][rows], exact, out=np.full(len(exact), np.inf), where=exact > 0)
            np.maximum.at(best, columns, ratio)
        return best

    return np.concatenate(list(in_threads(work, parts(len(y)))))
