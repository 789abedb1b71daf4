"""The sensitivity panel as pictures and as one self-contained page: a row of small plots for each metric."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from genmetrics.records import Picture
from genmetrics.reports import wording
from genmetrics.reports.html import template
from genmetrics.reports.plots import MUTED, REAL, RULE, SAMPLES, figure, svg

COLUMNS = 5  # plots beside each other
WIDTH, HEIGHT = 2.1, 1.75  # inches of one
PAPER = "#fcfbf8"  # behind the curves, so that they are read on a dark screen too


@dataclass(frozen=True)
class Curve:
    """Value against strength, and the verdict on it."""

    title: str
    unit: str
    strengths: list[float]
    values: list[float]
    lows: list[float | None]
    highs: list[float | None]
    reach: list[float]  # what moves by less is noise
    verdict: str  # "worse", "blind", "better"
    said: str  # in words


def curves_of(panel: Any, metrics: Mapping[str, Any], damages: Mapping[str, Any]) -> dict[str, list[Curve]]:
    """metric -> its curve under each damage."""
    answers = {(answer.metric, answer.damage): answer for answer in panel.answers}
    curves: dict[str, list[Curve]] = {}
    for metric in panel.metrics:
        for damage in panel.damages:
            points = panel.of(metric, damage)
            if len(points) > 1:
                kind = damages[damage]
                drawn = Curve(
                    kind.title,
                    kind.unit,
                    strengths=[point.strength for point in points],
                    values=[point.value for point in points],
                    lows=[point.low for point in points],
                    highs=[point.high for point in points],
                    reach=panel.reach(metric, damage),
                    verdict=answers[metric, damage].verdict,
                    said=said(answers[metric, damage]),
                )
                curves.setdefault(metric, []).append(drawn)
    return curves


def said(answer: Any) -> str:
    """A verdict in words: 'from 3.5' is the weakest strength that is seen."""
    if answer.verdict == "blind":
        return "blind"
    return f"{'better ' if answer.verdict == 'better' else ''}from {answer.seen_from:g}"


def picture(curves: list[Curve]) -> bytes:
    """One metric's curves as small multiples on one scale, SVG; grey where the metric is blind.

    What stays in the grey band around the value without damage is not seen.
    """
    rows = -(-len(curves) // COLUMNS)
    values = [x for c in curves for x in (*c.values, *c.lows, *c.highs) if x is not None]
    room = 0.06 * (max(values) - min(values) or 1.0)
    with figure(WIDTH * min(COLUMNS, len(curves)), HEIGHT * rows) as drawn:
        for i, curve in enumerate(curves):
            axes = drawn.add_subplot(rows, min(COLUMNS, len(curves)), i + 1)
            colour = REAL if curve.verdict == "blind" else SAMPLES
            low = [v if x is None else x for x, v in zip(curve.lows, curve.values, strict=True)]
            high = [v if x is None else x for x, v in zip(curve.highs, curve.values, strict=True)]
            band = np.array(curve.reach)
            axes.fill_between(
                curve.strengths, curve.values[0] - band, curve.values[0] + band, color=RULE, alpha=0.5, linewidth=0
            )
            axes.axhline(curve.values[0], color=REAL, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
            if low != high:
                axes.fill_between(curve.strengths, low, high, color=colour, alpha=0.2, linewidth=0)
            axes.plot(curve.strengths, curve.values, "-o", color=colour, markersize=3, linewidth=1.4)
            axes.set_ylim(min(values) - room, max(values) + room)
            axes.set_title(f"{curve.title}: {curve.said}", fontsize=8, pad=4)
            axes.set_xlabel(curve.unit, fontsize=7)
            axes.tick_params(labelsize=7, length=2)
            if i % COLUMNS:
                axes.tick_params(labelleft=False)
            axes.set_xticks(np.unique([curve.strengths[0], curve.strengths[-1]]))
            axes.tick_params(axis="x", colors=MUTED)
        return on_paper(svg(drawn))


def on_paper(drawn: bytes) -> bytes:
    """An SVG with a background, small: coordinates to a hundredth of a point, the viewer's font."""
    start = drawn.index(b">") + 1
    paper = f'<rect width="100%" height="100%" fill="{PAPER}"/>'.encode()
    drawn = re.sub(rb"font-family: [^;]*", b"font-family: sans-serif", drawn[:start] + paper + drawn[start:])
    drawn = re.sub(rb' transform="rotate\(-0[^"]*"', b"", drawn)
    return re.sub(rb"\d+\.\d{3,}", lambda found: b"%.2f" % float(found[0]), drawn)


def render(
    panel: Any,
    metrics: Mapping[str, Any],
    damages: Mapping[str, Any],
    pictures: Mapping[str, bytes],
) -> str:
    """The page, as HTML text."""
    answers = {(answer.metric, answer.damage): answer for answer in panel.answers}
    titles = {damage: (damages[damage].title, damages[damage].unit) for damage in panel.damages}
    return template("panel.html.j2").render(
        made_with=panel.made_with,
        left_out=panel.left_out,
        damages=titles,
        said=said,
        arrows=wording.ARROWS,
        table=[(name, metrics[name], [answers.get((name, damage)) for damage in titles]) for name in panel.metrics],
        pictures={
            name: Picture(name, metrics[name].summary, "image/svg+xml", drawn) for name, drawn in pictures.items()
        },
        number=lambda value: wording.number(value).value,
    )
