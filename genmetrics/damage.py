"""Controlled damage to real images: each kind from none (strength 0) to much. What a metric should notice."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Pool:
    """Images to damage, uint8 (n, h, w, c), their classes if they have any, and training images to copy."""

    images: NDArray[np.uint8]
    labels: Labels | None
    train: NDArray[np.uint8]
    train_labels: Labels | None

    def rows(self, picked: NDArray[np.intp]) -> tuple[NDArray[np.uint8], Labels | None]:
        return self.images[picked], None if self.labels is None else self.labels[picked]


Damaged = tuple[NDArray[np.uint8], Labels | None]


@dataclass(frozen=True)
class Damage:
    """A kind of damage and the strengths at which it is tried."""

    title: str
    unit: str
    strengths: tuple[float, ...]  # ascending; 0 is no damage
    apply: Callable[[Pool, float, np.random.Generator], Damaged]
    by_class: bool = False  # needs classes


def gaussian_noise(pool: Pool, strength: float, random: np.random.Generator) -> Damaged:
    """Normal noise of this standard deviation, in grey levels."""
    return rounded(pool.images + random.normal(0, strength, pool.images.shape)), pool.labels


def uniform_noise(pool: Pool, strength: float, random: np.random.Generator) -> Damaged:
    """This share of the pixels replaced by any grey level."""
    replaced = random.random(pool.images.shape) < strength
    return np.where(replaced, random.integers(0, 256, pool.images.shape), pool.images).astype(np.uint8), pool.labels


def blur(pool: Pool, strength: float, random: np.random.Generator) -> Damaged:
    """Gaussian blur, its standard deviation in hundredths of the image's side."""
    from scipy.ndimage import gaussian_filter

    sigma = strength / 100 * min(pool.images.shape[1:3])
    return rounded(gaussian_filter(pool.images.astype(np.float32), (0, sigma, sigma, 0))), pool.labels


def jpeg(pool: Pool, strength: float, random: np.random.Generator) -> Damaged:
    """JPEG at quality 100 - strength."""
    from PIL import Image

    def through_jpeg(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        file = io.BytesIO()
        Image.fromarray(image.squeeze()).save(file, "JPEG", quality=int(100 - strength))
        with Image.open(file) as opened:
            return np.asarray(opened).reshape(image.shape)

    if strength == 0:
        return pool.images, pool.labels
    return np.stack([through_jpeg(image) for image in pool.images]), pool.labels


def modes_dropped(pool: Pool, strength: float, random: np.random.Generator) -> Damaged:
    """This share of the classes missing; the other classes' images are repeated in their place."""
    assert pool.labels is not None
    classes = np.unique(pool.labels)
    left = classes[: max(1, round(len(classes) * (1 - strength)))]
    own = np.flatnonzero(np.isin(pool.labels, left))
    missing = len(pool.labels) - len(own)
    return pool.rows(np.concatenate([own, random.choice(own, missing, replace=missing > len(own))]))


def collapsed(pool: Pool, strength: float, random: np.random.Generator) -> Damaged:
    """This share of each class's images replaced by one image of that class: all classes there, none of them varied."""
    assert pool.labels is not None
    rows = np.arange(len(pool.labels))
    for label in np.unique(pool.labels):
        own = np.flatnonzero(pool.labels == label)
        rows[own[: round(len(own) * strength)]] = own[-1]
    return pool.rows(rows)


def duplicated(pool: Pool, strength: float, random: np.random.Generator) -> Damaged:
    """This share of the images replaced by repeats of the others."""
    n = len(pool.images)
    return pool.rows(np.arange(n) % max(1, round(n * (1 - strength))))


def copied(pool: Pool, strength: float, random: np.random.Generator) -> Damaged:
    """This share of the images replaced by training images."""
    n = min(round(len(pool.images) * strength), len(pool.train))
    images = np.concatenate([pool.train[:n], pool.images[n:]])
    if pool.labels is None or pool.train_labels is None:
        return images, None
    return images, np.concatenate([pool.train_labels[:n], pool.labels[n:]])


def imbalanced(pool: Pool, strength: float, random: np.random.Generator) -> Damaged:
    """This share of the images replaced by images of the first class."""
    assert pool.labels is not None
    n = round(len(pool.labels) * strength)
    of_first = np.flatnonzero(pool.labels == pool.labels.min())
    return pool.rows(np.concatenate([random.choice(of_first, n), np.arange(n, len(pool.labels))]))


def fewer(pool: Pool, strength: float, random: np.random.Generator) -> Damaged:
    """This share of the images left out: no damage at all, but smaller sets."""
    return pool.rows(np.arange(max(2, round(len(pool.images) * (1 - strength)))))


def rounded(x: NDArray[np.floating]) -> NDArray[np.uint8]:
    return np.clip(np.rint(x), 0, 255).astype(np.uint8)


SHARES = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)
DAMAGES = {
    "gaussian-noise": Damage("Gaussian noise", "grey levels", (0, 10, 20, 40, 70, 100), gaussian_noise),
    "uniform-noise": Damage("Uniform noise", "share of pixels", (0, 0.02, 0.05, 0.1, 0.2, 0.4), uniform_noise),
    "blur": Damage("Gaussian blur", "% of the side", (0, 2, 3.5, 5, 7.5, 10), blur),
    "jpeg": Damage("JPEG", "100 - quality", (0, 40, 60, 75, 85, 95), jpeg),
    "modes-dropped": Damage("Classes missing", "share of classes", SHARES, modes_dropped, by_class=True),
    "class-imbalance": Damage("Class imbalance", "share given to one", SHARES, imbalanced, by_class=True),
    "class-collapse": Damage("One image a class", "share of a class", (*SHARES, 1.0), collapsed, by_class=True),
    "duplication": Damage("Images repeated", "share repeated", (0, 0.5, 0.75, 0.9, 0.95, 0.98), duplicated),
    "memorised": Damage("Training copies", "share copied", (0.0, 0.2, 0.4, 0.6, 0.8, 1.0), copied),
    "small-n": Damage("Fewer images", "share left out", (0, 0.3, 0.5, 0.7, 0.8, 0.9), fewer),
}
