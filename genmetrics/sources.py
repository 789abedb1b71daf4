"""Images from a folder, a zip, an npz, an npy or an array: checked when opened, in a stable order, streamed.

`open_images` reads everything once: it finds what cannot be used before any long work begins, and takes a
digest. Pixels come later, one image at a time, as uint8 (h, w, c); the images are never all held at once.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np

from genmetrics._arrays import (
    BAD_ZIP,
    LAYOUTS,
    RANGES,
    InMemory,
    Range,
    Rows,
    as_array,
    keys_of,
    layout_of,
    member_rows,
    memory_map,
    notes_on_values,
    range_of,
    reading,
    survey,
    to_uint8,
    undeclared,
)
from genmetrics._checks import DataError, count, one_of, to_numpy
from genmetrics._decode import NOTES, Header, decode, inspect

Kind = Literal["folder", "zip", "npz", "npy", "array"]
Reader: TypeAlias = Callable[[str], bytes]

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm")
LARGEST_FILE = 1 << 30  # bytes of one image
LITTER = ("__macosx", "thumbs.db", "desktop.ini")  # what macOS and Windows leave behind


class Pixels(Protocol):
    """Where the pixels of a set come from."""

    def stream(self) -> Iterator[np.ndarray]:
        """Every image in order, uint8 (h, w, 1 or 3)."""
        ...

    def take(self, indices: Sequence[int]) -> list[np.ndarray]:
        """The images at `indices`, in the order of `indices`."""
        ...


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images that have been checked and can be read again and again, in the same order."""

    name: str  # "real", "generated", "train"
    origin: str  # a path, or 'array of shape ...'
    kind: Kind
    n: int
    channels: int  # 1 if every image is grey, else 3
    sizes: dict[tuple[int, int], int]  # (height, width) -> how many
    digest: str  # SHA-256 of the content: not of names, dates, labels
    labels: np.ndarray | None  # (n,) int64, indexes into classes
    classes: tuple[str, ...] | None
    warnings: tuple[str, ...]
    pixels: Pixels = field(repr=False)

    def __len__(self) -> int:
        return self.n

    def stream(self, channels: int | None = None) -> Iterator[np.ndarray]:
        """Every image as a fresh C-contiguous uint8 (h, w, c) array.

        Args:
            channels: 3 repeats grey images; 1 is for sets that are all grey; None is `self.channels`.

        Raises:
            DataError: grey images asked of a set in colour; while reading, a file is damaged or has changed.
        """
        channels = self.check_channels(channels)
        return (with_channels(image, channels) for image in self.pixels.stream())

    def take(self, indices: Iterable[int], channels: int | None = None) -> list[np.ndarray]:
        """The images at `indices`, in that order: the ones that `stream` gives there.

        Raises:
            IndexError: an index is not in 0..n-1.
            DataError: as `stream`.
        """
        channels = self.check_channels(channels)
        wanted = [int(i) for i in indices]
        for i in wanted:
            if not 0 <= i < self.n:
                raise IndexError(f"{self.name}: no image {i}, there are {self.n}")
        return [with_channels(image, channels) for image in self.pixels.take(wanted)]

    def check_channels(self, channels: int | None) -> int:
        """The number of channels to give when `channels` are asked for."""
        if channels not in (None, 1, 3):
            raise ValueError(f"channels must be 1, 3 or None, got {channels!r}")
        if channels == 1 and self.channels == 3:
            raise DataError(f"{self.name}: {self.origin} is in colour, but grey images are needed; convert it first")
        return channels or self.channels

    def summary(self) -> dict[str, Any]:
        """What a record keeps of the set, as JSON values."""
        return {
            "origin": self.origin,
            "kind": self.kind,
            "n": self.n,
            "digest": self.digest,
            "sizes": {f"{height}x{width}": many for (height, width), many in sorted(self.sizes.items())},
            "channels": self.channels,
            "classes": None if self.classes is None else list(self.classes),
        }


