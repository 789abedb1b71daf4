"""Is one set of samples better than another? The difference of two records, with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

from genmetrics._checks import DataError
from genmetrics.records import Z95, Record, Score


@dataclass(frozen=True)
class Difference:
    """One metric's value in record a less that in record b, and what follows."""

    metric: str
    name: str
    value: float | None  # a - b; None where the two are not comparable
    low: float | None  # 95% interval
    high: float | None
    verdict: str  # "a is better", "b is better", "cannot tell", "not comparable"
    reason: str


def compare(record_a: Record, record_b: Record) -> tuple[Difference, ...]:
    """Difference of every metric that both records have, conditional on their common reference set.

    The interval covers the drawing of both sets of samples, which are taken as independent: its half-width is 1.96
    times the root of the sum of the squared standard errors that each score has with the reference held fixed.

    Returns:
        a - b for each shared metric. "cannot tell" where the interval holds 0 or none can be given; "not comparable"
        where the signatures differ, with the parts that do.

    Raises:
        DataError: the records share no metric.
    """
    shared = [(score, record_b[score.metric]) for score in record_a.scores if score.metric in record_b]
    if not shared:
        raise DataError(
            f"the records share no metric: {[s.metric for s in record_a]} against {[s.metric for s in record_b]}"
        )
    content = [record.inputs.get("generated", {}).get("content") for record in (record_a, record_b)]
    same = content[0] is not None and content[0] == content[1]
    return tuple(difference(a, b, same) for a, b in shared)


def difference(a: Score, b: Score, same_samples: bool = False) -> Difference:
    """a - b; the verdict goes by the metric's direction and the interval."""
    if a.signature != b.signature:
        reason = f"signatures differ: {differing_parts(a.signature, b.signature)}"
        return Difference(a.metric, a.name, None, None, None, "not comparable", reason)
    value = a.value - b.value
    if same_samples:
        return Difference(a.metric, a.name, value, None, None, "cannot tell", "both records are of the same samples")
    if a.std_error_generated is None or b.std_error_generated is None:
        reason = "no standard error over the generated images"
        return Difference(a.metric, a.name, value, None, None, "cannot tell", reason)
    reach = Z95 * math.hypot(a.std_error_generated, b.std_error_generated)
    low, high = value - reach, value + reach
    reason = "conditional on the reference"
    ahead = lead_of(a, b)
    if ahead is None or abs(ahead) <= reach:
        return Difference(a.metric, a.name, value, low, high, "cannot tell", reason)
    return Difference(a.metric, a.name, value, low, high, "a is better" if ahead > 0 else "b is better", reason)


def lead_of(a: Score, b: Score) -> float | None:
    """By how much a is better than b (negative: worse), in the metric's units; None where that cannot be said.

    Where the value should be close to real data's, it is by how much a lies closer to it.
    """
    if a.better in ("lower", "higher"):
        return b.value - a.value if a.better == "lower" else a.value - b.value
    if a.better != "closer to real" or a.baseline is None or b.baseline is None:
        return None
    return abs(b.value - b.baseline["value"]) - abs(a.value - a.baseline["value"])


def differing_parts(a: str, b: str) -> str:
    """What stands in one signature and not in the other."""
    parts_a, parts_b = a.split("|"), b.split("|")
    only_a = [part for part in parts_a if part not in parts_b]
    only_b = [part for part in parts_b if part not in parts_a]
    return f"{', '.join(only_a) or '-'} against {', '.join(only_b) or '-'}"
