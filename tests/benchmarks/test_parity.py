"""The tables of parity are whole: every cell at every size agrees, differs as it says, or says why it was not run."""

import importlib
import sys

import numpy as np
import pytest

from genmetrics.metrics import METRICS
from tests.conftest import REPO

# Who computes in float32, and what: the only reason for 1e-4 instead of 1e-6.
FLOAT32 = {
    "torch-fidelity": {
        "frechet",
        "kernel",
        "kernel-rbf",
        "kernel-rbf, sigma 10",
        "sliced-wasserstein",
        "precision, recall",
    },
    "prdc": {"precision, recall", "precision of copies", "density, coverage"},
    "dgm-eval": {"AuthPct", "fls"},
    "fls": {"fls"},
}
DIFFER = {  # what other packages are said to compute: no cell joins them unseen
    ("kernel-rbf, sigma 10", "torch-fidelity"),
    ("inception-score, n no multiple of 10", "dgm-eval"),
    ("rke by score_X", "vendi-score"),
    ("mifid of copies of a few", "torchmetrics"),
    ("realism, n odd", "dgm-eval"),
    ("precision of copies", "prdc"),
    ("C_T", "dgm-eval"),
    ("C_T of all features", "dgm-eval"),
}
ONLY_WIDE = {"kernel-rbf, sigma 10", "C_T of all features"}  # they differ at d = 2048 alone
SCRIPTS = ("feature_peers", "neighbour_peers", "dependency_peers")
CELLS_OF = {  # the cells of a metric, where they bear other names
    "sfid": "frechet",
    "precision": "precision, recall",
    "recall": "precision, recall",
    "density": "density, coverage",
    "coverage": "density, coverage",
    "prd-f8": "prd-f8, prd-f1-8",
    "prd-f1-8": "prd-f8, prd-f1-8",
    "two-sample": "1-NN accuracy",
    "auth-pct": "AuthPct",
    "ct-score": "C_T",
}
OF_IMAGES = {"ms-ssim"}
DRAWN_BY_SKLEARN = ("prd", "C_T")  # k-means of another version of it finds other clusters


def modules_of_parity():
    """The modules of benchmarks/parity, by name."""
    folder = str(REPO / "benchmarks" / "parity")
    sys.path.insert(0, folder)
    try:
        return {name: importlib.import_module(name) for name in ("cells", *SCRIPTS, "table_page")}
    finally:
        sys.path.remove(folder)


MODULES = modules_of_parity()
SETS_OF = {"feature_peers": "features", "neighbour_peers": "with_copies", "dependency_peers": "with_copies"}
LIVE = [(name, cell) for name in SCRIPTS for cell in MODULES[name].TABLE if cell.live]


@pytest.fixture
def parity():
    return MODULES.__getitem__


@pytest.fixture(params=SCRIPTS)
def table(request, parity):
    """The cells at every size and what was measured of them."""
    script = parity(request.param)
    cells = parity("cells")
    return list(cells.grid(script.TABLE)), cells.read(script.TABLE_FILE)


def test_every_cell_stands_at_every_size(table, parity):
    grid, rows = table
    assert {cell.key(n, d) for cell, n, d in grid} == set(rows)
    assert len(grid) == len(rows), "two cells of one name"
    assert [cell.key(n, d) for cell, n, d in grid if not parity("cells").stands(rows[cell.key(n, d)])] == []


def test_every_metric_of_features_has_a_cell():
    cells = {cell.metric for name in SCRIPTS for cell in MODULES[name].TABLE if not cell.differs}
    assert {CELLS_OF.get(name, name) for name in set(METRICS) - OF_IMAGES} <= cells


def test_every_tolerance_follows_from_the_rule(table):
    grid, rows = table
    for cell, n, d in grid:
        in_float32 = cell.metric in FLOAT32.get(cell.peer, ())
        rule = 0 if "indices" in cell.metric else 1e-4 if in_float32 else 1e-6
        assert float(rows[cell.key(n, d)]["tolerance"]) == rule, cell.metric


def test_every_cell_holds_or_says_how_the_peer_differs_and_that_this_is_all(table, parity):
    grid, rows = table
    for cell, n, d in grid:
        row = rows[cell.key(n, d)]
        if not parity("cells").stands(row):
            continue
        relative, tolerance = float(row["relative"]), float(row["tolerance"])
        assert bool(cell.differs) == ((cell.metric, cell.peer) in DIFFER)
        if cell.differs and (cell.metric not in ONLY_WIDE or d == 2048):
            assert (row["holds"], row["remark"].split("; float32")[0]) == ("differs", cell.differs.what)
            assert relative > tolerance >= float(row["settled"]), row
        else:
            assert (row["holds"], row["settled"]) == ("yes", ""), row
            assert relative <= tolerance
            means = float(row["ours"]), float(row["theirs"])
            assert means[0] == pytest.approx(means[1], rel=max(10 * tolerance, 1e-9))


