"""Images from wherever they are: checked when opened, in a stable order, streamed.

`open_images` reads everything once: it finds what cannot be used before any long work begins, and takes a
digest. Pixels come later, one image at a time, as uint8 (h, w, c); the images are never all held at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from genmetrics._arrays import LAYOUTS, RANGES, InMemory, Range, as_array, keys_of, member_rows, memory_map
from genmetrics._checks import DataError, one_of
from genmetrics.sources.arrays import open_array
from genmetrics.sources.files import SUFFIXES, Files, open_files
from genmetrics.sources.image_set import ImageSet as ImageSet
from genmetrics.sources.image_set import Options
from genmetrics.sources.places import files_below, files_in_zip, folder_reader, zip_reader
from genmetrics.sources.tars import is_tar, open_tars


def open_images(
    source: Any,
    name: str,
    *,
    labels: Any = None,
    value_range: Range | None = None,
    layout: str | None = None,
    skip_damaged: bool | None = None,
    data_root: str | os.PathLike[str] | None = None,
    download: bool = False,
) -> ImageSet:
    """Check a set of images and make it ready to stream.

    Files are taken in natural order of their paths (2.png before 10.png). The deepest folder that holds every
    image is the root, in a folder as in an archive, so that one lone sub-folder is not a class. The folders
    directly below the root are the classes, if every image lies in one.

    Args:
        source: a folder, a .zip or .tar of images, an .npz, an .npy, WebDataset shards (`shards-{000..009}.tar`), a
            URL of any of these, the name of a data set (`cifar10:test`); an array or tensor of shape (n, h, w),
            (n, h, w, c) or (n, c, h, w) with c 1 or 3; a torch data set, a `Generator`, or any iterable of images,
            batches or (images, labels); or an ImageSet, which is returned as it is.
        name: 'real', 'generated' or 'train'; it begins every message.
        labels: one for each image, integers or strings; replaces those that the source has.
        value_range: the values of black and white in a float array: (0, 1), (-1, 1) or (0, 255).
        layout: 'nhwc' or 'nchw', where the shape of the array fits both.
        skip_damaged: leave out image files that cannot be decoded, and count them in a warning; False makes the first
            an error. None leaves them out of tar archives and is an error elsewhere.
        data_root: where the files of data sets known by name are; by default in the user's cache folder.
        download: get such a data set from the internet if it is not there.

    Returns:
        The set. Its `warnings` say what was converted, left out or ignored.

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
    options = Options(labels, declared, layout, skip_damaged, data_root, download)
    if isinstance(source, str | os.PathLike):
        return open_named(os.fspath(source), name, options)
    if hasattr(source, "__array__") and not hasattr(source, "getbands"):  # that one is Pillow's
        array = as_array(source, name)
        return open_array(InMemory(array), name, "array", f"array of shape {array.shape}", options)
    if isinstance(source, Iterable) or hasattr(source, "__getitem__"):
        from genmetrics.sources.iterables import open_iterable

        return open_iterable(source, name, options)
    raise DataError(f"{name}: cannot read images from a {type(source).__name__}; give a path or one array")


def refuse_missing(source: Any, name: str) -> None:
    """A text that names no images is refused, before weights are loaded and images are read.

    Raises:
        DataError: it is empty, nothing lies there, or what does holds no images.
    """
    if not isinstance(source, str | os.PathLike):
        return
    text = os.fspath(source)
    if not text:
        raise DataError(f"{name}: the path is empty; is a variable unset?")
    path = Path(text)
    if path.exists():
        refuse_unknown_type(path, f"{name}: {text}")
    elif "://" not in text:
        from genmetrics.sources.known import is_known

        named = expanded(text, name) if "{" in text else [] if is_known(text) else [text]
        missing = next((each for each in named if not Path(each).exists()), None)
        if missing is not None:
            raise DataError(f"{name}: {missing} does not exist")


def refuse_unknown_type(path: Path, where: str) -> None:
    """What exists is a folder, or a file of a type that is read.

    Raises:
        DataError: it is not.
    """
    suffix = path.suffix.lower()
    if path.is_dir() or is_tar(path.name) or suffix in (".zip", ".npz", ".npy"):
        return
    if suffix in SUFFIXES:
        raise DataError(f"{where} is one image; give the folder that holds the images")
    raise DataError(f"{where} is of an unknown type; give a folder, a .zip or .tar of images, an .npz or an .npy")


def open_named(text: str, name: str, options: Options) -> ImageSet:
    """The set that a text names: a path, a pattern of paths, a URL, a known data set."""
    refuse_missing(text, name)
    path = Path(text)
    if not path.exists():
        from genmetrics.sources.known import is_known, open_known

        if "://" in text:
            from genmetrics.sources.urls import open_url

            return open_url(text, name, options)
        if "{" in text:
            return open_tars([Path(each) for each in expanded(text, name)], name, options, text)
        if is_known(text):
            return open_known(text, name, options)
    return open_path(path, name, options, text)


def open_path(path: Path, name: str, options: Options, origin: str) -> ImageSet:
    """The set at `path`, by what it is; messages call it `origin`."""
    where, suffix = f"{name}: {origin}", path.suffix.lower()
    refuse_unknown_type(path, where)
    if path.is_dir():
        files = Files(name, origin, partial(folder_reader, path))
        return open_files(files, "folder", files_below(path, name), options)
    if is_tar(path.name):
        return open_tars([path], name, options, origin)
    if suffix == ".zip":
        files = Files(name, origin, partial(zip_reader, path, where))
        return open_files(files, "zip", files_in_zip(path, where), options)
    if suffix == ".npz":
        key, its_labels, notes = keys_of(path, where)
        rows = member_rows(path, key, where)
        if options.labels is None:
            opened = open_array(rows, name, "npz", origin, replace(options, labels=its_labels))
            return replace(opened, warnings=opened.warnings + tuple(f"{name}: {note}" for note in notes))
        return open_array(rows, name, "npz", origin, options)
    return open_array(InMemory(memory_map(path, where)), name, "npy", origin, options)


def expanded(pattern: str, name: str) -> list[str]:
    """The tar files that a pattern with braces names: `shards-{000..009}.tar`, `{a,b}.tar`."""
    from braceexpand import braceexpand

    try:
        paths = list(braceexpand(pattern))
    except ValueError:
        raise DataError(f"{name}: {pattern} does not exist, nor is it a pattern: its braces do not match") from None
    other = next((path for path in paths if not is_tar(path)), None)
    if other is not None:
        raise DataError(f"{name}: {pattern} names {other}, but only .tar files can be given by a pattern")
    return paths
