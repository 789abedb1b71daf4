"""One self-contained page for a record: no script runs, nothing is fetched, every string is escaped."""

from __future__ import annotations

import base64
import math
import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from genmetrics.records import Picture, Record, Score
from genmetrics.reports import wording
from genmetrics.reports.meaning import meanings
from genmetrics.reports.wording import Number

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

PNG = b"\x89PNG\r\n\x1a\n"
VIEW_BOX = re.compile(rb'<svg[^>]* viewBox="0 0 ([0-9.]+) ([0-9.]+)"')
WIDE = 1.2  # width over height from which a picture takes the whole width of the page
MARGIN = 6.0  # percent of a whisker's width kept free on both sides
SHORT_DIGEST = 12
ROLES = {"real": "Real", "generated": "Generated", "train": "Training"}
DRAWN = {"value", "low", "high", "std_error", "n"}  # keys of a class that the table shows in its own way
DIGEST = re.compile("[0-9a-f]{32,}")
MOST_LISTED = 12  # items of a list that are all named


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
    zero: float | None = None  # where 0 is, on an axis that begins there for want of intervals

    @classmethod
    def of(cls, score: Score) -> Row:
        number, baseline = wording.score_number(score), wording.baseline_number(score)
        if score.baseline is None:
            return cls(score, number, baseline, None, None)
        samples = whisker_values({"value": score.value, "low": score.low, "high": score.high})
        entries = [samples, whisker_values(score.baseline)]
        bare = number.interval is None and (baseline is None or baseline.interval is None)
        zero = [[0.0, None, None]] if bare else []  # without it any two values lie at opposite ends
        drawn, real, *marked = whiskers([*entries, *zero])
        return cls(score, number, baseline, drawn, real, next((mark.value for mark in marked if mark), None))


@dataclass(frozen=True)
class ClassRow:
    """One class of a per-class table; samples or real data may lack it."""

    name: str
    n: Any
    number: Number | None
    baseline: Number | None
    samples_whisker: Whisker | None
    real_whisker: Whisker | None
    others: list[str]


@dataclass(frozen=True)
class ClassTable:
    """The per-class values of one score, on one axis."""

    score: Score
    has_real: bool
    columns: list[str]
    rows: list[ClassRow]


def render(record: Record) -> str:
    """The page for a record, as HTML text; its JSON is inside and can be downloaded without a network."""
    from markupsafe import Markup

    json = record.to_json()
    return template("report.html.j2").render(
        record=record,
        title=title(record),
        rows=[Row.of(score) for score in record.scores],
        created=moment(record.created),
        is_wide=is_wide,
        is_digest=is_digest,
        arrows=wording.ARROWS,
        images=wording.images,
        warnings=wording.warning_remarks(record),
        meanings=[*wording.excess_remarks(record), *meanings(record)],
        intervals=wording.interval_remarks(record),
        class_tables=[class_table(score) for score in record.scores if score.details.get("per_class")],
        roles=ROLES,
        input_columns=input_columns(record),
        made_with=[
            *described(record.extractor, name="extractor"),
            ("seed", record.seed),
            *described(record.environment),
        ],
        json=Markup(json.replace("<", "\\u003c")),  # so that no string can end the script element
        json_uri=uri("application/json", json.encode()),
    )


def template(name: str) -> Template:
    """A template of this folder; what it prints is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(data_uri=data_uri, parted=parted, plain=plain, short=short, thousands=thousands)
    return environment.get_template(name)


def title(record: Record) -> tuple[str, str]:
    """Where generated and real images came from: the last part of each, or all of it if those are equal."""
    whole = [str(record.inputs.get(role, {}).get("origin", role)) for role in ("generated", "real")]
    last = [PurePath(origin).name or origin for origin in whole]
    generated, real = whole if last[0] == last[1] else last
    return generated, real


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
    """The per-class values of a score that has them, beside those of real data where they are known."""
    samples = score.details["per_class"]
    real = ((score.baseline or {}).get("details") or {}).get("per_class") or {}
    names = list(dict.fromkeys([*real, *samples]))
    columns = list(dict.fromkeys(key for entry in samples.values() for key in entry if key not in DRAWN))
    drawn = whiskers([whisker_values(values.get(name, {})) for values in (samples, real) for name in names])
    rows = []
    for i, name in enumerate(names):
        entry = samples.get(name, {})
        others = [plain(entry.get(column)) for column in columns]
        numbers = class_number(entry), class_number(real.get(name, {}))
        rows.append(ClassRow(name, entry.get("n", "–"), *numbers, drawn[i], drawn[len(names) + i], others))
    return ClassTable(score, bool(real), columns, rows)


def class_number(entry: Mapping[str, Any]) -> Number | None:
    """A class's value and interval as printed; None where the class is missing."""
    return wording.number(entry["value"], entry.get("low"), entry.get("high")) if entry else None


def input_columns(record: Record) -> list[str]:
    """What is known of the inputs, digests last."""
    known = {key: is_digest(value) for entry in record.inputs.values() for key, value in entry.items()}
    return sorted(known, key=lambda key: known[key])


def is_digest(value: Any) -> bool:
    """A long hexadecimal string."""
    return isinstance(value, str) and DIGEST.fullmatch(value) is not None


def moment(created: str) -> str:
    """'2025-01-31 12:00 UTC' for an ISO time; anything else as it is."""
    try:
        return datetime.fromisoformat(created).strftime("%Y-%m-%d %H:%M %Z").strip()
    except ValueError:
        return created


def is_wide(picture: Picture) -> bool:
    """A picture clearly wider than high, which deserves the whole width of the page."""
    if picture.data.startswith(PNG):
        width, height = struct.unpack(">II", picture.data[16:24])
    elif box := VIEW_BOX.search(picture.data):
        width, height = map(float, box.groups())
    else:
        return False
    return width > WIDE * height


def described(content: Mapping[str, Any], name: str = "name") -> Iterable[tuple[str, Any]]:
    """What to list of the extractor or the environment, as (label, value); versions one by one."""
    for key, value in content.items():
        if key == "versions" and isinstance(value, Mapping):
            yield from value.items()
        else:
            yield (name if key == "name" else key.replace("_", " ")), value


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
    if isinstance(value, list | tuple) and len(value) > MOST_LISTED:
        return f"{len(value):,}: {plain(value[:3])}, … {plain(value[-1])}"
    if isinstance(value, list | tuple):
        return ", ".join(plain(part) for part in value)
    return str(value)


def parted(name: str) -> Markup:
    """A metric's name as HTML that a line breaks after "_" alone, unless a part is longer than the line."""
    from markupsafe import Markup

    parts = re.findall("[^_]*_|[^_]+", name)
    return Markup("").join(Markup('<span class="part">{}</span>').format(part) for part in parts)


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
