import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import genmetrics as gm
from genmetrics._checks import DataError
from genmetrics.metrics.two_sample import nearest_accuracy, two_sample_estimate
from tests.reference import manifold as slow


@given(st.integers(0, 10**6), st.integers(2, 9), st.integers(2, 9), st.booleans())
@settings(deadline=None, max_examples=30)
def test_nearest_neighbour_accuracy_agrees_with_rational_arithmetic(seed, n, m, grid):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, 2)), rng.normal(size=(m, 2))
    if grid:
        x, y = np.rint(x), np.rint(y)
    expected = float(slow.nearest_neighbour_accuracy(x, y))
    assert two_sample_estimate(x, y, intervals=False).value == pytest.approx(expected, rel=1e-12)
    if not grid:
        assert nearest_accuracy(x, y) == pytest.approx(expected, rel=1e-12)


def test_by_hand():
    """0 and 1 are each other's nearest; 5 and 6 too; 1.9 is nearest to 1."""
    found = gm.classifier_two_sample(np.array([[0.0], [1.0]]), np.array([[5.0], [6.0], [1.9]]))
    assert (found.accuracy_real, found.accuracy_generated) == (0.5, pytest.approx(2 / 3))
    assert found.accuracy == pytest.approx(7 / 12)
    assert found.low is None


@pytest.mark.parametrize("classifier", ["1-nn", "logistic"])
def test_equal_distributions_cannot_be_told_apart_and_far_ones_can(classifier):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200, 3)), rng.normal(size=(150, 3))
    same, apart = (gm.classifier_two_sample(x, z, classifier) for z in (y, y + 3))
    assert same.low < 0.5 < same.high
    assert same.p_value > 0.01
    assert apart.low > 0.9
    assert apart.p_value <= 0.001
    assert same.classified == ((200, 150) if classifier == "1-nn" else (75, 75))


@pytest.mark.slow
@pytest.mark.parametrize("classifier", ["1-nn", "logistic"])
def test_p_values_of_equal_distributions_are_uniform(classifier):
    rng = np.random.default_rng(1)
    p = [gm.classifier_two_sample(*rng.normal(size=(2, 30, 2)), classifier, seed=i).p_value for i in range(60)]
    assert np.mean(np.array(p) < 0.1) < 0.25
    assert 0.3 < np.mean(np.array(p) < 0.6) < 0.85


def test_copies_of_the_other_set_pull_the_nearest_neighbour_below_one_half():
    x = np.random.default_rng(2).normal(size=(100, 3))
    assert gm.classifier_two_sample(x, x + 1e-9).accuracy == 0


def test_sets_of_one_image_and_unknown_classifiers_are_refused():
    with pytest.raises(DataError, match="generated: 1 image, but at least 2"):
        gm.classifier_two_sample(np.eye(3), np.eye(1, 3))
    with pytest.raises(DataError, match="did you mean 'logistic'"):
        gm.classifier_two_sample(np.eye(3), np.eye(3), "logistics")
