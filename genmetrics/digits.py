"""scikit-learn's bundled handwritten digits: 1,797 real images of 8 x 8 pixels that need no download.

They are the test part of the "Optical Recognition of Handwritten Digits" set (Alpaydin & Kaynak, 1998, UCI
repository); pixels hold 0..16, scaled here to 0..255.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

TEST_SIZE = HELD_OUT_SIZE = 390  # of 1,797; the other 1,017 are for training


class Labelled(NamedTuple):
    """Images and the digit that each one shows."""

    images: NDArray[np.uint8]  # (n, 8, 8)
    labels: NDArray[np.int64]  # (n,), 0..9


@dataclass(frozen=True, eq=False)
class Splits:
    """Three disjoint parts.

    The training part has its share of every digit, to within two images. The rest is cut in two at random, not by
    digit: two stratified halves would be more alike than two draws from one distribution, and an unbiased distance
    between them would come out below 0.
    """

    train: Labelled  # 1,017: what models are fitted to
    test: Labelled  # 390: the reference that samples are scored against
    held_out: Labelled  # 390: real images that stand for a perfect generator


def load() -> Labelled:
    """All 1,797 images, in scikit-learn's order."""
    from sklearn.datasets import load_digits

    data = load_digits()
    images = np.round(data.images * 255 / 16).astype(np.uint8)  # type: ignore[attr-defined]
    return Labelled(images, data.target.astype(np.int64))  # type: ignore[attr-defined]


def splits(seed: int = 0) -> Splits:
    """The digits as train (1,017), test (390) and held out (390) images, fixed by `seed`."""
    images, labels = load()
    train, *others = split_indices(labels, (TEST_SIZE, HELD_OUT_SIZE), seed)
    rest = np.random.default_rng(seed).permutation(np.concatenate(others))
    test, held_out = np.sort(rest[:TEST_SIZE]), np.sort(rest[TEST_SIZE:])
    return Splits(*(Labelled(images[rows], labels[rows]) for rows in (train, test, held_out)))


def split_indices(labels: NDArray[np.int64], sizes: tuple[int, ...], seed: int) -> list[NDArray[np.int64]]:
    """Row numbers, ascending: those that are left, then one disjoint stratified part of each of the `sizes`.

    Systematic sampling: rows sorted by label, shuffled within a label, and one taken at every (n / size)-th
    place, so that a part holds its share of each label to within one row.
    """
    shuffled = np.random.default_rng(seed).random(len(labels))
    rest = np.lexsort((shuffled, labels))
    parts = []
    for size in sizes:
        places = np.arange(size) * len(rest) // size
        parts.append(np.sort(rest[places]))
        rest = np.delete(rest, places)
    return [np.sort(rest), *parts]
