"""Does an AC-GAN that makes larger images put more of the class into them than one that makes smaller ones?

The paper's figure 2, bottom (section 4.1), in small: one model of MNIST at 28 pixels, one at 14, each with three seeds
that were chosen before any was trained, in the quick preset; the classifier `mnist-cnn` on samples made small and
enlarged again. Those of the 14-pixel model are enlarged first, so its curve must be flat from 14 on. Real images above.

    OMP_NUM_THREADS=1 python benchmarks/acgan_resolutions.py [--runs runs/acgan] [--cifar10]

--cifar10: 16 and 32 pixels at the paper's length, and ResNet-56, for a GPU. Writes results/acgan_resolutions.csv and
docs/pictures/acgan_resolutions.svg. The runs at 28 pixels are those of mnist_acgan.py; five minutes more of one core.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import figures
import lengths
import numpy as np
import torch
from acgan_runs import CIFAR10, MNIST, QUICK, RESULTS, classifier, levels, run_of, write_csv

import genmetrics as gm
from genmetrics._console import shown
from genmetrics.reports.curves import quality_curves
from genmetrics.resizing import RESIZES
from reference_models.conditional import labelled_samples
from reference_models.monitor import last_channel

SEEDS = (0, 1, 2)  # declared before the first run
N = 10_000


def enlarged(images: np.ndarray, side: int) -> np.ndarray:
    """Images (n, c, h, w) at this many pixels a side, by the bilinear resize of the analysis."""
    if images.shape[2] == side:
        return images
    parts = [torch.from_numpy(part) for part in np.array_split(images, 1 + len(images) // 500)]
    large = [RESIZES["tf1-bilinear"](part, (side, side)) for part in parts]
    return torch.cat(large).clamp(0, 255).round().to(torch.uint8).numpy()


def curve(images: np.ndarray, labels: np.ndarray, below: tuple[int, ...], network: Any) -> Any:
    return gm.resolution_discriminability(last_channel(images), labels, network, below, progress=shown)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=lengths.RUNS / "acgan")
    parser.add_argument("--cifar10", action="store_true")
    asked = parser.parse_args()
    name, data, sides = ("cifar10", CIFAR10, (16, 32)) if asked.cifar10 else ("mnist", MNIST, (14, 28))
    network = classifier("resnet56" if asked.cifar10 else "mnist-cnn")
    settings: tuple[Any, ...] = ("--channels-last", "--compile") if asked.cifar10 else QUICK
    native, below = sides[1], (sides[1] // 4, sides[0])
    curves, table = {}, []
    for seed in SEEDS:
        for side in sides:
            out = asked.runs / (f"{name}-{seed}" if side == native else f"{name}-side{side}-{seed}")
            smaller = () if side == native else ("--side", side)
            model, dataset = run_of(out, *data, *settings, "--seed", seed, *smaller)
            images, labels = labelled_samples(model, N, 0)
            found = curve(enlarged(images, native), labels, below, network)
            curves[f"{side} px, seed {seed}"] = found.rows
            table += levels(found, images=f"{side} px model", seed=seed)
            if side == native and seed == SEEDS[0]:
                real = curve(dataset.test.images, dataset.test.labels, below, network)
                table += levels(real, images="real", seed="")
    for row in table:
        print(*(f"{v:.4f}" if isinstance(v, float) else v for v in row.values()), sep="\t")
    write_csv(RESULTS / f"acgan_resolutions{'_cifar10' if asked.cifar10 else ''}.csv", table)
    svg = quality_curves({"real": real.rows, **curves}, "Accuracy against resolution", real="real")
    figures.save(f"acgan_resolutions{'_cifar10' if asked.cifar10 else ''}.svg", svg)


if __name__ == "__main__":
    main()
