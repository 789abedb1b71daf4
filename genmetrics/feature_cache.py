"""Features on disk: an entry is a folder named for all that the features depend on, filled shard by shard.

Each shard is a safetensors file of consecutive images, put in place whole, with the SHA-256 of its content inside: a
run that was killed goes on where it was, and a shard that is damaged is found out, said, and computed again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Shard: TypeAlias = dict[str, NDArray[Any]]  # outputs (k, d) float32, and "digests" (k, 32) uint8

ABOUT = "about.json"
LOCK = "lock"
SUFFIX = ".safetensors"
ABANDONED = 3600  # seconds after which a half-written file is nobody's
log = logging.getLogger("genmetrics")


class DamagedError(Exception):
    """A shard does not hold what was written."""


def cache_folder() -> Path:
    """Where features are kept: $GENMETRICS_CACHE, or the user's cache folder."""
    from platformdirs import user_cache_path

    return Path(os.environ.get("GENMETRICS_CACHE") or user_cache_path("genmetrics")) / "features"


@dataclass
class Entry:
    """The features of one image set by one network, as far as they have been computed."""

    folder: Path
    n: int  # images
    writable: bool = field(default=True)

    @classmethod
    def of(cls, made_from: Mapping[str, Any], n: int) -> Entry:
        """The entry of features that depend on `made_from` (JSON values) and nothing else."""
        key = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()
        return cls(cache_folder() / key, n)

    @property
    def key(self) -> str:
        return self.folder.name

    def shards(self) -> dict[int, int]:
        """First image -> the one after the last, of every shard there is."""
        found = {}
        for file in self.folder.glob(f"*{SUFFIX}"):
            start, _, stop = file.stem.partition("-")
            if start.isdigit() and stop.isdigit() and int(start) < int(stop) <= self.n:
                found[int(start)] = int(stop)
        return dict(sorted(found.items()))

    def file(self, start: int, stop: int) -> Path:
        return self.folder / f"{start:09d}-{stop:09d}{SUFFIX}"

    def read(self, start: int, stop: int) -> Shard:
        """A shard that is whole.

        Raises:
            FileNotFoundError: there is none.
            DamagedError: it is not what was written.
        """
        return read_shard(self.file(start, stop), f"{self.key} {start} {stop}", stop - start)

    def get(self, start: int, stop: int, outputs: tuple[str, ...] | None) -> Shard | None:
        """A shard that is whole and holds these `outputs` (None: any), if there is one."""
        try:
            shard = self.read(start, stop)
        except FileNotFoundError:
            return None
        except DamagedError as error:
            log.warning("features in the cache are damaged (%s); computed again", error)
            return None
        return shard if set(outputs or ()) <= shard.keys() else None

    def find(self, outputs: tuple[str, ...] | None) -> Iterator[tuple[int, Shard]]:
        """Every such shard, with its first image."""
        for start, stop in self.shards().items():
            shard = self.get(start, stop, outputs)
            if shard is not None:
                yield start, shard

    def write(self, start: int, shard: Shard) -> None:
        """Keep a shard, with the outputs that an earlier run kept of the same images; failing is no error."""
        if not self.writable:
            return
        stop = start + len(shard["digests"])
        try:
            with suppress(FileNotFoundError, DamagedError):
                shard = {**self.read(start, stop), **shard}
            write_whole(self.file(start, stop), shard_bytes(shard, f"{self.key} {start} {stop}"))
        except OSError as error:
            self.give_up(error)

    def give_up(self, error: OSError) -> None:
        """Say once that nothing can be kept."""
        self.writable = False
        log.warning("features are not kept in the cache: %s (%s)", self.folder, error.strerror or error)

    @contextmanager
    def at_work(self, about: Mapping[str, Any]) -> Iterator[bool]:
        """Within it, other runs see that this one fills the entry; gives whether it is the only one.

        What the entry is (`about`) is kept beside the shards, for a person who lists the cache.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not (self.folder / ABOUT).exists():
                made = datetime.now(timezone.utc).isoformat(timespec="seconds")
                write_whole(self.folder / ABOUT, json.dumps({**about, "n": self.n, "made": made}, indent=1).encode())
        except OSError as error:
            self.give_up(error)
        with ExitStack() as stack:
            yield self.alone(stack)

    def alone(self, stack: ExitStack) -> bool:
        """Take the entry's lock until `stack` closes or the run is killed; False if another run has it."""
        try:
            import fcntl

            lock = stack.enter_context((self.folder / LOCK).open("wb"))
        except (ImportError, OSError):
            return True
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        for part in self.folder.glob("*.part"):  # of a run that was killed while it wrote
            if time.time() - part.stat().st_mtime > ABANDONED:
                part.unlink(missing_ok=True)
        return True


