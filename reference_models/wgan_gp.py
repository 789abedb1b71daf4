"""WGAN-GP of Gulrajani et al. (2017), "Improved Training of Wasserstein GANs", arXiv:1704.00028.

Networks and schedules of the authors' code (github.com/igul222/improved_wgan_training): `resnet` is gan_cifar_resnet.py
without labels, `dcgan` gan_cifar.py, `mnist` gan_mnist.py. The critic has no batch norm, so that the penalty is of
each image alone.

    critic: E f(G(z)) - E f(x) + penalty E (|grad f(y)| - 1)^2, y on lines between x and G(z)      generator: -E f(G(z))
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genmetrics._checks import DataError, one_of
from reference_models import parallel
from reference_models.data import Dataset
from reference_models.flags import hp
from reference_models.generative import Generative, update

SIDES = {"resnet": 32, "dcgan": 32, "mnist": 28}


@dataclass(frozen=True)
class Config:
    architecture: str = hp("resnet", "resnet, dcgan (both 32 x 32) or mnist (28 x 28)")
    steps: int = hp(100_000, "generator updates; resnet: 100,000, dcgan and mnist: 200,000")
    batch_size: int = hp(64, "of the critic; Algorithm 1 and resnet: 64, mnist: 50")
    generator_batch: int = hp(128, "resnet code: twice the critic's; dcgan: 64, mnist: 50", at_least=1)
    critic_steps: int = hp(5, "n_critic, Algorithm 1", at_least=1)
    penalty: float = hp(10.0, "lambda, Algorithm 1")
    learning_rate: float = hp(2e-4, "resnet code; Algorithm 1, dcgan and mnist: 1e-4")
    decay: bool = hp(True, "the rate falls to 0 in a line; resnet code: yes, dcgan and mnist: no")
    adam_betas: tuple[float, float] = hp((0.0, 0.9), "Algorithm 1 and resnet code; dcgan and mnist code: 0.5, 0.9")
    latent_dim: int = hp(128, "code", at_least=1)
    width: int = hp(128, "DIM; resnet and dcgan: 128, mnist: 64", at_least=1)


class ResBlock(nn.Module):
    """[norm] ReLU conv [norm] ReLU conv, plus the input; `up` doubles the side first, `down` halves it last.

    The shortcut is a 1 x 1 convolution where the shape changes. `first` leaves out the first ReLU.
    """

    def __init__(self, n: int, m: int, norm: bool, resample: str = "", first: bool = False) -> None:
        super().__init__()
        self.resample, self.first = resample, first
        self.norm1, self.norm2 = (nn.BatchNorm2d(c) if norm else nn.Identity() for c in (n, m))
        self.conv1, self.conv2 = nn.Conv2d(n, m, 3, padding=1), nn.Conv2d(m, m, 3, padding=1)
        self.shortcut = nn.Conv2d(n, m, 1) if n != m or resample else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.first else F.relu(self.norm1(x))
        y = self.conv2(F.relu(self.norm2(self.conv1(up(y) if self.resample == "up" else y))))
        if self.resample == "up":
            return y + self.shortcut(up(x))
        if self.resample == "down":
            skip = self.shortcut(F.avg_pool2d(x, 2)) if self.first else F.avg_pool2d(self.shortcut(x), 2)
            return F.avg_pool2d(y, 2) + skip
        return y + self.shortcut(x)


def up(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")


class Mean(nn.Module):
    """Over the positions of each map."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=(2, 3))


