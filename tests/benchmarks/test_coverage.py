"""The study of the intervals' coverage: it measures what it says, and its results are in the docs, none left out."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from genmetrics.metrics import METRICS
from genmetrics.records import Estimate

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
CLASSES, N, D = 5, 200, 6


@pytest.fixture
def study(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("coverage_cases"), importlib.import_module("coverage")


def given(needs):
    """Arguments of a metric by what it needs."""
    rng = np.random.default_rng(0)
    made = {
        "features": lambda: rng.gamma(2.0, size=(N, D)),
        "embedding": lambda: rng.gamma(2.0, size=(N, D)),
        "logits": lambda: rng.normal(size=(N, CLASSES)),
        "labels": lambda: np.arange(N) % CLASSES,
    }
    return [made[need.split(".")[1]]() for need in needs]


# the results


def test_every_interval_that_is_offered_was_tried_on_gaussians_and_on_mnist_at_the_null_and_away_from_it(study):
    """So a new metric comes with rows of its own, or without an interval. Metrics of one estimate share their rows."""
    cases, coverage = study
    tried = {METRICS[name].estimate for name in cases.STUDIES if name in METRICS}
    for name, metric in METRICS.items():
        if metric.estimate not in tried:
            assert metric.compute()(*given(metric.needs)).interval.startswith("no interval: "), name
    rows = [row for row in coverage.read().values() if row["of"] == "value"]
    found = {(row["metric"], "MNIST" in row["images"], row["samples"] == "null") for row in rows}
    assert found == {(name, mnist, null) for name in cases.STUDIES for mnist in (True, False) for null in (True, False)}


def test_all_cases_are_in_the_results_and_no_others(study):
    cases, coverage = study
    assert list(coverage.read()) == [case.key for case in cases.cases()]


def test_coverage_is_92_to_98_percent_but_for_the_simulations_noise_or_the_docs_say_where_not(study):
    _, coverage = study
    page = coverage.PAGE.read_text()
    for row in filter(coverage.outside, coverage.read().values()):
        assert coverage.in_words(row) in page, coverage.spoken(row)


def test_the_docs_have_the_table_of_these_results(study):
    _, coverage = study
    assert coverage.table(list(coverage.read().values())) in coverage.PAGE.read_text()


# how they are made


def mean_of(sides, errors=1.0):
    """The mean of all numbers given, its interval made of so many true standard errors."""

    def estimate(*arrays):
        x = np.concatenate(arrays)
        return Estimate.normal(float(x.mean()), errors / np.sqrt(x.size), std_error_generated=1 / np.sqrt(x.size))

    return estimate


class Noise:
    name, whole = "noise", 0

    def draw(self, side, situation, random, n):
        return {"features": random.normal(size=(n, 1))}


@pytest.fixture
def tried(study, monkeypatch):
    """Measure a mean of features (n, 1)."""
    cases, coverage = study

    def measure(errors=1.0, held=(), of="value", repetitions=2000):
        needs = ("real.features", "generated.features")
        monkeypatch.setitem(cases.STUDIES, "mean", cases.Study(needs, mean_of(needs, errors), held))
        return coverage.measured(cases.Case("mean", Noise(), "null", 8, repetitions, of))

    return measure


def test_an_exact_interval_covers_95_percent_and_one_of_half_its_width_67(tried):
    """2 Phi(1.96) - 1 and 2 Phi(0.98) - 1, to 4 standard errors of 2000 repetitions."""
    assert float(tried()["coverage_percent"]) == pytest.approx(95.0, abs=2.0)
    assert float(tried(errors=0.5)["coverage_percent"]) == pytest.approx(67.3, abs=4.2)


def test_what_is_held_fixed_does_not_vary(tried):
    """Of the mean of 8 + 8 numbers, a half is left to vary."""
    everything, half = tried(), tried(held=("real",))
    assert float(everything["sd"]) == pytest.approx(1 / 4, rel=0.1)
    assert float(half["sd"]) == pytest.approx(np.sqrt(8) / 16, rel=0.1)
    assert (everything["held_fixed"], half["held_fixed"]) == ("", "real")


def test_a_difference_is_of_two_sets_of_samples_against_one_reference(tried):
    found = tried(of="difference")
    assert float(found["sd"]) == pytest.approx(np.sqrt(2) * np.sqrt(8) / 16, rel=0.1)
    assert found["held_fixed"] == "real"


def test_a_metric_that_offers_no_interval_is_no_case(study, monkeypatch):
    cases, coverage = study
    monkeypatch.setitem(cases.STUDIES, "mean", cases.Study(("real.features",), lambda x: Estimate.bare(0.0)))
    with pytest.raises(AssertionError, match="no interval was offered"):
        coverage.measured(cases.Case("mean", Noise(), "null", 8, 3))


def test_results_are_kept_in_the_order_of_the_cases_and_read_again(study, tried, tmp_path):
    cases, coverage = study
    row = tried(repetitions=5)
    order = [cases.Case("mean", Noise(), "apart", 8, 5), cases.Case("mean", Noise(), "null", 8, 5)]
    coverage.write(tmp_path / "c.csv", {coverage.key_of(row): row, ("gone",): row}, order)
    assert coverage.read(tmp_path / "c.csv") == {order[1].key: row}


@pytest.mark.parametrize(("percent", "is_outside"), [(88.0, True), (91.0, False), (99.0, False), (99.9, True)])
def test_outside_is_what_noise_does_not_explain(study, percent, is_outside):
    _, coverage = study
    assert coverage.outside({"coverage_percent": str(percent), "repetitions": "400"}) == is_outside
