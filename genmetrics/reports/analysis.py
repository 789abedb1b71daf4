"""One self-contained page for an analysis: sections of text, tables and pictures around a record; it runs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from genmetrics.records import Picture, Record
from genmetrics.reports import wording
from genmetrics.reports.html import described, is_digest, is_wide, moment, template, uri


@dataclass(frozen=True)
class Table:
    """Cells as printed; the first column is that of the rows' names."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]

    @property
    def tall(self) -> bool:
        return len(self.rows) > 14


@dataclass(frozen=True)
class Section:
    """A heading, what is to be said, a table, pictures; each may be missing."""

    heading: str
    text: Sequence[str] = ()
    table: Table | None = None
    pictures: Sequence[Picture] = ()


def render(title: str, lead: str, sections: Sequence[Section], record: Record) -> str:
    """The page, as HTML text; the record's JSON is inside and can be downloaded without a network."""
    from markupsafe import Markup

    json = record.to_json()
    return template("analysis.html.j2").render(
        title=title,
        lead=lead,
        sections=sections,
        record=record,
        created=moment(record.created),
        warnings=wording.warning_remarks(record),
        intervals=wording.interval_remarks(record),
        numbers=[(score, wording.score_number(score)) for score in record.scores],
        is_wide=is_wide,
        is_digest=is_digest,
        made_with=[
            *described(record.extractor, name="extractor"),
            ("seed", record.seed),
            *described(record.environment),
        ],
        json=Markup(json.replace("<", "\\u003c")),  # so that no string can end the script element
        json_uri=uri("application/json", json.encode()),
    )
