"""Samples are not copies of training images."""

from __future__ import annotations

import numpy as np
from claim import PRESET, RUNS, Claim, Finding, Row, decided, main, over_seeds, packs
from samples import drawn

import genmetrics as gm

SEEDS, N, BY_CHANCE = (0, 1, 2), 1000, 0.001

CLAIM = Claim(
    "AC-GAN, arXiv:1610.09585",
    "Section 4.5, Figure 8",
    "Nearest training images in L1 on pixels show no memorised images.",
    f"AC-GAN on MNIST, {PRESET} preset, seeds 0, 1, 2; {N:,} samples and {N:,} test images, each with its nearest of "
    "60,000 training images; a sample counts as a copy if it is nearer than all but 0.1% of the test images.",
)


def measure() -> Finding:
    train = flat(packs.mnist("train").images)
    real = nearest(flat(packs.mnist("test").images[:N]), train)
    limit = float(np.quantile(real, BY_CHANCE))
    shares, medians = [], []
    for seed in SEEDS:
        found = nearest(flat(drawn(RUNS / "acgan" / f"mnist-{seed}", N)), train)
        shares.append(float((found < limit).mean()))
        medians.append(float(np.median(found) / np.median(real)))
    share = over_seeds("share of samples nearer than 0.1% of test images are", shares, share=True)
    nearer = over_seeds("median distance over that of test images", medians)
    smallest = Row("limit: L1 distance, of pixels in [0, 1]", limit)
    few = decided(-share.high, -share.low, -0.01)
    return Finding(
        [share, nearer, smallest],
        few,
        f"{share.value:.2%} [{share.low:.2%}, {share.high:.2%}] of the samples are that near; less than 1% is "
        f"taken as none. At the median a sample is {nearer.value:.2f} times as far from its nearest training image as "
        "a test image is.",
    )


def flat(images: np.ndarray) -> np.ndarray:
    return (images.reshape(len(images), -1) / 255).astype(np.float32)


def nearest(queries: np.ndarray, references: np.ndarray) -> np.ndarray:
    return gm.nearest_neighbours(queries, references, metric="l1").distances[:, 0]


if __name__ == "__main__":
    main(__file__, CLAIM, measure)
