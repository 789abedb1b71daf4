"""A cell of a table of parity, metric x peer x tolerance, and the run over all of them. Shared by the scripts here."""

from __future__ import annotations

import argparse
import csv
import functools
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

EXACT, SINGLE = 1e-6, 1e-4  # relative; of a peer that computes in float32
SIZES, WIDTHS = (256, 2000, 10_000), (10, 64, 2048)
RESULTS = Path(__file__).resolve().parents[1] / "results"
Sets = tuple[np.ndarray, ...]
Row = dict[str, str]
COLUMNS = ("metric", "peer", "n", "d", "tolerance", "ours", "theirs", "relative", "holds", "alike", "remark", "date")
STANDS = ("yes", "differs")  # what a measured cell says in a table that stands
UNMEASURED = ("missing", "not run", "not yet")


def always(n: int, d: int) -> str:
    """No reason to leave a size out."""
    return ""


@dataclass(frozen=True)
class Cell:
    """Of each number, where there are several, the difference must be within the tolerance."""

    metric: str
    peer: str
    ours: Callable[[Sets], Any]
    theirs: Callable[[Sets], Any]
    single: str = ""  # what the peer computes in float32
    alike: str = ""  # what was chosen, on either side or both, so that the two compute the same
    differs: str = ""  # the peer computes something else, and this is what: equal numbers would be the surprise
    unless: Callable[[int, int], str] = always  # why it is not run at n and d

    @property
    def tolerance(self) -> float:
        return 0.0 if "indices" in self.metric else SINGLE if self.single else EXACT

    def key(self, n: int, d: int) -> tuple[str, ...]:
        return self.metric, self.peer, str(n), str(d)

    def told(self, n: int, d: int) -> Row:
        """What a row says before anything is measured."""
        remark = "; ".join(filter(None, (self.differs, self.single and f"float32: {self.single}")))
        names = dict(zip(COLUMNS, self.key(n, d), strict=False))
        return {**dict.fromkeys(COLUMNS, ""), **names, "tolerance": f"{self.tolerance:g}"} | {
            "alike": self.alike,
            "remark": remark,
        }

    def not_run(self, n: int, d: int) -> Row:
        """What stands in the table where nothing is measured: why it is not, or that it is still to be."""
        why = self.unless(n, d)
        return {**self.told(n, d), "holds": "not run" if why else "not yet", "remark": why}


def features(n: int, d: int) -> Sets:
    random = np.random.default_rng(n + d)
    mixing = random.normal(size=(d, d)) / np.sqrt(d)
    return tuple((random.gamma(2.0, size=(n, d)) @ mixing * scale).astype(np.float32) for scale in (1.0, 1.1))


def compared(cell: Cell, sets: Sets, n: int, d: int) -> Row:
    """One row: both values (the mean, where there are several), and whether they agree."""
    row = {**cell.told(n, d), "date": date.today().isoformat()}
    try:
        theirs = np.asarray(cell.theirs(sets), float)
    except ImportError as error:
        return {**row, "holds": "missing", "remark": str(error)}
    except (TypeError, ValueError, ArithmeticError, RuntimeError, AssertionError) as error:
        return {**row, "holds": "peer fails", "remark": repr(error)[:90]}
    ours = np.asarray(cell.ours(sets), float)
    relative = relative_difference(ours, theirs)
    holds = verdict(relative <= cell.tolerance, bool(cell.differs))
    return {**row, "ours": f"{ours.mean():.10g}", "theirs": f"{theirs.mean():.10g}"} | {
        "relative": f"{relative:.1e}",
        "holds": holds,
    }


def relative_difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest |ours - theirs| / |ours|; 0 where both are 0, inf where only ours is."""
    apart = np.abs(ours - theirs)
    return float(np.max(np.divide(apart, np.abs(ours), out=np.where(apart > 0, np.inf, 0.0), where=ours != 0)))


def verdict(agree: bool, differs: bool) -> str:
    """What stands in the table: "differs" only where it was said to."""
    return "no" if agree == differs else "differs" if differs else "yes"


def once(compute: Callable[..., Any]) -> Callable[..., Any]:
    """The last result is kept for the next cell: the sets of one size are always the same."""
    last: dict[tuple[Any, ...], Any] = {}

    @functools.wraps(compute)
    def remembered(sets: Sets, *told: Any, **options: Any) -> Any:
        key = (sets[0].shape, told, tuple(options.items()))
        if key not in last:
            found = compute(sets, *told, **options)
            last.clear()
            last[key] = found
        return last[key]

    return remembered


def read(results: Path) -> dict[tuple[str, ...], Row]:
    """The rows of a table, by metric, peer, n and d."""
    if not results.is_file():
        return {}
    with results.open(newline="") as file:
        return {tuple(row[name] for name in COLUMNS[:4]): row for row in csv.DictReader(file)}


def write(results: Path, rows: Sequence[Row]) -> None:
    """All rows, by renaming a finished file."""
    part = results.with_suffix(".part")
    with part.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    part.replace(results)


def grid(table: Sequence[Cell]) -> Iterator[tuple[Cell, int, int]]:
    """Every cell at every size, in the order of the file."""
    return ((cell, n, d) for n in SIZES for d in WIDTHS for cell in table)


def standing(table: Sequence[Cell], rows: dict[tuple[str, ...], Row]) -> list[Row]:
    """The rows that the file holds, one for every cell at every size; those measured, with today's words."""
    found = []
    for cell, n, d in grid(table):
        row = rows.get(cell.key(n, d), {})
        if cell.unless(n, d) or row.get("holds", "missing") in UNMEASURED:
            found.append(cell.not_run(n, d))
            continue
        told = cell.told(n, d)
        words = ("tolerance", "alike", "remark") if row["holds"] in STANDS else ("tolerance", "alike")
        found.append(row | {name: told[name] for name in words})
    return found


def run(table: Sequence[Cell], sets_of: Callable[[int, int], Sets], results: Path, about: str | None) -> None:
    """The command line: all cells at each n and d that do not stand in the file yet, each written as it comes."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, required=True, nargs="+", help="the folders that hold them")
    parser.add_argument("--n", type=int, nargs="+", default=SIZES, choices=SIZES)
    parser.add_argument("--d", type=int, nargs="+", default=WIDTHS, choices=WIDTHS)
    parser.add_argument("--only", nargs="+", default=[""], help="metrics whose names begin like this")
    parser.add_argument("--again", action="store_true", help="measure what stands in the file too")
    parser.add_argument("--out", type=Path, default=results)
    asked = parser.parse_args()
    sys.path.extend(map(str, asked.peers))
    rows, of_size = read(asked.out), {}
    for cell, n, d in grid(table):
        wanted = n in asked.n and d in asked.d and cell.metric.startswith(tuple(asked.only))
        stands = rows.get(cell.key(n, d), {}).get("holds") in STANDS and not asked.again
        if not wanted or stands or cell.unless(n, d):
            continue
        if (n, d) not in of_size:
            of_size = {(n, d): sets_of(n, d)}
        start = time.perf_counter()
        row = compared(cell, tuple(x.copy() for x in of_size[n, d]), n, d)  # a peer may write into its own
        if row["holds"] != "missing":
            rows[cell.key(n, d)] = row
        write(asked.out, standing(table, rows))
        seconds, peak = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print("  ".join(f"{row[name]:>14}" for name in COLUMNS[:9]), f"{seconds:.0f} s, {peak:.1f} GiB", flush=True)
    write(asked.out, standing(table, rows))
