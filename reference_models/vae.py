"""Variational autoencoder of Kingma & Welling (2014), "Auto-Encoding Variational Bayes", arXiv:1312.6114.

Prior N(0, I); q(z|x) = N(mu, diag exp(log_variance)) from the encoder; p(x|z) = N(decoder(z), v I) with one
learned variance v for all pixels, as Wu et al. (2017), arXiv:1611.04273, give their VAE-50. Minimises the
negative evidence lower bound, Eq. 10 with one sample of z, in nats per image:

    |x - decoder(z)|^2 / (2 v) + d/2 log(2 pi v)  -  1/2 sum(1 + log_variance - mu^2 - exp(log_variance))
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor, nn

from genmetrics.extractors.digits_vae import Decoder
from reference_models import parallel
from reference_models.autoencoding import Autoencoding
from reference_models.classifiers import cosine
from reference_models.data import Dataset
from reference_models.flags import hp
from reference_models.generative import update
from reference_models.training import own_random_numbers


@dataclass(frozen=True)
class Config:
    steps: int = hp(6000, "unstated; ours")
    batch_size: int = hp(128, "ours; the paper has M = 100, Section 2.3")
    learning_rate: float = hp(1e-3, "ours, for Adam (the paper has Adagrad); falls to 0 along a cosine")
    latent_dim: int = hp(16, "ours, for 8 x 8 digits; the paper tries 3 to 200 on MNIST, Figure 2", at_least=1)
    widths: tuple[int, int] = hp(
        (256, 512),
        "ours, hidden units of the decoder, reversed in the encoder; the paper has one layer of 500",
        at_least=1,
    )
    input_dropout: float = hp(0.2, "of the encoder's input: dropout .2 in the code of Wu et al. (2017) for VAE-50")
    variance: float = hp(0.05, "ours; the initial v, learned from there")


class Encoder(nn.Module):
    """Images (n, c, h, w) in [0, 1] -> mean and log variance of q(z|x), each (n, latent_dim)."""

    def __init__(self, shape: tuple[int, int, int], config: Config) -> None:
        super().__init__()
        wide, narrow = reversed(config.widths)
        self.body = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(config.input_dropout),
            nn.Linear(math.prod(shape), wide),
            nn.ReLU(),
            nn.Linear(wide, narrow),
            nn.ReLU(),
            nn.Linear(narrow, 2 * config.latent_dim),
        )

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.body(images).chunk(2, dim=1)
        return mean, log_variance


class Noise(nn.Module):
    """The pixels' variance v, kept as its logarithm."""

    def __init__(self, variance: float) -> None:
        super().__init__()
        self.log_variance = nn.Parameter(torch.tensor(math.log(variance)))


def kl_to_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, diag exp(log_variance)) || N(0, I)) per row, in nats; Appendix B."""
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(dim=1)


def squared_error(images: Tensor, means: Tensor) -> Tensor:
    """Sum over the pixels of each image."""
    return (images - means).square().flatten(1).sum(dim=1)


def negative_log_likelihood(error: Tensor, pixels: int, log_variance: Tensor) -> Tensor:
    """-log N(x; decoder(z), v I) from the squared error of each image, in nats; Appendix C.2."""
    return error / (2 * log_variance.exp()) + pixels / 2 * (math.log(2 * math.pi) + log_variance)


class VAE(Autoencoding):
    Config = Config
    paper = "Kingma & Welling (2014), arXiv:1312.6114"
    images = (1, 8, 8)
    quick = MappingProxyType({"steps": 1000})
    exports = "decoder"
    averaged = ("decoder",)
    kl_weight = 1.0  # of the KL in the loss

    def __init__(self, config: Config, dataset: Dataset, device: torch.device) -> None:
        self.config, self.device, self.progress, self.averages = config, device, 0.0, {}
        self.make_networks(config, dataset)
        self.networks = {"encoder": self.encoder, "decoder": self.decoder, "noise": self.noise}
        parameters = [p for net in self.networks.values() for p in net.to(device).parameters() if p.requires_grad]
        self.adam = torch.optim.Adam(parameters, config.learning_rate)
        self.optimisers = {"adam": self.adam}

    def make_networks(self, config: Config, dataset: Dataset) -> None:
        """Fully connected; other VAEs have others."""
        self.encoder = Encoder(dataset.shape, config)
        self.decoder = Decoder(config.latent_dim, config.widths, dataset.shape)
        self.noise = Noise(config.variance)

    def losses(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Negative log-likelihood, KL and squared error of each uint8 image, with one sample of z."""
        x = images / 255
        mean, log_variance = self.encoder(x)
        z = mean + (log_variance / 2).exp() * self.batch_of_latents(len(images) * parallel.size())
        error = squared_error(x, self.decoder(z))
        likelihood = negative_log_likelihood(error, x[0].numel(), self.noise.log_variance)
        return likelihood, kl_to_standard_normal(mean, log_variance), error

    def step(self, batches: Iterator[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        """One update of Adam on the negative ELBO of one batch."""
        self.encoder.train()
        likelihood, kl, error = self.losses(next(batches)[0])
        loss = (likelihood + self.kl_weight * kl).mean()
        self.adam.param_groups[0]["lr"] = self.config.learning_rate * cosine(self.progress)
        update(self.adam, loss)
        return {
            "elbo": -(likelihood + kl).detach().mean(),
            "kl": kl.detach().mean(),
            "squared_error": error.detach().mean(),
        }

    @torch.no_grad()
    def evaluate(self, dataset: Dataset, seed: int) -> dict[str, float]:
        """The ELBO of the test images, in nats per image, and what it is made of."""
        self.encoder.eval()
        with own_random_numbers(self.device):
            torch.manual_seed(seed)
            likelihood, kl, error = self.losses(torch.from_numpy(dataset.test.images).to(self.device))
        return {
            "elbo_test": -(likelihood + kl).mean().item(),
            "kl_test": kl.mean().item(),
            "squared_error_test": error.mean().item(),
            "variance": self.noise.log_variance.exp().item(),
        }
