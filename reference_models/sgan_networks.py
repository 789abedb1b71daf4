"""Generators and representation discriminators of Stacked GAN; sizes of the authors' code for 28 and 32 pixels a side.

A generator maps (what is above, noise) to what is below: the top one gets labels as rows of 0 and 1, the bottom one
makes images. A discriminator gives logits and, with its head Q, the noise that it recovers. Layers with batch norm have
no biases.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reference_models import parallel

EPS = 1e-6  # of batch norm; code
NOISE = {28: 50, 32: 16}  # numbers in z of the bottom generator, by side
NOISE_ABOVE = 50  # of the others
START = {28: 4, 32: 5}  # pixels a side before the first deconvolution
MAPS = {28: (128, 128, 64, 64), 32: (256, 256, 128, 128)}  # before and after the hidden deconvolutions


# --- generators


def dense(n: int, m: int) -> tuple[nn.Module, ...]:
    return nn.Linear(n, m, bias=False), nn.BatchNorm1d(m, eps=EPS), nn.ReLU()


def joined(condition: Tensor | None, noise: Tensor) -> Tensor:
    return noise if condition is None else torch.cat([condition, noise], dim=1)


class FeatureGenerator(nn.Module):
    """(condition (n, above) or None, noise (n, z)) -> features (n, width), >= 0 as those of the encoder."""

    def __init__(self, side: int, above: int, noise: int, width: int, narrow: int) -> None:
        super().__init__()
        hidden = 512 // narrow
        embeds = side == 32  # noise and condition each get a layer of their own; MNIST's are joined as they are
        self.noise = nn.Sequential(*dense(noise, hidden // 2)) if embeds else nn.Identity()
        self.condition = nn.Sequential(*dense(above, hidden)) if embeds and above else nn.Identity()
        joint = hidden // 2 + (hidden if above else 0) if embeds else noise + above
        self.body = nn.Sequential(*dense(joint, hidden), *dense(hidden, hidden), nn.Linear(hidden, width), nn.ReLU())

    def forward(self, condition: Tensor | None, noise: Tensor) -> Tensor:
        above = None if condition is None else self.condition(condition)
        return self.body(joined(above, self.noise(noise)))


def deconvolution(n: int, m: int, stride: int, bias: bool) -> nn.ConvTranspose2d:
    """5 x 5; stride 2 doubles the side, stride 1 adds 4 pixels."""
    return nn.ConvTranspose2d(n, m, 5, stride, padding=2 * (stride - 1), output_padding=stride - 1, bias=bias)


class ImageGenerator(nn.Module):
    """(condition (n, above) or None, noise (n, z)) -> images (n, channels, side, side) in [0, 1]."""

    def __init__(self, shape: tuple[int, int, int], above: int, noise: int, narrow: int) -> None:
        super().__init__()
        channels, side, _ = shape
        start, maps, embedded = START[side], [m // narrow for m in MAPS[side]], 128
        again = dense(embedded, embedded) if side == 32 else ()
        self.noise = nn.Sequential(*dense(noise, embedded), *again)
        hidden: list[nn.Module] = []
        for i, stride in enumerate((2, 1, 2)):
            norm = nn.BatchNorm2d(maps[i + 1], eps=EPS)
            hidden += [deconvolution(maps[i], maps[i + 1], stride, bias=False), norm, nn.ReLU()]
        self.body = nn.Sequential(
            *dense(above + embedded, maps[0] * start**2),
            nn.Unflatten(1, (maps[0], start, start)),
            *hidden,
            deconvolution(maps[-1], channels, 1, bias=True),
            nn.Sigmoid(),
        )

    def forward(self, condition: Tensor | None, noise: Tensor) -> Tensor:
        return self.body(joined(condition, self.noise(noise)))


class Composition(nn.Module):
    """Generators, the bottom one first, as one: (condition, noise of all, bottom first) -> images."""

    def __init__(self, parts: Sequence[nn.Module], noise: Sequence[int]) -> None:
        super().__init__()
        self.parts, self.widths = nn.ModuleList(parts), tuple(noise)

    def forward(self, condition: Tensor | None, noise: Tensor) -> Tensor:
        for part, z in reversed(list(zip(self.parts, noise.split(self.widths, dim=1), strict=True))):
            condition = part(condition, z)
        assert condition is not None
        return condition


class StackedGenerator(Composition):
    """(noise of all, labels) -> images."""

    def __init__(self, parts: Sequence[nn.Module], noise: Sequence[int], classes: int) -> None:
        super().__init__(parts, noise)
        self.classes = classes

    def forward(self, noise: Tensor, labels: Tensor | None = None) -> Tensor:  # pyright: ignore
        return super().forward(self.condition(labels, noise.dtype), noise)

    def condition(self, labels: Tensor | None, dtype: torch.dtype = torch.float32) -> Tensor | None:
        """What the top generator gets: labels (n,) as rows of 0 and 1, or None without classes."""
        return F.one_hot(labels, self.classes).to(dtype) if self.classes and labels is not None else None


# --- discriminators


class Found(NamedTuple):
    logits: Tensor  # (n, 1), or (n, classes)
    noise: Tensor | None  # (n, z), as Q recovers it; None without Q


class Noise(nn.Module):
    """N(0, s^2) added while training; s may change when the stacks are trained jointly."""

    def __init__(self, alone: float, jointly: float) -> None:
        super().__init__()
        self.rates, self.rate = (alone, jointly), alone

    def forward(self, x: Tensor) -> Tensor:
        return x + self.rate * parallel.normal_like(x) if self.training and self.rate else x


class Dropout(nn.Module):
    """Dropout, of another rate when the stacks are trained jointly."""

    def __init__(self, alone: float, jointly: float) -> None:
        super().__init__()
        self.rates, self.rate = (alone, jointly), alone

    def forward(self, x: Tensor) -> Tensor:
        return parallel.dropout(x, self.rate, self.training)


class Centred(nn.Module):
    """Minus the mean training image."""

    mean: Tensor

    def __init__(self, mean: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)

    def forward(self, x: Tensor) -> Tensor:
        return x - self.mean


class Discriminator(nn.Module):
    """A body with two heads: logits, and Q unless `noise` is 0. `pooled` takes the mean of each map for the logits."""

    def __init__(self, body: nn.Module, width: int, logits: int, noise: int, side: int, pooled: int = 0) -> None:
        super().__init__()
        self.body, self.pooled = body, bool(pooled)
        self.logits = nn.Linear(pooled or width, logits)
        squash = nn.Sigmoid() if side == 28 else nn.Identity()  # MNIST's code bounds what Q recovers, as z is
        self.q = nn.Sequential(nn.Linear(width, noise), squash) if noise else None

    def forward(self, x: Tensor) -> Found:
        found = self.body(x)
        flat = found.flatten(1)
        return Found(
            self.logits(found.mean(dim=(2, 3)) if self.pooled else flat), None if self.q is None else self.q(flat)
        )

    def jointly(self, yes: bool) -> None:
        """Noise and dropout of the joint stage, or of the one before it."""
        for module in self.modules():
            if isinstance(module, Noise | Dropout):
                module.rate = module.rates[yes]


def leaky(*layers: nn.Module) -> tuple[nn.Module, ...]:
    return *layers, nn.LeakyReLU(0.2)


def feature_discriminator(side: int, width: int, logits: int, noise: int, narrow: int) -> Discriminator:
    """Of features (n, width)."""
    if side == 28:
        hidden = 256 // narrow
        body = nn.Sequential(*leaky(nn.Linear(width, hidden)), *leaky(nn.Linear(hidden, hidden)))
        return Discriminator(body, hidden, logits, noise, side)
    hidden = 512 // narrow
    body = nn.Sequential(
        Noise(0.2, 0.2),
        *leaky(nn.Linear(width, hidden)),
        Noise(0.0, 0.2),
        *leaky(nn.Linear(hidden, hidden, bias=False), nn.BatchNorm1d(hidden, eps=EPS)),
        Noise(0.0, 0.2),
    )
    return Discriminator(body, hidden, logits, noise, side)


def image_discriminator(
    shape: tuple[int, int, int], mean: Tensor, logits: int, noise: int, narrow: int
) -> Discriminator:
    """Of images in [0, 1]."""
    channels, side, _ = shape
    if side == 28:
        hidden, (a, b, c) = 256, (m // narrow for m in (32, 64, 128))
        convolutions = [leaky(nn.Conv2d(n, m, 5, stride=2, padding=2)) for n, m in ((channels, a), (a, b), (b, c))]
        layers = [layer for convolution in convolutions for layer in convolution]
        body = nn.Sequential(*layers, nn.Flatten(), *leaky(nn.Linear(c * 16, hidden)))
        return Discriminator(body, hidden, logits, noise, side)
    few, many = 96 // narrow, 192 // narrow

    def normed(n: int, m: int, stride: int = 1, padding: int = 1) -> tuple[nn.Module, ...]:
        return leaky(nn.Conv2d(n, m, 3, stride, padding, bias=False), nn.BatchNorm2d(m, eps=EPS))

    body = nn.Sequential(
        Centred(mean),
        Noise(0.05, 0.05),
        *leaky(nn.Conv2d(channels, few, 3, padding=1)),
        *normed(few, few, stride=2),
        Dropout(0.1, 0.3),
        *normed(few, many),
        *normed(many, many, stride=2),
        Dropout(0.1, 0.3),
        *normed(many, many, padding=0),
        *leaky(nn.Conv2d(many, many, 1)),
    )
    return Discriminator(body, many * 36, logits, noise, side, pooled=many)
