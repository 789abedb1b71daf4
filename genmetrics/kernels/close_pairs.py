"""Which points lie close to which: nearest points and counts within radii, all from one pass over the pairs.

Blocks of pairs are sieved (`kernels.sieve`), so that every result is that of float64 differences, exactly.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from genmetrics.kernels import sieve
from genmetrics.kernels.geometry import centre_of, in_threads
from genmetrics.kernels.sieve import (
    Limits,
    Pairs,
    close_pairs,
    parts,
    points_of,
    products,
    rounding,
    squared_differences,
)

LONE, AT_LEAST = 16, 1 << 20  # pairs held for each point, of points in hardly any ball; and so many in any case
REMEMBERED = 12  # results kept for whoever asks for the same again
MEMORY: OrderedDict[tuple[Any, ...], Any] = OrderedDict()  # function and contents of its arguments -> result

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
    held: NDArray[np.int64]  # (p, groups, n), of each open ball around x: how many y of each group it holds
    lone: Lone | None  # None: there are too many


class Counts(NamedTuple):
    """In how many balls a point lies: one row for each column of radii that was given."""

    open: NDArray[np.int64]  # (radii, points), |x-y|^2 < r^2
    closed: NDArray[np.int64]  # (radii, points), |x-y|^2 <= r^2


class Lone(NamedTuple):
    """Every y that lies in no more than one of the narrowest balls, with all x in whose widest ball it lies."""

    x: NDArray[np.int32]  # (pairs,)
    y: NDArray[np.int32]
    squares: NDArray[np.float64]


def remembered(function: Function) -> Function:
    """Results of the last calls are kept: metrics that rest on the same pass share it."""

    @wraps(function)
    def once(*arguments: Any) -> Any:
        key = (function.__name__, *(content(argument) for argument in arguments))
        if key not in MEMORY:
            MEMORY[key] = function(*arguments)
        MEMORY.move_to_end(key)
        while len(MEMORY) > REMEMBERED:
            MEMORY.popitem(last=False)
        return MEMORY[key]

    return once  # pyright: ignore[reportReturnType]


def nearest_between(x: NDArray[Any], y: NDArray[Any]) -> tuple[Nearest, Nearest]:
    """The nearest y of each x and the nearest x of each y, from any pass over these sets that is remembered."""
    key = ("between", content(x), content(y))
    known = (found for call, found in MEMORY.items() if call[:3] == key)
    found = next(known, None)
    if found is None:
        no_balls, one_group = [np.empty((len(z), 0)) for z in (x, y)], np.zeros(len(y), np.int64)
        found = between(x, y, no_balls[0], no_balls[1], one_group)
    return found.nearest_y, found.nearest_x


def content(argument: Any) -> Any:
    """What tells one argument from another: an array's shape, type and digest."""
    if isinstance(argument, np.ndarray):
        return argument.shape, argument.dtype.str, hashlib.sha256(np.ascontiguousarray(argument).data).digest()
    return argument


@remembered
def within(x: NDArray[Any], k: int) -> Nearest:
    """The k nearest other points of each point of one set, 0 <= k < n. Each pair is computed once.

    Args:
        x: (n, d) float32 or float64.
        k: neighbours of each; a point is not its own neighbour, another equal to it is.
    """
    best = Closest(len(x), k)
    if k == 0:
        return best.found
    (points,) = points_of(x)
    cuts = parts(len(x), max(sieve.SIDE, 2 * k + 2))
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
def between(
    x: NDArray[Any],
    y: NDArray[Any],
    x_radii: NDArray[np.float64],
    y_radii: NDArray[np.float64],
    groups: NDArray[np.int64],
) -> Between:
    """The nearest of the other set for each point of both, and in how many balls of the other set each lies.

    Args:
        x: (n, d) float32 or float64.
        y: (m, d).
        x_radii: (n, p) squared radii of balls around each x, ascending; p may be 0.
        y_radii: (m, q) likewise around each y.
        groups: (m,) of each y, from 0 on.
    """
    px, py = points_of(x, y)
    nearest_y, nearest_x = Closest(len(x), 1), Closest(len(y), 1)
    x_reach, y_reach = x_radii.max(axis=1, initial=-np.inf), y_radii.max(axis=1, initial=-np.inf)
    in_x, in_y = Inside(x_radii, len(y)), Inside(y_radii, len(x))
    held, lone = Held(x_radii, groups), Few(x_radii, in_x.counts)

    def work(block: tuple[slice, slice]) -> Pairs:
        a, b = block
        limits = Limits(nearest_y.limit[a], nearest_x.limit[b], 1, x_reach[a], y_reach[b])
        return close_pairs(px, py, a, b, limits)

    for pairs in in_threads(work, covering_first(parts(len(x)), parts(len(y)))):
        nearest_y.add(pairs.rows, pairs.columns, pairs.squares)
        nearest_x.add(pairs.columns, pairs.rows, pairs.squares)
        in_x.add(pairs.rows, pairs.columns, pairs.squares)
        in_y.add(pairs.columns, pairs.rows, pairs.squares)
        held.add(pairs.rows, pairs.columns, pairs.squares)
        lone.add(pairs.rows, pairs.columns, pairs.squares)
    return Between(nearest_y.found, nearest_x.found, in_x.counts, in_y.counts, held.numbers, lone.found)


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


