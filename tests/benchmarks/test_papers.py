"""The page of the papers' claims is what its tables say, and verdicts follow from intervals."""

import importlib
import sys

import numpy as np
import pytest

from tests.conftest import REPO

PAPERS = REPO / "benchmarks" / "papers"


@pytest.fixture
def papers(monkeypatch):
    """The modules of benchmarks/papers, by name."""
    monkeypatch.setattr(sys, "path", [str(PAPERS), *sys.path])
    return importlib.import_module


def test_the_page_is_made_from_the_tables(papers):
    page = papers("page")
    assert page.PAGE.read_text(encoding="utf-8") == page.page()


def test_every_script_is_on_the_page_and_every_table_has_a_script(papers):
    page = papers("page")
    scripts = {file.stem for file in PAPERS.glob("*.py")} - {"claim", "page", "samples"}
    assert scripts == set(page.names())
    assert {file.stem for file in page.FOUND.glob("*.csv")} <= scripts


def test_every_claim_says_where_it_stands_and_how_it_is_tried(papers):
    page = papers("page")
    for name in page.names():
        claim = page.claim_of(name)
        assert all((claim.paper, claim.where, claim.says, claim.protocol)), name
        assert claim.says.endswith(".")


def test_a_claim_that_is_not_confirmed_says_why(papers):
    page = papers("page")
    for name in page.names():
        if (page.FOUND / f"{name}.csv").exists() and page.kept(name).verdict != "holds":
            assert page.claim_of(name).why, name


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.1, 2.0, "holds"),
        (-2.0, -0.1, "does not hold"),
        (-1.0, 1.0, "cannot tell here"),
        (0.0, 1.0, "cannot tell here"),
    ],
)
def test_a_verdict_follows_from_the_interval(papers, low, high, verdict):
    assert papers("claim").decided(low, high) == verdict


def test_one_part_that_fails_fails_the_claim(papers):
    all_of = papers("claim").all_of
    assert all_of(["holds", "holds"]) == "holds"
    assert all_of(["holds", "cannot tell here"]) == "cannot tell here"
    assert all_of(["cannot tell here", "does not hold", "holds"]) == "does not hold"


def test_the_interval_over_seeds_is_students(papers):
    row = papers("claim").over_seeds("x", [1.0, 2.0, 3.0])
    assert row.value == 2
    assert row.high - row.value == pytest.approx(4.302652729911275 / np.sqrt(3))  # deviation 1


def test_the_interval_of_a_share_stays_one(papers):
    row = papers("claim").over_seeds("x", [0.0, 1.0, 1.0], share=True)
    assert (row.low, row.high) == (0, 1)


def test_numbers_of_another_size_get_a_panel_of_their_own(papers):
    claim = papers("claim")
    rows = [claim.Row(name, value) for name, value in (("a", 0.2), ("b", 25.0), ("c", 0.5), ("d", 0.0), ("e", -30.0))]
    groups = [[row.what for row in group] for group in claim.of_one_size(rows)]
    assert groups == [["a", "c", "d"], ["b", "e"]]


def test_the_interval_of_a_correlation_is_fishers(papers):
    """r = 0.5 of 28 pairs: tanh(0.5493 -+ 1.96 / 5)."""
    low, high = papers("acgan_accuracy_diversity").over_classes(0.5, 28)
    assert (low, high) == pytest.approx((0.156, 0.736), abs=1e-3)


def test_what_was_found_comes_back(papers, tmp_path, monkeypatch):
    claim = papers("claim")
    monkeypatch.setattr(claim, "FOUND", tmp_path)
    finding = claim.Finding([claim.Row("a, b", 1.5, 1.0, 2.0, "~3"), claim.Row("c", 0.25)], "holds", 'It "does", here.')
    claim.write("x", finding)
    again = claim.kept("x")
    assert again.rows[0] == finding.rows[0]
    assert again.rows[1][:2] == ("c", 0.25)
    assert np.isnan(again.rows[1].low)
    assert again.verdict == "holds"
    assert again.sentence.startswith('It "does", here. (')
