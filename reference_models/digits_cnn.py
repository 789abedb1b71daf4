"""A convolutional classifier of 8 x 8 digits, whose features and classes the metrics of the demo look at.

No paper: a plain small network, trained with AdamW (Loshchilov & Hutter, 2019, arXiv:1711.05101, Alg. 2), a
cosine schedule (arXiv:1608.03983, Eq. 5 without restarts) and dropout (Srivastava et al., 2014, JMLR 15).
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
from genmetrics.extractors.digits_cnn import DigitsCNN
from reference_models.classifiers import accuracy, cosine, shift_randomly
from reference_models.data import Dataset
from reference_models.flags import hp
from reference_models.generative import update


@dataclass(frozen=True)
class Config:
    steps: int = hp(4000, "ours")
    batch_size: int = hp(64, "ours")
    learning_rate: float = hp(1e-3, "Adam's default; falls to 0 along a cosine")
    weight_decay: float = hp(1e-2, "AdamW's default in PyTorch")
    dropout: float = hp(0.5, "Srivastava et al. (2014), of the features")
    label_smoothing: float = hp(
        0.01,
        "arXiv:1512.00567, Section 7, has 0.1; keeps features of training images close to those of others",
    )
    shift: int = hp(1, "ours; training images move by up to so many pixels each way", at_least=0)


class DigitsClassifier:
    Config = Config
    paper = "no paper; a small CNN for scikit-learn's digits"
    images = (1, 8, 8)
    quick = MappingProxyType({"steps": 400})
    exports = "classifier"

    def __init__(self, config: Config, dataset: Dataset, device: torch.device) -> None:
        if dataset.shape != (1, 8, 8) or not 1 <= dataset.classes <= 10:
            raise DataError(
                f"digits-cnn needs grey 8 x 8 images of 1 to 10 classes; {dataset.name} has "
                f"shape {dataset.shape} and {dataset.classes} classes"
            )
        self.config, self.device, self.progress = config, device, 0.0
        self.classifier = DigitsCNN(config.dropout).to(device)
        self.adam = torch.optim.AdamW(
            self.classifier.parameters(), config.learning_rate, weight_decay=config.weight_decay
        )
        self.networks = {"classifier": self.classifier}
        self.optimisers = {"adam": self.adam}

    def step(self, batches: Iterator[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        """One update of AdamW on the cross-entropy of one batch of shifted images."""
        images, labels = next(batches)
        logits = self.classifier.train()(shift_randomly(images, self.config.shift) / 255)["logits"]
        loss = F.cross_entropy(logits, labels, label_smoothing=self.config.label_smoothing)
        self.adam.param_groups[0]["lr"] = self.config.learning_rate * cosine(self.progress)
        update(self.adam, loss)
        return {"cross_entropy": loss.detach()}

    def evaluate(self, dataset: Dataset, seed: int) -> dict[str, Any]:
        """Accuracy on each part that was not trained on; nothing here is random."""
        network = self.classifier.eval()
        return {
            "accuracy_test": accuracy(network, dataset.test),
            "accuracy_held_out": accuracy(network, dataset.held_out),
        }
