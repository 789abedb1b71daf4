"""How often does the 95% interval of MS-SSIM diversity hold the true mean? Nominal 95%, accepted 92 to 98%.

    python benchmarks/coverage_ms_ssim.py [--sets 4000] [--image-sets 1000]

Each set of images is drawn afresh, its pairs by `draw_pairs`, its interval by `diversity_of_pairs`. Two
values of a pair: a Gaussian kernel on normal vectors, whose mean is known in closed form, and MS-SSIM
itself on grey images of 16 px, whose true mean is that of 400,000 disjoint pairs. Writes
benchmarks/results/coverage_ms_ssim.csv.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

from genmetrics.analyses.ms_ssim import ms_ssim, ms_ssim_of_pairs
from genmetrics.analyses.pairs import diversity_of_pairs, draw_pairs

RESULT = Path(__file__).parent / "results" / "coverage_ms_ssim.csv"
FIELDS = [
    "value",
    "images",
    "classes",
    "pairs_a_class",
    "sets",
    "coverage",
    "too_low",
    "too_high",
    "mean_width",
    "bias",
]
DESIGNS = [(1000, 1, 100), (20, 1, 100), (400, 1, 10_000), (10, 1, 100), (200, 10, 100), (50, 10, 100)]
DIMENSIONS = 2


def vectors(rng, n):
    return rng.standard_normal((n, DIMENSIONS))


def kernel_of_pairs(x, pairs):
    return np.exp(-((x[pairs[:, 0]] - x[pairs[:, 1]]) ** 2).sum(axis=1) / 2)


def kernel_mean():
    """E exp(-|x - y|^2 / 2): x - y is normal with variance 2, so 3^(-1/2) in each dimension."""
    return 3 ** (-DIMENSIONS / 2)


def images(rng, n, side=16):
    """(n, 1, side, side) uint8: a common pattern under noise at every octave."""
    common = 40 * np.sin(np.arange(side) / 3)
    image = np.zeros((n, 1, side, side)) + common
    for cells in (2, 4, 8, 16):
        noise = rng.standard_normal((n, 1, cells, cells)) * 60 / cells**0.7
        image += noise.repeat(side // cells, 2).repeat(side // cells, 3)
    return (image + 128).clip(0, 255).astype(np.uint8)


def ms_ssim_mean(pairs=400_000, block=20_000):
    rng = np.random.default_rng(1)
    return np.mean([ms_ssim(images(rng, block), images(rng, block)).mean() for _ in range(pairs // block)])


def row(name, draw, value_of_pairs, truth, n, classes, pairs, sets):
    labels = np.arange(n) % classes
    errors, widths = [], []
    low = high = 0
    for number in range(sets):
        drawn, of = draw_pairs(n, labels, pairs, seed=number)
        found = diversity_of_pairs(value_of_pairs(draw(np.random.default_rng([2, number]), n), drawn), drawn, of)
        low, high = low + (found.high < truth), high + (found.low > truth)
        errors.append(found.value - truth)
        widths.append(found.high - found.low)
    missed = (low + high) / sets
    bias = f"{np.mean(errors):.1e}"
    return [name, n, classes, pairs, sets, f"{1 - missed:.4f}", low, high, f"{np.mean(widths):.4f}", bias]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=4000)
    parser.add_argument("--image-sets", type=int, default=1000)
    options = parser.parse_args()
    truth = ms_ssim_mean()
    rows = [FIELDS]
    print(*FIELDS)
    for design in DESIGNS:
        few = min(options.image_sets, 300) if design[2] > 1000 else options.image_sets
        of_images = (lambda x, pairs: ms_ssim_of_pairs(x, pairs)[0], truth, *design, few)
        rows.append(row("kernel", vectors, kernel_of_pairs, kernel_mean(), *design, options.sets))
        print(*rows[-1], flush=True)
        rows.append(row("ms-ssim", images, *of_images))
        print(*rows[-1], flush=True)
    RESULT.parent.mkdir(exist_ok=True)
    with RESULT.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


if __name__ == "__main__":
    main()
