"""docs/parity.md, made from the two tables of parity.

python benchmarks/parity/table_page.py
"""

from __future__ import annotations

import feature_peers
import neighbour_peers
from cells import RESULTS, SIZES, STANDS, UNMEASURED, WIDTHS, Cell, Row, read

PAGE = RESULTS.parents[1] / "docs" / "parity.md"
SCRIPTS = (feature_peers, neighbour_peers)

INTRODUCTION = """# Same numbers as other packages

Every metric that another package has too, on the same features: the table of metric, peer and tolerance was fixed
first, for {sizes} images a side and {widths} features. The tolerance is 1e-6 relative for every number there is
(each of n scores, each of 5n distances), 1e-4 where the peer computes in float32, 0 for indices. Features are float32,
skewed and correlated; for neighbours a quarter of the generated ones are real ones barely altered.

Peers: torch-fidelity 0.4.0 (MIND: its main branch), dgm-eval 0.1.0, prdc 0.2, vendi-score 0.0.3, torchmetrics 1.9.0,
the code of FLS's authors, scikit-learn 1.9.1. Made by `python benchmarks/parity/table_page.py` from
[parity_features.csv](../benchmarks/results/parity_features.csv) and
[parity_neighbours.csv](../benchmarks/results/parity_neighbours.csv), which `benchmarks/parity/feature_peers.py` and
`neighbour_peers.py` measure ({dates}, 2 cores). Of {cells} comparisons at {grid} sizes each {held} agree, {differ}
differ as said below, {left} are not run, and why is said too{pending}.
"""

AGREE = """## Where they agree

The largest relative difference of all sizes. "Made alike" is what was chosen for it, on either side: a cell that has
nothing there compares defaults.

| metric | peer | within | largest difference | sizes | made alike |
| --- | --- | --- | --- | --- | --- |
"""

DIFFER = """## Where a peer computes something else

Each with its counter-example, which is measured at every size.

| metric | peer | what differs | for example | ours | the peer's |
| --- | --- | --- | --- | --- | --- |
"""

LEFT = """## Not run

| metric | peer | n × d | why |
| --- | --- | --- | --- |
"""

AFTER = """## Not compared

`sw_approx` of dgm-eval is no sliced distance but an approximation of it by means and mean variances. Perceptual path
length needs a generator. The Inception network itself is compared in [extractors](extractors.md).
"""


def enumerated(numbers: tuple[int, ...]) -> str:
    *most, last = (f"{number:,}" for number in numbers)
    return f"{', '.join(most)} and {last}"


def line(*parts: str) -> str:
    return f"| {' | '.join(parts)} |\n"


def measured(cell: Cell, rows: dict[tuple[str, ...], Row]) -> list[Row]:
    """The rows of a cell at the sizes at which it was run."""
    found = (rows.get(cell.key(n, d)) for n in SIZES for d in WIDTHS)
    return [row for row in found if row and row["holds"] in STANDS]


def agreeing(cell: Cell, rows: list[Row]) -> str:
    largest = max(float(row["relative"]) for row in rows)
    within = f"{cell.tolerance:g}" + (f" (float32: {cell.single})" if cell.single else "")
    sizes = "all" if len(rows) == len(SIZES) * len(WIDTHS) else str(len(rows))
    return line(cell.metric, cell.peer, within, f"{largest:.1e}" if largest else "0", sizes, cell.alike)


def differing(cell: Cell, rows: list[Row]) -> str:
    row = rows[0]
    example = f"n = {int(row['n']):,}, d = {row['d']}"
    values = (f"{float(row[side]):.4g}" for side in ("ours", "theirs"))
    largest = max(float(each["relative"]) for each in rows)
    what = f"{cell.differs} (largest relative difference {largest:.1e})"
    return line(cell.metric, cell.peer, what, example, *values)


def left_out(cell: Cell, rows: dict[tuple[str, ...], Row]) -> str:
    reasons: dict[str, list[str]] = {}
    for n in SIZES:
        for d in WIDTHS:
            row = rows.get(cell.key(n, d), cell.not_run(n, d))
            if row["holds"] in UNMEASURED:
                reasons.setdefault(row["remark"] or "still to be measured", []).append(f"{n:,} × {d}")
    return "".join(line(cell.metric, cell.peer, ", ".join(sizes), why) for why, sizes in reasons.items())


def page() -> str:
    """The whole of docs/parity.md."""
    stored = {script: read(script.TABLE_FILE) for script in SCRIPTS}
    cells = [(cell, measured(cell, stored[script])) for script in SCRIPTS for cell in script.TABLE]
    rows = [row for rows in stored.values() for row in rows.values()]
    dates = sorted({row["date"] for row in rows if row["date"]})
    counts = {name: sum(row["holds"] == name for row in rows) for name in (*STANDS, *UNMEASURED)}
    introduction = INTRODUCTION.format(
        sizes=enumerated(SIZES),
        widths=enumerated(WIDTHS),
        dates=dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}",
        cells=len(cells),
        grid=len(SIZES) * len(WIDTHS),
        held=counts["yes"],
        differ=counts["differs"],
        left=counts["not run"],
        pending=f", {counts['not yet']} are still to be measured" if counts["not yet"] else "",
    )
    agree = AGREE + "".join(agreeing(cell, rows) for cell, rows in cells if not cell.differs and rows)
    differ = DIFFER + "".join(differing(cell, rows) for cell, rows in cells if cell.differs and rows)
    left = LEFT + "".join(left_out(cell, stored[script]) for script in SCRIPTS for cell in script.TABLE)
    return "\n".join((introduction, agree, differ, left, AFTER))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
