import tracemalloc

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from genmetrics._checks import DataError
from genmetrics.extractors import find_extractor
from genmetrics.features import features_of
from genmetrics.intervals import random_halves, second_order_corrected
from genmetrics.metrics import frechet as module
from genmetrics.metrics.frechet import (
    FEWEST_FOR_INTERVAL,
    frechet_distance,
    frechet_estimate,
    frechet_influence,
    influence_by_cholesky,
)
from genmetrics.metrics.gaussians import (
    Gaussian,
    covariance_factor,
    rounding_of_roots,
    singular,
    squared_singular_values,
)
from genmetrics.metrics.moments import Moments
from genmetrics.sources import open_images
from tests.reference import frechet as slow

# n, m, d; the acceptance criterion of the distance is 1e-8 relative
SHAPES = {
    "more images than features": (40, 30, 5),
    "one image more than features": (6, 6, 5),
    "as many images as features": (5, 5, 5),
    "fewer images than features": (4, 3, 7),
    "two images": (2, 2, 4),
    "fewer real images only": (3, 30, 6),
    "fewer generated images only": (30, 3, 6),
    "one feature": (9, 7, 1),
}


def sample(n, d, seed, scale=1.0, shift=0.0):
    """n correlated, skewed feature vectors."""
    rng = np.random.default_rng(seed)
    return shift + scale * (rng.gamma(2.0, size=(n, d)) @ rng.normal(size=(d, d)))


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("scale", [1e-150, 1e-100, 1e-81, 1e-75, 1e75, 1e100, 1e138])
def test_distance_goes_with_the_square_of_the_scale_where_fourth_powers_leave_float64(shape, scale):
    real, generated = pair(shape)
    found = frechet_distance(scale * real, scale * generated)
    assert found / scale**2 == pytest.approx(frechet_distance(real, generated), rel=1e-8)


@pytest.mark.parametrize("scale", [1e-150, 1e-100, 1e-60, 1e60, 1e100, 1e138])
def test_an_interval_goes_with_the_square_of_the_scale_or_is_refused(scale):
    real, generated = pair((60, 50, 5))
    expected, found = frechet_estimate(real, generated), frechet_estimate(scale * real, scale * generated)
    assert found.value / scale**2 == pytest.approx(expected.value, rel=1e-8)
    if found.low is None:
        assert "leave float64" in found.interval
    else:
        assert (found.low / scale**2, found.high / scale**2) == pytest.approx((expected.low, expected.high), rel=1e-6)


def fitted(x):
    return Gaussian(x, "x")


def pair(shape):
    n, m, d = shape
    return sample(n, d, 1), sample(m, d, 2, shift=0.3)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_distance_agrees_with_50_digit_arithmetic(shape):
    real, generated = pair(shape)
    assert frechet_distance(real, generated) == pytest.approx(slow.frechet_distance(real, generated), rel=1e-8)


@given(st.integers(0, 10**6), st.floats(0, 14), st.integers(1, 12))
@settings(deadline=None, max_examples=60)
def test_rounding_of_the_fast_route_stays_below_its_bound(seed, decades, d):
    """Against 50 digits, on spectra that span up to 14 decades: where the bound is small the fast route is right."""
    spread = np.logspace(0, -decades / 2, d)
    real, generated = sample(30, d, seed) * spread, sample(25, d, seed + 1) * spread[::-1]
    a, b = fitted(real), fitted(generated)
    squared = squared_singular_values(a, b)
    if squared is None:  # d = 1 and the like may round to no varying feature
        return
    fast = ((a.mean - b.mean) ** 2).sum() + a.total_variance + b.total_variance - 2 * np.sqrt(squared).sum()
    exact = slow.frechet_distance(real, generated)
    summing = 8 * d * np.finfo(float).eps * (a.total_variance + b.total_variance + exact)
    assert abs(fast - exact) <= rounding_of_roots(squared) + summing


