"""Image files in tar archives: one, or the shards of a WebDataset.

Members are listed once, with where their bytes lie; after that each is read from its place, in any order. In a
WebDataset, `000017.cls` beside `000017.jpg` holds the class of that image.
"""

from __future__ import annotations

import gzip
import os
import posixpath
import tarfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

from genmetrics._checks import DataError, count
from genmetrics.sources.files import SUFFIXES, Files, Reader, classes_of_folders, open_files
from genmetrics.sources.image_set import ImageSet, Options
from genmetrics.sources.places import refuse_huge, visible
from genmetrics.sources.scratch import Scratch

SUFFIXES_OF_TARS = (".tar", ".tar.gz", ".tgz")
CLASS = ".cls"
OPEN_AT_ONCE = 64  # shards


class Place(NamedTuple):
    """Where the bytes of a member lie."""

    tar: Path
    offset: int
    size: int


@dataclass
class Members:
    """What some tars hold."""

    places: dict[str, Place] = field(default_factory=dict)  # by the name that messages give
    inside: dict[str, str] = field(default_factory=dict)  # that name -> the path in its tar
    damage: list[str] = field(default_factory=list)  # tars that end too early


def is_tar(name: str) -> bool:
    return name.lower().endswith(SUFFIXES_OF_TARS)


def open_tars(tars: list[Path], name: str, options: Options, origin: str) -> ImageSet:
    """The set of images in these archives. Damaged members are left out, unless the caller says otherwise."""
    if options.skip_damaged is None:
        options = replace(options, skip_damaged=True)
    twice = next((tar for tar, many in Counter(tars).items() if many > 1), None)
    if twice is not None:
        raise DataError(f"{name}: {origin} names {twice} twice")
    members = Members()
    scratch = Scratch(name) if any(tar.suffix.lower() != ".tar" for tar in tars) else None
    shared = os.path.commonpath([tar.absolute().parent for tar in tars])
    for i, tar in enumerate(tars):
        prefix = f"{tar.absolute().relative_to(shared).as_posix()}/" if len(tars) > 1 else ""
        where = f"{name}: {tar if prefix else origin}"
        if not tar.exists():
            raise DataError(f"{where} does not exist")
        plain = unpacked(tar, scratch.folder / f"{i}.tar", where) if scratch and tar.suffix.lower() != ".tar" else tar
        list_members(plain, prefix, where, members, bool(options.skip_damaged))
    files = Files(name, origin, partial(tar_reader, members.places))
    images = {key_of(file) for file in members.places if file.lower().endswith(SUFFIXES)}
    found = [file for file in members.places if not (file.lower().endswith(CLASS) and key_of(file) in images)]
    opened = open_files(files, "tar", found, options, partial(classes_of, members, name))
    cut = tuple(f"{name}: {damage}" for damage in members.damage)
    opened = replace(opened, warnings=cut + opened.warnings)
    return scratch.kept_for(opened) if scratch else opened


def list_members(tar: Path, prefix: str, where: str, members: Members, skip_damaged: bool) -> None:
    """Add the files in one tar, and links to them, hidden ones left out.

    Raises:
        DataError: it is no tar; or it is damaged, and damaged ones are not left out.
    """
    size = tar.stat().st_size
    found = 0
    files: dict[str, Place] = {}
    links: dict[str, str] = {}  # path -> what it links to
    try:
        with tarfile.open(tar, "r:") as archive:
            for member in archive:
                found += 1
                if member.offset_data + member.size > size:
                    raise tarfile.ReadError(f"it ends within {member.name}")
                path = "/".join(part for part in PurePosixPath(member.name).parts if part != "/")
                if member.isfile():
                    files[path] = Place(tar, member.offset_data, member.size)
                    links.pop(path, None)
                elif member.islnk() or member.issym():
                    below = posixpath.dirname(path) if member.issym() else ""
                    links[path] = posixpath.normpath(posixpath.join(below, member.linkname))
                    files.pop(path, None)
            end = archive.offset  # where the listing stopped
        check_end(tar, end)
    except (tarfile.TarError, OSError, ValueError) as error:
        message = f"{where} is damaged after {count(found, 'member')} ({error})"
        if not found:
            raise DataError(f"{where} cannot be read ({error}); make it again") from None
        if not skip_damaged:
            raise DataError(f"{message}; make it again, or pass --skip-damaged (skip_damaged=True)") from None
        members.damage.append(f"{message.removeprefix(where.split(': ')[0] + ': ')}; what comes after is left out")
    nowhere = [path for path in followed(links, files) if path.lower().endswith(SUFFIXES) and shown(path)]
    if nowhere and not skip_damaged:
        raise DataError(f"{where}/{nowhere[0]} is a link to {links[nowhere[0]]}, which the archive does not hold")
    if nowhere:
        some = f"{count(len(nowhere), 'link')} to what the archive does not hold left out (first: {nowhere[0]})"
        members.damage.append(f"{where.partition(': ')[2]}: {some}")
    for path, place in files.items():
        if shown(path):
            members.places[prefix + path] = place
            members.inside[prefix + path] = path


