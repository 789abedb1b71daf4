"""Does accuracy rise with resolution on real images as in AC-GAN's figure, and is it flat for enlarged small ones?

Needs the packs in ../shared/data. Three curves:

1. the 1,000 ImageNet images at 224 px, SqueezeNet 1.1 (one image a class, so no table of classes); the paper's real
   images get 24, 54, 81 and 81% at 32, 64, 128 and 256 px from Inception-v3;
2. the same images made 16 px and enlarged again, as if a model drew them: flat above 16;
3. 1,000 CIFAR-10 test images at 32 px, ResNet-56, with its table of classes.

    python benchmarks/discriminability.py [--images 1000]

Writes benchmarks/results/discriminability.csv and discriminability_classes.csv, and docs/pictures/discriminability.svg.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import networks
import numpy as np
import packs

import genmetrics as gm
from genmetrics._console import shown
from genmetrics.analyses.discriminability import degraded
from genmetrics.reports.curves import quality_curves

HERE = Path(__file__).parent
RESULTS, PICTURES = HERE / "results", HERE.parent / "docs" / "pictures"
PUBLISHED = {32: 24, 64: 54, 128: 81, 256: 81}  # percent, Inception-v3, read off figure 2 of arXiv:1610.09585


def rows_of(name, found):
    for row in found:
        better = "" if row.better_at_best is None else f"{row.better_at_best:.3f}"
        numbers = [f"{x:.4f}" for x in (row.value, row.std, row.std_error, row.low, row.high)]
        yield [name, found.n, row.level, *numbers, f"{row.loss:.4f}", better]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1000)
    options = parser.parse_args()
    some = packs.imagenet1k(range(0, 1000, 1000 // options.images))
    squeezenet, resnet = networks.Classifier("squeezenet"), networks.Classifier("resnet56")
    small = np.concatenate([degraded(part, 16, "tf1-bilinear") for part in np.array_split(some.images, 20)])
    cifar = packs.cifar10_test()
    names = np.array(packs.CIFAR10)[cifar.labels]
    curves = {
        "ImageNet": gm.resolution_discriminability(*some, squeezenet, (16, 32, 64, 128), progress=shown),
        "ImageNet, 16 px enlarged": gm.resolution_discriminability(
            small, some.labels, squeezenet, (16, 32, 64, 128), progress=shown
        ),
        "CIFAR-10": gm.resolution_discriminability(cifar.images, names, resnet, (4, 8, 16, 24), progress=shown),
    }
    table = [["images", "n", "resolution", "accuracy", "std", "std_error", "low", "high", "loss", "better_at_native"]]
    table += [line for name, found in curves.items() for line in rows_of(name, found)]
    for line in table:
        print("  ".join(str(cell).rjust(10) for cell in line))
    write(RESULTS / "discriminability.csv", table)
    classes = [["class", *(row.level for row in curves["CIFAR-10"])]]
    for name in packs.CIFAR10:
        classes.append([name, *(f"{row.per_class[name]['value']:.3f}" for row in curves["CIFAR-10"])])
    write(RESULTS / "discriminability_classes.csv", classes)
    PICTURES.mkdir(parents=True, exist_ok=True)
    (PICTURES / "discriminability.svg").write_bytes(
        quality_curves({name: found.rows for name, found in curves.items()}, "Accuracy against resolution")
    )


def write(path, table):
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(table)


if __name__ == "__main__":
    main()
