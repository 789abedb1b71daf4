"""The fast path of the pairwise engine: a matrix product, an exponential and a row sum, tile by tile.

Points are centred and divided by the unit of D; the product of [2x, shift - |x|^2, 1] and [y, 1, log w - |y|^2] is
then the exponent log w - D + shift itself, so that a tile is touched three times while it lies in the cache. References
go by their distance from the centre: the near ones come first and set the shift, and far ones share blocks of their
own, which blur no others. Each row carries a bound on its rounding error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genmetrics.kernels.geometry import EPS, SIGNIFICANT, square_unit

COLUMNS = 1024
TILE = 128 * COLUMNS  # 1 MiB of float64, within the cache of one core
QUERIES = 4096  # share one preparation of the references
WIDE = 64  # from this width on the product outweighs the rest, and wants larger tiles
# e^-708 and below (in float32 e^-87.3) take 10 to 100 times as long; each row's sum is 1 or more
SMALLEST = {np.float64: -700.0, np.float32: -87.0}
LIMIT = {np.float64: 600.0, np.float32: 60.0}  # e^600 times 10^40, and e^60 times 10^12, are still finite


@dataclass(frozen=True, eq=False)
class References:
    """A block of references, ready for the product."""

    points: NDArray[np.floating]  # (c, d + 2): y, 1, log w - |y|^2; for "l2" y, 1, |y|^2
    log_weights: NDArray[np.float64] | None  # (c,)
    least: float  # smallest |y|
    reach: float  # largest |y|

    @property
    def heaviest(self) -> float:
        return 0.0 if self.log_weights is None else float(self.log_weights.max())

    @property
    def lightest(self) -> float:
        return 0.0 if self.log_weights is None else float(self.log_weights.min())


@dataclass(frozen=True, eq=False)
class Space:
    """Where distances are measured: about `centre`, in units in which D (for "l2": D^2) is the squared distance."""

    centre: NDArray[np.float64]  # (d,)
    unit: float
    rooted: bool  # "l2"
    dtype: type[np.float64] | type[np.float32] = np.float64  # of the products

    @classmethod
    def of(cls, centre: NDArray[np.float64], distance: str, scale: float) -> Space:
        return cls(centre, float(np.sqrt(square_unit(distance, scale))), distance == "l2")

    def about(self, point: NDArray[Any], dtype: type[np.float64] | type[np.float32]) -> Space:
        """The same about another centre, which is rounded to `dtype`."""
        return Space(point.astype(dtype).astype(np.float64), self.unit, self.rooted, dtype)

    def scaled(self, block: NDArray[Any]) -> NDArray[np.floating]:
        """In the wider of the block's precision and this one."""
        dtype = np.result_type(block.dtype, self.dtype)
        points = block.astype(dtype) - self.centre.astype(dtype)
        points /= self.unit
        return points

    @property
    def eps(self) -> float:
        return float(np.finfo(self.dtype).eps)

    @property
    def roundings(self) -> float:
        """The exponent errs by at most this times (|x| + |y|)^2 + |shift| + |log w|; Higham (2002), section 3.1.

        In units of the unit roundoff eps / 2: d + 2 for the product, d for the norms, 6 for centring, scaling and the
        unit (twice 3, a difference being linear in both points), the rest for sums of three.
        """
        return (len(self.centre) + 10) * self.eps


def sorted_references(
    references: NDArray[Any], order: list[NDArray[np.intp]], space: Space, log_weights: NDArray[np.float64] | None
) -> Iterator[References]:
    """The blocks of references that `order` lists."""
    for taken in order:
        yield prepared(references[taken], space, None if log_weights is None else log_weights[taken])


def prepared(references: NDArray[Any], space: Space, log_weights: NDArray[np.float64] | None = None) -> References:
    """One block of references, centred and scaled."""
    y = space.scaled(references)
    square = np.einsum("ij,ij->i", y, y)
    points = np.empty((len(y), y.shape[1] + 2), space.dtype)
    points[:, :-2], points[:, -2] = y, 1
    points[:, -1] = square if space.rooted else -square if log_weights is None else log_weights - square
    norms = np.sqrt(square)
    return References(points, log_weights, float(norms.min()), float(norms.max()))


