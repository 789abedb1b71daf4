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
DECADES = 2  # a curve that leaves the grey band by more than so many is drawn on a logarithmic scale
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
    verdict: str  # "worse", "better", "blind", "cannot tell"
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
    """A verdict in words: 'from 3.5' is the weakest strength that is seen, as is every stronger one."""
    if not answer.where:
        return answer.verdict
    return f"better {answer.where}" if answer.verdict == "better" else answer.where


def picture(curves: list[Curve]) -> bytes:
    """One metric's curves as small multiples on one scale, SVG; grey where the metric does not see the damage.

    What stays in the grey band around the value without damage is not seen. Where values leave it by far, the scale is
    logarithmic beyond the band, so that both the least and the largest move are seen.
    """
    rows = -(-len(curves) // COLUMNS)
    values = [x for c in curves for x in (*c.values, *c.lows, *c.highs) if x is not None]
    scale = Scale(curves[0].values[0], curves[0].reach[0], min(values), max(values))
    with figure(WIDTH * min(COLUMNS, len(curves)), HEIGHT * rows) as drawn:
        for i, curve in enumerate(curves):
            axes = drawn.add_subplot(rows, min(COLUMNS, len(curves)), i + 1)
            colour = SAMPLES if curve.verdict in ("worse", "better") else REAL
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
            if scale.logarithmic:
                axes.set_yscale("function", functions=(scale.squeezed, scale.stretched))
                axes.set_yticks(*scale.ticks)
                axes.minorticks_off()
            axes.set_ylim(*scale.limits)
            axes.set_title(f"{curve.title}: {curve.said}", fontsize=8, pad=4)
            axes.set_xlabel(curve.unit, fontsize=7)
            axes.tick_params(labelsize=7, length=2)
            if i % COLUMNS:
                axes.tick_params(labelleft=False)
            elif scale.logarithmic:
                axes.set_ylabel("logarithmic beyond the band", fontsize=6)
            axes.set_xticks(np.unique([curve.strengths[0], curve.strengths[-1]]))
            axes.tick_params(axis="x", colors=MUTED)
        return on_paper(svg(drawn))


@dataclass(frozen=True)
class Scale:
    """Of values around the one without damage: linear, or linear within the grey band and logarithmic beyond it."""

    start: float
    band: float  # half its width
    low: float
    high: float

    @property
    def logarithmic(self) -> bool:
        """Values move by more than DECADES times the band."""
        return self.band > 0 and max(self.high - self.start, self.start - self.low) > 10**DECADES * self.band

    def squeezed(self, values: Any) -> Any:
        """arsinh of the distance from `start` in bands."""
        return np.arcsinh((np.asarray(values) - self.start) / self.band)

    def stretched(self, places: Any) -> Any:
        """The values at such places."""
        return self.start + self.band * np.sinh(places)

    @property
    def limits(self) -> tuple[float, float]:
        """A little beyond all values."""
        if not self.logarithmic:
            room = 0.06 * (self.high - self.low or 1.0)
            return self.low - room, self.high + room
        least, most = self.squeezed([self.low, self.high])
        room = 0.06 * (most - least)
        return float(self.stretched(least - room)), float(self.stretched(most + room))

    @property
    def ticks(self) -> tuple[list[float], list[str]]:
        """The value without damage and powers of ten, where they stand apart; and what is written there."""
        low, high = self.limits
        powers = 10.0 ** np.arange(-12, 13)
        apart = 0.1 * float(self.squeezed(high) - self.squeezed(low))
        kept = [self.start]
        for value in (0.0, *powers[::-1], *-powers[::-1]):
            free = np.abs(self.squeezed(kept) - self.squeezed(value)).min() > apart
            if low <= value <= high and free:
                kept.append(value)
        kept.sort()
        return kept, [wording.number(value).value if value == self.start else f"{value:g}" for value in kept]


def on_paper(drawn: bytes) -> bytes:
    """An SVG with a background, small: coordinates to a hundredth of a point, the viewer's font."""
    start = drawn.index(b">") + 1
    paper = f'<rect width="100%" height="100%" fill="{PAPER}"/>'.encode()
    drawn = re.sub(rb"font-family: [^;]*", b"font-family: sans-serif", drawn[:start] + paper + drawn[start:])
    drawn = re.sub(rb' transform="rotate\(-0[^"]*"', b"", drawn)
    return re.sub(rb"\d+\.\d{3,}(?=[^<>]*>)", lambda found: b"%.2f" % float(found[0]), drawn)


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
