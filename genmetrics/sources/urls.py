"""Images behind a URL, by fsspec: `https://`, `s3://`, `gs://`, `hf://`, `memory://` and what else it knows.

A folder is read file by file. An archive or array is copied to a temporary file first (in TMPDIR), once.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from genmetrics._checks import DataError
from genmetrics.sources.files import SUFFIXES, Files, Reader, open_files
from genmetrics.sources.image_set import ImageSet, Options
from genmetrics.sources.places import refuse_huge, visible
from genmetrics.sources.scratch import Scratch
from genmetrics.sources.tars import is_tar, open_tars

ARRAYS = (".zip", ".npz", ".npy")


def open_url(url: str, name: str, options: Options) -> ImageSet:
    """The set of images that a URL names."""
    from genmetrics.sources import expanded, open_path

    if is_tar(url):
        urls = expanded(url, name) if "{" in url else [url]
        scratch = Scratch(name)
        return scratch.kept_for(open_tars([copied(each, scratch.folder, name) for each in urls], name, options, url))
    if url.lower().endswith(ARRAYS):
        scratch = Scratch(name)
        return scratch.kept_for(open_path(copied(url, scratch.folder, name), name, options, url))
    system, path = file_system(url, name)
    with reaching(url, name):
        found = system.find(path)
    if not found:
        raise DataError(f"{name}: {url} does not exist, or holds no files")
    if found == [path] and path.lower().endswith(SUFFIXES):
        raise DataError(f"{name}: {url} is one image; give the folder that holds the images")
    names = [posixpath.relpath(file, path) for file in found]
    names = [file for file in names if all(visible(part) for part in file.split("/"))]
    files = Files(name, url.rstrip("/"), partial(url_reader, system, path))
    return open_files(files, "folder", names, options)


def file_system(url: str, name: str) -> tuple[Any, str]:
    """fsspec's file system for a URL, and the path in it.

    Raises:
        DataError: no such protocol, or the package for it is not installed.
    """
    import fsspec

    try:
        return fsspec.core.url_to_fs(url)
    except ImportError as error:
        raise DataError(f"{name}: {url} needs a package that is not installed ({error})") from None
    except ValueError as error:
        raise DataError(f"{name}: {url} cannot be read ({error})") from None


def copied(url: str, folder: Path, name: str) -> Path:
    """A copy of one file, below `folder` as the URL has it: shards in different folders may share their names."""
    system, path = file_system(url, name)
    copy = folder.joinpath(*(part for part in PurePosixPath(path).parts if part not in ("/", "..")))
    copy.parent.mkdir(parents=True, exist_ok=True)
    with reaching(url, name):
        system.get_file(path, str(copy))
    return copy


@contextmanager
def reaching(url: str, name: str) -> Iterator[None]:
    """Whatever can go wrong on the way to a URL is a DataError that names it."""
    try:
        yield
    except FileNotFoundError:
        raise DataError(f"{name}: {url} does not exist") from None
    except Exception as error:  # every file system has its own
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DataError(f"{name}: {url} cannot be read ({type(error).__name__}: {reason})") from None


@contextmanager
def url_reader(system: Any, folder: str) -> Iterator[Reader]:
    """Reads the bytes of files below a folder of a file system."""

    def read(file: str) -> bytes:
        path = posixpath.join(folder, file)
        refuse_huge(system.size(path) or 0)
        return system.cat_file(path)

    yield read