@dataclass
class Held:
    """How many points of each group each of n balls holds so far."""

    radii: NDArray[np.float64]  # (n, p) squared
    groups: NDArray[np.int64]  # (m,)
    numbers: NDArray[np.int64] = field(init=False)  # (p, groups, n)

    def __post_init__(self) -> None:
        self.numbers = np.zeros((self.radii.shape[1], int(self.groups.max()) + 1, len(self.radii)), np.int64)

    def add(self, centres: NDArray[np.int64], points: NDArray[np.int64], squares: NDArray[np.float64]) -> None:
        place = self.groups[points] * len(self.radii) + centres
        for radius, numbers in zip(self.radii.T, self.numbers, strict=True):
            inside = place[squares < radius[centres]]
            numbers += np.bincount(inside, minlength=numbers.size).reshape(numbers.shape)


@dataclass
class Few:
    """Pairs of points that lie in no more than one of the narrowest balls so far; none where there are too many."""

    radii: NDArray[np.float64]  # (n, p) squared
    counts: Counts  # of these balls so far
    pairs: list[Lone] = field(default_factory=list)
    number: int = 0
    too_many: bool = False

    def add(self, centres: NDArray[np.int64], points: NDArray[np.int64], squares: NDArray[np.float64]) -> None:
        if self.radii.shape[1] == 0 or self.too_many:
            return
        near = np.flatnonzero((squares <= self.radii[centres, -1]) & self.lone(points))
        self.pairs.append(Lone(centres[near].astype(np.int32), points[near].astype(np.int32), squares[near]))
        self.number += len(near)
        most = max(AT_LEAST, LONE * self.counts.closed.shape[1])
        if self.number > most:  # some points were found in more balls since
            self.pairs = [self.known]
            self.number = len(self.pairs[0].x)
            self.too_many = self.number > most // 2

    def lone(self, points: NDArray[Any]) -> NDArray[np.bool_]:
        return self.counts.closed[0, points] <= 1

    @property
    def known(self) -> Lone:
        x, y, squares = (np.concatenate(column) for column in zip(*self.pairs, strict=True))
        still = self.lone(y)
        return Lone(x[still], y[still], squares[still])

    @property
    def found(self) -> Lone | None:
        return self.known if self.pairs and not self.too_many else None


# small sets, and ratios


def all_squares(x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float64]:
    """|x_i - y_j|^2 of small sets, all held, (n, m); the small ones are off by rounding of the large ones.

    0 where rounding may be all that it is, and to 41 bits, so that equal distances are equal.
    """
    centre = centre_of(x)
    p, q = x - centre, y - centre
    norms = np.square(p).sum(axis=1)[:, None] + np.square(q).sum(axis=1)
    square = norms - 2 * p @ q.T
    square[square <= 4 * x.shape[1] * np.finfo(np.float64).eps * norms] = 0
    scaled = square * (2.0**12 + 1)
    return scaled - (scaled - square)  # without the last 12 bits (Veltkamp)


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
            everywhere = np.full(square.shape, np.inf)
            close = square <= np.divide(radii[a, None], at_least, out=everywhere, where=at_least > 0) + error
            rows, columns = np.nonzero(close)
            exact = squared_differences(px, py, rows + a.start, columns + b.start) / px.unit**2
            ratio = np.divide(radii[a][rows], exact, out=np.full(len(exact), np.inf), where=exact > 0)
            np.maximum.at(best, columns, ratio)
        return best

    return np.concatenate(list(in_threads(work, parts(len(y)))))
