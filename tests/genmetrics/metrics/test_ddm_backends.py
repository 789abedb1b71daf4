"""faiss and clustered hold the exact value between their bounds and meet `tol`; baselines, scales, relatives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.special import logsumexp

from genmetrics._checks import DataError
from genmetrics.kernels import clustered, topk
from genmetrics.kernels.clustered import Clusters, bounds_of_clusters, sorted_by_cluster, within_reach
from genmetrics.kernels.geometry import DISTANCES
from genmetrics.kernels.pairwise import log_mean_exp
from genmetrics.kernels.tiles import Space
from genmetrics.metrics.ddm import ddm, ddm_relative, ddm_sum
from genmetrics.metrics.scales import likeliest_scale
from tests.reference import ddm as slow
from tests.reference.ddm_cases import random_case

distances = st.sampled_from(DISTANCES)


@pytest.mark.parametrize("backend", ["faiss", "clustered"])
@given(st.integers(0, 10**9))
@settings(deadline=None, max_examples=60)
def test_the_interval_holds_the_exact_value_and_meets_tol(backend, seed):
    case = random_case(seed)
    exact = ddm(case.test, case.generated, case.distance, case.scale)
    found = ddm(case.test, case.generated, case.distance, case.scale, backend, case.tol)
    assert found.lower <= exact.upper
    assert exact.lower <= found.upper
    assert found.lower <= found.value <= found.upper
    assert found.upper - found.lower <= case.tol * max(1, found.value) * (1 + 1e-9)
    assert found.certified


@given(st.integers(0, 10**6), st.integers(1, 6), st.floats(-2, 2), distances)
@settings(deadline=None, max_examples=60)
def test_both_bounds_of_every_cluster_hold(seed, d, exponent, distance):
    rng = np.random.default_rng(seed)
    x, y = 10**exponent * rng.normal(size=(5, d)), 10**exponent * rng.normal(size=(40, d))
    space = Space.of(np.zeros(d), distance, 1.0)
    found = sorted_by_cluster(y, rng.integers(0, 7, 40), space)
    low, high = bounds_of_clusters(space.scaled(x), found, np.arange(len(found.sizes)), space)
    for c in range(len(found.sizes)):
        members = space.scaled(found.members[found.starts[c] : found.starts[c + 1]])
        square = ((space.scaled(x)[:, None] - members) ** 2).sum(axis=2)
        exact = logsumexp(-(np.sqrt(square) if distance == "l2" else square), axis=1)
        assert (low[:, c] <= exact + 1e-9 * np.maximum(1, abs(exact))).all()
        assert (exact <= high[:, c] + 1e-9 * np.maximum(1, abs(exact))).all()


def test_the_bounds_of_a_cluster_by_hand():
    """Members at -1 and 1, query at 2: centroid 0, radius and spread 1, s = 2, a = 4. Below: 2 e^-5. Above: the smaller
    of 2 e^-1 and 2 e^-4 (1 + e^4 - 5), which is the first. The truth is e^-1 + e^-9."""
    space = Space(np.zeros(1), 1.0, False)
    found = sorted_by_cluster(np.array([[-1.0], [1.0]]), np.zeros(2, int), space)
    low, high = bounds_of_clusters(np.array([[2.0]]), found, np.array([0]), space)
    assert low[0, 0] == pytest.approx(np.log(2) - 5, rel=1e-12)
    assert high[0, 0] == pytest.approx(np.log(2) - 1, rel=1e-7)


def test_near_its_centroid_a_cluster_is_bounded_by_bennett():
    """Radius .1, query at 1: e^-.81 by the triangle; e^-1 (1 + e^.2 - 1.2) by the mean of e^u."""
    space = Space(np.zeros(1), 1.0, False)
    found = sorted_by_cluster(np.array([[-0.1], [0.1]]), np.zeros(2, int), space)
    _, high = bounds_of_clusters(np.array([[1.0]]), found, np.array([0]), space)
    assert high[0, 0] == pytest.approx(np.log(2) - 1 + np.log(np.exp(0.2) - 0.2), abs=1e-7)


def test_what_lies_out_of_reach_is_bounded_together():
    """Clusters of one point each at 0, 3 and 50 from a group around 0: the last two are e^-9 and e^-2500 there."""
    space = Space(np.zeros(1), 1.0, False)
    found: Clusters = sorted_by_cluster(np.array([[0.0], [3.0], [50.0]]), np.arange(3), space)
    near, rest = within_reach(np.array([[0.0]]), found, space, -100.0)
    assert near.tolist() == [0, 1]
    assert rest == pytest.approx(-2500, rel=1e-6)
    near, rest = within_reach(np.array([[0.0]]), found, space, -5.0)
    assert near.tolist() == [0]
    assert rest == pytest.approx(-9, rel=1e-6)


def test_far_clusters_are_not_computed():
    rng = np.random.default_rng(0)
    centres = 50 * rng.normal(size=(10, 4))
    test, generated = (centres[rng.integers(0, 10, n)] + 0.1 * rng.normal(size=(n, 4)) for n in (500, 3000))
    found = ddm(test, generated, backend="clustered", tol=1e-3)
    assert found.details["share_refined"] < 0.2
    assert found.value == pytest.approx(ddm(test, generated).value, rel=1e-3)


def test_k_grows_only_for_queries_that_need_it(monkeypatch):
    """One test point has its neighbours at once; the other is as near to all."""
    asked = []
    bracket = topk.bracket
    monkeypatch.setattr(
        topk, "bracket", lambda f, q, r, k, *rest: asked.append((len(q), k)) or bracket(f, q, r, k, *rest)
    )
    rng = np.random.default_rng(1)
    sphere = rng.normal(size=(1100, 3))
    sphere *= 10 / np.linalg.norm(sphere, axis=1, keepdims=True)
    test = np.vstack([sphere[0], np.zeros(3)])
    found = ddm(test, sphere, scale=0.1, backend="faiss")
    assert asked == [(2, 64), (1, 256)]
    assert found.details["share_exact"] == 0.5
    assert found.value == pytest.approx(ddm(test, sphere, scale=0.1).value, rel=1e-4)


def test_no_reference_beyond_those_found_lies_nearer_than_said():
    """Far from the centre float32 products, which FAISS takes of many wide points, cannot tell a cluster's members."""
    rng = np.random.default_rng(0)
    x, y = (30 + 0.1 * rng.normal(size=(rows, 256)) for rows in (500, 600))
    indices, beyond = topk.Nearest(np.vstack([np.zeros((2000, 256)), y]), "flat").search(x, 60)
    apart = cdist(x, y)
    rows, columns = np.nonzero(indices >= 2000)
    apart[rows, indices[rows, columns] - 2000] = np.inf
    assert (beyond <= apart.min(axis=1)).all()


