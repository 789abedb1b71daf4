"""GAN-10 of Wu et al. (2017), "On the Quantitative Analysis of Decoder-Based Generative Models", arXiv:1611.04273.

A generator of ten latent numbers whose likelihood annealed importance sampling can estimate: the image is the
network's output plus Gaussian noise of a variance that is chosen, not trained. The paper has 0.025; Basart's thesis
looks at VARIANCES. The paper does not describe its discriminator: ours is the encoder of its VAE with one output.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor, nn

from reference_models.data import Dataset
from reference_models.dcgan import discriminator_loss, generator_loss
from reference_models.flags import hp
from reference_models.generative import Generative, update
from reference_models.vae_ais import WIDTHS, decoder

VARIANCES = (0.05, 0.025, 0.01)  # of the noise on pixels in [0, 1], for AIS; thesis, Figure 3.5


@dataclass(frozen=True)
class Config:
    steps: int = hp(100_000, "unstated; ours")
    batch_size: int = hp(100, "unstated; ours")
    learning_rate: float = hp(2e-4, "unstated; ours")
    adam_betas: tuple[float, float] = hp((0.5, 0.999), "unstated; ours")
    latent_dim: int = hp(10, "Section 5.1: GAN-10", at_least=1)
    dropout: float = hp(0.3, "unstated; ours, in the discriminator")


def discriminator(shape: tuple[int, int, int], dropout: float) -> nn.Sequential:
    """Images -> (n, 1), the logit of being real."""
    first = (nn.Flatten(), nn.Linear(math.prod(shape), 256), nn.LeakyReLU(0.2), nn.Dropout(dropout))
    return nn.Sequential(*first, nn.Linear(256, 64), nn.LeakyReLU(0.2), nn.Dropout(dropout), nn.Linear(64, 1))


class GAN10(Generative):
    Config = Config
    paper = "Wu et al. (2017), arXiv:1611.04273"
    images = (1, 28, 28)
    quick = MappingProxyType({"steps": 5000})

    def __init__(self, config: Config, dataset: Dataset, device: torch.device) -> None:
        self.config, self.device, self.progress, self.averages = config, device, 0.0, {}
        self.generator = decoder(WIDTHS[10], config.latent_dim, dataset.shape).to(device)  # 64-256-256-1024 tanh
        self.discriminator = discriminator(dataset.shape, config.dropout).to(device)
        self.networks = {"generator": self.generator, "discriminator": self.discriminator}
        self.optimisers = {
            name: torch.optim.Adam(network.parameters(), config.learning_rate, config.adam_betas)
            for name, network in self.networks.items()
        }

    def step(self, batches: Iterator[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        """One update of the discriminator, then one of the generator, each on its own latents."""
        self.discriminator.train()
        with torch.no_grad():
            fake = self.generator(self.batch_of_latents())
        d_loss = discriminator_loss(self.discriminator(self.scaled(next(batches)[0])), self.discriminator(fake))
        update(self.optimisers["discriminator"], d_loss)
        g_loss = generator_loss(self.discriminator(self.generator(self.batch_of_latents())))
        update(self.optimisers["generator"], g_loss)
        return {"discriminator": d_loss.detach(), "generator": g_loss.detach()}
