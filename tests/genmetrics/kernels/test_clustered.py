"""What the certificates of `clustered` rest on: sums in float32, what is left out, groups, the width asked for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.special import logsumexp

from genmetrics.kernels import clustered, tiles
from genmetrics.kernels.clustered import (
    BESIDE,
    GROUP,
    bounds_in,
    bounds_of_clusters,
    clustered_log_mean_exp,
    doubtful,
    group_bounds,
    groups_of,
    rounding_of,
    sorted_by_cluster,
    within_reach,
)
from genmetrics.kernels.geometry import DISTANCES, EPS
from genmetrics.kernels.pairwise import log_mean_exp
from genmetrics.kernels.tiles import Rows, Space, prepared

distances = st.sampled_from(DISTANCES)


def log_sums(x, y, space):
    """From differences in float64; `space` gives the unit and whether it is "l2"."""
    x, y = (np.asarray(points, dtype=float) for points in (x, y))
    square = cdist(x, y, "sqeuclidean") / space.unit**2
    return logsumexp(-np.sqrt(square) if space.rooted else -square, axis=1)


@given(
    st.integers(0, 10**6),
    st.integers(1, 6),
    st.floats(-2, 2),
    st.floats(-1, 6),
    distances,
    st.sampled_from([np.float32, np.float64]),
)
@settings(deadline=None, max_examples=150)
def test_sums_in_float32_err_by_their_bound_at_most(seed, d, spread, shift, distance, given_as):
    """Two blocks, the second often nearer, so that rows are shifted on the way."""
    rng = np.random.default_rng(seed)
    x, y = (10**shift + 10**spread * rng.normal(size=(size, d)) for size in (7, 60))
    x, y = x.astype(given_as), y.astype(given_as)
    space = Space.of(np.zeros(d), distance, 1.0)
    rows = Rows(x, space.about(x.mean(axis=0), np.float32))
    assert rows.points.dtype == np.float32
    with np.errstate(all="ignore"):
        for i in (0, 20):
            rows.add_all(prepared(y[i : i + 20 + i], rows.space), first=i == 0)
    off = np.abs(rows.log_sums() - log_sums(x, y, space))
    assert rows.tile.dtype == np.float32
    assert (off <= rounding_of(rows, clusters_of(1))).all()


def clusters_of(count):
    points = np.arange(float(count))[:, None]
    return sorted_by_cluster(points, np.arange(count), Space(np.zeros(1), 1.0, False))


def test_sums_in_float32_are_worth_their_bound():
    """Near together, a bound of 1e-3 or less: enough for intervals of a hundredth."""
    rng = np.random.default_rng(0)
    x, y = 100 + rng.normal(size=(50, 10)), 100 + rng.normal(size=(300, 10))
    rows = Rows(x, Space.of(np.zeros(10), "half_sq", 1.0).about(x.mean(axis=0), np.float32))
    rows.add_all(prepared(y, rows.space), first=True)
    assert rounding_of(rows, clusters_of(1)).max() < 1e-3


@pytest.mark.parametrize(("rows", "eps"), [(np.float32, 2.0**-23), (np.float64, 2.0**-52)])
def test_every_source_of_rounding_is_counted(rows, eps):
    """By hand, d = 1, x at 3 from the centre and y at 4: (1 + 10) eps (3 + 4)^2 and |shift| = 1; the block's sum of up
    to 2048 terms, the exponential; a rounding of the total for each of 5 clusters."""
    space = Space(np.zeros(1), 1.0, False, rows)
    found = Rows(np.array([[3.0]], rows), space)
    found.add_all(prepared(np.array([[4.0]], rows), space), first=True)
    expected = np.expm1(11 * eps * (49 + 1)) + (1024 + 8) * eps + 5 * 2.0**-52
    assert rounding_of(found, clusters_of(5))[0] == pytest.approx(expected, rel=1e-6, abs=0)
    assert not doubtful(np.array([0.0124]), 0.1)[0]
    assert doubtful(np.array([0.0126, np.nan]), 0.1).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_term_leaves_the_range_of_its_type(dtype):
    """Terms e^-2000 of the first, and e^2000 times it."""
    space = Space(np.zeros(1), 1.0, False, dtype)
    rows = Rows(np.array([[0.0], [50.0]]), space)
    for i, block in enumerate(([[0.1], [45.0]], [[0.0], [50.0]])):
        rows.add_all(prepared(np.array(block), space), first=i == 0)
    square = np.square(np.array([[0.0], [50.0]]) - [0.1, 45, 0, 50])
    np.testing.assert_allclose(rows.log_sums(), logsumexp(-square, axis=1), atol=1e-3 if dtype == np.float32 else 1e-9)
    assert set(tiles.LIMIT) == set(tiles.SMALLEST) == {np.float32, np.float64}


@given(st.integers(0, 10**6), st.integers(1, 5), st.floats(-1, 1.5), st.floats(-60, 5), distances)
@settings(deadline=None, max_examples=100)
def test_what_is_out_of_reach_adds_no_more_than_said_to_any_query(seed, d, spread, negligible, distance):
    rng = np.random.default_rng(seed)
    x, y = 3 * rng.normal(size=d) + 0.3 * rng.normal(size=(6, d)), 10**spread * rng.normal(size=(80, d))
    space = Space.of(np.zeros(d), distance, 1.0)
    found = sorted_by_cluster(y, rng.integers(0, 30, 80), space)
    near, rest = within_reach(space.scaled(x), found, space, negligible)
    far = np.setdiff1d(np.arange(len(found.sizes)), near)
    assert len(near) >= 1
    if len(far):
        left = np.concatenate([found.members[found.starts[c] : found.starts[c + 1]] for c in far])
        assert (log_sums(x, left, space) <= rest).all()
        assert rest <= negligible + 1e-8


def test_what_is_out_of_reach_far_from_the_centre_is_bounded_in_spite_of_its_rounded_place():
    """At 1e9 a place is rounded by up to 6e-8: e^-9 by up to 7e-7 of it, where the triangle inequality is no help."""
    rng = np.random.default_rng(0)
    space = Space(np.array([0.1234]), 0.7, False)
    for _ in range(50):
        x = 1e9 * (1 + rng.random((1, 1)))
        y = x + rng.uniform(2.0, 2.2, (2, 1))
        found = sorted_by_cluster(y, np.arange(2), space)
        near, rest = within_reach(space.scaled(x), found, space, np.inf)
        far = np.setdiff1d(np.arange(2), near)
        assert len(far) == 1
        assert log_sums(x, y[far], space)[0] <= rest


def test_what_is_out_of_reach_is_bounded_in_spite_of_the_rounding_of_its_sum():
    """Distances of 0: the sum of all clusters but one is the number of their members."""
    space = Space(np.zeros(1), 1.0, False)
    for count in range(3, 60):
        found = sorted_by_cluster(np.zeros((count, 1)), np.arange(count), space)
        near, rest = within_reach(np.zeros((1, 1)), found, space, np.inf)
        assert len(near) == 1
        assert np.log(np.longdouble(count - 1)) <= rest <= np.log(count - 1) + 1e-12


@pytest.mark.parametrize("distance", DISTANCES)
def test_brackets_hold_in_spite_of_the_rounding_of_the_sums_of_bounds(distance):
    """All points are one: each cluster's bounds are the logarithm of its size, and the sum is the number of points."""
    space = Space(np.zeros(1), 1.0, distance == "l2")
    rng = np.random.default_rng(0)
    for _ in range(50):
        sizes = np.append(1, rng.integers(1, 5000, 40))
        found = sorted_by_cluster(np.zeros((sizes.sum(), 1)), np.repeat(np.arange(41), sizes), space)
        below, above, pairs = bounds_in(space, np.zeros((1, 1)), found, space, 0.1)
        assert pairs == 1
        assert below[0] <= np.log(np.longdouble(sizes.sum())) <= above[0]
        assert above[0] - below[0] < 1e-13


