"""What the models with an encoder share: latents of images, and images back from them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from genmetrics.extractors.digits_vae import MICRO_BATCH
from reference_models.generative import Generative


class Autoencoding(Generative):
    """A model whose network "encoder" gives mean and log variance of q(z|x); the one that it exports decodes."""

    def encode(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and log variance of q(z|x), each (n, latent_dim), of uint8 images (n, c, h, w)."""
        found = [(mean, log_variance) for _, mean, log_variance in self.parts(images)]
        means, log_variances = (torch.cat(part).cpu().numpy() for part in zip(*found, strict=True))
        return means, log_variances

    @torch.no_grad()
    def decode(self, latents: np.ndarray) -> np.ndarray:
        """uint8 images (n, c, h, w) of latents (n, latent_dim)."""
        parts = torch.from_numpy(np.ascontiguousarray(latents, np.float32)).split(MICRO_BATCH)
        none = torch.zeros(MICRO_BATCH, dtype=torch.int64)  # the class, which these models do not have
        return torch.cat([self.generate(part.to(self.device), none).cpu() for part in parts]).numpy()

    @torch.no_grad()
    def squared_errors(self, images: np.ndarray, seed: int | None = None) -> np.ndarray:
        """|x - decoder(z)|^2 of each image, pixels in [0, 1], the decoder's not clamped; z is the mean of q(z|x), or,
        with a seed, drawn from it."""
        noise = None if seed is None else torch.Generator().manual_seed(seed)
        found = []
        for part, mean, log_variance in self.parts(images):
            z = mean if noise is None else mean + (log_variance / 2).exp() * self.latents(len(mean), noise)
            with evaluating(self.decoding_network()) as decoder:
                found.append((part / 255 - decoder(z)).float().square().flatten(1).sum(1).cpu())
        return torch.cat(found).numpy()

    def decoding_network(self) -> nn.Module:
        """The one that makes samples: the average, if the run keeps one."""
        return self.averages.get(self.exports, self.networks[self.exports])

    @torch.no_grad()
    def parts(self, images: np.ndarray) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """A few images at a time, on the device, with mean and log variance of q(z|x)."""
        for part in torch.from_numpy(np.ascontiguousarray(images)).split(MICRO_BATCH):
            x = part.to(self.device)
            with evaluating(self.networks["encoder"]) as encoder:
                yield x, *(y.float() for y in encoder(x / 255))


@contextmanager
def evaluating(network: nn.Module) -> Iterator[nn.Module]:
    """The network as trained: batch norm with its running statistics, no dropout."""
    was_training = network.training
    network.eval()
    try:
        yield network
    finally:
        network.train(was_training)


def gradient_energy(images: np.ndarray) -> np.ndarray:
    """Mean over pixels and channels of the squared differences between neighbours, across and down, of each image.

    Pixels are in [0, 1]; blurred images have less of it. Images (n, c, h, w) uint8 -> (n,) float64.
    """
    found = np.empty(len(images))
    for i, image in enumerate(images):
        x = image.astype(np.float64) / 255
        found[i] = np.square(np.diff(x, axis=2)).mean() + np.square(np.diff(x, axis=1)).mean()
    return found


def ratio_of_means(above: np.ndarray, below: np.ndarray) -> tuple[float, float, float]:
    """mean(above) / mean(below) of two independent sets, with its 95% interval (delta method, on the logarithm)."""
    ratio = above.mean() / below.mean()
    variance = sum(x.var(ddof=1) / len(x) / x.mean() ** 2 for x in (above, below))
    reach = np.exp(1.959964 * variance**0.5)
    return float(ratio), float(ratio / reach), float(ratio * reach)
