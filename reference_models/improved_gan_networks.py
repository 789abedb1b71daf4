"""The layers of Improved GAN: weight norm started from data, minibatch discrimination, virtual batch norm, history."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from reference_models import parallel

if TYPE_CHECKING:
    from reference_models.improved_gan import Config

REFERENCE = 64  # latents of virtual batch norm; ours


class Noise(nn.Module):
    """Gaussian noise in training; code."""

    def __init__(self, deviation: float) -> None:
        super().__init__()
        self.deviation = deviation

    def forward(self, x: Tensor) -> Tensor:
        return x + self.deviation * parallel.normal_like(x) if self.training else x


class Mean(nn.Module):
    """Over the positions of each map."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=(2, 3))


class BiasNorm(nn.Module):
    """Batch norm with a bias and no gain; code."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(features, eps=1e-6, momentum=0.1, affine=False)
        self.bias = nn.Parameter(torch.zeros(features))

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(2) if x.ndim == 4 else x
        bias = self.bias[:, None] if x.ndim == 4 else self.bias
        return (self.norm(flat) + bias).view_as(x)


class VirtualBatchNorm(nn.Module):
    """Each example normalised by the statistics of a reference batch and its own, weighted B to 1; Section 3.5.

    The reference batch stands in the first B rows and goes through the network with the others.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.gain, self.bias = nn.Parameter(torch.empty(features).normal_(1, 0.02)), nn.Parameter(torch.zeros(features))

    def forward(self, x: Tensor) -> Tensor:
        maps = x.flatten(2) if x.ndim == 4 else x[:, :, None]  # (n, features, places)
        first, second = maps.mean(dim=2), maps.square().mean(dim=2)  # of each example
        own = 1 / (REFERENCE + 1)
        mean = own * first + (1 - own) * first[:REFERENCE].mean(dim=0)
        square = own * second + (1 - own) * second[:REFERENCE].mean(dim=0)
        scale = self.gain / (square - mean.square() + 1e-5).sqrt()
        return ((maps - mean[:, :, None]) * scale[:, :, None] + self.bias[:, None]).view_as(x)


def weight_normed(layer: Any, deviation: float = 1.0, *, train_gain: bool = False) -> Any:
    """A layer whose weights are g v / |v|; its outputs start with mean 0 and this standard deviation on real images.

    g stays as it started, except in the last layers; code.
    """
    nn.init.normal_(layer.weight, 0, 0.05)
    layer.deviation = deviation
    layer = weight_norm(layer, dim=1 if isinstance(layer, nn.ConvTranspose2d) else 0)
    layer.parametrizations.weight.original0.requires_grad_(train_gain)
    return layer


@torch.no_grad()
def initialise_from_data(network: nn.Module, batch: Tensor) -> None:
    """Gains and biases such that on this batch every weight-normed layer has mean 0 and its deviation per output.

    Source: Salimans & Kingma (2016), arXiv:1602.07868, Eq. 5.
    """

    def start(layer: Any, _: Any, output: Tensor) -> Tensor:
        over = [0, *range(2, output.ndim)]
        mean = output.mean(over) - layer.bias
        factor = layer.deviation / (output.std(over, correction=0) + 1e-8)
        gain = layer.parametrizations.weight.original0
        gain.mul_(factor.view_as(gain))
        layer.bias.copy_(-mean * factor)
        shape = [1, -1] + [1] * (output.ndim - 2)
        return (output - output.mean(over).view(shape)) * factor.view(shape)

    hooks = [
        m.register_forward_hook(start) for m in network.modules() if hasattr(m, "deviation") and hasattr(m, "bias")
    ]
    network.train()(batch)
    for hook in hooks:
        hook.remove()


class MinibatchDiscrimination(nn.Module):
    """Appends to each row how close it is to the others of its batch in `kernels` learned projections; Section 3.2.

    o_k = sum over other rows j of exp(-|M_ik - M_jk|_1) + b_k, M = x T with columns of T of learned length; b starts at
    -1 (code).
    """

    def __init__(self, inputs: int, kernels: int, dimensions: int) -> None:
        super().__init__()
        self.shape = (kernels, dimensions)
        self.theta = nn.Parameter(torch.empty(inputs, kernels, dimensions).normal_(0, 0.05))
        self.log_scale = nn.Parameter(torch.zeros(kernels, dimensions))
        self.bias = nn.Parameter(torch.full((kernels,), -1.0))

    def forward(self, x: Tensor) -> Tensor:
        t = self.theta * (self.log_scale.exp() / self.theta.norm(dim=0))
        m = (x @ t.flatten(1)).unflatten(1, self.shape)  # (n, kernels, dimensions)
        distance = (m[:, None] - m[None]).abs().sum(dim=3)  # (n, n, kernels)
        itself = torch.eye(len(x), dtype=torch.bool, device=x.device)[:, :, None]
        closeness = (-distance).exp().masked_fill(itself, 0).sum(dim=1)
        return torch.cat([x, closeness + self.bias], dim=1)