@given(st.integers(0, 10**6), st.integers(1, 40), st.floats(-9, 0.5), st.floats(-9, 1), distances)
@settings(deadline=None, max_examples=100)
def test_the_bounds_of_a_cluster_hold_to_the_last_digits(seed, size, spread, apart, distance):
    """But for the rounding of log n, which the sum of the bounds allows for. The radius is rounded, and e^a - 1 - a."""
    rng = np.random.default_rng(seed)
    space = Space(np.zeros(2), 1.0, distance == "l2")
    y = 10**spread * rng.normal(size=(size, 2))
    x = y.mean(axis=0) + 10**apart * rng.normal(size=(5, 2))
    found = sorted_by_cluster(y, np.zeros(size, int), space)
    low, high = bounds_of_clusters(x, found, np.zeros(1, int), space)
    square = np.square(x[:, None].astype(np.longdouble) - y).sum(axis=2)
    exact = np.log(np.exp(-np.sqrt(square) if space.rooted else -square).sum(axis=1))
    assert (low[:, 0] <= exact + 8 * EPS).all()
    assert (exact - 8 * EPS <= high[:, 0]).all()


@given(st.integers(0, 10**6), st.integers(1, 4), st.floats(-2, 2), st.floats(-6, -0.5), distances)
@settings(deadline=None, max_examples=25)
def test_brackets_hold_the_exact_values_and_are_as_narrow_as_asked(seed, d, spread, width, distance):
    """Several groups, and clusters merged into blocks; float32 at the larger widths, float64 at the smaller."""
    rng = np.random.default_rng(seed)
    centres = 10**spread * rng.normal(size=(5, d))
    x, y = (centres[rng.integers(0, 5, size)] + rng.normal(size=(size, d)) for size in (700, 1500))
    found = clustered_log_mean_exp(x, y, distance=distance, scale=1.0, width=10**width)
    exact = log_mean_exp(x, y, distance=distance, scale=1.0)
    assert (found.lower <= exact.values + exact.error).all()
    assert (exact.values - exact.error <= found.upper).all()
    assert (found.upper - found.lower).mean() <= 1.01 * 10**width + 1e-9
    assert found.details["share_refined"] <= 2


