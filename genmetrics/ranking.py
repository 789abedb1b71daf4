"""Places: scores of equal signature put in order, and shared where the numbers cannot tell."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from genmetrics.comparison import difference
from genmetrics.records import Score

TIES = (
    "2= is a place that is shared, or too close to the one above or below to tell apart: "
    "the values are equal, or the 95% interval of their difference holds 0."
)
BY_VALUE_ALONE = "No interval of a difference is known here: the order is by value alone."


def places(scores: Mapping[str, Score]) -> list[tuple[str, str]]:
    """(place, name), best first.

    A place is one more than the number of better sets that can be told apart: the 95% interval of the difference
    does not hold 0. "2=" is shared, or cannot be told apart from the one above or below. Where a metric offers no error
    over the samples, places go by the value alone (`by_value_alone`).

    Args:
        scores: name -> its score; all of one metric and of equal signatures.
    """
    order = sorted(scores, key=lambda name: badness(scores[name]))
    found = [1 + sum(not tied(scores[better], scores[name]) for better in order[:i]) for i, name in enumerate(order)]
    close = {name for a, b in pairwise(order) if tied(scores[a], scores[b]) for name in (a, b)}
    return [
        (f"{place}=" if name in close or found.count(place) > 1 else f"{place}", name)
        for place, name in zip(found, order, strict=True)
    ]


def by_value_alone(scores: Mapping[str, Score]) -> set[str]:
    """Names that have no error over the samples, and so no interval of a difference: only their values place them."""
    return {
        name
        for name, score in scores.items()
        if score.std_error_generated is None and any(other.value != score.value for other in scores.values())
    }


def badness(score: Score) -> float:
    """Smaller is better."""
    if score.better == "closer to real":
        return abs(score.value - (score.baseline or {})["value"])
    return score.value if score.better == "lower" else -score.value


def tied(a: Score, b: Score) -> bool:
    """The values are equal, or the interval of their difference holds 0."""
    found = difference(a, b)
    return a.value == b.value or (found.low is not None and found.verdict == "cannot tell")


def can_be_ranked(score: Score) -> bool:
    """Its direction is known, and the real data that it should be close to."""
    return score.better in ("lower", "higher") or (score.better == "closer to real" and score.baseline is not None)
