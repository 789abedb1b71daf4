"""Arrays of images, in memory, in an npy or in an npz: layout, range, and rows as uint8 images.

`where` begins every message: the name of the set and, for a file, its path.
"""

from __future__ import annotations

import hashlib
import lzma
import math
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Protocol, TypeAlias

import numpy as np

from genmetrics._checks import DataError, count, to_numpy

Range: TypeAlias = tuple[float, float]

RANGES: tuple[Range, ...] = ((0, 1), (-1, 1), (0, 255))  # the values of black and white
LAYOUTS = ("nhwc", "nchw")
IMAGE_KEYS = ("arr_0", "x", "images", "samples", "data")  # in an npz
STATISTICS = "it also holds statistics (mu, sigma), which are not used, because its images are"
LABEL_KEYS = ("y", "labels", "label", "arr_1")
BLOCK_BYTES = 1 << 22  # of an array at a time
BAD_ZIP = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError, OSError)


# What the numbers mean


def layout_of(shape: tuple[int, ...], layout: str | None, where: str) -> str:
    """'nhw', 'nhwc' or 'nchw': how an array of this shape holds images of 1 or 3 channels.

    Raises:
        DataError: the shape holds no such images, fits both layouts, or does not fit the `layout` given.
    """
    if len(shape) not in (3, 4):
        raise DataError(f"{where}: shape {shape} is not images; give (n, h, w), (n, h, w, c) or (n, c, h, w)")
    if 0 in shape:
        raise DataError(f"{where}: an array of shape {shape} holds no pixels")
    if len(shape) == 3:
        if shape[2] in (3, 4):
            raise DataError(f"{where}: shape {shape} looks like one colour image; give an array of many: (n, h, w, 3)")
        return "nhw"
    fits = [known for known in LAYOUTS if shape[known.index("c")] in (1, 3) and layout in (None, known)]
    if len(fits) == 1:
        return fits[0]
    if fits:
        raise DataError(f"{where}: shape {shape} can be read both ways; pass layout='nhwc' or layout='nchw'")
    if layout is not None:
        raise DataError(f"{where}: shape {shape} does not hold 1 or 3 channels as layout='{layout}' says")
    if 4 in (shape[1], shape[3]):
        raise DataError(
            f"{where}: shape {shape} has 4 channels, so one is alpha; composite the images on a background first"
        )
    raise DataError(f"{where}: shape {shape} has neither 1 nor 3 channels, first or last")


def range_of(dtype: np.dtype[Any], declared: Range | None, where: str) -> Range | None:
    """The values of black and white: 0 and 255 for integers, as declared for floats, None if undeclared."""
    if dtype.kind not in "uif":
        raise DataError(f"{where}: {dtype} values are not pixels; give uint8, or floats with value_range=(0, 1)")
    return (0, 255) if dtype.kind in "ui" else declared


def grey_levels(block: np.ndarray, value_range: Range) -> np.ndarray:
    """`block` in float64, with black at 0 and white at 255; not rounded."""
    black, white = value_range
    return (block.astype(np.float64) - black) * (255 / (white - black))


def outside(block: np.ndarray, value_range: Range) -> int:
    """How many values would round to a level below 0 or above 255."""
    levels = grey_levels(block, value_range)
    return int(((levels < -0.5) | (levels > 255.5)).sum())


def to_uint8(block: np.ndarray, layout: str, value_range: Range) -> np.ndarray:
    """A fresh uint8 (k, h, w, c) array of these images, rounded to the nearest level."""
    if block.dtype != np.uint8:
        block = np.rint(grey_levels(block, value_range)).clip(0, 255)
    if layout == "nhw":
        block = block[..., None]
    elif layout == "nchw":
        block = block.transpose(0, 2, 3, 1)
    return np.array(block, dtype=np.uint8, order="C")


