"""The shipped CIFAR-10 classifier as an extractor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from genmetrics.extractors.classifiers import Classifier


class Cifar10Extractor(Classifier):
    """Any images as 32 x 32 in colour: 128 features (what the last layer reads), 10 logits; hypercolumns on request.

    Grey images get three equal channels; other sizes become 32 x 32 by `clean` (see genmetrics.resizing), which leaves
    images of 32 x 32 as they are.
    """

    name = "cifar10-wrn"
    channels = 3
    size = (32, 32)
    resize = "clean-32"
    weights = Path(__file__).with_name("cifar10_wrn.safetensors")

    def load(self) -> Any:
        from genmetrics.extractors.wide_resnet import load

        return load()
