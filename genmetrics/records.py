"""A record: every number of one run with its interval, how it was made, and from what.

A record is what travels. It is written as JSON (schema below), read back, compared and ranked, and it is all
that a report needs.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import math
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genmetrics._checks import DataError, unknown_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCHEMA_VERSION = 1
RECORD, PAIRED = "record.json", "paired.npz"  # the files of a record's folder
BESIDE = ("of_reference", "of_parts")  # of a score: what stands in PAIRED, not in the JSON
DIGEST = "record_sha256"  # of the record that PAIRED belongs to
Z95 = 1.959963984540054  # standard normal quantile of 0.975


@dataclass(frozen=True)
class Estimate:
    """A value and its uncertainty, as a metric returns it.

    `std_error` is that of the whole estimate; `std_error_generated` is the part that comes from drawing the
    generated images alone, the reference held fixed. None where no interval is offered: `interval` then says why.
    `of_reference`, (2, n), is how far the weight of each reference image moves the value, as seen with either of two
    halves of the generated images: the variance over the n images, over n, is the part that drawing these brings. Of
    neighbour metrics `of_parts`, (cuts, parts), has the value of each part of the sets, cut again and again.
    """

    value: float
    std_error: float | None = None
    std_error_generated: float | None = None
    low: float | None = None  # 95% interval
    high: float | None = None
    interval: str = ""  # which interval this is, or why there is none
    options: dict[str, Any] = field(default_factory=dict)  # the choices that belong into the signature
    details: dict[str, Any] = field(default_factory=dict)  # JSON values; per-class tables and the like
    notes: tuple[str, ...] = ()  # warnings about this number
    of_reference: NDArray[Any] | None = field(default=None, compare=False, repr=False)
    of_parts: NDArray[Any] | None = field(default=None, compare=False, repr=False)

    @classmethod
    def bare(cls, value: float, why: str = "intervals were switched off", **rest: Any) -> Estimate:
        """Value without an interval, and why."""
        return cls(value, interval=f"no interval: {why}", **rest)

    @classmethod
    def normal(
        cls,
        value: float,
        std_error: float,
        *,
        bounds: tuple[float, float] = (-math.inf, math.inf),
        **rest: Any,
    ) -> Estimate:
        """Value with the interval value +- 1.96 standard errors, cut to the metric's bounds."""
        if not math.isfinite(std_error):
            kept = {name: rest[name] for name in ("options", "details", "notes") if name in rest}
            return cls.bare(value, "its standard error leaves float64; bring the features nearer to 1", **kept)
        low, high = value - Z95 * std_error, value + Z95 * std_error
        return cls(value, std_error, low=max(low, bounds[0]), high=min(high, bounds[1]), **rest)

    @classmethod
    def log_normal(cls, value: float, std_error: float, **rest: Any) -> Estimate:
        """Value > 0 with the interval value x/: exp(1.96 standard errors / value), which is normal for log value.

        Right where the standard error grows with the value; `normal`, cut at 0, where it exceeds the value.
        """
        if not std_error < value:
            return cls.normal(value, std_error, bounds=(0.0, math.inf), **rest)
        factor = math.exp(Z95 * std_error / value)
        return cls(value, std_error, low=value / factor, high=value * factor, **rest)


@dataclass(frozen=True)
class Score:
    """One row of a record: a metric's value under one protocol."""

    metric: str  # METRICS key
    name: str  # as printed: fid, fd_digits-cnn, ...
    value: float
    low: float | None
    high: float | None
    std_error: float | None
    std_error_generated: float | None
    interval: str
    better: str  # "lower", "higher", "closer to real" (to its baseline); "" where unknown
    n_real: int  # real images it was measured against: test images, or else training images; 0: none
    n_generated: int
    signature: str
    details: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    baseline: dict[str, Any] | None = None  # the same number for real images in the samples' place: value, low, ...
    summary: str = ""  # one line: what the number tells
    of_reference: NDArray[Any] | None = field(default=None, compare=False, repr=False)  # `Estimate`'s; not in the JSON
    of_parts: NDArray[Any] | None = field(default=None, compare=False, repr=False)  # likewise


@dataclass(frozen=True)
class Picture:
    """An image that belongs to a report; never written to JSON."""

    title: str
    caption: str
    media: str  # "image/png" or "image/svg+xml"
    data: bytes