def test_a_width_that_rounding_forbids_ends_the_search():
    """All references are among the nearest already, and the far query's rounding is wider than what was asked."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(100, 10)), rng.normal(size=(50, 10))
    x[50] += 1e6
    found = topk.top_k_log_mean_exp(x, y, distance="half_sq", scale=1.0, width=1e-4)
    exact = log_mean_exp(x, y, distance="half_sq", scale=1.0)
    assert (np.abs((found.lower + found.upper) / 2 - exact.values) <= exact.error + (found.upper - found.lower)).all()
    assert found.details == {"share_exact": 0.01, "largest_k": 50.0}
    with pytest.raises(DataError, match="certifies no more"):
        ddm(x, y, backend="faiss", tol=1e-17)


@pytest.mark.parametrize("backend", ["exact", "faiss", "clustered"])
@pytest.mark.parametrize("scale", [1e-160, 1e300])
def test_a_scale_whose_square_leaves_float64_is_refused(backend, scale):
    x, y = scale * np.random.default_rng(5).normal(size=(2, 40, 3))
    with pytest.raises(DataError, match="leaves float64"):
        ddm(x, y, scale=scale, backend=backend)


def test_an_approximate_index_is_not_certified():
    x, y = np.random.default_rng(2).normal(size=(2, 300, 3))
    found = ddm(x, y, scale=0.05, backend="faiss", index="ivf")
    assert not found.certified
    assert found.value == pytest.approx(ddm(x, y, scale=0.05).value, rel=1e-2)


# scale


def test_the_likeliest_scale_is_where_the_likelihood_is_highest():
    rng = np.random.default_rng(3)
    held_out, train = rng.normal(size=(80, 3)), rng.normal(size=(400, 3))
    h = likeliest_scale(held_out, train, "half_sq")

    def likelihood(scale):
        return log_mean_exp(held_out, train, distance="half_sq", scale=scale).values.mean() - 3 * np.log(scale)

    assert all(likelihood(h) > likelihood(h * factor) for factor in (0.5, 0.95, 1.05, 2.0))
    assert likeliest_scale(rng.permutation(held_out), rng.permutation(train), "half_sq") == h
    assert likeliest_scale(10 * held_out, 10 * train, "half_sq") == pytest.approx(10 * h, rel=2e-3)
    assert likeliest_scale(held_out, train, "sq") == pytest.approx(np.sqrt(2) * h, rel=2e-3)


def test_one_training_image_has_its_closed_form():
    """One component: h^2 is the mean squared distance over d."""
    held_out = np.array([[3.0, 4.0], [0.0, 5.0]])
    assert likeliest_scale(held_out, np.zeros((1, 2)), "half_sq") == pytest.approx(np.sqrt(25 / 2), rel=1e-3)


def test_auto_needs_training_images_that_are_not_the_test_images():
    x = np.random.default_rng(4).normal(size=(20, 2))
    with pytest.raises(DataError, match="pass train="):
        ddm(x, x, scale="auto")
    with pytest.raises(DataError, match="no maximum"):
        ddm(x, x, scale="auto", train=x)


@pytest.mark.parametrize(("unit", "spread"), [(1e300, r"6\.4e\+299"), (1e-200, r"6\.4e-201"), (1e308, "inf|nan")])
def test_auto_says_that_squares_of_the_features_leave_float64(unit, spread):
    rng = np.random.default_rng(4)
    x, y, train = (unit * rng.uniform(-1, 1, (size, 2)) for size in (10, 15, 20))
    with pytest.raises(DataError, match=f'scale="auto": features that spread by .*({spread}) leave float64'):
        ddm(x, y, scale="auto", train=train)


@pytest.mark.parametrize("unit", [1e-100, 1e100])
def test_auto_finds_the_scale_whatever_the_unit(unit):
    rng = np.random.default_rng(4)
    held_out, train = rng.normal(size=(10, 2)), rng.normal(size=(20, 2))
    expected = likeliest_scale(held_out, train, "half_sq")
    assert likeliest_scale(unit * held_out, unit * train, "half_sq") == pytest.approx(unit * expected, rel=2e-3)


# baseline, relatives, the thesis's sign


def test_the_baseline_is_of_as_many_training_images():
    rng = np.random.default_rng(5)
    test, generated, train = rng.normal(size=(30, 2)), rng.normal(size=(20, 2)) + 1, rng.normal(size=(50, 2))
    result = ddm(test, generated, train=train)
    rows = np.sort(np.random.default_rng(0).choice(50, 20, replace=False))
    assert result.baseline is not None
    assert result.baseline.value == ddm(test, train[rows]).value
    assert result.excess == result.value - result.baseline.value
    assert result.ratio == result.value / result.baseline.value
    assert ddm(test, generated).excess is None


@pytest.mark.parametrize("backend", ["clustered", "faiss"])
def test_the_sum_meets_tol_although_its_parts_are_far_larger(backend):
    """Training images 173 away: the two that are subtracted are as large, and their sum with the third near 1."""
    rng = np.random.default_rng(7)
    test, generated = rng.normal(size=(60, 3)), rng.normal(size=(900, 3))
    train = 100 + rng.normal(size=(80, 3))
    found = ddm_sum(train, test, generated, "l2", backend=backend, tol=0.1)
    exact = ddm_sum(train, test, generated, "l2")
    assert exact.details["ddm_relative"] < exact.value < 2
    assert found.upper - found.lower <= 0.1 * max(1, abs(found.value))
    assert found.lower <= exact.upper
    assert exact.lower <= found.upper
    with pytest.raises(DataError, match="float64 certifies no more"):
        ddm_sum(train, test, generated, "l2", backend=backend, tol=1e-15)
    with pytest.raises(ValueError, match="tol must be"):
        ddm_sum(train, test, generated, tol=0)


def test_the_relative_divergence_is_the_difference_of_two():
    rng = np.random.default_rng(6)
    train, test, generated = (rng.normal(size=(n, 3)) for n in (25, 15, 10))
    expected = slow.ddm(train, generated) - slow.ddm(train, test)
    result = ddm_relative(train, test, generated)
    assert result.value == pytest.approx(expected, rel=1e-10)
    assert result.lower <= expected <= result.upper
    assert ddm_relative(train, test, test).value == 0
    both = ddm_sum(train, test, generated)
    assert both.value == pytest.approx(expected + slow.ddm(test, generated), rel=1e-10)
    assert both.lower <= both.value <= both.upper


@pytest.mark.parametrize("distance", DISTANCES)
def test_the_thesis_sign_is_the_flipped_exponent(distance):
    rng = np.random.default_rng(7)
    test, generated = rng.normal(size=(6, 2)), rng.normal(size=(8, 2))
    d = np.array([[slow.scaled_distance(t, g, distance, 2.0) for g in generated] for t in test])
    expected = -np.mean(logsumexp(d, axis=1) - np.log(8))
    result = ddm(test, generated, distance, 2.0, thesis_sign=True)
    assert result.value == pytest.approx(expected, rel=1e-12)
    assert result.value < 0
    assert not result.certified


def test_clusters_of_one_point_and_sets_too_small_to_cluster():
    x = np.zeros((50, 2))
    assert ddm(x, x, backend="clustered").value == 0
    assert ddm(x[:3], x[:4], backend="clustered").value == 0
    assert clustered.FEW < 50
