"""A network of your own in an ONNX file as an extractor: `onnx:PATH`, run by ONNX Runtime.

The network has one input, images (n, 3, h, w): uint8 as they are, or float32 in [0, 1]; normalising is its own
business. A fixed h x w is the size that images are brought to (Pillow's bicubic on uint8, or the resize after an @);
where it is free, images must share one size. Its outputs are (n, d): one, the features; or several, by the names
"features" and "logits". An ONNX file holds no code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genmetrics._checks import DataError, one_of, pick_device
from genmetrics.extractors import ONNX_PREFIX, sha256_of
from genmetrics.resizing import RESIZES, resize_each

INPUTS = {"tensor(uint8)": np.uint8, "tensor(float)": np.float32}


class OnnxNetwork:
    """The network of an ONNX file.

    Raises:
        DataError: ONNX Runtime is not installed, cannot read the file, or the network takes or gives something else.
    """

    channels = 3

    def __init__(self, path: str, resize: str = "", device: str = "auto") -> None:
        file = Path(path)
        if not file.is_file():
            raise DataError(f"extractor: no ONNX file at {path}")
        self.protocol = resize or "pil-uint8-bicubic"
        one_of(self.protocol, "resize", RESIZES)
        self.name = ONNX_PREFIX + file.stem
        self.device = pick_device(device)
        self.weights_sha256 = sha256_of(file)
        self.session, version = session_of(file, self.device)
        (n, _, height, width), self.dtype = self.input_of(file)
        self.batch_size = n if isinstance(n, int) else 16
        fixed = isinstance(height, int) and isinstance(width, int)
        self.size = (height, width) if fixed else None
        self.resize = f"{self.protocol}-" + "x".join(map(str, dict.fromkeys((height, width)))) if fixed else "none"
        named = [output.name for output in self.session.get_outputs()]
        self.outputs = ("features",) if len(named) == 1 else tuple(x for x in ("features", "logits") if x in named)
        if "features" not in self.outputs:
            raise DataError(f"{file}: has outputs {', '.join(named)}; one of them should be named features")
        self.asked = named if len(named) == 1 else list(self.outputs)
        self.details = {"backend": f"ONNX Runtime {version}", "precision": "strict"}

    def input_of(self, file: Path) -> tuple[list[Any], type]:
        """Shape and type of the one input.

        Raises:
            DataError: there are more, or it does not take images.
        """
        inputs = self.session.get_inputs()
        told = ", ".join(f"{x.name}: {x.type} {x.shape}" for x in inputs)
        if len(inputs) != 1 or inputs[0].type not in INPUTS or len(inputs[0].shape) != 4:
            raise DataError(f"{file}: should take one uint8 or float input (n, 3, h, w), takes {told}")
        if inputs[0].shape[1] != 3:
            raise DataError(f"{file}: should take images of 3 channels, (n, 3, h, w), takes {told}")
        return inputs[0].shape, INPUTS[inputs[0].type]

    def __call__(self, images: list[NDArray[np.uint8]]) -> dict[str, NDArray[np.float32]]:
        if self.size is None:
            x = np.stack(images).transpose(0, 3, 1, 2)
        else:
            x = resize_each(images, self.size, self.protocol).numpy()
        x = x.round().astype(np.uint8) if self.dtype is np.uint8 else x.astype(np.float32) / np.float32(255)
        try:
            values = self.session.run(self.asked, {self.session.get_inputs()[0].name: np.ascontiguousarray(x)})
        except Exception as error:  # ONNX Runtime's own types are not public
            reason = str(error).strip().splitlines()[-1]
            raise DataError(f"{self.name} failed on images of shape {x.shape}: {reason}") from None
        return dict(zip(self.outputs, values, strict=True))


def session_of(file: Path, device: str) -> tuple[Any, str]:
    """ONNX Runtime with the file loaded, and its version."""
    try:
        import onnxruntime
    except ImportError:
        raise DataError("an ONNX file needs ONNX Runtime: pip install 'genmetrics[cpu]'") from None
    import torch

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    providers = ["CPUExecutionProvider"]
    if device.startswith("cuda"):
        if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
            raise DataError("this ONNX Runtime has no CUDA; pip install onnxruntime-gpu, or pass --device cpu")
        providers.insert(0, "CUDAExecutionProvider")
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=providers), onnxruntime.__version__
    except Exception as error:
        reason = str(error).strip().splitlines()[-1]
        raise DataError(f"{file}: ONNX Runtime cannot load it: {reason}") from None
