"""A convolutional variational autoencoder: the loss of `vae` (Kingma & Welling, 2014, arXiv:1312.6114) for images.

Networks of residual blocks as IntroVAE (Huang et al., 2018, arXiv:1807.06358, Appendix) has them, trained as that
paper pretrains: squared error, summed over pixels, plus KL, both of weight 1; which is a fixed variance of 1/2.
Sides are 4 times a power of 2; images of 28 x 28 are framed in black to 32 x 32 inside the networks.
`introvae` trains the same networks as their own discriminator.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch.nn.functional as F
from torch import Tensor, nn

from genmetrics._checks import DataError
from reference_models.data import Dataset
from reference_models.flags import hp
from reference_models.vae import VAE, Noise

CHANNELS = {  # of the encoder, by the side of the images: 1024 and 256 from IntroVAE's paper and code, the others ours
    32: (64, 128, 256),
    64: (64, 128, 256, 512),
    128: (16, 32, 64, 128, 256),
    256: (32, 64, 128, 256, 512, 512),
    512: (32, 64, 128, 256, 512, 512, 512),
    1024: (16, 32, 64, 128, 256, 512, 512, 512),
}


@dataclass(frozen=True)
class Config:
    steps: int = hp(100_000, "unstated; ours")
    batch_size: int = hp(64, "IntroVAE at 128 x 128")
    learning_rate: float = hp(2e-4, "IntroVAE; Adam, falls to 0 along a cosine, which is ours")
    latent_dim: int = hp(128, "ours, for 32 x 32; IntroVAE: 256 and 512", at_least=1)
    kl_weight: float = hp(1.0, "IntroVAE's code pretrains with 1")
    narrow: int = hp(1, "ours; divides the channels of every layer", at_least=1)


class ResBlock(nn.Module):
    """3 x 3 convolutions, the shortcut added before the last batch norm; LeakyReLU 0.2; no biases."""

    def __init__(self, n: int, m: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(c, m, 3, padding=1, bias=False) for c in (n, m))
        self.norm1, self.norm2 = nn.BatchNorm2d(m), nn.BatchNorm2d(m)
        self.shortcut = nn.Conv2d(n, m, 1, bias=False) if n != m else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(F.leaky_relu(self.norm1(self.conv1(x)), 0.2))
        return F.leaky_relu(self.norm2(y + self.shortcut(x)), 0.2)


class Encoder(nn.Module):
    """Images in [0, 1] -> mean and log variance of q(z|x), each (n, latent_dim)."""

    def __init__(self, channels: int, widths: Sequence[int], latent_dim: int, frame: int) -> None:
        super().__init__()
        first = (nn.Conv2d(channels, widths[0], 5, padding=2, bias=False), nn.BatchNorm2d(widths[0]))
        layers: list[nn.Module] = [nn.ZeroPad2d(frame), *first, nn.LeakyReLU(0.2), nn.AvgPool2d(2)]
        for n, m in itertools.pairwise(widths):
            layers += [ResBlock(n, m), nn.AvgPool2d(2)]
        last = nn.Linear(widths[-1] * 16, 2 * latent_dim)
        self.body = nn.Sequential(*layers, ResBlock(widths[-1], widths[-1]), nn.Flatten(), last)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.body(images).chunk(2, dim=1)
        return mean, log_variance


def decoder(channels: int, widths: Sequence[int], latent_dim: int, frame: int) -> nn.Sequential:
    """Latents -> mean images, of any size of pixels: the output has no activation."""
    start = (nn.Linear(latent_dim, widths[-1] * 16), nn.ReLU(), nn.Unflatten(1, (widths[-1], 4, 4)))
    layers: list[nn.Module] = []
    for n, m in itertools.pairwise((widths[-1], *widths[::-1])):
        layers += [ResBlock(n, m), nn.Upsample(scale_factor=2, mode="nearest")]
    last = nn.Conv2d(widths[0], channels, 5, padding=2)
    return nn.Sequential(*start, *layers, ResBlock(widths[0], widths[0]), last, nn.ZeroPad2d(-frame))


def networks(name: str, dataset: Dataset, latent_dim: int, narrow: int) -> tuple[Encoder, nn.Sequential]:
    """Encoder and decoder for the images of a data set, their channels divided by `narrow`.

    Raises:
        DataError: no networks are known for images of this size.
    """
    channels, side, _ = dataset.shape
    inside, frame = (32, 2) if side == 28 else (side, 0)
    if dataset.shape[2] != side or inside not in CHANNELS:
        raise DataError(
            f"{name} makes images of 28, {', '.join(map(str, CHANNELS))} pixels a side; "
            f"{dataset.name} has {dataset.shape}; --side crops and resizes them"
        )
    widths = [width // narrow for width in CHANNELS[inside]]
    return Encoder(channels, widths, latent_dim, frame), decoder(channels, widths, latent_dim, frame)


class ConvolutionalVAE(VAE):
    Config = Config
    paper = "Kingma & Welling (2014), arXiv:1312.6114; networks of arXiv:1807.06358"
    images = (3, 32, 32)
    quick = MappingProxyType({"steps": 1000, "narrow": 4, "latent_dim": 32, "learning_rate": 1e-3})

    def make_networks(self, config: Config, dataset: Dataset) -> None:
        self.encoder, self.decoder = networks("vae-conv", dataset, config.latent_dim, config.narrow)
        self.noise = Noise(0.5).requires_grad_(False)  # squared error / (2 * 0.5)
        self.kl_weight = config.kl_weight
