import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genmetrics._checks import DataError
from genmetrics.metrics.prd import best_f_score, curve, prd


def normal(n, seed, shift=0.0):
    return np.random.default_rng(seed).normal(size=(n, 3)) + shift


def distributions(values):
    x = np.array(values) + 1e-3
    return x / x.sum()


def test_equal_distributions_reach_precision_and_recall_1():
    p = distributions([1.0, 2.0, 3.0])
    precision, recall = curve(p, p, angles=101)
    assert precision[50] == pytest.approx(1)  # slope 1
    assert recall[50] == pytest.approx(1)
    assert best_f_score(precision, recall, 8) == pytest.approx(1)


def test_disjoint_distributions_reach_nothing():
    precision, recall = curve(np.array([1.0, 0]), np.array([0, 1.0]))
    assert precision.max() == recall.max() == 0
    assert best_f_score(precision, recall, 8) == 0


def test_half_the_modes_by_hand():
    """P on two modes, Q on one of them: all precision at recall 1/2, so F_8 = 65 (1/2) / (64 + 1/2), F_1/8 near 1."""
    precision, recall = curve(np.array([0.5, 0.5]), np.array([1.0, 0]), angles=100_001)
    assert best_f_score(precision, recall, 8) == pytest.approx(65 * 0.5 / 64.5, rel=1e-4)
    assert best_f_score(precision, recall, 1 / 8) == pytest.approx((65 / 64) * 0.5 / (1 / 64 + 0.5), rel=1e-4)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=6))
@settings(deadline=None, max_examples=60)
def test_the_curve_is_that_of_its_definition_and_its_mirror_image(weights):
    """alpha(l) = sum min(l P, Q), beta = alpha / l; exchanging the sets exchanges precision and recall."""
    p, q = (distributions(column) for column in zip(*weights, strict=True))
    precision, recall = curve(p, q, angles=11)
    for i, angle in enumerate(np.linspace(1e-10, np.pi / 2 - 1e-10, 11)):
        alpha = sum(min(np.tan(angle) * a, b) for a, b in zip(p, q, strict=True))
        assert precision[i] == pytest.approx(alpha, abs=1e-12)
        assert recall[i] == pytest.approx(min(1, alpha / np.tan(angle)), abs=1e-9)
    mirrored = curve(q, p, angles=11)
    np.testing.assert_allclose(mirrored[0][::-1], recall, atol=1e-6)
    np.testing.assert_allclose(mirrored[1][::-1], precision, atol=1e-6)


def test_missing_modes_cost_recall_and_foreign_samples_precision():
    real = np.concatenate([normal(200, 1), normal(200, 2, 20.0)])
    half, foreign = normal(400, 3), np.concatenate([real[::2], normal(200, 4, -20.0)])
    complete = prd(real, np.concatenate([normal(200, 5), normal(200, 6, 20.0)]), runs=3)
    assert complete.f8 > 0.9
    missing = prd(real, half, runs=3)
    assert missing.f8 < 0.65
    assert missing.f1_8 > 0.9
    strange = prd(real, foreign, runs=3)
    assert strange.f1_8 < 0.65
    assert strange.f8 > 0.9


def test_of_unequal_sets_as_many_are_drawn():
    real = normal(300, 1)
    found = prd(real, normal(100, 2), runs=2, seed=3)
    assert found.precision.shape == (1001,)
    assert 0 < found.f8 <= 1


def test_fewer_images_than_clusters_are_refused():
    with pytest.raises(DataError, match="20 clusters need 10 images on each side, got 4"):
        prd(normal(4, 1), normal(4, 2))
