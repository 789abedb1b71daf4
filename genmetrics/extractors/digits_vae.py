"""The decoder of a small variational autoencoder of 8 x 8 digits, and its shipped weights.

It generates the demo's samples. Trained by reference_models/vae.py; WEIGHTS.md beside this file has the
command, result and checksum.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import safetensors.torch
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WEIGHTS = Path(__file__).with_suffix(".safetensors")
MICRO_BATCH = 64  # latents are drawn and decoded this many at a time, however many images are asked for


class Decoder(nn.Module):
    """Fully connected: latents (n, latent_dim) -> mean images (n, channels, height, width) in [0, 1]."""

    def __init__(
        self,
        latent_dim: int = 16,
        widths: Sequence[int] = (256, 512),
        shape: tuple[int, int, int] = (1, 8, 8),
    ) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        sizes = (latent_dim, *widths)
        hidden = [layer for n, m in itertools.pairwise(sizes) for layer in (nn.Linear(n, m), nn.ReLU())]
        self.body = nn.Sequential(*hidden, nn.Linear(sizes[-1], math.prod(shape)), nn.Sigmoid(), nn.Unflatten(1, shape))

    def forward(self, latents: Tensor) -> Tensor:
        return self.body(latents)


def load() -> Decoder:
    """The decoder with its shipped weights, in evaluation mode, on the CPU."""
    with torch.device("meta"):  # no initial values: they would use up the caller's random numbers
        decoder = Decoder()
    decoder.load_state_dict(safetensors.torch.load_file(WEIGHTS), strict=True, assign=True)
    return decoder.eval().requires_grad_(False)


def sample(n: int, seed: int = 0) -> NDArray[np.uint8]:
    """`n` generated digits, (n, 8, 8); the first k of them are those of `sample(k, seed)`."""
    return decode(load(), n, seed)[:, 0]


@torch.no_grad()
def decode(decoder: Decoder, n: int, seed: int) -> NDArray[np.uint8]:
    """Mean images of `n` latents from N(0, I), (n, channels, height, width).

    Every batch has the same shape and the latents come from one generator on the CPU, in order, so an image
    depends on its place and the seed alone.
    """
    generator = torch.Generator().manual_seed(seed)
    device = next(decoder.parameters()).device
    batches = [
        to_uint8(decoder(torch.randn(MICRO_BATCH, decoder.latent_dim, generator=generator).to(device)))
        for _ in range(math.ceil(n / MICRO_BATCH))
    ]
    return torch.cat(batches)[:n].cpu().numpy()


def to_uint8(images: Tensor) -> Tensor:
    """Images in [0, 1] as the nearest of 0..255."""
    return (images.clamp(0, 1) * 255).round().to(torch.uint8)
