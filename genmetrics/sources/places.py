"""Where image files lie: which there are, and a way to read their bytes. A folder, a zip."""

from __future__ import annotations

import errno
import os
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from genmetrics._arrays import reading
from genmetrics._checks import DataError
from genmetrics.sources.files import Reader

LARGEST_FILE = 1 << 30  # bytes of one image
LITTER = ("__macosx", "thumbs.db", "desktop.ini")  # what macOS and Windows leave behind


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
