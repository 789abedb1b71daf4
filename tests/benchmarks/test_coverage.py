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
    for of in coverage.PLACES.values():
        assert coverage.table([row for row in coverage.read().values() if row["of"] == of]) in coverage.PAGE.read_text()


def test_no_verdict_is_wrong_more_often_than_2_5_percent_but_for_the_simulations_noise(study):
    _, coverage = study
    rows = [row for row in coverage.read().values() if row["of"] == "difference"]
    judged = {name for name, row in METRICS.items() if row.better in ("lower", "higher") or row.null is not None}
    compared = [row for row in rows if row["metric"] in judged]
    assert {row["truth"] for row in compared} == {"symmetry", "mean"}
    for name in {row["metric"] for row in compared}:
        alike, wrong, _ = coverage.verdicts_in_words([row for row in compared if row["metric"] == name])
        assert "**" not in alike + wrong, (name, alike, wrong)


def test_compare_was_tried_at_0_and_away_from_it_for_all_that_it_compares(study):
    """A metric whose estimate has a standard error over the generated images is compared, or shares another's rows."""
    _, coverage = study
    tried = {row["metric"] for row in coverage.read().values() if row["of"] == "difference"}
    estimates = {METRICS[name].estimate for name in tried}
    shared = {
        "kernel-rbf": "kernel",
        "rke": "vendi",
        "inception-score-infinity": "inception-score",
    }
    for name, metric in METRICS.items():
        if metric.estimate in estimates or metric.needs == ("generated.images",) or shared.get(name) in tried:
            continue
        assert metric.compute()(*given(metric.needs)).std_error_generated is None, name


# how they are made


def mean_of(sides, errors=1.0, pair=False):
    """The mean of all numbers given, its interval made of so many true standard errors; the first set moves it."""

    def estimate(*arrays):
        x = np.concatenate(arrays)
        moves = np.stack([arrays[0].ravel() / 2] * 2) if pair else None
        generated = np.sqrt(arrays[-1].size) / x.size
        return Estimate.normal(
            float(x.mean()), errors / np.sqrt(x.size), std_error_generated=generated, of_reference=moves
        )

    return estimate


class Noise:
    name, whole = "noise", 0

    def draw(self, side, situation, random, n):
        return {"features": random.normal(size=(n, 1)) + (side == "generated" and situation == "apart")}


@pytest.fixture
def tried(study, monkeypatch):
    """Measure a mean of features (n, 1)."""
    cases, coverage = study

    def measure(errors=1.0, held=(), of="value", repetitions=2000, other="null", between=()):
        needs = ("real.features", "generated.features")
        estimate = mean_of(needs, errors, pair=of == "difference" and not between)
        monkeypatch.setitem(cases.STUDIES, "mean", cases.Study(needs, estimate, held, held_between=between))
        return coverage.measured(cases.Case("mean", Noise(), "null", 8, repetitions, of, other))

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


@pytest.mark.parametrize("between", [(), ("real",)])
def test_a_difference_is_of_two_sets_of_samples_against_one_reference(tried, between):
    """Drawn anew or not, it is the same on both sides."""
    found = tried(of="difference", between=between)
    assert float(found["sd"]) == pytest.approx(np.sqrt(2) * np.sqrt(8) / 16, rel=0.1)
    assert float(found["mean_std_error"]) == pytest.approx(np.sqrt(2) * np.sqrt(8) / 16, rel=0.01)
    assert (found["held_fixed"], found["truth"], found["value"]) == (" and ".join(between), "symmetry", "0")
    assert float(found["coverage_percent"]) == pytest.approx(95.0, abs=2.0)
    verdicts = int(found["a_better"]) + int(found["b_better"])
    assert verdicts == int(found["too_low"]) + int(found["too_high"]) == pytest.approx(100, abs=40)


def test_a_difference_away_from_0_has_its_truth_and_its_verdicts(tried):
    """-1/2 at a standard error of 1/4: a is better with probability Phi(2 - 1.96), here where lower is better."""
    found = tried(of="difference", other="apart")
    assert float(found["value"]) == pytest.approx(-0.5, abs=0.03)
    assert int(found["a_better"]) / 2000 == pytest.approx(0.516, abs=0.045)
    assert int(found["b_better"]) == 0


def test_verdicts_are_told_as_none_wrong_and_right(study):
    _, coverage = study
    rest = {"repetitions": "400", "metric": "frechet"}
    alike = {**rest, "truth": "symmetry", "value": "0", "a_better": "8", "b_better": "4"}
    lower = {**rest, "truth": "mean", "value": "-3", "a_better": "200", "b_better": "2"}
    higher = {**rest, "truth": "mean", "value": "3", "a_better": "40", "b_better": "300"}
    assert coverage.verdicts_in_words([alike, lower]) == ["2.0%", "0.5%", "50.0%"]
    assert coverage.verdicts_in_words([alike, lower, higher]) == ["2.0%", "**10.0%**", "50.0 to 75.0%"]
    turned = {**lower, "metric": "precision"}
    assert coverage.verdicts_in_words([{**alike, "metric": "precision"}, turned])[1] == "**50.0%**"


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
