"""What the classifiers share: moved, cropped and mirrored training images, the learning rate's fall, accuracy."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reference_models import parallel
from reference_models.data import Images

AT_ONCE = 500  # images classified at a time


def shift_randomly(images: Tensor, pixels: int, mode: str = "constant") -> Tensor:
    """Each image (n, c, h, w) moved by its own whole numbers of pixels, -pixels..pixels.

    What comes in at the border is 0, or with `mode` "reflect" the image mirrored; the same as padding by `pixels`
    and cropping at random.
    """
    n, _, height, width = images.shape
    padded = F.pad(images, (pixels,) * 4, mode=mode) if mode == "constant" else reflected(images, pixels)
    drawn = torch.randint(0, 2 * pixels + 1, (2, n * parallel.size(), 1), device=images.device)
    top, left = map(parallel.own_rows, drawn)
    rows = top + torch.arange(height, device=images.device)  # (n, h)
    columns = left + torch.arange(width, device=images.device)  # (n, w)
    image = torch.arange(n, device=images.device)
    moved = padded[image[:, None, None], :, rows[:, :, None], columns[:, None, :]]  # (n, h, w, c)
    return moved.permute(0, 3, 1, 2)


def mirror_randomly(images: Tensor) -> Tensor:
    """Each image (n, c, h, w) mirrored left to right with probability 1/2."""
    mirrored = parallel.own_rows(torch.rand(len(images) * parallel.size(), 1, 1, 1) < 0.5).to(images.device)
    return torch.where(mirrored, images.flip(3), images)


def reflected(images: Tensor, pixels: int) -> Tensor:
    """Images padded by their mirror image, without repeating the edge; of any dtype."""
    height, width = images.shape[2:]

    def mirrored(n: int) -> Tensor:
        places = torch.arange(-pixels, n + pixels, device=images.device).abs()
        return torch.where(places < n, places, 2 * (n - 1) - places)

    return images[:, :, mirrored(height)][:, :, :, mirrored(width)]


def cosine(progress: float) -> float:
    """From 1 to 0 along half a cosine; arXiv:1608.03983, Eq. 5 without restarts."""
    return (1 + math.cos(math.pi * progress)) / 2


def falling(progress: float, start: float) -> float:
    """1 up to `start` of the training, from there to 0 in a line; with `start` 1 it stays 1."""
    return min(1.0, (1 - progress) / (1 - start)) if start < 1 else 1.0


def from_0_to_1(images: Tensor) -> Tensor:
    return images / 255


@torch.no_grad()
def accuracy(network: nn.Module, data: Images, scaled: Callable[[Tensor], Tensor] = from_0_to_1) -> float:
    """Share of images whose largest logit is that of their label; `scaled` makes of uint8 what the network takes."""
    device = next(network.parameters()).device
    right = 0
    for i in range(0, len(data), AT_ONCE):
        logits = network(scaled(torch.from_numpy(data.images[i : i + AT_ONCE]).to(device)))["logits"]
        right += int((logits.argmax(dim=1).cpu().numpy() == data.labels[i : i + AT_ONCE]).sum())
    return right / len(data)
