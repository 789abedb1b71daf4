"""How exactly a network computes: float32 that is float32, or less on request, whatever the program has switched on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from genmetrics._checks import DataError


def strict(device: str) -> Any:
    """`arithmetic("strict", device)`."""
    return arithmetic("strict", device)


@contextmanager
def arithmetic(precision: str, device: str) -> Iterator[None]:
    """Within it, float32 convolutions and matrix products are computed as `precision` says; then all is put back.

    - strict: in float32. PyTorch's own default on CUDA is TF32 for convolutions, which moves features by 1e-3.
    - tf32: their inputs are rounded to 10 bits of mantissa, the sums kept in float32 (NVIDIA, Ampere and newer).
    - bf16: in bfloat16 (torch's autocast), 7 bits of mantissa.
    """
    backends: Any = torch.backends
    on_cuda, on_cpu = ("tf32" if precision == "tf32" else "ieee"), "ieee"
    switches: list[tuple[Any, str, Any]]
    if hasattr(backends.cudnn, "conv"):  # torch 2.9 and newer
        switches = [(part, "fp32_precision", on_cuda) for part in (backends.cudnn.conv, backends.cuda.matmul)]
        switches += [(part, "fp32_precision", on_cpu) for part in (backends.mkldnn.conv, backends.mkldnn.matmul)]
    else:
        switches = [(part, "allow_tf32", precision == "tf32") for part in (backends.cudnn, backends.cuda.matmul)]
    before = [getattr(part, name) for part, name, _ in switches]
    try:
        for part, name, value in switches:
            setattr(part, name, value)
        with torch.autocast(torch.device(device).type, dtype=torch.bfloat16, enabled=precision == "bf16"):
            yield
    finally:
        for (part, name, _), value in zip(switches, before, strict=True):
            setattr(part, name, value)


def refuse_unfit(precision: str, device: str) -> None:
    """This device computes in this precision itself.

    Raises:
        DataError: it does not; emulated, bfloat16 is slower than float32 and loses more.
    """
    kind = torch.device(device).type
    if precision == "tf32" and not (kind == "cuda" and torch.cuda.get_device_capability(device)[0] >= 8):
        raise DataError(f"precision tf32 is for NVIDIA GPUs from Ampere on, not for {device}; leave it at strict")
    if precision != "bf16":
        return
    if kind == "cpu" and not cpu_has_bf16():
        raise DataError("precision bf16: this CPU does not compute in bfloat16 itself; leave it at strict")
    if kind == "cuda" and torch.cuda.get_device_capability(device)[0] < 8:
        raise DataError(f"precision bf16: {device} does not compute in bfloat16 itself; leave it at strict")


def cpu_has_bf16() -> bool:
    """Whether the CPU has instructions for products of bfloat16 (Intel AVX512-BF16 or AMX, AMD Zen 4, Arm v8.6)."""
    try:
        flags = Path("/proc/cpuinfo").read_text().split()
    except OSError:  # no Linux
        return False
    return any(flag in flags for flag in ("avx512_bf16", "amx_bf16", "bf16"))
