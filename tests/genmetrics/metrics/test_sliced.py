import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genmetrics._checks import DataError
from genmetrics.metrics import sliced as module
from genmetrics.metrics.sliced import coupling, sliced_wasserstein
from tests.reference import sliced as slow


def normal(n, d, seed, shift=0.0):
    return np.random.default_rng(seed).normal(size=(n, d)) + shift


@pytest.mark.parametrize("shape", [(12, 12, 3), (12, 8, 3), (7, 5, 2), (1, 6, 4), (9, 9, 1)])
def test_it_agrees_with_exact_quantiles(shape):
    n, m, d = shape
    real, generated, u = normal(n, d, 1), normal(m, d, 2, 0.4), normal(20, d, 3)
    found = sliced_wasserstein(real, generated, u)
    assert found.value == pytest.approx(slow.sliced_wasserstein(real, generated, u), rel=1e-12)


def test_known_value_by_hand():
    """One direction: points 0, 2 against 1, 5: (1 + 9) / 2 = 5, times 3."""
    assert sliced_wasserstein([[0.0], [2.0]], [[5.0], [1.0]], [[-4.0]]).value == pytest.approx(15)


def test_a_shift_of_gaussians_counts_three_times_its_square():
    """In d = 2 the mean of (u.shift)^2 is |shift|^2 / 2; a shift of a set's own points is exact in each direction."""
    x = normal(50, 2, 1)
    found = sliced_wasserstein(x, x + np.array([3.0, 4.0]), 4000)
    assert found.value == pytest.approx(75, abs=4 * found.std_error)
    assert found.std_error < 1.5


@given(st.integers(1, 40), st.integers(1, 40))
@settings(deadline=None)
def test_a_coupling_has_both_margins(n, m):
    i, j, weights = coupling(n, m)
    np.testing.assert_allclose(np.bincount(i, weights, n), 1 / n, rtol=1e-12)
    np.testing.assert_allclose(np.bincount(j, weights, m), 1 / m, rtol=1e-12)
    assert (np.diff(i) >= 0).all()
    assert (np.diff(j) >= 0).all()


@given(st.integers(0, 10**6), st.integers(2, 20), st.integers(2, 20), st.integers(1, 5))
@settings(deadline=None, max_examples=40)
def test_it_is_0_of_a_set_with_itself_symmetric_and_blind_to_a_common_shift(seed, n, m, d):
    x, y, u = normal(n, d, seed), normal(m, d, seed + 1), normal(8, d, seed + 2)
    value = sliced_wasserstein(x, y, u).value
    assert sliced_wasserstein(x, x[::-1], u).value == 0
    assert sliced_wasserstein(y, x, u).value == pytest.approx(value, rel=1e-9)
    assert sliced_wasserstein(x + 100, y + 100, u).value == pytest.approx(value, rel=1e-9)
    assert sliced_wasserstein(np.vstack([x, x]), y, u).value == pytest.approx(value, rel=1e-9)


def test_blocks_of_directions_do_not_change_the_value(monkeypatch):
    x, y = normal(20, 3, 1), normal(15, 3, 2)
    whole = sliced_wasserstein(x, y, 50)
    monkeypatch.setattr(module, "AT_ONCE", 7)
    assert sliced_wasserstein(x, y, 50).value == pytest.approx(whole.value, rel=1e-12)


def test_the_standard_error_is_the_spread_over_draws_of_directions():
    x, y = normal(30, 4, 1), normal(30, 4, 2, 1.0)
    found = [sliced_wasserstein(x, y, 50, seed=i) for i in range(200)]
    assert np.mean([f.std_error for f in found]) == pytest.approx(np.std([f.value for f in found]), rel=0.2)


def test_directions_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="at least 2, got 1"):
        sliced_wasserstein(normal(3, 2, 1), normal(3, 2, 2), 1)
    with pytest.raises(DataError, match="length 0"):
        sliced_wasserstein(normal(3, 2, 1), normal(3, 2, 2), np.zeros((1, 2)))