@dataclass(frozen=True)
class Record:
    """The scores of one run and everything needed to believe them."""

    scores: tuple[Score, ...]
    inputs: dict[str, dict[str, Any]]  # real, generated, train -> origin, kind, n, digest, sizes, ...
    extractor: dict[str, Any]  # name, weights_sha256, resize, ...
    seed: int
    warnings: tuple[str, ...]
    environment: dict[str, Any]  # versions, device, platform
    created: str  # ISO 8601, UTC
    schema: int = SCHEMA_VERSION
    pictures: tuple[Picture, ...] = field(default=(), compare=False, repr=False)

    def __getitem__(self, metric: str) -> Score:
        for score in self.scores:
            if metric in (score.metric, score.name):
                return score
        raise KeyError(str(unknown_name("score", metric, [s.metric for s in self.scores])))

    def __iter__(self) -> Iterator[Score]:
        return iter(self.scores)

    def __contains__(self, metric: object) -> bool:
        return any(metric in (score.metric, score.name) for score in self.scores)

    def as_dict(self) -> dict[str, Any]:
        """The record as JSON values."""
        content = {
            f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in ("pictures", "scores")
        }
        fields = [f.name for f in dataclasses.fields(Score) if f.name not in BESIDE]
        content["scores"] = [{name: getattr(score, name) for name in fields} for score in self.scores]
        content["warnings"] = list(self.warnings)
        return {"schema": content.pop("schema"), **content}

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """The record as JSON text (numbers in full precision; no NaN); written to `path` atomically if given.

        In place of a folder's record.json, it leaves no `paired.npz` of another record beside it.
        """
        text = json.dumps(self.as_dict(), indent=2, allow_nan=False) + "\n"
        if path is not None:
            file = Path(path)
            another = file.name == RECORD and not is_of(text, file)
            write_atomically(path, text.encode())
            if another:
                file.with_name(PAIRED).unlink(missing_ok=True)
        return text

    @classmethod
    def from_json(cls, source: str | os.PathLike[str]) -> Record:
        """Read a record from a file, from the folder that holds its record.json, or from JSON text.

        What `compare` pairs two records by comes with it where that lies beside the file (`paired.npz`).

        Raises:
            DataError: not JSON, not a record, or of a schema this version does not read; a folder without a record;
                a record.json changed after it was written together with a `paired.npz`.
        """
        text = str(source)
        if text.lstrip().startswith("{"):
            return cls.parsed(text, "record")
        path = record_file(Path(source))
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path}: not a readable record ({error})") from None
        record = cls.parsed(text, str(path))
        return with_paired(record, text, path.parent / PAIRED) if path.name == RECORD else record

    @classmethod
    def parsed(cls, text: str, where: str) -> Record:
        """The record that JSON text holds.

        Raises:
            DataError: as `from_json`; `where` names the text.
        """
        try:
            content = json.loads(text)
        except (json.JSONDecodeError, RecursionError) as error:
            raise DataError(f"{where}: not JSON ({error})") from None
        schema = content.get("schema") if isinstance(content, dict) else None
        if schema != SCHEMA_VERSION:
            raise DataError(f"{where}: schema {schema!r}, but this version reads schema {SCHEMA_VERSION}")
        try:
            scores = tuple(Score(**{**row, "notes": tuple(row["notes"])}) for row in content.pop("scores"))
            record = cls(scores=scores, **{**content, "warnings": tuple(content["warnings"])})
            check_types(record)
            return record
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
            raise DataError(f"{where}: not a genmetrics record ({error})") from None


def record_file(path: Path) -> Path:
    """The record.json of a folder; another path is itself.

    Raises:
        DataError: the folder has none.
    """
    if not path.is_dir():
        return path
    if not (path / RECORD).is_file():
        raise DataError(f"{path}: no {RECORD} in this folder; `genmetrics score ... --out {path}` writes it")
    return path / RECORD


def files_of(record: Record) -> dict[str, bytes]:
    """What is written of a record: its JSON, and what `compare` pairs two records by where there is any."""
    import numpy as np

    text = record.to_json()
    held = {f"{score.metric}/{name}": getattr(score, name) for score in record.scores for name in BESIDE}
    found = {name: values for name, values in held.items() if values is not None}
    if not found:
        return {RECORD: text.encode()}
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **{DIGEST: np.array(digest_of(text))}, **found)
    return {RECORD: text.encode(), PAIRED: file.getvalue()}


def write_record(folder: Path, record: Record, page: bytes) -> None:
    """Record and report in a folder; what an earlier record there was paired by goes.

    Raises:
        DataError: as `write_together`.
    """
    files = files_of(record)
    write_together(folder, {"report.html": page, **files})
    if PAIRED not in files:
        (folder / PAIRED).unlink(missing_ok=True)


