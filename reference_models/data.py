"""Labelled uint8 images to train on: scikit-learn's digits by name, or any .npz file with `x` and `y`."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from genmetrics import digits
from genmetrics._checks import DataError, unknown_name

NAMES = ("digits",)
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
            content.update(np.ascontiguousarray(array).tobytes())
        return content.hexdigest()


def load(names: str | Sequence[str], test_set: str | None = None) -> Dataset:
    """The data set of this name, or of these .npz files one after the other.

    Args:
        names: a name from NAMES, or one or more paths.
        test_set: a file whose images are the test part; without one, a tenth of the images is split off.

    Raises:
        DataError: neither a known name nor a file; or a file does not hold labelled uint8 images.
    """
    names = [names] if isinstance(names, str) else list(names)
    if names == ["digits"] and test_set is None:
        s = digits.splits(SPLIT_SEED)
        train, test, held_out = (Images(p.images[:, None], p.labels) for p in (s.train, s.test, s.held_out))
        return Dataset("digits", train, test, held_out, classes=10)
    for name in (*names, *([test_set] if test_set else ())):
        if not Path(name).is_file():
            raise DataError(f"{name}: no such file") if name.endswith(".npz") else unknown_name("data set", name, NAMES)
    return split(joined([read_npz(name) for name in names], names), read_npz(test_set) if test_set else None)


def blank(shape: tuple[int, int, int], classes: int, n: int = 1) -> Dataset:
    """`n` black images in each part: enough to build a model for images of this shape."""
    part = Images(np.zeros((n, *shape), np.uint8), np.arange(n) % max(classes, 1))
    return Dataset("blank images", part, part, part, classes)


class Labelled(NamedTuple):
    """What files hold."""

    name: str
    images: np.ndarray  # (n, channels, height, width) uint8
    labels: np.ndarray | None  # (n,) int64


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
        parts.insert(
            1, Images(test.images, np.zeros(len(test.images), np.int64) if test.labels is None else test.labels)
        )
    train, tested, held_out = parts
    classes = 0 if data.labels is None else int(max(labels.max(), tested.labels.max())) + 1
    return Dataset(data.name, train, tested, held_out, classes)


def read_npz(path: str) -> Labelled:
    """A file's images (n, h, w), (n, h, w, c) or (n, c, h, w), and its labels.

    Raises:
        DataError: not an .npz file, no `x`, wrong type or shape, or labels that do not fit.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files if key in ("x", "y")}
    except (OSError, ValueError, zipfile.BadZipFile, AttributeError) as error:
        raise DataError(f"{path}: not an .npz file of arrays ({error})") from None
    if "x" not in arrays:
        raise DataError(f"{path}: holds no array `x`; expected images `x` and, for a classifier, labels `y`")
    images = channels_first(arrays["x"], path)
    return Labelled(str(path), images, as_labels(arrays["y"], len(images), path) if "y" in arrays else None)


def channels_first(images: np.ndarray, path: str) -> np.ndarray:
    """uint8 images as (n, channels, height, width).

    Raises:
        DataError: not uint8, or the shape is not that of grey or colour images.
    """
    if images.dtype != np.uint8:
        raise DataError(f"{path}: x has dtype {images.dtype}; expected uint8 images, 0..255")
    if images.ndim == 3:
        return images[:, None]
    if images.ndim == 4 and images.shape[1] in (1, 3):
        return images
    if images.ndim == 4 and images.shape[3] in (1, 3):
        return images.transpose(0, 3, 1, 2)
    raise DataError(f"{path}: x has shape {images.shape}; expected (n, h, w), (n, h, w, 1 or 3) or (n, 1 or 3, h, w)")


def as_labels(labels: np.ndarray, n: int, path: str) -> np.ndarray:
    """Class numbers, one per image.

    Raises:
        DataError: not n whole numbers from 0.
    """
    if labels.shape != (n,) or labels.dtype.kind not in "iu" or labels.min() < 0:
        raise DataError(f"{path}: y has shape {labels.shape}, dtype {labels.dtype}; expected {n} class numbers from 0")
    return labels.astype(np.int64)
