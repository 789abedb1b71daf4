"""Published weights that can be fetched: what they are for, where they come from, and getting them safely."""

from __future__ import annotations

import hashlib
import http.client
import os
import tempfile
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genmetrics._checks import DataError, unknown_name
from genmetrics.extractors import EXTRACTORS

CHUNK = 1 << 20
TIMEOUT = 30  # seconds without an answer


@dataclass(frozen=True)
class Published:
    """A file of weights that others have published."""

    extractor: str
    file: str
    url: str
    sha256_begins: str
    bytes: int  # about
    twins: tuple[str, ...] = ()  # other names of files with the same weights


PUBLISHED = {
    "inception-v3-tf2015": Published(
        "inception-v3-tf2015",
        "pt_inception-2015-12-05-6726825d.pth",
        "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
        "6726825d",
        95_600_000,
        ("weights-inception-2015-12-05-6726825d.pth",),
    )
}


def published(name: str) -> Published:
    """The weights of an extractor.

    Raises:
        UnknownNameError: no such extractor.
        DataError: it has none to fetch.
    """
    if name in PUBLISHED:
        return PUBLISHED[name]
    if name.startswith("timm:"):
        raise DataError(
            f"{name}: timm's weights are on huggingface.co; without them, --extractor {name} says which file"
        )
    if name in EXTRACTORS:
        raise DataError(f"{name} has no weights to fetch; only {', '.join(PUBLISHED)} has")
    raise unknown_name("extractor", name, EXTRACTORS)


def here(entry: Published) -> Path | None:
    """Its file on this machine, under any of its names."""
    from genmetrics.extractors.weights import find_weights

    return find_weights((entry.file, *entry.twins), None)


def fetch(entry: Published, folder: Path, progress: Callable[[Iterable[Any], str, int], Iterable[Any]]) -> Path:
    """Download a file into `folder`. It gets its name only when its SHA-256 is the published one.

    Raises:
        DataError: no connection, not the published file, or the folder cannot be written; nothing is left behind.
    """
    target, part, content = folder / entry.file, None, hashlib.sha256()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (
            urllib.request.urlopen(entry.url, timeout=TIMEOUT) as answer,
            tempfile.NamedTemporaryFile(dir=folder, prefix=f".{entry.file}.", delete=False) as file,
        ):
            part = Path(file.name)
            total = -(-int(answer.headers.get("Content-Length") or entry.bytes) // CHUNK)
            for chunk in progress(chunks(answer), f"{entry.file} (MiB)", total):
                file.write(chunk)
                content.update(chunk)
        if not content.hexdigest().startswith(entry.sha256_begins):
            raise DataError(
                f"{entry.url} gave a file with SHA-256 {content.hexdigest()}, not {entry.sha256_begins}...; "
                "it was thrown away; try again, or get it by hand"
            )
        os.chmod(part, 0o644)
        os.replace(part, target)
    except (OSError, http.client.HTTPException) as error:  # URLError and a broken connection are OSErrors
        raise DataError(
            f"cannot fetch {entry.url}: {getattr(error, 'reason', None) or error}; on another machine get {entry.file} "
            f"(SHA-256 {entry.sha256_begins}...) and put it into {folder}"
        ) from None
    finally:
        if part is not None:
            part.unlink(missing_ok=True)
    return target


def chunks(answer: Any) -> Iterator[bytes]:
    """What is read, a MiB at a time."""
    while chunk := answer.read(CHUNK):
        yield chunk


def weights_state(entry: Published) -> tuple[Path | None, str | None, bool]:
    """Where an extractor's weights are, their SHA-256, and whether it is the published one."""
    from genmetrics.extractors import sha256_of

    file = here(entry)
    if file is None:
        return None, None, False
    digest = sha256_of(file)
    return file, digest, digest.startswith(entry.sha256_begins)
