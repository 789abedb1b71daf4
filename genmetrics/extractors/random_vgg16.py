"""A VGG16 with seeded random weights as an extractor, for images unlike ImageNet's; nothing to download.

Source: Naeem et al. (2020), arXiv:2002.09797, who embed images in 64 dimensions by a randomly initialised VGG16.
Differs: they published no code of the network. Here the second fully connected layer is 64 wide and its output, not
rectified, is the feature; weights are drawn as torchvision draws a new VGG16's, from one seed, layer by layer:
convolutions He-normal by fan-out, linear layers N(0, 0.01²), biases 0. The scale of the features means nothing.
"""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from genmetrics._checks import pick_device
from genmetrics.extractors.precision import arithmetic, refuse_unfit
from genmetrics.extractors.timm_network import IMAGENET_DEVIATION, IMAGENET_MEAN
from genmetrics.resizing import resize_each

WIDTH = 64
SEED = 0


class RandomVGG16:
    """Images at 224 x 224 (Pillow's bicubic on uint8), less ImageNet's mean, over its deviation, to 64 features.

    `weights_sha256` is that of the weights as drawn, in the network's order.
    """

    name = "random-vgg16"
    channels = 3
    size = (224, 224)
    resize = "pil-uint8-bicubic-224"
    outputs = ("features",)

    def __init__(self, device: str = "auto", precision: str = "strict") -> None:
        self.device = pick_device(device)
        refuse_unfit(precision, self.device)
        self.precision = precision
        self.batch_size = 16 if self.device == "cpu" else 64
        network = random_vgg16()
        content = hashlib.sha256()
        for parameter in network.parameters():
            content.update(parameter.numpy().data)
        self.weights_sha256 = content.hexdigest()
        self.network = network.to(self.device)
        self.mean, self.deviation = (torch.tensor(x, device=self.device) for x in (IMAGENET_MEAN, IMAGENET_DEVIATION))
        self.details = {"seed": SEED, "backend": f"torch {torch.__version__}", "precision": precision}

    def __call__(self, images: list[NDArray[np.uint8]]) -> dict[str, NDArray[np.float32]]:
        with torch.inference_mode():
            x = resize_each(images, self.size, "pil-uint8-bicubic", self.device) / 255
            x = (x - self.mean[:, None, None]) / self.deviation[:, None, None]
            with arithmetic(self.precision, self.device):
                return {"features": self.network(x).float().cpu().numpy()}


def random_vgg16(seed: int = SEED) -> nn.Module:
    """The network, drawn from its seed alone."""
    from torchvision.models import vgg16

    draw = torch.Generator().manual_seed(seed)
    with torch.device("meta"):
        network = vgg16(weights=None, init_weights=False)
    network.classifier = nn.Sequential(*list(network.classifier)[:3], nn.Linear(4096, WIDTH, device="meta"))
    network.to_empty(device="cpu").eval().requires_grad_(False)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu", generator=draw)
        elif isinstance(layer, nn.Linear):
            layer.weight.normal_(0, 0.01, generator=draw)
        else:
            continue
        assert layer.bias is not None
        layer.bias.zero_()
    return network
