"""Intervals that other modules share, against SciPy's and against what must hold of them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from genmetrics.intervals import student, wilson


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=30).filter(lambda x: np.std(x) > 1e-6))
def test_students_interval_is_scipys(values):
    expected = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    assert student(values) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_one_value_tells_nothing_of_a_mean():
    assert student([3.0]) == (-math.inf, math.inf)


@given(st.integers(0, 200), st.integers(1, 200))
def test_wilsons_interval_is_scipys(found, more):
    n = found + more
    expected = stats.binomtest(found, n).proportion_ci(0.95, "wilson")
    assert wilson(found / n, n) == pytest.approx((expected.low, expected.high), abs=1e-6)
