"""One side of a comparison: an image set and what a network says of it, in canonical order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genmetrics._checks import UnsuitableError
from genmetrics.features import Features
from genmetrics.metrics.moments import Moments
from genmetrics.sources import ImageSet


@dataclass(frozen=True, eq=False)
class Side:
    """One image set and its features, in canonical order; `rows` picks some of it."""

    images: ImageSet
    features: Features
    rows: NDArray[np.intp]  # canonical positions
    moments: Moments | None = None  # in place of features, of which nothing else is known

    @classmethod
    def of(cls, images: ImageSet, features: Features) -> Side:
        return cls(images, features, np.arange(images.n))

    def __len__(self) -> int:
        return len(self.rows) if self.moments is None else self.moments.n

    @property
    def digest(self) -> str:
        """SHA-256 of what the side is of: its images, or its statistics."""
        return self.features.digest if self.moments is None else self.images.digest

    @property
    def reference(self) -> str:
        """How a signature names this side: how many images, and of what content."""
        return f"{len(self) or 'statistics'}@{self.digest[:8]}"

    @property
    def has_images(self) -> bool:
        return self.images.kind not in ("features", "statistics")

    def with_images(self) -> Side:
        """This side, if its images are known.

        Raises:
            UnsuitableError: its features or statistics are all that is known.
        """
        if not self.has_images:
            raise UnsuitableError(f"{self.images.origin} holds {self.images.kind}, but images are needed")
        return self

    def can_be_scored_by(self, needs: Iterable[str]) -> bool:
        """Whether it can stand where a metric needs these outputs, or "images"."""
        if self.moments is not None:
            return False
        held = self.features.outputs
        return all(self.has_images if need == "images" else self.output_name(need) in held for need in needs)

    def subset(self, n: int, seed: int) -> Side:
        """`n` images drawn without replacement (all, if there are no more)."""
        if n >= len(self):
            return self
        drawn = np.random.default_rng(seed).choice(len(self), n, replace=False)
        return replace(self, rows=self.rows[np.sort(drawn)])

    def grouped_like(self, other: Side) -> Side | None:
        """This side as far as pairs of its images compare with pairs of the other's; None if they do not.

        Pairs within classes compare only with pairs within classes, at one image size.
        """
        if self.images.sizes.keys() != other.images.sizes.keys():
            return None
        if other.images.labels is None:
            return replace(self, images=replace(self.images, labels=None, classes=None))
        return None if self.images.labels is None else self

    def output(self, name: str) -> NDArray[Any]:
        """An output of the network; "embedding" is its logits, or its features if it has none; "labels" the classes.

        Raises:
            UnsuitableError: statistics are all that is known; or labels are asked for, and the images have none.
        """
        if self.moments is not None:
            raise UnsuitableError(
                f"the {self.images.name} side is statistics alone ({self.images.origin}); give its images or features"
            )
        if name == "labels":
            return self.class_names()
        return self.features.outputs[self.output_name(name)][self.rows]

    def output_name(self, name: str) -> str:
        if name == "embedding":
            return "logits" if "logits" in self.features.outputs else "features"
        return name

    @property
    def labels(self) -> NDArray[np.int64] | None:
        labels = self.images.labels
        return None if labels is None else labels[self.features.order[self.rows]]

    @property
    def classes(self) -> tuple[str, ...] | None:
        return self.images.classes

    def class_names(self) -> NDArray[Any]:
        """The class of each image, as text: numbers where classes have no names."""
        if self.labels is None:
            raise UnsuitableError(
                f"{self.images.name}: images have no labels; put each class into a sub-folder of its own, "
                "or give an .npz with labels"
            )
        if self.classes is None:
            return self.labels.astype(str)
        return np.asarray(self.classes)[self.labels]

    def take(self, rows: Iterable[int], channels: int | None = None) -> list[NDArray[np.uint8]]:
        """The images at these positions, uint8 (h, w, c)."""
        return self.images.take(self.features.order[self.rows[np.asarray(rows, dtype=np.intp)]], channels)

    @property
    def size_text(self) -> str:
        """'28x28', 'mixed', or 'unknown' of statistics."""
        if len(self.images.sizes) != 1:
            return "mixed" if self.images.sizes else "unknown"
        height, width = next(iter(self.images.sizes))
        return f"{height}x{width}"
