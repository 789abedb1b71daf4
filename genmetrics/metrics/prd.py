"""Precision and recall of distributions: curves of how much of either set the other can explain, over clusters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genmetrics._checks import DataError, as_features, same_width
from genmetrics.kernels.close_pairs import remembered
from genmetrics.records import Estimate

CLUSTERS, RUNS, ANGLES = 20, 10, 1001  # the authors'
STARTS = 10  # of each k-means
BETA = 8.0
EDGE = 1e-10  # angle kept from 0 and pi/2


@dataclass(frozen=True, eq=False)
class PrecisionRecallCurve:
    """The curve (angles,), from all recall to all precision, and the best F-scores on it."""

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f8: float  # weighs recall 8 times as much as precision: modes that are missing
    f1_8: float  # weighs precision so: samples that are unlike any real image


def prd(real: Any, generated: Any, clusters: int = CLUSTERS, runs: int = RUNS, seed: int = 0) -> PrecisionRecallCurve:
    """Precision alpha(l) = sum_w min(l P(w), Q(w)) and recall alpha(l) / l over slopes l, w the clusters of both sets.

    Args:
        real: features (n, d) of real images (P).
        generated: features (m, d) of generated images (Q), from the same extractor. Of the larger set as many images
            as the smaller has are drawn: unequal sets would pull the clusters to the larger.
        clusters: of mini-batch k-means on the union.
        runs: of the clustering, whose curves are averaged.
        seed: of the clustering and the draw.

    Returns:
        precision, recall: (1001,). f8, f1_8: largest F_8 and F_1/8 on the curve. All in [0, 1]; higher is better.

    Raises:
        DataError: empty sets, fewer images than clusters, widths differ, NaN or inf.
    Source: Sajjadi et al. (2018), arXiv:1806.00035, theorem 1, eq. 7 and section 4.1.
    """
    x, y = as_features(real, "real"), as_features(generated, "generated")
    same_width(x.shape[1], y.shape[1])
    n = min(len(x), len(y))
    if clusters > 2 * n:
        raise DataError(f"{clusters} clusters need {math.ceil(clusters / 2)} images on each side, got {n}")
    precision, recall = mean_curve(x, y, clusters, runs, seed)
    return PrecisionRecallCurve(
        precision, recall, best_f_score(precision, recall, BETA), best_f_score(precision, recall, 1 / BETA)
    )


@remembered
def mean_curve(
    x: NDArray[Any], y: NDArray[Any], clusters: int, runs: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The curve as the mean over runs of the clustering; both F-scores share it."""
    n = min(len(x), len(y))
    random = np.random.default_rng(seed)
    x, y = (part if len(part) == n else part[random.permutation(len(part))[:n]] for part in (x, y))
    union = np.concatenate([x, y]).astype(np.float64)
    precision, recall = np.mean([curve(*shares(union, n, clusters, seed + run)) for run in range(runs)], axis=0)
    return precision, recall


def shares(
    union: NDArray[np.float64], n: int, clusters: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share of the first n points and of the rest in each cluster of all."""
    from sklearn.cluster import MiniBatchKMeans

    settings: dict[str, Any] = {"n_init": STARTS, "random_state": seed}
    found = np.asarray(MiniBatchKMeans(clusters, **settings).fit(union).labels_)
    return np.bincount(found[:n], minlength=clusters) / n, np.bincount(found[n:], minlength=clusters) / (len(union) - n)


def curve(
    real: NDArray[np.float64], generated: NDArray[np.float64], angles: int = ANGLES
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Precision and recall of two discrete distributions, at slopes of equally spaced angles."""
    slopes = np.tan(np.linspace(EDGE, np.pi / 2 - EDGE, angles))
    precision = np.minimum(slopes[:, None] * real, generated).sum(axis=1)
    return precision.clip(0, 1), (precision / slopes).clip(0, 1)


def best_f_score(precision: NDArray[np.float64], recall: NDArray[np.float64], beta: float) -> float:
    """The largest F_beta on a curve."""
    scores = (1 + beta**2) * precision * recall / (beta**2 * precision + recall + 1e-10)
    return float(scores.max())


def prd_f8_estimate(real: Any, generated: Any, *, seed: int = 0, intervals: bool = True) -> Estimate:
    """F_8 of `prd`."""
    found = prd(real, generated, runs=RUNS, seed=seed)
    return estimated(found.f8, found, seed, intervals)


def prd_f1_8_estimate(real: Any, generated: Any, *, seed: int = 0, intervals: bool = True) -> Estimate:
    """F_1/8 of `prd`."""
    found = prd(real, generated, runs=RUNS, seed=seed)
    return estimated(found.f1_8, found, seed, intervals)


def estimated(value: float, found: PrecisionRecallCurve, seed: int, intervals: bool) -> Estimate:
    why = "the clusters are fitted to both sets" if intervals else "intervals were switched off"
    every = slice(None, None, 50)
    return Estimate(
        value,
        interval=f"no interval: {why}",
        options={"clusters": CLUSTERS, "runs": RUNS, "seed": seed},
        details={"precision": found.precision[every].tolist(), "recall": found.recall[every].tolist()},
    )
