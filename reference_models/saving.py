"""Samples as files: an .npz file, a folder of PNG files, or tar files of PNG files; whole or not at all."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from genmetrics._checks import DataError
from genmetrics.records import write_atomically
from reference_models.monitor import png

Part = tuple[np.ndarray, np.ndarray]  # uint8 images (k, c, h, w) and their classes (k,)
FORMATS = ("png", "npz", "tar")
IN_A_TAR = 10_000


def save(parts: Iterable[Part], out: Path, form: str, labelled: bool) -> None:
    """Write samples as they come.

    Args:
        parts: images and classes.
        out: a file for npz, a new or empty folder for png and tar.
        form: one of FORMATS.
        labelled: keep the classes: as `y` in an npz, as sub-folders in a folder and in tar files.

    Raises:
        DataError: the place cannot be written, or the folder is not empty.
    """
    if form == "npz":
        save_npz(parts, out, labelled)
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out} exists and is not an empty folder; choose another --out")
    write: Callable[[Iterator[tuple[str, bytes]], Path], None] = write_folder if form == "png" else write_tars
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent) as place:
            folder = Path(place) / "images"
            folder.mkdir()
            write(pngs(parts, labelled), folder)
            if out.exists():
                out.rmdir()
            os.replace(folder, out)
    except OSError as error:
        raise DataError(f"cannot write {out}: {error.strerror or error}; choose another --out") from None


def save_npz(parts: Iterable[Part], out: Path, labelled: bool) -> None:
    """`x` (n, h, w) or (n, h, w, 3), and `y`."""
    images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    images = images[:, 0] if images.shape[1] == 1 else images.transpose(0, 2, 3, 1)
    file = io.BytesIO()
    np.savez_compressed(file, x=images, **({"y": labels} if labelled else {}))
    write_atomically(out, file.getvalue())


def pngs(parts: Iterable[Part], labelled: bool) -> Iterator[tuple[str, bytes]]:
    """Names and contents of PNG files: 00000.png, or 7/00000.png with classes."""
    done = 0
    for images, labels in parts:
        for image, label in zip(images, labels, strict=True):
            yield f"{label}/{done:05d}.png" if labelled else f"{done:05d}.png", png(image.transpose(1, 2, 0))
            done += 1


def write_folder(files: Iterator[tuple[str, bytes]], folder: Path) -> None:
    for name, content in files:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)


def write_tars(files: Iterator[tuple[str, bytes]], folder: Path) -> None:
    """00000.tar, 00001.tar, ... of 10,000 images each; the same images give the same bytes."""
    shard = None
    for i, (name, content) in enumerate(files):
        if i % IN_A_TAR == 0:
            if shard is not None:
                shard.close()
            shard = tarfile.open(folder / f"{i // IN_A_TAR:05d}.tar", "w")  # noqa: SIM115 (closed with the next)
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        assert shard is not None
        shard.addfile(entry, io.BytesIO(content))
    if shard is not None:
        shard.close()
