"""A cell of a table of parity, metric x peer x tolerance, and the run over all of them. Shared by the scripts here."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

EXACT, SINGLE = 1e-6, 1e-4
Sets = tuple[np.ndarray, ...]
COLUMNS = ("metric", "peer", "n", "d", "tolerance", "ours", "theirs", "relative", "holds", "remark")


@dataclass(frozen=True)
class Cell:
    metric: str
    peer: str
    tolerance: float  # relative, of each number where there are several
    ours: Callable[[Sets], Any]
    theirs: Callable[[Sets], Any]
    remark: str = ""
    most: int = 10_000  # images
    widest: int = 2048
    narrowest: int = 1
    differs: bool = False  # the peer computes something else, as the remark says: equal numbers would be the surprise


def features(n: int, d: int) -> Sets:
    random = np.random.default_rng(n + d)
    mixing = random.normal(size=(d, d)) / np.sqrt(d)
    return tuple((random.gamma(2.0, size=(n, d)) @ mixing * scale).astype(np.float32) for scale in (1.0, 1.1))


def compared(cell: Cell, sets: Sets, n: int, d: int) -> dict[str, object]:
    """One row: both values (the mean, where there are several), and whether they agree."""
    row: dict[str, object] = {"metric": cell.metric, "peer": cell.peer, "n": n, "d": d, "tolerance": cell.tolerance}
    try:
        theirs = np.asarray(cell.theirs(sets), float)
    except ImportError as error:
        return {**row, "ours": "", "theirs": "", "relative": "", "holds": "missing", "remark": str(error)}
    except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        return {**row, "ours": "", "theirs": "", "relative": "", "holds": "peer fails", "remark": repr(error)[:90]}
    ours = np.asarray(cell.ours(sets), float)
    relative = float(np.max(np.abs(ours - theirs) / np.maximum(np.abs(ours), 1e-12)))
    holds = verdict(relative <= cell.tolerance, cell.differs)
    numbers = {"ours": f"{ours.mean():.10g}", "theirs": f"{theirs.mean():.10g}", "relative": f"{relative:.1e}"}
    return {**row, **numbers, "holds": holds, "remark": cell.remark}


def verdict(agree: bool, differs: bool) -> str:
    """What stands in the table: "differs" only where it was said to."""
    return "no" if agree == differs else "differs" if differs else "yes"


def run(table: Sequence[Cell], sets_of: Callable[[int, int], Sets], results: Path, about: str | None) -> None:
    """The command line: all cells at each n and d, printed and written as CSV."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, required=True, nargs="+", help="the folders that hold them")
    parser.add_argument("--n", type=int, nargs="+", default=[256, 2000, 10_000])
    parser.add_argument("--d", type=int, nargs="+", default=[10, 64, 2048])
    parser.add_argument("--out", type=Path, default=results)
    arguments = parser.parse_args()
    sys.path.extend(map(str, arguments.peers))
    with arguments.out.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=COLUMNS)
        writer.writeheader()
        for n in arguments.n:
            for d in arguments.d:
                sets = sets_of(n, d)
                for cell in table:
                    if n > cell.most or not cell.narrowest <= d <= cell.widest:
                        continue
                    row = compared(cell, tuple(x.copy() for x in sets), n, d)  # a peer may write into its own
                    writer.writerow(row)
                    file.flush()
                    print("  ".join(f"{value!s:>14}" for value in row.values()), flush=True)
