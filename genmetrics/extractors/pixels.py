"""The pixels themselves as features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Pixels:
    """Pixels / 255 in (channel, row, column) order: an image of c channels has c * h * w features in [0, 1]."""

    name = "pixels"
    channels = None
    size = None
    resize = "none"
    outputs = ("features",)
    weights_sha256 = None
    batch_size = 256

    def __call__(self, images: list[NDArray[np.uint8]]) -> dict[str, NDArray[np.float32]]:
        batch = np.stack(images).transpose(0, 3, 1, 2)
        return {"features": batch.reshape(len(batch), -1) / np.float32(255)}
