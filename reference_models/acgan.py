"""AC-GAN of Odena, Olah & Shlens (2017), "Conditional Image Synthesis with Auxiliary Classifier GANs",
arXiv:1610.09585.

The networks of its appendix: Table 1 (ImageNet) from 64 pixels a side, Table 2 (CIFAR-10) below. The feature maps of a
table's Linear row are those of a first grid, whose side is the image's divided by 16 or by 8: 8 x 8 x 768 for 128
pixels, 4 x 4 x 768 for 64, 4 x 4 x 384 for 32 and for 28. Convolutions are padded as in TensorFlow ("same").

    L_S = E log P(real | x) + E log P(generated | G(c, z))      L_C = E log P(c | x) + E log P(c | G(c, z))
    the discriminator maximises L_S + L_C, the generator L_C - L_S

A real image whose label is missing (-1) has no part in L_C. With one class L_C is 0 and this is a plain GAN. Many
classes are learned better by several models, each of some of them: `--splits`, see `reference_models.class_splits`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genmetrics._checks import DataError
from reference_models import parallel
from reference_models.classifiers import accuracy
from reference_models.data import Dataset, Images
from reference_models.flags import hp
from reference_models.generative import Generative, normal_weights, update

SMALLEST, LARGE = 8, 64  # pixels a side: what is made at all, and from where Table 1 holds
TABLE_1, TABLE_2 = (768, 384, 256, 192), (384, 192, 96)  # maps of the generator, but the image's
DISCRIMINATOR = ((16, 2), (32, 1), (64, 2), (128, 1), (256, 2), (512, 1))  # maps and stride of its convolutions
SLOPE = 0.2  # of the leaky ReLU; Tables 1 and 2
MISSING = -1  # the label of an image that has none


@dataclass(frozen=True)
class Config:
    steps: int = hp(50_000, "Tables 1 and 2; generator updates, one per discriminator's")
    batch_size: int = hp(100, "Tables 1 and 2")
    generator_rate: float = hp(2e-4, "Table 1; Table 2 searches 1e-4, 2e-4 and 3e-4")
    discriminator_rate: float = hp(2e-4, "Table 1; Table 2 searches 1e-4, 2e-4 and 3e-4")
    adam_betas: tuple[float, float] = hp((0.5, 0.999), "Tables 1 and 2; an early print has 10^-3 in place of 0.999")
    noise: float = hp(0.1, "standard deviation of noise on D's activations; Table 2 searches 0, 0.1 and 0.2")
    input_noise_only: bool = hp(False, "noise on the image alone; unstated, ours: on the input of every convolution")
    dropout: float = hp(0.5, "Tables 1 and 2, after every convolution of the discriminator")
    latent_dim: int = hp(100, "Tables 1 and 2: 110 inputs, 10 of them the class; N(0, 1) is ours", at_least=1)
    width: float = hp(1.0, "ours: all feature maps times this; Section 4.6 gives larger splits more parameters")
    saturating: bool = hp(False, "Section 3: the generator minimises L_S itself; ours: -log P(real | G(c, z))")
    labels_per_class: int = hp(0, "labels of the first so many images a class, the others' are not looked at; 0: all")
    splits: str = hp("1", "Section 4: 100 for ImageNet; models of so many contiguous parts of the classes, or a file "
                     "with the classes of one model a line")  # fmt: skip


class Generator(nn.Module):
    """Latents (n, latent_dim) and class numbers (n,) -> images (n, channels, side, side) in [-1, 1]."""

    def __init__(self, shape: tuple[int, int, int], c: Config, classes: int) -> None:
        super().__init__()
        self.classes = classes
        maps = [scaled(m, c) for m in (TABLE_1 if shape[1] >= LARGE else TABLE_2)]
        sides = grid_sides(shape[1], len(maps))
        self.first = nn.Sequential(
            nn.Linear(classes + c.latent_dim, maps[0] * sides[0] ** 2),
            nn.ReLU(),
            nn.Unflatten(1, (maps[0], sides[0], sides[0])),
        )
        steps = list(itertools.pairwise(sides))
        layers: list[nn.Module] = []
        for (n, m), (before, after) in zip(itertools.pairwise(maps), steps, strict=False):
            layers += [up(n, m, before, after, bias=False), nn.BatchNorm2d(m), nn.ReLU()]
        self.rest = nn.Sequential(*layers, up(maps[-1], shape[0], *steps[-1], bias=True), nn.Tanh())

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        one_hot = F.one_hot(labels, self.classes).to(latents.dtype)
        return self.rest(self.first(torch.cat([one_hot, latents], dim=1)))


def grid_sides(side: int, layers: int) -> list[int]:
    """Sides of the generator's grids, the image's last: each is half of the next, rounded up."""
    sides = [side]
    for _ in range(layers):
        sides.insert(0, -(-sides[0] // 2))
    return sides


def up(n: int, m: int, before: int, after: int, bias: bool) -> nn.ConvTranspose2d:
    """5 x 5, stride 2, from one side to twice that, or to one less."""
    return nn.ConvTranspose2d(n, m, 5, stride=2, padding=2, output_padding=after - (2 * before - 1), bias=bias)


class Noise(nn.Module):
    """N(0, std^2) added to activations while training."""

    def __init__(self, std: float) -> None:
        super().__init__()
        self.std = std

    def forward(self, x: Tensor) -> Tensor:
        return x + self.std * parallel.normal_like(x) if self.training and self.std else x


class Discriminator(nn.Module):
    """Images -> the logit of being real, (n,), and logits of the classes, (n, classes)."""

    def __init__(self, shape: tuple[int, int, int], c: Config, classes: int) -> None:
        super().__init__()
        maps, side = shape[0], shape[1]
        layers: list[nn.Module] = []
        for place, (wanted, stride) in enumerate(DISCRIMINATOR):
            first, m = place == 0, scaled(wanted, c)
            layers += [
                Noise(c.noise if first or not c.input_noise_only else 0.0),
                nn.Conv2d(maps, m, 3, stride, padding=1, bias=first),
                nn.Identity() if first else nn.BatchNorm2d(m),
                nn.LeakyReLU(SLOPE),
                nn.Dropout(c.dropout),
            ]
            maps, side = m, -(-side // stride)
        self.body = nn.Sequential(*layers, nn.Flatten())
        self.head = nn.Linear(maps * side**2, 1 + classes)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        found = self.head(self.body(images))
        return {"source": found[:, 0], "logits": found[:, 1:]}


def scaled(maps: int, c: Config) -> int:
    return max(1, round(maps * c.width))


def source_likelihood(real: Tensor, fake: Tensor) -> Tensor:
    """L_S from logits of being real, each a mean over images; -2 log 2 where nothing is known; Eq. 2."""
    return F.logsigmoid(real.float()).mean() + F.logsigmoid(-fake.float()).mean()


def class_likelihood(logits: Tensor, labels: Tensor) -> Tensor:
    """One of the two terms of L_C: mean over all images of log P(label), 0 for a label that is missing; Eq. 3."""
    return -F.cross_entropy(logits.float(), labels, ignore_index=MISSING, reduction="sum") / len(labels)


def generator_source_loss(fake: Tensor, saturating: bool) -> Tensor:
    """-log P(real | G), or the generator's part of L_S, log P(generated | G); a mean over images."""
    return F.logsigmoid(-fake.float()).mean() if saturating else -F.logsigmoid(fake.float()).mean()


