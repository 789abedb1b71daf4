"""Pairwise MS-SSIM of an image set that streams: only the images of the pairs at hand are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from genmetrics._checks import UnsuitableError
from genmetrics.analyses.ms_ssim import (
    SMALLEST_SIDE,
    diversity_of_pairs,
    draw_pairs,
    ms_ssim_of_pairs,
    notes_on_dropped_classes,
    notes_on_size,
)
from genmetrics.records import Estimate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from genmetrics.sides import Side

PAIRS_A_CLASS = 100  # AC-GAN, section 4.2
PAIRS_WITHOUT_LABELS = 10_000  # PGGAN, IntroVAE
PROTOCOL = "msssim-google"


class Stack:
    """A readable set as a uint8 array of shape (n, c, h, w) whose rows are read when they are asked for."""

    dtype = np.dtype(np.uint8)

    def __init__(self, images: Side) -> None:
        name, sizes = images.images.name, images.images.sizes
        if len(sizes) > 1:
            raise UnsuitableError(f"{name}: images have {len(sizes)} sizes, but MS-SSIM compares pairs of one size")
        height, width = next(iter(sizes))
        if min(height, width) < SMALLEST_SIDE:
            raise UnsuitableError(f"{name}: images are {height}x{width}, but MS-SSIM needs sides of {SMALLEST_SIDE}")
        self.images = images
        self.shape = (len(images), images.images.channels, height, width)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        return np.stack(self.images.take(rows)).transpose(0, 3, 1, 2)


def ms_ssim_estimate(images: Side, *, seed: int = 0, intervals: bool = True) -> Estimate:
    """Mean MS-SSIM of 100 random pairs within each class; of 10,000 pairs of all images where there are no labels.

    Classes draw their pairs in the order of their first image, not of their names.
    """
    found_labels = images.labels
    labels, present = (None, []) if found_labels is None else by_first_image(found_labels)
    each = PAIRS_WITHOUT_LABELS if labels is None else PAIRS_A_CLASS
    stack = Stack(images)
    pairs, classes = draw_pairs(len(stack), labels, each, seed)
    values, clamped = ms_ssim_of_pairs(stack, pairs, PROTOCOL)
    dropped = () if labels is None else notes_on_dropped_classes(labels)
    found = diversity_of_pairs(
        values,
        pairs,
        None if labels is None else classes,
        clamped=clamped,
        notes=(*notes_on_size(stack.shape, PROTOCOL), *dropped),
    )
    names = images.classes or ()
    table = {names[present[place]]: found.per_class[place] for place in found.per_class}
    table = {name: table[name] for name in names if name in table}
    within = "all images" if labels is None else f"images of one class, mean over {len(table)} classes"
    offered = intervals and found.std_error is not None
    return Estimate(
        found.value,
        std_error=found.std_error if offered else None,
        std_error_generated=found.std_error if offered else None,
        low=found.low if offered else None,
        high=found.high if offered else None,
        interval=f"over pairs of {within}; the unit is the image" if offered else no_interval(intervals),
        options={
            "protocol": PROTOCOL,
            **pairs_option(each, len(table)),
            "seed": seed,
        },
        details={
            "pairs": found.pairs,
            "clamped_pairs": found.clamped_pairs,
            **({"per_class": table} if table else {}),
        },
        notes=found.notes,
    )


def no_interval(intervals: bool) -> str:
    why = "a class has fewer than 4 images in its pairs" if intervals else "intervals were switched off"
    return f"no interval: {why}"


def by_first_image(labels: NDArray[np.int64]) -> tuple[NDArray[np.int64], list[int]]:
    """Labels renumbered in order of their first image, and what each number stands for."""
    present, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return np.argsort(order)[inverse], present[order].tolist()


def pairs_option(each: int, classes: int) -> dict[str, object]:
    """How many pairs, as it stands in the signature."""
    return {"pairs": f"{each}-a-class", "classes": classes} if classes else {"pairs": each}
