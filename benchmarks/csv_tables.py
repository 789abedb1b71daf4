"""Tables of results: CSV files with a heading, read whole and written whole, so that one cut short loses nothing."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a table, as text; none where there is no file."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, rows: Sequence[Mapping[str, object]], digits: str = "") -> None:
    """Columns in the order in which the rows first name them; floats in the format `digits` (".4g", say)."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: format(v, digits) if isinstance(v, float) else v for k, v in row.items()} for row in rows)
    part.replace(path)


def replaced(rows: Iterable[Mapping[str, object]], new: Mapping[str, object], *keys: str) -> list[Mapping[str, object]]:
    """The rows without those of the new one's `keys`, and the new one."""
    of = [str(new[key]) for key in keys]
    return [*(row for row in rows if [str(row[key]) for key in keys] != of), new]