def read_shard(file: Path, place: str, rows: int) -> Shard:
    """The arrays in `file`, checked against the digest beside them."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="numpy") as opened:
            metadata = opened.metadata() or {}
            shard = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise
    except (SafetensorError, OSError, ValueError) as error:
        raise DamagedError(f"{file}: {error}") from None
    if metadata.get("sha256") != digest_of(shard, place):
        raise DamagedError(f"{file}: its content does not have the digest it was written with")
    if "digests" not in shard or any(len(value) != rows for value in shard.values()):
        raise DamagedError(f"{file}: not features of {rows} images")
    return shard


def shard_bytes(shard: Shard, place: str) -> bytes:
    """A shard as a file."""
    from safetensors.numpy import save

    whole = {name: np.ascontiguousarray(value) for name, value in shard.items()}
    return save(whole, metadata={"sha256": digest_of(whole, place)})


def digest_of(shard: Shard, place: str) -> str:
    """SHA-256 of names, types, shapes and values, and of the place that the shard has in the cache."""
    content = hashlib.sha256(place.encode())
    for name in sorted(shard):
        value = shard[name]
        content.update(f"{name} {value.dtype.str} {value.shape}".encode())
        content.update(np.ascontiguousarray(value).data)
    return content.hexdigest()


def write_whole(file: Path, data: bytes) -> None:
    """`file` appears whole or not at all."""
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".part", delete=False) as part:
            temporary = part.name
            part.write(data)
        os.replace(temporary, file)
    except BaseException:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise


# For a person who looks after the cache


@dataclass(frozen=True)
class Listed:
    """One entry, as `genmetrics cache ls` shows it."""

    key: str
    bytes: int
    done: int  # images
    n: int
    about: dict[str, Any]
    used: str  # ISO 8601, UTC: when it was last written

    @property
    def entry(self) -> Entry:
        return Entry(cache_folder() / self.key, self.n)


def entries() -> list[Listed]:
    """Everything in the cache, the oldest first."""
    folder = cache_folder()
    folders = [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    return sorted((listed(path) for path in folders), key=lambda entry: (entry.used, entry.key))


def listed(folder: Path) -> Listed:
    """What is known of one entry without reading its shards."""
    try:
        about = json.loads((folder / ABOUT).read_text())
        n = int(about["n"])
    except (OSError, ValueError, TypeError, KeyError):
        about, n = {}, 0
    files = [file for file in folder.iterdir() if file.is_file()]
    done = sum(stop - start for start, stop in Entry(folder, n).shards().items())
    last = max((file.stat().st_mtime for file in files), default=folder.stat().st_mtime)
    used = datetime.fromtimestamp(last, timezone.utc).isoformat(timespec="seconds")
    return Listed(folder.name, sum(file.stat().st_size for file in files), done, n, about, used)


def damaged(entry: Entry) -> list[str]:
    """What is wrong with the shards of an entry, one sentence each."""
    found = []
    for start, stop in entry.shards().items():
        try:
            entry.read(start, stop)
        except DamagedError as error:
            found.append(str(error))
        except FileNotFoundError:
            continue
    return found


def remove(entry: Entry) -> None:
    """Delete an entry."""
    shutil.rmtree(entry.folder)
