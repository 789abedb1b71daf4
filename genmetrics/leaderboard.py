"""A leaderboard: records in one SQLite file, ranked among equal signatures and only there."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from genmetrics._checks import DataError
from genmetrics.metrics import METRICS
from genmetrics.ranking import by_value_alone, can_be_ranked, places
from genmetrics.records import Record, Score, write_together

APPLICATION_ID = 0x676D6C62  # "gmlb", in the file's header: this is a leaderboard
SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    digest TEXT PRIMARY KEY,  -- SHA-256 of the record's JSON
    model  TEXT NOT NULL,
    samples TEXT NOT NULL,    -- content digest of the generated images
    added  TEXT NOT NULL,     -- ISO 8601, UTC
    json   TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS scores (
    digest    TEXT NOT NULL REFERENCES records ON DELETE CASCADE,
    model     TEXT NOT NULL,
    metric    TEXT NOT NULL,
    signature TEXT NOT NULL,
    value     REAL NOT NULL,
    UNIQUE (model, signature)
);
"""


@dataclass(frozen=True)
class Standing:
    """One model's place under one signature."""

    place: str  # "1", "2="; "" where the metric has no order
    model: str
    score: Score
    digest: str  # of the record it comes from
    by_value_alone: bool = False  # no interval of its difference from another is known


@dataclass(frozen=True)
class Table:
    """Everybody's score under one signature, best first."""

    signature: str
    standings: tuple[Standing, ...]

    @property
    def first(self) -> Score:
        return self.standings[0].score

    @property
    def by_value_alone(self) -> bool:
        """Some places have nothing but the order of the values to go by."""
        return any(standing.by_value_alone for standing in self.standings)


