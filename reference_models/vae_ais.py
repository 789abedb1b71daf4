"""VAE-10 and VAE-50 of Wu et al. (2017), arXiv:1611.04273, whose likelihoods annealed importance sampling estimates.

The loss is that of `vae` (Kingma & Welling, 2014). Networks are those of the authors' code: tanh units, sigmoid output;
VAE-10 has a fixed variance of 0.03 of its pixels, VAE-50 learns one for all.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

from torch import Tensor, nn

from reference_models.data import Dataset
from reference_models.flags import hp
from reference_models.vae import VAE, Noise

WIDTHS = {10: (64, 256, 256, 1024), 50: (1024, 1024, 1024)}  # of the decoders
ENCODERS = {10: (256, 64), 50: (1024, 256, 256, 64)}


@dataclass(frozen=True)
class Config10:
    steps: int = hp(200_000, "unstated; ours")
    batch_size: int = hp(100, "unstated; ours")
    learning_rate: float = hp(1e-5, "code; Adam, falls to 0 along a cosine, which is ours")
    latent_dim: int = hp(10, "Section 5.1: VAE-10", at_least=1)
    input_dropout: float = hp(0.0, "code; of the encoder's input")
    variance: float = hp(0.03, "code; of the pixels")
    learned_variance: bool = hp(False, "code; the variance is learned from there")


@dataclass(frozen=True)
class Config50(Config10):
    learning_rate: float = hp(1e-4, "code; Adam, falls to 0 along a cosine, which is ours")
    latent_dim: int = hp(50, "Section 5.1: VAE-50", at_least=1)
    input_dropout: float = hp(0.2, "code; of the encoder's input")
    variance: float = hp(0.03, "unstated; ours, to start from")
    learned_variance: bool = hp(True, "code; the variance is learned from there")


def tanh_layers(sizes: Sequence[int]) -> list[nn.Module]:
    return [layer for n, m in itertools.pairwise(sizes) for layer in (nn.Linear(n, m), nn.Tanh())]


class Encoder(nn.Module):
    """Images in [0, 1] -> mean and log variance of q(z|x), each (n, latent_dim)."""

    def __init__(self, pixels: int, widths: Sequence[int], latent_dim: int, dropout: float) -> None:
        super().__init__()
        hidden = tanh_layers((pixels, *widths))
        last = nn.Linear(widths[-1], 2 * latent_dim)
        self.body = nn.Sequential(nn.Flatten(), nn.Dropout(dropout), *hidden, last)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.body(images).chunk(2, dim=1)
        return mean, log_variance


def decoder(widths: Sequence[int], latent_dim: int, shape: tuple[int, int, int]) -> nn.Sequential:
    """Latents -> mean images (n, *shape) in [0, 1]."""
    last = (nn.Linear(widths[-1], math.prod(shape)), nn.Sigmoid(), nn.Unflatten(1, shape))
    return nn.Sequential(*tanh_layers((latent_dim, *widths)), *last)


class VAE10(VAE):
    Config = Config10
    paper = "Wu et al. (2017), arXiv:1611.04273"
    images = (1, 28, 28)
    size = 10  # which of the networks
    quick = MappingProxyType({"steps": 3000, "learning_rate": 1e-3})

    def make_networks(self, config: Config10, dataset: Dataset) -> None:
        pixels = math.prod(dataset.shape)
        self.encoder = Encoder(pixels, ENCODERS[self.size], config.latent_dim, config.input_dropout)
        self.decoder = decoder(WIDTHS[self.size], config.latent_dim, dataset.shape)
        self.noise = Noise(config.variance).requires_grad_(config.learned_variance)


class VAE50(VAE10):
    Config = Config50
    size = 50
