"""A set of images that have been checked: what is known of it, and its pixels as a stream."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np

from genmetrics._arrays import Range
from genmetrics._checks import DataError, count, to_numpy

Kind = Literal["folder", "zip", "tar", "npz", "npy", "array", "dataset", "iterator", "features", "statistics"]


@dataclass(frozen=True)
class Options:
    """What a caller says of a source; see `open_images`."""

    labels: Any = None
    value_range: Range | None = None
    layout: str | None = None
    skip_damaged: bool | None = None
    data_root: str | os.PathLike[str] | None = None
    download: bool = False


class Pixels(Protocol):
    """Where the pixels of a set come from."""

    @property
    def decoder(self) -> str: ...  # what makes pixels of files, with its version; "" if they are not encoded

    def stream(self, rows: Iterable[int]) -> Iterator[np.ndarray]:
        """The images at `rows`, which mostly follow one another, as uint8 (h, w, 1 or 3)."""
        ...

    def take(self, rows: Iterable[int]) -> list[np.ndarray]:
        """The images at `rows`, here and there."""
        ...


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images that have been checked and can be read again and again, in the same order."""

    name: str  # "real", "generated", "train"
    origin: str  # a path, or 'array of shape ...'
    kind: Kind
    n: int
    channels: int  # 1 if every image is grey, else 3
    sizes: dict[tuple[int, int], int]  # (height, width) -> how many
    digest: str  # SHA-256 of the content: not of names, dates, labels
    labels: np.ndarray | None  # (n,) int64, indexes into classes
    classes: tuple[str, ...] | None
    warnings: tuple[str, ...]
    pixels: Pixels = field(repr=False)

    def __len__(self) -> int:
        return self.n

    def __bool__(self) -> bool:
        return True  # also of statistics that do not say how many images they are of

    @property
    def decoder(self) -> str:
        """What makes pixels of the source's files, with its version; "" for arrays."""
        return self.pixels.decoder

    def stream(
        self,
        channels: int | None = None,
        *,
        rows: Iterable[int] | None = None,
        workers: int = 0,
        ahead: int = 16,
    ) -> Iterator[np.ndarray]:
        """Every image as a fresh C-contiguous uint8 (h, w, c) array.

        Args:
            channels: 3 repeats grey images; 1 is for sets that are all grey; None is `self.channels`.
            rows: only these, in this order; asked for as they are needed.
            workers: processes that decode image files ahead; 0 decodes here. The pixels are the same.
            ahead: how many images each of them decodes at a time.

        Raises:
            DataError: grey images asked of a set in colour; while reading, a file is damaged or has changed.
        """
        channels = self.check_channels(channels)
        rows = range(self.n) if rows is None else rows
        if workers and self.decoder:
            from genmetrics.sources.workers import decoded_ahead

            images = decoded_ahead(self.pixels, rows, workers, ahead)
        else:
            images = self.pixels.stream(rows)
        return (with_channels(image, channels) for image in images)

    def take(self, indices: Iterable[int], channels: int | None = None) -> list[np.ndarray]:
        """The images at `indices`, in that order: the ones that `stream` gives there.

        Raises:
            IndexError: an index is not in 0..n-1.
            DataError: as `stream`.
        """
        channels = self.check_channels(channels)
        wanted = [int(i) for i in indices]
        for i in wanted:
            if not 0 <= i < self.n:
                raise IndexError(f"{self.name}: no image {i}, there are {self.n}")
        return [with_channels(image, channels) for image in self.pixels.take(wanted)]

    def check_channels(self, channels: int | None) -> int:
        """The number of channels to give when `channels` are asked for."""
        if channels not in (None, 1, 3):
            raise ValueError(f"channels must be 1, 3 or None, got {channels!r}")
        if channels == 1 and self.channels == 3:
            raise DataError(f"{self.name}: {self.origin} is in colour, but grey images are needed; convert it first")
        return channels or self.channels

    def summary(self) -> dict[str, Any]:
        """What a record keeps of the set, as JSON values."""
        return {
            "origin": self.origin,
            "kind": self.kind,
            "n": self.n,
            "digest": self.digest,
            "sizes": {f"{height}x{width}": many for (height, width), many in sorted(self.sizes.items())},
            "channels": self.channels,
            "classes": None if self.classes is None else list(self.classes),
        }


def with_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """A grey image repeated to `channels`; any other as it is."""
    return np.repeat(image, channels, axis=2) if image.shape[2] < channels else image


def as_labels(labels: Any, n: int, name: str) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
    """Labels as int64 indexes into the sorted class names (integers by value, strings in natural order)."""
    if labels is None:
        return None, None
    values = to_numpy(labels)
    if values.ndim != 1 or len(values) != n:
        shape = f"{len(values)} labels" if values.ndim == 1 else f"labels of shape {values.shape}"
        raise DataError(f"{name}: {shape} for {count(n, 'image')}; give one label for each image, in their order")
    if values.dtype.kind not in "iubU":
        raise DataError(f"{name}: labels must be integers or strings, got {values.dtype}")
    unique, where = np.unique(values, return_inverse=True)
    order = sorted(range(len(unique)), key=lambda i: natural(unique[i]) if unique.dtype.kind == "U" else i)
    return np.argsort(order)[where].astype(np.int64), tuple(str(unique[i]) for i in order)


def natural(path: str) -> tuple[Any, ...]:
    """Sorting key of a relative path: folder by folder, digits by their value."""
    parts = [re.split(r"([0-9]+)", part) for part in path.split("/")]
    return ([[int(x) if x.isdigit() and x.isascii() else x for x in part] for part in parts], path)
