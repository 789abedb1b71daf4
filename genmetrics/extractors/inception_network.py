"""The Inception-v3 of TensorFlow's 2015-12-05 release: the network that FID, KID and the Inception score mean.

Where it differs from torchvision's, whose blocks and names it takes: 1008 classes; average pools beside convolutions
leave the padding out of the mean (5b-5d, 6b-6e, 7b); the last such pool is a maximum (7c); no auxiliary classifier.
Source: classify_image_graph_def.pb in inception-2015-12-05.tgz, download.tensorflow.org/models/image/imagenet.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.inception import BasicConv2d, InceptionA, InceptionB, InceptionC, InceptionD, InceptionE

CLASSES = 1008
SFID_CHANNELS = 7
OUTPUTS = {
    "features": 2048,  # pool3
    "logits": CLASSES,  # pool3 @ W, no bias: what the Inception score has always used
    "logits-with-bias": CLASSES,
    "64": 64,  # means over the picture: after the first maximum pool
    "192": 192,  # after the second
    "768": 768,  # after Mixed_6e
    "sfid": 17 * 17 * SFID_CHANNELS,
}
MAPS = ("64", "192", "sfid", "768", "features")  # where the network is tapped; "logits" are told from "features"


def mean_of_neighbours(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


def largest_neighbour(x: Tensor) -> Tensor:
    return F.max_pool2d(x, 3, stride=1, padding=1)


class BlockA(InceptionA):
    """Mixed_5b, 5c, 5d."""

    def forward(self, x: Tensor) -> Tensor:
        branches = [
            self.branch1x1(x),
            self.branch5x5_2(self.branch5x5_1(x)),
            self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x))),
            self.branch_pool(mean_of_neighbours(x)),
        ]
        return torch.cat(branches, 1)


class BlockC(InceptionC):
    """Mixed_6b, 6c, 6d, 6e."""

    def forward(self, x: Tensor) -> Tensor:
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        branches = [
            self.branch1x1(x),
            self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x))),
            self.branch7x7dbl_5(self.branch7x7dbl_4(double)),
            self.branch_pool(mean_of_neighbours(x)),
        ]
        return torch.cat(branches, 1)


class BlockE(InceptionE):
    """Mixed_7b, and with another pool 7c."""

    def __init__(self, channels: int, pool: Callable[[Tensor], Tensor]) -> None:
        super().__init__(channels)
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        single = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        branches = [
            self.branch1x1(x),
            self.branch3x3_2a(single),
            self.branch3x3_2b(single),
            self.branch3x3dbl_3a(double),
            self.branch3x3dbl_3b(double),
            self.branch_pool(self.pool(x)),
        ]
        return torch.cat(branches, 1)


class InceptionNetwork(nn.Module):
    """Parameters are named as in the published files, pt_inception-2015-12-05-6726825d.pth and its twin."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = BasicConv2d(3, 32, kernel_size=3, stride=2)
        self.Conv2d_2a_3x3 = BasicConv2d(32, 32, kernel_size=3)
        self.Conv2d_2b_3x3 = BasicConv2d(32, 64, kernel_size=3, padding=1)
        self.Conv2d_3b_1x1 = BasicConv2d(64, 80, kernel_size=1)
        self.Conv2d_4a_3x3 = BasicConv2d(80, 192, kernel_size=3)
        self.Mixed_5b = BlockA(192, pool_features=32)
        self.Mixed_5c = BlockA(256, pool_features=64)
        self.Mixed_5d = BlockA(288, pool_features=64)
        self.Mixed_6a = InceptionB(288)
        self.Mixed_6b = BlockC(768, channels_7x7=128)
        self.Mixed_6c = BlockC(768, channels_7x7=160)
        self.Mixed_6d = BlockC(768, channels_7x7=160)
        self.Mixed_6e = BlockC(768, channels_7x7=192)
        self.Mixed_7a = InceptionD(768)
        self.Mixed_7b = BlockE(1280, mean_of_neighbours)
        self.Mixed_7c = BlockE(2048, largest_neighbour)
        self.fc = nn.Linear(2048, CLASSES)

    def maps(self, x: Tensor, wanted: Collection[str]) -> dict[str, Tensor]:
        """Convolutions and pools: those of MAPS that are wanted.

        Args:
            x: (n, 3, 299, 299), the grey levels scaled to about [-1, 1].
            wanted: names from MAPS.

        Returns:
            name -> (n, channels, height, width).
        """
        found = {}
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        found["64"] = x = F.max_pool2d(x, 3, stride=2)  # (n, 64, 73, 73)
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x))
        found["192"] = x = F.max_pool2d(x, 3, stride=2)  # (n, 192, 35, 35)
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x)))  # (n, 288, 35, 35)
        found["sfid"] = x = self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x))))  # branch1x1 comes first
        found["768"] = x = self.Mixed_6e(x)  # (n, 768, 17, 17)
        found["features"] = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))  # (n, 2048, 8, 8)
        return {name: found[name] for name in MAPS if name in wanted}


def heads(maps: dict[str, Tensor], fc: nn.Linear, outputs: Collection[str]) -> dict[str, Tensor]:
    """What is told from the maps: name -> (n, d), for the names in `outputs`.

    "sfid" is ADM's: the first 7 channels of Mixed_6d.branch1x1 (its `mixed_6/conv`), row by row, in each row column by
    column, the 7 channels of a place together: a (17, 17, 7) array flattened.
    """
    found = {name: x.mean((2, 3)) for name, x in maps.items() if name != "sfid"}
    if "sfid" in maps:
        found["sfid"] = maps["sfid"][:, :SFID_CHANNELS].permute(0, 2, 3, 1).flatten(1)
    if "features" in found:
        found["logits"] = found["features"] @ fc.weight.T
        found["logits-with-bias"] = found["logits"] + fc.bias
    return {name: found[name] for name in OUTPUTS if name in outputs}


def maps_for(outputs: Collection[str]) -> tuple[str, ...]:
    """The MAPS that these outputs are told from."""
    return tuple(name for name in MAPS if name in {"features" if "logits" in output else output for output in outputs})


def fold_batch_norms(network: nn.Module) -> None:
    """Multiply each batch norm into the convolution before it, in float64: the same function, with fewer passes.

    y = gamma (W x - mean) / sqrt(var + eps) + beta = (s W) x + (beta - s mean), s = gamma / sqrt(var + eps).
    """
    for block in network.modules():
        if not isinstance(block, BasicConv2d):
            continue
        conv, norm = block.conv, block.bn
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
        weight = conv.weight.double() * scale[:, None, None, None]
        bias = norm.bias.double() - norm.running_mean.double() * scale
        conv.weight = nn.Parameter(weight.float(), requires_grad=False)
        conv.bias = nn.Parameter(bias.float(), requires_grad=False)
        setattr(block, "bn", nn.Identity())  # noqa: B010 (declared a BatchNorm2d)
