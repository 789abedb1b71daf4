"""Exact k nearest neighbours through FAISS, certified: ranks come from float64 distances, ties go by index.

FAISS proposes k + MARGIN candidates in float32. Their distances are computed again in float64 from differences, and
a query is accepted only if the last candidate is farther than the k-th by more than float32 can be wrong; otherwise
that query is compared with every reference.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from genmetrics._checks import DataError, blocks
from genmetrics.kernels.geometry import centre_of

MARGIN = 8
BLOCK_BYTES = 1 << 26


def k_nearest(
    queries: NDArray[Any], references: NDArray[Any], k: int, metric: str
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Indices and distances (n, k) of the k nearest references of each query; metric "l1" or "l2".

    Nearest first; equal distances in order of index.
    """
    centre = centre_of(references)
    unit = largest_deviation(queries, references, centre)
    x = ((queries - centre) / unit).astype(np.float32)
    y = ((references - centre) / unit).astype(np.float32)
    found = min(k + MARGIN, len(references))
    candidates, last = propose(x, y, found, metric)
    indices, distances = ranked(queries, references, candidates, k, metric)
    if found < len(references):
        sure = distances[:, -1] < unit * (last - float32_error(x, y, metric, last))
        for i in np.flatnonzero(~sure):
            everyone = np.arange(len(references))[None]
            indices[i], distances[i] = ranked(queries[i : i + 1], references, everyone, k, metric)
    return indices, distances


def largest_deviation(
    queries: NDArray[Any], references: NDArray[Any], centre: NDArray[np.float64]
) -> np.floating[Any] | float:
    """The largest |coordinate| about the centre, so that float32 neither overflows nor underflows; 1 if it is 0."""
    largest = max(float(np.abs(block - centre).max()) for part in (queries, references) for block in blocks(part))
    if not largest < np.sqrt(np.finfo(float).max / queries.shape[1]):
        raise DataError(f"coordinates differ by {largest:.3g}, whose squares overflow float64; scale the features down")
    return largest or 1.0


def propose(
    x: NDArray[np.float32], y: NDArray[np.float32], k: int, metric: str
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """FAISS's k nearest of each query (n, k), and its distance to the last of them (n,)."""
    import faiss

    index = faiss.IndexFlat(y.shape[1], faiss.METRIC_L1 if metric == "l1" else faiss.METRIC_L2)
    index.add(y)  # pyright: ignore[reportCallIssue]
    distances, indices = index.search(x, k)  # pyright: ignore[reportCallIssue]
    last = distances[:, -1].astype(np.float64)
    return indices, last if metric == "l1" else np.sqrt(np.maximum(last, 0))


def float32_error(
    x: NDArray[np.float32], y: NDArray[np.float32], metric: str, distance: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How far FAISS's float32 `distance` from each query can be from the truth."""
    d, eps = x.shape[1], float(np.finfo(np.float32).eps)
    if metric == "l1":
        reach = np.abs(x).sum(axis=1, dtype=np.float64) + np.abs(y).sum(axis=1, dtype=np.float64).max()
        return (d + 4) * eps * (distance + reach)
    reach = np.sqrt((x.astype(np.float64) ** 2).sum(axis=1)) + np.sqrt((y.astype(np.float64) ** 2).sum(axis=1).max())
    square_error = (d + 4) * eps * reach**2
    # sqrt(a) - sqrt(a - e) <= sqrt(e), and <= e / sqrt(a)
    return np.minimum(np.sqrt(square_error), square_error / np.maximum(distance, np.finfo(float).tiny))


def ranked(
    queries: NDArray[Any], references: NDArray[Any], candidates: NDArray[np.int64], k: int, metric: str
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The k nearest of each query's candidates by float64 differences, ties by index."""
    width = candidates.shape[1]
    indices = np.empty((len(queries), k), np.int64)
    distances = np.empty((len(queries), k))
    rows = max(1, BLOCK_BYTES // (8 * queries.shape[1] * width))
    for start in range(0, len(queries), rows):
        block = np.sort(np.broadcast_to(candidates, (len(queries), width))[start : start + rows], axis=1)
        apart = direct(queries[start : start + rows], references, block, metric)
        order = np.argsort(apart, axis=1, kind="stable")[:, :k]
        indices[start : start + rows] = np.take_along_axis(block, order, axis=1)
        distances[start : start + rows] = np.take_along_axis(apart, order, axis=1)
    return indices, distances


def direct(
    queries: NDArray[Any], references: NDArray[Any], candidates: NDArray[np.int64], metric: str
) -> NDArray[np.float64]:
    """Distances (n, c) of each query to its candidates, from differences; a few queries' worth held at a time."""
    apart = np.empty(candidates.shape)
    step = max(1, BLOCK_BYTES // (8 * queries.shape[1] * max(1, len(queries))))
    for start in range(0, candidates.shape[1], step):
        part = candidates[:, start : start + step]
        difference = references[part].astype(np.float64) - queries[:, None].astype(np.float64)
        norm = np.abs(difference).sum(axis=2) if metric == "l1" else np.sqrt(np.square(difference).sum(axis=2))
        apart[:, start : start + step] = norm
    return apart
