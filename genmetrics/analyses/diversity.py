"""Diversity as mean MS-SSIM between pairs of images: 1 when all are the same, near 0 when they share nothing.

Odena et al. (2017), arXiv:1610.09585, section 4.2, draw 100 random pairs within each class; a class whose mean is
above that of the most uniform real class (0.25 on ImageNet) has collapsed. Karras et al. (2018), arXiv:1710.10196, and
IntroVAE (arXiv:1807.06358) take 10,000 pairs over all images.

`ms_ssim_diversity` takes arrays; `ms_ssim_estimate` takes a set that streams: only the images of the pairs at hand
are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from genmetrics._checks import UnsuitableError, to_numpy
from genmetrics.analyses.ms_ssim import SMALLEST_SIDE, as_images, ms_ssim_of_pairs, notes_on_size
from genmetrics.analyses.pairs import Diversity, diversity_of_pairs, draw_pairs, notes_on_dropped_classes
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


def ms_ssim_diversity(
    images: Any, labels: Any = None, pairs: int = 100, seed: int = 0, protocol: str = "msssim-google"
) -> Diversity:
    """Mean MS-SSIM over random pairs of different images, within each class if there are labels.

    Args:
        images: (n, c, h, w) uint8, c = 1 or 3; NumPy or torch.
        labels: (n,) class of each image, or None: pairs are then drawn over all images.
        pairs: pairs drawn in each class (AC-GAN: 100), or in all without labels (PGGAN, IntroVAE: 10,000).
        seed: fixes the draw; the pairs depend on the order of the images.
        protocol: "msssim-google" or "msssim-channel"; see `ms_ssim`.

    Returns:
        Diversity: value in [0, 1], lower is more diverse, with a 95% interval for the expected value. Its
        unit is the image: pairs that share one are not independent.

    Raises:
        DataError: what `ms_ssim` refuses; fewer than 2 images; no class with 2; labels of another length.
    Source: arXiv:1610.09585, section 4.2; arXiv:1710.10196, section 5.
    Differs: pairs are drawn without replacement, all of them if there are fewer than asked; PGGAN's are
        disjoint.
    """
    images = as_images(images, "images", at_least=2)
    drawn, classes = draw_pairs(len(images), labels, pairs, seed)
    values, clamped = ms_ssim_of_pairs(images, drawn, protocol)
    dropped = () if labels is None else notes_on_dropped_classes(to_numpy(labels))
    notes = (*notes_on_size(tuple(images.shape), protocol), *dropped)
    return diversity_of_pairs(values, drawn, None if labels is None else classes, clamped=clamped, notes=notes)


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
