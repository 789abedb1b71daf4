"""Diversity as mean MS-SSIM between pairs of images: 1 when all are the same, near 0 when they share nothing.

Odena et al. (2017), arXiv:1610.09585, section 4.2, draw 100 random pairs within each class; a class whose
mean is above that of the most uniform real class (0.25 on ImageNet) has collapsed. Karras et al. (2018),
arXiv:1710.10196, and IntroVAE (arXiv:1807.06358) take 10,000 pairs over all images. MS-SSIM itself is that
of Wang, Simoncelli & Bovik (2003).

`ms_ssim_diversity` is `draw_pairs`, `ms_ssim_of_pairs` and `diversity_of_pairs`, one after the other.
Values at different image sizes, or under different protocols, are not comparable with each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Diversity:
    """Mean MS-SSIM of random pairs of images and its 95% interval; in [0, 1], lower is more diverse."""

    value: float  # mean over classes of the mean over a class's pairs
    low: float | None
    high: float | None
    std_error: float | None
    pairs: int
    per_class: dict[Any, dict[str, Any]]  # label -> value, std_error, low, high, n images, pairs; or empty
    clamped_pairs: int  # pairs with a negative term, taken as 0
    notes: tuple[str, ...] = ()


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
    values = np.empty(len(a))
    step = images_within(block_bytes(a), a, PROTOCOLS[protocol])
    for start in range(0, len(a), step):
        rows = np.arange(start, min(start + step, len(a)))
        first, second = (moments(take(images, rows), PROTOCOLS[protocol]) for images in (a, b))
        values[rows], _ = combine(terms(first, second), PROTOCOLS[protocol])
    return values


def ms_ssim_diversity(
    images: Any, labels: Any = None, pairs: int = 100, seed: int = 0, protocol: str = "msssim-google"
) -> Diversity:
    """Mean MS-SSIM over random pairs of different images, within each class if there are labels.

    Args:
        images: (n, c, h, w) uint8, c = 1 or 3; NumPy or torch.
        labels: (n,) class of each image, or None: pairs are then drawn over all images.
        pairs: pairs drawn in each class (AC-GAN: 100), or in all without labels (PGGAN, IntroVAE: 10,000).
        seed: fixes the draw; the pairs depend on the order of the images.
        protocol: "msssim-google" or "msssim-channel"; see `ms_ssim`.

    Returns:
        Diversity: value in [0, 1], lower is more diverse, with a 95% interval for the expected value. Its
        unit is the image: pairs that share one are not independent.

    Raises:
        DataError: what `ms_ssim` refuses; fewer than 2 images; no class with 2; labels of another length.
    Source: arXiv:1610.09585, section 4.2; arXiv:1710.10196, section 5.
    Differs: pairs are drawn without replacement, all of them if there are fewer than asked; PGGAN's are
        disjoint.
    """
    images = as_images(images, "images", at_least=2)
    drawn, classes = draw_pairs(len(images), labels, pairs, seed)
    values, clamped = ms_ssim_of_pairs(images, drawn, protocol)
    dropped = () if labels is None else notes_on_dropped_classes(to_numpy(labels))
    notes = (*notes_on_size(tuple(images.shape), protocol), *dropped)
    return diversity_of_pairs(values, drawn, None if labels is None else classes, clamped=clamped, notes=notes)


# --- which pairs


def draw_pairs(n: int, labels: Any = None, pairs: int = 100, seed: int = 0) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Uniformly drawn unordered pairs of different images of the same class, without replacement.

    Args:
        n: number of images.
        labels: (n,) class of each image; None puts all in class 0.
        pairs: how many in each class; a class with no more than that gives all it has.
        seed: of `np.random.default_rng`; classes draw in sorted order.

    Returns:
        (P, 2) image numbers i < j, class after class, and (P,) the class of each pair.

    Raises:
        DataError: n < 2, labels of another length, pairs < 1, or no class with 2 images.
    """
    if n < 2:
        raise DataError(f"images: {count(n, 'image')}, but a pair needs 2")
    if pairs < 1:
        raise DataError(f"pairs must be at least 1, got {pairs}")
    labels = np.zeros(n, np.int64) if labels is None else to_numpy(labels)
    if labels.shape != (n,):
        raise DataError(f"labels have shape {labels.shape} but there are {n} images; each image needs one")
    rng = np.random.default_rng(seed)
    drawn, classes = [], []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        possible = math.comb(len(members), 2)
        chosen = rng.choice(possible, pairs, replace=False) if pairs < possible else np.arange(possible)
        drawn.append(members[pair_of_number(np.sort(chosen))])
        classes.append(np.full(len(chosen), label))
    if not sum(map(len, drawn)):
        raise DataError(f"none of the {len(drawn)} classes has 2 images, so there is no pair to compare")
    return np.concatenate(drawn), np.concatenate(classes)


