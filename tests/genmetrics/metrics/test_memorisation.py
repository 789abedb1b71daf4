import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import genmetrics as gm
from genmetrics._checks import DataError
from genmetrics.metrics.memorisation import auth_pct_estimate, ct_score_estimate, k_means_cells, rank_test
from tests.reference import manifold as slow

TRAIN = np.array([[0.0], [1.0], [5.0], [9.0]])  # own nearest at 1, 1, 4, 4


def sets(seed, sizes=(60, 50, 70), d=3):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(n, d)) for n in sizes]


# AuthPct, share nearer


@given(st.integers(0, 10**6), st.integers(2, 12), st.integers(1, 3), st.booleans())
@settings(deadline=None, max_examples=40)
def test_auth_pct_agrees_with_rational_arithmetic(seed, n, d, grid):
    rng = np.random.default_rng(seed)
    train, generated = rng.normal(size=(n, d)), rng.normal(size=(7, d))
    if grid:
        train, generated = np.rint(train), np.rint(generated)
    assert gm.auth_pct(train, generated) == pytest.approx(100 * float(slow.authentic(train, generated)), rel=1e-12)


def test_auth_pct_by_hand():
    """0.4 lies 0.4 from 0, whose nearest is at 1: a copy. 7 lies 2 from 5 (and 9): a copy. 2.5 lies 1.5 from 1: not."""
    assert gm.auth_pct(TRAIN, np.array([[0.4], [7.0], [2.5]])) == pytest.approx(100 / 3)


def test_a_copy_is_a_copy_and_noise_is_authentic():
    train, _, _ = sets(0)
    assert gm.auth_pct(train, train) == 0
    assert gm.auth_pct(train, train.astype(np.float32)) == 0
    assert gm.auth_pct(train, train + 1000) == 100


def test_as_near_as_its_own_nearest_counts_as_a_copy_but_not_as_nearer():
    train, generated = np.array([[0.0], [1.0]]), np.array([[-1.0]])
    assert gm.auth_pct(train, generated) == 0
    assert gm.share_nearer(train, generated) == 0


def test_share_nearer_counts_against_the_kth_neighbour():
    """2.5 lies 1.5 from 1, whose neighbours lie at 1, 4 and 8."""
    assert [gm.share_nearer(TRAIN, np.array([[2.5]]), k) for k in (1, 2, 3)] == [0, 1, 1]


def test_auth_pct_of_fresh_images_is_what_the_interval_says():
    train, test, _ = sets(1, (400, 400, 1))
    found = auth_pct_estimate(train, test)
    assert 40 < found.low < found.value < found.high < 80
    assert found.details["copies"] == 0


# near-duplicates


def test_near_duplicates_are_the_altered_copies():
    train, test, generated = sets(2, (300, 3000, 100), 20)
    generated[[3, 50]] = train[[7, 8]]
    generated[60] = train[9] + 1e-3
    assert gm.near_duplicates(train, test, generated).tolist() == [3, 50, 60]
    note = ct_score_estimate(train, test, generated).notes
    assert "3 of 100 samples lie nearer to a training image" in note[0]


def test_an_exact_copy_is_found_where_the_test_set_holds_one_too():
    train, test, generated = sets(3)
    test[0], generated[4] = train[0], train[1]
    assert gm.near_duplicates(train, test, generated).tolist() == [4]


# C_T


@given(st.integers(0, 10**6), st.integers(1, 8), st.integers(1, 8))
@settings(deadline=None, max_examples=50)
def test_z_agrees_with_counting_pairs(seed, n, m):
    rng = np.random.default_rng(seed)
    test, generated = rng.integers(0, 5, n).astype(float), rng.integers(0, 6, m).astype(float)
    assert rank_test(test, generated).z == pytest.approx(slow.mann_whitney_z(test, generated), abs=1e-12)


def test_z_agrees_with_scipy():
    from scipy.stats import mannwhitneyu

    rng = np.random.default_rng(0)
    test, generated = rng.normal(size=80), rng.normal(size=90) + 0.3
    u = mannwhitneyu(generated, test).statistic
    assert rank_test(test, generated).z == pytest.approx((u - 3600) / np.sqrt(7200 * 171 / 12), rel=1e-12)


