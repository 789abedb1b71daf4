"""The populations that `coverage.py` draws sets of images from: Gaussians, and MNIST as the network mnist-cnn sees it.

Real and training images are drawn as they are, generated ones in one of four situations: "null", drawn as real ones
are; "near", shifted by 0.1 (MNIST: noise of 20 grey levels); "apart", 1.2 times as wide and shifted by 0.2 (blurred by
1.1 pixels); "narrow", 0.7 times as wide and shifted by 0.3 (the digits 0 to 4 alone); and "far", half as wide and
shifted by 1.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import packs
from numpy.typing import NDArray

import genmetrics as gm
from genmetrics.damage import Pool, blur, gaussian_noise

FEATURES = Path(__file__).parents[1] / "runs" / "coverage_mnist.npz"
SITUATIONS = {
    "null": (1.0, 0.0),
    "near": (1.0, 0.1),
    "apart": (1.2, 0.2),
    "narrow": (0.7, 0.3),
    "far": (0.5, 1.5),
}  # spread, shift
SHARPNESS = {"null": 1.0, "near": 0.6, "apart": 0.4, "narrow": 1.0}  # of a classifier's answers, over the sharpest
NOISE, BLUR = 20.0, 4.0  # grey levels; percent of the side
SIDES = ("train", "real", "generated")
A_SIDE = 20_000  # MNIST training images that stand for each side's population
Rows = dict[str, NDArray[Any]]  # output -> one row an image


class World(Protocol):
    """A population for each side and situation."""

    @property
    def name(self) -> str: ...

    @property
    def whole(self) -> int:
        """Images that show the population itself: where a limit of many images is asked for."""
        ...

    def draw(self, side: str, situation: str, random: np.random.Generator, n: int) -> Rows: ...


def as_real(side: str, situation: str) -> str:
    """The situation of this side's images: that of real ones is "null"."""
    return situation if side == "generated" else "null"


@dataclass(frozen=True)
class Gaussians:
    """One Gaussian with a random covariance; with `freedom`, Student's t of so many degrees, whose tails are heavy."""

    d: int
    whole: int = 400_000
    freedom: int | None = None

    @property
    def name(self) -> str:
        return f"Gaussians, d = {self.d}" if self.freedom is None else f"t of {self.freedom} degrees, d = {self.d}"

    @cached_property
    def mixing(self) -> NDArray[np.float64]:
        return np.random.default_rng(1).normal(size=(self.d, self.d)) / np.sqrt(self.d)

    def draw(self, side: str, situation: str, random: np.random.Generator, n: int) -> Rows:
        spread, shift = SITUATIONS[as_real(side, situation)]
        x = random.normal(size=(n, self.d))
        if self.freedom is not None:
            x /= np.sqrt(random.chisquare(self.freedom, size=(n, 1)) / self.freedom)
        x = spread * x @ self.mixing + shift
        return {"features": x, "embedding": x}


@dataclass(frozen=True)
class GaussianClasses:
    """Three Gaussians, of which one is twice and one three times as wide as the first; as many images of each."""

    d: int = 5
    whole: int = 0

    @property
    def name(self) -> str:
        return f"Gaussian classes, d = {self.d}"

    def draw(self, side: str, situation: str, random: np.random.Generator, n: int) -> Rows:
        spread, shift = SITUATIONS[as_real(side, situation)]
        labels = np.arange(n) % 3
        return {"features": spread * random.normal(size=(n, self.d)) * (1 + labels[:, None]) + shift, "labels": labels}


@dataclass(frozen=True)
class GaussianAnswers:
    """Logits of a classifier of 10 classes, Gaussian around the right one's; "narrow" has 5 of the classes."""

    sharpest: float = 8.0
    whole: int = 400_000

    @property
    def name(self) -> str:
        return f"Gaussian logits, sharpness {self.sharpest:g}"

    def draw(self, side: str, situation: str, random: np.random.Generator, n: int) -> Rows:
        labels = random.integers(5 if situation == "narrow" else 10, size=n)
        logits = random.normal(size=(n, 10))
        logits[np.arange(n), labels] += self.sharpest * SHARPNESS[situation]
        return {"logits": logits, "labels": labels}


