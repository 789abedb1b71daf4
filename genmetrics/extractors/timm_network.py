"""Any of timm's networks as an extractor: `timm:NAME`, with the input step of your choice after an @.

Images are brought to the network's input size by Pillow on uint8 (warped, never cropped: what a generator does near
the border counts too), then x / 255 less the network's own mean, over its deviation. DINOv2 is fed 224 pixels a side
and its position embeddings are resampled as its authors' code does it, as in FD-DINOv2 (Stein et al. 2023,
arXiv:2306.04675). CLIP's image towers give their projected embedding.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import interpolate

from genmetrics._checks import DataError, UnknownNameError, one_of, pick_device
from genmetrics.extractors import TIMM_PREFIX
from genmetrics.extractors.precision import arithmetic, refuse_unfit
from genmetrics.extractors.weights import FOLDER, checked_sha256, find_weights, weights_folders
from genmetrics.resizing import RESIZES, resize_each

DINOV2_SIDE = 224
CLASS_COUNTS = (1000, 11821, 11221, 21841, 21843)  # of the ImageNets: a CLIP tower with another head projects
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HUB_FILES = ("model.safetensors", "pytorch_model.bin")


class TimmNetwork:
    """A network of timm's, with published or your own weights.

    Args:
        name: as timm lists it, with its tag: `vit_large_patch14_dinov2.lvd142m`.
        resize: a name from `genmetrics.resizing.RESIZES`; by default Pillow's on uint8, as the network was trained.
        weights: a .safetensors or .pth file; by default it is looked for in the folders of `weights.weights_folders`
            under NAME.safetensors, NAME.pth or its published name, and in the Hugging Face cache. Nothing is
            downloaded.

    "features" is what the classifier reads (the pooled last layer), "logits" what it says, if the network has one.

    Raises:
        UnknownNameError: timm has no such network; the nearest are named.
        DataError: the weights are not there, damaged, or another network's.
    """

    channels = 3

    def __init__(
        self,
        name: str,
        resize: str = "",
        *,
        device: str = "auto",
        weights: str | Path | None = None,
        precision: str = "strict",
    ) -> None:
        import timm

        published = configuration(name)
        self.name = TIMM_PREFIX + name
        self.protocol = resize or f"pil-uint8-{published['interpolation']}"
        one_of(self.protocol, "resize", RESIZES)
        self.device = pick_device(device)
        refuse_unfit(precision, self.device)
        self.precision = precision
        self.size = input_size(name, published)
        self.resize = f"{self.protocol}-" + "x".join(map(str, dict.fromkeys(self.size)))
        self.batch_size = 16 if self.device == "cpu" else 64
        file = find_file(name, published, weights)
        self.weights_sha256 = checked_sha256(file)
        self.network = load(name, file, self.size[0]).to(self.device)
        self.projects = "clip" in name and published["num_classes"] not in CLASS_COUNTS
        classifies = self.network.num_classes > 0 and not self.projects
        self.outputs = ("features", "logits") if classifies else ("features",)
        self.mean, self.deviation = (torch.tensor(published[part], device=self.device) for part in ("mean", "std"))
        self.details = {
            "input": f"(x / 255 - {list(published['mean'])}) / {list(published['std'])}",
            "backend": f"torch {torch.__version__}, timm {timm.__version__}",
            "precision": precision,
        }
        self.warnings = tuple(f"{self.name}: timm says of these weights: {note}" for note in published["notes"])

    def __call__(self, images: list[NDArray[np.uint8]]) -> dict[str, NDArray[np.float32]]:
        with torch.inference_mode():
            x = resize_each(images, self.size, self.protocol, self.device) / 255
            x = (x - self.mean[:, None, None]) / self.deviation[:, None, None]
            with arithmetic(self.precision, self.device):
                outputs = self.run(x)
        return {name: np.ascontiguousarray(value.float().cpu().numpy()) for name, value in outputs.items()}

    def run(self, x: Tensor) -> dict[str, Tensor]:
        if self.projects:
            return {"features": self.network(x)}
        last = self.network.forward_features(x)
        found = {"features": self.network.forward_head(last, pre_logits=True)}
        if "logits" in self.outputs:
            found["logits"] = self.network.forward_head(last)
        return found


def configuration(name: str) -> dict[str, Any]:
    """What timm publishes of a network: its input, weights and classes.

    Raises:
        UnknownNameError: it has no such network, or no such weights of it.
    """
    import timm

    base, _, tag = name.partition(".")
    if not timm.is_model(base) or (tag and name not in timm.list_pretrained(f"{base}.*")):
        known = timm.list_pretrained(f"{base}.*") if timm.is_model(base) else timm.list_models()
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or known[:3]
        raise UnknownNameError(f"timm {timm.__version__} has no network '{name}'; near it: {', '.join(near)}")
    found = timm.models.get_pretrained_cfg(name)
    told = {} if found is None else found.to_dict()
    usual = {"interpolation": "bicubic", "hf_hub_id": None, "url": "", "notes": (), "num_classes": 0}
    return {**usual, "mean": IMAGENET_MEAN, "std": IMAGENET_DEVIATION, **told}


def input_size(name: str, published: Mapping[str, Any]) -> tuple[int, int]:
    """(height, width) that images are brought to."""
    if "dinov2" in name:
        return DINOV2_SIDE, DINOV2_SIDE
    _, height, width = published.get("input_size") or (3, 224, 224)
    return height, width


def find_file(name: str, published: Mapping[str, Any], given: str | Path | None) -> Path:
    """The file of weights.

    Raises:
        DataError: there is none; the message says which is wanted, and where.
    """
    from huggingface_hub import try_to_load_from_cache

    own = Path(published["url"]).name
    names = [f"{name}.safetensors", f"{name}.pth", *([own] if own else [])]
    file = find_weights(names, given)
    hub = published["hf_hub_id"]
    for candidate in HUB_FILES if hub and file is None else ():
        cached = try_to_load_from_cache(hub, candidate)
        if isinstance(cached, str):
            return Path(cached)
    if file is None:
        *folders, torch_hub = weights_folders()
        place = folders[0] if folders else f"the folder that {FOLDER} names"
        origin = f"https://huggingface.co/{hub}" if hub else published["url"] or "you, or whoever trained it"
        raise DataError(
            f"{TIMM_PREFIX}{name} needs its weights: get model.safetensors from {origin} and put it as {names[0]} into "
            f"{place} or {torch_hub}, or pass --weights FILE (weights=)"
        )
    return file


def load(name: str, file: Path, side: int) -> Any:
    """The network with the weights of `file`, in evaluation mode, on the CPU, for images of `side`.

    Raises:
        DataError: they are not its weights; what is missing is listed.
    """
    import timm

    try:
        with torch.random.fork_rng(devices=[]):  # initial values use none of the caller's random numbers
            network: Any = timm.create_model(name, pretrained=True, pretrained_cfg_overlay={"file": str(file)})
    except Exception as error:  # a damaged or hostile file makes torch's and safetensors' readers raise nearly anything
        told = " ".join(line.strip() for line in str(error).splitlines()[:6])
        raise DataError(f"{file}: these are not the weights of {TIMM_PREFIX}{name}: {told[:600]}") from None
    if "dinov2" in name:
        resample_positions(network, side)
    return network.eval().requires_grad_(False)


def resample_positions(network: Any, side: int) -> None:
    """Position embeddings of DINOv2 for another image size, as its authors' code has them.

    Without registers it scales by (side / patch + 0.1) / grid and does not antialias; timm scales by the sizes and
    does, which moves features by about a hundredth. With registers both do the same.
    Source: facebookresearch/dinov2, models/vision_transformer.py, interpolate_pos_encoding; hub/backbones.py.
    """
    published = network.pos_embed.detach().clone()
    old_grid = network.patch_embed.grid_size[0]
    network.set_input_size(img_size=side)
    if getattr(network, "num_reg_tokens", 0):
        return
    grid = network.patch_embed.grid_size[0]
    first = published.shape[1] - old_grid**2  # the class token's
    places = published[:, first:].reshape(1, old_grid, old_grid, -1).permute(0, 3, 1, 2)
    scale = (grid + 0.1) / old_grid
    resampled = interpolate(places, scale_factor=(scale, scale), mode="bicubic")
    flat = resampled.permute(0, 2, 3, 1).flatten(1, 2)
    network.pos_embed = nn.Parameter(torch.cat([published[:, :first], flat], dim=1), requires_grad=False)
