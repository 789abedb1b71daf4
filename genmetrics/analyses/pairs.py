"""Which pairs of a set are compared, and the mean of what they give, with an interval whose unit is the image."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from genmetrics._checks import DataError, count, to_numpy
from genmetrics.intervals import student_reach

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
    variance = max(sum(dyadic for dyadic, _, _ in parts), sum(floor for _, floor, _ in parts))
    spread = sum(max(dyadic, floor) ** 2 / freedom for dyadic, floor, freedom in parts)
    freedom = min(sum(max(dyadic, floor) for dyadic, floor, _ in parts) ** 2 / spread, 1e9) if spread else 1e9
    std_error = math.sqrt(variance) / len(parts)
    reach = student_reach(std_error, freedom)
    return {"value": value, "low": max(0.0, value - reach), "high": min(1.0, value + reach), "std_error": std_error}


def notes_on_dropped_classes(labels: NDArray[Any]) -> tuple[str, ...]:
    """Classes that have no pair, and so no part in the mean."""
    names, sizes = np.unique(labels, return_counts=True)
    alone = names[sizes < 2].tolist()
    if not alone:
        return ()
    shown = ", ".join(map(str, alone[:5])) + (", ..." if len(alone) > 5 else "")
    return (f"{len(alone)} of {len(names)} classes have 1 image and were left out: {shown}",)
