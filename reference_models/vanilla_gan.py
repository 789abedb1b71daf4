"""The first GAN: Goodfellow et al. (2014), "Generative Adversarial Nets", arXiv:1406.2661.

Fully connected, as mnist.yaml of the authors' code (github.com/goodfeli/adversarial) has it. Both players are updated
at once, from the same latents. A later thesis says that the paper updates the generator twice; the code does not, but
`generator_steps` can.

    discriminator: -1/2 log D(x) - 1/2 log(1 - D(G(z)))        generator: -log D(G(z))
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reference_models.data import Dataset, Images
from reference_models.flags import hp
from reference_models.generative import Generative, backward, descend, update

DARKEST, BRIGHTEST = 0.5 / 255, 1 - 0.5 / 255  # of a pixel's mean, where its logit would be infinite


@dataclass(frozen=True)
class Config:
    steps: int = hp(250_000, "500 passes over 50,000 images; mnist.yaml stops by validation")
    batch_size: int = hp(100, "mnist.yaml")
    learning_rate: float = hp(0.1, "mnist.yaml; SGD")
    rate_falls: float = hp(1.000004, "mnist.yaml; the rate is divided by it every step, down to 1e-6")
    momentum: tuple[float, float] = hp((0.5, 0.7), "mnist.yaml; from, to")
    momentum_steps: int = hp(125_000, "mnist.yaml; 250 passes, in a line", at_least=1)
    adam: bool = hp(False, "ours; Adam at 2e-4, betas 0.5 and 0.999, as later papers have, in place of SGD")
    latent_dim: int = hp(100, "mnist.yaml; uniform of variance 1", at_least=1)
    width: int = hp(1200, "mnist.yaml; units of both hidden layers of the generator", at_least=1)
    pieces: tuple[int, int] = hp(
        (240, 5), "mnist.yaml; maxout units of the discriminator, and pieces of each", at_least=1
    )
    dropout: tuple[float, float] = hp((0.2, 0.5), "mnist.yaml; of the discriminator's input and hidden layers")
    generator_steps: int = hp(1, "mnist.yaml; Basart's thesis, 2.4.1, has 2", at_least=1)


class Maxout(nn.Module):
    """Units that are the largest of a few linear pieces; arXiv:1302.4389."""

    def __init__(self, inputs: int, units: int, pieces: int) -> None:
        super().__init__()
        self.linear, self.shape = nn.Linear(inputs, units * pieces), (units, pieces)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x).unflatten(1, self.shape).amax(dim=2)


def generator(c: Config, shape: tuple[int, int, int]) -> nn.Sequential:
    """Latents (n, latent_dim) -> images (n, *shape) in [0, 1]."""
    hidden = (nn.Linear(c.latent_dim, c.width), nn.ReLU(), nn.Linear(c.width, c.width), nn.ReLU())
    return nn.Sequential(*hidden, nn.Linear(c.width, math.prod(shape)), nn.Sigmoid(), nn.Unflatten(1, shape))


def discriminator(c: Config, shape: tuple[int, int, int]) -> nn.Sequential:
    """Images -> (n, 1), the logit of being real."""
    units, pieces = c.pieces
    return nn.Sequential(
        nn.Flatten(),
        nn.Dropout(c.dropout[0]),
        Maxout(math.prod(shape), units, pieces),
        nn.Dropout(c.dropout[1]),
        Maxout(units, units, pieces),
        nn.Dropout(c.dropout[1]),
        nn.Linear(units, 1),
    )


def initialise(network: nn.Module, size: float) -> None:
    """Weights U(-size, size), biases 0."""
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.uniform_(module.weight, -size, size)
            nn.init.zeros_(module.bias)


def marginal_logits(data: Images) -> Tensor:
    """The logit of each pixel's mean over the training images: the generator starts from the mean image."""
    mean = torch.from_numpy(data.images).double().mean(dim=0).flatten() / 255
    return torch.logit(mean.clamp(DARKEST, BRIGHTEST)).float()


class VanillaGAN(Generative):
    Config = Config
    paper = "Goodfellow et al. (2014), arXiv:1406.2661"
    images = (1, 28, 28)
    quick = MappingProxyType({"steps": 5000, "adam": True})

    def __init__(self, config: Config, dataset: Dataset, device: torch.device) -> None:
        self.config, self.device, self.progress, self.averages = config, device, 0.0, {}
        self.generator = generator(config, dataset.shape)
        self.discriminator = discriminator(config, dataset.shape)
        initialise(self.generator, 0.05)
        initialise(self.discriminator, 0.005)
        with torch.no_grad():
            self.generator[4].bias.copy_(marginal_logits(dataset.train))
        self.networks = {"generator": self.generator.to(device), "discriminator": self.discriminator.to(device)}
        self.optimisers = {name: self.optimiser(network) for name, network in self.networks.items()}

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        """SGD as the code has it, or Adam."""
        if self.config.adam:
            return torch.optim.Adam(network.parameters(), 2e-4, (0.5, 0.999))
        return torch.optim.SGD(network.parameters(), self.config.learning_rate, self.config.momentum[0])

    def latents(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """U(-sqrt 3, sqrt 3), of variance 1."""
        return math.sqrt(3) * (2 * self.uniform(n, self.config.latent_dim, generator=generator) - 1)

    def schedule(self) -> None:
        """The rate falls, the momentum rises."""
        step = round(self.progress * self.config.steps)
        first, last = self.config.momentum
        for optimiser in self.optimisers.values():
            group = optimiser.param_groups[0]
            group["lr"] = max(self.config.learning_rate / self.config.rate_falls**step, 1e-6)
            group["momentum"] = first + (last - first) * min(1.0, step / self.config.momentum_steps)

    def step(self, batches: Iterator[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        """Both gradients at the same weights, then both updates; then further updates of the generator, if any."""
        if not self.config.adam:
            self.schedule()
        self.discriminator.train()
        fake = self.generator(self.batch_of_latents())
        g_loss = F.softplus(-self.discriminator(fake).float()).mean()
        real, made = self.discriminator(self.scaled(next(batches)[0])), self.discriminator(fake.detach())
        d_loss = (F.softplus(-real.float()).mean() + F.softplus(made.float()).mean()) / 2
        backward(self.optimisers["generator"], g_loss)
        backward(self.optimisers["discriminator"], d_loss)
        for optimiser in self.optimisers.values():
            descend(optimiser)
        for _ in range(self.config.generator_steps - 1):
            score = self.discriminator(self.generator(self.batch_of_latents()))
            update(self.optimisers["generator"], F.softplus(-score.float()).mean())
        return {"discriminator": d_loss.detach(), "generator": g_loss.detach()}
