"""Images from a folder, a zip, an npz, an npy or an array: checked when opened, in a stable order, streamed.

`open_images` reads everything once: it finds what cannot be used before any long work begins, and takes a
digest. Pixels come later, one image at a time, as uint8 (h, w, c); the images are never all held at once.
"""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from genmetrics._arrays import LAYOUTS, RANGES, InMemory, Range, as_array, keys_of, member_rows, memory_map
from genmetrics._checks import DataError, one_of
from genmetrics.sources.arrays import open_array
from genmetrics.sources.files import SUFFIXES, Files, open_files
from genmetrics.sources.image_set import ImageSet as ImageSet
from genmetrics.sources.places import files_below, files_in_zip, folder_reader, zip_reader


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