def with_paired(record: Record, text: str, path: Path) -> Record:
    """The record with what was written beside its text; without, if there is nothing that can be read.

    Raises:
        DataError: it was written beside another text.
    """
    import zipfile
    import zlib

    import numpy as np

    try:
        with np.load(io.BytesIO(path.read_bytes())) as file:
            held = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, TypeError):
        return record
    if str(held.pop(DIGEST, "")) != digest_of(text):
        raise DataError(
            f"{path.parent / RECORD}: changed after it was written ({PAIRED} beside it holds the SHA-256 of what was); "
            f"score the samples again, or delete {PAIRED} if it is of another record"
        )
    scores = (replace(s, **{name: held.get(f"{s.metric}/{name}") for name in BESIDE}) for s in record.scores)
    return replace(record, scores=tuple(scores))


def is_of(text: str, path: Path) -> bool:
    """Whether the file holds this very text."""
    return path.is_file() and path.read_bytes() == text.encode()


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def check_types(record: Record) -> None:
    """The parts that comparing and reporting rely on.

    Raises:
        TypeError: one is of another type, or not a finite number.
    """
    if not all(isinstance(part, dict) for part in (record.inputs, record.extractor, record.environment)):
        raise TypeError("inputs, extractor and environment should be objects")
    for side, about in record.inputs.items():
        if not isinstance(about, dict):
            raise TypeError(f"inputs.{side}: {about!r} should be an object")
    if not isinstance(record.created, str):
        raise TypeError(f"created: {record.created!r} should be a string")
    for score in record.scores:
        if any(getattr(score, name) is not None for name in BESIDE):
            raise TypeError(f"{score.metric}: {' and '.join(BESIDE)} stand in {PAIRED}")
        for text in (score.metric, score.name, score.signature, score.better, score.interval):
            if not isinstance(text, str):
                raise TypeError(f"{score.metric}: {text!r} should be a string")
        for key in ("n_real", "n_generated"):
            number = getattr(score, key)
            if isinstance(number, bool) or not isinstance(number, int) or number < 0:
                raise TypeError(f"{score.metric}: {key} is {number!r}, but should be a count of images")
        check_numbers(score.metric, vars(score))
        if score.baseline is not None:
            if not isinstance(score.baseline, dict):
                raise TypeError(f"{score.metric}: baseline {score.baseline!r} should be an object")
            check_numbers(f"{score.metric}: baseline", score.baseline)


def check_numbers(where: str, row: dict[str, Any]) -> None:
    """A value within its interval, and errors that are not below 0; `where` names them.

    Raises:
        TypeError: one is not a finite number.
        ValueError: the interval does not hold the value, beyond rounding; or an error is below 0.
    """
    names = ("low", "high", "std_error", "std_error_generated")
    numbers = {"value": row.get("value"), **{k: row[k] for k in names if row.get(k) is not None}}
    for key, number in numbers.items():
        if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
            raise TypeError(f"{where}: {key} is {number!r}, but should be a finite number")
        if key.startswith("std_error") and number < 0:
            raise ValueError(f"{where}: {key} is {number!r}, below 0")
    value = numbers["value"]
    low, high = numbers.get("low", value), numbers.get("high", value)
    rounding = 1e-9 + 1e-6 * max(abs(low), abs(value), abs(high))
    if low > value + rounding or high < value - rounding:
        raise ValueError(f"{where}: its interval, {low!r} to {high!r}, does not hold its value, {value!r}")


def write_together(folder: Path, files: dict[str, bytes]) -> None:
    """Write several files to `folder`: all of them, or none.

    Raises:
        DataError: one cannot be written; what was there before is still there.
    """
    parts = {name: folder / f".{name}.part" for name in files}
    try:
        for name, part in parts.items():
            write_atomically(part, files[name])
        for name, part in parts.items():
            os.replace(part, folder / name)
    except OSError as error:
        raise DataError(f"cannot write into {folder}: {error.strerror or error}; choose another --out") from None
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to `path` so that a reader sees the old file or the new one, never half of it.

    Raises:
        DataError: the place cannot be written.
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = file.name
            file.write(data)
        os.chmod(temporary, 0o666 & ~current_umask())
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise DataError(f"cannot write {path}: {error.strerror or error}; choose another --out") from None


def current_umask() -> int:
    """The process's file-mode mask (reading it means setting it)."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
