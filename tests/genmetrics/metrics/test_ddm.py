import math
import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from genmetrics._checks import DataError, UnknownNameError
from genmetrics.kernels.tiles import COLUMNS
from genmetrics.metrics.ddm import ddm, ddm_estimate
from tests.reference import ddm as slow

DISTANCES = ("half_sq", "sq", "l2")
TOLERANCE = {"rel": 1e-10, "abs": 1e-10}  # the acceptance criterion of DDM

distances = st.sampled_from(DISTANCES)
scales = st.floats(-3, 3).map(lambda exponent: 10**exponent)


def normal(n, d, seed, scale=1.0, shift=0.0):
    return np.random.default_rng(seed).normal(size=(n, d)) * scale + shift


def brute_force(test, generated, distance="half_sq", scale=1.0):
    """All differences at once; the loops of the reference are for small sets."""
    if distance == "l2":
        exponents = cdist(test, generated) / scale
    else:
        exponents = cdist(test, generated, "sqeuclidean") / scale**2 / (2 if distance == "half_sq" else 1)
    return -np.mean(logsumexp(-exponents, axis=1) - np.log(len(generated)))


# closed forms


@pytest.mark.parametrize("distance", DISTANCES)
def test_a_single_point_is_at_0_from_itself(distance):
    result = ddm([[1.5, -2.0]], [[1.5, -2.0]] * 3, distance)
    assert result.value == pytest.approx(0, abs=1e-15)
    assert result.lower <= 0 <= result.upper
    assert result.std_error is None


@pytest.mark.parametrize(("distance", "value"), [("half_sq", 25 / 8), ("sq", 25 / 4), ("l2", 2.5)])
def test_one_point_from_another_is_their_scaled_distance(distance, value):
    """(3, 4) from the origin at h = 2: 25 / 8, 25 / 4, 5 / 2."""
    assert ddm([[3.0, 4.0]], [[0.0, 0.0]], distance, 2.0).value == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize("apart", [0.01, 1.0, 30.0, 1e5])
def test_two_points_from_themselves(apart):
    """Points at distance a: log 2 - log(1 + e^(-a^2/2))."""
    points = [[0.0], [apart]]
    assert ddm(points, points).value == pytest.approx(math.log(2) - math.log1p(math.exp(-(apart**2) / 2)), rel=1e-12)


def test_halves_that_are_missed_cost_their_distance():
    """Test points 0 and a, generated 0 only: a^2 / 4."""
    assert ddm([[0.0], [6.0]], [[0.0]]).value == pytest.approx(9, rel=1e-15)


def test_the_standard_error_is_that_of_the_mean_over_test_images():
    """Terms 0 and 18 and 18: deviation sqrt(108), by the divisor n - 1; over sqrt 3."""
    assert ddm([[0.0], [6.0], [-6.0]], [[0.0]]).std_error == pytest.approx(6, rel=1e-14)


def test_replicating_the_generated_images_changes_nothing():
    test, generated = normal(20, 3, 1), normal(15, 3, 2)
    assert ddm(test, np.vstack([generated] * 3)).value == pytest.approx(ddm(test, generated).value, rel=1e-13)


@pytest.mark.parametrize("sigma", [0.2, 1.0, 5.0])
def test_it_is_parzens_log_likelihood_less_the_normalising_constant(sigma):
    """DDM = -mean log p - (d/2) log(2 pi h^2), with p the mixture of normal densities."""
    test, generated = normal(12, 4, 3), normal(9, 4, 4)
    densities = [[multivariate_normal.logpdf(t, g, sigma**2 * np.eye(4)) for g in generated] for t in test]
    log_likelihood = np.mean(logsumexp(densities, axis=1) - np.log(9))
    expected = -log_likelihood - 4 / 2 * np.log(2 * np.pi * sigma**2)
    assert ddm(test, generated, scale=sigma).value == pytest.approx(expected, rel=1e-10)


# against brute force


