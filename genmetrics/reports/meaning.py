"""What the numbers about copies mean for the samples at hand: one sentence each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genmetrics.records import Z95, Record, Score
from genmetrics.reports.wording import one_line, printed


def meanings(record: Record) -> list[str]:
    """A sentence for every score that has one to say."""
    spoken = ((score, SENTENCES[score.metric](score)) for score in record.scores if score.metric in SENTENCES)
    return [f"{one_line(score.name)}: {sentence}" for score, sentence in spoken]


def of_auth_pct(score: Score) -> str:
    """The share of samples called copies, beside that of real images that were not trained on."""
    copies = percent(100 - score.value)
    found = f"{copies} of samples lie no farther from their nearest training image than its own nearest neighbour does"
    exact = score.details.get("copies")
    if isinstance(exact, int) and exact:
        found += f" ({exact:,} of {score.n_generated:,} are exact copies)"
    real = score.baseline
    if real is None:
        return f"{found}; a test set would say how many is many"
    found += f"; of test images {percent(100 - real['value'])} do"
    verdicts = {
        1: ": they are farther away than new real images are",
        0: ": no sign of copies",
        -1: ": copies",
        None: "",
    }
    return found + verdicts[side_of(score, real)]


def of_ct_score(score: Score) -> str:
    """Which of samples and test images lie nearer to the training set."""
    z = f"(z = {printed(score.value, '.1f')})"
    low, high = ends(score)
    if low > 0:
        return f"samples lie farther from the training set than test images do {z}: unlike real images, but no copies"
    if high < 0:
        return f"samples lie nearer to the training set than test images do {z}: copies"
    return f"samples lie as near to the training set as test images do {z}: no sign of copies"


def of_two_sample(score: Score) -> str:
    """Whether the nearest image tells samples from real ones."""
    told = f"the nearest other image tells samples from real ones {percent(100 * score.value)} of the time"
    if score.baseline is not None:
        told += f", real training images from them {percent(100 * score.baseline['value'])}"
    if score.low is None or score.high is None:
        return f"{told}; 50% if both came from one distribution"
    if score.low > 0.5:
        return f"{told}: they can be told apart"
    if score.high < 0.5:
        return f"{told}, less often than chance: samples sit on these very real images, as copies do"
    return f"{told}: they cannot be told apart by it"


SENTENCES = {"auth-pct": of_auth_pct, "ct-score": of_ct_score, "two-sample": of_two_sample}


def side_of(score: Score, real: Mapping[str, Any]) -> int | None:
    """1: the whole interval lies above real data's; -1: below it; 0: they overlap; None: one is missing."""
    low, high, real_low, real_high = score.low, score.high, real.get("low"), real.get("high")
    if low is None or high is None or real_low is None or real_high is None:
        return None
    return int(low > real_high) - int(high < real_low)


def ends(score: Score) -> tuple[float, float]:
    """The interval; without one that of a z of standard deviation 1, the most that an average of z has."""
    if score.low is None or score.high is None:
        return score.value - Z95, score.value + Z95
    return score.low, score.high


def percent(share: float) -> str:
    """A percentage as printed."""
    return printed(share, ".1f") + "%"
