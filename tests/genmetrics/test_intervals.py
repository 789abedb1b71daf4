"""Intervals that other modules share, against SciPy's and against what must hold of them."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from genmetrics.intervals import student, wilson


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