@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 12), st.integers(1, 8), scales, scales, distances)
@settings(deadline=None, max_examples=80)
def test_agrees_with_plain_loops(seed, n, m, d, spread, scale, distance):
    test, generated = normal(n, d, seed, spread), normal(m, d, seed + 1, spread)
    expected = slow.ddm(test, generated, distance, scale)
    assert ddm(test, generated, distance, scale).value == pytest.approx(expected, **TOLERANCE)


@given(st.integers(0, 10**6), st.floats(-12, 6), scales, distances)
@settings(deadline=None, max_examples=60)
def test_agrees_with_plain_loops_on_duplicates_and_near_duplicates(seed, exponent, scale, distance):
    test = normal(8, 3, seed)
    generated = np.vstack([test[:5], test[:3], test[:4] + 10**exponent * normal(4, 3, seed + 1)])
    expected = slow.ddm(test, generated, distance, scale)
    assert ddm(test, generated, distance, scale).value == pytest.approx(expected, **TOLERANCE)


@given(st.integers(0, 10**6), st.integers(0, 12), st.integers(0, 12), scales, distances)
@settings(deadline=None, max_examples=80)
def test_agrees_with_plain_loops_with_outliers_at_a_million(seed, far_test, far_generated, scale, distance):
    """Any share of each set lies out there, a few scales from each other: the centre may be among them."""
    test, generated = normal(12, 3, seed, scale), normal(12, 3, seed + 1, scale)
    test[:far_test] += 1e6
    generated[:far_generated] += 1e6
    expected = slow.ddm(test, generated, distance, scale)
    assert ddm(test, generated, distance, scale).value == pytest.approx(expected, **TOLERANCE)


@pytest.mark.parametrize("distance", DISTANCES)
def test_a_few_images_near_the_origin_among_many_at_a_million(distance):
    """The centre is out there, and centred coordinates near 0 are rounded to 1e-10."""
    test = normal(6, 3, 5, 1e-3)
    generated = np.vstack([normal(10, 3, 6, 1e-3), normal(30, 3, 7) + 1e6])
    expected = slow.ddm_precise(test, generated, distance, 1e-3)
    result = ddm(test, generated, distance, 1e-3)
    assert result.value == pytest.approx(float(expected), **TOLERANCE)
    assert result.lower <= expected <= result.upper


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("shift", [0.0, 1e4])
def test_one_far_outlier_in_either_set_does_not_blur_the_others(distance, shift):
    test, generated = normal(40, 5, 8, shift=shift), normal(60, 5, 9, shift=shift)
    test[3], generated[50] = 1e6, -1e6
    assert ddm(test, generated, distance).value == pytest.approx(brute_force(test, generated, distance), **TOLERANCE)


@pytest.mark.parametrize("distance", DISTANCES)
def test_clusters_far_from_the_centre_keep_the_digits_of_their_small_distances(distance):
    """Around -2^20 and 2^20 on a grid of 2^-10, so that nothing but the expansion of the square is rounded."""
    rng = np.random.default_rng(30)
    far = np.repeat([[-(2.0**20)], [2.0**20]], 20, axis=0)
    test, generated = far + rng.integers(-2000, 2000, (2, 40, 3)) / 1024
    assert ddm(test, generated, distance).value == pytest.approx(slow.ddm(test, generated, distance), **TOLERANCE)


@pytest.mark.parametrize("n", [1, 127, 128, 129, 257, 515])
@pytest.mark.parametrize("m", [1, COLUMNS - 1, COLUMNS, COLUMNS + 1, 2 * COLUMNS + 1])
def test_agrees_with_brute_force_at_the_edges_of_blocks(n, m):
    test, generated = normal(n, 2, n, 3.0), normal(m, 2, m, 3.0)
    for distance in DISTANCES:
        assert ddm(test, generated, distance).value == pytest.approx(
            brute_force(test, generated, distance), **TOLERANCE
        )


