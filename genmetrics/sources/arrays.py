"""Arrays of images as a set: in memory, in an npy, in an npz."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from genmetrics._arrays import Range, Rows, layout_of, notes_on_values, range_of, survey, to_uint8, undeclared
from genmetrics.sources.files import copies
from genmetrics.sources.image_set import ImageSet, Kind, Options, as_labels


@dataclass(frozen=True)
class ArrayPixels:
    """Rows as uint8 images."""

    rows: Rows
    layout: str
    value_range: Range
    decoder: str = ""

    def stream(self, rows: Iterable[int]) -> Iterator[np.ndarray]:
        blocks, block, begin = self.rows.blocks(), np.empty(0), 0
        for row in rows:
            if not begin <= row < begin + len(block):
                if row != begin + len(block):
                    blocks = self.rows.blocks(row)
                block, begin = to_uint8(next(blocks), self.layout, self.value_range), row
            yield block[row - begin]

    def take(self, rows: Iterable[int]) -> list[np.ndarray]:
        rows = list(rows)
        found = self.rows.at(rows)
        return [to_uint8(found[i][None], self.layout, self.value_range)[0] for i in rows]


def open_array(rows: Rows, name: str, kind: Kind, origin: str, options: Options) -> ImageSet:
    """The set of images in an array, all of which is read."""
    declared, layout = options.value_range, options.layout
    where = name if kind == "array" else f"{name}: {origin}"
    layout = layout_of(rows.shape, layout, where)
    value_range = range_of(rows.dtype, declared, where)
    indexes, classes = as_labels(options.labels, rows.shape[0], name)
    digests, lowest, highest = survey(rows, value_range, where)
    if value_range is None:
        raise undeclared(lowest, highest, where)
    height, width = (rows.shape[layout.index(axis)] for axis in "hw")
    made_of = f"{rows.dtype.str} {rows.shape} {layout} {value_range}"
    warnings = [*notes_on_values(lowest, highest, value_range, rows.dtype, declared), *copies(digests)]
    return ImageSet(
        name=name,
        origin=origin,
        kind=kind,
        n=rows.shape[0],
        channels=1 if layout == "nhw" else rows.shape[layout.index("c")],
        sizes={(height, width): rows.shape[0]},
        digest=hashlib.sha256(made_of.encode() + b"".join(digests)).hexdigest(),
        labels=indexes,
        classes=classes,
        warnings=tuple(f"{name}: {warning}" for warning in warnings),
        pixels=ArrayPixels(rows, layout, value_range),
    )