@given(st.integers(0, 10**6), st.floats(0, 14), st.integers(2, 6), st.integers(2, 6))
@settings(deadline=None, max_examples=60)
def test_rounding_of_the_route_for_few_images_stays_below_its_bound(seed, decades, n, m):
    """The same with fewer images than features: the cross-Gram matrix, squared."""
    d = 7
    spread = np.logspace(0, -decades / 2, d)
    real, generated = sample(n, d, seed) * spread, sample(m, d, seed + 1) * spread[::-1]
    a, b = fitted(real), fitted(generated)
    squared = squared_singular_values(a, b)
    assert squared is not None
    assert len(squared) == min(n, m) - 1
    fast = ((a.mean - b.mean) ** 2).sum() + a.total_variance + b.total_variance - 2 * np.sqrt(squared).sum()
    exact = slow.frechet_distance(real, generated)
    summing = 8 * d * np.finfo(float).eps * (a.total_variance + b.total_variance + exact)
    assert abs(fast - exact) <= rounding_of_roots(squared) + summing


@pytest.mark.parametrize("noise", [0.0, 1e-12, 1e-9, 1e-6])
def test_distance_of_few_images_that_nearly_repeat_agrees_with_50_digit_arithmetic(noise):
    """Half of each set are its other images but for noise, so that singular values of the cross-Gram matrix vanish."""
    real, generated = (1 + 1e-3 * sample(8, 12, seed) for seed in (1, 2))
    for x in (real, generated):
        x[4:] = x[:4] + noise * np.random.default_rng(0).normal(size=(4, 12))
    generated = real + 1e-3 * (generated - real)  # near the null, where the roots cancel the variances
    assert frechet_distance(real, generated) == pytest.approx(slow.frechet_distance(real, generated), rel=1e-8)


def test_the_exact_route_gives_the_same_distance_and_influences(monkeypatch):
    real, generated = pair((60, 50, 6))
    fast, of_real, of_generated = frechet_influence(fitted(real), fitted(generated))
    monkeypatch.setattr(module, "TOLERANCE", 0.0)
    exact, of_real_exactly, of_generated_exactly = frechet_influence(fitted(real), fitted(generated))
    assert frechet_distance(real, generated) == pytest.approx(fast, rel=1e-12)
    assert exact == pytest.approx(fast, rel=1e-12)
    np.testing.assert_allclose(of_real, of_real_exactly, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(of_generated, of_generated_exactly, rtol=1e-9, atol=1e-11)


def test_a_set_with_a_direction_of_rounding_alone_takes_the_exact_route(monkeypatch):
    real, generated = pair((60, 50, 4))
    real[:, 1], generated[:, 1] = real[:, 0] * (1 + 1e-12 * real[:, 1]), generated[:, 0]
    assert influence_by_cholesky(fitted(real), fitted(generated)) is None
    assert frechet_distance(real, generated) == pytest.approx(slow.frechet_distance(real, generated), rel=1e-8)


def test_one_reference_is_decomposed_once(monkeypatch):
    real = Moments.of(sample(60, 5, 1))
    sets = [sample(40, 5, i) for i in range(2, 5)]
    calls = []
    original = scipy.linalg.cholesky
    monkeypatch.setattr(scipy.linalg, "cholesky", lambda x, **how: calls.append(1) or original(x, **how))
    found = [frechet_distance(real, x) for x in sets]
    assert len(calls) == 1
    assert found == pytest.approx([slow.frechet_distance(sample(60, 5, 1), x) for x in sets], rel=1e-8)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_distance_of_moments_agrees_with_50_digit_arithmetic(shape):
    """Where a covariance is singular its null directions carry rounding; the roots of that are 1e-8 of the scale."""
    real, generated = pair(shape)
    got = frechet_distance(Moments.of(real), Moments.of(generated))
    assert got == pytest.approx(slow.frechet_distance(real, generated), rel=1e-8)


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1e3, 1e6])
def test_distance_of_scaled_features_agrees_with_50_digit_arithmetic(scale):
    real, generated = sample(20, 4, 3, scale), sample(15, 4, 4, scale)
    assert frechet_distance(real, generated) == pytest.approx(slow.frechet_distance(real, generated), rel=1e-8)


