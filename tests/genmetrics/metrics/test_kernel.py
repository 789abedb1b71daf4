import inspect
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genmetrics._checks import DataError
from genmetrics.intervals import random_halves
from genmetrics.metrics import kernel as module
from genmetrics.metrics.kernel import (
    kernel_distance,
    kernel_estimate,
    mmd2_interval,
    mmd2_variances,
    rbf_estimate,
    sums_of,
)
from tests.reference import kernel as slow


def normal(n, d, seed, shift=0.0):
    return np.random.default_rng(seed).normal(size=(n, d)) + shift


def test_known_value_by_hand():
    """d = 1, real 0 and 1, generated 2 and -1: 1 + (-1)^3 - 2 (1 + 1 + 27 + 0) / 4 = -14.5."""
    result = kernel_distance([[0.0], [1.0]], [[2.0], [-1.0]], subsets=None)
    assert result.value == -14.5
    assert result.std is None


def test_the_width_divides_the_product():
    """d = 2, real (2, 0) twice, generated (0, 2) twice: k = (4/2 + 1)^3 = 27 within, 1 across: 27 + 27 - 2 = 52."""
    assert kernel_distance([[2.0, 0], [2, 0]], [[0.0, 2], [0, 2]], subsets=None).value == 52


@given(st.integers(0, 10**6), st.integers(2, 9), st.integers(2, 9), st.integers(1, 6), st.sampled_from([0.1, 1, 10]))
@settings(deadline=None, max_examples=60)
def test_all_pairs_agree_with_plain_loops(seed, n, m, d, scale):
    real, generated = scale * normal(n, d, seed), scale * normal(m, d, seed + 1)
    largest = max(slow.kernel(x, x) for x in np.vstack([real, generated]))
    # rounding of sums of under a hundred kernels, none larger than the largest on the diagonal
    assert kernel_distance(real, generated, subsets=None).value == pytest.approx(
        slow.mmd2(real, generated), abs=1e-13 * largest
    )


def test_blocks_of_rows_do_not_change_the_value(monkeypatch):
    real, generated = normal(23, 3, 1), normal(17, 3, 2)
    whole = sums_of(real, generated)
    original = module.blocks
    monkeypatch.setattr(module, "blocks", lambda x, rows: original(x, 5))
    parts = sums_of(real, generated)
    assert parts.mmd2 == pytest.approx(whole.mmd2, rel=1e-12)
    assert mmd2_variances(parts) == pytest.approx(mmd2_variances(whole), rel=1e-12)


def test_the_influence_of_a_real_image_is_the_derivative_in_its_weight():
    """Of the distance at weights w: sum w w' k(x, x') over different images - 2 sum w k(x, y), and the terms of y."""
    real, generated = normal(8, 3, 5), normal(12, 3, 6, 0.5)
    estimate = kernel_estimate(real, generated, seed=3)
    pairs = np.array([[slow.kernel(a, b) for b in real] for a in real])
    np.fill_diagonal(pairs, 0.0)
    for rows, found in zip(random_halves(12, 3), estimate.of_reference, strict=True):
        across = np.array([np.mean([slow.kernel(a, b) for b in generated[rows]]) for a in real])
        assert found == pytest.approx(2 * pairs.sum(axis=1) / 7 - 2 * across, rel=1e-12)


def test_subsets_agree_with_plain_loops_generated_drawn_first():
    real, generated = normal(9, 3, 3), normal(11, 3, 4, 0.5)
    value, std = slow.mmd2_over_subsets(real, generated, subsets=6, subset_size=5, seed=7)
    result = kernel_distance(real, generated, subsets=6, subset_size=5, seed=7)
    assert result.value == pytest.approx(value, rel=1e-11)
    assert result.std == pytest.approx(std, rel=1e-11)


def test_the_seed_fixes_the_subsets_and_another_one_draws_others():
    real, generated = normal(30, 3, 3), normal(30, 3, 4)
    first = kernel_distance(real, generated, 5, 10, seed=1)
    assert first == kernel_distance(real, generated, 5, 10, seed=1)
    assert first != kernel_distance(real, generated, 5, 10, seed=2)


def test_one_subset_of_everything_is_the_estimate_over_all_pairs():
    real, generated = normal(12, 4, 5), normal(12, 4, 6)
    result = kernel_distance(real, generated, subsets=1, subset_size=12)
    assert result.value == pytest.approx(kernel_distance(real, generated, subsets=None).value, rel=1e-11)
    assert result.std == 0


