"""Hypercolumns: the activations of several layers above the same few places of an image.

Source: Hariharan et al. (2015), arXiv:1411.5752: all units above one pixel. Sampling places is ours.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

PLACES, SEED = 16, 0


def places(side: int) -> tuple[list[int], list[int]]:
    """Rows and columns of 16 cells of a grid of side x side, chosen once by a fixed seed."""
    generator = torch.Generator().manual_seed(SEED)
    cells = torch.randperm(side**2, generator=generator, device="cpu")[:PLACES].sort().values.tolist()
    return [cell // side for cell in cells], [cell % side for cell in cells]


def hypercolumns(maps: Sequence[Tensor], side: int) -> Tensor:
    """Activations, each (n, channels, h, w), at the 16 places of the coarsest grid, (n, 16 * all channels).

    A finer map is read at the middle pixel of the cell, the later of two.

    Raises:
        ValueError: maps that are not square, as those of images that are not.
    """
    read = []
    for activations in maps:
        height, width = activations.shape[2:]
        if height != width:
            raise ValueError(f"hypercolumns need square images, but a layer's activations are {height} x {width}")
        step = width // side
        rows, columns = ([step * i + step // 2 for i in along] for along in places(side))
        read.append(activations[:, :, rows, columns].transpose(1, 2))  # (n, 16, channels)
    return torch.cat(read, dim=2).flatten(1)
