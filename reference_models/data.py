"""Labelled uint8 images to train on: scikit-learn's digits by name, or any .npz file with `x` and `y`."""

from __future__ import annotations

import hashlib
import zipfile
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


def load(name: str) -> Dataset:
    """The data set of this name, or of this .npz file.

    Raises:
        DataError: neither a known name nor a file; or the file does not hold labelled uint8 images.
    """
    if name == "digits":
        s = digits.splits(SPLIT_SEED)
        train, test, held_out = (Images(p.images[:, None], p.labels) for p in (s.train, s.test, s.held_out))
        return Dataset(name, train, test, held_out, classes=10)
    if Path(name).is_file():
        return from_npz(name)
    if name.endswith(".npz"):
        raise DataError(f"{name}: no such file")
    raise unknown_name("data set", name, NAMES)


def from_npz(path: str) -> Dataset:
    """A file's images (n, h, w), (n, h, w, c) or (n, c, h, w); a tenth each is for testing and held out.

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
    labels = as_labels(arrays.get("y"), len(images), path)
    tenth = len(images) // 10
    if tenth < 1:
        raise DataError(f"{path}: {len(images)} images, but at least 10 are needed to split off a test set")
    train, test, held_out = (
        Images(images[rows], labels[rows]) for rows in digits.split_indices(labels, (tenth, tenth), SPLIT_SEED)
    )
    return Dataset(str(path), train, test, held_out, int(labels.max()) + 1 if "y" in arrays else 0)


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


def as_labels(labels: np.ndarray | None, n: int, path: str) -> np.ndarray:
    """Class numbers, one per image; zeros where there are none.

    Raises:
        DataError: not n whole numbers from 0.
    """
    if labels is None:
        return np.zeros(n, np.int64)
    if labels.shape != (n,) or labels.dtype.kind not in "iu" or labels.min() < 0:
        raise DataError(f"{path}: y has shape {labels.shape}, dtype {labels.dtype}; expected {n} class numbers from 0")
    return labels.astype(np.int64)
