"""Wide residual networks of Zagoruyko & Komodakis (2016), arXiv:1605.07146, as classifiers whose features are compared.

Recipes of the authors' code (github.com/szagoruyko/wide-residual-networks), except for the initial weights of
convolutions, N(0, 2 / n): ours have n = k^2 times the channels that come in (He et al., 2015, Eq. 10), the code
(models/utils.lua, MSRinit) times those that go out. The network is genmetrics/extractors/wide_resnet.py, where it
serves as the extractor `cifar10-wrn`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor

from genmetrics._checks import DataError
from genmetrics.extractors.wide_resnet import WideResNet
from reference_models.classifiers import accuracy, mirror_randomly, shift_randomly
from reference_models.data import Dataset, Images
from reference_models.flags import hp
from reference_models.generative import update


@dataclass(frozen=True)
class Config:
    depth: int = hp(16, "Table 4 has 16 to 40; 6 n + 4")
    width: int = hp(4, "Table 4 has 1 to 12", at_least=1)
    steps: int = hp(78_200, "code: 200 passes over 50,000 images; SVHN: 160")
    batch_size: int = hp(128, "Section 3")
    learning_rate: float = hp(0.1, "Section 3; SVHN: 0.01")
    falls: tuple[float, float, float] = hp(
        (0.3, 0.6, 0.8), "Section 3: passes 60, 120 and 160 of 200; SVHN: 80, 120 of 160"
    )
    factor: float = hp(0.2, "Section 3, at each fall; SVHN: 0.1", at_least=0)
    momentum: float = hp(0.9, "Section 3; Nesterov")
    weight_decay: float = hp(5e-4, "Section 3")
    dropout: float = hp(0.0, "Section 3; SVHN: 0.4, between the convolutions of a block")
    crop: int = hp(4, "Section 3: padded by reflection and cropped; SVHN: 0", at_least=0)
    mirror: bool = hp(True, "Section 3; SVHN: no")


def channel_statistics(data: Images) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel over the training images, in [0, 1]."""
    levels = torch.arange(256, dtype=torch.float64) / 255
    moments = []
    for channel in range(data.images.shape[1]):
        counts = torch.bincount(torch.from_numpy(data.images[:, channel]).flatten().int(), minlength=256).double()
        mean = (counts @ levels) / counts.sum()
        moments.append((mean, ((counts @ (levels - mean) ** 2) / counts.sum()).sqrt()))
    mean, deviation = torch.tensor(moments).float().T
    return mean[:, None, None], deviation.clamp(min=1 / 255)[:, None, None]


class WideResNetClassifier:
    Config = Config
    paper = "Zagoruyko & Komodakis (2016), arXiv:1605.07146"
    images = (3, 32, 32)
    quick = MappingProxyType({"depth": 10, "width": 1, "steps": 400})
    exports = "classifier"

    def __init__(self, config: Config, dataset: Dataset, device: torch.device) -> None:
        if not dataset.classes:
            raise DataError(f"wrn is a classifier, and {dataset.name} has no labels")
        if config.depth < 10 or (config.depth - 4) % 6:
            raise DataError(f"the depth of a wide residual network is 6 n + 4: 10, 16, 22, 28, ...; got {config.depth}")
        if config.crop >= (side := min(dataset.shape[1:])):
            raise DataError(
                f"crop must be below the side of the images, {side}, which are padded by reflection; got {config.crop}"
            )
        self.config, self.device, self.progress = config, device, 0.0
        network = WideResNet(config.depth, config.width, dataset.shape[0], dataset.classes, config.dropout)
        network.mean, network.deviation = channel_statistics(dataset.train)
        self.classifier = network.to(device)
        self.sgd = torch.optim.SGD(
            self.classifier.parameters(),
            config.learning_rate,
            config.momentum,
            weight_decay=config.weight_decay,
            nesterov=True,
        )
        self.networks = {"classifier": self.classifier}
        self.optimisers = {"sgd": self.sgd}

    def step(self, batches: Iterator[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        """One update of SGD on the cross-entropy of one batch of cropped and mirrored images."""
        images, labels = next(batches)
        if self.config.crop:
            images = shift_randomly(images, self.config.crop, "reflect")
        if self.config.mirror:
            images = mirror_randomly(images)
        loss = F.cross_entropy(self.classifier.train()(images / 255)["logits"].float(), labels)
        falls = sum(self.progress >= fall for fall in self.config.falls)
        self.sgd.param_groups[0]["lr"] = self.config.learning_rate * self.config.factor**falls
        update(self.sgd, loss)
        return {"cross_entropy": loss.detach()}

    def evaluate(self, dataset: Dataset, seed: int) -> dict[str, float]:
        """Accuracy on each part that was not trained on; nothing here is random."""
        network = self.classifier.eval()
        return {
            "accuracy_test": accuracy(network, dataset.test),
            "accuracy_held_out": accuracy(network, dataset.held_out),
        }
