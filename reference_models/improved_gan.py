"""Improved GAN of Salimans et al. (2016), "Improved Techniques for Training GANs", arXiv:1606.03498.

Networks and losses of the authors' code (github.com/openai/improved-gan): train_cifar_minibatch_discrimination.py by
default, train_cifar_feature_matching.py with `technique` feature-matching, train_mnist_feature_matching.py's networks
for 28 x 28. The discriminator is a classifier of K classes with logits l; D = Z / (Z + 1), Z = sum exp l, says real.

    discriminator: cross-entropy of labelled images, - 1/2 log D(x) - 1/2 log(1 - D(G(z)))
    generator:     log(1 - D(G(z))), which saturates; or the distance between mean features of x and G(z)

Virtual batch norm, historical averaging and one-sided label smoothing are in the paper and not in those scripts: off.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genmetrics._checks import DataError, one_of
from reference_models import parallel
from reference_models.classifiers import accuracy, falling
from reference_models.data import Dataset
from reference_models.flags import hp
from reference_models.generative import Generative, update
from reference_models.improved_gan_networks import (
    History,
    MinibatchDiscrimination,
    discriminator_layers,
    generator_network,
    initialise_from_data,
    weight_normed,
)

TECHNIQUES = ("minibatch-discrimination", "feature-matching")
INITIAL_IMAGES = 500  # for the data-dependent initialisation; code


@dataclass(frozen=True)
class Config:
    technique: str = hp("minibatch-discrimination", f"the code's README has its samples as the best; {TECHNIQUES}")
    steps: int = hp(600_000, "1200 passes over 50,000 images; updates of the discriminator")
    batch_size: int = hp(100, "code")
    generator_steps: int = hp(
        3, "minibatch discrimination code, per discriminator's; feature matching code: 1", at_least=1
    )
    learning_rate: float = hp(3e-4, "code; MNIST: 3e-3")
    adam_betas: tuple[float, float] = hp((0.5, 0.999), "code")
    decay_from: float = hp(
        0.667,
        "code: part of the training after which the rate falls to 0, 1: never; epoch 800 of 1200",
        at_least=0,
        at_most=1,
    )
    latent_dim: int = hp(100, "code; uniform on (0, 1)", at_least=1)
    narrow: int = hp(1, "ours; divides the widths of every layer but the last", at_least=1)
    labels_per_class: int = hp(400, "CIFAR-10 code; SVHN 100, MNIST 10; 0: no labels", at_least=0)
    kernels: tuple[int, int] = hp(
        (100, 5), "code; of minibatch discrimination: how many, and their dimensions", at_least=1
    )
    weak: bool = hp(False, "no batch norm in the generator; Basart's thesis, Figure 3.1")
    virtual_batch_norm: bool = hp(False, "Section 3.5, in the generator")
    historical_averaging: float = hp(0.0, "Section 3.3; weight of |theta - mean of past theta|^2")
    real_target: float = hp(1.0, "Section 3.4, one-sided label smoothing: 0.9")


class Discriminator(nn.Module):
    """Images -> features of the last hidden layer, and K logits."""

    def __init__(self, shape: tuple[int, int, int], classes: int, c: Config) -> None:
        super().__init__()
        matching = c.technique == "feature-matching"
        self.body, self.tail, width = discriminator_layers(shape, c.narrow, matching)
        extra = 0 if matching else c.kernels[0]
        self.minibatch = nn.Identity() if matching else MinibatchDiscrimination(width, *c.kernels)
        self.head = weight_normed(nn.Linear(width + extra, classes), 0.1, train_gain=True)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        features = self.body(images)
        return {"features": features, "logits": self.head(self.minibatch(self.tail(features)))}


def log_z(logits: Tensor) -> Tensor:
    """log sum exp l, the logit of D."""
    return logits.float().logsumexp(dim=1)


def unsupervised_loss(real: Tensor, fake: Tensor, real_target: float) -> Tensor:
    """-1/2 log D(x) - 1/2 log(1 - D(G(z))) from class logits, means over images; log 2 where Z = 1; Section 5.

    With a target t below 1, -log D(x) becomes -t log D(x) - (1 - t) log(1 - D(x)).
    """
    on_real, on_fake = log_z(real), log_z(fake)
    return (F.softplus(on_real) - real_target * on_real).mean() / 2 + F.softplus(on_fake).mean() / 2


def fooling_loss(fake: Tensor) -> Tensor:
    """log(1 - D(G(z))): the form that saturates, as in the code."""
    return -F.softplus(log_z(fake)).mean()


def matching_loss(real: Tensor, fake: Tensor, squared: bool) -> Tensor:
    """Distance between mean features, a mean over features: absolute (CIFAR, SVHN code) or squared (MNIST code).

    Section 3.1 has the squared L2 norm, which is the sum.
    """
    difference = real.float().mean(dim=0) - fake.float().mean(dim=0)
    return difference.square().mean() if squared else difference.abs().mean()


class ImprovedGAN(Generative):
    Config = Config
    paper = "Salimans et al. (2016), arXiv:1606.03498"
    images = (3, 32, 32)
    averaged = ("generator", "discriminator")
    semi_supervised = True
    quick = MappingProxyType({"steps": 300, "narrow": 4, "learning_rate": 3e-3, "batch_size": 64})

    def __init__(self, config: Config, dataset: Dataset, device: torch.device) -> None:
        one_of(config.technique, "technique", TECHNIQUES)
        if dataset.shape[1:] not in ((28, 28), (32, 32)):
            raise DataError(f"improved-gan makes images of 28 or 32 pixels a side; {dataset.name} has {dataset.shape}")
        self.config, self.device, self.progress, self.averages = config, device, 0.0, {}
        self.low = 0.0 if dataset.shape[1] == 28 else -1.0
        self.labelled = self.choose_labelled(dataset)
        self.generator = generator_network(dataset.shape, config)
        self.discriminator = Discriminator(dataset.shape, dataset.classes or 10, config)
        self.networks = {"generator": self.generator.to(device), "discriminator": self.discriminator.to(device)}
        images = torch.from_numpy(dataset.train.images[:INITIAL_IMAGES]).to(device)
        initialise_from_data(self.discriminator, self.scaled(images))
        initialise_from_data(self.generator, self.latents(max(2, len(images))))
        self.optimisers = {
            name: torch.optim.Adam(
                [p for p in network.parameters() if p.requires_grad], config.learning_rate, config.adam_betas
            )
            for name, network in self.networks.items()
        }
        self.histories = {}
        if config.historical_averaging:
            self.histories = {name: History(network).to(device) for name, network in self.networks.items()}
            self.networks |= {f"{name}_history": history for name, history in self.histories.items()}

    def choose_labelled(self, dataset: Dataset) -> tuple[Tensor, Tensor] | None:
        """The first `labels_per_class` training images of every class; the labels of the others are not looked at."""
        wanted, labels = self.config.labels_per_class, dataset.train.labels
        if not wanted:
            return None
        if not dataset.classes:
            raise DataError(f"improved-gan learns from labels, and {dataset.name} has none; give --labels-per-class 0")
        rows = np.concatenate([np.flatnonzero(labels == k)[:wanted] for k in range(dataset.classes)])
        return tuple(torch.from_numpy(part[rows]).to(self.device) for part in (dataset.train.images, labels))

    def latents(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """U(0, 1)."""
        return self.uniform(n, self.config.latent_dim, generator=generator)

    def step(self, batches: Iterator[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        """One update of the discriminator, then `generator_steps` of the generator."""
        c = self.config
        for name in ("generator", "discriminator"):
            self.networks[name].train()
            self.optimisers[name].param_groups[0]["lr"] = c.learning_rate * falling(self.progress, c.decay_from)
        with torch.no_grad():
            fake = self.generator(self.batch_of_latents())
        real = self.scaled(next(batches)[0])
        d_loss = unsupervised_loss(
            self.discriminator(real)["logits"], self.discriminator(fake)["logits"], c.real_target
        )
        supervised = self.supervised_loss()
        self.update("discriminator", d_loss + supervised)
        for _ in range(c.generator_steps):
            g_loss = self.generator_loss(batches)
            self.update("generator", g_loss)
        return {"discriminator": d_loss.detach(), "labelled": supervised.detach(), "generator": g_loss.detach()}

    def supervised_loss(self) -> Tensor:
        """Cross-entropy of a batch of labelled images; 0 where there are none."""
        if self.labelled is None:
            return torch.zeros((), device=self.device)
        images, labels = self.labelled
        rows = parallel.own_rows(torch.randint(len(images), (self.config.batch_size,))).to(self.device)
        return F.cross_entropy(self.discriminator(self.scaled(images[rows]))["logits"].float(), labels[rows])

    def generator_loss(self, batches: Iterator[tuple[Tensor, Tensor]]) -> Tensor:
        """That of the technique, on fresh latents."""
        found = self.discriminator(self.generator(self.batch_of_latents()))
        if self.config.technique != "feature-matching":
            return fooling_loss(found["logits"])
        real = self.discriminator(self.scaled(next(batches)[0]))["features"].detach()
        return matching_loss(real, found["features"], squared=self.low == 0)

    def update(self, name: str, loss: Tensor) -> None:
        """One step of Adam; with historical averaging, towards the mean of past weights too."""
        history = self.histories.get(name)
        if history is None:
            update(self.optimisers[name], loss)
            return
        update(self.optimisers[name], loss + self.config.historical_averaging * history.distance(self.networks[name]))
        history.add(self.networks[name])

    def evaluate(self, dataset: Dataset, seed: int) -> dict[str, float]:
        """Share of test images that the discriminator, as a classifier, gets right; of its average, if one is kept."""
        network = self.averages.get("discriminator", self.discriminator).eval()
        return {"accuracy_test": accuracy(network, dataset.test, self.scaled)}
