"""DCGAN of Radford, Metz & Chintala (2016), "Unsupervised Representation Learning with Deep Convolutional Generative
Adversarial Networks", arXiv:1511.06434.

Sizes are those of the authors' code (github.com/Newmu/dcgan_code), which differs between data sets: 28 x 28 (mnist),
32 x 32 (svhn), 64 x 64 (faces). Two weaker generators of Basart's thesis on DDM: `weak` has no batch norm in the
generator (and biases instead), `small` makes the image one layer earlier. The discriminator stays as it is.
Batch norm's epsilon is PyTorch's 1e-5; the code has 1e-8.

    discriminator: -log D(x) - log(1 - D(G(z)))        generator: -log D(G(z))
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

from genmetrics._checks import DataError
from reference_models.classifiers import falling
from reference_models.data import Dataset
from reference_models.flags import hp
from reference_models.generative import Generative, normal_weights, update

SIDES = (28, 32, 64)


@dataclass(frozen=True)
class Config:
    steps: int = hp(94_000, "mnist code: 200 epochs; faces code: 25 epochs; generator updates, one per discriminator's")
    batch_size: int = hp(128, "Section 4; svhn code: 64")
    learning_rate: float = hp(2e-4, "Section 4; svhn code: 5e-4")
    adam_betas: tuple[float, float] = hp((0.5, 0.999), "Section 4")
    decay_from: float = hp(
        0.5,
        "part of the training after which the rate falls to 0, 1: never; mnist code: epoch 100 of 200",
        at_least=0,
        at_most=1,
    )
    l2: float = hp(2.5e-5, "mnist code, added to the gradients of both; faces code: 1e-5; not in the paper")
    latent_dim: int = hp(100, "Section 4", at_least=1)
    width: int = hp(64, "channels beside the image, in both networks; faces code: 128", at_least=1)
    weak: bool = hp(False, "no batch norm in the generator; thesis, Section 3.4.2")
    small: bool = hp(False, "the last convolution of the generator left out; thesis, Figure 3.6")
    conditional: bool = hp(False, "labels at every layer of both, 28 x 28 only; mnist code: yes")


class Layer(nn.Module):
    """A layer, batch norm if wanted, an activation; labels (n, classes) join the input as maps or columns."""

    def __init__(self, layer: nn.Module, norm: nn.Module | None, activation: nn.Module) -> None:
        super().__init__()
        self.layer, self.norm, self.activation = layer, norm or nn.Identity(), activation

    def forward(self, x: Tensor, labels: Tensor | None) -> Tensor:
        if labels is not None:
            y = labels if x.ndim == 2 else labels[:, :, None, None].expand(-1, -1, *x.shape[2:])
            x = torch.cat([x, y], dim=1)
        return self.activation(self.norm(self.layer(x)))


def linear(n: int, m: int, norm: bool, activation: nn.Module, bias: bool = False) -> Layer:
    return Layer(nn.Linear(n, m, bias=bias), nn.BatchNorm1d(m) if norm else None, activation)


def down(n: int, m: int, norm: bool) -> Layer:
    """5 x 5, stride 2: half the side."""
    layer = nn.Conv2d(n, m, 5, stride=2, padding=2, bias=False)
    return Layer(layer, nn.BatchNorm2d(m) if norm else None, nn.LeakyReLU(0.2))


def up(n: int, m: int, norm: bool, bias: bool, activation: nn.Module, times: int = 2) -> Layer:
    """5 x 5, stride 2: twice the side; or 8 x 8, stride 4: four times."""
    shape = {"kernel_size": 5, "stride": 2, "padding": 2, "output_padding": 1}
    if times == 4:
        shape = {"kernel_size": 8, "stride": 4, "padding": 2}
    return Layer(nn.ConvTranspose2d(n, m, **shape, bias=bias), nn.BatchNorm2d(m) if norm else None, activation)


class Network(nn.Module):
    """Layers in order, each of which sees the labels too; the shape of a feature map is restored on the way."""

    def __init__(self, layers: list[nn.Module], classes: int) -> None:
        super().__init__()
        self.layers, self.classes = nn.ModuleList(layers), classes

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        y = F.one_hot(labels, self.classes).to(x.dtype) if self.classes and labels is not None else None
        for layer in self.layers:
            x = layer(x, y) if isinstance(layer, Layer) else layer(x)
        return x


def generator(shape: tuple[int, int, int], c: Config, classes: int) -> Network:
    """Latents (n, latent_dim) -> images (n, channels, side, side): in [0, 1] for 28 x 28, else in [-1, 1]."""
    channels, side, _ = shape
    norm, bias, y, w = not c.weak, c.weak, classes, c.width
    if side == 28:
        sizes = ((c.latent_dim + y, 16 * w), (16 * w + y, 2 * w * 49))
        start: list[nn.Module] = [linear(n, m, norm, nn.ReLU(), bias) for n, m in sizes]
        widths, grid, output = [2 * w, w, channels], 7, nn.Sigmoid()
    else:
        widths = [w * 2**i for i in reversed(range(int(math.log2(side)) - 2))] + [channels]
        start = [linear(c.latent_dim, widths[0] * 16, norm, nn.ReLU(), bias)]
        grid, output = 4, nn.Tanh()
    start.append(nn.Unflatten(1, (widths[0], grid, grid)))
    if c.small:  # the last layer but one makes the image
        widths, last = [*widths[:-2], channels], 4
    else:
        last = 2
    pairs = list(itertools.pairwise(widths))
    hidden = [up(n + y, m, norm, bias, nn.ReLU()) for n, m in pairs[:-1]]
    image = up(pairs[-1][0] + y, channels, False, bias, output, times=last)
    return Network([*start, *hidden, image], classes)


def discriminator(shape: tuple[int, int, int], c: Config, classes: int) -> Network:
    """Images -> (n, 1), the logit of being real."""
    channels, side, _ = shape
    y, w = classes, c.width
    if side == 28:
        head = [linear(2 * w * 49 + y, 16 * w, True, nn.LeakyReLU(0.2)), linear(16 * w + y, 1, False, nn.Identity())]
        widths = [channels, w, 2 * w]
    else:
        widths = [channels] + [w * 2**i for i in range(int(math.log2(side)) - 2)]
        head = [linear(widths[-1] * 16, 1, False, nn.Identity())]
    body = [down(n + y, m, norm=i > 0) for i, (n, m) in enumerate(itertools.pairwise(widths))]
    return Network([*body, nn.Flatten(), *head], classes)


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """-log D(x) - log(1 - D(G(z))) from logits, each a mean over images; 2 log 2 at D = 1/2."""
    return F.softplus(-real.float()).mean() + F.softplus(fake.float()).mean()


def generator_loss(fake: Tensor) -> Tensor:
    """-log D(G(z)) from logits, a mean over images."""
    return F.softplus(-fake.float()).mean()


class DCGAN(Generative):
    Config = Config
    paper = "Radford et al. (2016), arXiv:1511.06434"
    images = (3, 32, 32)
    quick = MappingProxyType({"steps": 2000, "batch_size": 32, "width": 16, "learning_rate": 2e-3})

    def __init__(self, config: Config, dataset: Dataset, device: torch.device) -> None:
        side = dataset.shape[1]
        if side not in SIDES or dataset.shape[2] != side:
            raise DataError(f"dcgan makes images of 28, 32 or 64 pixels a side; {dataset.name} has {dataset.shape}")
        if config.conditional and (side != 28 or not dataset.classes):
            raise DataError(
                f"a conditional dcgan needs 28 x 28 images with labels; {dataset.name} has shape {dataset.shape} "
                f"and {dataset.classes or 'no'} classes; leave --conditional out"
            )
        self.config, self.device, self.progress = config, device, 0.0
        self.low = 0.0 if side == 28 else -1.0
        self.symmetric_noise = side != 32  # svhn code: Gaussian; mnist and faces: U(-1, 1)
        self.classes = dataset.classes if config.conditional else 0
        self.generator = generator(dataset.shape, config, self.classes)
        self.discriminator = discriminator(dataset.shape, config, self.classes)
        self.networks = {"generator": self.generator, "discriminator": self.discriminator}
        self.averages = {}
        for network in self.networks.values():
            normal_weights(network, gains=True)  # Section 4 and the code
            network.to(device)
        self.optimisers = {
            name: torch.optim.Adam(net.parameters(), config.learning_rate, config.adam_betas, weight_decay=config.l2)
            for name, net in self.networks.items()
        }

    def latents(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """U(-1, 1), or N(0, 1) for 32 x 32."""
        if self.symmetric_noise:
            return 2 * self.uniform(n, self.config.latent_dim, generator=generator) - 1
        return self.normal(n, self.config.latent_dim, generator=generator)

    def step(self, batches: Iterator[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        """One update of the discriminator, then one of the generator, each on its own latents."""
        images, classes = next(batches)
        labels = (classes,) if self.classes else ()
        for network, optimiser in zip(self.networks.values(), self.optimisers.values(), strict=True):
            network.train()
            rate = self.config.learning_rate * falling(self.progress, self.config.decay_from)
            optimiser.param_groups[0]["lr"] = rate
        with torch.no_grad():
            fake = self.generator(self.batch_of_latents(), *labels)
        d_loss = discriminator_loss(self.discriminator(self.scaled(images), *labels), self.discriminator(fake, *labels))
        update(self.optimisers["discriminator"], d_loss)
        g_loss = generator_loss(self.discriminator(self.generator(self.batch_of_latents(), *labels), *labels))
        update(self.optimisers["generator"], g_loss)
        return {"discriminator": d_loss.detach(), "generator": g_loss.detach()}
