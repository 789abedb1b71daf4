"""Pictures of ModNet: original, delta and result; accuracy against the number of real images."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from genmetrics.reports.curves import COLOURS
from genmetrics.reports.plots import INK, MUTED, REAL, RULE, figure, svg
from reference_models.modnet_studies import Fooling, Mean

ACROSS = 4  # examples in a row


def fooling_sheet(found: Fooling, shown: int, title: str) -> bytes:
    """The first examples as a PNG file: original, delta and result, and what the classifier saw before and after.

    Grey in a delta is no change; an example whose target the classifier does not see is crossed out in its title.
    """
    n = min(shown, len(found.original))
    rows = -(-n // ACROSS)
    with figure(2.6 * ACROSS, 1.15 * rows + 0.5) as drawn:
        drawn.get_layout_engine().set(w_pad=0.12, h_pad=0.02)  # pyright: ignore (it has one)
        drawn.suptitle(title, x=0.01, ha="left", fontsize=11)
        for i in range(n):
            axes = drawn.add_subplot(rows, ACROSS, i + 1)
            axes.imshow(triple(found.original[i], found.changed[i]), cmap="gray", vmin=0, vmax=255)
            axes.set_axis_off()
            hit = found.seen_after[i] == found.targets[i]
            text = f"{found.seen_before[i]} → {found.seen_after[i]}"
            axes.set_title(text if hit else f"{text} (asked for {found.targets[i]})", fontsize=9, loc="left",
                           color=INK if hit else MUTED, pad=2)  # fmt: skip
        file = io.BytesIO()
        drawn.savefig(file, format="png", dpi=90, facecolor="white", metadata={"Software": None})
    small = io.BytesIO()
    Image.open(file).convert("L" if found.original.shape[1] == 1 else "RGB").save(small, "PNG", optimize=True)
    return small.getvalue()


def triple(original: NDArray[np.uint8], changed: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Original, delta (grey: none; white and black: all there can be) and result side by side, (h, w) or (h, w, 3)."""
    delta = np.round(127.5 + (changed.astype(np.float64) - original) / 2).astype(np.uint8)
    gap = np.full((*original.shape[:2], max(1, original.shape[2] // 14)), 255, np.uint8)
    picture = np.concatenate([original, gap, delta, gap, changed], axis=2)
    return picture[0] if len(picture) == 1 else picture.transpose(1, 2, 0)


def augmentation_plot(curves: Mapping[str, Mapping[int, Mean]], title: str) -> bytes:
    """Accuracy on test images against the number of real images, with 95% intervals, as SVG."""
    sizes = sorted({n for curve in curves.values() for n in curve})
    colours = iter(COLOURS)
    with figure(6.4, 4.2) as drawn:
        axes = drawn.add_subplot()
        for i, (name, curve) in enumerate(curves.items()):
            means: Sequence[Any] = list(curve.values())
            x = [n * 1.04**i for n in curve]  # beside each other, so that their bars can be told apart
            bars = [[m.value - m.low for m in means], [m.high - m.value for m in means]]
            colour = REAL if i == 0 else next(colours)
            axes.errorbar(x, [m.value for m in means], bars, color=colour, marker="o", capsize=2.5, label=name)
        axes.set_xscale("log")
        axes.set_xticks(sizes, [f"{n:,}" for n in sizes])
        axes.minorticks_off()
        axes.set_ylim(0, 1)
        axes.grid(axis="y", color=RULE, linewidth=0.6)
        axes.set_xlabel("real images")
        axes.set_ylabel("accuracy on test images")
        axes.set_title(title, pad=12)
        axes.legend(frameon=False, labelcolor=INK)
        return svg(drawn)
