"""The encoder of Stacked GAN: Huang et al. (2017), "Stacked Generative Adversarial Networks", arXiv:1612.04357.

A classifier whose hidden layers the stacked generators invert. Networks of the authors' code
(github.com/xunhuang1995/SGAN), for MNIST and CIFAR-10; its training script was not released, so the recipe is ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genmetrics._checks import DataError
from reference_models.classifiers import accuracy
from reference_models.data import Dataset
from reference_models.flags import hp
from reference_models.generative import update

WIDTHS = {28: (32, 32), 32: (64, 128)}  # side -> maps of the two convolutions


@dataclass(frozen=True)
class Config:
    steps: int = hp(11_700, "unstated; ours: 30 passes over 50,000 images")
    batch_size: int = hp(128, "unstated; ours")
    learning_rate: float = hp(1e-3, "unstated; ours, of Adam")
    weight_decay: float = hp(5e-4, "unstated; ours")
    mirror: bool = hp(True, "Section 5: CIFAR-10 only, so not for images of 28 x 28")


class Encoder(nn.Module):
    """Images in [0, 1] -> features (n, 256), the code's fc3; logits (n, classes), its fc4.

    On images of 32 x 32 the mean training image is subtracted.
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
        if side not in WIDTHS or dataset.shape[2] != side or not dataset.classes:
            raise DataError(
                f"sgan-encoder needs images of 28 or 32 pixels a side with labels; {dataset.name} has shape "
                f"{dataset.shape} and {dataset.classes or 'no'} classes"
            )
        self.config, self.device, self.progress = config, device, 0.0
        self.mirror = config.mirror and side == 32
        self.classifier = Encoder(dataset.shape, dataset.classes)
        if side == 32:
            self.classifier.mean = torch.from_numpy(dataset.train.images.mean(axis=0, dtype="float64") / 255).float()
        self.classifier.to(device)
        self.adam = torch.optim.Adam(
            self.classifier.parameters(), config.learning_rate, weight_decay=config.weight_decay
        )
        self.networks = {"classifier": self.classifier}
        self.optimisers = {"adam": self.adam}

    def step(self, batches: Iterator[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        """One update of Adam on the cross-entropy of one batch."""
        images, labels = next(batches)
        if self.mirror:
            mirrored = (torch.rand(len(images), 1, 1, 1) < 0.5).to(images.device)
            images = torch.where(mirrored, images.flip(3), images)
        loss = F.cross_entropy(self.classifier.train()(images / 255)["logits"].float(), labels)
        update(self.adam, loss)
        return {"cross_entropy": loss.detach()}

    def evaluate(self, dataset: Dataset, seed: int) -> dict[str, float]:
        """Accuracy on each part that was not trained on; nothing here is random."""
        network = self.classifier.eval()
        return {
            "accuracy_test": accuracy(network, dataset.test),
            "accuracy_held_out": accuracy(network, dataset.held_out),
        }
