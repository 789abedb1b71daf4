"""A claim of a paper, what was found when it was tried again, and how both are shown.

Every script beside this file tries one claim: `CLAIM` says it, `measure()` gives a `Finding`, and running the script
prints both, writes ../results/papers/NAME.csv and draws docs/pictures/papers_NAME.png. page.py makes docs/papers.md of
the files.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

BENCHMARKS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(BENCHMARKS.parent), str(BENCHMARKS)]

import csv_tables as csv_tables  # noqa: E402 (found on the path above)
import packs as packs  # noqa: E402
from lengths import FULL, PICTURES, RESULTS  # noqa: E402
from lengths import PRESET as PRESET  # noqa: E402
from lengths import REPO as REPO  # noqa: E402
from lengths import RUNS as RUNS  # noqa: E402

from genmetrics.intervals import student  # noqa: E402

FOUND = RESULTS / "papers"
Verdict = Literal["holds", "does not hold", "cannot tell here"]
FIELDS = ("what", "value", "low", "high", "published")


@dataclass(frozen=True)
class Claim:
    """What a paper says, and how it is tried here."""

    paper: str  # with its arXiv number
    where: str  # section, figure or table
    says: str  # one sentence
    protocol: str  # one sentence or two: data, models, numbers of images, what is measured
    why: str = ""  # where it does not hold, or cannot be told: the reason, after a second look


class Row(NamedTuple):
    """One number, its 95% interval if there is one, and what the paper printed in its place."""

    what: str
    value: float
    low: float = float("nan")
    high: float = float("nan")
    published: str = ""


class Finding(NamedTuple):
    rows: list[Row]
    verdict: Verdict
    sentence: str  # how the numbers decide


def decided(low: float, high: float, by: float = 0.0) -> Verdict:
    """Whether a quantity that the claim puts above `by` is there, by its interval."""
    if low > by:
        return "holds"
    return "does not hold" if high < by else "cannot tell here"


def all_of(verdicts: Iterable[Verdict]) -> Verdict:
    """Of a claim with several parts: it holds if all do, and does not if one does not."""
    found = set(verdicts)
    return next((v for v in ("does not hold", "cannot tell here") if v in found), "holds")


def over_seeds(what: str, values: Iterable[float], published: str = "", *, share: bool = False) -> Row:
    """The mean over seeds, with Student's 95% interval; that of a share is cut to [0, 1]."""
    x = np.asarray(list(values), dtype=float)
    low, high = student(x)
    if share:
        low, high = max(low, 0.0), min(high, 1.0)
    whose = f"mean of {len(x)} seeds" if len(x) > 1 else "one seed"
    return Row(f"{what} ({whose})", float(x.mean()), low, high, published)


def read(name: str) -> list[dict[str, str]]:
    """Rows of a table in ../results, or, of long runs, in ../results/full.

    Raises:
        SystemExit: it is not there; which command makes it is in `make papers-train`.
    """
    file = RESULTS / name
    if not file.exists():
        raise SystemExit(f"{file} is missing; `make papers-train{' GPU=1' if FULL else ''}` makes it")
    return csv_tables.read(file)


def write(name: str, finding: Finding) -> Path:
    """The numbers, one a line; the verdict and its sentence stand in the last line, with date and machine."""
    file = FOUND / f"{name}.csv"
    numbers = [(row.what, *(f"{x:.6g}" for x in row[1:4]), row.published) for row in finding.rows]
    made = f"{date.today().isoformat()}, {os.cpu_count()} cores"
    verdict = (finding.verdict, "", "", "", f"{finding.sentence} ({made})")
    csv_tables.write(file, [dict(zip(FIELDS, cells, strict=True)) for cells in (*numbers, verdict)])
    return file


def kept(name: str, folder: Path | None = None) -> Finding:
    """What `write` wrote."""
    *rows, last = csv_tables.read((folder or FOUND) / f"{name}.csv")
    numbers = [Row(r["what"], float(r["value"]), float(r["low"]), float(r["high"]), r["published"]) for r in rows]
    return Finding(numbers, last["what"], last["published"])  # pyright: ignore[reportArgumentType]


def shown(row: Row) -> tuple[str, str]:
    """The number and its interval as text."""
    interval = f"[{row.low:.4g}, {row.high:.4g}]" if np.isfinite(row.low) else ""
    return f"{row.value:.4g}", interval


def draw(name: str, rows: list[Row]) -> None:
    """The numbers with their intervals, one below another; numbers of different size in panels of their own."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    groups = of_one_size(rows)
    heights = [0.4 + 0.28 * len(group) for group in groups]
    figure, panels = plt.subplots(
        len(groups), figsize=(6.4, sum(heights) + 0.2), height_ratios=heights, layout="constrained", squeeze=False
    )
    for axis, group in zip(panels[:, 0], groups, strict=True):
        places = np.arange(len(group))[::-1]
        values = np.array([row.value for row in group])
        low, high = (np.array([getattr(row, side) for row in group]) for side in ("low", "high"))
        errors = np.nan_to_num(np.stack([values - low, high - values])).clip(min=0)
        axis.errorbar(values, places, xerr=errors, fmt="o", ms=4, capsize=2, color="#1f5fa8")
        axis.set_yticks(places, [row.what for row in group], fontsize=8)
        axis.set_ylim(-0.6, len(group) - 0.4)
        axis.tick_params(axis="x", labelsize=8)
        axis.grid(axis="x", color="#ddd")
        axis.set_axisbelow(True)
    save(figure, name)
    plt.close(figure)


def save(figure: Any, name: str) -> None:
    """Where the page shows the claim's picture."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURES / f"papers_{name}.png", dpi=80)


def of_one_size(rows: list[Row], ratio: float = 20) -> list[list[Row]]:
    """Rows, in their order, in groups whose largest number is at most `ratio` times the smallest that is not 0."""
    sizes = sorted({abs(row.value) for row in rows if row.value})
    starts = [b for a, b in itertools.pairwise(sizes) if b > ratio * a]
    groups: dict[int, list[Row]] = {}
    for row in rows:
        groups.setdefault(sum(abs(row.value) >= start for start in starts), []).append(row)
    return list(groups.values())


def main(
    script: str, claim: Claim, measure: Callable[[], Finding], picture: Callable[[str], None] | None = None
) -> None:
    """Try the claim, tell, and keep what was found; `picture` draws it in place of its rows."""
    parser = argparse.ArgumentParser(description=f"{claim.paper}, {claim.where}: {claim.says}")
    parser.parse_args()
    name, finding = Path(script).stem, measure()
    print(f"{claim.paper}, {claim.where}\n  {claim.says}\n  {claim.protocol}")
    for row in finding.rows:
        value, interval = shown(row)
        print(f"    {row.what:<56} {value:>10}  {interval:<22} {row.published}")
    print(f"  {finding.verdict.upper()}: {finding.sentence}\n")
    write(name, finding)
    picture(name) if picture else draw(name, finding.rows)


def floats(rows: Iterable[Mapping[str, Any]], key: str) -> list[float]:
    """A column."""
    return [float(row[key]) for row in rows]
