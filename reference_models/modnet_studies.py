"""What a trained ModNet is asked: does it fool a classifier, and does it copy? Basart (2017), Sections 2.5.3, 2.5.5."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from genmetrics.intervals import student, wilson
from genmetrics.metrics.neighbours import nearest_neighbours
from reference_models.classifiers import AT_ONCE
from reference_models.data import Images
from reference_models.modnet import ModNet, other_labels

QUERIES = 2000  # images whose nearest neighbours are looked for at a time

Progress = Callable[[Iterable[Any], str, int], Iterable[Any]]
Classify = Callable[[NDArray[np.uint8]], NDArray[np.int64]]  # uint8 images (n, c, h, w) -> labels (n,)


@dataclass(frozen=True)
class Mean:
    """A mean over n images or repetitions, with its 95% interval: Wilson's of a share, else Student's t."""

    value: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, values: Any, bounds: tuple[float, float] = (-np.inf, np.inf)) -> Mean:
        """Of truth values: a share; of at least two numbers, which lie within `bounds`, as the interval does."""
        values = np.asarray(values)
        mean, n = float(values.mean()), len(values)
        if values.dtype == bool:
            return cls(mean, *wilson(mean, n), n)
        low, high = student(values)
        return cls(mean, max(low, bounds[0]), min(high, bounds[1]), n)


@dataclass(frozen=True, eq=False)
class Fooling:
    """Images changed towards targets that are not their labels, and what a classifier says of them."""

    original: NDArray[np.uint8]  # (n, c, h, w)
    changed: NDArray[np.uint8]
    labels: NDArray[np.int64]  # (n,)
    targets: NDArray[np.int64]
    seen_before: NDArray[np.int64]
    seen_after: NDArray[np.int64]

    @property
    def numbers(self) -> dict[str, Mean]:
        """Shares of images; the change in grey levels, of 255, a mean over the numbers of an image."""
        apart = np.abs(self.original.astype(np.int16) - self.changed)
        return {
            "accuracy_before": Mean.of(self.seen_before == self.labels),
            "target_seen": Mean.of(self.seen_after == self.targets),
            "label_changed": Mean.of(self.seen_after != self.seen_before),
            "mean_change": Mean.of(apart.reshape(len(apart), -1).mean(axis=1), (0.0, 255.0)),
        }


def fooling(model: ModNet, classify: Classify, images: Images, seed: int) -> Fooling:
    """Each image changed towards another label than its own, drawn from `seed`."""
    targets = other_labels(images.labels, model.classes, seed)
    changed = model.modify(images.images, targets)
    return Fooling(images.images, changed, images.labels, targets, classify(images.images), classify(changed))


def classify_by(network: nn.Module, device: torch.device) -> Classify:
    """The labels that a classifier of images in [0, 1] gives; see `given.classifier`."""
    network = network.to(device).eval()

    @torch.no_grad()
    def classify(images: NDArray[np.uint8]) -> NDArray[np.int64]:
        parts = [images[i : i + AT_ONCE] for i in range(0, len(images), AT_ONCE)]
        logits = [network(torch.from_numpy(np.ascontiguousarray(p)).to(device) / 255)["logits"] for p in parts]
        return torch.cat(logits).argmax(dim=1).cpu().numpy()

    return classify


@dataclass(frozen=True, eq=False)
class Copies:
    """Changed training images and the training image that is nearest to each, by L2 on pixels."""

    sources: NDArray[np.int64]  # (n,) rows of the training images
    targets: NDArray[np.int64]
    nearest: NDArray[np.int64]  # (n,) rows; the source itself where no other image is nearer
    nearest_labels: NDArray[np.int64]

    @property
    def numbers(self) -> dict[str, Mean]:
        """Shares of samples."""
        return {
            "own_source": Mean.of(self.nearest == self.sources),
            "of_target_label": Mean.of(self.nearest_labels == self.targets),
        }


def copies(model: ModNet, train: Images, n: int, seed: int, progress: Progress) -> Copies:
    """n training images, drawn without replacement and changed towards other labels, beside their nearest ones."""
    rng = np.random.default_rng(seed)
    sources = rng.permutation(len(train))[:n]
    targets = other_labels(train.labels[sources], model.classes, seed)
    changed = flat(model.modify(train.images[sources], targets))
    pixels = flat(train.images)
    nearest = np.empty(len(sources), np.int64)
    starts = range(0, len(sources), QUERIES)
    for start in progress(starts, "nearest training images", len(starts)):
        rows = slice(start, start + QUERIES)
        found = nearest_neighbours(changed[rows], pixels, 1, "l2")
        own = np.linalg.norm((changed[rows] - pixels[sources[rows]]).astype(np.float64), axis=1)
        tied = own <= found.distances[:, 0]  # another image may be equally near, a duplicate say
        nearest[rows] = np.where(tied, sources[rows], found.indices[:, 0])
    return Copies(sources, targets, nearest, train.labels[nearest])


def flat(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Images as rows of grey levels."""
    return images.reshape(len(images), -1).astype(np.float32)


def as_dict(numbers: Mapping[Any, Mean]) -> dict[Any, dict[str, Any]]:
    return {name: asdict(mean) for name, mean in numbers.items()}
