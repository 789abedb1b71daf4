"""What the table and the page both say: numbers as printed, remarks said once, harmless strings."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from genmetrics.records import Record, Score

SIGNIFICANT = 4  # digits of a value that has no interval
MOST_SIGNIFICANT = 8  # digits of a value whose interval is very narrow
MOST_DECIMALS = 9  # beyond these two, numbers are written with an exponent
MOST_WHOLE_DIGITS = 9
NO_INTERVAL = "no interval"
ARROWS = {"lower": "↓", "higher": "↑", "closer to real": "≈"}


@dataclass(frozen=True)
class Number:
    """A value and its 95% interval as printed; `interval` is None where there is none."""

    value: str
    interval: str | None

    def __str__(self) -> str:
        return self.value if self.interval is None else f"{self.value} {self.interval}"


def number(value: float, low: float | None = None, high: float | None = None) -> Number:
    """Value and interval, all to two digits of the interval's half-width: 4.21 [4.10, 4.32]."""
    if low is None or high is None:
        return Number(printed(value, number_format([value])), None)
    form = number_format([value, low, high], half_width=high / 2 - low / 2)
    return Number(printed(value, form), f"[{printed(low, form)}, {printed(high, form)}]")


def score_number(score: Score) -> Number:
    """A score's value and interval as printed."""
    return number(score.value, score.low, score.high)


def baseline_number(score: Score) -> Number | None:
    """The same number for real images as printed; None where the score has none."""
    if score.baseline is None:
        return None
    return number(score.baseline["value"], score.baseline.get("low"), score.baseline.get("high"))


def number_format(values: Iterable[float], half_width: float = 0.0) -> str:
    """The format specification that shows `values` to two digits of `half_width`, or to four of their own."""
    size = max((leading_digit(value) for value in values if is_ordinary(value)), default=SIGNIFICANT - 1)
    if is_ordinary(half_width):
        last = max(leading_digit(half_width) - 1, size - MOST_SIGNIFICANT + 1)
    else:
        last = size - SIGNIFICANT + 1
    if size < MOST_WHOLE_DIGITS and -last <= MOST_DECIMALS:
        return f".{max(-last, 0)}f"
    return f".{max(size - last, 1)}e"


def printed(value: float, form: str) -> str:
    """One number; never 'nan', never a negative zero."""
    if math.isnan(value):
        return "undefined"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    text = format(value, form)
    return text.removeprefix("-") if float(text) == 0 else text


def is_ordinary(value: float) -> bool:
    """Finite and not zero: it has a leading digit."""
    return math.isfinite(value) and value != 0


def leading_digit(value: float) -> int:
    """Power of ten of the first digit: 2 for 123, -2 for 0.05."""
    return math.floor(math.log10(abs(value)))


def images(score: Score) -> str:
    """Images on each side: '899 / 5,000'; '– / 5,000' for a score that needs no real images."""
    return f"{score.n_real:,} / {score.n_generated:,}" if score.n_real else f"– / {score.n_generated:,}"


def excess_remarks(record: Record) -> list[str]:
    """How far scores lie above real data's or below, where that is what counts."""
    found = []
    for score in record.scores:
        above, times = (score.details.get(f"{kind}_real_data") for kind in ("excess_over", "ratio_to"))
        if isinstance(above, float):
            ratio = f"{times:.3g}" if isinstance(times, float) else "1"
            beside = "" if ratio == "1" else f", {ratio} times theirs"
            side = "below" if above < 0 else "above"
            found.append(f"{one_line(score.name)}: {number(abs(above))} {side} as many real images{beside}")
    return found


def interval_remarks(record: Record) -> list[str]:
    """Which intervals these are, and why some are missing; equal explanations said once."""
    named = names_by_text((score, interval_remark(score)) for score in record.scores)
    named.pop("", None)
    return [f"{', '.join(names)}: {text}" for text, names in named.items()]


def interval_remark(score: Score) -> str:
    """What a score says of its interval; where there is none, that there is none, and why."""
    reason = score.interval
    if has_interval(score) or reason.startswith(NO_INTERVAL):
        return reason
    return f"{NO_INTERVAL}: {reason}" if reason else NO_INTERVAL


def has_interval(score: Score) -> bool:
    """Both ends are known."""
    return score.low is not None and score.high is not None


def warning_remarks(record: Record) -> list[str]:
    """The record's warnings, then its scores' notes; each said once, with the scores that it concerns."""
    warnings = dict.fromkeys(one_line(text) for text in record.warnings)
    notes = names_by_text((score, note) for score in record.scores for note in score.notes)
    new = [f"{', '.join(names)}: {text}" for text, names in notes.items() if text not in warnings]
    return [*warnings, *new]


def names_by_text(remarks: Iterable[tuple[Score, str]]) -> dict[str, list[str]]:
    """Remark -> the names of the scores that it was made about, both in order of appearance."""
    named: dict[str, list[str]] = {}
    for score, text in remarks:
        names = named.setdefault(one_line(text), [])
        if one_line(score.name) not in names:
            names.append(one_line(score.name))
    return named


def one_line(text: str) -> str:
    """`text` on one line, with what a terminal or XML would act on (escapes, controls) written out."""
    text = " ".join(str(text).split())
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