class ACGAN(Generative):
    Config = Config
    paper = "Odena et al. (2017), arXiv:1610.09585"
    images = (3, 32, 32)
    semi_supervised = True  # takes images without labels
    low = -1.0
    quick = MappingProxyType(
        {"steps": 2000, "batch_size": 32, "width": 0.25, "generator_rate": 2e-3, "discriminator_rate": 2e-3,
         "noise": 0.0, "dropout": 0.0}
    )  # fmt: skip

    def __init__(self, config: Config, dataset: Dataset, device: torch.device) -> None:
        check(config, dataset)
        self.config, self.device, self.progress, self.averages = config, device, 0.0, {}
        self.classes = dataset.classes
        self.seen = with_labels(dataset.train, config.labels_per_class)
        self.generator = Generator(dataset.shape, config, self.classes)
        self.discriminator = Discriminator(dataset.shape, config, self.classes)
        self.networks = {"generator": self.generator, "discriminator": self.discriminator}
        for network in self.networks.values():
            normal_weights(network, gains=False)  # Tables 1 and 2
            network.to(device)
        rates = {"generator": config.generator_rate, "discriminator": config.discriminator_rate}
        self.optimisers = {
            name: torch.optim.Adam(network.parameters(), rates[name], config.adam_betas)
            for name, network in self.networks.items()
        }

    def generated(self) -> tuple[Tensor, Tensor]:
        """A batch of images and the classes that they were made for, each as likely as any other."""
        labels = parallel.own_rows(torch.randint(self.classes, (self.config.batch_size,))).to(self.device)
        return self.generator(self.batch_of_latents(), labels), labels

    def step(self, batches: Iterator[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        """One update of the discriminator, then one of the generator, each on its own latents and classes."""
        for network in self.networks.values():
            network.train()
        images, labels = next(batches)
        with torch.no_grad():
            fake, wanted = self.generated()
        on_real, on_fake = self.discriminator(self.scaled(images)), self.discriminator(fake)
        l_s = source_likelihood(on_real["source"], on_fake["source"])
        l_c = class_likelihood(on_real["logits"], labels) + class_likelihood(on_fake["logits"], wanted)
        update(self.optimisers["discriminator"], -(l_s + l_c))
        fake, wanted = self.generated()
        found = self.discriminator(fake)
        source = generator_source_loss(found["source"], self.config.saturating)
        seen_as = class_likelihood(found["logits"], wanted)
        update(self.optimisers["generator"], source - seen_as)
        return {"L_S": l_s.detach(), "L_C": l_c.detach(), "generator": (source - seen_as).detach()}

    def evaluate(self, dataset: Dataset, seed: int) -> dict[str, float]:
        """Share of the test images with labels whose class the discriminator's auxiliary classifier sees."""
        labelled = dataset.test.labels != MISSING
        if not labelled.any():
            return {}
        test = Images(dataset.test.images[labelled], dataset.test.labels[labelled])
        return {"accuracy_test": accuracy(self.discriminator.eval(), test, self.scaled)}


def check(config: Config, dataset: Dataset) -> None:
    """The images and settings suit the model.

    Raises:
        DataError: images that are not square or smaller than 8 x 8, no classes, or a setting out of its range.
    """
    _, height, width = dataset.shape
    if height != width or height < SMALLEST:
        raise DataError(
            f"acgan makes square images of {SMALLEST} pixels a side or more; {dataset.name} has shape {dataset.shape}"
        )
    if not dataset.classes:
        raise DataError(f"acgan makes images of classes, and {dataset.name} has no labels (y in the .npz, sub-folders)")
    if config.width <= 0 or config.noise < 0 or not 0 <= config.dropout < 1 or config.labels_per_class < 0:
        raise DataError(
            f"width must be above 0, got {config.width}; noise and labels_per_class at least 0, got {config.noise} and "
            f"{config.labels_per_class}; dropout in [0, 1), got {config.dropout}"
        )


def with_labels(train: Images, per_class: int) -> Images:
    """The training images with the labels of the first `per_class` of every class alone; 0: with all they have."""
    if not per_class:
        return train
    labels = np.full_like(train.labels, MISSING)
    for k in np.unique(train.labels[train.labels != MISSING]):
        labels[np.flatnonzero(train.labels == k)[:per_class]] = k
    return Images(train.images, labels)
