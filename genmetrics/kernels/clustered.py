"""Log-sum-exp with the references replaced by weighted centroids, certified, and refined where that is too coarse.

For a cluster of n references with centroid c (their mean), mean squared radius v and radius r, and a query at distance
s from c, in units in which D = |x - y|^2 ("half_sq", "sq") or |x - y| ("l2"):

- Below. e^-D is convex in D, so by Jensen the mean of e^-D is at least e^-(mean D). The mean of |x - y|^2 is s^2 + v
  exactly, c being the mean; that of |x - y| is at most sqrt(s^2 + v). So the cluster's sum is at least
  n e^-(s^2 + v), or n e^-sqrt(s^2 + v).
- Above. By the triangle inequality |x - y| >= s - r, so it is at most n e^-max(s - r, 0)^2, or n e^-max(s - r, 0).
  For squared distances |x - y|^2 = s^2 - u + |y - c|^2 with u = 2 (x - c).(y - c), so the sum is at most
  n e^-s^2 (mean of e^u), where u has mean 0 and |u| <= a = 2 s r and mean square <= 4 s^2 v. As (e^u - 1 - u) / u^2
  grows with u, the mean of e^u is at most 1 + 4 s^2 v (e^a - 1 - a) / a^2 = 1 + v (e^a - 1 - a) / r^2 (Bennett 1962).

Queries go in the groups of their own nearest centroid. In a group, whole clusters are summed pair by pair, those first
that widen its brackets most, until the mean of (upper - lower) / lower, which is no less than that of log upper - log
lower, is within the width asked for. The pairs are taken about the group's own centre, so that float32, at a third of
the time, will do unless the width is small; every sum carries its bound on the rounding, and a group that float32
leaves in doubt is done again in float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genmetrics.kernels.geometry import EPS, Bracket, centre_of, in_threads, split
from genmetrics.kernels.pairwise import log_mean_exp
from genmetrics.kernels.tiles import References, Rows, Space, prepared

PER_CENTROID = 64  # points that k-means looks at
ROUNDS = 6  # of k-means
GROUP = 256  # queries whose bounds are held at a time
BESIDE = 3.0  # how far apart, along an axis, cells may lie whose queries share a group
TIGHT = 2.0  # radius: for larger clusters Bennett's bound is hardly ever below the triangle's
COLUMNS = 1024
FEW = 32  # references: not worth clustering
NORMAL = (1e-30, 1e30)  # units that float32 holds to its precision: beyond, one is 0, infinite or short of digits


@dataclass(frozen=True, eq=False)
class Clusters:
    """References sorted by cluster, and what bounds their sums."""

    members: NDArray[Any]  # (m, d), as they were given
    starts: NDArray[np.intp]  # (k + 1,)
    centroids: NDArray[np.float64]  # (k, d)
    norms: NDArray[np.float64]  # (k,) of the centroids
    sizes: NDArray[np.intp]  # (k,)
    radius: NDArray[np.float64]  # (k,) no member is farther from the centroid, but for rounding
    spread: NDArray[np.float64]  # (k,) mean squared distance of members from the centroid


def clustered_log_mean_exp(
    queries: NDArray[Any],
    references: NDArray[Any],
    *,
    distance: str,
    scale: float,
    width: float,
    clusters: int | None = None,
    seed: int = 0,
) -> Bracket:
    """Bounds on log (1/m) sum_j e^-D(x_i, y_j), on average at most `width` apart.

    Args:
        queries: (n, d) float.
        references: (m, d) float.
        distance, scale: as in `pairwise.log_mean_exp`.
        width: asked of the brackets; rounding may leave them wider.
        clusters: k; None: 4 sqrt(m).
        seed: of k-means. The bounds hold whatever it finds.
    """
    n, m = len(queries), len(references)
    space = Space.of(centre_of(references), distance, scale)
    lower, upper, pairs, k = np.full(n, np.nan), np.full(n, np.nan), 0, 0
    cells = Cells.of(references, space, clusters or int(np.ceil(4 * np.sqrt(m))), seed) if m > FEW else None
    if cells is not None:
        found = sorted_by_cluster(references, cells.nearest(references), space)
        k = len(found.sizes)

        def one_group(rows: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
            with np.errstate(all="ignore"):  # what comes out as inf or nan is computed exactly
                return group_bounds(queries[rows], found, space, width)

        groups = groups_of(cells.nearest(queries), cells.centroids)
        for rows, (below, above, refined) in zip(groups, in_threads(one_group, groups), strict=True):
            lower[rows], upper[rows] = below - np.log(m), above - np.log(m)
            pairs += refined
    rest = ~(upper - lower < np.inf)
    if rest.any():
        exact = log_mean_exp(queries[rest], references, distance=distance, scale=scale)
        lower[rest], upper[rest] = exact.values - exact.error, exact.values + exact.error
        pairs += int(rest.sum()) * m
    return Bracket(lower, upper, details={"share_refined": pairs / (n * m), "clusters": float(k)})


@dataclass(frozen=True, eq=False)
class Cells:
    """Centroids found by k-means in float32, and FAISS's search among them."""

    space: Space
    unit: float
    index: Any
    centroids: NDArray[np.float64]  # (k, d), near ones mostly one after the other

    @classmethod
    def of(cls, references: NDArray[Any], space: Space, k: int, seed: int) -> Cells | None:
        """None where float32 cannot hold the points, or all are one."""
        import faiss

        m, d = references.shape
        sample = references[np.linspace(0, m - 1, min(m, PER_CENTROID * k)).astype(np.intp)]
        with np.errstate(all="ignore"):
            unit = max(float(np.abs(space.scaled(part)).max()) for part in split(references, 4096))
        if not 0 < unit < np.inf:
            return None
        means = faiss.Kmeans(
            d, min(k, m // 2), niter=ROUNDS, seed=seed, min_points_per_centroid=1, max_points_per_centroid=PER_CENTROID
        )
        means.train((space.scaled(sample) / unit).astype(np.float32))
        centroids = means.index.reconstruct_n(0, means.index.ntotal)
        every = np.arange(len(centroids))
        order = np.concatenate(halved(centroids.astype(np.float64), every, np.full(len(every), GROUP)))
        means.index.reset()
        means.index.add(centroids[order])
        return cls(space, unit, means.index, centroids[order].astype(np.float64) * unit)

    def nearest(self, points: NDArray[Any]) -> NDArray[np.intp]:
        """The cell of each point, (n,)."""
        with np.errstate(all="ignore"):
            found = [
                self.index.search((self.space.scaled(part) / self.unit).astype(np.float32), 1)[1][:, 0]
                for part in split(points, 16_384)
            ]
        return np.maximum(np.concatenate(found), 0).astype(np.intp)


def sorted_by_cluster(references: NDArray[Any], cells: NDArray[np.intp], space: Space) -> Clusters:
    """The references of each cell together; centroids, radii and spreads in float64."""
    order = np.argsort(cells, kind="stable")
    members = references[order]
    starts = np.append(np.flatnonzero(np.diff(cells[order], prepend=-1)), len(order))
    centroids, squares = [], []
    for a, b in pairwise(starts):
        points = space.scaled(members[a:b])
        centroids.append(points.mean(axis=0))
        squares.append(np.square(points - centroids[-1]).sum(axis=1))
    centroids = np.array(centroids)
    return Clusters(
        members=members,
        starts=starts,
        centroids=centroids,
        norms=np.sqrt(np.einsum("ij,ij->i", centroids, centroids)),
        sizes=np.diff(starts),
        radius=np.sqrt([square.max() for square in squares]),
        spread=np.array([square.mean() for square in squares]),
    )


def groups_of(cells: NDArray[np.intp], centroids: NDArray[np.float64]) -> list[NDArray[np.intp]]:
    """Rows of one cell together, and those of cells within BESIDE along every axis, up to GROUP of them."""
    order = np.argsort(cells, kind="stable")
    counts = np.bincount(cells, minlength=len(centroids))
    ends = np.cumsum(counts)
    groups = []
    for chosen in halved(centroids, np.flatnonzero(counts), counts):
        rows = np.concatenate([order[ends[c] - counts[c] : ends[c]] for c in chosen])
        groups += split(rows, GROUP)
    return groups


def halved(points: NDArray[np.float64], chosen: NDArray[np.intp], counts: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """The chosen points, halved along their widest axis until each part is one, or near together and GROUP in all."""
    sides = np.ptp(points[chosen], axis=0)
    if len(chosen) == 1 or (counts[chosen].sum() <= GROUP and sides.max() <= BESIDE):
        return [chosen]
    ordered = chosen[np.argsort(points[chosen, sides.argmax()], kind="stable")]
    middle = len(ordered) // 2
    return [part for half in (ordered[:middle], ordered[middle:]) for part in halved(points, half, counts)]


def group_bounds(
    queries: NDArray[Any], found: Clusters, space: Space, width: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Bounds on log sum_j e^-D for a group of queries, (b,) each, and how many pairs were computed for them."""
    centre, pairs = queries.mean(axis=0, dtype=np.float64), 0
    below = above = np.full(len(queries), np.nan)
    for dtype in (np.float32, np.float64) if NORMAL[0] < space.unit < NORMAL[1] else (np.float64,):
        below, above, computed = bounds_in(space.about(centre, dtype), queries, found, space, width)
        pairs += computed
        if not np.isnan(below).any():
            break
    return below, above, pairs


def bounds_in(
    local: Space, queries: NDArray[Any], found: Clusters, space: Space, width: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """The same with pairs computed in `local`; nan where its rounding is too much."""
    x = space.scaled(queries)
    exact = Rows(queries, local)
    own = int(np.argmin(np.square(found.centroids - x.mean(axis=0)).sum(axis=1)))
    for i, y in enumerate(members_of(found, np.array([own]), local)):
        exact.add_all(y, first=i == 0)
    pairs = int(found.sizes[own]) * len(x)
    unknown = np.full(len(x), np.nan)
    if doubtful(rounding_of(exact, found), width).any():  # and it is likely to stay so
        return unknown, unknown, pairs
    near, far_mass = within_reach(x, found, space, float(exact.log_sums().min()) + np.log(width) - 7)
    low, high = bounds_of_clusters(x, found, near, space)
    base = low.max(axis=1)
    # terms below e^-700 are taken for e^-700: far less than the rounding allowed for at the end
    low, high = (np.exp(np.maximum(bound - base[:, None], -700.0)) for bound in (low, high))
    gap, coarse, refined = high - low, near != own, False
    while True:
        below = np.logaddexp(exact.log_sums(), base + np.log(low @ coarse))
        share = np.exp(base - below) @ gap / len(x)  # of each cluster in the mean of (upper - lower) / lower
        share[np.isnan(share)] = np.inf
        share[~coarse] = 0
        error = rounding_of(exact, found)
        allowed = max(width - 2 * float(error.mean()), width / 2)
        if not share.sum() > allowed:
            break
        loosest = np.argsort(-share)
        left = np.cumsum(share[loosest][::-1])[::-1]  # of each and all that follow it
        needed = max(1, int((left > allowed).sum()))
        # the sums rise on the way, most at first: the last of them may not be needed
        chosen = loosest[: needed if refined else max(1, needed // 2)]
        refined = True
        for y in members_of(found, near[chosen], local):
            exact.add_all(y, first=False)
        coarse[chosen] = False
        pairs += int(found.sizes[near[chosen]].sum()) * len(x)
    # the sums of bounds, a rounding a cluster; logarithms of sizes and sums, each below 32, and what is added to them
    slack = (len(near) + 128) * EPS
    below = np.logaddexp(exact.log_sums() - error, base + np.log(low @ coarse) - slack)
    above = np.logaddexp(exact.log_sums() + error, base + np.log(high @ coarse) + slack)
    above = np.logaddexp(above, far_mass)
    return np.where(doubtful(error, width), np.nan, below), above, pairs


def rounding_of(exact: Rows, found: Clusters) -> NDArray[np.float64]:
    """Bound on the error of each row's log-sum so far."""
    return exact.error / exact.total + (COLUMNS + 8) * exact.space.eps + len(found.sizes) * EPS


def doubtful(error: NDArray[np.float64], width: float) -> NDArray[np.bool_]:
    return ~(error <= max(1e-10, width / 8))


def within_reach(
    x: NDArray[np.floating], found: Clusters, space: Space, negligible: float
) -> tuple[NDArray[np.intp], float]:
    """The clusters that may matter to a group, and the log of an upper bound on what all others add to any query.

    By the triangle inequality through the group's centre q, no farther than p from any query: a cluster at s from q
    adds at most n e^-D(s - p - r). What is left out adds up to `negligible` (a logarithm) at most.
    """
    q = x.mean(axis=0)
    reach = float(np.sqrt(np.square(x - q).sum(axis=1).max()))
    s = np.sqrt(np.square(found.centroids - q).sum(axis=1))
    # points were rounded about the space's centre, by twice EPS of their norms; the lengths by d / 2 + 2 times EPS
    rounding = (x.shape[1] + 10) * EPS * (np.linalg.norm(q) + reach + found.norms + found.radius)
    closest = np.maximum(s - reach - found.radius - rounding, 0)
    high = np.log(found.sizes) - (closest if space.rooted else closest**2)
    nearest_first = np.argsort(-high)
    rest = np.logaddexp.accumulate(high[nearest_first][::-1])[::-1]  # of each and all that follow it
    kept = max(1, int((rest > negligible).sum()))
    if kept == len(rest):
        return nearest_first, -np.inf
    left = float(rest[kept])
    return nearest_first[:kept], left + len(rest) * EPS * (abs(left) + 8)  # each sum is rounded, and its logarithm


def bounds_of_clusters(
    x: NDArray[np.floating], found: Clusters, near: NDArray[np.intp], space: Space
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper bounds on log sum e^-D over the members of clusters `near`; see the top of this file."""
    norms, radius, spread, sizes = found.norms[near], found.radius[near], found.spread[near], found.sizes[near]
    square_x = np.einsum("ij,ij->i", x, x)
    square = square_x[:, None] + norms**2 - 2 * (x @ found.centroids[near].T)
    # of the square: rounding of the product, of points and radii, and of the centroids as means of their members
    reach = (np.sqrt(square_x)[:, None] + (norms + radius)) ** 2
    error = reach * ((sizes + x.shape[1] + 20) * EPS)
    close, far = np.sqrt(np.maximum(square - error, 0)), np.sqrt(np.maximum(square, 0) + error)
    count = np.log(sizes)
    beyond = np.maximum(close - radius, 0) * (1 - 4 * EPS)
    if space.rooted:
        return count - np.sqrt(far**2 + spread), count - beyond
    low = count - (far**2 + spread) - error
    high = -(beyond**2)
    tight = np.flatnonzero(radius < TIGHT)
    a = 2 * far[:, tight] * radius[tight]
    with np.errstate(over="ignore", invalid="ignore"):  # infinity is a bound, and fmin leaves out what is no number
        excess = np.expm1(a) - a  # off by 3 EPS e^a a, while `error` is above 40 EPS a, since a <= reach / 2
        shape = np.divide(spread, radius**2, out=np.zeros_like(spread), where=radius > 0)[tight]
        bennett = np.log(1 + shape * excess) - close[:, tight] ** 2 + error[:, tight]
    high[:, tight] = np.fmin(bennett, high[:, tight])
    return low, count + high


def members_of(found: Clusters, chosen: NDArray[np.intp], space: Space) -> Iterator[References]:
    """The members of some clusters, in blocks of neighbours."""
    chosen = np.sort(chosen)
    runs = np.split(chosen, np.flatnonzero(np.diff(chosen) > 1) + 1)
    slices = [found.members[found.starts[run[0]] : found.starts[run[-1] + 1]] for run in runs]
    i = 0
    while i < len(slices):
        j, size = i + 1, len(slices[i])
        while j < len(slices) and size + len(slices[j]) <= COLUMNS:
            size += len(slices[j])
            j += 1
        members = slices[i] if j == i + 1 else np.concatenate(slices[i:j])
        for part in split(members, 2 * COLUMNS):
            yield prepared(part, space)
        i = j