class Crop(nn.Module):
    """The first `side` rows and columns."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, : self.side, : self.side]


def deconvolution(n: int, m: int) -> nn.ConvTranspose2d:
    """5 x 5, stride 2: twice the side."""
    return nn.ConvTranspose2d(n, m, 5, stride=2, padding=2, output_padding=1)


def start(latent_dim: int, maps: int) -> tuple[nn.Module, ...]:
    """Latents -> maps of 4 x 4."""
    return nn.Linear(latent_dim, maps * 16), nn.Unflatten(1, (maps, 4, 4))


def normed(maps: int) -> tuple[nn.Module, ...]:
    return nn.BatchNorm2d(maps), nn.ReLU()


def generator(c: Config, channels: int) -> nn.Sequential:
    """Latents (n, latent_dim) -> images (n, channels, side, side): in [0, 1] for `mnist`, else in [-1, 1]."""
    w = c.width
    if c.architecture == "resnet":
        blocks = [ResBlock(w, w, norm=True, resample="up") for _ in range(3)]
        last = (*normed(w), nn.Conv2d(w, channels, 3, padding=1), nn.Tanh())
        return nn.Sequential(*start(c.latent_dim, w), *blocks, *last)
    if c.architecture == "dcgan":
        first = (nn.Linear(c.latent_dim, w * 64), nn.BatchNorm1d(w * 64), nn.ReLU(), nn.Unflatten(1, (w * 4, 4, 4)))
        middle = (deconvolution(4 * w, 2 * w), *normed(2 * w), deconvolution(2 * w, w), *normed(w))
        return nn.Sequential(*first, *middle, deconvolution(w, channels), nn.Tanh())
    middle = (nn.ReLU(), deconvolution(4 * w, 2 * w), nn.ReLU(), Crop(7), deconvolution(2 * w, w), nn.ReLU())
    return nn.Sequential(*start(c.latent_dim, 4 * w), *middle, deconvolution(w, channels), nn.Sigmoid())


def critic(c: Config, channels: int) -> nn.Sequential:
    """Images -> (n, 1), any number."""
    w = c.width
    if c.architecture == "resnet":
        first = ResBlock(channels, w, norm=False, resample="down", first=True)
        blocks = [ResBlock(w, w, norm=False, resample=r) for r in ("down", "", "")]
        return nn.Sequential(first, *blocks, nn.ReLU(), Mean(), nn.Linear(w, 1))
    widths = [channels, w, 2 * w, 4 * w]
    layers: list[nn.Module] = []
    for n, m in itertools.pairwise(widths):
        layers += [nn.Conv2d(n, m, 5, stride=2, padding=2), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(4 * w * 16, 1))


def initialise(network: nn.Module) -> None:
    """Uniform weights, as the code has them: variance 4 / (fan in + fan out) for convolutions that a ReLU follows,
    2 / (..) for 1 x 1 ones, the image's and fully connected ones; a stride counts against the fans; biases 0."""
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            fans = module.kernel_size[0] ** 2 * (module.in_channels + module.out_channels / module.stride[0] ** 2)
            if isinstance(module, nn.ConvTranspose2d):
                fans = module.kernel_size[0] ** 2 * (module.in_channels / module.stride[0] ** 2 + module.out_channels)
            image = module.out_channels in (1, 3) and isinstance(module, nn.Conv2d)
            variance = (2 if module.kernel_size == (1, 1) or image else 4) / fans
            nn.init.uniform_(module.weight, -math.sqrt(3 * variance), math.sqrt(3 * variance))
            nn.init.zeros_(module.bias)


def gradient_penalty(critic: nn.Module, real: Tensor, fake: Tensor, t: Tensor) -> Tensor:
    """Mean of (|grad critic(y)| - 1)^2 over y = t real + (1 - t) fake, one t an image; Eq. 3."""
    y = (t * real + (1 - t) * fake).requires_grad_()
    (slope,) = torch.autograd.grad(critic(y).sum(), y, create_graph=True)
    return (slope.flatten(1).norm(dim=1) - 1).square().mean()


class WGANGP(Generative):
    Config = Config
    paper = "Gulrajani et al. (2017), arXiv:1704.00028"
    images = (3, 32, 32)
    quick = MappingProxyType(
        {"steps": 400, "architecture": "mnist", "width": 16, "batch_size": 32, "generator_batch": 32,
         "learning_rate": 2e-3, "adam_betas": (0.5, 0.9), "critic_steps": 3}
    )  # fmt: skip
    compilable = ("generator",)  # the penalty differentiates the critic twice, which torch.compile does not

    def __init__(self, config: Config, dataset: Dataset, device: torch.device) -> None:
        one_of(config.architecture, "architecture", SIDES)
        channels, side = dataset.shape[0], SIDES[config.architecture]
        if dataset.shape[1:] != (side, side):
            raise DataError(
                f"architecture {config.architecture} makes images of {side} x {side}; {dataset.name} has shape "
                f"{dataset.shape}; choose another --architecture of {', '.join(SIDES)}"
            )
        self.config, self.device, self.progress = config, device, 0.0
        self.low = 0.0 if config.architecture == "mnist" else -1.0
        self.generator, self.critic = generator(config, channels), critic(config, channels)
        self.networks = {"generator": self.generator, "critic": self.critic}
        self.averages = {}
        for network in self.networks.values():
            initialise(network)
            network.to(device)
        self.optimisers = {
            name: torch.optim.Adam(network.parameters(), config.learning_rate, config.adam_betas)
            for name, network in self.networks.items()
        }

    def scaled(self, images: Tensor) -> Tensor:
        """uint8 images in the network's range; `resnet` adds noise: 2 (x / 256 - 1/2) + U(0, 1/128)."""
        if self.config.architecture != "resnet":
            return super().scaled(images)
        noise = parallel.own_rows(self.uniform(len(images) * parallel.size(), *images.shape[1:]))
        return images / 128 - 1 + noise / 128

    def step(self, batches: Iterator[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        """Algorithm 1, lines 2-12: `critic_steps` updates of the critic, then one of the generator."""
        for optimiser in self.optimisers.values():
            optimiser.param_groups[0]["lr"] = self.config.learning_rate * (1 - self.progress * self.config.decay)
        self.generator.train()
        for _ in range(self.config.critic_steps):
            real = self.scaled(next(batches)[0])
            with torch.no_grad():
                fake = self.generator(self.batch_of_latents())
            t = parallel.own_rows(self.uniform(self.config.batch_size, 1, 1, 1))
            penalty = gradient_penalty(self.critic, real, fake, t)
            distance = self.critic(real).mean() - self.critic(fake).mean()
            update(self.optimisers["critic"], self.config.penalty * penalty - distance)
        score = self.critic(self.generator(self.batch_of_latents(self.config.generator_batch))).mean()
        update(self.optimisers["generator"], -score)
        return {"wasserstein": distance.detach(), "penalty": penalty.detach(), "score": score.detach()}
