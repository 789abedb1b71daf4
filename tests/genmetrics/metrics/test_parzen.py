import math

import numpy as np
import pytest
from sklearn.neighbors import KernelDensity

from genmetrics._checks import DataError
from genmetrics.metrics.ddm import ddm
from genmetrics.metrics.parzen import GRID, parzen_estimate, parzen_log_likelihood, principal_components


def normal(n, d, seed, scale=1.0):
    return scale * np.random.default_rng(seed).normal(size=(n, d))


def test_one_centre_is_a_normal_density_by_hand():
    """(3, 4) from the origin at sigma 2: -25/8 - log(2 pi 4)."""
    found = parzen_log_likelihood([[3.0, 4.0]], [[0.0, 0.0]], sigma=2.0)
    assert found.value == pytest.approx(-25 / 8 - math.log(2 * math.pi * 4), rel=1e-14)
    assert found.std_error is None


@pytest.mark.parametrize("sigma", [0.1, 0.5, 3.0])
@pytest.mark.parametrize("d", [1, 5, 40])
def test_it_is_scikit_learns_kernel_density(sigma, d):
    test, generated = normal(30, d, 1), normal(50, d, 2)
    scores = KernelDensity(bandwidth=sigma, rtol=1e-12).fit(generated).score_samples(test)
    found = parzen_log_likelihood(test, generated, sigma)
    assert found.value == pytest.approx(scores.mean(), rel=1e-8)
    assert found.std_error == pytest.approx(scores.std(ddof=1) / np.sqrt(30), rel=1e-8)


@pytest.mark.parametrize("sigma", [0.2, 1.0, 7.0])
def test_it_is_ddm_and_the_normalising_constant(sigma):
    test, generated = normal(20, 6, 3), normal(25, 6, 4)
    expected = -ddm(test, generated, scale=sigma).value - 3 * np.log(2 * np.pi * sigma**2)
    assert parzen_log_likelihood(test, generated, sigma).value == pytest.approx(expected, rel=1e-10)


def test_sigma_is_the_likeliest_of_the_grid_on_the_validation_images():
    test, generated, validation = normal(40, 2, 5), normal(300, 2, 6), normal(60, 2, 7)
    found = parzen_log_likelihood(test, generated, validation=validation)
    tried = {s: parzen_log_likelihood(validation, generated, s).value for s in GRID}
    assert found.sigma == max(tried, key=tried.get)
    assert found.searched == pytest.approx(tried)
    assert found.value == parzen_log_likelihood(test, generated, found.sigma).value


@pytest.mark.parametrize("size", [50.0, 1e-3])
def test_a_grid_whose_end_is_best_is_extended_with_a_warning(size):
    test, generated, validation = (normal(n, 3, n, size) for n in (30, 100, 40))
    with pytest.warns(UserWarning, match="the grid was extended"):
        found = parzen_log_likelihood(test, generated, validation=validation)
    assert not GRID[0] <= found.sigma <= GRID[-1]
    steps = np.log(found.sigma / GRID[0]) / np.log(GRID[1] / GRID[0])
    assert steps == pytest.approx(round(steps), abs=1e-6)
    around = [found.sigma * GRID[1] / GRID[0], found.sigma * GRID[0] / GRID[1]]
    assert all(parzen_log_likelihood(validation, generated, s).value < found.searched[found.sigma] for s in around)


def test_a_copied_validation_set_has_no_best_sigma():
    x = normal(20, 3, 8)
    with pytest.raises(DataError, match="no best sigma"):
        parzen_log_likelihood(x, x, validation=x)


def test_pca_keeps_the_fewest_components_with_95_percent():
    """Standard deviations 10, 3, 1, .1: 100 + 9 of 110.01 is 99%; 100 alone is 91%."""
    x = normal(4000, 4, 9) * [10, 3, 1, 0.1]
    project = principal_components(x)
    kept = project(x)
    assert kept.shape == (4000, 2)
    np.testing.assert_allclose(np.cov(kept.T), np.diag(np.linalg.eigvalsh(np.cov(x.T))[::-1][:2]), atol=1e-8)
    found = parzen_log_likelihood(x[:50], x[100:], 1.0, pca=True, train=x)
    assert found.dimensions == 2
    assert found.value == pytest.approx(parzen_log_likelihood(kept[:50], kept[100:], 1.0).value)


def test_what_pca_cannot_be_fitted_to_is_said():
    x = normal(5, 2, 10)
    for fitted, message in (
        (normal(9, 3, 1), "train features are 3-wide but generated are 2-wide"),
        (np.full((9, 2), 0.1), "train: all 9 images are one"),
        (x[:1], "train: 1 image, but at least 2"),
    ):
        with pytest.raises(DataError, match=message):
            parzen_log_likelihood(x, x, 1.0, pca=True, train=fitted)
    with pytest.raises(DataError, match="validation: all 3 images are one"):
        parzen_log_likelihood(x, x, pca=True, validation=np.ones((3, 2)))


def test_what_is_missing_is_said():
    x = normal(5, 2, 10)
    with pytest.raises(DataError, match="pass validation=, or sigma="):
        parzen_log_likelihood(x, x)
    with pytest.raises(DataError, match="pass train= or validation="):
        parzen_log_likelihood(x, x, 1.0, pca=True)
    with pytest.raises(ValueError, match="sigma must be a finite number above 0"):
        parzen_log_likelihood(x, x, 0.0)
    with pytest.raises(ValueError, match="at least two different numbers"):
        parzen_log_likelihood(x, x, validation=x, grid=[1.0])


def test_the_estimate_says_when_the_grid_was_extended():
    estimate = parzen_estimate(normal(40, 3, 1, 50), normal(30, 3, 2, 50), normal(50, 3, 3, 50))
    assert any("extended" in note for note in estimate.notes)
    assert estimate.details["sigma"] > 1
    assert estimate.low < estimate.value < estimate.high


def test_the_error_over_samples_is_the_spread_over_draws_of_them():
    """200 draws, sigma chosen anew for each, give the spread to 5%; 4 of those. The jackknife rather errs upwards."""
    rng, validation, test = np.random.default_rng(1), normal(100, 4, 2), normal(60, 4, 3)
    found = [parzen_estimate(validation, test, rng.normal(size=(120, 4))) for _ in range(200)]
    error = np.sqrt(np.mean([estimate.std_error_generated**2 for estimate in found]))
    assert 0.8 * np.std([estimate.value for estimate in found]) < error < 1.3 * np.std([e.value for e in found])


def test_either_half_of_the_samples_says_how_far_a_test_image_moves_the_value():
    generated = normal(50, 3, 2)
    estimate = parzen_estimate(normal(40, 3, 1), normal(30, 3, 3), generated, seed=4)
    groups = np.array_split(np.random.default_rng(4).permutation(50), 20)
    for half, moves in zip((groups[:10], groups[10:]), estimate.of_reference, strict=True):
        scores = KernelDensity(bandwidth=estimate.details["sigma"], rtol=1e-12).fit(generated[np.concatenate(half)])
        expected = scores.score_samples(normal(30, 3, 3))
        assert moves - moves.mean() == pytest.approx(expected - expected.mean(), abs=1e-9)
