"""Image files, wherever they lie: read and checked once, then decoded one at a time."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, TypeAlias

import numpy as np

from genmetrics._arrays import BAD_ZIP
from genmetrics._checks import DataError, count
from genmetrics._decode import NOTES, Header, decode, decoder, inspect
from genmetrics.sources.image_set import ImageSet, Kind, as_labels, natural

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
