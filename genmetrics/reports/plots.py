"""Plots of a record's numbers as SVG: transparent, self-contained, the same bytes every time."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from genmetrics._checks import DataError
from genmetrics.reports.wording import one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, RULE = "#23272e", "#6a7079", "#d6d4cd"
SAMPLES, REAL = "#0f6e78", "#8a8f98"
LONGEST_LABEL = 14  # letters of a class name beside its point; the table has them whole
MOST_LABELS = 20  # classes whose points are labelled
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "genmetrics",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": RULE,
    "axes.labelcolor": MUTED,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "axes.formatter.useoffset": False,
}


def class_scatter(
    real: Mapping[Any, float], generated: Mapping[Any, float], title: str, *, measure: str = "MS-SSIM"
) -> bytes:
    """A number per class, real images (x) against samples (y), with the line where both are equal.

    Args:
        real: class -> value on real images.
        generated: class -> value on samples; classes missing here are counted under the plot.
        title: above the plot.
        measure: what the number is, for the axes.

    Raises:
        DataError: no class is in both.
    """
    shared = [name for name in real if name in generated]
    if not shared:
        raise DataError(f"no class has both real images ({len(real)} classes) and samples ({len(generated)})")
    x, y = [float(real[name]) for name in shared], [float(generated[name]) for name in shared]
    with figure(5.2, 5.2) as drawn:
        axes = drawn.add_subplot()
        axes.plot(x, y, "o", color=SAMPLES, markersize=6 if len(shared) <= MOST_LABELS else 3.5, alpha=0.85)
        axes.set_aspect("equal", adjustable="datalim")
        axes.margins(0.1)
        middle = (sum(x) + sum(y)) / (2 * len(shared))
        axes.axline((middle, middle), slope=1, color=REAL, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
        if len(shared) <= MOST_LABELS:
            label(axes, shared, x, y)
        axes.set_title(one_line(title), parse_math=False, pad=12)
        axes.set_xlabel(f"{one_line(measure)} of real images" + missing(real, generated), parse_math=False)
        axes.set_ylabel(f"{one_line(measure)} of samples", parse_math=False)
        return svg(drawn)


def label(axes: Axes, names: list[Any], x: list[float], y: list[float]) -> None:
    """Write each class beside its point."""
    for name, point in zip(names, zip(x, y, strict=True), strict=True):
        text = one_line(name)
        text = text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"
        axes.annotate(text, point, xytext=(6, 4), textcoords="offset points", color=INK, parse_math=False)


def missing(real: Mapping[Any, float], generated: Mapping[Any, float]) -> str:
    """A line about the classes that a scatter cannot show."""
    absent = sum(name not in generated for name in real)
    return f"\n{absent} of {len(real)} classes have too few samples" if absent else ""


@contextmanager
def figure(width: float, height: float) -> Iterator[Figure]:
    """A figure in this package's style, in inches; nothing global is left changed."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        # The viewer's fonts draw the text; that ours lack a letter of a class's name is no matter.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield Figure(figsize=(width, height), layout="constrained")


def svg(drawn: Figure) -> bytes:
    """The figure as an <svg> element: no date, no external document type."""
    file = io.BytesIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    drawn.savefig(file, format="svg", transparent=True, metadata=nothing)
    data = file.getvalue()
    return data[data.index(b"<svg") :]
