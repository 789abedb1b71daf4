"""The shipped MNIST classifier as an extractor."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genmetrics.extractors.classifiers import Classifier
from genmetrics.extractors.digits import luma


class MnistExtractor(Classifier):
    """Any images as 28 x 28 grey digits: 128 features (what the last layer reads), 10 logits; hypercolumns on request.

    Colour becomes grey by the luma weights of ITU-R 601, as Pillow does, and then other sizes become 28 x 28 by
    `clean` (see genmetrics.resizing), which leaves images of 28 x 28 as they are.
    """

    name = "mnist-cnn"
    channels = None
    size = (28, 28)
    resize = "clean-28"
    weights = Path(__file__).with_name("mnist_cnn.safetensors")

    def __init__(self, outputs: Iterable[str] = (), device: str = "auto") -> None:
        super().__init__(outputs, device)
        self.details = {"grey": "ITU-R 601 luma", "precision": "strict"}

    def load(self) -> Any:
        from genmetrics.extractors.mnist_cnn import load

        return load()

    def pixels(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return luma(image)[:, :, None]