@pytest.mark.parametrize(("width", "tried"), [(0.1, [np.float32]), (1e-5, [np.float32, np.float64])])
def test_float64_takes_over_where_float32_is_in_doubt(monkeypatch, width, tried):
    """And at once: of the first try only the group's own cluster is computed."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(40, 3)), rng.normal(size=(200, 3))
    space = Space.of(np.zeros(3), "half_sq", 1.0)
    found = sorted_by_cluster(y, rng.integers(0, 10, 200), space)
    calls = []
    inner = clustered.bounds_in

    def recorded(local, *rest):
        result = inner(local, *rest)
        calls.append((local.dtype, result[2]))
        return result

    monkeypatch.setattr(clustered, "bounds_in", recorded)
    with np.errstate(all="ignore"):
        below, above, pairs = group_bounds(x, found, space, width)
    assert [dtype for dtype, _ in calls] == tried
    assert pairs == sum(computed for _, computed in calls)
    if len(tried) == 2:
        assert calls[0][1] < calls[1][1]
    exact = log_sums(x, y, space)
    assert (below <= exact + 1e-12).all()
    assert (exact <= above + 1e-12).all()


def test_groups_hold_every_query_once_and_only_neighbours():
    """600 queries of a cell in two groups or more; small cells side by side share one; far ones do not."""
    beside, far = BESIDE / 2, 10 * BESIDE
    centroids = np.array([[0.0], [beside], [far], [2 * far], [3 * far]])
    cells = np.repeat([0, 1, 2, 3], [10, 20, 600, 5])
    groups = groups_of(np.random.default_rng(0).permutation(cells), centroids)
    assert sorted(np.concatenate(groups)) == list(range(635))
    assert sorted(len(rows) for rows in groups) == sorted([5, 30, *([GROUP] * (600 // GROUP)), 600 % GROUP])


def test_a_group_is_split_that_would_be_too_large():
    cells = np.repeat([0, 1], GROUP - 1)
    assert [len(rows) for rows in groups_of(cells, np.zeros((2, 3)))] == [GROUP - 1, GROUP - 1]


def test_a_group_counts_what_it_leaves_out():
    """1,000 references on the query and as many where each adds 2.5e-4: less than .3 e^-7, so not looked at, and more
    than the rounding of float32."""
    space = Space(np.zeros(1), 1.0, False)
    y = np.repeat([0.0, np.sqrt(-np.log(2.5e-4))], 1000)[:, None]
    found = sorted_by_cluster(y, np.repeat([0, 1], 1000), space)
    with np.errstate(all="ignore"):
        below, above, pairs = group_bounds(np.zeros((1, 1)), found, space, 0.3)
    assert pairs == 1000
    assert below[0] <= np.log(1000) + np.log1p(2.5e-4) <= above[0]
    assert above[0] - below[0] < 1e-3


@given(st.integers(0, 10**6), st.integers(1, 5), st.floats(2, 6), distances)
@settings(deadline=None, max_examples=60)
def test_bounds_allow_for_cancellation_far_from_the_centre(seed, d, shift, distance):
    """Clusters of one point, where nothing else keeps the bounds apart."""
    rng = np.random.default_rng(seed)
    x, y = (10**shift + rng.normal(size=(size, d)) for size in (5, 8))
    space = Space.of(np.zeros(d), distance, 1.0)
    found = sorted_by_cluster(y, np.arange(8), space)
    low, high = bounds_of_clusters(space.scaled(x), found, np.arange(8), space)
    square = cdist(space.scaled(x), found.centroids, "sqeuclidean")
    exact = -np.sqrt(square) if space.rooted else -square
    assert (low <= exact + 1e-14 * np.abs(exact)).all()
    assert (exact - 1e-14 * np.abs(exact) <= high).all()


def test_two_far_cells_are_two_groups():
    assert len(groups_of(np.array([0, 1, 0, 1]), np.array([[0.0], [2 * BESIDE]]))) == 2


def test_queries_and_references_of_different_precision_share_one_centre():
    x = np.array([[1000.0], [1000.75]], np.float32)
    rows = Rows(x, Space.of(np.zeros(1), "sq", 1.0).about(np.array([1000.1]), np.float32))
    rows.add_all(prepared(np.array([[1000.25]]), rows.space), first=True)
    np.testing.assert_allclose(rows.log_sums(), [-(0.25**2), -(0.5**2)], atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_smallest_term_is_no_denormal_number(dtype):
    assert np.exp(dtype(tiles.SMALLEST[dtype])) >= np.finfo(dtype).tiny


def test_the_error_of_a_root_by_hand():
    """As above, with distances: 11 eps 50 over the distance 1, and 2 eps (1 + 1 + 80) for shift, root and spread."""
    space = Space(np.zeros(1), 1.0, True, np.float32)
    found = Rows(np.array([[3.0]], np.float32), space)
    found.add_all(prepared(np.array([[4.0]], np.float32), space), first=True)
    assert found.error[0] / found.total[0] == pytest.approx((550 + 164) * 2.0**-23, rel=1e-3)


@pytest.mark.parametrize(("size", "scale"), [(1e38, 1e39), (1e37, 1e39), (1e-44, 1e-45), (1e-38, 1e-40)])
@pytest.mark.parametrize("distance", DISTANCES)
def test_a_unit_that_float32_cannot_hold_leaves_float32_points_to_float64(size, scale, distance):
    """In float32 the unit is infinite, 0, or has a few digits only."""
    rng = np.random.default_rng(0)
    x, y = ((size * rng.uniform(-1, 1, size=(count, 2))).astype(np.float32) for count in (20, 60))
    found = clustered_log_mean_exp(x, y, distance=distance, scale=scale, width=0.5)
    exact = log_mean_exp(x, y, distance=distance, scale=scale)
    assert (found.lower <= exact.values + exact.error).all()
    assert (exact.values - exact.error <= found.upper).all()


def test_the_bound_holds_where_the_errors_of_exponents_are_large(monkeypatch):
    """Two terms of one size, exact and off by up to 3: their sum is too small by up to log((1 + e^3) / 2) > 3 / 2."""
    space = Space(np.zeros(1), 1.0, False)
    found = Rows(np.zeros((1, 1)), space)
    for error in (0.0, 3.0):
        monkeypatch.setattr(Rows, "errors", lambda self, part, y, error=error: np.full(1, error))
        found.add_all(prepared(np.ones((1, 1)), space), first=error == 0)
    assert found.error[0] / found.total[0] >= np.log((1 + np.exp(3)) / 2)