def test_distance_of_features_far_from_the_origin_agrees_with_50_digit_arithmetic():
    real, generated = sample(20, 4, 3, shift=1e4), sample(15, 4, 4, shift=1e4)
    assert frechet_distance(real, generated) == pytest.approx(slow.frechet_distance(real, generated), rel=1e-8)


@pytest.mark.parametrize("n", [3, 30], ids=["n < d", "n > d"])
def test_distance_of_rank_deficient_sets_agrees_with_50_digit_arithmetic(n):
    """A column that repeats another, a constant one, and images that repeat."""
    real, generated = sample(n, 5, 5), sample(25, 5, 6)
    for x in (real, generated):
        x[:, 3], x[:, 4] = x[:, 0], 2.0
    real, generated = np.vstack([real, real[:2]]), np.vstack([generated, generated[:9]])
    assert frechet_distance(real, generated) == pytest.approx(slow.frechet_distance(real, generated), rel=1e-8)


def test_the_derivation_gives_the_closed_form_in_one_dimension():
    real, generated = sample(9, 1, 7), sample(6, 1, 8)
    by_hand = (real.mean() - generated.mean()) ** 2 + (real.std(ddof=1) - generated.std(ddof=1)) ** 2
    assert slow.frechet_distance(real, generated) == pytest.approx(by_hand, rel=1e-13)


def test_known_value_by_hand():
    """Means 1 and 0, unbiased variances 2 and 0: 1 + 2 = 3."""
    assert frechet_distance([[0.0], [2.0]], [[0.0], [0.0]]) == pytest.approx(3, rel=1e-14)


def test_in_one_dimension_it_is_the_distance_of_means_and_of_deviations():
    """Means 2 and 5, variances 1 and 16 (values 1 2 3, and 1 5 9): 9 + 9 = 18."""
    assert frechet_distance([[1.0], [2.0], [3.0]], [[1.0], [5.0], [9.0]]) == pytest.approx(18, rel=1e-14)


@given(st.lists(st.tuples(st.floats(0, 1e3), st.floats(0, 1e3)), min_size=1, max_size=6), st.integers(0, 99))
@settings(deadline=None, max_examples=50)
def test_of_commuting_covariances_it_is_the_distance_of_the_roots_of_their_eigenvalues(deviations, seed):
    rng = np.random.default_rng(seed)
    a, b = np.array(deviations).T
    axes = np.linalg.qr(rng.normal(size=(len(a), len(a))))[0]
    shift = rng.normal(size=len(a))
    real = Moments(2, np.zeros(len(a)), (axes * a**2) @ axes.T)
    generated = Moments(2, shift, (axes * b**2) @ axes.T)
    # the covariances hold rounding of 1e-16 of their largest entry, and so their roots 1e-8 of the largest root
    tolerance = 1e-7 * max(1e-12, a.max(), b.max()) ** 2
    assert frechet_distance(real, generated) == pytest.approx(shift @ shift + ((a - b) ** 2).sum(), abs=tolerance)


@pytest.mark.parametrize("width", [8, 64])
def test_a_feature_that_hardly_varies_in_one_set_counts(width):
    """Variances 1 but for one of 1e-15 against 1: (1 - sqrt(1e-15))^2, to 1e-8 relative."""
    variances = np.ones(width)
    variances[0] = 1e-15
    real = Moments(2, np.zeros(width), np.diag(variances))
    generated = Moments(2, np.zeros(width), np.eye(width))
    assert frechet_distance(real, generated) == pytest.approx((1 - 1e-15**0.5) ** 2, rel=1e-8)