def test_the_protocol_is_100_subsets_of_1000():
    defaults = inspect.signature(kernel_distance).parameters
    assert [defaults[name].default for name in ("subsets", "subset_size", "seed")] == [100, 1000, 0]
    assert (module.SUBSETS, module.SUBSET_SIZE) == (100, 1000)


@pytest.fixture
def three_subsets(monkeypatch):
    """The protocol with 3 subsets for 100: the same code in a thirtieth of the time."""
    monkeypatch.setattr(module, "SUBSETS", 3)


def test_1000_images_on_each_side_are_compared_by_the_protocol(three_subsets):
    real, generated = normal(1000, 2, 8), normal(1001, 2, 9)
    estimate = kernel_estimate(real, generated, seed=4)
    assert estimate.options == {"subsets": "3x1000", "seed": 4}
    assert estimate.value == kernel_distance(real, generated, subsets=3, seed=4).value


def test_at_equal_distributions_the_mean_is_0():
    """1,000 repeats; within 4 standard errors."""
    rng = np.random.default_rng(10)
    values = [
        kernel_distance(rng.normal(size=(20, 3)), rng.normal(size=(15, 3)), subsets=None).value for _ in range(1000)
    ]
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(1000)
    assert np.std(values) > 0


# the variance, on distributions over a few points, where it is known exactly

POINTS = np.random.default_rng(11).normal(size=(6, 3))
KERNEL = np.array([[slow.kernel(a, b) for b in POINTS] for a in POINTS])
P = np.full(6, 1 / 6)
Q = np.array([0.4, 0.25, 0.15, 0.1, 0.06, 0.04])
CASES = {"equal": (P, P), "different": (P, Q)}


def draws(rng, p, n):
    return rng.choice(len(p), n, p=p)


@pytest.mark.parametrize("case", CASES)
def test_the_exact_mean_and_variance_are_those_of_repeated_draws(case):
    """4,000 repeats: the mean within 4 standard errors, the variance (relative error about 4%) within 15%."""
    p, q = CASES[case]
    rng = np.random.default_rng(12)
    values = [
        kernel_distance(POINTS[draws(rng, p, 25)], POINTS[draws(rng, q, 20)], subsets=None).value for _ in range(4000)
    ]
    expected, variance = slow.expectation_and_variance(KERNEL, p, q, 25, 20)
    assert np.mean(values) == pytest.approx(expected, abs=4 * np.sqrt(variance / 4000))
    assert np.var(values) == pytest.approx(variance, rel=0.15)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("n", "m"), [(100, 100), (60, 150), (150, 60)])
def test_the_estimated_variance_is_the_exact_one_on_average(case, n, m):
    """600 samples; at equal distributions each estimate is off by its own size, so 4 standard errors are 16%."""
    p, q = CASES[case]
    rng = np.random.default_rng(13)
    total, given_real, exact_given = [], [], []
    for _ in range(600):
        chosen = draws(rng, p, n)
        variances = mmd2_variances(sums_of(POINTS[chosen], POINTS[draws(rng, q, m)]))
        total.append(variances.first + variances.second)
        given_real.append(variances.first_given_real + variances.second_given_real)
        exact_given.append(slow.variance_given_real(KERNEL, chosen, q, m))
    exact = slow.expectation_and_variance(KERNEL, p, q, n, m)[1]
    assert np.mean(total) == pytest.approx(exact, rel=0.2)
    assert np.mean(given_real) == pytest.approx(np.mean(exact_given), rel=0.2)


def test_the_estimated_variance_is_positive_where_the_distributions_are_equal():
    rng = np.random.default_rng(14)
    for _ in range(200):
        estimate = kernel_estimate(POINTS[draws(rng, P, 30)], POINTS[draws(rng, P, 30)])
        assert estimate.low < estimate.value < estimate.high
        assert min(estimate.std_error, estimate.std_error_generated) > 0


