"""What the shipped classifiers of MNIST and CIFAR-10 share as extractors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from genmetrics._checks import one_of, pick_device
from genmetrics.extractors import sha256_of


class Classifier(ABC):
    """Images brought to one size by `clean`, in [0, 1], through a network in float32.

    `prelogits` is another name of `features`, that of Basart (2017).
    """

    name: ClassVar[str]
    channels: ClassVar[int | None]
    size: ClassVar[tuple[int, int]]
    resize: ClassVar[str]
    weights: ClassVar[Path]
    batch_size = 250
    every_output = ("features", "logits", "prelogits", "hypercolumns")  # the last two on request

    def __init__(self, outputs: Iterable[str] = (), device: str = "auto") -> None:
        outputs = tuple(outputs)
        for output in outputs:
            one_of(output, f"output of {self.name}", self.every_output)
        self.outputs = tuple(name for name in self.every_output if name in ("features", "logits", *outputs))
        self.asked_device = device
        self.weights_sha256 = sha256_of(self.weights)
        self.details = {"precision": "strict"}

    @abstractmethod
    def load(self) -> Any:
        """The network with its weights, on the CPU; torch is imported here."""

    def pixels(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The image (h, w, channels) as the network wants its channels."""
        return image

    @cached_property
    def device(self) -> str:
        return pick_device(self.asked_device)

    @cached_property
    def network(self) -> Any:
        """Loaded, and torch with it, when the first image comes."""
        import torch

        return self.load().to(self.device).to(memory_format=torch.channels_last)

    def __call__(self, images: list[NDArray[np.uint8]]) -> dict[str, NDArray[np.float32]]:
        import torch

        from genmetrics.extractors.precision import strict
        from genmetrics.resizing import resize_each

        with torch.inference_mode(), strict(self.device):
            x = resize_each([self.pixels(image) for image in images], self.size, "clean", self.device) / 255
            outputs = self.network(x, self.outputs)
        if "prelogits" in self.outputs:
            outputs["prelogits"] = outputs["features"]
        return {name: np.ascontiguousarray(value.float().cpu().numpy()) for name, value in outputs.items()}