@pytest.mark.parametrize("shape", [(300, 20), (21, 20), (20, 20), (8, 20), (2, 20), (50, 1)])
@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_a_set_is_at_distance_0_from_itself(shape, scale):
    x = sample(*shape, 9, scale, shift=scale)
    limit = 1e-9 * np.trace(np.atleast_2d(np.cov(x.T)))  # the contract of the metric
    assert 0 <= frechet_distance(x, x.copy()) <= limit
    assert 0 <= frechet_distance(x, x[::-1]) <= limit
    assert 0 <= frechet_distance(Moments.of(x), Moments.of(x)) <= limit


@pytest.mark.parametrize("shape", [(300, 20), (8, 20)])
def test_moments_and_features_of_a_set_are_at_distance_0(shape):
    x = sample(*shape, 9)
    assert frechet_distance(Moments.of(x), x) <= 1e-9 * np.trace(np.cov(x.T))


@given(st.integers(0, 10**6), st.integers(2, 12), st.integers(2, 12), st.integers(1, 6))
@settings(deadline=None, max_examples=60)
def test_rotation_and_translation_leave_the_distance_and_exchange_too(seed, n, m, d):
    real, generated = sample(n, d, seed), sample(m, d, seed + 1)
    rng = np.random.default_rng(seed)
    rotation, shift = np.linalg.qr(rng.normal(size=(d, d)))[0], rng.normal(size=d)
    expected = frechet_distance(real, generated)
    near = pytest.approx(expected, rel=1e-9, abs=1e-9 * (np.abs(real).max() + np.abs(generated).max()) ** 2)
    assert frechet_distance(generated, real) == near
    assert frechet_distance(real @ rotation + shift, generated @ rotation + shift) == near


def test_the_distance_scales_with_the_square_of_the_features():
    real, generated = pair((30, 20, 6))
    assert frechet_distance(10 * real, 10 * generated) == pytest.approx(
        100 * frechet_distance(real, generated), rel=1e-12
    )


def test_replicating_all_images_changes_only_the_divisor():
    """Covariance of a set written twice: (2n - 2) / (2n - 1) of the set's own; d = 1, one set constant."""
    x = sample(7, 1, 10)
    zero = np.zeros((3, 1))
    expected = x.mean() ** 2 + x.var(ddof=1) * (2 * 7 - 2) / (2 * 7 - 1)
    assert frechet_distance(np.vstack([x, x]), zero) == pytest.approx(expected, rel=1e-12)


# Moments

finite = st.floats(-1e3, 1e3)


def rows_of(width):
    return arrays.arrays(np.float64, st.tuples(st.integers(1, 9), st.just(width)), elements=finite)


@given(st.integers(1, 4).flatmap(lambda d: st.tuples(rows_of(d), rows_of(d))))
@settings(deadline=None, max_examples=100)
def test_pooling_moments_equals_pooling_images(sets):
    x, y = sets
    added, pooled = Moments.of(x) + Moments.of(y), Moments.of(np.vstack([x, y]))
    assert added.n == pooled.n == len(x) + len(y)
    # sums of at most 18 numbers up to 1e3: rounding of 1e-13 of the scale
    np.testing.assert_allclose(added.mean, pooled.mean, rtol=1e-12, atol=1e-10)
    np.testing.assert_allclose(added.scatter, pooled.scatter, rtol=1e-11, atol=1e-7)


@given(st.lists(rows_of(2), min_size=2, max_size=5))
@settings(deadline=None, max_examples=30)
def test_pooling_does_not_depend_on_the_order(sets):
    forward, backward = Moments.of(sets[0]), Moments.of(sets[-1])
    for x in sets[1:]:
        forward += Moments.of(x)
    for x in sets[-2::-1]:
        backward += Moments.of(x)
    np.testing.assert_allclose(forward.scatter, backward.scatter, rtol=1e-11, atol=1e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [3, 4096, 4097, 9000])
