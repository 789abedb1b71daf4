import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genmetrics._checks import DataError
from genmetrics.metrics.vendi import directions, entropy_influence, rke, rke_estimate, vendi_estimate, vendi_score
from tests.reference import spectra as slow


def sample(n, d, seed):
    return np.random.default_rng(seed).gamma(2.0, size=(n, d))


@pytest.mark.parametrize("shape", [(30, 4), (6, 6), (5, 9), (2, 3), (7, 1)])
@pytest.mark.parametrize("q", [0.5, 1.0, 2.0, 3.0])
def test_the_dual_gives_what_the_matrix_of_similarities_gives(shape, q):
    x = sample(*shape, 1)
    assert vendi_score(x, q) == pytest.approx(slow.vendi_score(x, q), rel=1e-6 if q < 1 else 1e-9)


@pytest.mark.parametrize("shape", [(30, 4), (5, 9)])
def test_rke_is_the_inverse_mean_square_of_all_similarities(shape):
    x = sample(*shape, 2)
    assert rke(x) == pytest.approx(slow.rke(x), rel=1e-12)


def test_k_orthogonal_images_in_equal_shares_count_as_k():
    x = np.repeat(np.diag([1.0, 5.0, 0.1]), 7, axis=0)
    for q in (0.5, 1.0, 2.0, np.inf):
        assert vendi_score(x, q) == pytest.approx(3, rel=1e-12)
    assert rke(x) == pytest.approx(3, rel=1e-12)


def test_shares_by_hand():
    """Two orthogonal kinds, 3 to 1: exp(-3/4 log 3/4 - 1/4 log 1/4), and 1 / (9/16 + 1/16)."""
    x = np.array([[1.0, 0], [2, 0], [3, 0], [0, 1]])
    assert vendi_score(x) == pytest.approx((3 / 4) ** (-3 / 4) * 4 ** (1 / 4), rel=1e-12)
    assert rke(x) == pytest.approx(1.6, rel=1e-12)
    assert vendi_score(x, np.inf) == pytest.approx(4 / 3, rel=1e-12)


def test_the_linear_kernel_counts_lengths_too():
    """Eigenvalues of K: 1 and 9, so shares of 0.1 and 0.9."""
    x = np.array([[1.0, 0], [0, 3]])
    assert rke(x, "linear") == pytest.approx(1 / (0.01 + 0.81), rel=1e-12)
    assert rke(x) == pytest.approx(2, rel=1e-12)


@given(st.integers(0, 10**6), st.integers(2, 30), st.integers(1, 8))
@settings(deadline=None, max_examples=40)
def test_it_is_invariant_to_rotation_scale_and_replication_and_falls_with_the_order(seed, n, d):
    x = np.random.default_rng(seed).normal(size=(n, d))
    rotation = np.linalg.qr(np.random.default_rng(seed + 1).normal(size=(d, d)))[0]
    value = vendi_score(x)
    assert vendi_score(7 * x @ rotation) == pytest.approx(value, rel=1e-8)
    assert vendi_score(np.vstack([x, x])) == pytest.approx(value, rel=1e-8)
    assert 1 - 1e-9 <= vendi_score(x, np.inf) <= rke(x) * (1 + 1e-9) <= value * (1 + 2e-9)
    assert value <= min(n, d) * (1 + 1e-9)


@pytest.mark.parametrize("q", [1.0, 2.0])
def test_the_influence_is_the_derivative_in_the_weight_of_an_image(q):
    x = directions(sample(9, 3, 3), "cosine")

    def entropy(weights):
        p = np.linalg.eigvalsh((x * weights[:, None]).T @ x)
        return -(p * np.log(p)).sum() if q == 1 else np.log((p**q).sum()) / (1 - q)

    for i in (0, 8):
        step = 1e-6 * (np.eye(9)[i] - 1 / 9)
        slope = (entropy(1 / 9 + step) - entropy(1 / 9 - step)) / 2e-6
        assert entropy_influence(x, q)[i] == pytest.approx(slope, rel=1e-6)


@pytest.mark.parametrize("estimate", [vendi_estimate, rke_estimate])
def test_the_standard_error_is_the_spread_over_repeated_draws(estimate):
    """300 repeats give the spread to 4%; 4 of those."""
    found = [estimate(sample(200, 4, i)) for i in range(300)]
    spread = np.std([each.value for each in found])
    assert np.mean([each.std_error for each in found]) == pytest.approx(spread, rel=0.17)


def test_no_interval_where_features_are_many():
    found = vendi_estimate(sample(30, 10, 1))
    assert found.low is None
    assert "30 images for 10-wide" in found.interval


def test_an_image_without_direction_is_refused():
    with pytest.raises(DataError, match="1 row all zeros, first is row 2"):
        vendi_score(np.vstack([sample(2, 3, 1), np.zeros((1, 3))]))
    with pytest.raises(DataError, match="all zeros"):
        rke(np.zeros((2, 3)), "linear")
    with pytest.raises(ValueError, match="q must be above 0"):
        vendi_score(sample(3, 2, 1), 0.0)
    with pytest.raises(DataError, match="unknown kernel 'cosin'; did you mean 'cosine'"):
        vendi_score(sample(3, 2, 1), kernel="cosin")