def open_images(
    source: Any,
    name: str,
    *,
    labels: Any = None,
    value_range: Range | None = None,
    layout: str | None = None,
) -> ImageSet:
    """Check a set of images and make it ready to stream.

    Files are taken in natural order of their paths (2.png before 10.png). The deepest folder that holds every
    image is the root, in a folder as in a zip, so that one lone sub-folder is not a class. The folders
    directly below the root are the classes, if every image lies in one.

    Args:
        source: a folder, a .zip of images, an .npz, an .npy; an array or tensor of shape (n, h, w),
            (n, h, w, c) or (n, c, h, w) with c 1 or 3; or an ImageSet, which is returned as it is.
        name: 'real', 'generated' or 'train'; it begins every message.
        labels: one for each image, integers or strings; replaces those that the source has.
        value_range: the values of black and white in a float array: (0, 1), (-1, 1) or (0, 255).
        layout: 'nhwc' or 'nchw', where the shape of the array fits both.

    Returns:
        The set. Its `warnings` say what was converted or ignored.

    Raises:
        DataError: something cannot be used; the message names it.
    """
    if isinstance(source, ImageSet):
        return source
    if layout is not None:
        one_of(layout, "layout", LAYOUTS)
    declared = next((known for known in RANGES if value_range is not None and tuple(value_range) == known), None)
    if value_range is not None and declared is None:
        raise DataError(f"{name}: value_range must be (0, 1), (-1, 1) or (0, 255), got {value_range!r}")
    if isinstance(source, str | os.PathLike):
        if not os.fspath(source):
            raise DataError(f"{name}: the path is empty; is a variable unset?")
        return open_path(Path(source), name, labels, declared, layout)
    array = as_array(source, name)
    return open_array(InMemory(array), name, "array", f"array of shape {array.shape}", labels, declared, layout)


def open_path(path: Path, name: str, labels: Any, declared: Range | None, layout: str | None) -> ImageSet:
    """The set at `path`, by what it is."""
    where, origin, suffix = f"{name}: {path}", str(path), path.suffix.lower()
    if not path.exists():
        raise DataError(f"{where} does not exist")
    if path.is_dir():
        files = Files(name, origin, partial(folder_reader, path))
        return open_files(files, "folder", files_below(path, name), labels)
    if suffix == ".zip":
        files = Files(name, origin, partial(zip_reader, path, where))
        return open_files(files, "zip", files_in_zip(path, where), labels)
    if suffix == ".npz":
        key, its_labels, notes = keys_of(path, where)
        rows = member_rows(path, key, where)
        opened = open_array(rows, name, "npz", origin, its_labels if labels is None else labels, declared, layout)
        notes = tuple(f"{name}: {note}" for note in notes) if labels is None else ()
        return replace(opened, warnings=opened.warnings + notes)
    if suffix == ".npy":
        return open_array(InMemory(memory_map(path, where)), name, "npy", origin, labels, declared, layout)
    if suffix in SUFFIXES:
        raise DataError(f"{where} is one image; give the folder that holds the images")
    raise DataError(f"{where} is of an unknown type; give a folder, a .zip of images, an .npz or an .npy")


def with_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """A grey image repeated to `channels`; any other as it is."""
    return np.repeat(image, channels, axis=2) if image.shape[2] < channels else image


def as_labels(labels: Any, n: int, name: str) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
    """Labels as int64 indexes into the sorted class names (integers by value, strings in natural order)."""
    if labels is None:
        return None, None
    values = to_numpy(labels)
    if values.ndim != 1 or len(values) != n:
        shape = f"{len(values)} labels" if values.ndim == 1 else f"labels of shape {values.shape}"
        raise DataError(f"{name}: {shape} for {count(n, 'image')}; give one label for each image, in their order")
    if values.dtype.kind not in "iubU":
        raise DataError(f"{name}: labels must be integers or strings, got {values.dtype}")
    unique, where = np.unique(values, return_inverse=True)
    order = sorted(range(len(unique)), key=lambda i: natural(unique[i]) if unique.dtype.kind == "U" else i)
    return np.argsort(order)[where].astype(np.int64), tuple(str(unique[i]) for i in order)


def natural(path: str) -> tuple[Any, ...]:
    """Sorting key of a relative path: folder by folder, digits by their value."""
    parts = [re.split(r"([0-9]+)", part) for part in path.split("/")]
    return ([[int(x) if x.isdigit() and x.isascii() else x for x in part] for part in parts], path)