@pytest.mark.parametrize("image", [0, 3])
def test_the_influence_of_an_image_is_the_derivative_in_its_weight(image):
    """By repeating it: z of sets of 2000 in which one value's weight rises by one image."""
    rng = np.random.default_rng(1)
    test, generated = rng.normal(size=400), rng.normal(size=300) + 0.2
    base = rank_test(test, generated)
    more = rank_test(np.append(test, test[image]), generated).z - base.z
    assert base.of_test[image] == pytest.approx(more, rel=0.03, abs=2e-5)
    more = rank_test(test, np.append(generated, generated[image])).z - base.z
    assert base.of_generated[image] == pytest.approx(more, rel=0.03, abs=2e-5)


@pytest.mark.parametrize("search", ["train", "cell"])
def test_c_t_is_the_weighted_mean_of_its_cells(search):
    train, test, generated = sets(4, (200, 150, 180))
    found = gm.ct_score(train, test, generated, search=search)
    labels = k_means_cells(train, test, generated, 3, 0)
    total = weight = 0.0
    for cell in range(3):
        r = train[labels[0] == cell] if search == "cell" else train
        far = [
            np.sqrt(((z[label == cell][:, None] - r) ** 2).sum(2)).min(1)
            for z, label in ((test, labels[1]), (generated, labels[2]))
        ]
        total += len(far[0]) * slow.mann_whitney_z(*far)
        weight += len(far[0])
    assert found.value == pytest.approx(total / weight, rel=1e-9)
    assert found.dropped == 0


def test_c_t_is_below_0_for_copies_above_0_for_blur_and_about_0_for_fresh_images():
    train, test, fresh = sets(5, (500, 500, 500))
    rng = np.random.default_rng(6)
    assert gm.ct_score(train, test, train + 0.01 * rng.normal(size=train.shape)).value < -10
    assert gm.ct_score(train, test, fresh + 2).value > 10
    assert abs(gm.ct_score(train, test, fresh).value) < 4
    assert gm.ct_score(train, test, test).value == pytest.approx(0, abs=1e-12)


def test_influences_of_the_test_images_have_the_variance_that_these_bring():
    """All of the error but what the generated images bring; of either half the same."""
    train, test, generated = sets(7, (200, 90, 80))
    found = ct_score_estimate(train, test, generated)
    assert found.of_reference.shape == (2, 90)
    assert np.array_equal(*found.of_reference)
    expected = found.std_error**2 - found.std_error_generated**2
    assert found.of_reference[0].var(ddof=1) / 90 == pytest.approx(expected, rel=1e-12)


def test_samples_equal_to_the_test_set_get_0():
    """Half a pair more in every U (the authors' code) gives them 0.5 / sqrt(25 25 51 / 12) = 0.0097."""
    train, test, _ = sets(10, (30, 25, 1), 2)
    assert gm.ct_score(train, test, test[::-1], cells=1).value == pytest.approx(0, abs=1e-12)


def test_modes_put_other_sets_in_the_training_sets_place():
    train, test, generated = sets(7, (100, 80, 90))
    assert gm.ct_score(train, test, generated, mode="memorised").value == pytest.approx(
        gm.ct_score(generated, test, train).value
    )
    assert gm.ct_score(train, test, generated, mode="collapse", cells=1).value == pytest.approx(
        gm.ct_score(test[:40], test[40:], generated, cells=1).value
    )


def test_cells_with_too_few_images_are_dropped_and_counted():
    rng = np.random.default_rng(8)
    places = np.array([[0.0, 0], [100, 0], [0, 100]])
    train, test = (places[np.arange(90) % 3] + rng.normal(size=(90, 2)) for _ in range(2))
    generated = places[np.arange(60) % 2] + rng.normal(size=(60, 2))
    found = gm.ct_score(train, test, generated)
    assert found.dropped == 1
    assert sorted((cell.generated, cell.z is None) for cell in found.cells) == [(0, True), (30, False), (30, False)]
    assert "1 of 3 cells hold too few images" in ct_score_estimate(train, test, generated).notes[-1]


def test_what_c_t_cannot_use_is_refused():
    train, test, generated = sets(9)
    with pytest.raises(DataError, match="no cell of 1 holds a test image and more than 20 generated"):
        gm.ct_score(train, test, generated[:20], cells=1)
    with pytest.raises(DataError, match="cells must lie between 1 and the 60 training images, got 61"):
        gm.ct_score(train, test, generated, cells=61)
    with pytest.raises(DataError, match="did you mean 'copying'"):
        gm.ct_score(train, test, generated, mode="copy")
    with pytest.raises(DataError, match="train: 1 image, but at least 2"):
        gm.auth_pct(train[:1], generated)
