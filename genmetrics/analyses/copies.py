"""Nearest training images of samples, and whether a conditional sample is nearest to the image it was made from.

Basart (2017) asks the second of an augmenting generator: one that changes nothing has learned nothing, and one whose
samples are nearest to other images than their own sources has drawn them from memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genmetrics._checks import DataError
from genmetrics.analyses.discriminability import interval_of
from genmetrics.metrics.neighbours import nearest_neighbours

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from genmetrics.sides import Side

BLOCK_BYTES = 1 << 26  # pixels held at once, of each set


@dataclass(frozen=True, eq=False)
class Found:
    """The k nearest training images of each sample, nearest first, both in canonical order."""

    indices: NDArray[np.int64]  # (n, k)
    distances: NDArray[np.float64]  # (n, k); L2 as root mean square and L1 as mean, in grey levels; 1 - cosine


def by_cosine(samples: Any, train: Any, k: int) -> Found:
    """Nearest by cosine of features; features of length 0 are left pointing along the first axis."""
    x, y = (np.array(z, np.float64) for z in (samples, train))
    for z in (x, y):
        z[~z.any(axis=1), 0] = 1.0
    near = nearest_neighbours(x, y, k, "cosine")
    return Found(near.indices, near.distances)


def by_pixels(samples: Side, train: Side, k: int, progress: Callable[..., Iterable[Any]]) -> dict[str, Found]:
    """Nearest by L2 and by L1 on pixels; both sets stream past in blocks."""
    channels = max(samples.images.channels, train.images.channels)
    height, width = next(iter(train.images.sizes))
    size = channels * height * width
    step = max(k, BLOCK_BYTES // (4 * size))
    parts: dict[str, list[Found]] = {"l2": [], "l1": []}
    starts = range(0, len(samples), step)
    for start in progress(starts, "neighbours on pixels", len(starts)):
        queries = flattened(samples, start, min(start + step, len(samples)), channels)
        best = {name: Found(np.empty((len(queries), 0), np.int64), np.empty((len(queries), 0))) for name in parts}
        for first in range(0, len(train), step):
            pixels = flattened(train, first, min(first + step, len(train)), channels)
            for name, held in best.items():
                near = nearest_neighbours(queries, pixels, min(k, len(pixels)), name)
                best[name] = nearer(held, Found(near.indices + first, near.distances), k)
        for name, held in best.items():
            unit = np.sqrt(size) if name == "l2" else size
            parts[name].append(Found(held.indices, held.distances / unit))
    return {
        name: Found(np.concatenate([f.indices for f in some]), np.concatenate([f.distances for f in some]))
        for name, some in parts.items()
    }


def nearer(a: Found, b: Found, k: int) -> Found:
    """The k nearest of two lists; equal distances in order of index."""
    indices = np.concatenate([a.indices, b.indices], axis=1)
    distances = np.concatenate([a.distances, b.distances], axis=1)
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return Found(np.take_along_axis(indices, order, 1), np.take_along_axis(distances, order, 1))


def flattened(side: Side, start: int, stop: int, channels: int) -> NDArray[np.float32]:
    """Images as rows of grey levels."""
    return np.stack(side.take(range(start, stop), channels)).reshape(stop - start, -1).astype(np.float32)


def in_file_order(indices: NDArray[np.int64], samples: Side, train: Side) -> NDArray[np.int64]:
    """Canonical neighbours as places in the files' order, one row a sample in its files' order."""
    found = np.empty_like(indices)
    found[samples.features.order] = train.features.order[indices]
    return found


def share(hits: NDArray[np.bool_]) -> tuple[float, float, float, float]:
    """Share, standard error, and Wilson's 95% interval."""
    error, low, high = interval_of(np.asarray(hits, float))
    return float(np.mean(hits)), error, low, high


def read_sources(path: Path, samples: int, train: int) -> NDArray[np.int64]:
    """Number of the training image that each sample was made from, in the order of the samples' files.

    Raises:
        DataError: not one whole number for each sample, or one that is no training image.
    """
    try:
        if path.suffix == ".npy":
            numbers = np.load(path, allow_pickle=False)
        else:
            numbers = np.array(path.read_text(encoding="utf-8").split(), np.int64)
    except (ValueError, OverflowError) as error:
        raise DataError(f"--sources {path}: cannot be read as whole numbers, one a line ({error})") from None
    if numbers.shape != (samples,) or numbers.dtype.kind not in "iu":
        raise DataError(
            f"--sources {path}: expected {samples} whole numbers, one for each sample, got {numbers.dtype} "
            f"of shape {numbers.shape}"
        )
    if samples and (numbers.min() < 0 or numbers.max() >= train):
        raise DataError(
            f"--sources {path}: names training images {numbers.min()} to {numbers.max()}, but there are {train}, "
            "numbered from 0"
        )
    return numbers.astype(np.int64)
