"""A convolutional classifier of 28 x 28 digits, for the metrics of models of MNIST.

No paper: four convolutions and one fully connected layer with Xavier initialisation (Glorot & Bengio, 2010, Eq. 16),
as in the thesis that introduced DDM, which gives no sizes and no recipe. Trained with AdamW (Loshchilov & Hutter,
2019, arXiv:1711.05101, Alg. 2) and a cosine schedule after a short linear rise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from genmetrics._checks import DataError
from genmetrics.extractors.mnist_cnn import SIDE, MnistCNN
from reference_models.classifiers import accuracy, cosine, shift_randomly
from reference_models.data import Dataset
from reference_models.flags import hp
from reference_models.generative import update

RISE = 0.05  # of the training: the learning rate goes up before it falls; ours


@dataclass(frozen=True)
class Config:
    steps: int = hp(2000, "ours; about 5 passes over 54,000 images")
    batch_size: int = hp(128, "ours")
    learning_rate: float = hp(5e-3, "ours; rises over the first twentieth, then falls to 0 along a cosine")
    weight_decay: float = hp(5e-2, "ours; AdamW's default in PyTorch is 1e-2")
    shift: int = hp(2, "ours; training images move by up to so many pixels each way", at_least=0)


class MnistClassifier:
    Config = Config
    paper = "no paper; four convolutions, for MNIST"
    images = (1, 28, 28)
    quick = MappingProxyType({"steps": 400})
    exports = "classifier"

    def __init__(self, config: Config, dataset: Dataset, device: torch.device) -> None:
        if dataset.shape != (1, SIDE, SIDE) or not 1 <= dataset.classes <= 10:
            raise DataError(
                f"mnist-cnn needs grey 28 x 28 images of 1 to 10 classes; {dataset.name} has "
                f"shape {dataset.shape} and {dataset.classes} classes"
            )
        self.config, self.device, self.progress = config, device, 0.0
        self.classifier = MnistCNN()
        self.classifier.initialise()
        self.classifier.to(device, memory_format=torch.channels_last)
        self.adam = torch.optim.AdamW(
            self.classifier.parameters(), config.learning_rate, weight_decay=config.weight_decay
        )
        self.networks = {"classifier": self.classifier}
        self.optimisers = {"adam": self.adam}

    def step(self, batches: Iterator[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        """One update of AdamW on the cross-entropy of one batch of shifted images."""
        images, labels = next(batches)
        images = shift_randomly(images, self.config.shift).contiguous(memory_format=torch.channels_last)
        loss = F.cross_entropy(self.classifier.train()(images / 255)["logits"], labels)
        rate = min(1.0, (self.progress + 1 / self.config.steps) / RISE) * cosine(self.progress)
        self.adam.param_groups[0]["lr"] = self.config.learning_rate * rate
        update(self.adam, loss)
        return {"cross_entropy": loss.detach()}

    def evaluate(self, dataset: Dataset, seed: int) -> dict[str, Any]:
        """Accuracy on each part that was not trained on; nothing here is random."""
        network = self.classifier.eval()
        return {
            "accuracy_test": accuracy(network, dataset.test),
            "accuracy_held_out": accuracy(network, dataset.held_out),
        }
