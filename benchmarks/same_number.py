"""One number whatever the images come in, in whatever order, with any workers and batch size: on the Inception.

Needs the CIFAR-10 test pack in ../shared/data; random weights in the published layout stand in for the Inception's
(parity/random_inception.py). Acceptance: all metrics, those that depend on order too, to 1e-6 relative.

    python benchmarks/same_number.py [--images 20]
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from packs import cifar10_test
from PIL import Image

import genmetrics as gm

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "same_number.csv"
METRICS = ["frechet", "sfid", "kernel", "inception-score", "precision", "recall", "density", "coverage", "ddm"]
CONTAINERS = ["folder", "a.zip", "a.tar", "a.tgz", "s-{0..2}.tar", "a.npz", "a.npy"]
BOUND = 1e-6
Images = NDArray[np.uint8]


class Pairs:
    """A torch data set of (image, label)."""

    def __init__(self, images: Images) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> tuple[Images, int]:
        return self.images[i], 0


def batches(images: Images) -> Iterator[Any]:
    """An iterator of float tensors (k, 3, h, w) in [-1, 1], as a sampler gives them."""
    import torch

    for i in range(0, len(images), 7):
        yield torch.from_numpy(images[i : i + 7]).permute(0, 3, 1, 2) / 127.5 - 1


def written(side: Path, images: Images, seed: int) -> None:
    """The images as every kind of file, in an order of its own in each."""
    random = np.random.default_rng(seed)
    folder = side / "folder"
    folder.mkdir(parents=True)
    for i, k in enumerate(random.permutation(len(images))):
        Image.fromarray(images[k]).save(folder / f"{i:05d}.png")
    files = sorted(folder.iterdir())
    with zipfile.ZipFile(side / "a.zip", "w") as archive:
        for i, k in enumerate(random.permutation(len(files))):
            archive.write(files[k], f"deep/down/{i}.png")
    for suffix, mode in (("tar", "w"), ("tgz", "w:gz")):
        with tarfile.open(side / f"a.{suffix}", mode) as archive:
            archive.add(folder, "x")
    for shard in range(3):
        with tarfile.open(side / f"s-{shard}.tar", "w") as archive:
            for file in files[shard::3]:
                archive.add(file, file.name)
    np.savez_compressed(side / "a.npz", images=images[random.permutation(len(images))])
    np.save(side / "a.npy", images[random.permutation(len(images))])


def variations(place: Path, sides: list[Images]) -> Iterator[tuple[str, list[Any], dict[str, Any]]]:
    """What is done, the two sides, settings of `evaluate`."""
    for name in CONTAINERS:
        yield name, [f"{place}/{side}/{name}" for side in range(2)], {}
    yield "array", sides, {}
    yield "array, reversed", [images[::-1] for images in sides], {}
    yield "torch data set", [Pairs(images) for images in sides], {}
    yield "iterator of tensors", [batches(images) for images in sides], {"value_range": (-1, 1)}
    for workers in (0, 1, 2):
        for size in (1, 7, 64):
            folders = [place / str(side) / "folder" for side in range(2)]
            yield f"folder, {workers} workers, batch size {size}", folders, {"workers": workers, "batch_size": size}


def values(sides: list[Any], weights: Path, settings: dict[str, Any]) -> NDArray[np.float64]:
    record = gm.evaluate(*sides, metrics=METRICS, intervals=False, cache=False, weights=weights, **settings)
    return np.array([record[name].value for name in METRICS])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=20)
    n = parser.parse_args().images
    pack = cifar10_test().images
    sides = [pack[:n], pack[n : 2 * n]]
    rows, first = [], np.empty(0)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        weights = place / "random.pth"
        subprocess.run([sys.executable, str(HERE / "parity" / "random_inception.py"), str(weights)], check=True)
        for side, images in enumerate(sides):
            written(place / str(side), images, side)
        for what, given, settings in variations(place, sides):
            found = values(given, weights, settings)
            first = first if rows else found
            moved = np.abs(found - first) / np.maximum(np.abs(first), BOUND)
            rows.append([what, *(f"{value:.9g}" for value in found), f"{moved.max():.1e}"])
            print(f"{what:40} {moved.max():.1e}", flush=True)
    worst = max(float(row[-1]) for row in rows)
    made = f"{n} images a side, {date.today()}, {os.cpu_count()} cores"
    with RESULTS.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["images from", *METRICS, "largest relative difference from the first row", "made"])
        table.writerows([*row, made] for row in rows)
    print(f"{len(rows)} ways, largest relative difference {worst:.1e}")
    if worst > BOUND:
        raise SystemExit(f"not the same number: it should be at most {BOUND:.0e}")


if __name__ == "__main__":
    main()
