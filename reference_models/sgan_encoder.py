"""The encoder of Stacked GAN: Huang et al. (2017), "Stacked Generative Adversarial Networks", arXiv:1612.04357.

A classifier whose hidden layers the stacked generators invert. Networks of the authors' code
(github.com/xunhuang1995/SGAN), for MNIST and CIFAR-10; its training script was not released, so the recipe is ours.

`--no-labels` trains it without labels, which Section 3.2 leaves for the future: a linear layer and a sigmoid make
images of the features, and their mean squared error is what falls.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genmetrics._checks import DataError
from reference_models.classifiers import AT_ONCE, accuracy, mirror_randomly
from reference_models.data import Dataset, Images
from reference_models.flags import hp
from reference_models.generative import update

WIDTHS = {28: (32, 32), 32: (64, 128)}  # side -> maps of the two convolutions


@dataclass(frozen=True)
class Config:
    steps: int = hp(11_700, "unstated; ours: 30 passes over 50,000 images")
    batch_size: int = hp(128, "unstated; ours")
    learning_rate: float = hp(1e-3, "unstated; ours, of Adam")
    weight_decay: float = hp(5e-4, "unstated; ours")
    mirror: bool = hp(True, "Section 4: CIFAR-10 only, so not for images of 28 x 28")
    labels: bool = hp(True, "cross-entropy of labels; without, images are reconstructed: Section 3.2, objective ours")


class Encoder(nn.Module):
    """Images in [0, 1] -> features (n, 256), the code's fc3; logits (n, classes), its fc4.

    On images of 32 x 32 the mean training image is subtracted. Convolutions start at N(0, 0.01) as in the code, the
    others as Lasagne has them (Glorot): the smaller the features, the less the conditional loss of the stacks weighs.
    """

    mean: Tensor

    def __init__(self, shape: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        first, second = WIDTHS[shape[1]]
        left = ((shape[1] - 4) // 2 - 4) // 2  # pixels a side after both pools
        self.register_buffer("mean", torch.zeros(shape))
        self.body = nn.Sequential(
            nn.Conv2d(shape[0], first, 5),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(first, second, 5),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(second * left**2, 256),
            nn.ReLU(),
        )
        self.head = nn.Linear(256, classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, 0, 0.01)
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.zeros_(layer.bias)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        features = self.body(images - self.mean)
        return {"features": features, "logits": self.head(features)}


class SGANEncoder:
    Config = Config
    paper = "Huang et al. (2017), arXiv:1612.04357"
    images = (3, 32, 32)
    quick = MappingProxyType({"steps": 400})
    exports = "classifier"

    def __init__(self, config: Config, dataset: Dataset, device: torch.device) -> None:
        side = dataset.shape[1]
        if side not in WIDTHS or dataset.shape[2] != side or (config.labels and not dataset.classes):
            raise DataError(
                f"sgan-encoder needs images of 28 or 32 pixels a side{' with labels' if config.labels else ''}; "
                f"{dataset.name} has shape {dataset.shape} and {dataset.classes or 'no'} classes"
            )
        self.config, self.device, self.progress = config, device, 0.0
        self.mirror = config.mirror and side == 32
        self.classifier = Encoder(dataset.shape, dataset.classes or 1)
        if side == 32:
            self.classifier.mean = torch.from_numpy(dataset.train.images.mean(axis=0, dtype="float64") / 255).float()
        self.networks: dict[str, nn.Module] = {"classifier": self.classifier}
        if not config.labels:
            self.networks["decoder"] = decoder(dataset.shape)
        trained = [p for network in self.networks.values() for p in network.to(device).parameters()]
        self.adam = torch.optim.Adam(trained, config.learning_rate, weight_decay=config.weight_decay)
        self.optimisers = {"adam": self.adam}

    def step(self, batches: Iterator[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        """One update of Adam on the loss of one batch."""
        images, labels = next(batches)
        if self.mirror:
            images = mirror_randomly(images)
        found = self.classifier.train()(images / 255)
        if self.config.labels:
            name, loss = "cross_entropy", F.cross_entropy(found["logits"].float(), labels)
        else:
            name, loss = "squared_error", F.mse_loss(self.networks["decoder"](found["features"]), images / 255)
        update(self.adam, loss)
        return {name: loss.detach()}

    def evaluate(self, dataset: Dataset, seed: int) -> dict[str, float]:
        """Accuracy, or without labels the squared error a pixel, on what was not trained on; nothing is random."""
        network = self.classifier.eval()
        if not self.config.labels:
            return {"squared_error_test": self.squared_error(dataset.test)}
        return {
            "accuracy_test": accuracy(network, dataset.test),
            "accuracy_held_out": accuracy(network, dataset.held_out),
        }

    @torch.no_grad()
    def squared_error(self, data: Images) -> float:
        """Mean over pixels of the squared difference of images in [0, 1] and what is made of their features."""
        total = 0.0
        for i in range(0, len(data), AT_ONCE):
            images = torch.from_numpy(data.images[i : i + AT_ONCE]).to(self.device) / 255
            made = self.networks["decoder"](self.classifier(images)["features"])
            total += float((made - images).square().mean(dim=(1, 2, 3)).sum())
        return total / len(data)


def decoder(shape: tuple[int, int, int]) -> nn.Module:
    """Features -> images in [0, 1]: one linear layer; ours."""
    return nn.Sequential(nn.Linear(256, math.prod(shape)), nn.Sigmoid(), nn.Unflatten(1, shape))
