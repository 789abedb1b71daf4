"""Memorisation-informed Frechet distance: the distance, divided by a penalty where the samples hug training images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genmetrics._checks import DataError, as_features, blocks, same_width
from genmetrics.metrics.frechet import frechet_distance
from genmetrics.metrics.neighbours import on_unit_sphere
from genmetrics.records import Estimate

THRESHOLD = 0.1  # of the memorisation distance, chosen by Kaggle for the 2015-12-05 Inception
ROWS = 1024


@dataclass(frozen=True)
class MemorizationInformed:
    """The penalised distance and its parts."""

    value: float
    frechet: float
    memorization: float  # mean over samples of 1 - |cos| to the most similar training image


def mifid(train: Any, generated: Any, threshold: float = THRESHOLD) -> MemorizationInformed:
    """Frechet distance to the training set, divided by the memorisation distance where that is under `threshold`.

    Args:
        train: features (n, d) of the training images.
        generated: features (m, d) of generated images, from the same extractor.
        threshold: memorisation distances from this on bring no penalty.

    Returns:
        value: >= 0; lower is better. memorization: mean over generated images of the smallest 1 - |cos| to a training
        image, between 0 and 1; images whose features are all 0 have no direction and are left out.

    Raises:
        DataError: a set has fewer than 2 images or none with a direction, widths differ, NaN or inf.
    Source: Bai et al. (2021), arXiv:2106.03062, eqs. 3-5.
    Differs: torchmetrics 1.9 takes the mean over *real* images of the smallest distance to a sample, so it does not
        penalise a generator that copies only a part of the training set; and this divides by nothing less than 1e-15.
    """
    x, y = as_features(train, "train", at_least=2), as_features(generated, "generated", at_least=2)
    same_width(x.shape[1], y.shape[1], ("train", "generated"))
    distance, memorization = frechet_distance(x, y), memorization_distance(x, y)
    if distance <= 1e-9 * x.var(axis=0, dtype=np.float64).sum():
        distance = 0.0  # rounding alone, which a vanishing penalty would blow up
    penalty = memorization if memorization < threshold else 1.0
    return MemorizationInformed(distance / (penalty + 1e-15), distance, memorization)


def memorization_distance(train: NDArray[Any], generated: NDArray[Any]) -> float:
    """Mean over generated images of the smallest 1 - |cos| to a training image; a block of pairs at a time."""
    x, y = with_direction(train, "train"), with_direction(generated, "generated")
    smallest = []
    for queries in blocks(y, ROWS):
        largest = np.zeros(len(queries))
        for references in blocks(x, ROWS):
            np.maximum(largest, np.abs(queries @ references.T).max(axis=1), out=largest)
        smallest.append(1 - largest)
    return float(np.concatenate(smallest).mean().clip(0, 1))


def with_direction(x: NDArray[Any], name: str) -> NDArray[np.float64]:
    """The rows that are not all 0, divided by their lengths."""
    kept = x[x.any(axis=1)]
    if not len(kept):
        raise DataError(f"{name}: all features are 0, so no image has a direction")
    return on_unit_sphere(kept, name)


def mifid_estimate(train: Any, generated: Any, *, seed: int = 0, intervals: bool = True) -> Estimate:
    """`mifid`, without an interval: it jumps at the threshold."""
    found = mifid(train, generated)
    why = "the penalty jumps at its threshold" if intervals else "intervals were switched off"
    return Estimate(
        found.value,
        interval=f"no interval: {why}",
        options={"threshold": THRESHOLD},
        details={"frechet": found.frechet, "memorization_distance": found.memorization},
    )
