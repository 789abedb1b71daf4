"""A leaderboard as Markdown, as one self-contained page, and on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from genmetrics.ranking import BY_VALUE_ALONE, TIES
from genmetrics.records import Score
from genmetrics.reports import wording
from genmetrics.reports.html import Whisker, template, whisker_values, whiskers
from genmetrics.reports.wording import Number

if TYPE_CHECKING:
    from rich.console import Console

    from genmetrics.leaderboard import Standing, Table

ALONE = f"* {BY_VALUE_ALONE}"
WINNERS = ("1", "1=")


@dataclass(frozen=True)
class Row:
    """One standing as the page shows it."""

    standing: Standing
    number: Number
    whisker: Whisker | None

    @property
    def best(self) -> bool:
        return self.standing.place in WINNERS

    @property
    def place(self) -> str:
        return place_of(self.standing)


def place_of(standing: Standing) -> str:
    """'2', '2=', '2*' where the order is by value alone, '–' where there is none."""
    return f"{standing.place or '–'}{'*' if standing.by_value_alone else ''}"


def heading(score: Score) -> str:
    """'fd_digits-cnn ↓'."""
    return f"{wording.one_line(score.name)} {wording.ARROWS.get(score.better, '')}".strip()


def real_data(table: Table) -> Number | None:
    """What real images get in the samples' place, where that is one number for all."""
    values = {(s.score.baseline or {}).get("value") for s in table.standings}
    return wording.baseline_number(table.first) if len(values) == 1 else None


def markdown(tables: Sequence[Table], title: str) -> str:
    """The tables in GitHub's Markdown."""
    parts = [f"# {cell(title)}", "", f"Brackets hold 95% intervals; {TIES} Only equal signatures are ranked together."]
    for table in tables:
        parts += ["", f"## {cell(heading(table.first))}", "", f"`{wording.one_line(table.signature)}`", ""]
        parts += ["| place | model | value | 95% interval |", "| ---: | --- | ---: | --- |"]
        for s in table.standings:
            number = wording.score_number(s.score)
            parts.append(f"| {cell(place_of(s))} | {cell(s.model)} | {number.value} | {number.interval or 'none'} |")
        real = real_data(table)
        if real:
            parts.append(f"| | *real data* | {real.value} | {real.interval or 'none'} |")
        if table.by_value_alone:
            parts += ["", cell(ALONE)]
    return "\n".join([*parts, ""])


def cell(text: str) -> str:
    """Text that stays in its cell, and is text."""
    return "".join(f"\\{c}" if c in "\\|*_`<>[]#" else c for c in wording.one_line(text))


def page(tables: Sequence[Table], title: str) -> str:
    """The page, as HTML text."""
    return template("leaderboard.html.j2").render(
        title=title,
        tables=[(table, heading(table.first), rows(table), *real_row(table)) for table in tables],
        ties=TIES,
        alone=ALONE,
    )


def rows(table: Table) -> list[Row]:
    """The standings with their whiskers, on one axis with real data's."""
    drawn = axis(table)
    return [Row(s, wording.score_number(s.score), whisker) for s, whisker in zip(table.standings, drawn, strict=False)]


def real_row(table: Table) -> tuple[Number | None, Whisker | None]:
    number = real_data(table)
    return number, axis(table)[-1] if number else None


def axis(table: Table) -> list[Whisker | None]:
    """A whisker for each standing and, last, for real data."""
    values = [
        whisker_values({"value": s.score.value, "low": s.score.low, "high": s.score.high}) for s in table.standings
    ]
    real = table.first.baseline if real_data(table) else None
    return whiskers([*values, whisker_values(real or {})])


def print_tables(tables: Sequence[Table], console: Console) -> None:
    """One table a signature."""
    from genmetrics.reports.text import aligned, as_text, least_width, say

    for table in tables:
        console.print(as_text(console, heading(table.first), style="bold"))
        lines = []
        for s in table.standings:
            number = wording.score_number(s.score)
            interval = number.interval or wording.NO_INTERVAL
            lines.append(
                [(place_of(s), ""), (wording.one_line(s.model), ""), (number.value, "bold"), (interval, "dim")]
            )
        real = real_data(table)
        if real:
            lines.append([("", ""), ("real data", "cyan"), (real.value, "cyan"), (real.interval or "", "cyan")])
        drawn = aligned(console, ["place", "model", "value", "95% interval"], lines, right=(2,))
        least_width(drawn, console)
        console.print(drawn, crop=False)
        if table.by_value_alone:
            say(console, ALONE, style="dim")
        console.print(as_text(console, wording.one_line(table.signature), style="dim"), soft_wrap=True)
        console.print()
    say(console, TIES, style="dim")