@pytest.mark.parametrize("order", ["nearest first", "nearest last"])
def test_the_running_maximum_may_rise_or_stay(order):
    """Distances from 1e6 down to 0 over three blocks of references, and the other way round."""
    generated = np.linspace(0, 1e3, 2 * COLUMNS + 10)[:, None]
    if order == "nearest last":
        generated = generated[::-1]
    test = np.array([[0.0], [500.0], [1e3], [-40.0]])
    assert ddm(test, generated).value == pytest.approx(brute_force(test, generated), **TOLERANCE)


def test_terms_too_small_to_add_do_not_make_it_infinite():
    """Both e^-D underflow: the distances are 1250 and 1800."""
    assert ddm([[0.0]], [[50.0], [60.0]]).value == pytest.approx(1250 + math.log(2), rel=1e-14)


# the certified interval


@pytest.mark.parametrize("distance", DISTANCES)
def test_the_certified_interval_reaches_as_far_down_as_up(distance):
    result = ddm(normal(20, 3, 24), normal(30, 3, 25), distance)
    assert 0 < result.upper - result.value < 1e-8
    assert result.value - result.lower == pytest.approx(result.upper - result.value, rel=1e-5)


@given(
    st.integers(0, 10**6), st.integers(1, 5), st.sampled_from([0.0, 1.0, 1e3, 1e6]), st.floats(-1, 2), scales, distances
)
@settings(deadline=None, max_examples=80)
def test_the_certified_interval_holds_the_value_in_60_digits(seed, d, shift, exponent, scale, distance):
    """Most generated images lie at the shift, the others and some test images near 0, a few scales apart."""
    spread = scale * 10**exponent
    test, generated = normal(5, d, seed, spread), normal(7, d, seed + 1, spread)
    test[:2] += shift
    generated[:4] += shift
    result = ddm(test, generated, distance, scale)
    assert result.lower <= slow.ddm_precise(test, generated, distance, scale) <= result.upper
    assert result.upper - result.lower <= 1e-10 * max(50, abs(result.value))


# properties


@given(st.integers(0, 10**6), st.integers(1, 6), distances)
@settings(deadline=None, max_examples=40)
def test_rotation_and_translation_leave_it(seed, d, distance):
    test, generated = normal(9, d, seed), normal(8, d, seed + 1)
    rng = np.random.default_rng(seed)
    rotation, shift = np.linalg.qr(rng.normal(size=(d, d)))[0], rng.normal(size=d)
    expected = ddm(test, generated, distance).value
    moved = ddm(test @ rotation + shift, generated @ rotation + shift, distance).value
    assert moved == pytest.approx(expected, rel=1e-12, abs=1e-12)


@given(st.integers(0, 10**6), scales, distances)
@settings(deadline=None, max_examples=40)
def test_features_and_scale_in_other_units_leave_it(seed, unit, distance):
    test, generated = normal(9, 3, seed), normal(8, 3, seed + 1)
    expected = ddm(test, generated, distance, 1.0).value
    assert ddm(unit * test, unit * generated, distance, unit).value == pytest.approx(expected, rel=1e-10)


def test_the_order_of_images_does_not_matter():
    test, generated = normal(700, 3, 10), normal(1500, 3, 11)
    rng = np.random.default_rng(12)
    shuffled = ddm(rng.permutation(test), rng.permutation(generated))
    assert shuffled.value == pytest.approx(ddm(test, generated).value, rel=1e-12)


def test_a_missing_mode_costs():
    test = np.vstack([normal(50, 2, 13), normal(50, 2, 14, shift=8.0)])
    both = np.vstack([normal(50, 2, 15), normal(50, 2, 16, shift=8.0)])
    one = normal(100, 2, 17)
    assert ddm(test, one).value > ddm(test, both).value + 10


def test_it_never_holds_all_pairs():
    """3,000 x 20,000 pairs would be 480 MB; the blocks in flight are a few of 4 MiB."""
    test, generated = normal(3000, 4, 18), normal(20_000, 4, 19)
    tracemalloc.start()
    ddm(test, generated)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3000 * 20_000 * 8 / 5


# the estimate, and what is refused


