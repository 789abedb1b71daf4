"""Random weights for the 2015-12-05 Inception network, in the layouts of the published files.

    python benchmarks/parity/random_inception.py OUT.pth [--layout module|converted] [--seed 0]

With one such file every tool that computes FID can be run on the same network, offline, and compared number by
number. The scores mean nothing. Layouts (the same names and shapes; both are found among published files):

- module: the state dict of a torchvision network, as pytorch-fid's patched one gives it, with `num_batches_tracked`;
- converted: a plain dict without those counters, as torch-fidelity's converter writes it from TensorFlow's graph.

He-normal convolutions, batch norms whose statistics are measured on seeded noise images: so activations neither die
nor explode, and images differ in their features as they do in a trained network.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models.inception import Inception3

LAYOUTS = ("module", "converted")
CLASSES = 1008
COUNTER = "num_batches_tracked"


def random_state(seed: int = 0) -> dict[str, Tensor]:
    """The weights, in the "module" layout."""
    draw = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        network = Inception3(num_classes=CLASSES, aux_logits=False, transform_input=False, init_weights=False)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=draw)
            elif isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.8, 1.2, generator=draw)
                module.bias.normal_(0, 0.2, generator=draw)
                module.momentum = None  # the statistics are those of the one batch below
        network.fc.weight.normal_(0, 0.05, generator=draw)
        network.fc.bias.normal_(0, 0.5, generator=draw)
        network.train()(octaves(4, draw))
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                assert module.running_mean is not None
                assert module.running_var is not None
                module.running_var += 0.5 * module.running_mean**2  # a channel that hardly varies is not blown up
    return network.state_dict()


def octaves(n: int, draw: torch.Generator, side: int = 299) -> Tensor:
    """Noise images (n, 3, side, side) in [-1, 1]: coarse blotches strongest, as in photographs."""
    image = torch.zeros(n, 3, side, side)
    for cells in (2**k for k in range(1, 8)):
        field = torch.randn(n, 3, cells, cells, generator=draw) / cells**0.7
        image += nn.functional.interpolate(field, (side, side))
    return (image * 0.4 / image.std()).clamp(-1, 1)


def in_layout(state: dict[str, Tensor], layout: str) -> dict[str, Tensor]:
    """`state` as files of that layout hold it."""
    if layout == "module":
        return state
    return {name: value for name, value in state.items() if not name.endswith(COUNTER)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--layout", choices=LAYOUTS, default="module")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.save(in_layout(random_state(arguments.seed), arguments.layout), arguments.out)


if __name__ == "__main__":
    main()
