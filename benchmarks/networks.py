"""Real networks from the packs in ../shared/data: ResNets for CIFAR-10, SGAN's encoder, SqueezeNet 1.1 for ImageNet.

    network = networks.load("resnet56")
    network(images)  # (n, 3, 32, 32) uint8 -> {"features": prelogits (n, 64), "logits": (n, 10)}
    gm.evaluate(..., extractor=networks.Classifier("resnet56"))

A module takes uint8 pixels and normalises them itself, so it can be exported and given as `module:PATH`
(`networks.export`). Architectures: arXiv:1512.03385, section 4.2, with option-A shortcuts; arXiv:1602.07360 and its
version 1.1; arXiv:1612.04357.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np
import packs
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from genmetrics.extractors.hypercolumns import hypercolumns

RESNETS = {"resnet20": 3, "resnet32": 5, "resnet44": 7, "resnet56": 9}  # name -> blocks a stage
NETWORKS = (*RESNETS, "sgan-encoder", "squeezenet")
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CAFFE_MEAN = (103.94, 116.78, 123.68)  # blue, green, red, of 0..255
FIRES = {2: (16, 64), 3: (16, 64), 4: (32, 128), 5: (32, 128), 6: (48, 192), 7: (48, 192), 8: (64, 256), 9: (64, 256)}


class Block(nn.Module):
    """Two 3 x 3 convolutions and a shortcut without parameters: every second pixel, new channels are zeros."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.stride, self.new = stride, width - inputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.new:
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.new // 2, self.new // 2))
        return F.relu(x + y)


class ResNet(nn.Module):
    """6n + 2 layers for 32 x 32 images, widths 16, 32, 64."""

    def __init__(self, blocks: int) -> None:
        super().__init__()

        def stage(inputs: int, width: int) -> nn.Sequential:
            first = Block(inputs, width, 1 if inputs == width else 2)
            return nn.Sequential(first, *(Block(width, width, 1) for _ in range(blocks - 1)))

        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1, self.layer2, self.layer3 = stage(16, 16), stage(16, 32), stage(32, 64)
        self.linear = nn.Linear(64, 10)

    def forward(self, images: Tensor, outputs: Collection[str] = ()) -> dict[str, Tensor]:
        """features, logits, and, if asked for, hypercolumns (n, 1792): the three stages above 16 places."""
        x = images.float() / 255
        x = F.relu(self.bn1(self.conv1((x - column(IMAGENET_MEAN, x)) / column(IMAGENET_STD, x))))
        stages = [x := stage(x) for stage in (self.layer1, self.layer2, self.layer3)]
        features = x.mean(dim=(2, 3))
        found = {"features": features, "logits": self.linear(features)}
        return found | ({"hypercolumns": hypercolumns(stages, x.shape[-1])} if "hypercolumns" in outputs else {})


class SGANEncoder(nn.Module):
    """Two 5 x 5 convolutions without padding, 256 features (fc3), 10 logits (fc4)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 64, 5), nn.Conv2d(64, 128, 5)
        self.fc3, self.fc4 = nn.Linear(3200, 256), nn.Linear(256, 10)
        self.register_buffer("mean_image", torch.empty(3, 32, 32))

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        x = images.float() / 255 - self.mean_image
        for conv in (self.conv1, self.conv2):
            x = F.max_pool2d(F.relu(conv(x)), 2)
        features = F.relu(self.fc3(x.flatten(1)))
        return {"features": features, "logits": self.fc4(features)}


class Fire(nn.Module):
    """Squeeze by 1 x 1, expand by 1 x 1 and 3 x 3 side by side."""

    def __init__(self, inputs: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze1x1 = nn.Conv2d(inputs, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.squeeze1x1(x))
        return torch.cat([F.relu(self.expand1x1(x)), F.relu(self.expand3x3(x))], dim=1)


class SqueezeNet(nn.Module):
    """Version 1.1 for 224 x 224 images; its features are the 512 pooled channels that the last layer reads."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, stride=2)
        inputs = 64
        for number, (squeezed, expanded) in FIRES.items():
            setattr(self, f"fire{number}", Fire(inputs, squeezed, expanded))
            inputs = 2 * expanded
        self.conv10 = nn.Conv2d(inputs, 1000, 1)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        x = images.flip(1).float() - column(CAFFE_MEAN, images.float())
        x = F.max_pool2d(F.relu(self.conv1(x)), 3, 2)
        for number in FIRES:
            x = getattr(self, f"fire{number}")(x)
            if number in (3, 5):
                x = F.max_pool2d(x, 3, 2)
        return {"features": x.mean(dim=(2, 3)), "logits": F.relu(self.conv10(x)).mean(dim=(2, 3))}


