"""Is one set of samples better than another? The difference of two records, with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from genmetrics._checks import DataError
from genmetrics.intervals import paired_variance, reach_of_parts
from genmetrics.metrics import METRICS
from genmetrics.records import Z95, Record, Score

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

INDEPENDENT = "over both sets of samples"
CONDITIONAL = f"{INDEPENDENT}, conditional on the reference"
UNSURE = "; not sure which is better"  # where the interval does not hold 0
TRAINING = "conditional on the training set"  # as intervals say
PAIRED = f"{INDEPENDENT} and the reference images, paired on these"


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
    a: float  # the value in each record
    b: float


def compare(record_a: Record, record_b: Record) -> tuple[Difference, ...]:
    """Difference of every metric that both records have, with an interval that is paired on the reference images.

    Both sets of samples are taken as independent draws, so their variances add. The reference images are the same on
    both sides: one that moves both values alike does not move their difference, so the variance that they bring is
    that of the difference of their influences (`intervals.paired_variance`), what a paired bootstrap comes to; of
    recall, coverage and two-sample it is measured on parts of the sets. Where a record holds neither (read from JSON
    alone, or a metric that has none), the interval is conditional on the reference: it says which set is better
    against these very images. `reason` tells which.

    Returns:
        a - b for each shared metric. "cannot tell" where the interval holds 0 or none can be given, where samples of
        one record are the reference images themselves, or, of metrics that should be close to real data's value, where
        it is not sure which set is closer; "not comparable" where the signatures differ, with the parts that do.

    Raises:
        DataError: the records share no metric.
    """
    shared = [(score, record_b[score.metric]) for score in record_a.scores if score.metric in record_b]
    if not shared:
        raise DataError(
            f"the records share no metric: {[s.metric for s in record_a]} against {[s.metric for s in record_b]}"
        )
    same = the_same(content_of(record_a, "generated"), content_of(record_b, "generated"))
    copies = [
        name
        for name, record in (("a", record_a), ("b", record_b))
        if the_same(content_of(record, "generated"), content_of(record, "real"))
    ]
    if record_a.seed != record_b.seed:  # which cuts the sets into parts
        shared = [(replace(a, of_parts=None), replace(b, of_parts=None)) for a, b in shared]
    return tuple(difference(a, b, same, copies) for a, b in shared)


def content_of(record: Record, side: str) -> str | None:
    """The digest of a set's images, if the record has it."""
    return record.inputs.get(side, {}).get("content")


def the_same(a: str | None, b: str | None) -> bool:
    """Whether two digests are known and equal."""
    return a is not None and a == b


def difference(a: Score, b: Score, same_samples: bool = False, copies: Sequence[str] = ()) -> Difference:
    """a - b; the verdict goes by the metric's direction and the interval. `copies`: whose samples are the real set."""
    if a.signature != b.signature:
        reason = f"signatures differ: {differing_parts(a.signature, b.signature)}"
        if a.n_generated != b.n_generated:
            reason += f"; score as many images of both: --images {min(a.n_generated, b.n_generated)}"
        return Difference(a.metric, a.name, None, None, None, "not comparable", reason, a.value, b.value)
    value = a.value - b.value
    reason = why_no_interval(a, b, same_samples, copies)
    if reason:
        return Difference(a.metric, a.name, value, None, None, "cannot tell", reason, a.value, b.value)
    reach, reason = reach_of(a, b)
    low, high = within_bounds(a.metric, value - reach, value + reach)
    ahead = lead_of(a, b)
    verdict = "cannot tell"
    if ahead is not None and is_sure(a, b, reach):
        verdict = "a is better" if ahead > 0 else "b is better"
    elif low > 0 or high < 0:
        reason += UNSURE
    return Difference(a.metric, a.name, value, low, high, verdict, reason, a.value, b.value)


