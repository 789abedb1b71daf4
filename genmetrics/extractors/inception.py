"""The FID's network as an extractor: `inception-v3-tf2015`, with the input step of your choice after an @."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from genmetrics._checks import DataError, one_of, pick_device
from genmetrics.extractors import EXTRACTORS
from genmetrics.extractors.backends import run_by
from genmetrics.extractors.inception_network import OUTPUTS, InceptionNetwork, heads, maps_for
from genmetrics.extractors.precision import arithmetic
from genmetrics.extractors.weights import FOLDER, checked_sha256, find_weights, load_weights, weights_folders
from genmetrics.resizing import resize_each

# The same weights under two names: pytorch-fid's and torch-fidelity's. The eight digits begin the SHA-256.
FILES = ("pt_inception-2015-12-05-6726825d.pth", "weights-inception-2015-12-05-6726825d.pth")
SOURCE = "https://github.com/mseitzer/pytorch-fid/releases/tag/fid_weights"
SIDE = 299
DEFAULT_OUTPUTS = ("features", "logits")
# resize -> c in (x - c) / c, which brings grey levels x to about [-1, 1]
INPUTS = {
    "tf1-bilinear": 128.0,  # what the graph itself does; torch-fidelity
    "clean": 128.0,  # clean-fid
    "torch-bilinear": 127.5,  # pytorch-fid
    "pil-uint8-bicubic": 128.0,
}


class Inception:
    """The 2015-12-05 Inception-v3: pool3 features (2048) and logits without bias (1008), more on request.

    Args:
        resize: a name from INPUTS.
        outputs: names from `inception_network.OUTPUTS`, besides the features and logits that are always given.
        weights: a file of published weights; by default it is looked for, see `weights.weights_folders`.
        precision: a name from `extractors.PRECISIONS`.
        backend: a name from `extractors.BACKENDS`, which all compute the same function. Features differ from those of
            the plain network ("eager") by rounding: in float32 by less than 1e-5 of their size.

    Its `details`, which records show, say how grey levels were scaled and what ran the network.

    Raises:
        DataError: the weights are not found, damaged, or another network's; the device is not there, or has not that
            precision or backend.
        UnknownNameError: no such resize, output, precision or backend.
    """

    name = "inception-v3-tf2015"
    channels = 3
    size = (SIDE, SIDE)

    def __init__(
        self,
        resize: str = "tf1-bilinear",
        outputs: Iterable[str] = (),
        *,
        device: str = "auto",
        weights: str | Path | None = None,
        precision: str = "strict",
        backend: str = "auto",
    ) -> None:
        one_of(resize, "resize", INPUTS)
        outputs = tuple(outputs)
        for output in outputs:
            one_of(output, f"output of {self.name}", OUTPUTS)
        self.device = pick_device(device)
        self.protocol = resize
        self.resize = f"{resize}-{SIDE}"
        self.outputs = tuple(name for name in OUTPUTS if name in (*DEFAULT_OUTPUTS, *outputs))
        self.batch_size = 16 if self.device == "cpu" else 64
        file = find_weights(FILES, weights)
        if file is None:
            raise DataError(missing_weights())
        self.weights_sha256 = checked_sha256(file)
        network = load(file)
        self.fc = network.fc.to(self.device)
        self.maps, told = run_by(backend, network, maps_for(self.outputs), self.device, precision)
        half = f"{INPUTS[resize]:g}"
        self.details = {"input": f"(x - {half}) / {half}", "backend": told, "precision": precision}

    def __call__(self, images: list[NDArray[np.uint8]]) -> dict[str, NDArray[np.float32]]:
        half = INPUTS[self.protocol]
        with torch.inference_mode(), arithmetic("strict", self.device):
            x = resize_each(images, self.size, self.protocol, self.device).sub_(half).div_(half)
            outputs = heads(self.maps(x), self.fc, self.outputs)
        return {name: np.ascontiguousarray(value.cpu().numpy()) for name, value in outputs.items()}


def load(file: Path) -> InceptionNetwork:
    """The network with the weights of `file`, in evaluation mode, on the CPU."""
    with torch.device("meta"):  # no initial values: they would use up the caller's random numbers
        network = InceptionNetwork()
    load_weights(network, file)
    return network.eval().requires_grad_(False)


def missing_weights() -> str:
    """What to do when the weights are nowhere."""
    *own, hub = weights_folders()
    place = own[0] if own else f"the folder that {FOLDER} names"
    others = ", ".join(name for name in EXTRACTORS if not name.startswith(Inception.name))
    return (
        f"{Inception.name}, the default extractor, needs its weights: run `genmetrics extractors fetch`, or get "
        f"{FILES[0]} (SHA-256 6726825d...; {SOURCE}) or its twin {FILES[1]}, and put it into {place} or {hub}, or pass "
        "--weights FILE (weights=); "
        f"or choose another --extractor: {others}"
    )
