"""The tables of parity are whole: every cell at every size agrees, differs as it says, or says why it was not run."""

import importlib
import sys

import numpy as np
import pytest

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
    "kernel-rbf, sigma 10",
    "inception-score, n no multiple of 10",
    "rke by score_X",
    "mifid of copies of a few",
    "realism, n odd",
    "precision of copies",
    "C_T",
    "C_T of all features",
}


@pytest.fixture
def parity(monkeypatch):
    """The modules of benchmarks/parity, by name."""
    monkeypatch.setattr(sys, "path", [str(REPO / "benchmarks" / "parity"), *sys.path])
    return importlib.import_module


@pytest.fixture(params=["feature_peers", "neighbour_peers"])
def table(request, parity):
    """The cells at every size and what was measured of them."""
    script = parity(request.param)
    cells = parity("cells")
    return list(cells.grid(script.TABLE)), cells.read(script.TABLE_FILE)


def test_every_cell_stands_at_every_size(table):
    grid, rows = table
    assert {cell.key(n, d) for cell, n, d in grid} == set(rows)
    assert len(grid) == len(rows), "two cells of one name"


def test_every_tolerance_follows_from_the_rule(table):
    grid, rows = table
    for cell, n, d in grid:
        in_float32 = cell.metric in FLOAT32.get(cell.peer, ())
        rule = 0 if "indices" in cell.metric else 1e-4 if in_float32 else 1e-6
        assert float(rows[cell.key(n, d)]["tolerance"]) == rule, cell.metric


def test_every_cell_holds_or_says_how_the_peer_differs(table):
    grid, rows = table
    for cell, n, d in grid:
        row = rows[cell.key(n, d)]
        if row["holds"] in ("not run", "not yet"):
            continue
        relative = float(row["relative"])
        if cell.metric in DIFFER:
            assert (row["holds"], row["remark"][: len(cell.differs)]) == ("differs", cell.differs)
            assert relative > float(row["tolerance"])
        else:
            assert (row["holds"], cell.differs) == ("yes", ""), row
            assert relative <= float(row["tolerance"])
            means = float(row["ours"]), float(row["theirs"])
            assert means[0] == pytest.approx(means[1], rel=max(10 * float(row["tolerance"]), 1e-9))


def test_a_cell_that_is_not_run_says_why_and_was_run_at_some_size(table):
    grid, rows = table
    for cell, n, d in grid:
        row, why = rows[cell.key(n, d)], cell.unless(n, d)
        assert (row["holds"] == "not run") == bool(why)
        assert row["holds"] != "not yet"
        if row["holds"] in ("not run", "not yet"):
            assert (row["remark"], row["ours"], row["theirs"]) == (why, "", "")
            assert any(rows[cell.key(*size)]["ours"] for size in ((256, 10), (256, 64), (256, 2048)))


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
        cells.Cell("m", "p", lambda s: 1.0, counted, unless=lambda n, d: "too wide" if d == 2048 else ""),
        cells.Cell("other", "p", lambda s: 1.0, lambda s: 2.0),
    )
    command = ["x", "--peers", str(tmp_path), "--out", str(tmp_path / "t.csv"), "--n", "256", "--d", "10", "2048"]
    for _ in range(2):
        monkeypatch.setattr(sys, "argv", command)
        cells.run(table, lambda n, d: (np.zeros((n, d)),), tmp_path / "t.csv", "about")
    assert measured == [256]
    rows = cells.read(tmp_path / "t.csv")
    assert rows["m", "p", "256", "10"]["holds"] == "yes"
    assert rows["m", "p", "256", "2048"]["remark"] == "too wide"
    assert rows["other", "p", "256", "10"]["holds"] == "no"
    assert rows["other", "p", "256", "64"]["holds"] == "not yet"
    monkeypatch.setattr(sys, "argv", [*command, "--again", "--only", "m"])
    cells.run(table, lambda n, d: (np.zeros((n, d)),), tmp_path / "t.csv", "about")
    assert measured == [256, 256]
    assert cells.read(tmp_path / "t.csv").keys() == rows.keys()
