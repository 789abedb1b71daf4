"""The shipped MNIST classifier as an extractor."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genmetrics._checks import one_of
from genmetrics.extractors import pick_device, sha256_of
from genmetrics.extractors.digits import luma

WEIGHTS = Path(__file__).with_name("mnist_cnn.safetensors")
OUTPUTS = ("features", "logits", "hypercolumns")


class MnistExtractor:
    """Any images as 28 x 28 grey digits: 128 features (what the last layer reads), 10 logits; hypercolumns on request.

    Colour becomes grey by the luma weights of ITU-R 601, as Pillow does, and then other sizes become 28 x 28 by
    `clean` (see genmetrics.resizing), which leaves images of 28 x 28 as they are.
    """

    name = "mnist-cnn"
    channels = None
    size = (28, 28)
    resize = "clean-28"
    batch_size = 250

    def __init__(self, outputs: Iterable[str] = (), device: str = "auto") -> None:
        outputs = tuple(outputs)
        for output in outputs:
            one_of(output, f"output of {self.name}", OUTPUTS)
        self.outputs = tuple(name for name in OUTPUTS if name in ("features", "logits", *outputs))
        self.asked_device = device
        self.weights_sha256 = sha256_of(WEIGHTS)
        self.details = {"grey": "ITU-R 601 luma", "precision": "strict"}

    @cached_property
    def device(self) -> str:
        return pick_device(self.asked_device)

    @cached_property
    def network(self) -> Any:
        """Loaded, and torch with it, when the first image comes."""
        import torch

        from genmetrics.extractors.mnist_cnn import load

        return load().to(self.device).to(memory_format=torch.channels_last)

    def __call__(self, images: list[NDArray[np.uint8]]) -> dict[str, NDArray[np.float32]]:
        import torch

        from genmetrics.extractors.precision import strict
        from genmetrics.resizing import resize_each

        with torch.inference_mode(), strict(self.device):
            x = resize_each([luma(image)[:, :, None] for image in images], self.size, "clean", self.device) / 255
            outputs = self.network(x, self.outputs)
        return {name: np.ascontiguousarray(value.float().cpu().numpy()) for name, value in outputs.items()}
