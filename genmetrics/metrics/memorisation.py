"""Do the generated images copy the training images? Numbers that compare distances to the nearest training image.

They see copies in the feature space given: of pixels, exact copies; of a network's features, also altered ones.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genmetrics._checks import DataError, as_features, blocks, one_of, same_width
from genmetrics.intervals import share_estimate
from genmetrics.kernels.close_pairs import Nearest, nearest_between, within
from genmetrics.records import Estimate

CELLS = 3  # k-means cells of C_T, as in dgm-eval
FITTED = 10_000  # training images that k-means looks at, at most
ENOUGH = 20  # generated images that a cell must hold more of than this
NEAR_DUPLICATE = 0.001  # quantile of the test images' distances under which a sample is a near-duplicate
CT_MODES = ("copying", "memorised", "collapse")
SEARCHES = ("train", "cell")


def auth_pct(train: Any, generated: Any) -> float:
    """100 times the share of authentic generated images: 100 mean over g of [ d(r*, R without r*) < d(g, r*) ].

    r* is the training image nearest to g, the first of several; g is called a copy of it if it lies nearer to r* than
    any other training image does, or as near.

    Args:
        train: features (n, d) of the training images R; n >= 2.
        generated: features (m, d) of generated images, from the same extractor.

    Returns:
        0 to 100, 100 for noise too: closer to real is better, to the value of real images that were not trained on;
        below it samples are copies.

    Raises:
        DataError: too few images, widths differ, NaN or inf.
    Source: Alaa et al. (2022), arXiv:2102.08921, section 3.2.
    Differs: exact in float64 (the authors' and dgm-eval's float32 distances of a copy are rounding noise).
    """
    return 100 * float(authentic(*two_sets(train, generated)).mean())


def share_nearer(train: Any, generated: Any, k: int = 1) -> float:
    """Share of generated images nearer to their nearest training image r* than r*'s own k-th neighbour in `train` is.

    Args:
        train: features (n, d) of the training images; n > k.
        generated: features (m, d) of generated images.
        k: which neighbour.

    Returns:
        0 to 1; fresh real images are the measure of what is many. At k = 1 it is 1 - AuthPct / 100, but for ties.

    Raises:
        DataError: too few images, widths differ, NaN or inf.
    """
    r, g = two_sets(train, generated, k)
    near = nearest_train(r, g)
    return float((near.squares[:, 0] < within(r, k).squares[near.indices[:, 0], k - 1]).mean())


def near_duplicates(train: Any, test: Any, generated: Any, quantile: float = NEAR_DUPLICATE) -> NDArray[np.int64]:
    """Generated images nearer to a training image than all but a `quantile` of the test images are.

    Args:
        train: features (n, d) of the training images.
        test: features (p, d) of real images that were not trained on.
        generated: features (m, d) of generated images.
        quantile: of the test images' distances to their nearest training images (0.1%), taken without interpolation
            at the lower of two, so that it is one of the distances.

    Returns:
        Indices into `generated`, ascending; about a `quantile` of them where nothing is copied. A distance of 0 counts.

    Raises:
        DataError: empty sets, widths differ, NaN or inf.
    """
    r, t, g = three_sets(train, test, generated)
    limit = np.quantile(nearest_train(r, t).squares[:, 0], quantile, method="lower")
    squares = nearest_train(r, g).squares[:, 0]
    return np.flatnonzero((squares < limit) | (squares == 0))


@dataclass(frozen=True)
class Cell:
    """One cell of C_T."""

    train: int  # images in it
    test: int
    generated: int
    z: float | None  # None: dropped


@dataclass(frozen=True)
class CtScore:
    """C_T and what it is made of."""

    value: float
    cells: tuple[Cell, ...]
    dropped: int  # cells with too few images
    std_error: float  # the training set and its cells standing fixed
    std_error_generated: float  # the test set standing fixed too
    of_test: NDArray[np.float64] = field(compare=False, repr=False)  # influence of each test image (n,)


def ct_score(
    train: Any,
    test: Any,
    generated: Any,
    cells: int = CELLS,
    mode: str = "copying",
    search: str = "train",
    seed: int = 0,
) -> CtScore:
    """C_T = sum over cells of p z / sum of p, with z the Mann-Whitney statistic of generated against test distances.

    A cell's z = (U - nm/2) / sqrt(nm(n+m+1)/12), U the pairs (generated, test) of which the generated image lies
    farther from its nearest training image (ties count half); p the cell's share of the test images. Cells are those
    of k-means on the training images; one with at most 20 generated or no test images is dropped.

    Args:
        train: features (n, d) of the training images.
        test: features (p, d) of real images that were not trained on.
        generated: features (m, d) of generated images.
        cells: k-means cells; 1: no cells.
        mode: "copying"; "memorised": training and generated set swapped; "collapse": the first half of the test set
            stands for the training set, which the generator cannot have copied, so < 0 means too little variety.
        search: nearest among all of "train" (the paper's), or among the training images of the same "cell" (the
            authors' code).
        seed: of k-means, which starts from images drawn by position.

    Returns:
        About N(0, sum of squared weights) where generated images are as near as test images; closer to real (to 0)
        is better: below it samples are copies, above it far from the data.

    Raises:
        DataError: too few images, no cell left, widths differ, NaN or inf.
    Source: Meehan, Chaudhuri & Dasgupta (2020), arXiv:2004.05675, section 3.
    Differs: no continuity correction (the authors' code adds 0.5 to every U, which moves C_T up by 0.5 over the
        standard deviation of U); dgm-eval keeps 64 principal components first, here the features count as given.
    """
    one_of(mode, "mode", CT_MODES)
    one_of(search, "search", SEARCHES)
    r, t, g = three_sets(train, test, generated)
    if mode == "memorised":
        r, g = g, r
    if mode == "collapse":
        r, t = t[: len(t) - len(t) // 2], t[len(t) - len(t) // 2 :]
    labels = k_means_cells(r, t, g, cells, seed)
    far = [distances(r, z, labels[0], own, search) for z, own in ((t, labels[1]), (g, labels[2]))]
    return combined(far[0], far[1], labels, cells)


def two_sets(train: Any, generated: Any, k: int = 1) -> tuple[NDArray[Any], NDArray[Any]]:
    """Both as features, the training set larger than k."""
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    r, g = as_features(train, "train", at_least=k + 1), as_features(generated, "generated")
    same_width(r.shape[1], g.shape[1], ("train", "generated"))
    return r, g


def three_sets(train: Any, test: Any, generated: Any) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """All as features."""
    r, t, g = as_features(train, "train"), as_features(test, "test", at_least=2), as_features(generated, "generated")
    same_width(r.shape[1], t.shape[1], ("train", "test"))
    same_width(t.shape[1], g.shape[1], ("test", "generated"))
    return r, t, g


def nearest_train(train: NDArray[Any], queries: NDArray[Any]) -> Nearest:
    """The nearest training image of each query; the pass is remembered."""
    return nearest_between(train, queries)[1]


def authentic(train: NDArray[Any], generated: NDArray[Any]) -> NDArray[np.bool_]:
    """Which generated images lie farther from the nearest training image than its own nearest does, (m,)."""
    near = nearest_train(train, generated)
    return within(train, 1).squares[near.indices[:, 0], 0] < near.squares[:, 0]


def k_means_cells(
    train: NDArray[Any], test: NDArray[Any], generated: NDArray[Any], cells: int, seed: int
) -> list[NDArray[np.int64]]:
    """The cell of each image of each set; found on up to FITTED training images, taken at even steps."""
    if not 1 <= cells <= len(train):
        raise DataError(f"cells must lie between 1 and the {len(train)} training images, got {cells}")
    if cells == 1:
        return [np.zeros(len(x), np.int64) for x in (train, test, generated)]
    from sklearn.cluster import KMeans

    some = train[:: math.ceil(len(train) / FITTED)].astype(np.float64)
    clusters = KMeans(cells, n_init=10, random_state=seed).fit(some)  # pyright: ignore[reportArgumentType]
    return [
        np.concatenate([clusters.predict(block.astype(np.float64)) for block in blocks(x)]).astype(np.int64)
        for x in (train, test, generated)
    ]


def distances(
    train: NDArray[Any], queries: NDArray[Any], train_cells: NDArray[np.int64], cells: NDArray[np.int64], search: str
) -> NDArray[np.float64]:
    """Squared distance from each query to the nearest training image, of all or of its own cell (inf: none there)."""
    if search == "train":
        return nearest_train(train, queries).squares[:, 0]
    squares = np.full(len(queries), np.inf)
    for cell in np.unique(cells):
        theirs, own = train[train_cells == cell], cells == cell
        if len(theirs):
            squares[own] = nearest_train(theirs, queries[own]).squares[:, 0]
    return squares


def combined(
    test: NDArray[np.float64], generated: NDArray[np.float64], labels: list[NDArray[np.int64]], cells: int
) -> CtScore:
    """C_T from every test and generated image's distance, with its standard error by influence functions.

    An image's influence is how far C_T moves with its weight: through its rank, through the size of its cell in z,
    and, for a test image, through the cell's share. Which cells are kept stands fixed.
    """
    numbers = [np.bincount(label, minlength=cells) for label in labels]
    kept = [c for c in range(cells) if numbers[0][c] > 0 and numbers[1][c] > 0 and numbers[2][c] > ENOUGH]
    if not kept:
        raise DataError(
            f"no cell of {cells} holds a test image and more than {ENOUGH} generated ones "
            f"(they hold {numbers[1].tolist()} and {numbers[2].tolist()}); take fewer cells, or more images"
        )
    found = {c: rank_test(test[labels[1] == c], generated[labels[2] == c]) for c in kept}
    share = numbers[1] / numbers[1][kept].sum()
    value = float(sum(share[c] * found[c].z for c in kept))
    of_test, of_generated = np.zeros(len(test)), np.zeros(len(generated))
    for c in kept:
        of_test[labels[1] == c] = (found[c].z - value) / numbers[1][kept].sum() + share[c] * found[c].of_test
        of_generated[labels[2] == c] = share[c] * found[c].of_generated
    variance = [len(x) * float(x.var(ddof=1)) if len(x) > 1 else 0.0 for x in (of_test, of_generated)]
    z = [found[c].z if c in found else None for c in range(cells)]
    listed = tuple(Cell(int(a), int(b), int(c), each) for a, b, c, each in zip(*numbers, z, strict=True))
    of_both = math.sqrt(sum(variance)), math.sqrt(variance[1])
    return CtScore(value, listed, cells - len(kept), *of_both, len(test) * of_test)


@dataclass(frozen=True, eq=False)
class RankTest:
    """z, and how far it moves with the weight of each image."""

    z: float
    of_test: NDArray[np.float64]
    of_generated: NDArray[np.float64]


def rank_test(test: NDArray[np.float64], generated: NDArray[np.float64]) -> RankTest:
    """Mann-Whitney z of generated against test values: above 0 where the generated ones are larger."""
    n, m = len(test), len(generated)
    larger = placements(test, generated)  # of each test value: the share of generated ones above it
    above = 1 - placements(generated, test)  # of each generated value: the share of test ones below it
    area, scale = float(larger.mean()), math.sqrt(12 * n * m / (n + m + 1))
    z = (area - 0.5) * scale
    size = 1 / (n + m + 1)
    return RankTest(
        z,
        scale * (larger - area) / n + z / 2 * (1 / n - size),
        scale * (above - area) / m + z / 2 * (1 / m - size),
    )


def placements(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each x the share of y above it, ties counting half."""
    y = np.sort(y)
    return 1 - (np.searchsorted(y, x, "left") + np.searchsorted(y, x, "right")) / (2 * len(y))


# estimates: the rows of METRICS


def auth_pct_estimate(train: Any, generated: Any, *, seed: int = 0, intervals: bool = True) -> Estimate:
    """`auth_pct` with Wilson's interval over the generated images; the training set stands fixed."""
    r, g = two_sets(train, generated)
    terms = authentic(r, g)
    details = {"nearer_than_own_nearest": share_nearer(r, g), "copies": int((nearest_train(r, g).squares == 0).sum())}
    if not intervals:
        return Estimate.bare(100 * float(terms.mean()), details=details)
    given = "over generated images, conditional on the training set"
    return share_estimate(float(terms.mean()), len(terms), given, over_generated=True, scale=100, details=details)


def ct_score_estimate(train: Any, real: Any, generated: Any, *, seed: int = 0, intervals: bool = True) -> Estimate:
    """`ct_score` with an interval over test and generated images; the training set and its cells stand fixed."""
    result = ct_score(train, real, generated, seed=seed)
    near = near_duplicates(train, real, generated)
    options = {"cells": CELLS, "seed": seed, "order": "content"}
    details = {"cells": [asdict(cell) for cell in result.cells], "near_duplicates": len(near)}
    usual = NEAR_DUPLICATE * len(generated)
    notes = ()
    if len(near) > usual + 3 * math.sqrt(usual) + 1:
        notes = (
            f"{len(near)} of {len(generated)} samples lie nearer to a training image than all but "
            f"{100 * NEAR_DUPLICATE:g}% of the test images do (about {usual:.2g} would by chance): look at them",
        )
    if result.dropped:
        notes += (f"{result.dropped} of {CELLS} cells hold too few images and are left out",)
    if not intervals:
        return Estimate.bare(result.value, options=options, details=details, notes=notes)
    return Estimate.normal(
        result.value,
        result.std_error,
        std_error_generated=result.std_error_generated,
        interval="over test and generated images, conditional on the training set",
        options=options,
        details=details,
        notes=notes,
        of_reference=np.stack([result.of_test] * 2),  # ranks: what the samples' noise adds is of order 1 / n^2
    )