class Leaderboard:
    """The records of one SQLite file. Several processes may add to it at once."""

    def __init__(self, path: str | Path, *, create: bool = True) -> None:
        self.path = Path(path)
        if not create and not self.path.is_file():
            raise DataError(
                f"no leaderboard at {path}; begin one with: genmetrics leaderboard add RECORD --board {path}"
            )
        with self.connected() as board:
            held = board.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if held and board.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
                raise DataError(f"{path}: an SQLite file, but not a leaderboard of genmetrics; choose another --board")
            board.executescript(SCHEMA)
            board.execute(f"PRAGMA application_id = {APPLICATION_ID}")

    @contextmanager
    def connected(self) -> Iterator[sqlite3.Connection]:
        """A connection whose changes are all kept, or none."""
        try:
            with closing(sqlite3.connect(self.path, timeout=30)) as board:
                board.execute("PRAGMA foreign_keys = ON")
                with board:
                    yield board
        except sqlite3.DatabaseError as error:
            raise DataError(f"{self.path}: cannot be used as a leaderboard ({error}); choose another --board") from None

    def add(self, record: Record, model: str, *, replace: bool = False) -> bool:
        """Put a record on the board under the name of its model.

        Args:
            record: with a content digest of the samples and, for each number, one of what it was measured against.
            model: as it is to be called.
            replace: take the place of this model's scores of equal signature.

        Returns:
            False if this very record is there already, under this name.

        Raises:
            DataError: it contradicts itself (`check`); these samples stand there under another name; or this model has
                a score of equal signature.
        """
        return self.add_all([(record, model)], replace=replace)[0]

    def add_all(self, named: Sequence[tuple[Record, str]], *, replace: bool = False) -> list[bool]:
        """Put records on the board, each with its model's name: all of them, or none.

        Returns:
            As `add`, one for each.

        Raises:
            DataError: as `add`, of any of them, or two have a model's score of one signature; the board is as it was.
        """
        for record, _ in named:
            check(record)
        check_apart(named)
        with self.connected() as board:
            board.execute("BEGIN IMMEDIATE")
            return [self.insert(board, record, model, replace) for record, model in named]

    def insert(self, board: sqlite3.Connection, record: Record, model: str, replace: bool) -> bool:
        """`add` within a transaction, of a record that was checked."""
        text = record.to_json()
        digest = hashlib.sha256(text.encode()).hexdigest()
        samples = record.inputs["generated"]["content"]
        added = datetime.now(timezone.utc).isoformat(timespec="seconds")
        standing = board.execute("SELECT model FROM records WHERE digest = ?", (digest,)).fetchone()
        if standing and standing[0] == model:
            return False
        other = board.execute("SELECT model FROM records WHERE samples = ? AND model != ?", (samples, model)).fetchone()
        if other:
            raise DataError(f"'{model}': the same samples are on the board as '{other[0]}'; give that --name")
        for score in record:
            self.make_room(board, model, score, replace)
        board.execute("INSERT INTO records VALUES (?, ?, ?, ?, ?)", (digest, model, samples, added, text))
        rows = [(digest, model, score.metric, score.signature, score.value) for score in record]
        board.executemany("INSERT INTO scores VALUES (?, ?, ?, ?, ?)", rows)
        board.execute("DELETE FROM records WHERE digest NOT IN (SELECT digest FROM scores)")
        return True

    def make_room(self, board: sqlite3.Connection, model: str, score: Score, replace: bool) -> None:
        """Take this model's score of equal signature away, if it may be replaced.

        Raises:
            DataError: there is one, and it may not.
        """
        where = "model = ? AND signature = ?"
        found = board.execute(f"SELECT value FROM scores WHERE {where}", (model, score.signature)).fetchone()
        if found and not replace:
            raise DataError(
                f"'{model}' has {score.name} = {found[0]:.6g} on the board under the same signature; "
                "pass --replace to put this record in its place, or another --name"
            )
        board.execute(f"DELETE FROM scores WHERE {where}", (model, score.signature))

    def tables(self) -> list[Table]:
        """One table a signature, in the order in which metrics appear in the records.

        Raises:
            DataError: a stored record was changed.
        """
        with self.connected() as board:
            rows = board.execute("SELECT digest, json FROM records ORDER BY added, digest").fetchall()
            kept = board.execute("SELECT digest, model, signature FROM scores").fetchall()
        records = {}
        for digest, text in rows:
            if hashlib.sha256(text.encode()).hexdigest() != digest:
                raise DataError(f"{self.path}: the record {digest[:12]} was changed after it was added; add it again")
            records[digest] = {score.signature: score for score in Record.from_json(text)}
        wanted = {(digest, signature): model for digest, model, signature in kept}
        groups: dict[str, dict[str, tuple[Score, str]]] = {}
        for digest, scores in records.items():
            for signature, score in scores.items():
                if (digest, signature) in wanted:
                    groups.setdefault(signature, {})[wanted[digest, signature]] = (score, digest)
        return [table(signature, members) for signature, members in groups.items()]


def table(signature: str, members: dict[str, tuple[Score, str]]) -> Table:
    """The scores of one signature in order; those that have no order come last, by name."""
    scores = {model: score for model, (score, _) in members.items() if can_be_ranked(score)}
    ranked, bare = places(scores), by_value_alone(scores)
    placed = {model for _, model in ranked}
    order = [*ranked, *(("", model) for model in sorted(members) if model not in placed)]
    return Table(signature, tuple(Standing(place, model, *members[model], model in bare) for place, model in order))


def check_apart(named: Sequence[tuple[Record, str]]) -> None:
    """No two of these records have a score of one signature under one name, unless they are the same record.

    Raises:
        DataError: two do.
    """
    known: dict[tuple[str, str], tuple[Record, Score]] = {}
    for record, model in named:
        for score in record:
            other, first = known.setdefault((model, score.signature), (record, score))
            if other.to_json() != record.to_json():
                raise DataError(
                    f"'{model}': two of these records have {score.name} under one signature "
                    f"({first.value:.6g} and {score.value:.6g}); give one of them, or another --name"
                )


