"""Images side by side: contact sheets, and samples beside their nearest neighbours. PNG bytes.

Small images are enlarged by a whole factor without smoothing, so that a pixel stays a pixel; large ones are
reduced with antialiasing.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from genmetrics._checks import DataError
from genmetrics.reports.wording import one_line

if TYPE_CHECKING:
    from PIL import Image

WIDTH = 900  # pixels that a sheet aims at; 800 to 1000 where whole factors allow it
GAP = 4
MOST_COLUMNS = 32
LARGEST_TILE = 280
NEUTRAL = (128, 128, 128)  # mid grey: next to it neither dark nor light images look different
INK = (255, 255, 255)
HEADING = 30  # height of a row of headings
BETWEEN_GROUPS = 20


def contact_sheet(images: Sequence[Any], columns: int | None = None, scale: float | None = None) -> bytes:
    """The images in order, row by row, in equal cells on neutral grey.

    Args:
        images: uint8, each (h, w, 1 or 3) or (h, w); sizes may differ, smaller ones are centred.
        columns: images a row; by default near-square and without a ragged last row where that is possible.
        scale: cell size over largest image size; by default what makes the sheet about 900 px wide.

    Raises:
        DataError: no images, or one that is not uint8 (h, w, 1 or 3).
    """
    opened = [as_image(image, f"image {i}") for i, image in enumerate(images)]
    if not opened:
        raise DataError("a contact sheet needs at least one image")
    side = largest(opened)
    columns = columns or best_columns(len(opened), side)
    cell = cell_size(side, columns * GAP + GAP, columns, scale)
    rows = math.ceil(len(opened) / columns)
    sheet = blank(columns * (cell[0] + GAP) + GAP, rows * (cell[1] + GAP) + GAP)
    for i, image in enumerate(opened):
        row, column = divmod(i, columns)
        place(sheet, image, GAP + column * (cell[0] + GAP), GAP + row * (cell[1] + GAP), cell)
    return png(sheet)


def neighbour_sheet(
    queries: Sequence[Any],
    neighbours: Sequence[Sequence[Sequence[Any]]],
    headings: Sequence[str] = ("L2", "L1", "cosine"),
    *,
    sample: str = "sample",
    scale: float | None = None,
) -> bytes:
    """One row a sample: the sample, then its nearest neighbours under each distance, nearest first.

    Args:
        queries: the samples, uint8 (h, w, 1 or 3).
        neighbours: neighbours[row][distance] is a list of images, nearest first.
        headings: one for each distance, drawn above its columns.
        sample: heading of the first column.
        scale: as in `contact_sheet`.

    Raises:
        DataError: rows, distances and headings do not match, or an image is not uint8 (h, w, 1 or 3).
    """
    rows = neighbour_rows(queries, neighbours, headings)
    widths = [max(len(row[j]) for row in rows) for j in range(len(rows[0]))]
    tiles = sum(widths)
    gaps = tiles * GAP + GAP + (len(widths) - 1) * BETWEEN_GROUPS
    cell = cell_size(largest([image for row in rows for group in row for image in group]), gaps, tiles, scale)
    sheet = blank(tiles * cell[0] + gaps, HEADING + len(rows) * (cell[1] + GAP))
    x = GAP
    for j, (heading, width) in enumerate(zip((sample, *headings), widths, strict=True)):
        write(sheet, heading, x, width * (cell[0] + GAP) - GAP)
        for i, row in enumerate(rows):
            for k, image in enumerate(row[j]):
                place(sheet, image, x + k * (cell[0] + GAP), HEADING + i * (cell[1] + GAP), cell)
        x += width * (cell[0] + GAP) + BETWEEN_GROUPS
    return png(sheet)


def neighbour_rows(queries: Any, neighbours: Any, headings: Sequence[str]) -> list[list[list[Image.Image]]]:
    """rows[i][j]: the sample itself for j = 0, its neighbours under distance j - 1 after that."""
    if len(queries) == 0 or len(queries) != len(neighbours):
        raise DataError(f"{len(queries)} samples but {len(neighbours)} rows of neighbours; one row each is needed")
    rows = []
    for i, (query, groups) in enumerate(zip(queries, neighbours, strict=True)):
        if len(groups) != len(headings):
            raise DataError(f"row {i} has neighbours under {len(groups)} distances, headings name {len(headings)}")
        named = [[as_image(query, f"sample {i}")]]
        named += [[as_image(image, f"neighbour of sample {i}") for image in group] for group in groups]
        rows.append(named)
    return rows


def as_image(array: Any, name: str) -> Image.Image:
    """A uint8 array of shape (h, w), (h, w, 1) or (h, w, 3) as an RGB image."""
    from PIL import Image

    x = np.asarray(array)
    if x.ndim == 2:
        x = x[..., None]
    if x.dtype != np.uint8 or x.ndim != 3 or x.shape[2] not in (1, 3) or 0 in x.shape:
        raise DataError(f"{name}: expected uint8 (h, w, 1 or 3), got {x.dtype} {np.shape(array)}")
    return Image.fromarray(np.ascontiguousarray(np.broadcast_to(x, (*x.shape[:2], 3))))


def best_columns(n: int, side: tuple[int, int]) -> int:
    """Columns of a near-square sheet of the wanted width, with as full a last row as can be."""
    square = math.sqrt(n)
    choices = range(math.ceil(square * 0.75), min(math.ceil(square * 1.6), n, MOST_COLUMNS) + 1)
    choices = choices or range(MOST_COLUMNS, MOST_COLUMNS + 1)

    def faults(columns: int) -> tuple[bool, float, float]:
        width = columns * (cell_size(side, columns * GAP + GAP, columns)[0] + GAP) + GAP
        return not 800 <= width <= 1000, -n % columns / columns, abs(columns - square)

    return min(choices, key=faults)


def cell_size(side: tuple[int, int], gaps: int, columns: int, scale: float | None = None) -> tuple[int, int]:
    """Width and height of a cell: the largest image enlarged by a whole factor, or reduced by any."""
    if scale is None:
        scale = min((WIDTH - gaps) / columns / side[0], LARGEST_TILE / max(side))
        scale = scale if scale < 1 else round(scale)
    return max(1, round(side[0] * scale)), max(1, round(side[1] * scale))


def largest(images: Sequence[Image.Image]) -> tuple[int, int]:
    """The largest width and the largest height."""
    return max(image.width for image in images), max(image.height for image in images)


def place(sheet: Image.Image, image: Image.Image, x: int, y: int, cell: tuple[int, int]) -> None:
    """Draw `image` as large as fits in the middle of the cell at (x, y)."""
    fitted = fit(image, cell)
    sheet.paste(fitted, (x + (cell[0] - fitted.width) // 2, y + (cell[1] - fitted.height) // 2))


def fit(image: Image.Image, cell: tuple[int, int]) -> Image.Image:
    """`image` enlarged by the largest whole factor that fits the cell, or reduced to fit it."""
    from PIL.Image import Resampling

    factor = min(cell[0] / image.width, cell[1] / image.height)
    if factor >= 1:
        return image.resize((image.width * int(factor), image.height * int(factor)), Resampling.NEAREST)
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, Resampling.LANCZOS)


def blank(width: int, height: int) -> Image.Image:
    """A sheet of neutral grey."""
    from PIL import Image

    return Image.new("RGB", (width, height), NEUTRAL)


def write(sheet: Image.Image, text: str, x: int, width: int) -> None:
    """Draw a heading, centred over the `width` pixels from `x`, as large as fits."""
    from PIL import ImageDraw, ImageFont

    draw = ImageDraw.Draw(sheet)
    text = one_line(text)
    for size in (16, 14, 12, 10):
        font = ImageFont.load_default(size)
        if draw.textlength(text, font=font) <= width:
            break
    draw.text((x + width / 2, HEADING / 2), text, fill=INK, font=font, anchor="mm")


def png(sheet: Image.Image) -> bytes:
    """PNG bytes."""
    file = io.BytesIO()
    sheet.save(file, "PNG", optimize=True)
    return file.getvalue()
