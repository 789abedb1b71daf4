import numpy as np
import pytest

from genmetrics._checks import DataError
from genmetrics.intervals import random_halves
from genmetrics.metrics.extrapolated import (
    extrapolated,
    frechet_distance_infinity,
    frechet_infinity_estimate,
    inception_score_infinity,
    inception_score_infinity_estimate,
    intercept_variance,
)
from genmetrics.metrics.frechet import frechet_distance
from genmetrics.metrics.inception_score import inception_score
from genmetrics.metrics.moments import Moments


def normal(n, d, seed):
    return np.random.default_rng(seed).normal(size=(n, d))


def test_the_intercept_of_a_line_in_1_over_n_is_exact():
    found = extrapolated(np.zeros((1000, 1)), lambda rows: 3 + 70 / len(rows), 15, 0)
    assert found.value == pytest.approx(3, rel=1e-12)
    assert found.sizes[0] == 100
    assert found.sizes[-1] == 1000
    assert len(found.sizes) == 15
    assert found.values[0] == pytest.approx(3.7)


def test_sizes_begin_at_5000_where_there_are_enough():
    assert extrapolated(np.zeros((60_000, 1)), lambda rows: 1.0, 15, 0).sizes[0] == 5000


def test_the_bias_of_the_frechet_distance_is_gone():
    """The reference is the distribution itself, so the limit is 0; the plain distance at n = 1000 is far above."""
    exact = Moments(10**9, np.zeros(20), np.eye(20) * (10**9 - 1))
    found = [frechet_distance_infinity(exact, normal(1000, 20, i), seed=i).value for i in range(12)]
    plain = np.mean([frechet_distance(exact, normal(1000, 20, i)) for i in range(12)])
    assert abs(np.mean(found)) < 0.1 * plain
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(12)


def test_the_bias_of_the_inception_score_is_gone():
    """Answers without any bearing on the image: the true score is 1, in small sets it is above."""
    logits = normal(2000, 50, 1)
    shared = np.tile(np.log(np.full(50, 1 / 50)), (2000, 1)) + 0.0 * logits
    assert inception_score_infinity(logits=shared).value == pytest.approx(1, abs=1e-9)
    large = inception_score(logits=normal(200_000, 10, 2), splits=1).value
    small = normal(500, 10, 3)
    assert abs(inception_score_infinity(logits=small).value - large) < 0.08
    assert inception_score(logits=small, splits=10).value < large


def test_the_intercepts_variance_is_that_of_a_fit_to_values_of_this_covariance():
    """The covariance of the values of all pairs of subsets, and the weights that a fit gives to each."""
    n, sizes = 900, (90, 400, 640, 900)
    product = np.outer(sizes, sizes)
    common = product / n  # images that two subsets share, on average
    np.fill_diagonal(common, sizes)
    weights = [np.polynomial.polynomial.polyfit(1 / np.array(sizes), unit, 1)[0] for unit in np.eye(4)]
    for first, second in ((3.0, 0.0), (0.0, 5.0), (2.0, 1.0)):
        covariance = first * n * common / product + second * (n * common / product) ** 2
        assert intercept_variance(sizes, first, second) == pytest.approx(weights @ covariance @ weights, rel=1e-9)


@pytest.mark.parametrize(
    ("scale", "least", "most"), [(1.2, 0.9, 1.24), (1.0, 1.12, 1.65)], ids=["away from the null", "at it"]
)
def test_the_standard_error_is_the_spread_over_repeated_draws(scale, least, most):
    """150 repeats give the spread to 6%; 4 of those. At the null the error is meant to be 1.4 times as large."""
    real = normal(2000, 4, 999)
    found = [frechet_infinity_estimate(real, normal(300, 4, i) * scale, seed=i) for i in range(150)]
    spread = np.std([each.value for each in found])
    error = np.sqrt(np.mean([each.std_error**2 for each in found]))
    assert least * spread < error < most * spread


@pytest.mark.parametrize("sure", [1.0, 12.0], ids=["guesses", "sure, all classes alike"])
def test_the_inception_scores_error_is_the_spread_too(sure):
    found = [inception_score_infinity_estimate(answers(400, sure, i), seed=i) for i in range(150)]
    error = np.sqrt(np.mean([each.std_error**2 for each in found]))
    assert error == pytest.approx(np.std([each.value for each in found]), rel=0.24)


def answers(n, sure, seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, 10))
    logits[np.arange(n), rng.integers(10, size=n)] += sure
    return logits


@pytest.mark.parametrize("scale", [1e80, 1e-80])
def test_features_whose_fourth_powers_leave_float64_have_a_value_and_no_interval(scale):
    real, generated = normal(300, 3, 1), normal(300, 3, 2)
    found = frechet_infinity_estimate(scale * real, scale * generated)
    assert found.value == pytest.approx(scale**2 * frechet_infinity_estimate(real, generated).value, rel=1e-6)
    assert found.std_error is None
    assert "scale them" in found.interval


def test_the_interval_is_1_96_standard_errors():
    for found in (
        frechet_infinity_estimate(normal(300, 3, 1), normal(300, 3, 2)),
        inception_score_infinity_estimate(answers(300, 3.0, 1)),
    ):
        ends = (found.value - 1.959964 * found.std_error, found.value + 1.959964 * found.std_error)
        assert (found.low, found.high) == pytest.approx(ends, rel=1e-6)


def test_a_real_image_moves_the_limit_as_it_moves_the_distance_to_either_half():
    real, generated = normal(1500, 3, 1), normal(401, 3, 2) * 1.3
    found = frechet_infinity_estimate(real, generated, seed=4).of_reference
    for rows, moves in zip(random_halves(401, 4), found, strict=True):
        y = generated[rows]
        before = frechet_distance(real, y)
        moved = np.array([frechet_distance(np.vstack([real, real[i]]), y) - before for i in range(40)]) * 1501
        assert np.corrcoef(moved, moves[:40])[0, 1] > 0.999
        assert np.ptp(moved) == pytest.approx(np.ptp(moves[:40]), rel=0.03)
    assert frechet_infinity_estimate(real, generated, intervals=False).of_reference is None


def test_too_few_images_are_refused_and_too_few_to_halve_have_no_interval():
    with pytest.raises(DataError, match="99 images, but at least 100"):
        frechet_distance_infinity(normal(200, 2, 1), normal(99, 2, 2))
    assert "too few to halve" in frechet_infinity_estimate(normal(200, 2, 1), normal(150, 2, 2)).interval
    with pytest.raises(ValueError, match="at least 2, got 1"):
        frechet_distance_infinity(normal(200, 2, 1), normal(200, 2, 2), points=1)
