"""What is asked of images that were made for a class: is it seen in them, and do they differ within it?

Odena et al. (2017), arXiv:1610.09585, sections 4.1 and 4.2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reference_models.monitor import diversity, last_channel


def labelled_samples(model: Any, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """n images, uint8 (n, c, h, w), and their classes, which come in turn."""
    images, labels = zip(*model.samples(n, seed), strict=True)
    return np.concatenate(images), np.concatenate(labels)


def class_scores(images: np.ndarray, labels: np.ndarray, extractor: str, classes: int, device: str) -> dict[str, float]:
    """`class_accuracy`, in [0, 1], higher is better; `ms_ssim_within`, in [0, 1], lower is more varied.

    The first is the share of images whose class the extractor's classifier sees, and is there where it tells as many
    classes apart as the data has; the second is the mean of 100 random pairs a class.
    """
    import genmetrics as gm
    from genmetrics.extractors import find_extractor

    found: dict[str, float] = {}
    network = find_extractor(extractor, device)
    if "logits" in network.outputs:
        logits = gm.extract(last_channel(images), network, ("logits",), cache=False)["logits"]
        if logits.shape[1] == classes:
            found["class_accuracy"] = float((logits.argmax(axis=1) == labels).mean())
    return {**found, "ms_ssim_within": diversity(images, labels).value}
