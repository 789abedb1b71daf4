"""The shipped digit classifier as an extractor."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genmetrics._checks import pick_device
from genmetrics.extractors import sha256_of

WEIGHTS = Path(__file__).with_name("digits_cnn.safetensors")


class DigitsExtractor:
    """Any images as 8 x 8 grey digits: 64 features (what the last layer reads) and 10 logits.

    Resizing averages areas (adaptive average pooling), so digits enlarged by whole factors come back exactly.
    Colour becomes grey by the luma weights of ITU-R 601, as Pillow does.
    """

    name = "digits-cnn"
    channels = None
    size = (8, 8)
    resize = "area-8x8"
    outputs = ("features", "logits")
    batch_size = 256

    def __init__(self, device: str = "auto") -> None:
        self.asked_device = device
        self.weights_sha256 = sha256_of(WEIGHTS)

    @cached_property
    def device(self) -> str:
        return pick_device(self.asked_device)

    @cached_property
    def network(self) -> Any:
        """Loaded, and torch with it, when the first image comes."""
        from genmetrics.extractors.digits_cnn import load

        return load().to(self.device)

    def __call__(self, images: list[NDArray[np.uint8]]) -> dict[str, NDArray[np.float32]]:
        import torch
        from torch.nn.functional import adaptive_avg_pool2d

        def small(image: NDArray[np.uint8]) -> torch.Tensor:
            return adaptive_avg_pool2d(torch.from_numpy(luma(image)).float()[None] / 255, self.size)

        with torch.inference_mode():
            outputs = self.network(torch.stack([small(image) for image in images]).to(self.device))
        return {name: value.float().cpu().numpy() for name, value in outputs.items()}


def luma(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Grey (h, w) of an image (h, w, 1 or 3): ITU-R 601 weights in 16-bit fixed point, as Pillow's mode L."""
    if image.shape[2] == 1:
        return image[:, :, 0]
    weights = np.array([19595, 38470, 7471], dtype=np.int64)  # they sum to 65536: equal channels stay as they are
    return ((image @ weights + 32768) >> 16).astype(np.uint8)
