"""Inception score: how sure a classifier is of each generated image, and how varied its answers are.

With the 2015-12-05 Inception's 1008 logits this is the Inception score of Salimans et al. (2016), arXiv:1606.03498;
with any other classifier it is a classifier score (`is_<classifier>`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genmetrics._checks import DataError, as_features, count
from genmetrics.intervals import second_order_corrected, variance_of_mean
from genmetrics.records import Estimate

SPLITS = 10
SELECTION_SPLITS, REPORT_SPLITS = 10, 5  # AC-GAN: 50,000 images in 10 groups to select, 25,000 more in 5 to report


@dataclass(frozen=True)
class InceptionScore:
    """Mean and standard deviation (ddof = 0) of the score over splits."""

    value: float
    std: float


def inception_score(
    *, logits: Any = None, probabilities: Any = None, splits: int = SPLITS, shuffle: bool = False, seed: int = 0
) -> InceptionScore:
    """exp( E_x KL( p(y|x) || p(y) ) ) on each split, then mean and standard deviation over the splits.

    Args:
        logits: (n, classes) of the generated images; their softmax is taken in float64. Give this,
        probabilities: or (n, classes), rows summing to 1.
        splits: contiguous parts in the given order, split i being images i*n//splits to (i+1)*n//splits.
        shuffle: permute the images by `seed` first; right when they lie sorted by class.

    Returns:
        Between 1 and the number of classes; higher is better.

    Raises:
        DataError: both or neither given, fewer images than splits, NaN or inf, rows that are not distributions.
    Source: arXiv:1606.03498, section 4; splits and ddof of the authors' code.
    Differs: nothing on 1008-way logits without bias. Faults of the measure itself: it never sees a real image; it
        cannot see a collapse within a class; a few confidently classified images among poor ones raise it, and
        dropping modes within a class does not lower it (Basart 2017, section 3.4.1).
    """
    p = distributions(logits, probabilities)
    if splits < 1:
        raise ValueError(f"splits must be at least 1, got {splits}")
    if len(p) < splits:
        raise DataError(f"generated: {count(len(p), 'image')} cannot make {splits} splits")
    if shuffle:
        p = p[np.random.default_rng(seed).permutation(len(p))]
    scores = [float(np.exp(divergences(part).mean())) for part in contiguous(p, splits)]
    return InceptionScore(float(np.mean(scores)), float(np.std(scores)))


@dataclass(frozen=True)
class Selected:
    """The candidate with the highest score, every candidate's score, and the winner's on images of its own."""

    index: int
    selection: tuple[InceptionScore, ...]
    report: InceptionScore


def select_by_inception_score(candidates: Sequence[Any], extra: Callable[[int], Any], seed: int = 0) -> Selected:
    """AC-GAN's protocol: pick the best of several models (or hyperparameters) on one set, report it on another.

    The highest of several scores is biased upwards by the picking; the score of images not used for it is not.

    Args:
        candidates: logits (n, classes) of each candidate's samples; the paper takes n = 50,000.
        extra: extra(i) gives the logits of further samples of candidate i, 25,000 in the paper; asked for the winner
            alone.
        seed: of the groups, which are drawn at random.

    Returns:
        index of the winner; selection, scores in 10 groups; report, the winner's score in 5 groups; higher is better.

    Raises:
        DataError: no candidates, fewer images than groups, NaN or inf.
    Source: Odena et al. (2017), arXiv:1610.09585, section 4 (note on the Inception score).
    """
    if not len(candidates):
        raise DataError("no candidates to select from")
    scores = tuple(
        inception_score(logits=each, splits=SELECTION_SPLITS, shuffle=True, seed=seed) for each in candidates
    )
    best = int(np.argmax([score.value for score in scores]))
    return Selected(best, scores, inception_score(logits=extra(best), splits=REPORT_SPLITS, shuffle=True, seed=seed))


def distributions(logits: Any, probabilities: Any) -> NDArray[np.float64]:
    """p(y|x), shape (n, classes), from whichever was given."""
    if (logits is None) == (probabilities is None):
        raise DataError("give either logits or probabilities")
    if logits is not None:
        z = as_features(logits, "logits").astype(np.float64)
        p = np.exp(z - z.max(axis=1, keepdims=True))
        return p / p.sum(axis=1, keepdims=True)
    p = as_features(probabilities, "probabilities").astype(np.float64)
    sums = p.sum(axis=1)
    bad = (p < 0).any(axis=1) | (np.abs(sums - 1) > 1e-3)
    if bad.any():
        row = int(bad.argmax())
        raise DataError(
            f"probabilities: {int(bad.sum())} of {len(p)} rows are not distributions, first is row {row} "
            f"(sum {sums[row]:.4g}, smallest {p[row].min():.4g}); pass logits=... if these are logits"
        )
    return p / sums[:, None]


def divergences(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """KL( p(y|x) || p(y) ) of each image, in nats, with p(y) the mean of p."""
    mean = p.mean(axis=0)
    # a p too small for full precision adds nothing to p log p, and its mean could round to 0
    ratio = np.divide(p, mean, out=np.ones_like(p), where=p > np.finfo(float).tiny)
    return (p * np.log(ratio)).sum(axis=1)


def contiguous(p: NDArray[np.float64], splits: int) -> list[NDArray[np.float64]]:
    n = len(p)
    return [p[i * n // splits : (i + 1) * n // splits] for i in range(splits)]


def inception_score_estimate(logits: Any, *, seed: int = 0, intervals: bool = True) -> Estimate:
    """`inception_score` with an interval for its expectation at this n and these splits.

    The score's logarithm is a mean of per-image divergences, and its derivative in p(y) vanishes, so the influence
    of an image is its divergence less the mean. Each split's variance is corrected for the second order, which is all
    there is when confident answers are spread evenly (`intervals.second_order_corrected`).

    Args:
        logits: (n, classes); `evaluate` gives them in order of content digest. They are permuted by `seed`: in that
            order equal images stand together, and a split of few distinct images scores low.
    """
    p = distributions(logits, None)
    p = p[np.random.default_rng(seed).permutation(len(p))]
    splits = min(SPLITS, len(p))
    result = inception_score(probabilities=p, splits=splits)
    options, details = {"splits": splits, "order": f"content-shuffled-{seed}"}, {"std_over_splits": result.std}
    if not intervals or len(p) < 4 * splits:
        why = f"{count(len(p), 'image')} in {splits} splits are too few" if intervals else "intervals were switched off"
        return Estimate(result.value, interval=f"no interval: {why}", options=options, details=details)
    variances = [np.exp(2 * divergences(part).mean()) * log_score_variance(part) for part in contiguous(p, splits)]
    std_error = float(np.sqrt(np.sum(variances)) / splits)
    return Estimate.normal(
        result.value,
        std_error,
        std_error_generated=std_error,
        bounds=(1.0, float(p.shape[1])),
        interval=f"for the expectation at n = {len(p)} in {splits} splits",
        options=options,
        details=details,
    )


def log_score_variance(p: NDArray[np.float64]) -> float:
    """Variance of the logarithm of one split's score."""
    halves = [variance_of_mean(divergences(part)) for part in (p[::2], p[1::2])]
    return second_order_corrected(variance_of_mean(divergences(p)), np.mean(halves))