def test_moments_are_the_mean_and_the_covariance(n, dtype):
    x = sample(n, 3, 11, shift=1e3).astype(dtype)  # 4096 rows make a block
    moments = Moments.of(x)
    np.testing.assert_allclose(moments.mean, x.astype(np.float64).mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(moments.covariance, np.cov(x.astype(np.float64).T), rtol=1e-9)
    assert moments.n == n


def test_a_large_common_offset_costs_the_covariance_nothing():
    x = np.random.default_rng(12).integers(0, 8, (50, 3)).astype(np.float64)  # exact in float64 with the offset
    np.testing.assert_allclose(Moments.of(x + 2**40).covariance, np.cov(x.T), rtol=1e-6)


def test_moments_survive_the_file(tmp_path):
    moments = Moments.of(sample(12, 4, 13))
    moments.save(tmp_path / "real.npz")
    read = Moments.load(tmp_path / "real.npz")
    assert read.n == 12
    np.testing.assert_array_equal(read.mean, moments.mean)
    np.testing.assert_allclose(read.scatter, moments.scatter, rtol=1e-15)
    pooled = read + moments
    np.testing.assert_allclose(pooled.scatter, 2 * moments.scatter, rtol=1e-14)


def test_the_file_is_one_that_other_packages_read(tmp_path):
    x = sample(12, 4, 13)
    Moments.of(x).save(tmp_path / "real.npz")
    with np.load(tmp_path / "real.npz") as file:
        np.testing.assert_allclose(file["mu"], x.mean(axis=0), rtol=1e-14)
        np.testing.assert_allclose(file["sigma"], np.cov(x.T), rtol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_mu_and_sigma_of_another_package_are_read(tmp_path, dtype):
    real, generated = sample(30, 4, 14).astype(dtype), sample(20, 4, 15)
    mu, sigma = real.mean(axis=0), np.cov(real.T)
    np.savez(tmp_path / "published.npz", mu=mu, sigma=sigma)
    published = Moments.load(tmp_path / "published.npz")
    assert frechet_distance(published, generated) == pytest.approx(
        frechet_distance(real, generated), rel=1e-5 if dtype == np.float32 else 1e-12
    )
    with pytest.raises(DataError, match="without 'n' cannot be pooled"):
        published + Moments.of(generated)


def test_moments_of_nobody_knows_how_many_survive_the_file(tmp_path):
    np.savez(tmp_path / "published.npz", mu=np.zeros(2), sigma=np.diag([1.0, 4.0]))
    Moments.load(tmp_path / "published.npz").save(tmp_path / "ours.npz")
    np.testing.assert_array_equal(Moments.load(tmp_path / "ours.npz").covariance, np.diag([1.0, 4.0]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"mu": np.zeros(2)}, r"missing.*|sigma"),
        ({"mu": np.zeros(2), "sigma": np.eye(3)}, r"\(2,\) but sigma is \(3, 3\)"),
        ({"mu": np.zeros(2), "sigma": np.diag([1, np.nan])}, "NaN"),
        ({"mu": np.zeros(2), "sigma": np.array([{}, {}])}, "not a readable"),
        ({"mu": np.array(["a", "b"]), "sigma": np.eye(2)}, "mu"),
        ({"mu": np.zeros(2), "sigma": np.eye(2), "n": -3}, "-3"),
    ],
    ids=["sigma missing", "widths", "NaN", "objects", "text", "negative n"],
)
def test_a_file_of_something_else_is_refused(tmp_path, content, message):
    np.savez(tmp_path / "odd.npz", **content)
    with pytest.raises(DataError, match=message):
        Moments.load(tmp_path / "odd.npz")


