import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf
from scipy.special import logsumexp
from threadpoolctl import threadpool_info

from genmetrics.kernels import careful, pairwise, tiles
from genmetrics.kernels.careful import (
    TOLERANCE,
    Centred,
    careful_log_sum_exp,
    centred,
    doubt_threshold,
    expansion_error,
    make_exact,
    squared_distances,
)
from genmetrics.kernels.geometry import DISTANCES, SIGNIFICANT, in_threads, split, square_unit, to_scaled
from genmetrics.kernels.pairwise import log_mean_exp

distances = st.sampled_from(DISTANCES)


def about_0(points):
    return centred(np.asarray(points, dtype=float), np.zeros(np.shape(points)[1]))


def exact_squares(x, y):
    with mp.workdps(50):
        return np.array(
            [[mp.fsum((mpf(float(a)) - mpf(float(b))) ** 2 for a, b in zip(p, q, strict=True)) for q in y] for p in x]
        )


@pytest.mark.parametrize(("distance", "value"), [("half_sq", 25 / 18), ("sq", 25 / 9), ("l2", 5 / 3)])
def test_scaled_distance_by_hand(distance, value):
    """Squared distance 25, h = 3."""
    square = np.array([[25.0]])
    to_scaled(square, distance, 3.0)
    assert square[0, 0] == pytest.approx(value, rel=1e-15)
    if distance != "l2":
        assert 25 / square_unit(distance, 3.0) == pytest.approx(value, rel=1e-15)


@given(st.integers(0, 10**6), st.integers(1, 9), st.floats(-6, 6), st.floats(0, 1e6))
@settings(deadline=None, max_examples=60)
def test_the_bound_on_the_expansions_rounding_holds(seed, d, exponent, shift):
    """Against 50 digits; far from the centre the expansion loses what the bound says it may."""
    rng = np.random.default_rng(seed)
    x = about_0(10**exponent * rng.normal(size=(4, d)) + shift)
    y = about_0(10**exponent * rng.normal(size=(5, d)) + shift)
    off = np.abs((exact_squares(x.points, y.points) - squared_distances(x, y)).astype(float))
    assert (off <= expansion_error(x, y)[:, None]).all()


@given(st.integers(0, 10**6), st.floats(-3, 3), st.floats(-3, 3), st.floats(0, 1e5), distances)
@settings(deadline=None, max_examples=80)
def test_after_the_recheck_every_distance_that_matters_is_within_tolerance(seed, spread, scale, shift, distance):
    rng = np.random.default_rng(seed)
    scale = 10**scale
    x = about_0(10**spread * rng.normal(size=(4, 3)) + shift)
    y = about_0(10**spread * rng.normal(size=(6, 3)) + shift)
    d = squared_distances(x, y)
    make_exact(d, x, y, distance, scale, np.full(4, np.inf))
    to_scaled(d, distance, scale)
    true = exact_squares(x.points, y.points)
    true = np.vectorize(mp.sqrt)(true) / scale if distance == "l2" else true / square_unit(distance, scale)
    true = true.astype(float)
    matters = true <= true.min(axis=1, keepdims=True) + SIGNIFICANT
    # a few roundings of the square root and the division on top of what the recheck allows
    allowed = (TOLERANCE + 1e-14) * np.maximum(1, true)
    assert (np.abs(d - true) <= allowed)[matters].all()
    # what does not matter must not come to matter by being wrong
    assert (d > true.min(axis=1, keepdims=True) + SIGNIFICANT * (1 - 1e-6))[~matters].all()


@given(st.floats(1e-12, 1e6), st.floats(-3, 3), distances)
@settings(deadline=None, max_examples=60)
def test_at_the_threshold_of_doubt_an_error_costs_at_most_the_tolerance(error, exponent, distance):
    scale = 10**exponent
    threshold = doubt_threshold(np.array([error]), distance, scale)[0]
    for square in (threshold * (1 + 1e-9) + 1e-300, 10 * threshold + 1e-3):
        shifted = np.array([[square, square + error]])
        to_scaled(shifted, distance, scale)
        exact, off = shifted[0]
        assert off - exact <= 1.01 * TOLERANCE * max(1, exact) + 1e-15 * exact


def test_values_are_logs_of_means_and_never_above_0():
    x, y = np.random.default_rng(1).normal(size=(2, 30, 4))
    result = log_mean_exp(x, y, distance="half_sq", scale=1.0)
    squares = ((x[:, None] - y) ** 2).sum(axis=2)
    np.testing.assert_allclose(result.values, logsumexp(-squares / 2, axis=1) - np.log(30), rtol=1e-12)
    assert (result.values <= 0).all()
    assert (result.error > 0).all()
    assert (result.error < 1e-8).all()


