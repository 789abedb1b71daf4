"""One self-contained page for a record: no script runs, nothing is fetched, every string is escaped."""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePath
from typing import Any

from genmetrics.records import Picture, Record, Score
from genmetrics.reports import wording
from genmetrics.reports.wording import Number

TEMPLATE = Path(__file__).with_name("report.html.j2")
PNG = b"\x89PNG\r\n\x1a\n"
MARGIN = 6.0  # percent of a whisker's width kept free on both sides
SHORT_DIGEST = 12
ROLES = {"real": "Real", "generated": "Generated", "train": "Training"}
DRAWN = {"value", "low", "high", "n"}  # keys of a class that have their own column


@dataclass(frozen=True)
class Whisker:
    """A value and its interval as positions on an axis, percent."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Row:
    """A score as the page shows it."""

    score: Score
    number: Number
    baseline: Number | None
    samples_whisker: Whisker | None
    real_whisker: Whisker | None

    @classmethod
    def of(cls, score: Score) -> Row:
        number, baseline = wording.score_number(score), wording.baseline_number(score)
        if score.baseline is None:
            return cls(score, number, baseline, None, None)
        samples = whisker_values({"value": score.value, "low": score.low, "high": score.high})
        return cls(score, number, baseline, *whiskers([samples, whisker_values(score.baseline)]))


@dataclass(frozen=True)
class ClassRow:
    """One class of a per-class table."""

    name: str
    n: Any
    number: Number
    whisker: Whisker | None
    others: list[str]


@dataclass(frozen=True)
class ClassTable:
    """The per-class values of one score, on one axis."""

    score: Score
    columns: list[str]
    rows: list[ClassRow]


def render(record: Record) -> str:
    """The page for a record, as HTML text; its JSON is inside and can be downloaded without a network."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(data_uri=data_uri, plain=plain, short=short, thousands=thousands)
    json = record.to_json()
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        record=record,
        title=title(record),
        rows=[Row.of(score) for score in record.scores],
        created=moment(record.created),
        is_wide=is_wide,
        arrows=wording.ARROWS,
        images=wording.images,
        warnings=wording.warning_remarks(record),
        intervals=wording.interval_remarks(record),
        class_tables=[class_table(score) for score in record.scores if score.details.get("per_class")],
        roles=ROLES,
        input_columns=input_columns(record),
        made_with=[*flat(record.extractor, "extractor"), ("seed", record.seed), *flat(record.environment)],
        json=Markup(json.replace("<", "\\u003c")),  # so that no string can end the script element
        json_uri=uri("application/json", json.encode()),
    )


def title(record: Record) -> tuple[str, str]:
    """The last part of where generated and real images came from."""
    generated, real = (str(record.inputs.get(role, {}).get("origin", role)) for role in ("generated", "real"))
    return PurePath(generated).name or generated, PurePath(real).name or real


def whiskers(entries: list[list[float | None]]) -> list[Whisker | None]:
    """Positions of several [value, low, high] on the smallest axis that holds them all."""
    points = [x for entry in entries for x in entry if x is not None and math.isfinite(x)]
    if not points:
        return [None] * len(entries)
    start, length = min(points), max(points) - min(points)

    def at(x: float) -> float:
        share = min(max((x - start) / length, 0.0), 1.0) if length > 0 else 0.5
        return round(MARGIN + (100 - 2 * MARGIN) * share, 2)

    drawn: list[Whisker | None] = []
    for value, low, high in entries:
        if value is None or not math.isfinite(value):
            drawn.append(None)
        elif low is None or high is None:
            drawn.append(Whisker(at(value), None, None))
        else:
            drawn.append(Whisker(at(value), at(low), at(high)))
    return drawn


def whisker_values(entry: Mapping[str, Any]) -> list[float | None]:
    """[value, low, high] of a baseline or of a class."""
    return [entry.get(key) for key in ("value", "low", "high")]


def class_table(score: Score) -> ClassTable:
    """The per-class values of a score that has them."""
    classes = score.details["per_class"]
    columns = list(dict.fromkeys(key for entry in classes.values() for key in entry if key not in DRAWN))
    drawn = whiskers([whisker_values(entry) for entry in classes.values()])
    rows = [
        ClassRow(
            str(name),
            entry.get("n", ""),
            wording.number(entry["value"], entry.get("low"), entry.get("high")),
            whisker,
            [plain(entry.get(column)) for column in columns],
        )
        for (name, entry), whisker in zip(classes.items(), drawn, strict=True)
    ]
    return ClassTable(score, columns, rows)


def input_columns(record: Record) -> list[str]:
    """What is known of the inputs, the digest last."""
    known = dict.fromkeys(key for entry in record.inputs.values() for key in entry)
    return sorted(known, key=lambda key: key == "digest")


def moment(created: str) -> str:
    """'2025-01-31 12:00 UTC' for an ISO time; anything else as it is."""
    try:
        return datetime.fromisoformat(created).strftime("%Y-%m-%d %H:%M %Z").strip()
    except ValueError:
        return created


def is_wide(picture: Picture) -> bool:
    """A PNG much wider than high, which deserves the whole width of the page."""
    if not picture.data.startswith(PNG):
        return False
    width, height = struct.unpack(">II", picture.data[16:24])
    return width > 1.6 * height


def flat(content: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    """Nested JSON objects as (name, value) pairs; an object's own name leads its parts."""
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from flat(value)
        else:
            yield (prefix if key == "name" and prefix else key.replace("_", " ")), value


def plain(value: Any) -> str:
    """A JSON value in words: '8x8: 899', '28 × 28', 'yes', '1,797'."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return wording.number(value).value
    if isinstance(value, int):
        return thousands(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {plain(part)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(plain(part) for part in value)
    return str(value)


def short(digest: Any) -> str:
    """The first characters of a digest."""
    return str(digest)[:SHORT_DIGEST]


def thousands(n: Any) -> str:
    """5,000 for 5000; anything but a whole number as it is."""
    return f"{n:,}" if isinstance(n, int) else str(n)


def data_uri(picture: Picture) -> str:
    """A picture as a data URI: its own document, so nothing inside it reaches the page."""
    return uri(picture.media, picture.data)


def uri(media: str, data: bytes) -> str:
    """A data URI."""
    return f"data:{media};base64,{base64.b64encode(data).decode()}"