# Files: a folder or a zip


@dataclass
class Files:
    """Image files, read and decoded one at a time; one that has changed since the scan is an error."""

    name: str
    origin: str
    opened: Callable[[], AbstractContextManager[Reader]]
    names: list[str] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)

    def where(self, file: str) -> str:
        return f"{self.name}: {self.origin}/{file}"

    def read(self, reader: Reader, file: str) -> bytes:
        """The bytes of a file."""
        try:
            return reader(file)
        except BAD_ZIP as error:
            reason = getattr(error, "strerror", None) or error
            raise DataError(f"{self.where(file)} cannot be read ({reason}); remove it or save it again") from None

    def scan(self, names: list[str]) -> list[Header]:
        """Read every file once, keep its digest, return what its header says."""
        headers = []
        with self.opened() as reader:
            for file in names:
                data = self.read(reader, file)
                headers.append(inspect(data, self.where(file)))
                self.names.append(file)
                self.digests.append(hashlib.sha256(data).digest())
        return headers

    def stream(self) -> Iterator[np.ndarray]:
        with self.opened() as reader:
            for i in range(len(self.names)):
                yield self.image(reader, i)

    def take(self, indices: Sequence[int]) -> list[np.ndarray]:
        with self.opened() as reader:
            return [self.image(reader, i) for i in indices]

    def image(self, reader: Reader, i: int) -> np.ndarray:
        where = self.where(self.names[i])
        data = self.read(reader, self.names[i])
        if hashlib.sha256(data).digest() != self.digests[i]:
            raise DataError(f"{where} has changed since the images were opened; start again")
        return decode(data, where)


def open_files(files: Files, kind: Kind, found: list[str], labels: Any) -> ImageSet:
    """The set of the image files among those `found`, all of which are read."""
    names = sorted((file for file in found if file.lower().endswith(SUFFIXES)), key=natural)
    others = sorted((file for file in found if not file.lower().endswith(SUFFIXES)), key=natural)
    if not names:
        seen = f", only {count(len(others), 'other file')} (first: {others[0]})" if others else ""
        raise DataError(f"{files.name}: {files.origin} holds no images{seen}; known types: {' '.join(SUFFIXES)}")
    classes, warnings = classes_of(names)
    indexes, class_names = as_labels(classes if labels is None else labels, len(names), files.name)
    headers = files.scan(names)
    if others:
        warnings.append(f"{count(len(others), 'file')} not of an image type ignored (first: {others[0]})")
    warnings += [*notes_on_headers(names, headers), *copies(files.digests, names)]
    return ImageSet(
        name=files.name,
        origin=files.origin,
        kind=kind,
        n=len(names),
        channels=1 if all(header.grey for header in headers) else 3,
        sizes=dict(Counter((header.height, header.width) for header in headers)),
        digest=hashlib.sha256(b"files" + b"".join(files.digests)).hexdigest(),
        labels=indexes,
        classes=class_names,
        warnings=tuple(f"{files.name}: {warning}" for warning in warnings),
        pixels=files,
    )


def classes_of(names: list[str]) -> tuple[list[str] | None, list[str]]:
    """The class of every image, if each lies in a folder below the root that they share; and warnings."""
    folders = [file.split("/")[:-1] for file in names]
    shared = takewhile(lambda pair: pair[0] == pair[1], zip(min(folders), max(folders), strict=False))
    root = len(list(shared))
    classes = [below[root] for below in folders if len(below) > root]
    if classes and len(classes) < len(names):
        loose = len(names) - len(classes)
        return None, [f"no labels, because {count(loose, 'image')} of {len(names)} lie outside the class folders"]
    return classes or None, []


def notes_on_headers(names: list[str], headers: list[Header]) -> Iterator[str]:
    """What is converted, and what makes a number weak."""

    def told(chosen: list[bool], noun: str, what: str) -> Iterator[str]:
        if any(chosen):
            yield f"{count(sum(chosen), noun)} {what} (first: {names[chosen.index(True)]})"

    for key, (noun, what) in NOTES.items():
        yield from told([key in header.notes for header in headers], noun, what)
    if len({header.grey for header in headers}) == 2:
        yield from told([header.grey for header in headers], "grey image", "among colour ones repeated to RGB")
    sizes = Counter((header.height, header.width) for header in headers)
    if len(sizes) > 1:
        (height, width), many = sizes.most_common(1)[0]
        yield f"images of {len(sizes)} sizes, {many} of {len(names)} are {height}x{width}"
    formats = Counter(header.format for header in headers)
    if len(formats) > 1:
        yield "mixed formats: " + ", ".join(f"{many} {kind}" for kind, many in sorted(formats.items()))