def pair_of_number(number: NDArray[np.int64]) -> NDArray[np.int64]:
    """(..., 2): pair `number` in the list (0, 1), (0, 2), (1, 2), (0, 3), ..."""
    second = ((1 + np.sqrt(1 + 8 * number.astype(np.float64))) / 2).astype(np.int64)
    second -= second * (second - 1) // 2 > number  # the root was rounded up
    second += second * (second + 1) // 2 <= number  # or down
    return np.stack([number - second * (second - 1) // 2, second], axis=-1)


# --- their MS-SSIM


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
    one_of(protocol, "protocol", PROTOCOLS)
    rules = PROTOCOLS[protocol]
    images, pairs = as_images(images, "images", at_least=1), as_pairs(pairs, len(images))
    values, clamped = np.empty(len(pairs)), np.empty(len(pairs), bool)
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
        taps = gaussian_taps(pixels)
        mean = blur(pixels, taps)
        scales.append(Scale(pixels, mean, covariance(pixels, pixels, mean, mean, taps).add_(C2 / 2)))
    return scales


def terms(a: list[Scale], b: list[Scale]) -> torch.Tensor:
    """(5, n, c): mean over pixels of scales 1-4's contrast and structure, and of scale 5's similarity."""
    import torch

    means = []
    for scale, (x, y) in enumerate(zip(a, b, strict=True)):
        similarity = covariance(x.pixels, y.pixels, x.mean, y.mean, gaussian_taps(x.pixels)).add_(C2 / 2)
        similarity.div_(x.spread + y.spread).mul_(2)
        if scale == len(a) - 1:
            similarity.mul_(luminance(x.mean, y.mean))
        means.append(similarity.mean(dim=(-2, -1)).double())
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


def covariance(
    x: torch.Tensor, y: torch.Tensor, mean_x: torch.Tensor, mean_y: torch.Tensor, taps: tuple[float, ...]
) -> torch.Tensor:
    """E[xy] - E[x] E[y] in the window at each place; of x and x exactly the variance in `Scale.spread`."""
    return blur(x * y, taps).addcmul_(mean_x, mean_y, value=-1)


def blur(x: torch.Tensor, taps: tuple[float, ...]) -> torch.Tensor:
    """(..., h, w) -> (..., h - k + 1, w - k + 1): weighted sums over k x k windows, one axis after the other.

    Shifted sums over a block that stays in the caches: on a CPU 5 to 10 times as fast as a product with a
    band matrix, and 40 times as fast as `conv2d` (256 px, float32).
    """
    for axis in (-2, -1):
        length = x.shape[axis] - len(taps) + 1
        total = x.narrow(axis, 0, length) * taps[0]
        for shift, tap in enumerate(taps[1:], start=1):
            total.add_(x.narrow(axis, shift, length), alpha=tap)
        x = total
    return x


def gaussian_taps(pixels: torch.Tensor) -> tuple[float, ...]:
    """A Gaussian window of min(11, h, w) pixels that sums to 1; sigma is 1.5 at 11 and shrinks in proportion.

    In the precision of `pixels`, and with the operations of pytorch-msssim: its float32 window sums to
    1 - 3e-8, which moves a score by up to 2e-5 where a term is near 0.
    """
    import torch

    size = min(WINDOW, *pixels.shape[-2:])
    x = torch.arange(size, dtype=pixels.dtype) - (size - 1) / 2
    taps = torch.exp(-(x**2) / (2 * (SIGMA * size / WINDOW) ** 2))
    return tuple((taps / taps.sum()).tolist())


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
    """Pyramids of n images as moments of n images (copies)."""
    import torch

    return [Scale(*map(torch.stack, zip(*scales, strict=True))) for scales in zip(*pyramids, strict=True)]


def blocks(rows: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    """`rows` cut into runs of `size`."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def block_bytes(images: Any) -> int:
    """How much to work on at once, where these images are."""
    kind = images.device.type if hasattr(images, "detach") else "cpu"
    return BLOCK_BYTES.get(kind, BLOCK_BYTES["cuda"])


def images_within(bytes_: int, images: Any, rules: Protocol) -> int:
    """How many images' moments fit: three maps, and a third as much again for the coarser scales."""
    return max(1, bytes_ // (4 * math.prod(images.shape[1:]) * np.dtype(rules.dtype).itemsize))


# --- the mean and its interval


def diversity_of_pairs(
    values: Any, pairs: Any, classes: Any = None, *, clamped: Any = None, notes: tuple[str, ...] = ()
) -> Diversity:
    """Mean over classes of the mean value of a class's pairs, with an interval whose unit is the image.

    Args:
        values: (P,) MS-SSIM of each pair.
        pairs: (P, 2) image numbers; classes share no image.
        classes: (P,) class of each pair; None: one class, and no table.
        clamped: (P,) whether a negative term was taken as 0.
        notes: more to say about the images.

    Returns:
        Diversity. Its interval, and a class's, is None where a class has fewer than 4 images in its pairs.

    Source: the dyadic-robust variance of Aronow, Samii & Assenova (2015), doi:10.1093/pan/mpv018.
    Differs: corrected for the number of images (see `PairMean`), and Student's t in place of the
    normal.
    """
    values, pairs = np.asarray(values, np.float64), np.asarray(pairs)
    groups = np.zeros(len(pairs)) if classes is None else np.asarray(classes)
    means = {label.item(): PairMean.of(values[groups == label], pairs[groups == label]) for label in np.unique(groups)}
    overall = estimate(list(means.values()))
    few = sum(mean.dyadic is None for mean in means.values())
    if few:
        notes = (*notes, f"no interval: fewer than 4 images in the pairs of {few} of {len(means)} classes")
    clamped_pairs = 0 if clamped is None else int(np.sum(clamped))
    if clamped_pairs:
        notes = (*notes, f"{clamped_pairs} of {count(len(values), 'pair')} had a negative term, taken as 0")
    table = {}
    if classes is not None:
        table = {label: {**estimate([m]), "n": m.images, "pairs": m.pairs} for label, m in means.items()}
    return Diversity(**overall, pairs=len(values), per_class=table, clamped_pairs=clamped_pairs, notes=notes)


@dataclass(frozen=True)
class PairMean:
    """Mean over the pairs of one class, and two estimates of its variance."""

    value: float
    images: int
    pairs: int
    dyadic: float | None  # of pairs that may share images; noisy, and can be negative
    independent: float | None  # of pairs that share none: a floor

    @classmethod
    def of(cls, values: NDArray[np.float64], pairs: NDArray[np.int64]) -> PairMean:
        """Mean of `values` (P,) of `pairs` (P, 2).

        Var(mean) = sum over pairs p, q that share an image of e_p e_q / P^2, e_p = value_p - mean, which is
        (sum_i (sum over i's pairs of e_p)^2 - sum_p e_p^2) / P^2. The residuals sum to 0, so over all pairs of
        n images this is (n - 2)(n - 3) / (n (n - 1)) of what it should be when a value is a sum of its images'
        own effects: it is divided by that, and fewer than 4 images have no variance. The factor 1 + 1 / n is
        ours, found by simulation (benchmarks/coverage_ms_ssim.py): it brings intervals over 8 to 20 images to
        92% and more.
        """
        images, place = np.unique(pairs, return_inverse=True)
        n, number, mean = len(images), len(values), float(values.mean())
        if n < 4:
            return cls(mean, n, number, None, None)
        residuals = values - mean
        of_image = np.bincount(place.ravel(), weights=np.repeat(residuals, 2), minlength=n)
        squares = residuals @ residuals
        scale = (1 + 1 / n) / number**2
        dyadic = (of_image @ of_image - squares) * n * (n - 1) / ((n - 2) * (n - 3))
        return cls(mean, n, number, float(dyadic * scale), float(squares * number / (number - 1) * scale))


def estimate(classes: list[PairMean]) -> dict[str, Any]:
    """Mean of the classes' means, its standard error, and the 95% interval by Student's t, cut to [0, 1].

    Classes are independent, so their variances add up, with Welch and Satterthwaite's degrees of freedom; the
    floor is put under the sum, for under each class it would raise the mean of what is noisy.
    """
    value = float(np.mean([mean.value for mean in classes]))
    parts = [
        (m.dyadic, m.independent, m.images - 1) for m in classes if m.dyadic is not None and m.independent is not None
    ]
    if len(parts) < len(classes):
        return {"value": value, "low": None, "high": None, "std_error": None}
    from scipy.special import stdtrit

    variance = max(sum(dyadic for dyadic, _, _ in parts), sum(floor for _, floor, _ in parts))
    spread = sum(max(dyadic, floor) ** 2 / freedom for dyadic, floor, freedom in parts)
    freedom = min(sum(max(dyadic, floor) for dyadic, floor, _ in parts) ** 2 / spread, 1e9) if spread else 1e9
    std_error = math.sqrt(variance) / len(parts)
    reach = float(stdtrit(freedom, 0.975)) * std_error
    return {"value": value, "low": max(0.0, value - reach), "high": min(1.0, value + reach), "std_error": std_error}


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


def notes_on_dropped_classes(labels: NDArray[Any]) -> tuple[str, ...]:
    """Classes that have no pair, and so no part in the mean."""
    names, sizes = np.unique(labels, return_counts=True)
    alone = names[sizes < 2].tolist()
    if not alone:
        return ()
    shown = ", ".join(map(str, alone[:5])) + (", ..." if len(alone) > 5 else "")
    return (f"{len(alone)} of {len(names)} classes have 1 image and were left out: {shown}",)