@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(1, 30), st.integers(1, 7), st.integers(1, 7), distances)
@settings(deadline=None, max_examples=50)
def test_the_size_of_blocks_does_not_matter(seed, n, m, rows, columns, distance):
    rng = np.random.default_rng(seed)
    x, y = 3 * rng.normal(size=(n, 2)), 3 * rng.normal(size=(m, 2))
    whole = log_mean_exp(x, y, distance=distance, scale=1.0).values
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairwise, "QUERIES", rows)
        patch.setattr(tiles, "COLUMNS", columns)
        patch.setattr(tiles, "TILE", columns * max(1, rows // 2))
        patch.setattr(careful, "ROWS", rows)
        patch.setattr(careful, "COLUMNS", columns)
        parts = log_mean_exp(x, y, distance=distance, scale=1.0).values
        slow = careful_log_sum_exp(x, y, np.zeros(2), distance, 1.0)[0] - np.log(m)
    np.testing.assert_allclose(parts, whole, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(slow, whole, rtol=1e-10, atol=1e-12)


def test_references_in_descending_order_of_distance_keep_the_largest_term(monkeypatch):
    """Each block holds a term e^45 times those before it, so the running sum is rescaled every time."""
    monkeypatch.setattr(careful, "COLUMNS", 1)
    y = np.array([[30.0], [20.0], [10.0], [0.0]])
    result, _ = careful_log_sum_exp(np.zeros((1, 1)), y, np.zeros(1), "l2", 0.5)
    assert result[0] == pytest.approx(logsumexp([-60, -40, -20, 0]), rel=1e-14)


@pytest.mark.parametrize("distance", DISTANCES)
def test_a_row_is_shifted_again_when_a_term_would_overflow(monkeypatch, distance):
    """Outward from the centre the far query meets its neighbours last: terms e^800 and e^3000 times the first."""
    monkeypatch.setattr(tiles, "COLUMNS", 1)
    y = np.array([[0.0], [0.0], [0.0], [60.0], [100.0]]) * (1 if distance != "l2" else 40)
    x = np.array([[100.0], [0.0], [61.0]]) * (1 if distance != "l2" else 40)
    result = log_mean_exp(x, y, distance=distance, scale=1.0)
    apart = np.abs(x - y.T)
    exponents = -(apart if distance == "l2" else apart**2 / (2 if distance == "half_sq" else 1))
    np.testing.assert_allclose(result.values, logsumexp(exponents, axis=1) - np.log(5), rtol=1e-13)


@given(st.integers(0, 10**6), st.integers(1, 20), st.floats(-2, 2), st.floats(0, 30), distances)
@settings(deadline=None, max_examples=60)
def test_weights_multiply_the_terms_on_both_paths(seed, m, exponent, slope, distance):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(4, 3)), rng.normal(size=(m, 3))
    logs = slope * rng.normal(size=m)
    scale = 10**exponent
    square = ((x[:, None] - y) ** 2).sum(axis=2)
    exponents = np.sqrt(square) / scale if distance == "l2" else square / square_unit(distance, scale)
    expected = logsumexp(logs - exponents, axis=1)
    fast = log_mean_exp(x, y, distance=distance, scale=scale, log_weights=logs)
    slow, _ = careful_log_sum_exp(x, y, np.zeros(3), distance, scale, logs)
    np.testing.assert_allclose(fast.values, expected, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(slow, expected, rtol=1e-10, atol=1e-10)


def test_only_rows_without_a_narrow_certificate_take_the_slow_path(monkeypatch):
    """A pair of points 1e-3 apart at 1e6: their row alone."""
    taken = []
    slow = pairwise.careful_log_sum_exp
    monkeypatch.setattr(
        pairwise, "careful_log_sum_exp", lambda queries, *rest: taken.append(len(queries)) or slow(queries, *rest)
    )
    x, y = np.random.default_rng(2).normal(size=(2, 30, 3))
    x[7], y[9] = 1e6, 1e6 + 1e-3
    result = log_mean_exp(x, y, distance="half_sq", scale=1.0)
    assert taken == [1]
    assert result.values[7] == pytest.approx(-3e-6 / 2 - np.log(30), rel=1e-6)
    assert result.error.max() < 1e-9


def test_a_far_block_that_cannot_matter_is_left_out(monkeypatch):
    monkeypatch.setattr(tiles, "COLUMNS", 4)
    added = []
    add = tiles.Rows.add
    monkeypatch.setattr(tiles.Rows, "add", lambda self, part, y: added.append(y.least) or add(self, part, y))
    y = np.concatenate([np.zeros((4, 1)), np.full((4, 1), 5.0), np.full((4, 1), 50.0)])
    result = log_mean_exp(np.full((3, 1), 1.0), y, distance="half_sq", scale=1.0)
    np.testing.assert_allclose(added, np.array([0.0, 5.0]) / np.sqrt(2), rtol=1e-15)
    assert result.values[0] == pytest.approx(logsumexp([-0.5] * 4 + [-8] * 4) - np.log(12), rel=1e-14)


def test_exact_differences_are_taken_only_where_the_expansion_is_in_doubt(monkeypatch):
    """Of two far references one is near the query: the other's square is left as it was, however wrong."""
    x, y = about_0([[1e6, 0.0]]), about_0([[1e6, 1.0], [-1e6, 0.0]])
    square = np.array([[123.0, 4e12]])
    make_exact(square, x, y, "half_sq", 1.0, np.array([np.inf]))
    assert square.tolist() == [[1.0, 4e12]]


@pytest.mark.parametrize(
    ("distance", "scale", "within", "beyond"),
    [("half_sq", 1.0, 12.0, 13.0), ("half_sq", 10.0, 120.0, 130.0), ("sq", 10.0, 85.0, 95.0), ("l2", 0.5, 40.0, 42.0)],
)
def test_pairs_within_80_of_the_nearest_are_made_exact_and_the_others_left(distance, scale, within, beyond):
    """The nearest at scale h (D of 1/2 or 1). By half_sq: 12 h is D = 72, 13 h is D = 84.5; by sq 8.5 h is 72.25,
    9.5 h is 90.25; by l2 80 h is 80, 84 h is 84. The squares given are off by a thousandth, and are in doubt."""
    x = about_0([[1e7]])
    apart = np.array([scale, within, beyond])
    y = about_0(1e7 + apart[:, None])
    square = apart[None] ** 2 * 1.001
    make_exact(square, x, y, distance, scale, np.array([np.inf]))
    assert square[0, 0] == apart[0] ** 2
    assert square[0, 1] == apart[1] ** 2
    assert square[0, 2] == apart[2] ** 2 * 1.001


def test_what_matters_goes_by_the_nearest_of_earlier_blocks_too():
    """With a reference at D = 0 seen before, one at D = 98 no longer matters."""
    x, y = about_0([[1e7]]), about_0([[1e7 + 14]])
    for nearest, expected in ((np.inf, 196.0), (0.0, 200.0)):
        square = np.array([[200.0]])
        make_exact(square, x, y, "half_sq", 1.0, np.array([nearest]))
        assert square[0, 0] == expected


def test_a_block_is_centred():
    block = centred(np.array([[1, 2], [3, 4]], np.float32), np.array([1.0, 1.0]))
    assert isinstance(block, Centred)
    assert block.points.dtype == np.float64
    assert block.points.tolist() == [[0, 1], [2, 3]]
    assert block.square.tolist() == [1, 13]


@pytest.mark.parametrize(("n", "rows", "sizes"), [(5, 2, [2, 2, 1]), (4, 2, [2, 2]), (1, 9, [1])])
def test_a_split_has_all_rows_in_order_without_a_copy(n, rows, sizes):
    x = np.arange(n)[:, None]
    parts = split(x, rows)
    assert [len(part) for part in parts] == sizes
    assert np.concatenate(parts).tolist() == x.tolist()
    assert all(part.base is x or part.base is x.base for part in parts)


def test_work_in_threads_keeps_the_order_and_gives_the_threads_of_blas_back():
    before = [library["num_threads"] for library in threadpool_info()]
    blocks = [np.full((1, 1), i) for i in range(20)]
    assert list(in_threads(lambda block: int(block[0, 0]), blocks)) == list(range(20))
    assert [library["num_threads"] for library in threadpool_info()] == before


def test_an_error_in_a_thread_is_raised_and_no_thread_is_left():
    def fail(block):
        raise ZeroDivisionError

    threads = threading.active_count()
    with pytest.raises(ZeroDivisionError):
        list(in_threads(fail, [np.zeros((1, 1))] * 3))
    assert threading.active_count() == threads


@pytest.mark.parametrize("weight", [1e6, 1e9, -1e9])
def test_the_slow_paths_bound_holds_where_log_weights_are_large(weight):
    """Two copies of the query: log w + log 2, rounded where log w is."""
    values, error = careful_log_sum_exp(np.zeros((1, 2)), np.zeros((2, 2)), np.zeros(2), "sq", 1.0, np.full(2, weight))
    with mp.workdps(30):
        assert abs(mpf(float(values[0])) - (mpf(weight) + mp.log(2))) <= error[0]
