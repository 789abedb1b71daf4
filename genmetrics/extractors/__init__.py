"""Feature networks: each turns uint8 images into float32 features. One file a network; torch lives here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from genmetrics._checks import DataError, one_of, unknown_name

MODULE_PREFIX = "module:"
TIMM_PREFIX = "timm:"
ONNX_PREFIX = "onnx:"
DEFAULT = "inception-v3-tf2015"  # of `score`, if its weights are there
PRECISIONS = {
    "strict": "float32 throughout",
    "tf32": "products of TF32, sums of float32: NVIDIA GPUs",
    "bf16": "products of bfloat16, where the device has them: features move by some 3%",
}
BACKENDS = {  # all compute the same function
    "auto": "openvino on a CPU if it is installed, else torch",
    "openvino": "OpenVINO, of genmetrics[cpu]: CPU only",
    "torch": "torch, batch norms folded, channels last",
    "compile": "the same through torch.compile: minutes to start",
    "eager": "torch, layer by layer as published",
}


class Extractor(Protocol):
    """What a feature network offers. Any object with these members can be passed as `extractor=`.

    It may also have `details`, a dict of JSON values that records show and that the features depend on.
    """

    @property
    def name(self) -> str: ...  # as it stands in signatures
    @property
    def channels(self) -> int | None: ...  # 1 or 3 channels wanted; None: as the images come
    @property
    def size(self) -> tuple[int, int] | None: ...  # images are resized to (height, width); None: they must share one
    @property
    def resize(self) -> str: ...  # how, as it stands in signatures: "none", "area-8x8"
    @property
    def outputs(self) -> tuple[str, ...]: ...  # "features", and "logits" where it classifies
    @property
    def weights_sha256(self) -> str | None: ...
    @property
    def batch_size(self) -> int: ...  # images seen at a time: always this many, the last batch padded

    def __call__(self, images: list[NDArray[np.uint8]]) -> dict[str, NDArray[np.float32]]:
        """`batch_size` images, uint8 (h, w, channels), to outputs of shape (batch_size, d)."""
        ...


def find_extractor(
    extractor: str | Extractor,
    device: str = "auto",
    weights: str | Path | None = None,
    outputs: Iterable[str] = (),
    precision: str = "strict",
    backend: str = "auto",
) -> Extractor:
    """The extractor of a name, or the object given.

    Args:
        extractor: a name from EXTRACTORS, `inception-v3-tf2015@clean`, `module:path/to/checkpoint`; or an object.
        device: "auto", "cpu", "cuda", ...
        weights: the file of a network whose weights are not part of the package.
        outputs: wanted; a network that can give more than it does by default adds them.
        precision: a name from PRECISIONS; less than "strict" is for networks that take it.
        backend: a name from BACKENDS, of `inception-v3-tf2015`.

    Raises:
        UnknownNameError: no such name; the nearest is suggested.
        DataError: the checkpoint or the weights cannot be used.
    """
    one_of(precision, "precision", PRECISIONS)
    one_of(backend, "backend", BACKENDS)
    named = extractor if isinstance(extractor, str) else type(extractor).__name__
    if named.partition("@")[0] == DEFAULT:
        from genmetrics.extractors.inception import Inception

        resize = named.partition("@")[2] or "tf1-bilinear"
        return Inception(resize, outputs, device=device, weights=weights, precision=precision, backend=backend)
    if backend != "auto":
        raise DataError(f"backend: {named} has one; only {DEFAULT} has a choice")
    if named.startswith(TIMM_PREFIX):
        from genmetrics.extractors.timm_network import TimmNetwork

        name, _, resize = named.removeprefix(TIMM_PREFIX).partition("@")
        return TimmNetwork(name, resize, device=device, weights=weights, precision=precision)
    if weights is not None:
        raise DataError(f"weights: {named} takes no file of weights; only {DEFAULT} and timm:NAME do")
    if named == "random-vgg16":
        from genmetrics.extractors.random_vgg16 import RandomVGG16

        return RandomVGG16(device, precision)
    if precision != "strict":
        raise DataError(f"precision: {named} computes in float32 only; {DEFAULT} and timm:NAME have a choice")
    if not isinstance(extractor, str):
        return checked(extractor)
    if extractor.startswith(ONNX_PREFIX):
        from genmetrics.extractors.onnx_network import OnnxNetwork

        return OnnxNetwork(*path_and_resize(extractor.removeprefix(ONNX_PREFIX)), device=device)
    if extractor.startswith(MODULE_PREFIX):
        from genmetrics.extractors.torch_module import TorchModule

        return TorchModule(extractor.removeprefix(MODULE_PREFIX), device)
    if extractor == "pixels":
        from genmetrics.extractors.pixels import Pixels

        return Pixels()
    if extractor == "digits-cnn":
        from genmetrics.extractors.digits import DigitsExtractor

        return DigitsExtractor(device)
    if extractor == "mnist-cnn":
        from genmetrics.extractors.mnist import MnistExtractor

        return MnistExtractor(outputs, device)
    if extractor == "cifar10-wrn":
        from genmetrics.extractors.cifar10 import Cifar10Extractor

        return Cifar10Extractor(outputs, device)
    raise unknown_name("extractor", extractor, EXTRACTORS)


def path_and_resize(text: str) -> tuple[str, str]:
    """`net.onnx@clean` as path and resize; a path may hold an @ of its own."""
    path, at, resize = text.rpartition("@")
    return (path, resize) if at and not Path(text).is_file() else (text, "")


EXTRACTORS = {
    "inception-v3-tf2015": "the network of FID, KID and IS: 2048 features, 1008 logits; weights are got separately",
    "timm:NAME": "a network of timm's: vit_large_patch14_dinov2.lvd142m (FD-DINOv2), CLIP, ConvNeXt; weights likewise",
    "random-vgg16": "a VGG16 of seeded random weights, for images unlike ImageNet's; 64 features, nothing to get",
    "pixels": "the pixels themselves, in [0, 1]; images must share one size",
    "digits-cnn": "a small classifier of 8 x 8 digits that ships with the package; 64 features, 10 logits",
    "mnist-cnn": "a classifier of MNIST's 28 x 28 digits that ships with the package; 128 features, 10 logits",
    "cifar10-wrn": "a classifier of CIFAR-10's images that ships with the package; 128 features, 10 logits",
    "module:PATH": "your own torch network, exported with torch.export (.pt2) or as TorchScript",
    "onnx:PATH": "your own network in an ONNX file; needs genmetrics[cpu]",
}


def checked(extractor: Any) -> Extractor:
    """`extractor` if it has the members of an Extractor.

    Raises:
        DataError: some are missing; they are named.
    """
    members = ("name", "channels", "size", "resize", "outputs", "weights_sha256", "batch_size", "__call__")
    missing = [name for name in members if not hasattr(extractor, name)]
    if missing:
        raise DataError(
            f"{type(extractor).__name__} is no extractor: it lacks {', '.join(missing)}; "
            "see genmetrics.extractors.Extractor"
        )
    if not isinstance(extractor.batch_size, int) or extractor.batch_size < 1:
        raise DataError(f"{extractor.name}: batch_size should be a whole number from 1, got {extractor.batch_size!r}")
    return extractor


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    content = hashlib.sha256()
    with path.open("rb") as file:
        for chunk in iter(lambda: file.read(1 << 20), b""):
            content.update(chunk)
    return content.hexdigest()
