"""docs/parity.md, made from the tables of parity.

python benchmarks/parity/table_page.py
"""

from __future__ import annotations

import dependency_peers
import feature_peers
import neighbour_peers
from cells import RESULTS, SIZES, WIDTHS, Cell, Row, read, stands

PAGE = RESULTS.parents[1] / "docs" / "parity.md"
SCRIPTS = (feature_peers, neighbour_peers, dependency_peers)

INTRODUCTION = """# Same numbers as other packages

Every metric that another package has too, on the same features: the table of metric, peer and tolerance was fixed
first, for {sizes} images a side and {widths} features.
The tolerance is 1e-6 relative for every number there is (each of n scores, each of 5n distances), 1e-4 where the peer
computes in float32, 0 for indices. Features are float32, skewed and correlated; for neighbours a quarter of the
generated ones are real ones barely altered.

Peers: torch-fidelity 0.4.0 (MIND: its main branch), dgm-eval 0.1.0, prdc 0.2, vendi-score 0.0.3, torchmetrics 1.9.0,
the code of FLS's authors, scikit-learn 1.9.1; and each metric's definition, written out over all pairs with NumPy,
SciPy and scikit-learn. Made by `python benchmarks/parity/table_page.py` from
[parity_features.csv](../benchmarks/results/parity_features.csv),
[parity_neighbours.csv](../benchmarks/results/parity_neighbours.csv) and
[parity_dependencies.csv](../benchmarks/results/parity_dependencies.csv), which `benchmarks/parity/feature_peers.py`,
`neighbour_peers.py` and `dependency_peers.py` measure ({dates}, 2 cores). The tests run what needs no other package,
{live} of the comparisons, at n = 256 and d = 10 each time.

Of {cells} comparisons at {grid} sizes each {held} agree and {differ} differ, as said below;
with what differs made alike, these agree too.
"""

AGREE = """## Where they agree

The largest relative difference of all sizes. "Made alike" is what was chosen for it, on either side: a cell that has
nothing there compares defaults.

| metric | peer | within | largest difference | sizes | made alike |
| --- | --- | --- | --- | --- | --- |
"""

DIFFER = """## Where a peer computes something else

Each with its counter-example, and with the proof that this is all that differs: the largest relative difference that
is left once one side follows the other's rule, as measured at every size at which it shows. At other sizes the same
cell agrees, above.

| metric | peer | what differs | for example | ours | the peer's | sizes | made alike | then within | largest then |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
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


def measured(cell: Cell, rows: dict[tuple[str, ...], Row], holds: str) -> list[Row]:
    """The rows of a cell that say so."""
    found = (rows.get(cell.key(n, d), {}) for n in SIZES for d in WIDTHS)
    return [row for row in found if stands(row) and row["holds"] == holds]


def sizes_of(rows: list[Row]) -> str:
    """At how many sizes, or which, if they are a column of the grid."""
    if len(rows) == len(SIZES) * len(WIDTHS):
        return "all"
    widths = sorted({int(row["d"]) for row in rows})
    whole = len(rows) == len(SIZES) * len(widths)
    return f"d = {' and '.join(f'{width:,}' for width in widths)}" if whole else str(len(rows))


def largest(rows: list[Row], column: str) -> str:
    found = max(float(row[column]) for row in rows)
    return f"{found:.1e}" if found else "0"


def within(cell: Cell) -> str:
    return f"{cell.tolerance:g}" + (f" (float32: {cell.single})" if cell.single else "")


def agreeing(cell: Cell, rows: list[Row]) -> str:
    return line(cell.metric, cell.peer, within(cell), largest(rows, "relative"), sizes_of(rows), cell.alike)


def differing(cell: Cell, rows: list[Row]) -> str:
    assert cell.differs is not None
    row = rows[0]
    example = f"n = {int(row['n']):,}, d = {row['d']}"
    values = (f"{float(row[side]):.4g}" for side in ("ours", "theirs"))
    what = f"{cell.differs.what} (largest relative difference {largest(rows, 'relative')})"
    settled = cell.differs.settled_by, within(cell), largest(rows, "settled")
    return line(cell.metric, cell.peer, what, example, *values, sizes_of(rows), *settled)


def page() -> str:
    """The whole of docs/parity.md."""
    stored = {script: read(script.TABLE_FILE) for script in SCRIPTS}
    cells = [(cell, stored[script]) for script in SCRIPTS for cell in script.TABLE]
    standing = [row for rows in stored.values() for row in rows.values() if stands(row)]
    dates = sorted({row["date"] for row in standing})
    if pending := sum(map(len, stored.values())) - len(standing):
        raise SystemExit(f"{pending} cells are not measured; the scripts named below go on where they stopped")
    introduction = INTRODUCTION.format(
        sizes=enumerated(SIZES),
        widths=enumerated(WIDTHS),
        dates=dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}",
        cells=len(cells),
        live=sum(cell.live for cell, _ in cells),
        grid=len(SIZES) * len(WIDTHS),
        held=sum(row["holds"] == "yes" for row in standing),
        differ=sum(row["holds"] == "differs" for row in standing),
    )
    lines = {
        holds: "".join(tell(cell, found) for cell, rows in cells if (found := measured(cell, rows, holds)))
        for holds, tell in (("yes", agreeing), ("differs", differing))
    }
    return "\n".join((introduction, AGREE + lines["yes"], DIFFER + lines["differs"], AFTER))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