def column(values: tuple[float, ...], like: Tensor) -> Tensor:
    """One value a channel, to be broadcast over pixels."""
    return torch.tensor(values, dtype=like.dtype, device=like.device)[:, None, None]


def load(name: str) -> nn.Module:
    """One of NETWORKS with its published weights, in evaluation mode, on the CPU.

    Raises:
        MissingPack: the weights are not on this machine.
    """
    with torch.device("meta"):  # no initial values: they would use up the caller's random numbers
        network = SqueezeNet() if name == "squeezenet" else SGANEncoder() if name not in RESNETS else None
        network = network or ResNet(RESNETS[name])
    state = {key: torch.from_numpy(value) for key, value in weights_of(name).items()}
    counters = {key: torch.tensor(0) for key in network.state_dict() if key.endswith("num_batches_tracked")}
    network.load_state_dict({**state, **counters}, assign=True)
    return network.eval().requires_grad_(False)


def weights_of(name: str) -> dict[str, NDArray[np.float32]]:
    """Arrays of the pack by the names of the module's parameters."""
    if name == "squeezenet":
        content = packs.pack("net_squeezenet11_imagenet_fp16")
        return {squeezenet_name(key): value.astype(np.float32) for key, value in content.items()}
    content = packs.pack("nets_cifar10")
    if name in RESNETS:
        return {key.removeprefix(f"{name}__"): value for key, value in content.items() if key.startswith(f"{name}__")}
    arrays = [content[f"sgan_enc__arr_{i}"] for i in range(8)]
    turned = [a.T.copy() if a.ndim == 2 else a for a in arrays]
    keys = [f"{layer}.{kind}" for layer in ("conv1", "conv2", "fc3", "fc4") for kind in ("weight", "bias")]
    return {**dict(zip(keys, turned, strict=True)), "mean_image": content["sgan_enc__meanimg"].astype(np.float32)}


def squeezenet_name(key: str) -> str:
    """'fire2__squeeze1x1_w_0' as 'fire2.squeeze1x1.weight'."""
    layer, kind, _ = key.replace("__", ".").rsplit("_", 2)
    return f"{layer}.{'weight' if kind == 'w' else 'bias'}"


class Classifier:
    """One of NETWORKS as an extractor: 64 images at a time, pixels as they come; ResNets have hypercolumns too."""

    channels = 3
    size = None
    resize = "none"
    batch_size = 64

    def __init__(self, name: str, device: str = "cpu", outputs: Iterable[str] = ()) -> None:
        self.name, self.device = name, device
        self.outputs = ("features", "logits", *(name for name in outputs if name == "hypercolumns"))
        self.network = load(name).to(device)
        content = hashlib.sha256()
        for value in self.network.state_dict().values():
            content.update(value.cpu().numpy().tobytes())
        self.weights_sha256 = content.hexdigest()

    def __call__(self, images: list[NDArray[np.uint8]]) -> dict[str, NDArray[np.float32]]:
        batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous().to(self.device)
        with torch.inference_mode():
            found = self.network(batch, self.outputs) if "hypercolumns" in self.outputs else self.network(batch)
        return {name: value.cpu().numpy() for name, value in found.items()}


def export(name: str, path: Path) -> Path:
    """The network as a .pt2 file for `--extractor module:PATH`; it takes 64 images at a time."""
    side = 224 if name == "squeezenet" else 32
    example = torch.zeros(64, 3, side, side, dtype=torch.uint8)
    torch.export.save(torch.export.export(load(name), (example,)), path)
    return path
