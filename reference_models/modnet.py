"""ModNet of Basart (2017), "Analysis of Generative Adversarial Models", master's thesis, University of Chicago.

A generator that is given an image x and a label y_t adds a delta image to x, so that the sum looks real, is classified
as y_t, and stays near x (chapter 2). No code was published; widths, rates and lengths are ours. D(x) is a logit, s the
logistic function, C the classifier: a network of its own, or further outputs of D.

    discriminator: -log s(D(x)) - log(1 - s(D(G)))                  Eq. 2.4
    generator:     -log s(D(G))                                     Eq. 2.3
    labels:        CE(C(x), y) + CE(C(G), y_t)                      Eq. 2.5; the generator's part is the last
    modification:  lambda |x - G|_1                                 Eq. 2.6, of the generator

Differs: the thesis's algorithm box ascends what should descend, gives the generator -log(1 - s(D(G))) and -|x - G|_1,
and labels real images y_t; the equations, which it contradicts, are what is minimised here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genmetrics._checks import DataError, one_of
from reference_models import given, parallel
from reference_models.classifiers import AT_ONCE
from reference_models.data import Dataset
from reference_models.flags import hp
from reference_models.generative import Generative, normal_weights, update
from reference_models.modnet_networks import Given, Modifier, UNet, stack

OUTPUTS, CLASSIFIERS, NORMS = ("clip", "tanh"), ("separate", "shared"), ("mean", "sum")
EVALUATED = 1000  # test images, at most


@dataclass(frozen=True)
class Config:
    steps: int = hp(20_000, "training iterations, of j and k updates; unstated, ours")
    batch_size: int = hp(100, "m, Section 2.6: hundreds for small images, about 20 for large ones")
    discriminator_steps: int = hp(1, "j, Section 2.6: 1", at_least=1)
    generator_steps: int = hp(2, "k, Section 2.6: 2 or 1", at_least=1)
    learning_rate: float = hp(2e-4, "of Adam; unstated, ours (DCGAN's)")
    adam_betas: tuple[float, float] = hp((0.5, 0.999), "unstated; ours (DCGAN's)")
    output: str = hp("clip", "clip (Section 2.5.1) or tanh (Figure 2.5): how x + delta is brought into [-1, 1]")
    reach: float = hp(
        1.0, "largest delta; Section 2.5.1: tanh, so 1, half of the way from black to white; 2 is all of it"
    )
    l1: float = hp(1.0, "lambda of Eq. 2.7: 1 with the mean, 1e-5 to 1e-3 with the sum; Section 2.6", at_least=0)
    l1_norm: str = hp("mean", "mean or sum over an image's numbers; Section 2.6 has both")
    classifier: str = hp("separate", "separate or shared with the discriminator; Section 2.5.1 has both")
    pretrained: str = hp(
        "", "classifier to start from: a run, mnist-cnn, digits-cnn or cifar10-wrn; Section 2.5.1, optional"
    )
    freeze: bool = hp(False, "the pretrained classifier is never updated; Section 2.5.2, for interpretability")
    label_generated: bool = hp(True, "the classifier learns to see y_t in generated images; Eq. 2.5")
    flip_labels: float = hp(
        0.0, "share of real images that the discriminator is told are generated; Section 2.4.1", at_least=0, at_most=1
    )
    instance_noise: float = hp(
        0.0, "standard deviation of noise on the discriminator's inputs; Section 2.4.1", at_least=0
    )
    noise_decay: float = hp(5.0, "the noise falls as exp(-noise_decay progress); the thesis gives no rate, ours")
    frozen_layers: int = hp(
        1, "first layers of the discriminator that stay as they start; Section 2.4.1: best", at_least=0
    )
    width: int = hp(
        64, "maps of the first layers; Figure 2.5 for the discriminator, pix2pix code for the generator", at_least=1
    )
    depth: int = hp(3, "times that the U-Net halves the side; Figure 2.5 shows 3 sizes", at_least=1, at_most=8)
    dropout: float = hp(0.5, "of the U-Net's innermost layers; pix2pix code", at_least=0, at_most=1)
    inner_labels: bool = hp(False, "y_t joins the innermost maps too; ours")


def discriminator_loss(real: Tensor, fake: Tensor, flipped: Tensor) -> Tensor:
    """-log s(D(x)) - log(1 - s(D(G))) from logits (n,), each a mean over images; where `flipped`, x counts as made."""
    real = torch.where(flipped, -real, real).float()
    return F.softplus(-real).mean() + F.softplus(fake.float()).mean()


def generator_loss(fake: Tensor) -> Tensor:
    """-log s(D(G)) from logits, a mean over images."""
    return F.softplus(-fake.float()).mean()


def label_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of the softmax, a mean over images; one of the two terms of Eq. 2.5."""
    return F.cross_entropy(logits.float(), labels)


