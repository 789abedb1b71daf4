"""Wide residual networks of Zagoruyko & Komodakis (2016), arXiv:1605.07146, as classifiers whose features are compared.

Recipes of the authors' code (github.com/szagoruyko/wide-residual-networks). Pre-activation blocks: BN ReLU conv BN ReLU
conv, plus the input; three groups of (depth - 4) / 6 blocks, of 16, 32 and 64 channels times the width.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genmetrics._checks import DataError
from reference_models.classifiers import accuracy, shift_randomly
from reference_models.data import Dataset, Images
from reference_models.flags import hp
from reference_models.generative import update


@dataclass(frozen=True)
class Config:
    depth: int = hp(16, "Table 4 has 16 to 40; 6 n + 4")
    width: int = hp(4, "Table 4 has 1 to 12")
    steps: int = hp(78_200, "code: 200 passes over 50,000 images; SVHN: 160")
    batch_size: int = hp(128, "Section 3")
    learning_rate: float = hp(0.1, "Section 3; SVHN: 0.01")
    falls: tuple[float, float, float] = hp(
        (0.3, 0.6, 0.8), "Section 3: passes 60, 120 and 160 of 200; SVHN: 80, 120 of 160"
    )
    factor: float = hp(0.2, "Section 3, at each fall; SVHN: 0.1")
    momentum: float = hp(0.9, "Section 3; Nesterov")
    weight_decay: float = hp(5e-4, "Section 3")
    dropout: float = hp(0.0, "Section 3; SVHN: 0.4, between the convolutions of a block")
    crop: int = hp(4, "Section 3: padded by reflection and cropped; SVHN: 0")
    mirror: bool = hp(True, "Section 3; SVHN: no")


class Block(nn.Module):
    """Two 3 x 3 convolutions; the shortcut is a 1 x 1 convolution where the shape changes."""

    def __init__(self, n: int, m: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(n), nn.BatchNorm2d(m)
        self.conv1 = nn.Conv2d(n, m, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(m, m, 3, 1, 1, bias=False)
        self.dropout = nn.Dropout(dropout)
        self.shortcut = nn.Conv2d(n, m, 1, stride, bias=False) if n != m or stride > 1 else None

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(x))
        skip = x if self.shortcut is None else self.shortcut(y)
        return self.conv2(self.dropout(F.relu(self.norm2(self.conv1(y))))) + skip


class WideResNet(nn.Module):
    """Images (n, c, h, w) in [0, 1] -> features (n, 64 width), means over positions; logits (n, classes)."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, depth: int, width: int, channels: int, classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels, 1, 1))  # of the training images
        self.register_buffer("deviation", torch.ones(channels, 1, 1))
        widths = [16, 16 * width, 32 * width, 64 * width]
        blocks = [
            Block(n if i == 0 else m, m, stride=2 if i == 0 and group else 1, dropout=dropout)
            for group, (n, m) in enumerate(itertools.pairwise(widths))
            for i in range((depth - 4) // 6)
        ]
        first = nn.Conv2d(channels, 16, 3, 1, 1, bias=False)
        self.body = nn.Sequential(first, *blocks, nn.BatchNorm2d(widths[-1]), nn.ReLU())
        self.head = nn.Linear(widths[-1], classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        features = self.body((images - self.mean) / self.deviation).mean(dim=(2, 3))
        return {"features": features, "logits": self.head(features)}


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
            mirrored = (torch.rand(len(images), 1, 1, 1) < 0.5).to(images.device)
            images = torch.where(mirrored, images.flip(3), images)
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
