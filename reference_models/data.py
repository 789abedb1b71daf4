"""Labelled uint8 images to train on, in three disjoint parts: by name, or from files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from genmetrics import digits
from genmetrics._checks import DataError, unknown_name
from reference_models import readers
from reference_models.readers import Labelled

NAMES = ("digits", *readers.TORCHVISION)
PARTS = ("train", "test", "held_out")
SPLIT_SEED = 0  # one split per data set, whatever the seed of a run: a test image is never trained on


class Images(NamedTuple):
    images: np.ndarray  # (n, channels, height, width) uint8
    labels: np.ndarray  # (n,) int64; all 0 where the file has none

    def __len__(self) -> int:
        return len(self.images)  # of the images, not of the pair


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images in three disjoint parts."""

    name: str
    train: Images
    test: Images
    held_out: Images
    classes: int  # 0: no labels

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        channels, height, width = self.train.images.shape[1:]
        return channels, height, width

    def digest(self) -> str:
        """SHA-256 of the training images and labels."""
        content = hashlib.sha256(repr(self.shape).encode())
        for array in self.train:
            content.update(np.ascontiguousarray(array))
        return content.hexdigest()


def load(names: str | Sequence[str], test_set: str | None = None, side: int | None = None) -> Dataset:
    """The data set of this name, or the images at these paths, one after the other.

    Args:
        names: a name from NAMES, or one or more .npz files, folders or zips of images.
        test_set: a path whose images are the test part; without one, a tenth of the images is split off.
        side: images are cropped to a centred square and resized to this many pixels.

    Raises:
        DataError: neither a known name nor a path; or what is there cannot be used.
    """
    names = [names] if isinstance(names, str) else list(names)
    if len(names) == 1 and names[0] in NAMES and test_set is None and side is None:
        return named(names[0])
    for name in (*names, *([test_set] if test_set else ())):
        if not Path(name).exists():
            looks_like_path = name.endswith((".npz", ".zip")) or "/" in name
            raise DataError(f"{name}: no such file") if looks_like_path else unknown_name("data set", name, NAMES)
    test = readers.read(test_set, side) if test_set else None
    return split(joined([readers.read(name, side) for name in names], names), test)


def named(name: str) -> Dataset:
    """A data set that comes with its own test part."""
    if name in readers.TORCHVISION:
        return split(*readers.from_torchvision(name))
    s = digits.splits(SPLIT_SEED)
    train, test, held_out = (Images(p.images[:, None], p.labels) for p in (s.train, s.test, s.held_out))
    return Dataset("digits", train, test, held_out, classes=10)


def blank(shape: tuple[int, int, int], classes: int, n: int = 1) -> Dataset:
    """`n` black images in each part: enough to build a model for images of this shape."""
    part = Images(np.zeros((n, *shape), np.uint8), np.arange(n) % max(classes, 1))
    return Dataset("blank images", part, part, part, classes)


def joined(files: list[Labelled], names: list[str]) -> Labelled:
    """The images of all files, in their order.

    Raises:
        DataError: their sizes differ, or some have labels and others none.
    """
    first = files[0]
    for other in files[1:]:
        if other.images.shape[1:] != first.images.shape[1:] or (other.labels is None) != (first.labels is None):
            raise DataError(
                f"{other.name} holds images of shape {other.images.shape[1:]} {with_or_without(other)}, "
                f"but {first.name} of {first.images.shape[1:]} {with_or_without(first)}"
            )
    labels = None if first.labels is None else np.concatenate([f.labels for f in files if f.labels is not None])
    return Labelled(" + ".join(names), np.concatenate([f.images for f in files]), labels)


def with_or_without(file: Labelled) -> str:
    return "without labels" if file.labels is None else "with labels"


def split(data: Labelled, test: Labelled | None) -> Dataset:
    """A tenth of the images is held out; so is another for testing, unless there is a test set.

    Raises:
        DataError: fewer than 10 images, or a test set of other images.
    """
    n = len(data.images)
    if n < 10:
        raise DataError(f"{data.name}: {n} images, but at least 10 are needed to split some off")
    labels = np.zeros(n, np.int64) if data.labels is None else data.labels
    sizes = (n // 10,) if test else (n // 10, n // 10)
    parts = [Images(data.images[rows], labels[rows]) for rows in digits.split_indices(labels, sizes, SPLIT_SEED)]
    if test:
        joined([data, test], [data.name, test.name])  # raises if they do not fit
        none = np.zeros(len(test.images), np.int64)
        parts.insert(1, Images(test.images, none if test.labels is None else test.labels))
    train, tested, held_out = parts
    classes = 0 if data.labels is None else int(max(labels.max(), tested.labels.max())) + 1
    return Dataset(data.name, train, tested, held_out, classes)
