"""Why each metric puts a set of digits where it does: sentences whose every number is worked out from the images.

Only the choice of what to look at is written by hand. Which sentence is said, and of which digits, follows from the
same features and logits that the metric saw.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genmetrics.metrics.ddm import ddm
from genmetrics.metrics.inception_score import SPLITS, distributions
from genmetrics.records import Record, Score

DIGITS = range(10)
RARE = 0.01  # share of the samples below which a digit counts as missing
FAR = 2.0  # a test digit is far from the samples if it costs this many times what real training digits cost it
SURE = 1.2  # digits that a classifier wavers between, up to which it is sure


@dataclass(frozen=True, eq=False)
class Seen:
    """A set of digits as the metrics see it."""

    images: NDArray[np.uint8]  # (n, 8, 8)
    features: NDArray[np.float32]  # (n, 64)
    logits: NDArray[np.float32]  # (n, 10)


def evidence(record: Record, test: Seen, generated: Seen, labels: NDArray[np.int64]) -> dict[str, str]:
    """For each metric, what its value is made of.

    Args:
        record: the scores of `generated` against `test`.
        test: the real digits, which show `labels`.
    """
    return {
        "frechet": frechet_parts(record["frechet"], test.features, generated.features),
        "kernel": kernel_parts(record["kernel"], test.features, generated.features),
        "inception-score": score_parts(record["inception-score"].value, generated.logits),
        "ddm": ddm_parts(record["ddm"], test.logits, generated.logits, labels),
        "ms-ssim": similarity_parts(record["ms-ssim"], test, generated),
    }


def frechet_parts(score: Score, test: NDArray[np.float32], generated: NDArray[np.float32]) -> str:
    """The two terms of the distance, and how much the features vary."""
    shift = test.mean(axis=0, dtype=np.float64) - generated.mean(axis=0, dtype=np.float64)
    moved = float(shift @ shift)
    spread = float(generated.var(axis=0, dtype=np.float64).sum() / test.var(axis=0, dtype=np.float64).sum())
    return (
        f"{short(moved)} from the features' means and {short(score.value - moved)} from their covariances; "
        f"the features vary {share(spread)} as much as those of real digits. "
        f"Real training digits get {short(baseline_of(score))}."
    )


def kernel_parts(score: Score, test: NDArray[np.float32], generated: NDArray[np.float32]) -> str:
    """Is 0 ruled out? And how much of the value each order of the cubic kernel brings."""
    if score.low is None or score.low <= 0:
        return "No difference seen: where there is none, the estimate falls a little above or below 0."
    means, pairs, triples = kernel_orders(test, generated)
    return (
        "Its interval lies above 0, so the sets differ: "
        f"{short(means)} comes from the features' averages, {short(pairs)} from their products in pairs, "
        f"{short(triples)} from those in threes."
    )


def kernel_orders(x: NDArray[np.float32], y: NDArray[np.float32]) -> tuple[float, float, float]:
    """The unbiased MMD^2 of (x.y/d + 1)^3 as the sum of those of 3u, 3u^2 and u^3, u = x.y/d."""
    sums = np.zeros(3)
    for a, b, weight in ((x, x, 1.0), (y, y, 1.0), (x, y, -2.0)):
        u = a.astype(np.float64) @ b.astype(np.float64).T / a.shape[1]
        kept = ~np.eye(len(a), dtype=bool) if a is b else np.ones(u.shape, bool)
        sums += weight * np.array([3 * u[kept].mean(), 3 * (u[kept] ** 2).mean(), (u[kept] ** 3).mean()])
    means, pairs, triples = sums.tolist()
    return means, pairs, triples


def score_parts(value: float, logits: NDArray[np.float32]) -> str:
    """Diversity over doubt: exp H(mean p) digits, as if equally common; exp(mean H(p)) in question for each sample."""
    p = distributions(logits, None)
    named = float(np.exp(entropy(p.mean(axis=0))))
    doubt = float(np.exp(np.mean([entropy(row) for row in p])))
    found = np.flatnonzero(named_shares(logits) >= RARE)
    shown = "All ten digits appear" if len(found) == len(DIGITS) else f"Nearly all are taken for {listed(found)}"
    sure = "and the classifier is nearly sure" if doubt <= SURE else "but the classifier is in doubt"
    return (
        f"{shown}; the classifier's answers are as varied as {short(named)} equally common digits, {sure}, "
        f"as if between {short(doubt)} digits for each sample: {short(named)} / {short(doubt)} ≈ "
        f"{short(named / doubt)} over all samples, "
        f"{short(value)} as the mean over {SPLITS} parts of them."
    )


def ddm_parts(
    score: Score, test: NDArray[np.float32], generated: NDArray[np.float32], labels: NDArray[np.int64]
) -> str:
    """Which test digits lie far from any sample."""
    costs = np.array([ddm(test[labels == digit], generated).value for digit in DIGITS])
    usual = float((score.baseline or {})["value"])
    far, near = np.flatnonzero(costs > FAR * usual), np.flatnonzero(costs <= FAR * usual)
    at_best = f"against {short(usual)} with real training digits as samples"
    if not len(far):
        return f"All ten digits have samples near them: their mean costs are {between(costs)}, {at_best}."
    if not len(near):
        return f"No digit has samples near it: their mean costs are {between(costs)}, {at_best}."
    return (
        f"Test digits {listed(far)} lie far from any sample, at mean costs of {between(costs[far])}; "
        f"{listed(near)} cost {between(costs[near])}, {at_best}."
    )


def similarity_parts(score: Score, test: Seen, generated: Seen) -> str:
    """More alike than real digits? Because they show the same digit, or because they are smooth?"""
    baseline = score.baseline or {}
    same, same_real = (float((named_shares(seen.logits) ** 2).sum()) for seen in (generated, test))
    sharp = roughness(generated.images) / roughness(test.images)
    return (
        f"Random pairs are {comparison(score)} pairs of real digits ({short(baseline['value'])}): "
        f"{share(same)} show the same digit (real: {share(same_real)}), "
        f"and neighbouring pixels differ {share(sharp)} as much as in real digits."
    )


def comparison(score: Score) -> str:
    """The score against its baseline's, by the interval of the difference of independent sets."""
    real = score.baseline or {}
    reach = np.hypot(half(score.low, score.high), half(real.get("low"), real.get("high")))
    if abs(score.value - real["value"]) <= reach:
        return "about as alike as"
    return "more alike than" if score.value > real["value"] else "less alike than"


