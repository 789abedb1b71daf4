"""Image files, wherever they lie: read and checked once, then decoded one at a time."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TypeAlias

import numpy as np

from genmetrics._arrays import BAD_ZIP
from genmetrics._checks import DataError, count
from genmetrics._decode import NOTES, Header, UnreadableError, decode, decoder, inspect
from genmetrics.sources.image_set import ImageSet, Kind, Options, as_labels, natural

Reader: TypeAlias = Callable[[str], bytes]

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm")


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
            raise UnreadableError(f"{self.where(file)} cannot be read ({reason}); remove it or save it again") from None

    def scan(self, names: list[str], skip_damaged: bool) -> tuple[list[Header], dict[int, UnreadableError]]:
        """Read every file once and keep its digest: what the headers say, and which files are damaged and left out.

        Some damage shows only when a file is decoded, and so all are decoded if damaged ones are left out.
        """
        headers, damaged = [], {}
        with self.opened() as reader:
            for i, file in enumerate(names):
                try:
                    data = self.read(reader, file)
                    header = inspect(data, self.where(file))
                    if skip_damaged and header.format != "PNG":  # whose checksums `inspect` has seen
                        decode(data, self.where(file))
                except UnreadableError as error:
                    if not skip_damaged:
                        raise
                    damaged[i] = error
                    continue
                headers.append(header)
                self.names.append(file)
                self.digests.append(hashlib.sha256(data).digest())
        return headers, damaged

    @property
    def decoder(self) -> str:
        return decoder()

    def stream(self, rows: Iterable[int]) -> Iterator[np.ndarray]:
        with self.opened() as reader:
            for i in rows:
                yield self.image(reader, i)

    def take(self, rows: Iterable[int]) -> list[np.ndarray]:
        return list(self.stream(rows))

    def image(self, reader: Reader, i: int) -> np.ndarray:
        where = self.where(self.names[i])
        data = self.read(reader, self.names[i])
        if hashlib.sha256(data).digest() != self.digests[i]:
            raise DataError(f"{where} has changed since the images were opened; start again")
        return decode(data, where)


Classes: TypeAlias = Callable[[list[str]], tuple[list[str] | None, list[str]]]


def open_files(
    files: Files, kind: Kind, found: Iterable[str], options: Options, classes_of: Classes | None = None
) -> ImageSet:
    """The set of the image files among those `found`, all of which are read.

    Args:
        files: where they are.
        kind: of what.
        found: their names, and those of other files.
        options: whether damaged ones are left out, and labels.
        classes_of: names of images to their classes (None: no labels) and warnings; by default, those of folders.
    """
    found = sorted(found, key=natural)
    names = [file for file in found if file.lower().endswith(SUFFIXES)]
    others = [file for file in found if not file.lower().endswith(SUFFIXES)]
    if not names:
        seen = f", only {count(len(others), 'other file')} (first: {others[0]})" if others else ""
        raise DataError(f"{files.name}: {files.origin} holds no images{seen}; known types: {' '.join(SUFFIXES)}")
    classes, warnings = (classes_of or classes_of_folders)(names)
    indexes, class_names = as_labels(classes if options.labels is None else options.labels, len(names), files.name)
    headers, damaged = files.scan(names, bool(options.skip_damaged))
    if not headers:
        raise DataError(f"{files.name}: all {count(len(names), 'image')} are damaged; first: {damaged[0]}")
    if damaged:
        first = str(next(iter(damaged.values()))).removeprefix(f"{files.name}: ").split(";")[0]
        warnings.append(f"{len(damaged)} of {count(len(names), 'image')} damaged and left out (first: {first})")
        indexes = None if indexes is None else np.delete(indexes, list(damaged))
    if others:
        warnings.append(f"{count(len(others), 'file')} not of an image type ignored (first: {others[0]})")
    warnings += [*notes_on_headers(files.names, headers), *copies(files.digests, files.names)]
    return ImageSet(
        name=files.name,
        origin=files.origin,
        kind=kind,
        n=len(headers),
        channels=1 if all(header.grey for header in headers) else 3,
        sizes=dict(Counter((header.height, header.width) for header in headers)),
        digest=hashlib.sha256(b"files" + b"".join(files.digests)).hexdigest(),
        labels=indexes,
        classes=class_names,
        warnings=tuple(f"{files.name}: {warning}" for warning in warnings),
        pixels=files,
    )


def classes_of_folders(names: list[str]) -> tuple[list[str] | None, list[str]]:
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
