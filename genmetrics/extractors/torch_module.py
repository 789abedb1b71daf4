"""A user's own torch network as an extractor: `module:path/to/checkpoint`.

The checkpoint holds the network and its weights together. torch unpickles parts of it: load only files you trust.

    torch.export.save(torch.export.export(network, (images,)), "net.pt2")     # torch.export
    torch.jit.script(network).save("net.pt")                                  # TorchScript

The network has one method. `forward(images)` takes uint8 images of shape (64, 3, h, w), 0..255 (grey images
repeated in the three channels; resizing and normalising are the network's own business), and returns the features
(64, d), or a dict with "features" and, if it classifies, "logits" (64, classes). Export it with 64 images, or with a
free batch dimension, in evaluation mode.
"""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genmetrics._checks import DataError, pick_device
from genmetrics.extractors import sha256_of


class TorchModule:
    """The network of a torch.export (.pt2) or TorchScript file."""

    channels = 3
    size = None
    resize = "none"
    batch_size = 64

    def __init__(self, path: str, device: str = "auto") -> None:
        file = Path(path)
        if not file.is_file():
            raise DataError(f"extractor: no checkpoint at {path}")
        self.name = f"module:{file.stem}"
        self.device = pick_device(device)
        self.weights_sha256 = sha256_of(file)
        self.network = load(file, self.device)
        self.outputs = ("features",)  # what else it has shows in its first answer

    def __call__(self, images: list[NDArray[np.uint8]]) -> dict[str, NDArray[np.float32]]:
        import torch

        batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous().to(self.device)
        with torch.inference_mode():
            try:
                answer = self.network(batch)
            except Exception as error:
                reason = str(error).strip().splitlines()[-1]
                raise DataError(
                    f"{self.name} failed on uint8 images of shape {tuple(batch.shape)}: {reason}"
                ) from error
        outputs = answer if isinstance(answer, dict) else {"features": answer}
        return {name: self.checked(name, value, len(images)) for name, value in outputs.items()}

    def checked(self, name: str, value: Any, n: int) -> NDArray[np.float32]:
        """An output as float32 (n, d).

        Raises:
            DataError: it has another shape.
        """
        shape = tuple(getattr(value, "shape", ()))
        if len(shape) != 2 or shape[0] != n:
            raise DataError(f"{self.name}: '{name}' should have shape ({n}, d) for {n} images, got {shape}")
        return value.float().cpu().numpy()


def load(path: Path, device: str) -> Any:
    """The callable network of a .pt2 or TorchScript file, on `device`.

    Raises:
        DataError: the file is neither, or damaged; a module pickled whole is refused: it needs its author's code.
    """
    import torch

    if not zipfile.is_zipfile(path):
        raise DataError(f"{path}: not a torch checkpoint; export the network with torch.export.save or torch.jit.save")
    with zipfile.ZipFile(path) as archive:
        names = {name.split("/", 1)[-1] for name in archive.namelist()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # TorchScript still loads; its deprecation is not the user's
        try:
            if "constants.pkl" in names:
                return torch.jit.load(str(path), map_location=device).eval()
            if "archive_format" in names or path.suffix == ".pt2":
                return torch.export.load(str(path)).module().to(device)
        except Exception as error:  # torch has no common type for what can be wrong inside
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise DataError(f"{path}: torch cannot load it: {reason}") from error
    raise DataError(
        f"{path}: holds pickled weights or a pickled module, which cannot be run on its own; "
        "export the network with torch.export.save (.pt2) or torch.jit.script(network).save(...)"
    )