def why_no_interval(a: Score, b: Score, same_samples: bool, copies: Sequence[str]) -> str:
    """Why a - b has none; "" where it has one."""
    if same_samples:
        return "both records are of the same samples"
    if copies and uses(a, "real"):
        return f"the samples of {' and '.join(copies)} are the reference images themselves"
    if a.std_error_generated is None or b.std_error_generated is None:
        return "no standard error over the generated images"
    return ""


def within_bounds(metric: str, low: float, high: float) -> tuple[float, float]:
    """An interval of a difference, cut to what the metric's bounds allow."""
    least, most = METRICS[metric].bounds if metric in METRICS else (-math.inf, math.inf)
    return max(low, least - most), min(high, most - least)


def reach_of(a: Score, b: Score) -> tuple[float, str]:
    """How far the 95% interval of a - b reaches, and over what: paired on the reference images where both hold that."""
    assert a.std_error_generated is not None
    assert b.std_error_generated is not None
    alone = math.hypot(a.std_error_generated, b.std_error_generated)
    paired = f"{PAIRED}; {TRAINING}" if TRAINING in a.interval else PAIRED
    if (influences := both(a.of_reference, b.of_reference)) is not None:
        return Z95 * math.sqrt(alone**2 + paired_variance(*influences)), paired
    if (parts := both(a.of_parts, b.of_parts)) is not None:  # never less than what the samples bring
        return max(Z95 * alone, reach_of_parts(parts[0] - parts[1])), paired
    if uses(a, "real"):
        return Z95 * alone, CONDITIONAL
    return Z95 * alone, f"{INDEPENDENT}, {TRAINING}" if uses(a, "train") else INDEPENDENT


def both(a: NDArray[Any] | None, b: NDArray[Any] | None) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """The two arrays, if there are two, of one shape."""
    return None if a is None or b is None or a.shape != b.shape else (a, b)


def uses(score: Score, side: str) -> bool:
    """Whether its value depends on this set: its signature names it."""
    return any(part.startswith(f"{side}:") for part in score.signature.split("|"))


def is_sure(a: Score, b: Score, reach: float) -> bool:
    """Whether the lead is beyond doubt, `reach` being that of the interval of a - b.

    Of values u and v, each less its baseline, |u| < |v| says that u - v and u + v are both not 0, and of which sign. In
    u - v the common baseline cancels; in u + v, where the values lie on either side of it, its error counts twice.
    """
    if not abs(a.value - b.value) > reach:  # nor where it is no number
        return False
    real_a, real_b = real_value(a), real_value(b)
    if a.better != "closer to real" or real_a is None or real_b is None:
        return True
    together = a.value - real_a[0] + b.value - real_b[0]
    return abs(together) > math.hypot(reach, real_a[1] + real_b[1])


def real_value(score: Score) -> tuple[float, float] | None:
    """What real images get, and how far the interval of that reaches: its baseline, or the metric's own null value."""
    if score.baseline is None:
        null = METRICS[score.metric].null if score.metric in METRICS else None
        return None if null is None else (null, 0.0)
    low, high = score.baseline.get("low"), score.baseline.get("high")
    return score.baseline["value"], 0.0 if low is None or high is None else (high - low) / 2


def lead_of(a: Score, b: Score) -> float | None:
    """By how much a is better than b (negative: worse), in the metric's units; None where that cannot be said.

    Where the value should be close to real data's, it is by how much a lies closer to it.
    """
    if a.better in ("lower", "higher"):
        return b.value - a.value if a.better == "lower" else a.value - b.value
    real_a, real_b = real_value(a), real_value(b)
    if a.better != "closer to real" or real_a is None or real_b is None:
        return None
    return abs(b.value - real_b[0]) - abs(a.value - real_a[0])


def differing_parts(a: str, b: str) -> str:
    """What stands in one signature and not in the other."""
    parts_a, parts_b = a.split("|"), b.split("|")
    only_a = [part for part in parts_a if part not in parts_b]
    only_b = [part for part in parts_b if part not in parts_a]
    return f"{', '.join(only_a) or '-'} against {', '.join(only_b) or '-'}"
