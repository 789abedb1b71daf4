"""How much of what an image shows is lost when it is made smaller? AC-GAN's test of whether resolution is used.

Odena et al. (2017), arXiv:1610.09585, section 4.1: images are made smaller and brought back to their size, and a
classifier says how often it still sees the intended class. Samples that only look large lose nothing. The same holds
for any quality of any item under any degradation (`quality_curve`): sounds and their sampling rate, say.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from genmetrics._checks import DataError, UnsuitableError, count, one_of
from genmetrics.extractors import Extractor, find_extractor
from genmetrics.intervals import student, variance_of_mean, wilson
from genmetrics.sources import ImageSet, open_images

if TYPE_CHECKING:
    from numpy.typing import NDArray

RESOLUTIONS = (16, 32, 64, 128, 256)
RESIZES = ("tf1-bilinear", "torch-bilinear", "clean")
SUBSETS = 10  # of the images, for the paper's +-
ENOUGH_FOR_ORDER = 5  # images a class from which a wrong order of the classes shows

Progress = Callable[[Iterable[Any], str, int], Iterable[Any]]


@dataclass(frozen=True)
class Quality:
    """Mean quality at one level, and how sure it is."""

    level: Any  # the resolution: pixels of the shorter side
    value: float  # mean over items; of a classifier: accuracy, in [0, 1]
    std: float  # of the means of 10 random subsets of the items: the paper's +-
    std_error: float  # of the value
    low: float  # 95% interval
    high: float
    std_classes: float | None  # of the class means; None without classes
    per_class: dict[Any, dict[str, Any]]  # class -> value, low, high, n
    better_at_best: float | None  # share of classes whose mean at the last level is above the one here
    loss: float | None  # (last level's value - value) / last level's value; None where that is 0

    @property
    def accuracy(self) -> float:
        return self.value

    @property
    def resolution(self) -> Any:
        return self.level


@dataclass(frozen=True)
class QualityCurve:
    """Quality at each level, in the order of the levels; the last one is the least degraded."""

    rows: tuple[Quality, ...]
    n: int
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Quality]:
        return iter(self.rows)

    def __getitem__(self, level: Any) -> Quality:
        for row in self.rows:
            if row.level == level:
                return row
        raise KeyError(level)

    @property
    def best(self) -> Quality:
        return self.rows[-1]


def resolution_discriminability(
    images: Any,
    labels: Any,
    classifier: str | Extractor | Callable[[NDArray[np.uint8]], Any],
    resolutions: Iterable[int] = RESOLUTIONS,
    *,
    resize: str = "tf1-bilinear",
    classes: Sequence[str] | None = None,
    seed: int = 0,
    device: str = "auto",
    progress: Progress | None = None,
) -> QualityCurve:
    """Accuracy of a classifier on images made r pixels high and enlarged again, for each resolution r.

    Args:
        images: a folder, .zip, .npz, array (n, h, w, c), ImageSet, ... (see `genmetrics.open_images`); of one size.
        labels: intended class of each image: numbers of logits, or names; None takes those of the source.
        classifier: an extractor that gives logits (name, `module:PATH`, object), or a function of uint8 images
            (n, h, w, c) that returns logits (n, classes).
        resolutions: pixels of the shorter side; the native size is added, larger ones are left out.
        resize: "tf1-bilinear" (no antialias), "torch-bilinear" or "clean"; for both steps, in floats between them,
            rounded to uint8 at the end. The classifier's own resizing is its own.
        classes: names of the classes in the order of the logits, where labels are names and not all are there.
        seed: fixes the 10 subsets.

    Returns:
        QualityCurve: rows of ascending resolution, native last: accuracy in [0, 1], its standard deviation over 10
        subsets and over classes, standard error, 95% interval (Wilson's), per class; share of classes better at
        native size; relative loss. Higher accuracy is better; a flat curve says that detail is not used.

    Raises:
        DataError: no labels, images of several sizes, labels that are no classes of the classifier, no logits.
    Source: arXiv:1610.09585, section 4.1. Its losses are 31% and 50% for 64 and 32 px (accuracies 10.1, 7.0 and
        5.0%); the "38%" printed there is a slip.
    Differs: a standard error and an interval beside the paper's standard deviation.
    """
    one_of(resize, "resize", RESIZES)
    opened = open_images(images, "images", labels=labels)
    size = one_size(opened)
    levels, notes = levels_within(resolutions, min(size))
    network = as_classifier(classifier, device)
    predicted, width = predictions(opened, network, size, levels, resize, progress)
    intended = logit_numbers(opened, width, classes)
    notes += tuple(remark_on_order(predicted[-1], intended, width))
    members = {name: np.flatnonzero(opened.labels == i) for i, name in enumerate(opened.classes or ())}
    found = curve_of((predicted == intended).astype(float), levels, members, seed)
    return replace(found, notes=notes)


def quality_curve(
    items: Any,
    quality: Callable[[Any], Any],
    degrade: Callable[[Any, Any], Any],
    levels: Iterable[Any],
    groups: Any = None,
    seed: int = 0,
) -> QualityCurve:
    """Mean of quality(degrade(items, level)) at each level, the least degraded one last.

    Args:
        items: anything of length n that `degrade` takes.
        quality: of n degraded items, (n,) finite numbers.
        degrade: of the items and a level, the degraded items.
        levels: in the order in which they come back.
        groups: (n,) class of each item, or None.

    Raises:
        DataError: no levels, or `quality` gives something else than n finite numbers.
    """
    levels = list(levels)
    if not levels:
        raise DataError("levels: none given; the last one is what the others are compared with")
    values = np.stack([checked_quality(quality(degrade(items, level)), len(items), level) for level in levels])
    groups = np.zeros(0) if groups is None else np.asarray(groups)
    members = {label.item(): np.flatnonzero(groups == label) for label in np.unique(groups)}
    return curve_of(values, levels, members, seed)


def checked_quality(values: Any, n: int, level: Any) -> NDArray[np.float64]:
    """(n,) finite numbers.

    Raises:
        DataError: they are not.
    """
    values = np.asarray(values, np.float64)
    if values.shape != (n,) or not np.isfinite(values).all():
        raise DataError(f"quality at level {level} should be {n} finite numbers, got shape {values.shape}: {values}")
    return values


# --- from each item's quality to the curve


def curve_of(
    values: NDArray[np.float64], levels: Sequence[Any], members: dict[Any, NDArray[np.intp]], seed: int
) -> QualityCurve:
    """The curve of `values` (levels, n); `members` are the items of each class.

    Raises:
        DataError: fewer than 2 items.
    """
    n = values.shape[1]
    if n < 2:
        raise DataError(f"{count(n, 'item')}, but a mean with an error needs 2")
    parts = np.array_split(np.random.default_rng(seed).permutation(n), min(n, SUBSETS))
    means = np.array([[row[m].mean() for m in members.values()] for row in values])
    best = values[-1].mean()
    rows = []
    for place, (level, row) in enumerate(zip(levels, values, strict=True)):
        mean = float(row.mean())
        error, low, high = interval_of(row)
        rows.append(
            Quality(
                level,
                mean,
                float(np.std([row[part].mean() for part in parts])),
                error,
                low,
                high,
                float(means[place].std()) if members else None,
                {label: summary(row[m]) for label, m in members.items()},
                float((means[-1] > means[place]).mean()) if members else None,
                float((best - mean) / best) if best else None,
            )
        )
    return QualityCurve(tuple(rows), n)


def summary(values: NDArray[np.float64]) -> dict[str, Any]:
    """One class at one level, as a record's table has it."""
    _, low, high = interval_of(values)
    return {"value": float(values.mean()), "low": low, "high": high, "n": len(values)}


def interval_of(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Standard error of a mean, and its 95% interval: Wilson's for values of 0 and 1, else Student's t."""
    n, mean = len(values), float(values.mean())
    if np.isin(values, (0, 1)).all():
        return math.sqrt(mean * (1 - mean) / n), *wilson(mean, n)
    error = math.sqrt(variance_of_mean(values)) if n > 1 else math.inf
    return error, *student(values)


# --- images, made smaller and larger


def one_size(images: ImageSet) -> tuple[int, int]:
    """(height, width) of all images.

    Raises:
        UnsuitableError: they have several.
    """
    if len(images.sizes) > 1:
        raise UnsuitableError(
            f"{images.name}: images have {len(images.sizes)} sizes, but resolutions are measured against one; "
            "resize them"
        )
    return next(iter(images.sizes))


def levels_within(resolutions: Iterable[int], native: int) -> tuple[list[int], tuple[str, ...]]:
    """The resolutions up to `native`, ascending, `native` last; and a note on those left out.

    Raises:
        DataError: one is below 1.
    """
    asked = sorted(set(resolutions))
    if asked and asked[0] < 1:
        raise DataError(f"resolutions must be at least 1 pixel, got {asked[0]}")
    above = [r for r in asked if r > native]
    note = (f"images are {native} px, so {', '.join(map(str, above))} px were left out",) if above else ()
    return [r for r in asked if r < native] + [native], note


def degraded(images: Sequence[NDArray[np.uint8]], resolution: int, resize: str) -> NDArray[np.uint8]:
    """Images (h, w, c) of one size with their shorter side brought to `resolution` and back: (n, h, w, c)."""
    import torch

    from genmetrics.resizing import RESIZES as BY_NAME

    batch = np.stack(images)
    height, width = batch.shape[1:3]
    if resolution >= min(height, width):
        return batch
    scale = resolution / min(height, width)
    pixels = torch.from_numpy(batch).permute(0, 3, 1, 2)
    small = BY_NAME[resize](pixels, (max(1, round(height * scale)), max(1, round(width * scale))))
    large = BY_NAME[resize](small, (height, width))
    return large.clamp(0, 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


# --- the classifier, and whose classes are whose


def as_classifier(classifier: Any, device: str) -> Extractor:
    """An extractor; of a plain function, one that sees 64 images at a time."""
    plain = callable(classifier) and not hasattr(classifier, "batch_size")
    network: Any = PlainFunction(classifier) if plain else classifier
    return find_extractor(network, device)


class PlainFunction:
    """A function of images (n, h, w, c) that returns logits, as an extractor."""

    name = "function"
    channels = None
    size = None
    resize = "none"
    outputs = ("logits",)
    weights_sha256 = None
    batch_size = 64

    def __init__(self, function: Callable[[NDArray[np.uint8]], Any]) -> None:
        self.function = function

    def __call__(self, images: list[NDArray[np.uint8]]) -> dict[str, NDArray[np.float32]]:
        from genmetrics._checks import to_numpy

        return {"logits": to_numpy(self.function(np.stack(images)))}


def predictions(
    images: ImageSet,
    network: Extractor,
    size: tuple[int, int],
    levels: Sequence[int],
    resize: str,
    progress: Progress | None,
) -> tuple[NDArray[np.int64], int]:
    """The class that the classifier sees in each image at each level (levels, n), and how many classes it knows.

    Raises:
        DataError: it gives no logits, or none of this shape.
    """
    found = np.empty((len(levels), images.n), np.int64)
    stream, done, width = images.stream(network.channels or images.channels), 0, 0
    starts: Iterable[int] = range(0, images.n, network.batch_size)
    if progress is not None:
        starts = progress(starts, f"{images.name}: {network.name} at {len(levels)} resolutions", len(list(starts)))
    for _ in starts:
        batch = list(islice(stream, network.batch_size))
        padded = batch + [batch[-1]] * (network.batch_size - len(batch))
        for place, level in enumerate(levels):
            logits = logits_of(network, list(degraded(padded, level, resize)))
            width = logits.shape[1]
            found[place, done : done + len(batch)] = logits[: len(batch)].argmax(axis=1)
        done += len(batch)
    return found, width


def logits_of(network: Extractor, images: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """Logits (n, classes).

    Raises:
        DataError: the network gives none, or NaN.
    """
    outputs = network(images)
    if "logits" not in outputs:
        raise DataError(f"{network.name} gives {', '.join(outputs)} but no logits; choose a classifier")
    logits = outputs["logits"]
    if logits.ndim != 2 or len(logits) != len(images) or not np.isfinite(logits).all():
        raise DataError(f"{network.name}: logits should be finite and of shape ({len(images)}, classes)")
    return logits


def logit_numbers(images: ImageSet, width: int, classes: Sequence[str] | None = None) -> NDArray[np.int64]:
    """Number of the logit that stands for each image's class.

    `classes` names the logits. Without it, class names that are whole numbers are the logits' numbers; other names
    stand in their sorted order, and there must be as many as logits.

    Raises:
        DataError: images without labels, or labels that are no classes of the classifier.
    """
    if images.labels is None or images.classes is None:
        raise DataError(f"{images.name}: no labels; put the images of each class into a folder of their own")
    names = images.classes
    if classes is not None:
        if len(classes) != width:
            raise DataError(f"{count(len(classes), 'class name')} given, but the classifier has {width} classes")
        unknown = [name for name in names if name not in classes]
        if unknown:
            raise DataError(f"{images.name}: class '{unknown[0]}' is not among the {width} class names given")
        return np.array([list(classes).index(name) for name in names])[images.labels]
    if all(name.isdecimal() for name in names):
        numbers = np.array([int(name) for name in names])
        if numbers.max() >= width:
            raise DataError(f"{images.name}: class {numbers.max()}, but the classifier's are numbered 0 to {width - 1}")
        return numbers[images.labels]
    if len(names) != width:
        raise DataError(
            f"{images.name}: {len(names)} classes ({', '.join(names[:3])}, ...), but the classifier has {width}; "
            "name its classes in the order of its logits (classes=, --classes FILE)"
        )
    return images.labels


def remark_on_order(predicted: NDArray[np.int64], intended: NDArray[np.int64], width: int) -> Iterator[str]:
    """Whether the classes seem to stand in another order than the logits."""
    from scipy.optimize import linear_sum_assignment

    if len(intended) < ENOUGH_FOR_ORDER * width:
        return
    confusion = np.zeros((width, width), np.int64)
    np.add.at(confusion, (intended, predicted), 1)
    best = confusion[linear_sum_assignment(confusion, maximize=True)].sum() / len(intended)
    accuracy = float((predicted == intended).mean())
    if best > 2 * accuracy and best > 0.5:
        yield (
            f"accuracy is {accuracy:.1%}, but {best:.1%} if the classes are put into another order: "
            "are the labels in the order of the classifier's logits?"
        )