# --- small parts


def baseline_of(score: Score) -> float:
    """The same number for real digits."""
    return float((score.baseline or {})["value"])


def half(low: float | None, high: float | None) -> float:
    """Half the width of an interval; 0 where there is none."""
    return 0.0 if low is None or high is None else (high - low) / 2


def named_shares(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """How often the classifier names each digit."""
    return np.bincount(logits.argmax(axis=1), minlength=logits.shape[1]) / len(logits)


def roughness(images: NDArray[np.uint8]) -> float:
    """Mean absolute difference of neighbouring pixels."""
    x = images.astype(np.float64)
    return float(np.abs(np.diff(x, axis=1)).mean() + np.abs(np.diff(x, axis=2)).mean()) / 2


def entropy(p: NDArray[np.float64]) -> float:
    """In nats."""
    held = p[p > 0]
    return float(-(held * np.log(held)).sum())


def between(values: NDArray[np.float64]) -> str:
    """'6.2 to 6.8'."""
    low, high = short(float(values.min())), short(float(values.max()))
    return low if low == high else f"{low} to {high}"


def listed(digits: Iterable[int]) -> str:
    """'1, 2 and 4–9'."""
    runs: list[list[int]] = []
    for digit in digits:
        if runs and digit == runs[-1][-1] + 1:
            runs[-1].append(int(digit))
        else:
            runs.append([int(digit)])
    parts: list[str] = []
    for run in runs:
        parts += [f"{run[0]}–{run[-1]}"] if len(run) > 2 else map(str, run)
    return joined(parts)


def joined(parts: Sequence[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))


def share(x: float) -> str:
    return f"{x:.0%}"


def short(value: float) -> str:
    """Three significant digits, never an exponent for numbers of this size."""
    return f"{value:#.3g}".removesuffix(".") if abs(value) < 1000 else f"{value:.0f}"
