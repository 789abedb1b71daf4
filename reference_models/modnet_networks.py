"""Networks of ModNet: a U-Net that draws what to add to an image, and the stack of its discriminator and classifier.

The thesis gives a figure and no sizes. The U-Net is made of the pieces of pix2pix's code (Isola et al., 2017,
arXiv:1611.07004; github.com/phillipi/pix2pix), the stack is the one of Figure 2.5.
"""

from __future__ import annotations

import itertools
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

DROPPED = 3  # innermost layers of the decoder that drop out; pix2pix
MOST = 8  # times `width` maps, at most; pix2pix


class UNet(nn.Module):
    """Images (n, c, h, w) and labels (n,) -> delta images (n, c, h, w), in [-1, 1].

    `depth` convolutions of 4 x 4 halve the side, as many transposed ones double it back; each but the innermost pair
    also sees the maps of its own size on the way down. Labels join the image as constant planes, and the innermost
    maps too if `inner_labels`. Images whose sides 2^depth does not divide are padded with their edges, and the delta
    is cut.
    """

    def __init__(
        self, channels: int, classes: int, width: int, depth: int, dropout: float, inner_labels: bool = False
    ) -> None:
        super().__init__()
        self.classes, self.multiple, self.inner_labels = classes, 2**depth, inner_labels
        widths = [width * min(2**i, MOST) for i in range(depth)]
        self.down = nn.ModuleList(
            halved(n, m, first=i == 0, norm=0 < i < depth - 1)
            for i, (n, m) in enumerate(itertools.pairwise([channels + classes, *widths]))
        )
        self.up = nn.ModuleList()
        inputs = widths[-1] + classes * inner_labels
        for i, outputs in enumerate([*reversed(widths[:-1]), channels]):
            last = i == depth - 1
            self.up.append(doubled(inputs, outputs, norm=not last, dropout=dropout if i < DROPPED and not last else 0))
            inputs = 2 * outputs

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        height, width = images.shape[2:]
        y = F.one_hot(labels, self.classes).to(images.dtype)
        x = with_planes(F.pad(images, (0, -width % self.multiple, 0, -height % self.multiple), mode="replicate"), y)
        passed: list[Tensor] = []
        for layer in self.down:
            x = layer(x)
            passed.append(x)
        x = with_planes(passed.pop(), y) if self.inner_labels else passed.pop()
        for layer in self.up:
            x = layer(x)
            x = torch.cat([x, passed.pop()], dim=1) if passed else x
        return x.tanh()[:, :, :height, :width]


def with_planes(x: Tensor, y: Tensor) -> Tensor:
    """Maps (n, c, h, w) and one plane more for each column of y (n, k)."""
    return torch.cat([x, y[:, :, None, None].expand(-1, -1, *x.shape[2:])], dim=1)


def halved(n: int, m: int, first: bool, norm: bool) -> nn.Sequential:
    """Leaky ReLU (not on the image), convolution, batch norm (not of the outermost and the innermost)."""
    convolution = nn.Conv2d(n, m, 4, stride=2, padding=1, bias=not norm)
    activation = [] if first else [nn.LeakyReLU(0.2)]
    return nn.Sequential(*activation, convolution, *([nn.BatchNorm2d(m)] if norm else []))


def doubled(n: int, m: int, norm: bool, dropout: float) -> nn.Sequential:
    """ReLU, transposed convolution, batch norm, dropout."""
    convolution = nn.ConvTranspose2d(n, m, 4, stride=2, padding=1, bias=not norm)
    after = [nn.BatchNorm2d(m)] if norm else []
    return nn.Sequential(nn.ReLU(), convolution, *after, *([nn.Dropout(dropout)] if dropout else []))


class Modifier(nn.Module):
    """Images in [-1, 1] and target labels -> the images with `reach` times the U-Net's delta added, in [-1, 1].

    With a reach of 2 black can become white; with the thesis's 1 it becomes grey at most.
    `output` says how the sum is bounded: clip (an image whose delta is 0 stays as it is; outside the range gradients
    go straight through) or tanh (Figure 2.5; it makes every image paler, whatever the delta).
    """

    def __init__(self, unet: UNet, output: str, reach: float = 1.0) -> None:
        super().__init__()
        self.unet, self.output, self.reach = unet, output, reach

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        changed = images + self.reach * self.unet(images, labels)
        return changed.tanh() if self.output == "tanh" else clipped(changed)


def clipped(x: Tensor) -> Tensor:
    """x brought into [-1, 1], with the gradient of x."""
    return x.detach().clamp(-1, 1) + (x - x.detach())


def stack(shape: tuple[int, int, int], outputs: int, width: int) -> nn.Sequential:
    """Images -> (n, outputs): 5 x 5 convolutions of stride 2 down to at most 4 x 4 maps, then all of them; Figure 2.5.

    Leaky ReLU, and batch norm in all but the first: as in DCGAN, for the thesis does not say.
    """
    channels, height, width_of_image = shape
    halvings = max(1, math.ceil(math.log2(max(height, width_of_image))) - 2)
    widths = [channels, *(width * 2**i for i in range(halvings))]
    layers: list[nn.Module] = []
    for i, (n, m) in enumerate(itertools.pairwise(widths)):
        norm = [nn.BatchNorm2d(m)] if i else []
        layers.append(nn.Sequential(nn.Conv2d(n, m, 5, 2, 2, bias=not i), *norm, nn.LeakyReLU(0.2)))
        height, width_of_image = -(-height // 2), -(-width_of_image // 2)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * height * width_of_image, outputs))


class Given(nn.Module):
    """A classifier of images in [0, 1] that answers {"logits": ...}, as one of images in [-1, 1]."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return self.network((images + 1) / 2)["logits"]


class Answering(nn.Module):
    """A classifier of images in [-1, 1], as one of images in [0, 1] that answers {"logits": ...}."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return {"logits": self.network(2 * images - 1)}
