"""One self-contained page that ranks several records against one reference; like a report, it runs nothing."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from genmetrics.records import Picture, Record, Score
from genmetrics.reports import wording
from genmetrics.reports.html import Whisker, template, whisker_values, whiskers
from genmetrics.reports.pictures import NEUTRAL
from genmetrics.reports.wording import Number

SAMPLES = "Generated images"  # title of the contact sheet in a record's pictures
STRIP_ROWS = 2  # rows of the contact sheet that are shown
WINNERS = ("1", "1=")


@dataclass(frozen=True)
class Entry:
    """One set of samples: its record, and what its numbers are made of."""

    name: str
    description: str
    record: Record
    link: str  # to its own report, relative
    evidence: Mapping[str, str]  # metric -> why the value is what it is


@dataclass(frozen=True)
class Place:
    """An entry's standing under one metric."""

    place: str
    entry: Entry
    number: Number
    whisker: Whisker | None

    @property
    def best(self) -> bool:
        return self.place in WINNERS


@dataclass(frozen=True)
class Ranking:
    """One metric's ranked entries, drawn on one axis."""

    metric: str
    name: str
    better: str
    summary: str
    places: list[Place]  # best first
    real: Number | None  # what real images get in the samples' place, where that is one number for all
    real_whisker: Whisker | None

    def of(self, entry: Entry) -> Place | None:
        """Where an entry stands; None where its record lacks the metric."""
        return next((place for place in self.places if place.entry is entry), None)


def render(
    title: str,
    lead: str,
    entries: Sequence[Entry],
    places: Mapping[str, Sequence[tuple[str, str]]],
    summaries: Mapping[str, str],
) -> str:
    """The page, as HTML text.

    Args:
        title: above the page.
        lead: what was compared with what.
        entries: the sets, in the order of the table's rows.
        places: metric -> (place such as "1" or "2=", name of an entry), best first.
        summaries: metric -> what it measures, one line.
    """
    return template("overview.html.j2").render(
        title=title,
        lead=lead,
        entries=entries,
        strips={entry.name: strip(entry.record) for entry in entries},
        rankings=[
            ranking(metric, order, entries, summaries.get(metric, "")) for metric, order in places.items() if order
        ],
        arrows=wording.ARROWS,
    )


def ranking(metric: str, order: Sequence[tuple[str, str]], entries: Sequence[Entry], summary: str) -> Ranking:
    """The entries in `order` with their numbers and their whiskers, and real data's below them."""
    named = {entry.name: entry for entry in entries}
    scores = [named[name].record[metric] for _, name in order]
    real = shared_baseline(scores)
    values = [whisker_values({"value": s.value, "low": s.low, "high": s.high}) for s in scores]
    *drawn, real_drawn = whiskers([*values, whisker_values(real.baseline if real and real.baseline else {})])
    places = [
        Place(place, named[name], wording.score_number(score), whisker)
        for (place, name), score, whisker in zip(order, scores, drawn, strict=True)
    ]
    number = wording.baseline_number(real) if real else None
    return Ranking(metric, scores[0].name, scores[0].better, summary, places, number, real_drawn)


def shared_baseline(scores: Sequence[Score]) -> Score | None:
    """The first score, if all have its baseline's value."""
    values = {score.baseline["value"] if score.baseline else None for score in scores}
    return scores[0] if len(values) == 1 and None not in values else None


def strip(record: Record) -> list[Picture]:
    """The first rows of the record's contact sheet of samples, one picture each."""
    sheet = next((p for p in record.pictures if p.title == SAMPLES and p.media == "image/png"), None)
    return [] if sheet is None else first_rows(sheet)


def first_rows(sheet: Picture) -> list[Picture]:
    """A contact sheet cut at the grey lines between its rows; the first `STRIP_ROWS` of them."""
    from PIL import Image

    with Image.open(io.BytesIO(sheet.data)) as opened:
        image = opened.convert("RGB")
    drawn = (np.asarray(image) != NEUTRAL).any(axis=2)
    columns = np.flatnonzero(drawn.any(axis=0))
    edges = np.flatnonzero(np.diff(drawn.any(axis=1).astype(int), prepend=0, append=0))
    rows = []
    for top, bottom in edges.reshape(-1, 2)[:STRIP_ROWS].tolist():
        file = io.BytesIO()
        image.crop((int(columns[0]), top, int(columns[-1]) + 1, bottom)).save(file, "PNG", optimize=True)
        rows.append(Picture(sheet.title, sheet.caption, sheet.media, file.getvalue()))
    return rows
