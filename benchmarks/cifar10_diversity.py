"""Does the diversity analysis find the classes that were made to collapse, and does it say whether they are recognised?

Needs the packs in ../shared/data. Real: 1,000 CIFAR-10 test images. Samples: 100 training images of each class, damaged
on purpose: in three classes only 3 different images, with a little noise (collapsed, still recognised); in two of the
others what is shown is a mean of 8 images (blurred together: more alike, and hardly recognised). Pairs of images within
a class, as in AC-GAN; ResNet-56 for the accuracies.

    python benchmarks/cifar10_diversity.py

Writes benchmarks/results/cifar10_diversity.csv, and docs/pictures/diversity_classes.svg and diversity_joint.svg.
"""

from __future__ import annotations

import csv
from pathlib import Path

import figures
import networks
import numpy as np
import packs

import genmetrics as gm
from genmetrics.analyses.collapse import joint_analysis, share_below_largest_real
from genmetrics.reports.curves import joint_scatter
from genmetrics.reports.plots import class_scatter

RESULT = Path(__file__).parent / "results" / "cifar10_diversity.csv"
REPEATED, MIXED = ("cat", "ship", "frog"), ("bird", "truck")
A_CLASS, DIFFERENT, MEAN_OF = 100, 3, 8


def samples(seed=0):
    """1,000 images and their classes by name."""
    images, labels = packs.cifar10_train(10_000)
    rng = np.random.default_rng(seed)
    made, names = [], []
    for number, name in enumerate(packs.CIFAR10):
        own = images[labels == number].astype(float)
        if name in REPEATED:
            x = own[rng.integers(0, DIFFERENT, A_CLASS)] + rng.normal(0, 4, (A_CLASS, 32, 32, 3))
        elif name in MIXED:
            x = own[: A_CLASS * MEAN_OF].reshape(A_CLASS, MEAN_OF, 32, 32, 3).mean(axis=1)
        else:
            x = own[:A_CLASS]
        made.append(x.clip(0, 255).round().astype(np.uint8))
        names += [name] * A_CLASS
    return np.concatenate(made), np.array(names)


def main():
    images, names = samples()
    test, labels = packs.cifar10_test()
    real = gm.ms_ssim_diversity(test.transpose(0, 3, 1, 2), np.array(packs.CIFAR10)[labels])
    found = gm.ms_ssim_diversity(images.transpose(0, 3, 1, 2), names)
    resnet = networks.Classifier("resnet56")
    accuracy = gm.resolution_discriminability(images, names, resnet, ()).best.per_class
    means = {which: {c: row["value"] for c, row in d.per_class.items()} for which, d in (("r", real), ("s", found))}
    seen = {c: row["value"] for c, row in accuracy.items()}
    below = share_below_largest_real(means["s"], means["r"])
    joint = joint_analysis(seen, means["s"], below.threshold, unseen=0.5)
    table = [["class", "real", "samples", "samples_low", "samples_high", "accuracy"]]
    for name in packs.CIFAR10:
        row = found.per_class[name]
        numbers = (means["r"][name], row["value"], row["low"], row["high"], seen[name])
        table.append([name, *(f"{x:.4f}" for x in numbers)])
    for line in table:
        print("  ".join(cell.rjust(12) for cell in line))
    print(f"overall: real {real.value:.4f} [{real.low:.4f}, {real.high:.4f}], ", end="")
    print(f"samples {found.value:.4f} [{found.low:.4f}, {found.high:.4f}]")
    print(f"{below.share:.0%} of classes below {below.threshold:.4f}; above it: {', '.join(below.collapsed)}")
    print(joint)
    with RESULT.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(table)
    figures.save("diversity_classes.svg", class_scatter(means["r"], means["s"], "CIFAR-10, five classes damaged"))
    axes, lines = ("MS-SSIM of samples", "accuracy of ResNet-56"), (joint.threshold, joint.unseen)
    svg = joint_scatter(means["s"], seen, "Accuracy against MS-SSIM", axes, lines)
    figures.save("diversity_joint.svg", svg)


if __name__ == "__main__":
    main()
