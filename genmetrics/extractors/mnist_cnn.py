"""A convolutional classifier of 28 x 28 grey digits, and its shipped weights.

Four convolutions and one fully connected layer, Xavier initialisation: the network on whose logits and activations
DDM was first computed for MNIST. Widths, batch norm and pooling are ours. Trained by reference_models/mnist_cnn.py;
WEIGHTS.md beside this file has the command, accuracy and checksum.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

from genmetrics.extractors.hypercolumns import hypercolumns

WEIGHTS = Path(__file__).with_suffix(".safetensors")
SIDE = 28
WIDTHS = (16, 32, 64, 128)
POOLED = 7  # rows and columns of the last three layers


def layer(inputs: int, outputs: int, pool: bool) -> nn.Sequential:
    """3 x 3 convolution, the largest of each 2 x 2 if `pool`, batch norm, ReLU."""
    convolve = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    return nn.Sequential(convolve, nn.MaxPool2d(2) if pool else nn.Identity(), nn.BatchNorm2d(outputs), nn.ReLU())


class MnistCNN(nn.Module):
    """Four 3 x 3 convolutions, 128 pooled features, 10 classes; 98,682 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            layer(n, m, pool=i < 2) for i, (n, m) in enumerate(zip((1, *WIDTHS), WIDTHS, strict=False))
        )
        self.head = nn.Linear(WIDTHS[-1], 10)

    def initialise(self) -> None:
        """Xavier: uniform weights of variance 2 / (fan in + fan out); biases 0."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, images: Tensor, outputs: Collection[str] = ()) -> dict[str, Tensor]:
        """Images (n, 1, 28, 28) in [0, 1] -> what the network says of them.

        features (n, 128): means over positions of the last layer, which the head reads; logits (n, 10);
        and, if asked for, hypercolumns (n, 3840): all four layers above 16 places of the 7 x 7.
        """
        activations = [images]
        for apply in self.layers:
            activations.append(apply(activations[-1]))
        features = activations[-1].mean(dim=(2, 3))
        found = {"features": features, "logits": self.head(features)}
        return found | ({"hypercolumns": hypercolumns(activations[1:], POOLED)} if "hypercolumns" in outputs else {})


def load() -> MnistCNN:
    """The network with its shipped weights, in evaluation mode, on the CPU."""
    with torch.device("meta"):  # no initial values: they would use up the caller's random numbers
        network = MnistCNN()
    network.load_state_dict(safetensors.torch.load_file(WEIGHTS), strict=True, assign=True)
    return network.eval().requires_grad_(False)