@pytest.mark.parametrize("shift", [0.0, 0.4], ids=["equal", "different"])
def test_the_interval_holds_the_distance_of_the_distributions(shift):
    """600 repeats at nominal 95%: 4 binomial errors are 3.6%.

    The truth, for means 0 and s (1, ..., 1) and t = s^2: with x.y/d = u, E (u + 1)^3 = 1 + 3 E u^2 + 3 E u + E u^3.
    Normal x, y of means a, b have E u = a.b/d, E u^2 = (d + |a|^2 + |b|^2 + (a.b)^2) / d^2 and
    E u^3 = ((a.b)^3 + 3 a.b (d + |a|^2 + |b|^2) + 6 a.b) / d^3.
    """
    d, n = 16, 150

    def expected_kernel(s, t):
        ab, squares = d * s * t, d * (s * s + t * t)
        second = (d + squares + ab**2) / d**2
        third = (ab**3 + 3 * ab * (d + squares) + 6 * ab) / d**3
        return 1 + 3 * ab / d + 3 * second + third

    truth = expected_kernel(0, 0) + expected_kernel(shift, shift) - 2 * expected_kernel(0, shift)
    rng = np.random.default_rng(15)
    held = 0
    for _ in range(600):
        estimate = kernel_estimate(rng.normal(size=(n, d)), rng.normal(size=(n, d)) + shift)
        held += estimate.low <= truth <= estimate.high
    assert held / 600 == pytest.approx(0.95, abs=0.036)


def test_the_error_over_subsets_is_added_to_that_of_the_sample(three_subsets):
    real, generated = normal(1100, 2, 15), normal(1200, 2, 16, 0.1)
    estimate = kernel_estimate(real, generated, seed=3)
    v = mmd2_variances(sums_of(real, generated))
    total, given_real = max(v.first, 0) + v.second, max(v.first_given_real, 0) + v.second_given_real
    std = kernel_distance(real, generated, subsets=3, seed=3).std
    assert estimate.std_error == pytest.approx(np.sqrt(total + std**2 / 3), rel=1e-12)
    assert estimate.std_error_generated == pytest.approx(np.sqrt(given_real + std**2 / 3), rel=1e-12)
    assert estimate.details == {"std_over_subsets": std}


def test_fewer_than_1000_images_on_a_side_are_compared_in_all_pairs():
    real, generated = normal(999, 2, 17), normal(1000, 2, 18)
    estimate = kernel_estimate(real, generated, seed=3)
    assert estimate.value == kernel_distance(real, generated, subsets=None).value
    assert estimate.options == {"subsets": "all-pairs"}


def test_intervals_can_be_switched_off():
    estimate = kernel_estimate(normal(9, 2, 1), normal(9, 2, 2), intervals=False)
    assert estimate.low is estimate.std_error is None
    assert "switched off" in estimate.interval


@pytest.mark.parametrize(("sizes", "name"), [((7, 9), "real: 7"), ((9, 7), "generated: 7")])
def test_fewer_images_than_a_subset_are_refused(sizes, name):
    with pytest.raises(DataError, match=f"{name} images, but subsets of 8"):
        kernel_distance(normal(sizes[0], 2, 1), normal(sizes[1], 2, 2), subset_size=8)
    kernel_distance(normal(8, 2, 1), normal(8, 2, 2), subsets=1, subset_size=8)


def test_one_image_is_refused():
    with pytest.raises(DataError, match="real: 1 image, but at least 2"):
        kernel_distance(normal(1, 2, 1), normal(5, 2, 2), subsets=None)
    with pytest.raises(DataError, match="generated: 1 image, but at least 2"):
        kernel_estimate(normal(5, 2, 1), normal(1, 2, 2))


@pytest.mark.parametrize("estimate", [kernel_estimate, rbf_estimate])
def test_fewer_than_4_images_give_a_value_and_the_reason_for_no_interval(estimate):
    found = estimate(normal(5, 2, 1), normal(3, 2, 2))
    assert found.low is found.std_error is None
    assert found.interval == "no interval: 3 images are too few to see how the kernel varies"
    assert estimate(normal(4, 2, 1), normal(4, 2, 2)).low is not None


@pytest.mark.parametrize(("subsets", "size"), [(0, 5), (-1, 5), (3, 1)])
def test_subsets_that_make_no_sense_are_refused(subsets, size):
    with pytest.raises(ValueError, match=f"got {subsets} and {size}"):
        kernel_distance(normal(9, 2, 1), normal(9, 2, 2), subsets, size)


def test_widths_that_differ_are_refused():
    with pytest.raises(DataError, match="3-wide but generated are 2-wide"):
        kernel_distance(normal(9, 3, 1), normal(9, 2, 2), subsets=None)


@pytest.mark.parametrize("value", [-0.02, 0.0, 0.001, 0.05, 3.0])
def test_an_end_of_the_interval_lies_1_96_standard_errors_away_at_the_variance_it_would_have(value):
    first, second = 4e-4, 1e-4
    growth = (first + second / 2) / max(value, math.sqrt(second))
    for end in mmd2_interval(value, first, second):
        assert abs(value - end) == pytest.approx(1.959964 * math.sqrt(second + growth * max(end, 0)), rel=1e-6)


