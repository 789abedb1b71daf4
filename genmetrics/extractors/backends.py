"""What runs the Inception network: torch as it is, torch made faster, or OpenVINO. The same function by each."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from genmetrics._checks import DataError, one_of
from genmetrics.extractors import BACKENDS, PRECISIONS, openvino_network
from genmetrics.extractors.inception_network import InceptionNetwork, fold_batch_norms
from genmetrics.extractors.precision import arithmetic, refuse_unfit

Maps = Callable[[Tensor], dict[str, Tensor]]  # float32 images (n, 3, 299, 299) -> name -> float32 (n, c, h, w)


class Trunk(nn.Module):
    """The maps that are wanted of the network, as a function of the images alone."""

    def __init__(self, network: InceptionNetwork, wanted: Sequence[str]) -> None:
        super().__init__()
        self.network = network
        self.wanted = wanted

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return self.network.maps(x, self.wanted)


def run_by(
    backend: str, network: InceptionNetwork, wanted: Sequence[str], device: str, precision: str
) -> tuple[Maps, str]:
    """The network's maps, and what computes them, in words.

    "auto" is OpenVINO on a CPU where it is installed, else torch.

    Raises:
        UnknownNameError: no such backend or precision.
        DataError: it cannot be had here.
    """
    one_of(backend, "backend", BACKENDS)
    one_of(precision, "precision", PRECISIONS)
    refuse_unfit(precision, device)
    if backend == "auto":
        on_cpu = torch.device(device).type == "cpu"
        backend = "openvino" if on_cpu and openvino_network.version() is not None else "torch"
    if backend != "eager":
        fold_batch_norms(network)
    if backend == "openvino":
        return by_openvino(Trunk(network, wanted), device, precision)
    return by_torch(backend, Trunk(network, wanted).to(device), device, precision)


def by_openvino(trunk: Trunk, device: str, precision: str) -> tuple[Maps, str]:
    version = openvino_network.version()
    if version is None:
        raise DataError("backend openvino is not installed: pip install 'genmetrics[cpu]', or --backend torch")
    if torch.device(device).type != "cpu":
        raise DataError(f"backend openvino runs on the CPU, not on {device}; pass --device cpu or --backend torch")
    return openvino_network.OpenVinoNetwork(trunk, precision), f"OpenVINO {version}, batch norms folded"


def by_torch(backend: str, trunk: Trunk, device: str, precision: str) -> tuple[Maps, str]:
    layout = torch.contiguous_format if backend == "eager" else torch.channels_last
    trunk.to(memory_format=layout)
    run = trunk
    if backend == "compile":
        if shutil.which("c++") is None and torch.device(device).type == "cpu":
            raise DataError("backend compile needs a C++ compiler (c++), and there is none; use --backend torch")
        run = torch.compile(trunk)

    def maps(x: Tensor) -> dict[str, Tensor]:
        with arithmetic(precision, device):
            return {name: value.float() for name, value in run(x.contiguous(memory_format=layout)).items()}

    told = f"torch {torch.__version__}{', compiled' if backend == 'compile' else ''}"
    return maps, told if backend == "eager" else f"{told}, batch norms folded, channels last"