def test_the_estimate_is_the_value_with_1_96_standard_errors_over_test_images():
    test, generated = normal(40, 3, 20), normal(30, 3, 21)
    result, estimate = ddm(test, generated), ddm_estimate(test, generated)
    assert estimate.value == result.value
    assert estimate.high - estimate.low == pytest.approx(2 * 1.959964 * result.std_error, rel=1e-6)
    assert estimate.std_error_generated is estimate.of_reference is None  # fewer than 40 samples
    assert "conditional on the generated set" in estimate.interval
    assert estimate.options == {"distance": "half_sq", "scale": 1}
    assert estimate.details["lower"] <= estimate.value <= estimate.details["upper"]


def test_the_standard_error_is_the_spread_over_draws_of_test_images():
    """300 draws give the spread to 4.1%; 4 of those."""
    rng, generated = np.random.default_rng(22), normal(100, 3, 23)
    found = [ddm(rng.normal(size=(40, 3)), generated) for _ in range(300)]
    spread = np.std([result.value for result in found])
    assert np.sqrt(np.mean([result.std_error**2 for result in found])) == pytest.approx(spread, rel=0.17)


def test_the_error_over_samples_is_by_leaving_out_a_twentieth_in_turn():
    test, generated = normal(30, 3, 24), normal(43, 3, 25, 2.0)
    estimate = ddm_estimate(test, generated, seed=4)
    order = np.random.default_rng(4).permutation(43)
    groups = np.array_split(order, 20)
    left = [brute_force(test, generated[np.setdiff1d(order, group)]) for group in groups]
    assert estimate.std_error_generated == pytest.approx(np.sqrt(19 / 20 * np.square(left - np.mean(left)).sum()))
    halves = [np.concatenate(half) for half in (groups[:10], groups[10:])]
    for half, terms in zip(halves, estimate.of_reference, strict=True):
        assert terms == pytest.approx(
            -logsumexp(-cdist(test, generated[half], "sqeuclidean") / 2, axis=1, b=1 / len(half))
        )


@pytest.mark.parametrize("scale", [1.0, 6.0], ids=["many samples near", "one sample decides"])
def test_the_error_over_samples_is_the_spread_over_draws_of_them(scale):
    """300 draws give the spread to 4.1%; 4 of those. The jackknife rather errs to the large side: 10% more."""
    rng, test = np.random.default_rng(26), normal(60, 4, 27, scale)
    found = [ddm_estimate(test, scale * rng.normal(size=(120, 4))) for _ in range(300)]
    spread = np.std([estimate.value for estimate in found])
    error = np.sqrt(np.mean([estimate.std_error_generated**2 for estimate in found]))
    assert 0.84 * spread < error < 1.26 * spread


def test_one_test_image_has_no_interval_and_says_so():
    estimate = ddm_estimate(normal(1, 3, 1), normal(5, 3, 2))
    assert estimate.low is None
    assert "one test image" in estimate.interval
    assert "switched off" in ddm_estimate(normal(9, 3, 1), normal(5, 3, 2), intervals=False).interval


def test_distances_that_overflow_are_refused_with_the_scale():
    with pytest.raises(DataError, match=r"scale 1\.0 overflow"):
        ddm(np.full((3, 2), 1e200), np.zeros((3, 2)))


@pytest.mark.parametrize("scale", [0.0, -1.0, math.nan, math.inf, None, True, [1.0]])
def test_a_scale_that_is_not_positive_is_refused(scale):
    with pytest.raises(ValueError, match=f"scale must be a finite number above 0, got {re.escape(repr(scale))}"):
        ddm(normal(3, 2, 1), normal(3, 2, 2), scale=scale)


def test_an_unknown_distance_or_backend_is_refused_with_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'half_sq'"):
        ddm(normal(3, 2, 1), normal(3, 2, 2), distance="halfsq")
    with pytest.raises(UnknownNameError, match="did you mean 'exact'"):
        ddm(normal(3, 2, 1), normal(3, 2, 2), backend="exakt")


def test_widths_that_differ_are_refused_by_name():
    with pytest.raises(DataError, match="test features are 3-wide but generated are 2-wide"):
        ddm(np.zeros((4, 3)), np.zeros((4, 2)))