def test_a_file_with_n_as_an_array_of_one_number_is_read(tmp_path):
    np.savez(tmp_path / "odd.npz", mu=np.zeros(2), sigma=np.eye(2), n=np.array([5]))
    assert Moments.load(tmp_path / "odd.npz").n == 5


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"text"], ids=["empty", "cut short", "text"])
def test_a_damaged_file_is_refused(tmp_path, content):
    (tmp_path / "damaged.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"damaged\.npz"):
        Moments.load(tmp_path / "damaged.npz")


def test_an_array_file_instead_of_statistics_is_refused(tmp_path):
    np.save(tmp_path / "features.npy", np.zeros((3, 2)))
    with pytest.raises(DataError, match=r"features\.npy"):
        Moments.load(tmp_path / "features.npy")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.npz"):
        Moments.load(tmp_path / "nowhere.npz")


@pytest.mark.parametrize("sigma", [[[1, 0.5], [0.4, 1]], [[1, 2], [2, 1]], [[-1, 0], [0, -1]], [[1, 0], [0, -0.01]]])
def test_a_sigma_that_is_no_covariance_is_refused(tmp_path, sigma):
    np.savez(tmp_path / "s.npz", mu=np.zeros(2), sigma=np.array(sigma))
    with pytest.raises(DataError, match="sigma is no covariance matrix"):
        Moments.load(tmp_path / "s.npz")


@pytest.mark.parametrize("n", [5, 400])
def test_a_covariance_is_one_in_float32_too_and_of_few_images(tmp_path, n):
    x = np.random.default_rng(0).normal(size=(n, 100)) * np.logspace(-6, 3, 100)
    for sigma in (np.cov(x.T), np.cov(x.T).astype(np.float32), np.zeros((100, 100))):
        np.savez(tmp_path / "s.npz", mu=x.mean(axis=0), sigma=sigma)
        np.testing.assert_array_equal(Moments.load(tmp_path / "s.npz").covariance, sigma)


def test_one_image_has_moments_but_no_covariance():
    with pytest.raises(DataError, match="at least 2 images, got 1"):
        _ = Moments.of([[1.0, 2.0]]).covariance
    with pytest.raises(DataError, match="1 image, but at least 2"):
        frechet_distance([[1.0, 2.0]], [[1.0, 2.0], [3.0, 4.0]])


def test_widths_that_differ_are_refused():
    with pytest.raises(DataError, match="3-wide but generated are 2-wide"):
        frechet_distance(np.zeros((4, 3)), np.zeros((4, 2)))
    with pytest.raises(DataError, match="3-wide but the second are 2-wide"):
        Moments.of(np.zeros((4, 3))) + Moments.of(np.zeros((4, 2)))


def test_a_factor_times_itself_is_the_covariance():
    covariance = np.cov(sample(9, 5, 16).T)
    factor = covariance_factor(covariance)
    np.testing.assert_allclose(factor @ factor.T, covariance, atol=1e-12 * covariance.max())


def test_moments_hold_no_copy_of_the_features():
    """float32 features of 40 MB are worked through in blocks of 4096 rows."""
    x = np.zeros((100_000, 100), np.float32)
    x[::2] = 1
    tracemalloc.start()
    Moments.of(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2.5 * 4096 * 100 * 8 + 1e6  # two float64 blocks and a d x d matrix


# influence functions and the interval


@pytest.mark.parametrize(
    "shape",
    [(8, 9, 3), (5, 5, 4), (4, 4, 4), (4, 4, 6), (4, 12, 5), (12, 4, 5), (7, 6, 1)],
    ids=["n, m > d", "n, m = d + 1", "n, m = d", "n, m < d", "n < d < m", "m < d < n", "d = 1"],
)
def test_influence_is_the_derivative_in_the_weight_of_an_image(shape, monkeypatch):
    """The derivative of the distance as one image gains weight, in 50 digits.

    The covariance moves by (x - mean)(x - mean)^T less the mean of that, from the unbiased covariance.
    """
    real, generated = pair(shape)
    fixed = slow.mean_and_covariance

    def unbiased_at_equal_weights(rows, weights=None):
        mean, covariance = fixed(rows)
        if weights is None:
            return mean, covariance
        n = len(rows)
        moved_mean, moved = fixed(rows, weights)
        return moved_mean, covariance + (moved - covariance) * (n - 1) / n

    monkeypatch.setattr(slow, "mean_and_covariance", unbiased_at_equal_weights)
    value, of_real, of_generated = frechet_influence(fitted(real), fitted(generated))
    assert value == pytest.approx(slow.frechet_distance(real, generated), rel=1e-8)
    scale = max(np.abs(of_real).max(), np.abs(of_generated).max())
    for i in (0, len(real) - 1):
        assert of_real[i] == pytest.approx(slow.influence(real, generated, 0, i), rel=1e-6, abs=1e-7 * scale)
    for i in (0, len(generated) - 1):
        assert of_generated[i] == pytest.approx(slow.influence(real, generated, 1, i), rel=1e-6, abs=1e-7 * scale)


@pytest.mark.parametrize("shape", [(30, 40, 3), (6, 7, 12), (6, 40, 12)])
def test_influences_have_mean_0(shape):
    _, of_real, of_generated = frechet_influence(*map(fitted, pair(shape)))
    assert abs(of_real.mean()) < 1e-12 * np.abs(of_real).max()
    assert abs(of_generated.mean()) < 1e-12 * np.abs(of_generated).max()


@given(st.floats(0, 1e6), st.floats(0, 1e6))
@settings(deadline=None)
def test_the_correction_finds_both_orders(first, second):
    """V1 + 2 V2 at n and 2 V1 + 8 V2 at n/2 make V1 + V2."""
    got = second_order_corrected(first + 2 * second, 2 * first + 8 * second)
    assert got == pytest.approx(first + second, rel=1e-9, abs=1e-9)


def test_the_correction_by_hand():
    assert second_order_corrected(3 + 2 * 5, 2 * 3 + 8 * 5) == 3 + 5


def test_the_correction_is_kept_between_none_and_half():
    assert second_order_corrected(10.0, 15.0) == 10.0  # V(n/2) < 2 V(n): no second order seen
    assert second_order_corrected(10.0, 1e9) == 5.0


def gaussians(rng, n, mean):
    return rng.normal(size=(n, 3)) @ np.diag([1.0, 0.5, 2.0]) + mean


@pytest.mark.parametrize(("mean", "tolerance"), [(0.0, 0.35), (0.7, 0.21)], ids=["at the null", "away from it"])
def test_the_standard_error_is_the_spread_over_repeated_draws(mean, tolerance):
    """300 repeats give the spread to 4%; 4 of those, and 5% for the asymptotics at n = 150.

    At the null all of the variance is of second order, and its noisy correction (never below none) leaves too much.
    """
    rng = np.random.default_rng(17)
    found = [frechet_estimate(gaussians(rng, 150, 0.0), gaussians(rng, 150, mean), seed=i) for i in range(300)]
    spread = np.std([estimate.value for estimate in found])
    assert np.sqrt(np.mean([estimate.std_error**2 for estimate in found])) == pytest.approx(spread, rel=tolerance)


@pytest.mark.parametrize("mean", [0.0, 0.7], ids=["near the null", "away from it"])
def test_the_standard_error_over_generated_images_is_the_spread_with_the_real_ones_fixed(mean):
    rng = np.random.default_rng(18)
    real = gaussians(rng, 150, 0.0)
    found = [frechet_estimate(real, gaussians(rng, 150, mean), seed=i) for i in range(300)]
    spread = np.std([estimate.value for estimate in found])
    error = np.sqrt(np.mean([estimate.std_error_generated**2 for estimate in found]))
    assert error == pytest.approx(spread, rel=0.21)


def test_the_influence_of_a_real_image_is_the_derivative_in_its_weight_seen_with_either_half_of_the_samples():
    """An image put in a second time, less its mean effect: weights move by 1 / (n + 1)."""
    real, generated = sample(400, 3, 21), sample(60, 3, 22, shift=2.0)
    estimate = frechet_estimate(real, generated, seed=5)
    for rows, found in zip(random_halves(60, 6), estimate.of_reference, strict=True):
        y = generated[rows]
        before = frechet_distance(real, y)
        moved = np.array([frechet_distance(np.vstack([real, real[i]]), y) - before for i in range(40)]) * 401
        assert np.corrcoef(moved, found[:40])[0, 1] > 0.999
        assert np.ptp(moved) == pytest.approx(np.ptp(found[:40]), rel=0.03)


def test_the_interval_is_1_96_standard_errors_of_the_logarithm():
    real, generated = sample(60, 4, 19), sample(50, 4, 20, shift=3.0)
    estimate = frechet_estimate(real, generated, seed=5)
    assert estimate.value == pytest.approx(frechet_distance(real, generated), rel=1e-12)
    reach = 1.959964 * estimate.std_error / estimate.value
    assert np.log(estimate.high / estimate.value) == pytest.approx(reach, rel=1e-6)
    assert np.log(estimate.value / estimate.low) == pytest.approx(reach, rel=1e-6)
    assert estimate.std_error_generated < estimate.std_error
    assert estimate == frechet_estimate(real, generated, seed=5)
    assert "n = 60 real, 50 generated" in estimate.interval


def test_fewer_than_20_images_give_a_value_and_the_reason_for_no_interval():
    real, generated = sample(FEWEST_FOR_INTERVAL - 1, 3, 21), sample(40, 3, 22)
    for estimate in (frechet_estimate(real, generated), frechet_estimate(generated, real)):
        assert estimate.low is estimate.high is estimate.std_error is None
        assert "fewer than 20 images" in estimate.interval
    assert frechet_estimate(sample(20, 3, 21), generated).low is not None
    assert "switched off" in frechet_estimate(generated, generated, intervals=False).interval


def test_a_singular_covariance_is_noted_with_its_numbers():
    few, many = sample(4, 4, 23), sample(30, 4, 24)
    (note,) = frechet_estimate(few, many).notes
    assert note.startswith("real: 4 images for 4-wide")
    (note,) = frechet_estimate(many, few).notes
    assert note.startswith("generated: 4 images")
    assert frechet_estimate(many, sample(5, 4, 25)).notes == ()


def test_where_divide_and_conquer_does_not_converge_qr_iteration_does(monkeypatch):
    real, generated = sample(60, 4, 31), sample(50, 4, 32, shift=1.0)
    expected = frechet_estimate(real, generated)

    def fail(*_, **__):
        raise np.linalg.LinAlgError("SVD did not converge")

    monkeypatch.setattr(np.linalg, "svd", fail)
    assert frechet_distance(real, generated) == pytest.approx(expected.value, rel=1e-12)
    assert frechet_estimate(real, generated).std_error == pytest.approx(expected.std_error, rel=1e-9)


def test_pixels_of_mnist_whose_factor_defeats_divide_and_conquer(shared_data):
    """LAPACK's gesdd of NumPy 2.4's OpenBLAS does not converge on this draw's triangular factor."""
    images = np.load(shared_data / "mnist_train.npz")["x"]
    drawn = images[np.random.default_rng(0).permutation(60_000)[13 * 1500 : 14 * 1500]]
    found = features_of(open_images(drawn, "drawn"), find_extractor("pixels")).outputs["features"]
    assert frechet_estimate(found, found[:200]).std_error > 0


@pytest.mark.parametrize("decades", [1, 2, 3, 4])
def test_scales_that_differ_between_the_sets_leave_finite_influences(decades):
    """Eigenvalues that are all rounding have no inverse: the exact factors' influences are those without them."""
    rng = np.random.default_rng(decades)
    for _ in range(10):
        scales = np.logspace(-decades, decades, 20)
        x, y = (rng.normal(size=(200, 20)) * rng.permutation(scales) for _ in range(2))
        found = frechet_estimate(x, y)
        assert np.isfinite([found.std_error, found.std_error_generated]).all()
        a, b = Gaussian(x, "real"), Gaussian(y, "generated")
        quick = influence_by_cholesky(a, b)
        if quick is None:
            continue
        left, s, right = singular(a.whitened.factor.T @ b.whitened.factor)
        shift = b.mean - a.mean
        exact = a.whitened.pull(-shift, left, s), b.whitened.pull(shift, right.T, s)
        for these, those in zip(quick[1:], exact, strict=True):
            np.testing.assert_allclose(these, those, atol=1e-6 * np.abs(those).max())
