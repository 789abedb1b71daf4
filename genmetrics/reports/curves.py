"""Curves and scatters of the analyses, in the style of `plots`: SVG bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from genmetrics.reports.plots import INK, REAL, RULE, SAMPLES, figure, label, svg
from genmetrics.reports.wording import one_line

COLOURS = (SAMPLES, "#b4531f", "#6d4aa3", "#2f6fb3", "#7a7d12", "#a33a62")
MOST_LABELS = 20


def quality_curves(
    curves: Mapping[str, Sequence[Any]], title: str, real: str | None = None, quality: str = "accuracy"
) -> bytes:
    """Quality against level, one line a set, bars of 95% intervals and a shade of +- one standard deviation.

    Args:
        curves: name -> rows with `level`, `value`, `low`, `high` and `std` (of `analyses.discriminability`).
        title: above the plot.
        real: the set of real images, drawn in grey.
        quality: what the number is, for the axis.
    """
    colours = iter(COLOURS * len(curves))
    with figure(7.2, 4.4) as drawn:
        axes = drawn.add_subplot()
        levels = sorted({row.level for rows in curves.values() for row in rows})
        for name, rows in curves.items():
            colour = REAL if name == real else next(colours)
            x, y = [row.level for row in rows], [row.value for row in rows]
            bars = [[row.value - row.low for row in rows], [row.high - row.value for row in rows]]
            axes.errorbar(x, y, yerr=bars, color=colour, marker="o", markersize=5, linewidth=1.6, capsize=2.5)
            edges = [row.value - row.std for row in rows], [row.value + row.std for row in rows]
            axes.fill_between(x, *edges, color=colour, alpha=0.12, linewidth=0)
            axes.plot([], [], color=colour, marker="o", label=one_line(name).replace("$", r"\$"))
        if min(levels) > 0:
            axes.set_xscale("log", base=2)
        axes.set_xticks(levels, [f"{level:g}" for level in levels])
        axes.minorticks_off()
        axes.set_ylim(bottom=0)
        axes.grid(axis="y", color=RULE, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.set_xlabel("resolution, pixels")
        axes.set_ylabel(quality, parse_math=False)
        axes.set_title(one_line(title), parse_math=False, pad=12)
        axes.legend(frameon=False, labelcolor=INK)
        return svg(drawn)


def joint_scatter(
    x: Mapping[Any, float], y: Mapping[Any, float], title: str, names: tuple[str, str], lines: tuple[float, float]
) -> bytes:
    """Two numbers of each class against each other, with the two thresholds."""
    shared = [name for name in x if name in y]
    across, up = [x[name] for name in shared], [y[name] for name in shared]
    with figure(5.8, 4.6) as drawn:
        axes = drawn.add_subplot()
        axes.axvline(lines[0], color=REAL, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
        axes.axhline(lines[1], color=REAL, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
        axes.plot(across, up, "o", color=SAMPLES, markersize=6 if len(shared) <= MOST_LABELS else 3.5, alpha=0.85)
        axes.margins(0.12)
        if len(shared) <= MOST_LABELS:
            label(axes, shared, across, up)
        axes.set_xlabel(names[0], parse_math=False)
        axes.set_ylabel(names[1], parse_math=False)
        axes.set_title(one_line(title), parse_math=False, pad=12)
        return svg(drawn)