def test_a_negative_first_order_variance_counts_as_none():
    assert mmd2_interval(0.5, -1e-3, 0.01) == mmd2_interval(0.5, 0.0, 0.01)


# other kernels


def gaussian(sigma):
    return lambda x, y: math.exp(-math.fsum((a - b) ** 2 for a, b in zip(x, y, strict=True)) / (2 * sigma**2))


@pytest.mark.parametrize("sigma", [0.5, 10.0])
def test_the_gaussian_kernel_agrees_with_plain_loops(sigma, monkeypatch):
    real, generated = normal(9, 3, 1, 50.0), normal(7, 3, 2, 50.5)
    monkeypatch.setattr(slow, "kernel", gaussian(sigma))
    found = kernel_distance(real, generated, subsets=None, kernel="rbf", sigma=sigma)
    assert found.value == pytest.approx(slow.mmd2(real, generated), abs=1e-12)


def test_polynomials_of_another_degree_agree_with_plain_loops(monkeypatch):
    real, generated = normal(9, 3, 1), normal(7, 3, 2)
    monkeypatch.setattr(slow, "kernel", lambda x, y: (0.7 * float(np.dot(x, y)) + 2) ** 2)
    found = kernel_distance(real, generated, subsets=None, degree=2, gamma=0.7, coef0=2)
    assert found.value == pytest.approx(slow.mmd2(real, generated), rel=1e-11)


def test_a_sigma_that_is_too_small_for_the_features_is_noted_and_the_value_stays():
    real, far = 300 * normal(40, 5, 1), 300 * normal(30, 5, 2, 10.0)
    found = rbf_estimate(real, far)
    assert found.value == kernel_distance(real, far, subsets=None, kernel="rbf").value == pytest.approx(0, abs=1e-9)
    apart = math.sqrt(2 * real.var(axis=0).sum())
    assert f"sigma 10 is too small for features that lie {apart:,.0f} apart" in found.notes[0]
    assert rbf_estimate(real, np.zeros((30, 5))).notes  # alike samples do not make the real images any nearer
    assert not rbf_estimate(real / 100, far / 100).notes


def test_the_note_on_sigma_gives_the_mean_kernel_of_two_real_images():
    real = np.array([[0.0], [38.0], [76.0]])  # two pairs 3.8 sigma apart, one 7.6
    mean = (2 * math.exp(-(3.8**2) / 2) + math.exp(-(7.6**2) / 2)) / 3
    assert f"two real images is {mean:.1g} on average" in rbf_estimate(real, real).notes[0]
    assert not rbf_estimate(real * 0.9, real).notes  # 1.9e-3, above the limit


@pytest.mark.parametrize("kernel", ["polynomial", "rbf"])
def test_the_biased_value_counts_images_with_themselves(kernel):
    """It is |mean of features of x - mean of features of y|^2, so never below 0, and 0 for a set with itself."""
    real, generated = normal(8, 2, 1), normal(6, 2, 2)
    k = (lambda x, y: (x @ y / 2 + 1) ** 3) if kernel == "polynomial" else gaussian(10.0)
    points, weights = np.vstack([real, generated]), np.repeat([1 / 8, -1 / 6], [8, 6])
    expected = weights @ np.array([[k(x, y) for y in points] for x in points]) @ weights
    found = kernel_distance(real, generated, subsets=None, kernel=kernel, biased=True).value
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-14)
    assert abs(kernel_distance(real, real, subsets=None, kernel=kernel, biased=True).value) < 1e-14


def test_kernels_that_make_no_sense_are_refused():
    x = normal(4, 2, 1)
    with pytest.raises(DataError, match="unknown kernel 'rfb'; did you mean 'rbf'"):
        kernel_distance(x, x, subsets=None, kernel="rfb")
    with pytest.raises(ValueError, match="sigma must be a finite number above 0"):
        kernel_distance(x, x, subsets=None, kernel="rbf", sigma=0.0)
    with pytest.raises(ValueError, match="degree must be at least 1"):
        kernel_distance(x, x, subsets=None, degree=0)
    with pytest.raises(ValueError, match="gamma must be a finite number above 0"):
        kernel_distance(x, x, subsets=None, gamma=-1.0)
