"""A small convolutional classifier of 8 x 8 grey digits, and its shipped weights.

Trained by reference_models/digits_cnn.py; WEIGHTS.md beside this file has the command, accuracy and checksum.
"""

from __future__ import annotations

from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

WEIGHTS = Path(__file__).with_suffix(".safetensors")


class DigitsCNN(nn.Module):
    """Three 3 x 3 convolutions, 64 features, 10 classes; 45,162 parameters."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),  # 32 x 4 x 4
            nn.Conv2d(32, 64, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),  # 64 x 2 x 2
            nn.Flatten(),
            nn.Linear(256, 64),  # no activation after it, so no feature can be dead
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(64, 10)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Images (n, 1, 8, 8) in [0, 1] -> features (n, 64), which the head reads; logits (n, 10)."""
        features = self.body(images)
        return {"features": features, "logits": self.head(self.dropout(features))}


def load() -> DigitsCNN:
    """The network with its shipped weights, in evaluation mode, on the CPU."""
    with torch.device("meta"):  # no initial values: they would use up the caller's random numbers
        network = DigitsCNN()
    network.load_state_dict(safetensors.torch.load_file(WEIGHTS), strict=True, assign=True)
    return network.eval().requires_grad_(False)
