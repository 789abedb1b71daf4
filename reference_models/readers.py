"""Readers of images to train on: .npz files, folders and zips, and torchvision's data sets by name."""

from __future__ import annotations

import io
import itertools
import os
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from genmetrics._checks import DataError

TORCHVISION = {"mnist": "MNIST", "cifar10": "CIFAR10", "cifar100": "CIFAR100", "svhn": "SVHN"}
TILES = 40  # images in a row of a mosaic


class Labelled(NamedTuple):
    """What a source holds."""

    name: str
    images: np.ndarray  # (n, channels, height, width) uint8
    labels: np.ndarray | None  # (n,) int64


def read(path: str, side: int | None) -> Labelled:
    """The images at a path: an .npz file, a folder, a zip of images.

    Args:
        side: images that are not of one size, or not square, are cropped and resized to it; see `square`.
    """
    if path.endswith(".npz"):
        found = read_npz(path)
        return found if side is None else found._replace(images=all_square(found.images, side))
    return read_pictures(path, side)


def read_npz(path: str) -> Labelled:
    """A file's images (n, h, w), (n, h, w, c) or (n, c, h, w) and labels; or encoded images, see `decoded`.

    Raises:
        DataError: not an .npz file, no images, wrong type or shape, or labels that do not fit.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            wanted = ("x", "arr_0", "y", "bytes", "webp", "offsets")
            arrays = {key: file[key] for key in file.files if key in wanted}
    except (OSError, ValueError, zipfile.BadZipFile, AttributeError) as error:
        raise DataError(f"{path}: not an .npz file of arrays ({error})") from None
    images = arrays.get("x", arrays.get("arr_0"))
    if images is None and "offsets" in arrays:
        images = decoded(arrays, path)
    if images is None:
        raise DataError(f"{path}: holds no array `x`; expected images `x` and, for a classifier, labels `y`")
    images = channels_first(images, path)
    return Labelled(path, images, as_labels(arrays["y"], len(images), path) if "y" in arrays else None)


def decoded(arrays: dict[str, np.ndarray], path: str) -> np.ndarray:
    """Images that are kept as files one after the other: file i is bytes[offsets[i]:offsets[i + 1]].

    `bytes` holds one image a file; `webp` holds mosaics of square tiles, 40 in a row, as many as there are labels.

    Raises:
        DataError: they cannot be decoded, or are not of one size.
    """
    from PIL import Image, UnidentifiedImageError

    content = arrays.get("bytes", arrays.get("webp"))
    if content is None:
        raise DataError(f"{path}: holds `offsets` but neither `bytes` nor `webp`")
    ends = arrays["offsets"]
    try:
        files = [content[i:j].tobytes() for i, j in itertools.pairwise(ends)]
        pictures = [np.asarray(Image.open(io.BytesIO(file))) for file in files]
        if "webp" in arrays:
            side = pictures[0].shape[1] // TILES
            pictures = [tiles(picture, side) for picture in pictures]
            return np.concatenate(pictures)
        return np.stack(pictures)
    except (OSError, UnidentifiedImageError, ValueError) as error:
        raise DataError(f"{path}: its images cannot be decoded ({error})") from None


def tiles(mosaic: np.ndarray, side: int) -> np.ndarray:
    """The square tiles of a picture (rows, columns, channels), row by row."""
    rows, channels = len(mosaic) // side, mosaic.shape[2]
    return mosaic.reshape(rows, side, TILES, side, channels).swapaxes(1, 2).reshape(-1, side, side, channels)


def read_pictures(path: str, side: int | None) -> Labelled:
    """A folder or zip of images, read by `genmetrics.sources`; folders below its root are the classes.

    Raises:
        DataError: there are none, or they are of several sizes and no side is given.
    """
    from genmetrics.sources import open_images

    found = open_images(path, "dataset")
    if side is None and len(found.sizes) > 1:
        sizes = ", ".join(f"{h}x{w}" for h, w in sorted(found.sizes)[:4])
        raise DataError(f"{path}: images have {len(found.sizes)} sizes ({sizes}, ...); give the wanted one with --side")
    first = next(iter(found.sizes))
    height, width = first if side is None else (side, side)
    images = np.empty((len(found), found.channels, height, width), np.uint8)
    for i, image in enumerate(found.stream()):
        images[i] = image.transpose(2, 0, 1) if side is None else square(image, side).transpose(2, 0, 1)
    return Labelled(path, images, found.labels)


def all_square(images: np.ndarray, side: int) -> np.ndarray:
    """Every image (n, c, h, w) as `square` has it."""
    if images.shape[2:] == (side, side):
        return images
    return np.stack([square(image.transpose(1, 2, 0), side).transpose(2, 0, 1) for image in images])


def square(image: np.ndarray, side: int) -> np.ndarray:
    """The largest centred square of an image (h, w, c), brought to `side` by Pillow's antialiased bicubic."""
    from PIL import Image

    height, width, channels = image.shape
    size = min(height, width)
    top, left = (height - size) // 2, (width - size) // 2
    part = image[top : top + size, left : left + size]
    if size == side:
        return part
    picture = Image.fromarray(np.ascontiguousarray(part[:, :, 0] if channels == 1 else part))
    return np.asarray(picture.resize((side, side), Image.Resampling.BICUBIC)).reshape(side, side, channels)


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
    """Class numbers, one per image; -1 where the label is missing.

    Raises:
        DataError: not n whole numbers from -1.
    """
    if labels.shape != (n,) or labels.dtype.kind not in "iu" or (n and labels.min() < -1):
        raise DataError(
            f"{path}: y has shape {labels.shape}, dtype {labels.dtype}; expected {n} class numbers from 0, or -1 for a "
            "missing label"
        )
    return labels.astype(np.int64)


def from_torchvision(name: str) -> tuple[Labelled, Labelled]:
    """Training and test images of a data set that torchvision knows, downloaded once into `data_folder`.

    Raises:
        DataError: it is not there and cannot be downloaded.
    """
    from torchvision import datasets

    cls = getattr(datasets, TORCHVISION[name])
    found = []
    for part in ("train", "test"):
        which: dict[str, Any] = {"split": part} if name == "svhn" else {"train": part == "train"}
        try:
            data = cls(str(data_folder()), download=True, **which)
        except (OSError, RuntimeError) as error:
            raise DataError(
                f"{name} is not in {data_folder()} and cannot be downloaded ({str(error).splitlines()[0]}); put its "
                "files there as torchvision names them, or give an .npz file or a folder of images to --dataset"
            ) from None
        images = np.asarray(data.data)
        labels = np.asarray(data.labels if name == "svhn" else data.targets)
        found.append(Labelled(name, channels_first(images, name), as_labels(labels, len(images), name)))
    return found[0], found[1]


def data_folder() -> Path:
    """Where downloaded data sets are kept: $GENMETRICS_DATA, or the user's cache folder."""
    from platformdirs import user_cache_path

    return Path(os.environ.get("GENMETRICS_DATA") or user_cache_path("genmetrics") / "data")