def survey(rows: Rows, value_range: Range | None, where: str) -> tuple[list[bytes], float, float]:
    """The digest of every row, the lowest value and the highest.

    Raises:
        DataError: NaN or infinite values, or values outside the range (by more than rounding).
    """
    digests: list[bytes] = []
    bad: list[int] = []
    out, lowest, highest = 0, np.inf, -np.inf
    for block in rows.blocks():
        flat = np.ascontiguousarray(block).reshape(len(block), -1)
        finite = np.isfinite(flat).all(axis=1)
        bad += (len(digests) + np.flatnonzero(~finite)).tolist()
        digests += [hashlib.sha256(row.data).digest() for row in flat]
        good = flat[finite]
        if good.size:
            lowest, highest = min(lowest, good.min().item()), max(highest, good.max().item())
            if value_range is not None and rows.dtype != np.uint8:
                out += outside(good, value_range)
    if bad:
        raise DataError(f"{where}: {len(bad)} of {len(digests)} images hold NaN or inf, first is image {bad[0]}")
    if out and rows.dtype.kind in "ui":
        raise DataError(
            f"{where}: integers from {lowest} to {highest}, but pixels lie in 0..255; convert them to uint8"
        )
    if out and value_range is not None:
        extreme = max(lowest, highest, key=lambda value: abs(value - sum(value_range) / 2))
        raise DataError(
            f"{where}: {count(out, 'value')} outside the declared range {value_range}, "
            f"the farthest is {extreme:.6g}; clip them, or declare another value_range"
        )
    return digests, lowest, highest


def undeclared(lowest: float, highest: float, where: str) -> DataError:
    """The error for floats of unknown range, with the one that their values suggest."""
    fitting = [known for known in RANGES if known[0] <= lowest and highest <= known[1]]
    black, white = fitting[0] if fitting else (0, 255)
    return DataError(
        f"{where}: float values from {lowest:.6g} to {highest:.6g} of undeclared range; if black is {black} "
        f"and white is {white}, pass value_range=({black}, {white}) (--value-range {black},{white})"
    )


def notes_on_values(
    lowest: float,
    highest: float,
    value_range: Range,
    dtype: np.dtype[Any],
    declared: Range | None,
) -> Iterator[str]:
    """Values that fit their range but look as if another one were meant."""
    if dtype.kind in "ui" and declared not in (None, (0, 255)):
        yield f"value_range {declared} not used, because the array holds {dtype} and not floats"
    if value_range == (0, 255) and highest <= 1:
        yield f"no value above {highest:g} where white is 255; multiply by 255 if 1 is white"
    if value_range == (-1, 1) and lowest >= 0:
        yield f"no value below {lowest:g} where black is -1; declare value_range (0, 1) if 0 is black"


# Where the numbers are


class Rows(Protocol):
    """An array that is read a block of rows at a time."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    def blocks(self, first: int = 0) -> Iterator[np.ndarray]: ...  # of rows from `first` to the end
    def at(self, indices: Sequence[int]) -> dict[int, np.ndarray]: ...


@dataclass(frozen=True, eq=False)
class InMemory:
    """Rows of an array in memory, or mapped into it."""

    array: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.array.dtype

    def blocks(self, first: int = 0) -> Iterator[np.ndarray]:
        step = rows_per_block(self.shape, self.dtype)
        for start in range(first, len(self.array), step):
            yield self.array[start : start + step]

    def at(self, indices: Sequence[int]) -> dict[int, np.ndarray]:
        return {i: self.array[i] for i in indices}


@dataclass(frozen=True)
class Member:
    """Rows of a C-ordered array in an npz, unpacked while they are read and never all held."""

    path: Path
    key: str
    where: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def blocks(self, first: int = 0) -> Iterator[np.ndarray]:
        step = rows_per_block(self.shape, self.dtype)
        row = math.prod(self.shape[1:]) * self.dtype.itemsize
        with (
            reading(self.where),
            zipfile.ZipFile(self.path) as archive,
            archive.open(f"{self.key}.npy") as file,
        ):
            read_header(file)
            if first:
                file.seek(file.tell() + first * row)
            for start in range(first, self.shape[0], step):
                k = min(step, self.shape[0] - start)
                data = file.read(k * row)
                if len(data) < k * row:
                    raise EOFError(f"it ends within image {start + len(data) // row} of {self.shape[0]}")
                yield np.frombuffer(data, self.dtype).reshape(k, *self.shape[1:])

    def at(self, indices: Sequence[int]) -> dict[int, np.ndarray]:
        return {i: self.unpacked[i] for i in indices}

    @cached_property
    def unpacked(self) -> np.ndarray:
        """All rows in a file without a name, mapped into memory: a zip's member can only be read from its start."""
        with tempfile.TemporaryFile() as file:
            for block in self.blocks():
                file.write(block.tobytes())
            file.flush()
            return np.memmap(file, self.dtype, "r", shape=self.shape)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "unpacked"}