def shown(path: str) -> bool:
    """No part of a path is hidden."""
    return all(visible(part) for part in path.split("/") if part != ".")


def followed(links: dict[str, str], files: dict[str, Place]) -> list[str]:
    """Add to `files` the links that lead to one of them; the others come back."""
    nowhere = []
    for path in links:
        target, steps = path, 0
        while target in links and steps <= len(links):
            target, steps = links[target], steps + 1
        if target in files:
            files[path] = files[target]
        else:
            nowhere.append(path)
    return nowhere


def check_end(tar: Path, end: int) -> None:
    """The listing of a tar stopped at its end: at a block of zeros.

    Raises:
        ReadError: there is something else.
    """
    with tar.open("rb") as file:
        file.seek(end)
        block = file.read(tarfile.BLOCKSIZE)
    if not block or block.strip(b"\0"):
        raise tarfile.ReadError("what follows is no header" if block else "it ends without the mark of its end")


@contextmanager
def tar_reader(places: dict[str, Place]) -> Iterator[Reader]:
    """Reads the bytes of members; tars are opened when they are needed."""
    with ExitStack() as stack:
        opened: dict[Path, BinaryIO] = {}

        def read(file: str) -> bytes:
            tar, offset, size = places[file]
            refuse_huge(size)
            if tar not in opened:
                if len(opened) >= OPEN_AT_ONCE:
                    opened.pop(next(iter(opened))).close()
                opened[tar] = stack.enter_context(tar.open("rb"))
            opened[tar].seek(offset)
            data = opened[tar].read(size)
            if len(data) < size:
                raise EOFError(f"{os.fspath(tar)} ends within it")
            return data

        yield read


def classes_of(members: Members, name: str, names: list[str]) -> tuple[list[str] | None, list[str]]:
    """The class of every image: from the `.cls` file beside it, or the folder that it lies in.

    Raises:
        DataError: samples of a WebDataset hold several images each: which is meant?
    """
    samples = Counter(map(key_of, names))
    companions = {key_of(file): file for file in members.places if file.lower().endswith(CLASS)}
    beside = {key_of(file) for file in members.places if not file.lower().endswith(SUFFIXES)}
    several = next((key for key, n in samples.items() if n > 1 and key in beside), None)
    if several is not None:
        raise DataError(
            f"{name}: sample {several} holds {samples[several]} images; write shards with one image a sample"
        )
    if not companions:
        return classes_of_folders([members.inside[file] for file in names])
    without = [file for file in names if key_of(file) not in companions]
    if without:
        return None, [f"no labels, because {count(len(without), 'image')} of {len(names)} have no .cls beside them"]
    with tar_reader(members.places) as read:
        return [read(companions[key_of(file)]).decode(errors="replace").strip() for file in names], []


def key_of(file: str) -> str:
    """What the files of one sample share: the path up to the first dot of the file's name."""
    folder, slash, last = file.rpartition("/")
    return folder + slash + last.partition(".")[0]


def unpacked(tar: Path, plain: Path, where: str) -> Path:
    """A compressed tar, unpacked to `plain`, since its members can only be read in their order.

    What is left of a damaged one is kept: it ends too early.
    """
    with plain.open("wb") as out:
        try:
            with gzip.open(tar, "rb") as packed:
                while block := packed.read1(1 << 16):
                    out.write(block)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            if not out.tell():
                raise DataError(f"{where} cannot be read ({error}); make it again") from None
    return plain