class History(nn.Module):
    """The mean of a network's past weights; Section 3.3."""

    steps: Tensor
    means: Tensor

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.register_buffer("steps", torch.zeros(()))
        self.register_buffer("means", torch.zeros(sum(p.numel() for p in trained(network))))

    def distance(self, network: nn.Module) -> Tensor:
        """|theta - mean|^2; 0 before the first."""
        now = torch.cat([p.flatten() for p in trained(network)])
        return (now - self.means).square().sum() * (self.steps > 0)

    @torch.no_grad()
    def add(self, network: nn.Module) -> None:
        self.steps += 1
        self.means += (torch.cat([p.flatten() for p in trained(network)]) - self.means) / self.steps


def trained(network: nn.Module) -> list[Tensor]:
    return [p for p in network.parameters() if p.requires_grad]


class Generator(nn.Module):
    """Layers; with virtual batch norm the reference latents go first."""

    reference: Tensor

    def __init__(self, layers: list[nn.Module], latent_dim: int, virtual: bool) -> None:
        super().__init__()
        self.layers, self.virtual = nn.Sequential(*layers), virtual
        if virtual:
            self.register_buffer("reference", torch.rand(REFERENCE, latent_dim))

    def forward(self, latents: Tensor) -> Tensor:
        if not self.virtual:
            return self.layers(latents)
        return self.layers(torch.cat([self.reference, latents]))[REFERENCE:]


def generator_network(shape: tuple[int, int, int], c: Config) -> Generator:
    """Latents (n, latent_dim) -> images: in [0, 1] for 28 x 28, else in [-1, 1]."""
    norm = nn.Identity if c.weak else VirtualBatchNorm if c.virtual_batch_norm else BiasNorm

    def hidden(layer: Any, features: int, activation: nn.Module) -> list[nn.Module]:
        nn.init.normal_(layer.weight, 0, 0.05)
        return [layer, norm(features), activation]

    if shape[1] == 28:
        w, pixels = 500 // c.narrow, shape[0] * shape[1] * shape[2]
        layers = hidden(nn.Linear(c.latent_dim, w, bias=c.weak), w, nn.Softplus())
        layers += hidden(nn.Linear(w, w, bias=c.weak), w, nn.Softplus())
        layers += [weight_normed(nn.Linear(w, pixels), 0.1, train_gain=True), nn.Sigmoid(), nn.Unflatten(1, shape)]
        return Generator(layers, c.latent_dim, c.virtual_batch_norm)
    w = 512 // c.narrow
    layers = [*hidden(nn.Linear(c.latent_dim, w * 16, bias=c.weak), w * 16, nn.ReLU()), nn.Unflatten(1, (w, 4, 4))]
    for n, m in ((w, w // 2), (w // 2, w // 4)):
        layers += hidden(nn.ConvTranspose2d(n, m, 5, 2, 2, output_padding=1, bias=c.weak), m, nn.ReLU())
    image = nn.ConvTranspose2d(w // 4, shape[0], 5, 2, 2, output_padding=1)
    return Generator(
        [*layers, weight_normed(image, 0.1, train_gain=True), nn.Tanh()], c.latent_dim, c.virtual_batch_norm
    )


def discriminator_layers(shape: tuple[int, int, int], narrow: int, matching: bool) -> tuple[nn.Module, nn.Module, int]:
    """Up to the features that are matched; from there to the last hidden layer; and how many features that has."""
    if shape[1] == 28:
        sizes = [shape[0] * shape[1] * shape[2], *(w // narrow for w in (1000, 500, 250, 250, 250))]
        layers: list[nn.Module] = [nn.Flatten(), Noise(0.3)]
        for n, m in itertools.pairwise(sizes):
            layers += [weight_normed(nn.Linear(n, m)), nn.ReLU(), Noise(0.5)]
        return nn.Sequential(*layers[:-1]), layers[-1], sizes[-1]
    small, large = 96 // narrow, 192 // narrow

    def convolution(n: int, m: int, side: int = 3, stride: int = 1, padding: int = 1) -> list[nn.Module]:
        return [weight_normed(nn.Conv2d(n, m, side, stride, padding)), nn.LeakyReLU(0.2)]

    layers = [nn.Dropout(0.2) if matching else Noise(0.2)]
    layers += convolution(shape[0], small) + convolution(small, small) + convolution(small, small, stride=2)
    layers += [nn.Dropout(0.5), *convolution(small, large), *convolution(large, large)]
    layers += [*convolution(large, large, stride=2), nn.Dropout(0.5), *convolution(large, large, padding=0)]
    layers += convolution(large, large, 1, 1, 0) + convolution(large, large, 1, 1, 0) + [Mean()]
    return nn.Sequential(*layers), nn.Identity(), large