def as_array(source: Any, name: str) -> np.ndarray:
    """A NumPy view of an array or a tensor; a list is neither."""
    if not hasattr(source, "__array__"):
        raise DataError(f"{name}: cannot read images from a {type(source).__name__}; give a path or one array")
    try:
        return to_numpy(source)
    except TypeError as error:  # bfloat16
        raise DataError(f"{name}: NumPy cannot hold this tensor ({error}); pass it as float32") from None


def rows_per_block(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    """How many rows make a block."""
    return max(1, BLOCK_BYTES // max(1, math.prod(shape[1:]) * dtype.itemsize))


def memory_map(path: Path, where: str) -> np.ndarray:
    """The array in an npy, mapped: its pages are read when they are needed."""
    with reading(where), open(path, "rb") as file:
        shape, _, dtype = read_header(file)
        range_of(dtype, None, where)
        if 0 in shape:  # cannot be mapped
            return np.empty(shape, dtype)
        return np.load(path, mmap_mode="r", allow_pickle=False)


def keys_of(path: Path, where: str) -> tuple[str, np.ndarray | None, tuple[str, ...]]:
    """The key of the images in an npz, the labels that go with them, and a note if those in it are of no use.

    Raises:
        DataError: not one array of images.
    """
    with reading(where), zipfile.ZipFile(path) as archive:
        headers = {}
        for member in archive.namelist():
            if member.endswith(".npy"):
                with archive.open(member) as file:
                    headers[member.removesuffix(".npy")] = read_header(file)
        named = [key for key in IMAGE_KEYS if key in headers]
        like_images = [k for k, (shape, _, dtype) in headers.items() if len(shape) in (3, 4) and dtype.kind in "uif"]
        found = named if len(named) == 1 else like_images
        if len(found) != 1:
            held = ", ".join(f"{key} {shape}" for key, (shape, _, _) in headers.items()) or "no arrays"
            raise DataError(f"{where} holds {held}; save one array of images, under the key 'images'")
        notes = beside = (STATISTICS,) if {"mu", "sigma"} <= headers.keys() else ()
        for key in LABEL_KEYS:
            shape, _, dtype = headers.get(key, ((), False, np.dtype(float)))
            n = headers[found[0]][0][0]
            if shape == (n,) and dtype.kind in "ui":
                with archive.open(f"{key}.npy") as file:
                    return found[0], np.lib.format.read_array(file, allow_pickle=False), beside
            if key in headers and key != found[0]:
                notes += (f"'{key}' holds {dtype} of shape {shape}, not an integer for each of {n} images: no labels",)
    return found[0], None, notes


def member_rows(path: Path, key: str, where: str) -> Rows:
    """The rows of one array in an npz."""
    with reading(where), zipfile.ZipFile(path) as archive, archive.open(f"{key}.npy") as file:
        shape, fortran_order, dtype = read_header(file)
        if fortran_order and not dtype.hasobject:  # its rows do not lie together, so it has to be held
            claimed, held = math.prod(shape) * dtype.itemsize, archive.getinfo(f"{key}.npy").file_size
            if claimed > held:
                raise ValueError(f"its header claims {claimed} bytes, it holds {held}")
            file.seek(0)
            return InMemory(np.lib.format.read_array(file, allow_pickle=False))
    return Member(path, key, where, shape, dtype)


def read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether in Fortran order, and dtype, from the start of an npy.

    Raises:
        ValueError: it is damaged, or claims a shape that no array has.
    """
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    try:
        shape, fortran_order, dtype = read(file)
    except Exception as error:  # NumPy parses it as Python, and anything can come of that
        raise ValueError(f"damaged header: {type(error).__name__}") from None
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize >= 1 << 62:
        raise ValueError(f"its header claims the shape {shape}")
    return shape, fortran_order, dtype


@contextmanager
def reading(where: str) -> Iterator[None]:
    """A damaged npy, npz or zip is a DataError that names it."""
    try:
        yield
    except DataError:
        raise
    except (*BAD_ZIP, ValueError, KeyError) as error:
        raise DataError(f"{where} cannot be read ({error}); make it again") from None
