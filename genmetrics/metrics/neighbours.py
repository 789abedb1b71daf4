"""Nearest neighbours of images in another set: what a sample may have been copied from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genmetrics._checks import DataError, as_features, blocks, count, one_of, same_width
from genmetrics.kernels.neighbours import k_nearest

NEIGHBOUR_METRICS = ("l2", "l1", "cosine")


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The k nearest references of each query, nearest first."""

    indices: NDArray[np.int64]  # (n, k)
    distances: NDArray[np.float64]  # (n, k)


def nearest_neighbours(queries: Any, references: Any, k: int = 1, metric: str = "l2") -> Neighbours:
    """The k nearest references of each query, exact, equal distances in order of index.

    Args:
        queries: (n, d) pixels or features.
        references: (m, d) of the same kind; k <= m.
        k: neighbours of each query.
        metric: "l2" |x-y|_2, "l1" |x-y|_1, or "cosine" 1 - cos(x, y), between 0 and 2.

    Returns:
        indices (n, k) into references; distances (n, k) in the units of the input, ascending.

    Raises:
        DataError: empty sets, different widths, fewer references than k, NaN or inf, a zero vector for cosine.
    Source: Odena et al. (2017), arXiv:1610.09585, section 4.5 (L1 on pixels); Huang et al. (2018), appendix E.
    """
    one_of(metric, "metric", NEIGHBOUR_METRICS)
    x, y = as_features(queries, "queries"), as_features(references, "references")
    same_width(x.shape[1], y.shape[1], ("queries", "references"))
    if not 1 <= k <= len(y):
        raise DataError(f"k must lie between 1 and the {count(len(y), 'reference')}, got {k}")
    if metric != "cosine":
        return Neighbours(*k_nearest(x, y, k, metric))
    indices, chord = k_nearest(on_unit_sphere(x, "queries"), on_unit_sphere(y, "references"), k, "l2")
    return Neighbours(indices, chord**2 / 2)  # |x-y|^2 = 2 - 2 cos on the unit sphere


def on_unit_sphere(x: NDArray[Any], name: str) -> NDArray[np.float64]:
    """Rows divided by their length."""
    largest = np.abs(x).max(axis=1).astype(np.float64)
    if (largest == 0).any():
        raise DataError(f"{name}: row {int((largest == 0).argmax())} is all zeros and has no direction for cosine")
    x = x / largest[:, None]  # whose squares neither overflow nor underflow
    return x / np.concatenate([np.sqrt(np.square(block).sum(axis=1)) for block in blocks(x)])[:, None]
