"""Samples of a Stacked GAN in rows of one condition, as in Figures 2 to 4 of its paper, and the nearest real images.

What varies in a row says which generator decides what: with the label alone held, everything; with the features fc3
held (the noise of all generators but the bottom one), what the bottom generator adds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from reference_models.data import Dataset

AT_ONCE = 500  # images made at a time


def condition_rows(model: Any, rows: int, columns: int, seed: int, hold: bool) -> tuple[Tensor, Tensor]:
    """Latents (rows * columns, z) and labels, row by row; the classes come in turn.

    With `hold` a row has one label and, but for the bottom generator, one noise: one activation of fc3 for two stacks.
    Without, only the label. The noise of the bottom generator is the same for both.
    """
    latents = model.latents(rows * columns, torch.Generator().manual_seed(seed))
    if hold:
        bottom = model.generator.widths[0]
        above = latents[:, bottom:].reshape(rows, columns, -1)
        above[:] = above[:, :1].clone()
        latents = torch.cat([latents[:, :bottom], above.reshape(rows * columns, -1)], dim=1)
    labels = torch.arange(rows).repeat_interleave(columns) % max(model.classes, 1)
    return latents, labels.to(latents.device)


def rows(model: Any, rows: int, columns: int, seed: int, hold: bool) -> np.ndarray:
    """uint8 images (rows * columns, c, h, w) of `condition_rows`."""
    parts = zip(*(part.split(AT_ONCE) for part in condition_rows(model, rows, columns, seed, hold)), strict=True)
    return np.concatenate([model.generate(*part).cpu().numpy() for part in parts])


def nearest_images(images: np.ndarray, dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """The training image nearest to each, by Euclidean distance of pixels in [0, 1], and that distance."""
    import genmetrics as gm

    queries, references = (x.reshape(len(x), -1) / np.float32(255) for x in (images, dataset.train.images))
    found = gm.nearest_neighbours(queries, references)
    return dataset.train.images[found.indices[:, 0]], found.distances[:, 0]
