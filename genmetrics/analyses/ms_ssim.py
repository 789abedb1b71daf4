"""MS-SSIM of pairs of images: 1 for an image and itself, near 0 for two that share nothing.

What concerns one image alone (its pyramid, its local means and variances) is computed once for all of its pairs.
Gaussian windows are products with band matrices, block by block: see `blur`.

Wang, Simoncelli & Bovik (2003). Values at different image sizes, or under different protocols, are not comparable
with each other. Diversity, the mean over random pairs, is in `diversity`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from genmetrics._checks import DataError, count, one_of, to_numpy

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # finest scale first; as published, they sum to 1.0001
WINDOW, SIGMA = 11, 1.5
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
SMALLEST_SIDE = 8  # four halvings leave 1 pixel from here to 16
SMALLEST_SIDE_WITHOUT_NOTE = 28  # MNIST: five scales, 28, 14, 7, 4 and 2 pixels wide
SMALLEST_SIDE_WITH_WHOLE_WINDOW = 161  # four halvings leave 11 pixels or more

# Working memory. A block passes through the caches at once; a store is kept for its images' other pairs.
BLOCK_BYTES = {"cpu": 1 << 22, "cuda": 1 << 26}
STORE_BYTES = 1 << 28
OUTPUTS = 32  # of one product with a band matrix, along an axis: fewer are calls, more are products with zeros


@dataclass(frozen=True)
class Protocol:
    """What tells one published MS-SSIM from another."""

    dtype: str
    halve: Callable[[torch.Tensor], torch.Tensor]
    pools_channels: bool  # average over channels before the product over scales, or after it


def halve_repeating_edges(x: torch.Tensor) -> torch.Tensor:
    """Means of 2x2 blocks from the top left corner; the last row or column of an odd side counts twice.

    That is `scipy.ndimage.convolve(x, ones((2, 2)) / 4, mode="reflect")[::2, ::2]`, whose window at
    pixel i of an axis is (i, i + 1), and whose reflection repeats the edge: (d c b a | a b c d | d c b a).

    Source: https://github.com/tensorflow/models/blob/4f77686de8e255181260a9c5c99043051073abb2/research/compression/image_encoder/msssim.py#L162
    """
    import torch.nn.functional as F

    h, w = x.shape[-2:]
    return F.avg_pool2d(F.pad(x, (0, w % 2, 0, h % 2), mode="replicate"), 2)


def halve_padding_zeros(x: torch.Tensor) -> torch.Tensor:
    """Means of 2x2 blocks; an odd side gets a row or column of zeros at both ends, which count.

    Source: pytorch-msssim 1.0.0, ssim.py, `avg_pool(X, kernel_size=2, padding=[s % 2 for s in
    X.shape[2:]])`.
    """
    import torch.nn.functional as F

    h, w = x.shape[-2:]
    return F.avg_pool2d(x, 2, padding=(h % 2, w % 2))


PROTOCOLS = {
    "msssim-google": Protocol("float64", halve_repeating_edges, pools_channels=True),
    "msssim-channel": Protocol("float32", halve_padding_zeros, pools_channels=False),
}


def ms_ssim(a: Any, b: Any, protocol: str = "msssim-google") -> NDArray[np.float64]:
    """Multi-scale structural similarity of each image of `a` with the image of `b` at the same place.

    Args:
        a: (n, c, h, w) uint8, c = 1 or 3, h and w >= 8; NumPy or torch (computed on the tensor's device).
        b: the same shape.
        protocol: "msssim-google" (float64) or "msssim-channel" (float32).

    Returns:
        (n,) float64 in [0, 1]: prod over scales 1-4 of contrast^weight, times similarity^weight of scale 5.
        1 for an image and itself, never NaN; higher is more alike.

    Raises:
        DataError: not uint8, not 1 or 3 channels, too small, or shapes that differ; an unknown protocol.
    Source: Wang, Simoncelli & Bovik (2003), Eqs. 1-7. "msssim-google": tensorflow/models (of AC-GAN's time;
        also Progressive GAN's), research/compression/image_encoder/msssim.py: each term is a mean over
        pixels and channels; at each scale the window is min(11, h, w) and sigma 1.5 x window / 11.
        "msssim-channel": pytorch-msssim and tf.image: each channel's own product, then their mean; equal to
        pytorch-msssim to 1e-5 at every side it takes.
    Differs: a negative term is taken as 0 before its power; tensorflow/models gives NaN, and averages the
        terms over the whole batch. Under 161 px, where pytorch-msssim refuses, "msssim-channel" shrinks its
        window as "msssim-google" does. Below 28 px the coarsest scales are 1 or 2 pixels wide and compare
        little but brightness.
    """
    one_of(protocol, "protocol", PROTOCOLS)
    a, b = as_images(a, "a", at_least=1), as_images(b, "b", at_least=1)
    if tuple(a.shape) != tuple(b.shape):
        raise DataError(f"a has shape {tuple(a.shape)} but b has {tuple(b.shape)}; pairs need equal counts and sizes")
    from genmetrics.extractors.precision import strict

    rules, values = PROTOCOLS[protocol], np.empty(len(a))
    with strict(device_of(a)):
        for rows in blocks(np.arange(len(a)), images_within(block_bytes(a), a, rules)):
            first, second = (moments(take(images, rows), rules) for images in (a, b))
            values[rows], _ = combine(terms(first, second), rules)
    return values


def ms_ssim_of_pairs(
    images: Any, pairs: Any, protocol: str = "msssim-google"
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """MS-SSIM of chosen pairs of a set; what concerns one image alone is computed once for all its pairs.

    Four of a pair's five filtered maps are means and second moments of a single image. Memory is bounded by
    `STORE_BYTES` and a few times a block, whatever the number of images and pairs.

    Args:
        images: (n, c, h, w) uint8, NumPy or torch, or what has a `shape` and a `dtype` and gives
            `images[rows]` as NumPy: rows are read block by block (a memory map, `diversity.Stack`).
        pairs: (P, 2) image numbers.
        protocol: "msssim-google" or "msssim-channel"; see `ms_ssim`.

    Returns:
        (P,) float64 in [0, 1], and (P,) bool: whether a negative term was taken as 0.

    Raises:
        DataError: what `ms_ssim` refuses; pairs that are no pairs of image numbers.
    """
    from genmetrics.extractors.precision import strict

    one_of(protocol, "protocol", PROTOCOLS)
    rules = PROTOCOLS[protocol]
    images, pairs = as_images(images, "images", at_least=1), as_pairs(pairs, len(images))
    values, clamped = np.empty(len(pairs)), np.empty(len(pairs), bool)
    with strict(device_of(images)):
        for chunk in chunks_sharing_images(pairs, max(2, images_within(STORE_BYTES, images, rules))):
            values[chunk], clamped[chunk] = values_of_chunk(images, pairs[chunk], rules)
    return values, clamped


def values_of_chunk(
    images: Any, pairs: NDArray[np.int64], rules: Protocol
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """`ms_ssim_of_pairs` where the moments of all the pairs' images are held at once."""
    values, clamped = np.empty(len(pairs)), np.empty(len(pairs), bool)
    block = images_within(block_bytes(images), images, rules)
    used, place = np.unique(pairs, return_inverse=True)
    place = place.reshape(-1, 2)
    kept = [one for rows in blocks(used, block) for one in apart(moments(take(images, rows), rules))]
    for rows in blocks(np.arange(len(pairs)), block):
        first, second = (together([kept[i] for i in place[rows, side]]) for side in (0, 1))
        values[rows], clamped[rows] = combine(terms(first, second), rules)
    return values, clamped


def chunks_sharing_images(pairs: NDArray[np.int64], most: int) -> Iterator[NDArray[np.int64]]:
    """Numbers of the pairs, reordered and cut so that each piece concerns at most `most` images.

    Images are numbered as they first appear, and pairs sorted by tiles of half of `most` x half of `most`
    images: one tile's images fit together, so a dense set of pairs meets an image once a tile, not once a
    pair.
    """
    _, first, inverse = np.unique(pairs, return_index=True, return_inverse=True)
    appearance = np.argsort(np.argsort(first))[inverse].reshape(-1, 2)
    tile = appearance // max(1, most // 2)
    order = np.lexsort((tile.max(axis=1), tile.min(axis=1)))
    held: set[int] = set()
    start = 0
    for position, pair in enumerate(pairs[order].tolist()):
        if len(held.union(pair)) > most:
            yield order[start:position]
            held, start = set(), position
        held.update(pair)
    if start < len(order):
        yield order[start:]


class Scale(NamedTuple):
    """What one scale of a pyramid needs to know of each image, whichever image it is compared with."""

    pixels: torch.Tensor  # (n, c, h, w), 0 to 255
    mean: torch.Tensor  # (n, c, h', w') of the window at each place where it fits whole
    spread: torch.Tensor  # (n, c, h', w') variance in the window, plus C2 / 2


def moments(images: torch.Tensor, rules: Protocol) -> list[Scale]:
    """The five-scale pyramid of `images` (n, c, h, w), with local moments."""
    import torch

    pixels = images.to(getattr(torch, rules.dtype))
    scales = []
    for scale in range(len(WEIGHTS)):
        pixels = rules.halve(pixels) if scale else pixels
        mean = blur(pixels, 1)
        scales.append(Scale(pixels, mean, covariance(pixels, pixels, mean, mean).add_(C2 / 2)))
    return scales


def terms(a: list[Scale], b: list[Scale]) -> torch.Tensor:
    """(5, n, c): mean over pixels of scales 1-4's contrast and structure, and of scale 5's similarity."""
    import torch

    means = []
    for scale, (x, y) in enumerate(zip(a, b, strict=True)):
        similarity = covariance(x.pixels, y.pixels, x.mean, y.mean).add_(C2 / 2).div_(x.spread + y.spread)
        if scale == len(a) - 1:
            similarity.mul_(luminance(x.mean, y.mean))
        means.append(2 * similarity.mean(dim=(-2, -1)).double())
    return torch.stack(means)


def combine(each: torch.Tensor, rules: Protocol) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Product over scales of term^weight, (5, n, c) -> (n,), and whether a term was negative, (n,)."""
    if rules.pools_channels:
        each = each.mean(dim=-1, keepdim=True)
    powers = each.new_tensor(WEIGHTS)[:, None, None]
    values = (each.clamp(0, 1) ** powers).prod(dim=0).mean(dim=-1)
    return values.cpu().numpy(), (each < 0).any(dim=-1).any(dim=0).cpu().numpy()


def luminance(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """(2xy + C1) / (x^2 + y^2 + C1), Eq. 1 of Wang et al. (2003)."""
    return (2 * x * y + C1) / (x * x + y * y + C1)


def covariance(x: torch.Tensor, y: torch.Tensor, mean_x: torch.Tensor, mean_y: torch.Tensor) -> torch.Tensor:
    """E[xy] - E[x] E[y] in the window at each place; of x and x exactly the variance in `Scale.spread`."""
    return blur(x, y).addcmul_(mean_x, mean_y, value=-1)


def blur(x: torch.Tensor, times: torch.Tensor | float) -> torch.Tensor:
    """x * times, (n, c, h, w) -> (n, c, h - k + 1, w - k + 1): means over k x k Gaussian windows.

    Each axis is a product with a band matrix, OUTPUTS places at a time. Down the columns all images stand on top of
    each other, and what straddles two of them is dropped. What an image gives does not depend on its neighbours, to
    the last bit. On one core twice to three times as fast as sums of shifted images, more than that faster than
    `conv2d` or than one band matrix as large as the image.
    """
    import torch

    n, c, h, w = x.shape
    window = min(WINDOW, h, w)
    band = band_matrix(window, str(x.dtype), str(x.device))  # (OUTPUTS, OUTPUTS + k - 1)
    rows, products = n * c * h, -(-n * c * h // OUTPUTS)
    tall = x.new_empty(products * OUTPUTS + window - 1, w)
    torch.mul(x, times, out=tall[:rows].view(x.shape))
    tall[rows:] = 0
    overlapping = tall.as_strided((products, band.shape[1], w), (OUTPUTS * w, w, 1))
    down = torch.bmm(band.expand(products, -1, -1), overlapping).view(-1, w)[:rows]
    across = x.new_empty(rows, w - window + 1)
    for start in range(0, across.shape[1], OUTPUTS):
        places = min(OUTPUTS, across.shape[1] - start)
        reach = places + window - 1
        torch.mm(down[:, start : start + reach], band[:places, :reach].T, out=across[:, start : start + places])
    return across.view(n, c, h, -1)[:, :, : h - window + 1]


@lru_cache(maxsize=64)
def band_matrix(window: int, dtype: str, device: str) -> torch.Tensor:
    """(OUTPUTS, OUTPUTS + window - 1): row i holds the window's weights from column i on."""
    import torch

    taps = gaussian_taps(window, getattr(torch, dtype.removeprefix("torch.")))
    row = torch.nn.functional.pad(taps, (0, OUTPUTS))  # one longer than a row of the matrix
    return row.repeat(OUTPUTS)[: OUTPUTS * (OUTPUTS + window - 1)].view(OUTPUTS, -1).to(device)


def gaussian_taps(window: int, dtype: torch.dtype) -> torch.Tensor:
    """A Gaussian over `window` pixels that sums to 1; sigma is 1.5 at 11 and shrinks in proportion.

    With the operations of pytorch-msssim: its float32 window sums to 1 - 3e-8, which moves a score by up to 2e-5
    where a term is near 0.
    """
    import torch

    x = torch.arange(window, dtype=dtype) - (window - 1) / 2
    taps = torch.exp(-(x**2) / (2 * (SIGMA * window / WINDOW) ** 2))
    return taps / taps.sum()


# --- blocks of images


def take(images: Any, rows: NDArray[np.int64]) -> torch.Tensor:
    """Some of the images, as a tensor on their device."""
    import torch

    if isinstance(images, torch.Tensor):
        return images[torch.from_numpy(rows).to(images.device)]
    return torch.from_numpy(images[rows])


def apart(scales: list[Scale]) -> list[list[Scale]]:
    """Moments of n images as n pyramids (views)."""
    each_scale = [list(map(Scale, *(map_.unbind(0) for map_ in scale))) for scale in scales]
    return [list(pyramid) for pyramid in zip(*each_scale, strict=True)]


def together(pyramids: list[list[Scale]]) -> list[Scale]:
    """Pyramids of n images as moments of n images (copies; a view of a single one)."""
    import torch

    if len(pyramids) == 1:
        return [Scale(*(map_[None] for map_ in scale)) for scale in pyramids[0]]
    return [Scale(*map(torch.stack, zip(*scales, strict=True))) for scales in zip(*pyramids, strict=True)]


def blocks(rows: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    """`rows` cut into runs of `size`."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def device_of(images: Any) -> str:
    """Where these images are, and are worked on."""
    return str(images.device) if hasattr(images, "detach") else "cpu"


def block_bytes(images: Any) -> int:
    """How much to work on at once, where these images are."""
    return BLOCK_BYTES.get(device_of(images), BLOCK_BYTES["cuda"])


def images_within(bytes_: int, images: Any, rules: Protocol) -> int:
    """How many images' moments fit: three maps, and a third as much again for the coarser scales."""
    return max(1, bytes_ // (4 * math.prod(images.shape[1:]) * np.dtype(rules.dtype).itemsize))


# --- what is wrong with the input


def as_images(images: Any, name: str, *, at_least: int) -> Any:
    """`images` as an array or tensor of shape (n, 1 or 3, h, w), uint8, sides >= 8.

    Raises:
        DataError: it is something else.
    """
    images = images if hasattr(images, "shape") else np.asarray(images)
    if str(images.dtype).removeprefix("torch.") != "uint8":
        raise DataError(
            f"{name}: expected uint8 pixels (0 to 255), got {images.dtype}; "
            "pixels in [0, 1] become uint8 by multiplying by 255 and rounding"
        )
    shape = tuple(images.shape)
    if len(shape) != 4 or shape[1] not in (1, 3):
        last = len(shape) == 4 and shape[3] in (1, 3)
        hint = "; move the channels to the second place" if last else ""
        raise DataError(f"{name}: expected images of shape (n, 3 or 1, height, width), got {shape}{hint}")
    if shape[0] < at_least:
        raise DataError(f"{name}: {count(shape[0], 'image')}, but at least {at_least} are needed")
    if min(shape[2:]) < SMALLEST_SIDE:
        raise DataError(f"{name}: images are {shape[2]} x {shape[3]} px, but MS-SSIM needs sides of {SMALLEST_SIDE} px")
    return images


def as_pairs(pairs: Any, n: int) -> NDArray[np.int64]:
    """`pairs` as (P, 2) numbers of images in 0..n-1.

    Raises:
        DataError: they are not.
    """
    pairs = to_numpy(pairs)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "iu":
        raise DataError(f"pairs: expected integers of shape (P, 2), got {pairs.dtype} {pairs.shape}")
    if len(pairs) and (pairs.min() < 0 or pairs.max() >= n):
        raise DataError(f"pairs name images {pairs.min()} to {pairs.max()}, but there are {n}, numbered from 0")
    return pairs.astype(np.int64)


def notes_on_size(shape: tuple[int, ...], protocol: str) -> tuple[str, ...]:
    """What a reader must know about MS-SSIM of images this small."""
    h, w = shape[2:]
    notes = []
    if min(h, w) < SMALLEST_SIDE_WITHOUT_NOTE:
        notes.append(
            f"images are {h} x {w} px: below {SMALLEST_SIDE_WITHOUT_NOTE} the coarsest of the five scales "
            "are 1 or 2 pixels wide and compare little but brightness; compare only with images of this size"
        )
    if protocol == "msssim-channel" and min(h, w) < SMALLEST_SIDE_WITH_WHOLE_WINDOW:
        notes.append(
            f"images are {h} x {w} px: below {SMALLEST_SIDE_WITH_WHOLE_WINDOW}, where pytorch-msssim "
            "refuses, msssim-channel shrinks its window at the coarser scales"
        )
    return tuple(notes)
