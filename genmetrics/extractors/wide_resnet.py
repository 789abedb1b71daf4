"""Wide residual networks of Zagoruyko & Komodakis (2016), arXiv:1605.07146, and the shipped one of CIFAR-10.

Pre-activation blocks: BN ReLU conv BN ReLU conv, plus the input; three groups of (depth - 4) / 6 blocks, of 16, 32 and
64 channels times the width. Trained by reference_models/wrn.py; WEIGHTS.md beside this file has the command, accuracy
and checksum.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection
from pathlib import Path

import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genmetrics.extractors.hypercolumns import hypercolumns

WEIGHTS = Path(__file__).with_name("cifar10_wrn.safetensors")
DEPTH, WIDTH = 16, 2  # of the shipped one


class Block(nn.Module):
    """Two 3 x 3 convolutions; the shortcut is a 1 x 1 convolution where the shape changes."""

    def __init__(self, n: int, m: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(n), nn.BatchNorm2d(m)
        self.conv1 = nn.Conv2d(n, m, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(m, m, 3, 1, 1, bias=False)
        self.dropout = nn.Dropout(dropout)
        self.shortcut = nn.Conv2d(n, m, 1, stride, bias=False) if n != m or stride > 1 else None

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(x))
        skip = x if self.shortcut is None else self.shortcut(y)
        return self.conv2(self.dropout(F.relu(self.norm2(self.conv1(y))))) + skip


class WideResNet(nn.Module):
    """A first convolution, three groups of blocks at 1, 1/2 and 1/4 of the side, batch norm, ReLU, one linear layer.

    Differs: convolutions start from N(0, 2 / fan in); the authors' code has fan out.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, depth: int, width: int, channels: int, classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels, 1, 1))  # of the training images
        self.register_buffer("deviation", torch.ones(channels, 1, 1))
        widths = [16, 16 * width, 32 * width, 64 * width]
        blocks = [
            Block(n if i == 0 else m, m, stride=2 if i == 0 and group else 1, dropout=dropout)
            for group, (n, m) in enumerate(itertools.pairwise(widths))
            for i in range((depth - 4) // 6)
        ]
        first = nn.Conv2d(channels, 16, 3, 1, 1, bias=False)
        self.body = nn.Sequential(first, *blocks, nn.BatchNorm2d(widths[-1]), nn.ReLU())
        self.head = nn.Linear(widths[-1], classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, images: Tensor, outputs: Collection[str] = ()) -> dict[str, Tensor]:
        """Images (n, c, h, w) in [0, 1] -> what the network says of them.

        features (n, 64 width): means over positions of the last group, which the head reads; logits (n, classes);
        and, if asked for, hypercolumns (n, 16 * 112 width): the three groups above 16 places, the last as the head
        reads it.
        """
        first, *blocks, norm, relu = self.body
        x, groups = first((images - self.mean) / self.deviation), []
        for i, block in enumerate(blocks):
            x = block(x)
            if (i + 1) % (len(blocks) // 3) == 0:
                groups.append(x)
        groups[-1] = relu(norm(x))
        features = groups[-1].mean(dim=(2, 3))
        found = {"features": features, "logits": self.head(features)}
        return found | ({"hypercolumns": hypercolumns(groups, x.shape[-1])} if "hypercolumns" in outputs else {})


def load() -> WideResNet:
    """The network of CIFAR-10 with its shipped weights, in evaluation mode, on the CPU."""
    with torch.device("meta"):  # no initial values: they would use up the caller's random numbers
        network = WideResNet(DEPTH, WIDTH, channels=3, classes=10)
    network.load_state_dict(safetensors.torch.load_file(WEIGHTS), strict=True, assign=True)
    return network.eval().requires_grad_(False)