@pytest.mark.parametrize(("script", "cell"), LIVE, ids=[f"{cell.metric} x {cell.peer}" for _, cell in LIVE])
def test_a_cell_whose_peer_is_a_dependency_holds_today(parity, script, cell):
    """At n = 256 and d = 10, and with the number that the table has."""
    sets = getattr(parity(script), SETS_OF[script])(256, 10)
    row = parity("cells").compared(cell, sets, 256, 10)
    assert row["holds"] == "yes", row
    if not cell.metric.startswith(DRAWN_BY_SKLEARN):
        stored = parity("cells").read(parity(script).TABLE_FILE)[cell.key(256, 10)]
        assert float(row["ours"]) == pytest.approx(float(stored["ours"]), rel=1e-6)


def constant(number):
    return lambda sets: number


@pytest.mark.parametrize(
    ("ours", "alike", "at", "holds"),
    [
        (1.0 + 0.9e-6, None, True, "yes"),
        (1.0 + 1.1e-6, None, True, "no"),
        (1.5, 1.0, True, "differs"),
        (1.5, 1.1, True, "no"),  # what is said to differ is not all
        (1.0, 1.0, True, "no"),  # nothing differs
        (1.0, 1.5, False, "yes"),
        (1.5, 1.0, False, "no"),  # it differs where it should not
    ],
)
@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_a_cell_holds_if_it_agrees_or_differs_by_what_is_said_and_nothing_else(parity, ours, alike, at, holds, side):
    cells = parity("cells")
    differs = None
    if alike:
        follows = {"ours": constant(alike)} if side == "ours" else {"theirs": constant(ours / alike)}
        differs = cells.Difference("a rule", "without it", at=lambda n, d: at, **follows)
    cell = cells.Cell("m", "p", constant(ours), constant(1.0), differs=differs)
    row = cells.compared(cell, (np.zeros((5, 2)),), 5, 2)
    assert row["holds"] == holds
    assert bool(row["settled"]) == (holds == "differs" or (holds == "no" and alike == 1.1))
    assert cells.stands(row) == (holds != "no")


@pytest.mark.parametrize(
    ("failure", "holds"), [(ImportError("no module p"), "missing"), (ValueError("cannot"), "peer fails")]
)
def test_a_peer_that_fails_or_is_not_there_is_no_cell_that_stands(parity, failure, holds):
    cells = parity("cells")

    def failing(sets):
        raise failure

    row = cells.compared(cells.Cell("m", "p", constant(1.0), failing), (np.zeros((5, 2)),), 5, 2)
    assert (row["holds"], row["remark"]) == (holds, repr(failure) if holds == "peer fails" else str(failure))
    assert not cells.stands(row)


def test_the_page_is_made_from_the_tables(parity):
    page = parity("table_page")
    assert page.PAGE.read_text(encoding="utf-8") == page.page()


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [([1.0, 2.0], [1.0, 2.2], 0.1), ([0.0], [0.0], 0.0), ([0.0], [1e-15], np.inf), ([1e-17], [1.1e-17], 0.1)],
)
def test_differences_are_relative_however_small_the_numbers(parity, ours, theirs, expected):
    found = parity("cells").relative_difference(np.array(ours), np.array(theirs))
    assert found == pytest.approx(expected)


def test_what_stands_is_not_measured_again(parity, tmp_path, monkeypatch, capsys):
    cells = parity("cells")
    measured = []

    def counted(sets):
        measured.append(len(sets[0]))
        return 1.0

    table = (
        cells.Cell("m", "p", lambda s: 1.0, counted),
        cells.Cell("other", "p", lambda s: 1.0, lambda s: 2.0),
    )
    out = tmp_path / "t.csv"
    command = ["x", "--peers", str(tmp_path), "--out", str(out), "--n", "256", "--d", "10"]
    monkeypatch.setattr(sys, "path", [*sys.path])
    for _ in range(2):
        monkeypatch.setattr(sys, "argv", command)
        cells.run(table, lambda n, d: (np.zeros((n, d)),), out, "about")
    assert measured == [256]
    rows = cells.read(out)
    assert rows["m", "p", "256", "10"]["holds"] == "yes"
    assert rows["other", "p", "256", "10"]["holds"] == "no"
    assert rows["other", "p", "256", "64"]["holds"] == "not yet"
    monkeypatch.setattr(sys, "argv", [*command, "--again", "--only", "m"])
    cells.run(table, lambda n, d: (np.zeros((n, d)),), out, "about")
    assert measured == [256, 256]
    assert cells.read(out).keys() == rows.keys()


def test_a_difference_that_was_not_settled_is_still_to_be_measured(parity, tmp_path):
    cells = parity("cells")
    differs = cells.Difference("a rule", "without it", ours=constant(2.0))
    cell = cells.Cell("m", "p", constant(1.0), constant(2.0), differs=differs)
    old = {cell.key(256, 10): {**cell.told(256, 10), "holds": "differs", "date": "2026-01-01", "settled": ""}}
    assert cells.standing((cell,), old)[0]["holds"] == "not yet"
