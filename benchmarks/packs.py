"""Readers of the packs of real images in ../shared/data: research-only test material that no user needs.

Each reader gives NumPy: uint8 images in the layout of the pack, (n, h, w) or (n, h, w, 3), and int64 labels. A pack
that is not there is a `MissingPack`, whose message names the file; scripts end with it, tests are skipped.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CELEBA_IMAGES = 10_000
MOSAIC = 1000  # CIFAR-10 images in one WebP picture: 25 rows of 40


class MissingPack(FileNotFoundError):
    """A pack that is not on this machine."""


class Labelled(NamedTuple):
    """Images and the class of each."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


def pack(name: str) -> dict[str, NDArray[Any]]:
    """The arrays of ../shared/data/NAME.npz.

    Raises:
        MissingPack: there is no such file.
    """
    file = DATA / f"{name}.npz"
    if not file.is_file():
        raise MissingPack(f"needs the pack {name}.npz in {DATA}; it is test material that does not ship with the code")
    with np.load(file, allow_pickle=False) as opened:
        return {key: opened[key] for key in opened.files}


def mnist(part: str) -> Labelled:
    """MNIST, part "train" (60,000) or "test" (10,000): images (n, 28, 28), in the original order."""
    return labelled(pack(f"mnist_{part}"))


def cifar10_test() -> Labelled:
    """The first 1,000 CIFAR-10 test images, (1000, 32, 32, 3); classes are named in CIFAR10."""
    return labelled(pack("cifar10_test1k"))


def cifar10_train(n: int = 50_000) -> Labelled:
    """The first `n` CIFAR-10 training images, lossless, (n, 32, 32, 3), in the original order."""
    images = np.empty((n, 32, 32, 3), np.uint8)
    labels = np.empty(n, np.int64)
    done = 0
    for half in ("a", "b"):
        if done == n:
            break
        content = pack(f"cifar10_train_lossless_{half}")
        for place, mosaic in enumerate(pictures(content["webp"], content["offsets"], range(25))):
            some = mosaic.reshape(25, 32, 40, 32, 3).swapaxes(1, 2).reshape(-1, 32, 32, 3)[: n - done]
            images[done : done + len(some)] = some
            labels[done : done + len(some)] = content["y"][place * MOSAIC :][: len(some)]
            done += len(some)
    return Labelled(images, labels)


def imagenet1k(rows: Sequence[int] = range(1000)) -> Labelled:
    """ImageNet images, one of each class: centre squares (len(rows), 224, 224, 3); image i is of class i."""
    content = pack("imagenet1k_224_jpeg")
    images = list(pictures(content["bytes"], content["offsets"], rows))
    return Labelled(np.stack(images), content["y"][list(rows)].astype(np.int64))


def imagenet_wnids() -> list[str]:
    """WordNet identifiers of the 1,000 classes, in the order of their labels."""
    return pack("imagenet1k_224_jpeg")["wnid"].tolist()


def celeba(rows: Sequence[int] = range(CELEBA_IMAGES)) -> NDArray[np.uint8]:
    """CelebA 000001 to 010000, (len(rows), 109, 89, 3): 278 MiB if all are taken."""
    content = pack("celeba10k_jpeg")
    images = np.empty((len(rows), 109, 89, 3), np.uint8)
    for place, image in enumerate(pictures(content["bytes"], content["offsets"], rows)):
        images[place] = image
    return images


def labelled(content: dict[str, NDArray[Any]]) -> Labelled:
    return Labelled(content["x"], content["y"].astype(np.int64))


def pictures(data: NDArray[np.uint8], offsets: NDArray[np.int64], rows: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
    """The encoded images `rows` of a pack, decoded one at a time as RGB (h, w, 3)."""
    from PIL import Image

    for i in rows:
        with Image.open(io.BytesIO(data[offsets[i] : offsets[i + 1]].tobytes())) as image:
            yield np.asarray(image.convert("RGB"))
