"""Intervals that other modules share, against SciPy's and against what must hold of them."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from genmetrics.intervals import paired_variance, random_halves, reach_of_parts, student, variances_of_parts, wilson


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=30).filter(lambda x: np.std(x) > 1e-6))
def test_students_interval_is_scipys(values):
    expected = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    assert student(values) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_one_value_tells_nothing_of_a_mean():
    assert student([3.0]) == (-math.inf, math.inf)


@settings(deadline=None)
@given(st.integers(4, 200), st.integers(4, 200))
def test_wilsons_interval_is_scipys(found, others):
    n = found + others
    expected = stats.binomtest(found, n).proportion_ci(0.95, "wilson")
    assert wilson(found / n, n) == pytest.approx((expected.low, expected.high), abs=1e-6)


@pytest.mark.parametrize("found", [1, 2, 3])
@pytest.mark.parametrize("others", [4, 30, 200])
def test_of_a_rare_outcome_the_limit_towards_0_is_a_poisson_counts(found, others):
    """The mean under which so many or more come up in 5%; the other limit, and that of none at all, are Wilson's."""
    n = found + others
    low, high = wilson(found / n, n)
    assert stats.poisson.sf(found - 1, low * n) == pytest.approx(0.05)
    assert high == pytest.approx(stats.binomtest(found, n).proportion_ci(0.95, "wilson").high, abs=1e-6)
    assert wilson(others / n, n) == pytest.approx((1 - high, 1 - low))
    assert wilson(0.0, n) == pytest.approx(stats.binomtest(0, n).proportion_ci(0.95, "wilson"), abs=1e-6)


@pytest.mark.parametrize("n", [20, 100, 1000])
def test_a_shares_interval_covers_92_percent_whatever_the_share(n):
    """By exact binomial sums; Wilson's alone falls to 84% near 0 and 1."""
    ends = np.array([wilson(k / n, n) for k in range(n + 1)])
    for share in np.geomspace(0.01 / n, 0.5, 400):
        inside = (ends[:, 0] <= share) & (share <= ends[:, 1])
        assert stats.binom.pmf(np.arange(n + 1), n, share) @ inside > 0.92, share


def test_the_paired_variance_is_that_of_the_mean_of_the_differences():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 1, 30)).repeat(2, axis=1)
    assert paired_variance(a, b) == pytest.approx(np.var(a[0] - b[0], ddof=1) / 30, rel=1e-12)
    assert paired_variance(a, a) == 0
    assert paired_variance(a + 7, b) == pytest.approx(paired_variance(a, b), rel=1e-12)


def test_halves_that_disagree_bring_no_negative_variance():
    assert paired_variance(np.array([[1.0, -1.0], [-1.0, 1.0]]), np.zeros((2, 2))) == 0


def test_with_the_samples_variance_it_makes_that_of_the_difference():
    """x.a - x.b of means: with E x = 0 all variance is of the products, and half-weight influences count it once.

    An influence of whole sets of samples would count it twice: 1.41 times the spread instead of 1.
    """
    rng = np.random.default_rng(1)
    values, claimed, twice = [], [], []
    for _ in range(2000):
        x, a, b = rng.normal(size=(3, 40))
        halves = [np.stack([x * s[rows].mean() for rows in random_halves(40, 0)]) for s in (a, b)]
        given_x = x.mean() ** 2 * (a.var(ddof=1) + b.var(ddof=1)) / 40
        values.append(x.mean() * (a.mean() - b.mean()))
        first, second = halves[0] - halves[1]
        claimed.append(given_x + np.cov(first, second)[0, 1] / 40)  # not kept above 0: without bias
        twice.append(given_x + np.var(x * (a.mean() - b.mean()), ddof=1) / 40)
    assert np.mean(claimed) == pytest.approx(np.var(values), rel=0.2)
    assert np.mean(twice) == pytest.approx(2 * np.var(values), rel=0.2)


def test_the_variance_of_parts_is_less_by_their_number_and_the_reach_students():
    """Variances 2 and 0: their mean over 2 is 0.5; two repeats of two parts have 2 degrees of freedom, t = 4.302653."""
    assert reach_of_parts(np.array([[1.0, 3.0], [4.0, 4.0]])) == pytest.approx(4.302653 * 0.5**0.5, rel=1e-6)


def test_parts_of_a_mean_hold_the_truth_as_often_as_they_say():
    """Sets of 300, cut into halves 20 times; with 1.96 in Student's place 93.6% would."""
    rng = np.random.default_rng(0)
    sets = rng.normal(size=(6000, 300))
    cut = [rng.permuted(sets, axis=1).reshape(-1, 2, 150).mean(axis=2) for _ in range(20)]
    reaches = [reach_of_parts(values) for values in np.stack(cut, axis=1)]
    held = np.mean(np.abs(sets.mean(axis=1)) <= reaches)
    assert held == pytest.approx(0.95, abs=0.0056)  # two standard errors of 6,000 sets


def test_parts_of_two_second_sets_lie_against_the_same_parts_of_the_first():
    rng = np.random.default_rng(2)
    x, y, z = rng.normal(size=(3, 90, 2))
    seen = [variances_of_parts(x, each, lambda a, b: float(a.sum()), seed=3)[2] for each in (y, z)]
    assert np.array_equal(*seen)
    assert np.ptp(seen[0]) > 0
    both, _, values = variances_of_parts(x, y, lambda a, b: float(a.mean() - b.mean()), seed=3)
    assert values.shape == (20, 2)
    assert both == pytest.approx(np.var(values, axis=1, ddof=1).mean() / 2, rel=0.35)  # the other order of parts too