def copies(digests: list[bytes], names: Sequence[str] | None = None) -> Iterator[str]:
    """How many images repeat an earlier one exactly."""
    seen: set[bytes] = set()
    repeated = [i for i, digest in enumerate(digests) if digest in seen or seen.add(digest)]
    if repeated:
        first = names[repeated[0]] if names else f"image {repeated[0]}"
        yield f"exact copies of an earlier image: {len(repeated)} of {len(digests)} (first: {first})"


def files_below(folder: Path, name: str) -> list[str]:
    """Relative paths of the files in a folder and below, links followed, hidden ones left out."""

    def walk(below: str, above: frozenset[str]) -> Iterator[str]:
        here = os.path.realpath(os.path.join(folder, below))
        if here in above:  # a link to a folder that holds it
            return
        with os.scandir(here) as entries:
            for entry in entries:
                path = f"{below}/{entry.name}" if below else entry.name
                if visible(entry.name):
                    yield from walk(path, above | {here}) if entry.is_dir() else (path,)

    try:
        return list(walk("", frozenset()))
    except OSError as error:
        raise DataError(f"{name}: cannot list {error.filename} ({error.strerror})") from None


def files_in_zip(path: Path, where: str) -> list[str]:
    """Paths of the files in a zip, hidden ones left out."""
    with reading(where), zipfile.ZipFile(path) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if any(entry.flag_bits & 1 for entry in entries):
        raise DataError(f"{where} is encrypted; unpack it into a folder and give that")
    files = dict.fromkeys(entry.filename for entry in entries)
    return [file for file in files if all(visible(part) for part in file.split("/"))]


def visible(part: str) -> bool:
    """Not the name of a hidden file or folder, nor litter."""
    return not part.startswith(".") and part.lower() not in LITTER


@contextmanager
def folder_reader(folder: Path) -> Iterator[Reader]:
    """Reads the bytes of files in a folder."""

    def read(file: str) -> bytes:
        path = os.path.join(folder, file)
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        refuse_huge(status.st_size)
        with open(path, "rb") as opened:
            return opened.read()

    yield read


@contextmanager
def zip_reader(path: Path, where: str) -> Iterator[Reader]:
    """Reads the bytes of files in a zip, which is opened once."""
    with reading(where):
        archive = zipfile.ZipFile(path)

    def read(file: str) -> bytes:
        refuse_huge(archive.getinfo(file).file_size)
        return archive.read(file)

    with archive:
        yield read


def refuse_huge(size: int) -> None:
    """One image file is read whole.

    Raises:
        OSError: it is larger than any image should be.
    """
    if size > LARGEST_FILE:
        raise OSError(errno.EFBIG, f"{size} bytes for one image, more than {LARGEST_FILE}")


# Arrays


@dataclass(frozen=True)
class ArrayPixels:
    """Rows as uint8 images."""

    rows: Rows
    layout: str
    value_range: Range

    def stream(self) -> Iterator[np.ndarray]:
        for block in self.rows.blocks():
            yield from to_uint8(block, self.layout, self.value_range)

    def take(self, indices: Sequence[int]) -> list[np.ndarray]:
        rows = self.rows.at(indices)
        return [to_uint8(rows[i][None], self.layout, self.value_range)[0] for i in indices]


def open_array(
    rows: Rows,
    name: str,
    kind: Kind,
    origin: str,
    labels: Any,
    declared: Range | None,
    layout: str | None,
) -> ImageSet:
    """The set of images in an array, all of which is read."""
    where = name if kind == "array" else f"{name}: {origin}"
    layout = layout_of(rows.shape, layout, where)
    value_range = range_of(rows.dtype, declared, where)
    indexes, classes = as_labels(labels, rows.shape[0], name)
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
