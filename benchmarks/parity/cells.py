"""A cell of a table of parity, metric x peer x tolerance, and the run over all of them. Shared by the scripts here."""

from __future__ import annotations

import argparse
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

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import csv_tables

EXACT, SINGLE = 1e-6, 1e-4  # relative; of a peer that computes in float32
SIZES, WIDTHS = (256, 2000, 10_000), (10, 64, 2048)
DEPENDENCIES = ("NumPy", "SciPy", "scikit-learn")
RESULTS = Path(__file__).resolve().parents[1] / "results"
Sets = tuple[np.ndarray, ...]
Row = dict[str, str]
COLUMNS = (
    *("metric", "peer", "n", "d", "tolerance", "ours", "theirs", "relative", "holds"),
    *("settled", "alike", "remark", "date"),
)


def everywhere(n: int, d: int) -> bool:
    return True


@dataclass(frozen=True)
class Difference:
    """A peer computes something else: what, and that this is all, since without it the numbers are the same."""

    what: str
    settled_by: str  # in words, by what `ours` or `theirs` is without it
    ours: Callable[[Sets], Any] | None = None  # our number by the peer's rule; or
    theirs: Callable[[Sets], Any] | None = None  # the peer's by ours
    at: Callable[[int, int], bool] = everywhere  # the sizes at which it shows; at others the two agree


@dataclass(frozen=True)
class Cell:
    """Of each number, where there are several, the difference must be within the tolerance."""

    metric: str
    peer: str
    ours: Callable[[Sets], Any]
    theirs: Callable[[Sets], Any]
    single: str = ""  # what the peer computes in float32
    alike: str = ""  # what was chosen, on either side or both, so that the two compute the same
    differs: Difference | None = None  # equal numbers would be the surprise

    @property
    def tolerance(self) -> float:
        return 0.0 if "indices" in self.metric else SINGLE if self.single else EXACT

    @property
    def live(self) -> bool:
        """Does the peer come with genmetrics itself, so that the tests can run the cell?"""
        return self.peer.startswith(DEPENDENCIES)

    def key(self, n: int, d: int) -> tuple[str, ...]:
        return self.metric, self.peer, str(n), str(d)

    def difference(self, n: int, d: int) -> Difference | None:
        """What is said to differ at this size."""
        return self.differs if self.differs and self.differs.at(n, d) else None

    def told(self, n: int, d: int) -> Row:
        """What a row says before anything is measured."""
        difference = self.difference(n, d)
        remark = "; ".join(filter(None, (difference and difference.what, self.single and f"float32: {self.single}")))
        names = dict(zip(COLUMNS, self.key(n, d), strict=False))
        return {**dict.fromkeys(COLUMNS, ""), **names, "tolerance": f"{self.tolerance:g}"} | {
            "alike": self.alike,
            "remark": remark,
        }


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
    row |= {"ours": f"{ours.mean():.10g}", "theirs": f"{theirs.mean():.10g}", "relative": f"{relative:.1e}"}
    agree, difference = relative <= cell.tolerance, cell.difference(n, d)
    if difference is None or agree:
        return {**row, "holds": "yes" if agree and difference is None else "no"}
    left = settled(difference, sets, ours, theirs)
    return {**row, "holds": "differs" if left <= cell.tolerance else "no", "settled": f"{left:.1e}"}


def settled(difference: Difference, sets: Sets, ours: np.ndarray, theirs: np.ndarray) -> float:
    """The relative difference that is left when one side follows the other's rule."""
    if difference.ours:
        ours = np.asarray(difference.ours(sets), float)
    if difference.theirs:
        theirs = np.asarray(difference.theirs(sets), float)
    return relative_difference(ours, theirs)


def relative_difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest |ours - theirs| / |ours|; 0 where both are 0, inf where only ours is."""
    apart = np.abs(ours - theirs)
    return float(np.max(np.divide(apart, np.abs(ours), out=np.where(apart > 0, np.inf, 0.0), where=ours != 0)))


def stands(row: Row) -> bool:
    """Was it measured, and is it in order?"""
    return row.get("holds") == "yes" or (row.get("holds") == "differs" and bool(row.get("settled")))


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
    return {tuple(row[name] for name in COLUMNS[:4]): row for row in csv_tables.read(results)}


def write(results: Path, rows: Sequence[Row]) -> None:
    """All rows, their columns in the order of COLUMNS."""
    csv_tables.write(results, [{name: row[name] for name in COLUMNS} for row in rows])


def grid(table: Sequence[Cell]) -> Iterator[tuple[Cell, int, int]]:
    """Every cell at every size, in the order of the file."""
    return ((cell, n, d) for n in SIZES for d in WIDTHS for cell in table)


def standing(table: Sequence[Cell], rows: dict[tuple[str, ...], Row]) -> list[Row]:
    """The rows that the file holds, one for every cell at every size; those measured, with today's words."""
    found = []
    for cell, n, d in grid(table):
        told = cell.told(n, d)
        row = rows.get(cell.key(n, d), {})
        if not row.get("date") or (row["holds"] == "differs" and not stands(row)):
            row = told | {"holds": "not yet"}
        words = ("tolerance", "alike", "remark") if stands(row) else ("tolerance", "alike")
        found.append(dict.fromkeys(COLUMNS, "") | row | {name: told[name] for name in words})
    return found


def run(table: Sequence[Cell], sets_of: Callable[[int, int], Sets], results: Path, about: str | None) -> None:
    """The command line: all cells at each n and d that do not stand in the file yet, each written as it comes."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, default=[], nargs="+", help="the folders that hold them")
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
        if not wanted or (stands(rows.get(cell.key(n, d), {})) and not asked.again):
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
