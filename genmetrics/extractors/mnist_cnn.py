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

WEIGHTS = Path(__file__).with_suffix(".safetensors")
SIDE = 28
WIDTHS = (16, 32, 64, 128)
POOLED = 7  # rows and columns of the last three layers
CELLS = 16  # of the 7 x 7: where hypercolumns are read
CELLS_SEED = 0


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
        generator = torch.Generator().manual_seed(CELLS_SEED)
        self.cells = torch.randperm(POOLED**2, generator=generator, device="cpu")[:CELLS].sort().values.tolist()

    def initialise(self) -> None:
        """Xavier: uniform weights of variance 2 / (fan in + fan out); biases 0."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, images: Tensor, outputs: Collection[str] = ()) -> dict[str, Tensor]:
        """Images (n, 1, 28, 28) in [0, 1] -> what the network says of them.

        features (n, 128): means over positions of the last layer, which the head reads; logits (n, 10);
        and, if asked for, hypercolumns (n, 3840): see `hypercolumns`.
        """
        activations = [images]
        for apply in self.layers:
            activations.append(apply(activations[-1]))
        features = activations[-1].mean(dim=(2, 3))
        found = {"features": features, "logits": self.head(features)}
        return found | ({"hypercolumns": self.hypercolumns(activations[1:])} if "hypercolumns" in outputs else {})

    def hypercolumns(self, activations: list[Tensor]) -> Tensor:
        """The activations of all four layers above 16 places, chosen once by a fixed seed, (n, 16 * 240).

        A place is a cell of the 7 x 7 grid; the first layer, of 14 x 14, is read at the cell's last pixel.
        Source: Hariharan et al. (2015), arXiv:1411.5752: all units above one pixel. Sampling places is ours.
        """
        rows, columns = ([f(cell, POOLED) for cell in self.cells] for f in (lambda c, n: c // n, lambda c, n: c % n))
        read = []
        for maps in activations:
            step = maps.shape[-1] // POOLED
            at = [[step * i + step // 2 for i in places] for places in (rows, columns)]
            read.append(maps[:, :, at[0], at[1]].transpose(1, 2))  # (n, 16, channels)
        return torch.cat(read, dim=2).flatten(1)


def load() -> MnistCNN:
    """The network with its shipped weights, in evaluation mode, on the CPU."""
    with torch.device("meta"):  # no initial values: they would use up the caller's random numbers
        network = MnistCNN()
    network.load_state_dict(safetensors.torch.load_file(WEIGHTS), strict=True, assign=True)
    return network.eval().requires_grad_(False)