def outward(references: NDArray[Any], centre: NDArray[np.float64]) -> list[NDArray[np.intp]]:
    """Blocks of indices by distance from the centre, up to COLUMNS in each.

    Beyond the median distance a block spans a factor of 4 at most, so that no far reference blurs near ones.
    """
    parts = np.array_split(references, len(references) // 4096 + 1)
    distances = np.concatenate([np.sqrt(np.square(part - centre).sum(axis=1)) for part in parts])
    order = np.argsort(distances, kind="stable")
    middle = float(np.median(distances)) or 1.0
    rings = np.floor(np.log2(np.maximum(distances[order] / middle, 1)) / 2)
    edges = np.flatnonzero(np.diff(rings)) + 1
    return [ring[i : i + COLUMNS] for ring in np.split(order, edges) for i in range(0, len(ring), COLUMNS)]


def tiled_log_sum_exp(
    queries: NDArray[Any], columns: Iterable[References], space: Space
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """log sum_j w_j e^-D(x_i, y_j) for one block of queries, and the bound on each row's rounding error."""
    rows = Rows(queries, space)
    blocks = 0
    for y in columns:
        if blocks and not rows.may_matter(y):
            continue
        rows.add_all(y, first=not blocks)
        blocks += 1
    # exponentials, the sums within blocks and over them
    return rows.log_sums(), rows.error / rows.total + (COLUMNS + blocks + 8) * EPS


class Rows:
    """A block of queries, their running sums, and the shift that keeps each sum away from 0 and infinity."""

    def __init__(self, queries: NDArray[Any], space: Space) -> None:
        x = space.scaled(queries)
        self.space = space
        self.square = np.einsum("ij,ij->i", x, x)
        self.norm = np.sqrt(self.square)
        sign = -1.0 if space.rooted else 1.0
        x *= 2 * sign
        ones = np.ones(len(x), x.dtype)
        self.points = np.column_stack([x, -sign * self.square, ones]).astype(space.dtype)  # (b, d + 2)
        self.shift = np.zeros(len(x))
        self.total = np.zeros(len(x))  # of e^(shift + log w - D)
        self.error = np.zeros(len(x))  # each term times e^its bound - 1: log(1 + error / total) bounds both sides
        self.tile = np.empty(0, space.dtype)  # one buffer, used again for every tile

    def add_all(self, y: References, *, first: bool) -> None:
        """Add a block of references to all rows, tile by tile; the first one sets their shifts."""
        size = TILE // COLUMNS * (1 if len(self.space.centre) < WIDE else 4)
        for i in range(0, len(self.total), size):
            if first:
                self.start(slice(i, i + size), y)
            self.add(slice(i, i + size), y)

    def log_sums(self) -> NDArray[np.float64]:
        return np.log(self.total) - self.shift

    def may_matter(self, y: References) -> bool:
        """Some reference of the block may add as much as e^-SIGNIFICANT of some row's sum."""
        gap = np.maximum(y.least - self.norm, 0)
        nearest = (gap if self.space.rooted else gap**2) - self.space.roundings * (self.norm + y.least + 1) ** 2
        return bool(np.any(y.heaviest - nearest > self.log_sums() - SIGNIFICANT))

    def start(self, part: slice, y: References) -> None:
        """Shift the rows so that their largest term in `y`, the first block, is 1."""
        self.set_shift(part, -self.exponents(part, y).max(axis=1))

    def set_shift(self, part: slice, shift: NDArray[np.float64]) -> None:
        self.shift[part] = shift
        if not self.space.rooted:
            self.points[part, -2] = shift - self.square[part]

    def exponents(self, part: slice, y: References) -> NDArray[np.float64]:
        """log w - D + shift for all pairs of the tile."""
        x, shape = self.points[part], (len(self.points[part]), len(y.points))
        if self.tile.size < shape[0] * shape[1]:
            self.tile = np.empty(shape[0] * shape[1], self.space.dtype)
        tile = np.matmul(x, y.points.T, out=self.tile[: shape[0] * shape[1]].reshape(shape))
        if self.space.rooted:
            np.maximum(tile, 0, out=tile)
            np.sqrt(tile, out=tile)
            np.subtract(self.shift[part, None].astype(tile.dtype), tile, out=tile)
            if y.log_weights is not None:
                tile += y.log_weights
        return tile

    def add(self, part: slice, y: References) -> None:
        """Add a tile to the sums of these rows."""
        tile = self.exponents(part, y)
        errors = self.errors_of_roots(part, y, tile) if self.space.rooted else self.errors(part, y)
        if not self.shift[part].max() + y.heaviest <= LIMIT[self.space.dtype]:
            self.keep_finite(part, tile)
        smallest = SMALLEST[self.space.dtype]
        if self.farthest(part, y) > -smallest:
            np.maximum(tile, smallest, out=tile)
        np.exp(tile, out=tile)
        added = tile @ np.ones(tile.shape[1], tile.dtype)
        self.total[part] += added
        with np.errstate(over="ignore"):  # an infinite bound is one
            self.error[part] += added * np.expm1(errors)

    def farthest(self, part: slice, y: References) -> float:
        """No exponent of the tile is lower than minus this."""
        apart = float(self.norm[part].max()) + y.reach
        return (apart if self.space.rooted else apart**2) - float(self.shift[part].min()) - y.lightest

    def errors(self, part: slice, y: References) -> NDArray[np.float64]:
        """Bound on the error of each row's exponents (for "l2": of the squared distances)."""
        reach = (self.norm[part] + y.reach) ** 2
        return self.space.roundings * (reach + np.abs(self.shift[part]) + np.abs(y.heaviest))

    def errors_of_roots(self, part: slice, y: References, tile: NDArray[np.float64]) -> NDArray[np.float64]:
        """|sqrt a - sqrt b| is at most sqrt |a - b|, and |a - b| / sqrt b, with b the smallest computed square."""
        square = self.errors(part, y)
        shift, most, eps = self.shift[part], tile.max(axis=1), self.space.eps
        nearest = np.maximum(shift + y.lightest - most - 2 * eps * (np.abs(shift) + np.abs(most)), 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            off = np.fmin(np.sqrt(square), square / nearest)
        return off + 2 * eps * (np.abs(shift) + nearest + SIGNIFICANT)

    def keep_finite(self, part: slice, tile: NDArray[np.float64]) -> None:
        """Where a term would exceed e^LIMIT, shift the row so that it is 1."""
        most = tile.max(axis=1)
        high = np.flatnonzero(most > LIMIT[self.space.dtype])
        if len(high) == 0:
            return
        down = most[high]
        tile[high] -= down[:, None]
        for sums in (self.total, self.error):
            sums[part][high] *= np.exp(-down)
        shift = self.shift[part].copy()
        shift[high] -= down
        self.set_shift(part, shift)