def modification(images: Tensor, changed: Tensor, norm: str) -> Tensor:
    """|x - G|_1, a mean over images; `norm`: the sum or the mean over an image's numbers."""
    apart = (images - changed).abs().float().flatten(1)
    return (apart.mean(dim=1) if norm == "mean" else apart.sum(dim=1)).mean()


class ModNet(Generative):
    Config = Config
    paper = "Basart (2017), master's thesis, University of Chicago, chapter 2"
    images = (3, 32, 32)
    quick = MappingProxyType(
        {"steps": 400, "width": 16, "batch_size": 50, "generator_steps": 1, "learning_rate": 2e-3, "dropout": 0.0,
         "reach": 2.0, "l1": 0.2, "classifier": "shared", "label_generated": False, "inner_labels": True,
         "instance_noise": 1.0, "noise_decay": 0.5, "frozen_layers": 0}
    )  # fmt: skip
    low = -1.0

    def __init__(self, config: Config, dataset: Dataset, device: torch.device) -> None:
        check(config, dataset)
        self.config, self.device, self.progress = config, device, 0.0
        self.classes, self.averages = dataset.classes, {}
        self.sources = dataset.train.images  # what samples are made from
        channels, classes, c = dataset.shape[0], dataset.classes, config
        unet = UNet(channels, classes, c.width, c.depth, c.dropout, c.inner_labels)
        self.generator = Modifier(unet, c.output, c.reach)
        shared = c.classifier == "shared"
        self.discriminator = stack(dataset.shape, 1 + classes * shared, c.width)
        own = None if shared or c.pretrained else stack(dataset.shape, classes, c.width)
        for network in filter(None, (self.generator, self.discriminator, own)):
            normal_weights(network, gains=True)  # pix2pix's code and DCGAN's
        if c.pretrained:
            own = Given(given.classifier(c.pretrained, dataset.shape, classes)).requires_grad_(not c.freeze)
        self.classifier: nn.Module | None = own
        self.discriminator[: c.frozen_layers].requires_grad_(False)
        self.networks = {"generator": self.generator, "discriminator": self.discriminator}
        self.networks |= {"classifier": own} if own else {}
        trained = {"generator": [self.generator], "discriminator": list(filter(None, (self.discriminator, own)))}
        self.optimisers = {  # one for both D and C: Adam treats every weight by itself
            name: torch.optim.Adam(
                [p for net in nets for p in net.to(device).parameters() if p.requires_grad],
                c.learning_rate,
                c.adam_betas,
            )
            for name, nets in trained.items()
        }

    # --- training

    def step(self, batches: Iterator[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        """j updates of the discriminator and the classifier, then k of the generator; the box of Section 2.6."""
        for name, network in self.networks.items():
            network.train(not (name == "classifier" and self.config.freeze))
        shown: dict[str, Tensor] = {}
        for _ in range(self.config.discriminator_steps):
            shown |= self.discriminator_step(batches)
        for _ in range(self.config.generator_steps):
            shown |= self.generator_step(batches)
        return {name: value.detach() for name, value in shown.items()}

    def discriminator_step(self, batches: Iterator[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        """One update of D, and of C unless it is frozen."""
        images, labels = next(batches)
        sources, targets = self.drawn(batches)
        with torch.no_grad():
            changed = self.generator(sources, targets)
        real, seen = self.judged(self.scaled(images))
        fake, seen_as = self.judged(changed)
        d_loss = discriminator_loss(real, fake, self.flips())
        if self.config.freeze:
            update(self.optimisers["discriminator"], d_loss)
            return {"discriminator": d_loss}
        c_loss = label_loss(seen, labels)
        if self.config.label_generated:
            c_loss = c_loss + label_loss(seen_as, targets)
        update(self.optimisers["discriminator"], d_loss + c_loss)
        return {"discriminator": d_loss, "classifier": c_loss}

    def generator_step(self, batches: Iterator[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        """One update of G, through D and C, which stay as they are."""
        sources, targets = self.drawn(batches)
        changed = self.generator(sources, targets)
        fake, seen_as = self.judged(changed)
        g_loss, c_loss = generator_loss(fake), label_loss(seen_as, targets)
        apart = modification(sources, changed, self.config.l1_norm)
        update(self.optimisers["generator"], g_loss + c_loss + self.config.l1 * apart)
        return {"generator": g_loss, "target": c_loss, "modification": apart}

    def drawn(self, batches: Iterator[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        """Images x_t, and labels y_t of other images: drawn independently of each other."""
        return self.scaled(next(batches)[0]), next(batches)[1]

    def judged(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of being real (n,) and of the classes (n, k)."""
        found = self.discriminator(images + self.noise(images))
        return found[:, 0], self.classifier(images) if self.classifier else found[:, 1:]

    def noise(self, images: Tensor) -> Tensor | float:
        """Instance noise at this point of the training."""
        deviation = self.config.instance_noise * math.exp(-self.config.noise_decay * self.progress)
        if not deviation:
            return 0.0
        return deviation * parallel.own_rows(self.normal(self.config.batch_size, *images.shape[1:]))

    def flips(self) -> Tensor:
        """Which real images the discriminator is told are generated, (n,)."""
        return parallel.own_rows(self.uniform(self.config.batch_size)) < self.config.flip_labels

    # --- use

    def latents(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """What a sample is made from: training images, drawn at random."""
        rows = torch.randint(len(self.sources), (n,), generator=generator).numpy()
        return self.scaled(torch.from_numpy(self.sources[rows]).to(self.device))

    def modify(self, images: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """uint8 images (n, c, h, w), each changed towards its target label (n,)."""
        parts = [np.empty((0, *images.shape[1:]), np.uint8)]
        for start in range(0, len(images), AT_ONCE):
            rows = slice(start, start + AT_ONCE)
            some = torch.from_numpy(np.ascontiguousarray(images[rows])).to(self.device)
            labels = torch.from_numpy(np.ascontiguousarray(targets[rows])).to(self.device)
            parts.append(self.generate(self.scaled(some), labels).cpu().numpy())
        return np.concatenate(parts)

    @torch.no_grad()
    def classify(self, images: np.ndarray) -> np.ndarray:
        """Labels (n,) that its own classifier gives uint8 images (n, c, h, w)."""
        judge = self.classifier or self.discriminator
        found = [np.empty(0, np.int64)]
        for start in range(0, len(images), AT_ONCE):
            some = torch.from_numpy(np.ascontiguousarray(images[start : start + AT_ONCE])).to(self.device)
            logits = judge.eval()(self.scaled(some))[:, int(self.classifier is None) :]
            found.append(logits.argmax(dim=1).cpu().numpy())
        return np.concatenate(found)

    def evaluate(self, dataset: Dataset, seed: int) -> dict[str, float]:
        """Of its own classifier on test images: accuracy, and how often it sees the target after the change."""
        images, labels = (part[:EVALUATED] for part in dataset.test)
        targets = other_labels(labels, self.classes, seed)
        changed = self.modify(images, targets)
        return {
            "accuracy_test": float((self.classify(images) == labels).mean()),
            "target_seen_test": float((self.classify(changed) == targets).mean()),
            "mean_change_test": mean_change(images, changed),
        }


def check(config: Config, dataset: Dataset) -> None:
    """The settings go together, and the images have classes.

    Raises:
        DataError: they do not.
    """
    for value, name, allowed in (
        (config.output, "output", OUTPUTS),
        (config.classifier, "classifier", CLASSIFIERS),
        (config.l1_norm, "l1_norm", NORMS),
    ):
        one_of(value, name, allowed)
    if not config.reach > 0:
        raise DataError(f"reach must be above 0, got {config.reach}")
    if dataset.classes < 2:
        raise DataError(f"modnet changes labels, but {dataset.name} has {dataset.classes or 'no'} classes")
    if config.freeze and not config.pretrained:
        raise DataError("a frozen classifier has to be trained already: name it with --pretrained")
    if config.pretrained and config.classifier == "shared":
        raise DataError("a pretrained classifier is a network of its own: add --classifier separate")


def other_labels(labels: np.ndarray, classes: int, seed: int) -> np.ndarray:
    """For each label another one, all equally likely."""
    return (labels + np.random.default_rng(seed).integers(1, classes, len(labels))) % classes


def mean_change(images: np.ndarray, changed: np.ndarray) -> float:
    """Mean |difference| of uint8 images, in grey levels."""
    return float(np.abs(images.astype(np.int16) - changed).mean())
