import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genmetrics.kernels import close_pairs, sieve
from genmetrics.kernels.close_pairs import between, covering_first, nearest_between, remembered, within
from genmetrics.kernels.neighbours import k_nearest
from genmetrics.kernels.sieve import parts, points_of, products, rounding

KINDS = ("normal", "grid", "copies", "offset", "two places", "one point")


def drawn(seed, n, d, kind):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    if kind == "grid":
        x = rng.integers(-1, 2, (n, d)).astype(float)
    if kind == "copies":
        x[: n // 2] = x[0]
    if kind == "offset":
        x = (1 + 1e-6 * x).astype(np.float32)
    if kind == "two places":
        x[::2] = 1e5 + 1e-6 * x[::2]
    if kind == "one point":
        x[:] = x[0]
    return x


def all_pairs(x, y):
    """Squared distances one pair at a time."""
    return np.array([[np.square(a.astype(float) - b.astype(float)).sum() for b in y] for a in x])


@given(
    st.integers(0, 10**6), st.integers(4, 70), st.integers(1, 20), st.sampled_from(KINDS), st.sampled_from([7, 40, 99])
)
@settings(deadline=None, max_examples=40)
def test_neighbours_within_a_set_are_those_of_all_pairs_exactly(seed, n, d, kind, side):
    x, k = drawn(seed, n, d, kind), seed % 3 + 1
    squares = all_pairs(x, x)
    np.fill_diagonal(squares, np.inf)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sieve, "SIDE", side)
        found = within.__wrapped__(x, k)
    order = np.argsort(squares, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(found.indices, order)
    np.testing.assert_array_equal(found.squares, np.take_along_axis(squares, order, axis=1))


@given(
    st.integers(0, 10**6), st.integers(4, 60), st.integers(4, 60), st.sampled_from(KINDS), st.sampled_from([7, 40, 99])
)
@settings(deadline=None, max_examples=40)
def test_what_lies_between_two_sets_is_what_all_pairs_say_exactly(seed, n, m, kind, side):
    """With radii that are distances, so that ties are the rule."""
    x, y = drawn(seed, n, 5, kind), drawn(seed // 2, m, 5, kind)
    squares = all_pairs(x, y)
    x_radii, y_radii = np.sort(squares, axis=1)[:, [0, 2]], np.sort(squares, axis=0)[1:2].T
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sieve, "SIDE", side)
        most = 30 if seed % 2 else 1 << 20
        patch.setattr(close_pairs, "AT_LEAST", most)
        patch.setattr(close_pairs, "LONE", 0)
        groups = np.arange(m) % 3
        found = between.__wrapped__(x, y, x_radii, y_radii, groups)
    np.testing.assert_array_equal(found.nearest_y.indices[:, 0], squares.argmin(axis=1))
    np.testing.assert_array_equal(found.nearest_x.indices[:, 0], squares.argmin(axis=0))
    np.testing.assert_array_equal(found.nearest_y.squares[:, 0], squares.min(axis=1))
    np.testing.assert_array_equal(found.nearest_x.squares[:, 0], squares.min(axis=0))
    for i in range(2):
        np.testing.assert_array_equal(found.x_balls.open[i], (squares < x_radii[:, [i]]).sum(axis=0))
        np.testing.assert_array_equal(found.x_balls.closed[i], (squares <= x_radii[:, [i]]).sum(axis=0))
    np.testing.assert_array_equal(found.y_balls.open[0], (squares < y_radii[:, 0]).sum(axis=1))
    np.testing.assert_array_equal(found.y_balls.closed[0], (squares <= y_radii[:, 0]).sum(axis=1))
    for i, group in np.ndindex(2, 3):
        expected = (squares < x_radii[:, [i]])[:, groups == group].sum(axis=1)
        np.testing.assert_array_equal(found.held[i, group], expected)
    near = (squares <= x_radii[:, [1]]) & ((squares <= x_radii[:, [0]]).sum(axis=0) <= 1)
    if found.lone is None:
        assert most == 30
        return
    assert sorted(zip(*found.lone[:2], strict=True)) == sorted(zip(*near.nonzero(), strict=True))
    np.testing.assert_array_equal(found.lone.squares, squares[found.lone.x, found.lone.y])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1e-25, 1.0, 1e20])