def check(record: Record) -> None:
    """A record that agrees with itself: one score a signature, each of the network, sets and direction it claims.

    Raises:
        DataError: it holds no scores, two of one signature, or one that says something else than the rest does.
    """
    if not record.scores:
        raise DataError("the record holds no scores")
    signatures = [score.signature for score in record]
    for score in record:
        if signatures.count(score.signature) > 1:
            raise DataError(f"{score.name}: {signatures.count(score.signature)} scores with one signature; keep one")
        row = METRICS.get(score.metric)
        if row and score.better != row.better:
            raise DataError(
                f"{score.name}: better is '{score.better}', but of {score.metric} it is '{row.better}'; "
                "the record was changed, or is of another version: score the samples again"
            )
    check_digests(record)


def check_digests(record: Record) -> None:
    """The samples are told by their content, and each number is of the network and the sets that the record holds.

    Raises:
        DataError: a digest is missing or none, or a signature names another network or set.
    """
    samples = record.inputs.get("generated", {}).get("content")
    if not isinstance(samples, str):
        raise DataError("the record does not say what its samples are (inputs.generated.content); score them again")
    for side, about in record.inputs.items():
        content = about.get("content")
        if content is not None and not (isinstance(content, str) and re.fullmatch("[0-9a-f]{64}", content)):
            raise DataError(f"inputs.{side}.content is {content!r}, not a SHA-256 of 64 hexadecimal digits")
    for score in record:
        for part in score.signature.split("|"):
            side, _, reference = part.partition(":")
            named = reference.rpartition("/")[2].partition("@")[2] if side == "features" else ""
            weights = str(record.extractor.get("weights_sha256"))
            if not weights.startswith(named):
                raise DataError(
                    f"{score.name}: its signature is of weights {named}, "
                    f"but the record's are {weights[:8]} (extractor.weights_sha256); the record was changed"
                )
            if side not in ("real", "train") or "@" not in reference:
                continue
            held = record.inputs.get(side, {}).get("content")
            if not isinstance(held, str) or not held.startswith(reference.partition("@")[2]):
                raise DataError(
                    f"{score.name}: its signature was made against {reference}, "
                    f"but the record's {side} set is {str(held)[:8]}; the record was changed"
                )


# --- what a board is written as


def build(tables: list[Table], out: str | Path, title: str) -> dict[str, Path]:
    """leaderboard.md, .csv, .json and index.html, all or none of them.

    Returns:
        kind -> where it lies.
    """
    from genmetrics.reports.leaderboard import markdown, page

    folder = Path(out)
    files = {
        "leaderboard.md": markdown(tables, title),
        "leaderboard.csv": as_csv(tables),
        "leaderboard.json": json.dumps(as_json(tables), indent=2, allow_nan=False) + "\n",
        "index.html": page(tables, title),
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_together(folder, {name: text.encode() for name, text in files.items()})
    return {name: folder / name for name in files}


def as_json(tables: list[Table]) -> list[dict[str, Any]]:
    """The tables as JSON values."""
    return [
        {
            "signature": table.signature,
            "metric": table.first.metric,
            "name": table.first.name,
            "better": table.first.better,
            "by_value_alone": table.by_value_alone,
            "standings": [
                {
                    "place": standing.place,
                    "by_value_alone": standing.by_value_alone,
                    "model": standing.model,
                    **{key: getattr(standing.score, key) for key in ("value", "low", "high", "n_real", "n_generated")},
                    "real_data": (standing.score.baseline or {}).get("value"),
                    "record": standing.digest,
                }
                for standing in table.standings
            ],
        }
        for table in tables
    ]


def as_csv(tables: list[Table]) -> str:
    """One row a score."""
    rows = [
        {**{key: table[key] for key in ("metric", "name", "better")}, **standing, "signature": table["signature"]}
        for table in as_json(tables)
        for standing in table["standings"]
    ]
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]) if rows else ["metric"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()
