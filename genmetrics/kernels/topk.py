"""Log-sum-exp from the nearest references alone, through FAISS: the rest is bounded.

With S_k the sum over the k nearest references of a query, computed from float64 differences, and d the distance below
which no other reference lies, log S_k <= log S <= log(S_k + (m - k) e^-D(d)). FAISS ranks in float32: d is its k-th
distance less all that float32 can be wrong by. Queries whose bracket is too wide are asked again with a larger k, and
those that would need a large share of all references get all of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from genmetrics.kernels.geometry import EPS, Bracket, centre_of, split, to_scaled
from genmetrics.kernels.pairwise import log_mean_exp

FIRST_K, GROWTH = 64, 4
LARGEST_K = 2048  # beyond it the streamed sum is faster than a heap
QUERIES = 1024
GATHERED = 1 << 22  # float64 numbers of differences held at a time


def top_k_log_mean_exp(
    queries: NDArray[Any], references: NDArray[Any], *, distance: str, scale: float, width: float, index: str = "flat"
) -> Bracket:
    """Bounds on log (1/m) sum_j e^-D(x_i, y_j), at most `width` apart for each query.

    Args:
        queries: (n, d) float.
        references: (m, d) float.
        distance, scale: as in `pairwise.log_mean_exp`.
        width: asked of each query's bracket; rounding of the exact sum may leave it wider.
        index: "flat" compares every pair; "ivf" only the pairs in the cells nearest to a query, so that its bracket
            holds only if no nearer reference lies elsewhere: it is not certified.
    """
    n, m = len(queries), len(references)
    lower, upper = np.full(n, -np.inf), np.full(n, np.inf)
    open_rows = np.arange(n)
    k, largest_k = min(FIRST_K, m), 0
    found = Nearest(references, index) if usable(queries, references) else None
    while found is not None and len(open_rows) and largest_k < k <= min(LARGEST_K, max(FIRST_K, m // 4)):
        for rows in split(open_rows, QUERIES):
            lower[rows], upper[rows] = bracket(found, queries[rows], references, k, distance, scale)
        open_rows = open_rows[~(upper[open_rows] - lower[open_rows] <= width)]
        largest_k, k = k, min(GROWTH * k, m)
    if len(open_rows):
        exact = log_mean_exp(queries[open_rows], references, distance=distance, scale=scale)
        lower[open_rows], upper[open_rows] = exact.values - exact.error, exact.values + exact.error
    details = {"share_exact": len(open_rows) / n, "largest_k": float(largest_k)}
    return Bracket(lower, upper, certified=index == "flat", details=details)


def usable(queries: NDArray[Any], references: NDArray[Any]) -> bool:
    """FAISS's float32 can hold these points: they differ, and no square overflows."""
    low, high = references.min(axis=0), references.max(axis=0)
    with np.errstate(all="ignore"):
        reach = np.maximum(high.astype(float), queries.max(axis=0)) - np.minimum(low.astype(float), queries.min(axis=0))
        return bool(0 < reach.max() < np.sqrt(np.finfo(float).max / reach.size))


class Nearest:
    """FAISS's index of the references, and how wrong its distances can be."""

    def __init__(self, references: NDArray[Any], index: str) -> None:
        import faiss

        self.centre = centre_of(references)
        self.unit = max(float(np.abs(part - self.centre).max()) for part in split(references, 4096)) or 1.0
        y = self.scaled(references)
        self.reach = float(norms(y).max())
        self.m, d = y.shape
        self.index = faiss.IndexFlatL2(d)
        if index == "ivf":
            cells = max(1, int(np.sqrt(self.m)))
            self.index = faiss.IndexIVFFlat(self.index, d, cells)
            self.index.nprobe = max(8, cells // 16)
            self.index.cp.min_points_per_centroid = 1
            self.index.train(y)
        self.index.add(y)

    def scaled(self, points: NDArray[Any]) -> NDArray[np.float32]:
        return ((points - self.centre) / self.unit).astype(np.float32)

    def search(self, queries: NDArray[Any], k: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """k candidates of each query, and the distance below which no other reference lies."""
        x = self.scaled(queries)
        squares, indices = self.index.search(x, k)
        # float32 products and norms, and the rounding of the points themselves; Higham (2002), section 3.1
        error = (x.shape[1] + 10) * float(np.finfo(np.float32).eps) * (norms(x) + self.reach) ** 2
        beyond = np.sqrt(np.maximum(squares[:, -1].astype(np.float64) - error, 0)) * self.unit
        return indices, np.where(np.isfinite(beyond), beyond, 0.0)


def norms(points: NDArray[np.float32]) -> NDArray[np.float64]:
    """Their lengths, rounded up."""
    return np.sqrt(np.einsum("ij,ij->i", points, points, dtype=np.float64)) * (1 + 1e-6)


def bracket(
    found: Nearest, queries: NDArray[Any], references: NDArray[Any], k: int, distance: str, scale: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The bounds from k candidates, (b,) each."""
    indices, beyond = found.search(queries, k)
    m = len(references)
    near = squares_from_differences(queries, references, np.maximum(indices, 0))
    near[indices < 0] = np.inf  # an approximate index that found fewer
    to_scaled(near, distance, scale)
    first = near.min(axis=1)
    with np.errstate(all="ignore"):
        log_sum = np.log(np.exp(first[:, None] - near).sum(axis=1)) - first
        tail = np.square(beyond) * (1 - 4 * EPS)
        to_scaled(tail, distance, scale)
        outside = np.log(m - k) - tail if k < m else np.full(len(near), -np.inf)
        # differences err by d + 4 roundings of D, and so do the terms that matter; k terms are added
        rounding = (references.shape[1] + 4) * EPS * (first + 80) + (k + 8) * EPS + EPS * np.abs(log_sum)
        lower, upper = log_sum - rounding, np.logaddexp(log_sum, outside) + rounding
    return lower - np.log(m), upper - np.log(m)


def squares_from_differences(
    queries: NDArray[Any], references: NDArray[Any], indices: NDArray[np.int64]
) -> NDArray[np.float64]:
    """|x_i - y_j|^2 for the references listed for each query, (b, k)."""
    square = np.empty(indices.shape)
    step = max(1, GATHERED // (indices.shape[1] * queries.shape[1]))
    for i in range(0, len(queries), step):
        difference = references[indices[i : i + step]].astype(np.float64) - queries[i : i + step, None]
        square[i : i + step] = np.einsum("ijk,ijk->ij", difference, difference)
    return square
