"""Float32 that is float32: no TF32, no bfloat16, whatever the surrounding program has switched on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def strict(device: str) -> Iterator[None]:
    """Within it, convolutions and matrix products of float32 are computed in float32; the settings are put back.

    PyTorch's own default on CUDA is TF32 for convolutions, which moves features by 1e-3 of their size.
    """
    backends: Any = torch.backends
    switches: list[tuple[Any, str, Any]]
    if hasattr(backends.cudnn, "conv"):  # torch 2.9 and newer
        parts = (backends.cudnn.conv, backends.cuda.matmul, backends.mkldnn.conv, backends.mkldnn.matmul)
        switches = [(part, "fp32_precision", "ieee") for part in parts]
    else:
        switches = [(part, "allow_tf32", False) for part in (backends.cudnn, backends.cuda.matmul)]
    before = [getattr(part, name) for part, name, _ in switches]
    try:
        for part, name, value in switches:
            setattr(part, name, value)
        with torch.autocast(torch.device(device).type, enabled=False):
            yield
    finally:
        for (part, name, _), value in zip(switches, before, strict=True):
            setattr(part, name, value)
