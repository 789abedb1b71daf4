"""How many pairs a second, against pytorch-msssim in the same run, when an image is in 1 pair and in 10?

    python benchmarks/ms_ssim_speed.py [--side 256] [--pairs 160] [--repeats 5] [--threads 1]

Both sides get the same pairs of the same uint8 images. Seconds are of CPU, so that other work on the machine
weighs little; rounds alternate between the two, and the ratio is the median of the rounds' ratios. Writes
benchmarks/results/ms_ssim_speed.csv.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import time
from pathlib import Path

import numpy as np
import pytorch_msssim
import torch

from genmetrics.analyses.ms_ssim import ms_ssim_of_pairs

RESULT = Path(__file__).parent / "results" / "ms_ssim_speed.csv"
FIELDS = [
    "protocol",
    "side",
    "pairs_of_an_image",
    "images",
    "pairs",
    "pairs_per_cpu_s",
    "pytorch_msssim_pairs_per_cpu_s",
    "ratio",
]


def blotches(n, side, seed):
    """(n, 3, side, side) uint8: noise at every octave, coarse the strongest, as in photographs."""
    rng = np.random.default_rng(seed)
    image = np.zeros((n, 3, side, side))
    for cells in (2**k for k in range(1, 8)):
        field = rng.normal(size=(n, 3, cells, cells)) / cells**0.7
        image += field.repeat(-(-side // cells), 2).repeat(-(-side // cells), 3)[:, :, :side, :side]
    return (image * (50 / image.std()) + 128).clip(0, 255).astype(np.uint8)


def pairs_with_degree(images, degree):
    """Each image paired with its next degree / 2 neighbours on a circle; degree 1: two by two."""
    if degree == 1:
        return np.arange(images).reshape(-1, 2)
    return np.array([(i, (i + step) % images) for i in range(images) for step in range(1, degree // 2 + 1)])


def by_pytorch_msssim(images, pairs, batch=4):
    """Four pairs at a time: of 1, 2, 4, 8 and 16 the fastest, or within 10% of it."""
    values = []
    for part in np.array_split(pairs, -(-len(pairs) // batch)):
        a, b = (torch.from_numpy(images[part[:, side]]).float() for side in (0, 1))
        values.append(pytorch_msssim.ms_ssim(a, b, data_range=255, size_average=False).numpy())
    return np.concatenate(values)


def seconds(work):
    start = time.process_time()
    work()
    return time.process_time() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--pairs", type=int, default=160)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = []
    for degree in (1, 10):
        pairs = pairs_with_degree(options.pairs * 2 // degree, degree)
        images = blotches(int(pairs.max()) + 1, options.side, seed=0)
        for protocol in ("msssim-channel", "msssim-google"):
            ms_ssim_of_pairs(images, pairs[:4], protocol), by_pytorch_msssim(images, pairs[:4])  # warm up
            rounds = [
                (seconds(lambda: ms_ssim_of_pairs(images, pairs, protocol)),  # noqa: B023
                 seconds(lambda: by_pytorch_msssim(images, pairs)))  # noqa: B023
                for _ in range(options.repeats)
            ]  # fmt: skip
            ours, theirs = (len(pairs) / statistics.median(column) for column in zip(*rounds, strict=True))
            ratio = statistics.median(b / a for a, b in rounds)
            counts = (options.side, degree, len(images), len(pairs))
            rows.append([protocol, *counts, f"{ours:.1f}", f"{theirs:.1f}", f"{ratio:.2f}"])
    table = [FIELDS, *([str(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))
    RESULT.parent.mkdir(exist_ok=True)
    with RESULT.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(table)
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}; written to {RESULT}")


if __name__ == "__main__":
    main()
