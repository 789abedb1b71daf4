"""Folders of real images for the comparisons with peers, made from the packs of `benchmarks/packs.py`.

    python benchmarks/parity/image_folders.py OUT [--n 256]

In each folder two halves, a/ and b/, of n images. OUT/imagenet: the pack's 224-pixel squares brought to 256 by Pillow's
bicubic, as JPEG of quality 95; OUT/cifar10 (32 pixels) and OUT/celeba (109 x 89), as PNG. Research data: not to be
kept in the repository.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))
import packs

NAMES = ("cifar10", "celeba", "imagenet")


def pictures(name: str, n: int) -> list[np.ndarray]:
    """The first n images of a pack, uint8 (h, w, 3)."""
    if name == "cifar10":
        return list(packs.cifar10_test().images[:n])
    if name == "celeba":
        return list(packs.celeba(range(n)))
    small = [Image.fromarray(image) for image in packs.imagenet1k(range(n)).images]
    return [np.asarray(image.resize((256, 256), Image.Resampling.BICUBIC)) for image in small]


def make(name: str, out: Path, n: int, *, negative: bool = False) -> tuple[Path, Path]:
    """Two folders of n images each; those of b/ as negatives, on request, so that the two differ."""
    halves = (out / name / "a", out / name / "b")
    images = pictures(name, 2 * n)
    if negative:
        images[n:] = [255 - image for image in images[n:]]
    for folder, part in zip(halves, (images[:n], images[n:]), strict=True):
        folder.mkdir(parents=True)
        for i, image in enumerate(part):
            if name == "imagenet":
                Image.fromarray(image).save(folder / f"{i:05d}.jpg", quality=95)
            else:
                Image.fromarray(image).save(folder / f"{i:05d}.png")
    return halves


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--n", type=int, default=256)
    arguments = parser.parse_args()
    for name in NAMES:
        print(*make(name, arguments.out, arguments.n))


if __name__ == "__main__":
    main()
