"""Places: scores of equal signature put in order, and shared where the numbers cannot tell."""

from __future__ import annotations

from collections.abc import Mapping

from genmetrics.comparison import difference
from genmetrics.records import Score


def places(scores: Mapping[str, Score]) -> list[tuple[str, str]]:
    """(place, name), best first.

    A place is one more than the number of better sets that can be told apart: the 95% interval of the difference
    does not hold 0. "2=" is shared. Where a metric offers no error over the samples, places go by the value alone.

    Args:
        scores: name -> its score; all of one metric and of equal signatures.
    """
    order = sorted(scores, key=lambda name: badness(scores[name]))
    found = [1 + sum(not tied(scores[better], scores[name]) for better in order[:i]) for i, name in enumerate(order)]
    return [
        (f"{place}=" if found.count(place) > 1 else f"{place}", name) for place, name in zip(found, order, strict=True)
    ]


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