@dataclass(frozen=True)
class GaussianImages:
    """Grey images of 16 pixels, a common pattern under Gaussian noise at every octave; "apart" has half the noise."""

    whole: int = 0
    name: str = "Gaussian images"

    def draw(self, side: str, situation: str, random: np.random.Generator, n: int) -> Rows:
        image = np.zeros((n, 1, 16, 16)) + 40 * np.sin(np.arange(16) / 3)
        for cells in (2, 4, 8, 16):
            noise = random.normal(size=(n, 1, cells, cells)) * 60 / cells**0.7
            image += noise.repeat(16 // cells, 2).repeat(16 // cells, 3) * (0.5 if situation == "apart" else 1.0)
        return {"images": (image + 128).clip(0, 255).astype(np.uint8), "labels": np.arange(n) % 2}


@dataclass(frozen=True)
class Mnist:
    """MNIST, a third of the training images for each side.

    "embedding" is the logits, as for every classifier. `by_class`: as many images of each class. Images are drawn
    without replacement, since copies of an image are its nearest neighbours; `replacement`: with it, so that they are
    independent draws of the population that these images are, where its own value is the truth. (Without, 2,000 of
    20,000 have 0.95 of the spread of independent draws, and the intervals seem to cover a point more than they do.)
    """

    features: str = "features"  # the output that stands for the features: these, 128 wide, or "logits", 10 wide
    by_class: bool = False
    replacement: bool = False
    whole: int = A_SIDE

    @property
    def name(self) -> str:
        return "MNIST" if self.features == "features" else f"MNIST {self.features}"

    def draw(self, side: str, situation: str, random: np.random.Generator, n: int) -> Rows:
        store, situation = mnist(), as_real(side, situation)
        classes = 5 if situation == "narrow" else 10
        labels = store[f"{side}_labels"]
        if self.by_class:
            members = [np.flatnonzero(labels == c) for c in range(classes)]
            rows = np.concatenate([random.choice(m, n // classes, replace=False) for m in members])
        else:
            members = np.flatnonzero(labels < classes)
            rows = members if n >= A_SIDE else random.choice(members, n, replace=self.replacement)
        part = f"{side}_{'null' if situation == 'narrow' else situation}_"
        found = {key.removeprefix(part): store[key][rows] for key in store if key.startswith(part)}
        return {"labels": labels[rows], **found, "embedding": found["logits"], "features": found[self.features]}


@cache
def mnist() -> dict[str, NDArray[Any]]:
    """side_situation_output, and side_labels; made once and kept in runs/.

    Raises:
        MissingPack: MNIST is not there.
    """
    if not FEATURES.exists():
        FEATURES.parent.mkdir(exist_ok=True)
        made = make_mnist()
        part = FEATURES.with_suffix(".part.npz")
        np.savez(part, **made)  # pyright: ignore[reportArgumentType]
        part.replace(FEATURES)
    with np.load(FEATURES) as opened:
        return {key: opened[key] for key in opened.files}


def make_mnist() -> dict[str, NDArray[Any]]:
    """Every part of MNIST, through mnist-cnn."""
    images, labels = packs.mnist("train")
    found = {}
    for side, some, classes in zip(SIDES, np.split(images, 3), np.split(labels, 3), strict=True):
        found[f"{side}_labels"] = classes
        pool = Pool(some[..., None], None, some[:0], None)
        made = {"null": pool.images}
        if side == "generated":
            made["near"] = gaussian_noise(pool, NOISE, np.random.default_rng(0))[0]
            made["apart"] = blur(pool, BLUR, np.random.default_rng(0))[0]
        for situation, pixels in made.items():
            seen = gm.extract(pixels, "mnist-cnn", ("features", "logits"), cache=False)
            found |= {f"{side}_{situation}_{output}": values for output, values in seen.items()}
            if side == "generated":
                found[f"{side}_{situation}_images"] = pixels.transpose(0, 3, 1, 2)
    return found