@pytest.mark.parametrize("d", [1, 7, 300])
def test_products_are_within_their_bound_of_the_truth(d, scale, dtype):
    rng = np.random.default_rng(d)
    x, y = scale * rng.normal(size=(2, 40, d))
    y[:20] = x[:20] * (1 + 1e-6 * rng.normal(size=(20, d)))
    px, py = points_of(x, y)
    whole = slice(0, 40)
    error = np.abs(products(px, py, whole, whole, dtype) - all_pairs(x, y) / px.unit**2)
    assert (error <= rounding(px.norm[:, None] + py.norm, d, dtype)).all()


def test_neighbours_agree_with_faiss_and_its_recheck():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2500, 12)), rng.normal(size=(1700, 12))
    indices, distances = k_nearest(y, x, 1, "l2")
    found = between(x, y, np.empty((2500, 0)), np.empty((1700, 0)), np.zeros(1700, int)).nearest_x
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_allclose(np.sqrt(found.squares), distances, rtol=1e-12)


def test_each_pair_within_a_set_is_multiplied_once(monkeypatch):
    sizes = []
    real = sieve.products
    monkeypatch.setattr(sieve, "products", lambda *a: sizes.append(real(*a).size) or real(*a))
    x = np.random.default_rng(0).normal(size=(4 * sieve.SIDE, 8))
    within.__wrapped__(x, 2)
    assert sum(sizes) == 10 * sieve.SIDE**2  # 6 blocks above the diagonal and 4 on it


def test_points_too_close_for_float32_are_sieved_by_float64_and_not_all_compared(monkeypatch):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(1, 50)) + 1e-6 * rng.normal(size=(600, 50))
    x[0] += 1e3  # the unit
    compared = []
    real = sieve.squared_differences
    monkeypatch.setattr(sieve, "squared_differences", lambda *a: compared.append(len(a[2])) or real(*a))
    found = within.__wrapped__(x.astype(np.float64), 3)
    assert sum(compared) < 600 * 600 / 8
    assert found.squares[1:, 0].max() < 1e-9


def test_equal_calls_are_answered_from_memory_and_results_cannot_be_written():
    x = np.random.default_rng(2).normal(size=(30, 3))
    first = within(x, 2)
    assert within(x.copy(), 2) is first
    assert within(x.astype(np.float32), 2) is not first
    assert within(x, 3) is not first
    with pytest.raises(ValueError, match="read-only"):
        first.squares[0, 0] = 1


def test_only_the_very_same_contents_are_answered_from_memory():
    """Sets of one shape and type; the same bytes as another shape; nearest points from a pass over these sets."""
    x, y, z = np.random.default_rng(3).normal(size=(3, 30, 4))
    first = within(x, 1)
    assert within(y, 1) is not first
    np.testing.assert_array_equal(within(x.reshape(60, 2), 1).squares, within.__wrapped__(x.reshape(60, 2), 1).squares)
    radii, groups = np.ones((30, 1)), np.zeros(30, int)
    found = between(x, y, radii, radii, groups)
    assert nearest_between(x, y)[0] is found.nearest_y
    for a, b in ((x, z), (z, y), (y, x)):
        none = np.empty((30, 0))
        expected = between.__wrapped__(a, b, none, none, groups)
        np.testing.assert_array_equal(nearest_between(a, b)[0].squares, expected.nearest_y.squares)
    assert between(x, y, 2 * radii, radii, groups).x_balls.open.sum() > found.x_balls.open.sum()


def test_two_passes_of_equal_arguments_are_told_apart():
    doubled, squared = remembered(scaled_sum("doubled", 2)), remembered(scaled_sum("squared", 3))
    x = np.ones((2, 2))
    assert (doubled(x), squared(x), doubled(x)) == (8, 12, 8)


def scaled_sum(name, factor):
    def function(x):
        return factor * x.sum()

    function.__name__ = name
    return function


@pytest.mark.parametrize("n", [1, 5, 7, 8, 100])
def test_parts_cover_everything_once(n):
    found = parts(n, 7)
    assert np.concatenate([np.arange(n)[part] for part in found]).tolist() == list(range(n))
    assert max(part.stop - part.start for part in found) <= 7


@pytest.mark.parametrize(("n", "m"), [(1, 1), (3, 5), (5, 3)])
def test_the_first_blocks_touch_everything(n, m):
    rows, columns = parts(7 * n, 7), parts(7 * m, 7)
    blocks = covering_first(rows, columns)
    assert len({(a.start, b.start) for a, b in blocks}) == len(blocks) == n * m
    first = blocks[: max(n, m)]
    assert {a.start for a, _ in first} == {a.start for a in rows}
    assert {b.start for _, b in first} == {b.start for b in columns}
