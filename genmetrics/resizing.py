"""Resizing by name: each protocol turns a batch of images of one size into grey levels 0..255 at another.

The same images resized in two ways give two different FIDs, so the way has a name, which goes into the signature:

- `tf1-bilinear`: ResizeBilinear of TensorFlow 1, as the 2015 Inception graph has it. Two points a side, no antialias,
  and corners at corners: output i reads input i * scale, not (i + 1/2) * scale - 1/2.
- `torch-bilinear`: torch's bilinear, pixel centres at half integers, no antialias (pytorch-fid).
- `clean`: Pillow's bicubic with antialias on floats, each channel alone, clipped to 0..255 and not rounded (Parmar et
  al., arXiv:2104.11222). Done in batches by torch's antialiased bicubic in float64: within 2e-4 grey levels of Pillow
  on any image (in float32 white noise of 256 pixels a side would be 4e-3 off).
- `pil-uint8-bicubic`, `pil-uint8-bilinear`: Pillow's on uint8, with antialias, rounded after each of its two passes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from genmetrics._checks import one_of

Size = tuple[int, int]  # (height, width)
VALUES_AT_ONCE = 1 << 24  # of the input; bounds the memory that a batch of large images takes as floats


def resize(images: Tensor, size: Size, protocol: str) -> Tensor:
    """A batch resized by one of RESIZES.

    Args:
        images: (n, c, h, w) uint8, c 1 or 3.
        size: (height, width) to come out.
        protocol: a name from RESIZES.

    Returns:
        (n, c, height, width) float32 grey levels in [0, 255], on the device of `images`, contiguous.

    Raises:
        UnknownNameError: no such protocol; the nearest is suggested.
        TypeError: the images are not uint8.
    """
    one_of(protocol, "resize", RESIZES)
    if images.dtype != torch.uint8:
        raise TypeError(f"resize takes uint8 images, got {images.dtype}")
    at_once = max(1, VALUES_AT_ONCE // images[0].numel())
    return torch.cat([RESIZES[protocol](part, size) for part in images.split(at_once)]).contiguous()


def resize_each(images: Sequence[NDArray[np.uint8]], size: Size, protocol: str, device: str = "cpu") -> Tensor:
    """Images (h, w, c) of any sizes as one batch (n, c, height, width); those of one size are resized together."""
    places: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for i, image in enumerate(images):
        places[image.shape].append(i)
    resized = {}
    for where in places.values():
        batch = torch.from_numpy(np.stack([images[i] for i in where])).to(device).permute(0, 3, 1, 2)
        resized |= zip(where, resize(batch, size, protocol), strict=True)
    return torch.stack([resized[i] for i in range(len(images))])


def tf1_bilinear(images: Tensor, size: Size) -> Tensor:
    """Source: tensorflow v1 core/kernels/resize_bilinear_op.cc and image_resizer_state.h, LegacyScaler.

    Every operation is done in float32 and in the kernel's order (along the row, then between rows).
    """
    top, bottom, down = two_points(images.shape[2], size[0], images.device)
    left, right, along = two_points(images.shape[3], size[1], images.device)
    x = images.float()
    rows = x[..., left] + (x[..., right] - x[..., left]) * along  # (n, c, h, width)
    return rows[..., top, :] + (rows[..., bottom, :] - rows[..., top, :]) * down[:, None]


def two_points(n: int, m: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """For each of m outputs: the two of n inputs that it lies between, and how far past the first, in [0, 1)."""
    at = torch.arange(m, dtype=torch.float32, device=device) * (n / m)
    first = at.long()
    return first, (first + 1).clamp(max=n - 1), at - first


def torch_bilinear(images: Tensor, size: Size) -> Tensor:
    resized = interpolate(images.float(), size, mode="bilinear", align_corners=False, antialias=False)
    return resized.clamp(0, 255)  # rounding can lift 255 by one bit


def clean(images: Tensor, size: Size) -> Tensor:
    x = images.contiguous().double()
    resized = interpolate(x, size, mode="bicubic", align_corners=False, antialias=True)
    return resized.clamp(0, 255).float()  # bicubic overshoots at edges


def pil_uint8(images: Tensor, size: Size, kernel: str) -> Tensor:
    from PIL import Image

    def one(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        small = Image.fromarray(image.squeeze(2) if image.shape[2] == 1 else image)
        small = small.resize((size[1], size[0]), Image.Resampling[kernel])
        return np.asarray(small).reshape(*size, image.shape[2])

    resized = np.stack([one(image) for image in images.permute(0, 2, 3, 1).cpu().numpy()])
    return torch.from_numpy(resized).to(images.device).permute(0, 3, 1, 2).float()


RESIZES: dict[str, Callable[[Tensor, Size], Tensor]] = {
    "tf1-bilinear": tf1_bilinear,
    "torch-bilinear": torch_bilinear,
    "clean": clean,
    "pil-uint8-bicubic": partial(pil_uint8, kernel="BICUBIC"),
    "pil-uint8-bilinear": partial(pil_uint8, kernel="BILINEAR"),
}
