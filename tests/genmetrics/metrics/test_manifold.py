import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import genmetrics as gm
from genmetrics._checks import DataError
from genmetrics.intervals import random_halves
from genmetrics.kernels import close_pairs
from genmetrics.metrics.manifold import (
    coverage_estimate,
    coverage_of_part,
    density_estimate,
    precision_estimate,
    recall_estimate,
    recall_of_part,
)
from genmetrics.metrics.two_sample import nearest_accuracy, told_by_nearest
from tests.reference import manifold as slow

LINE = np.array([[0.0], [1.0], [2.0], [10.0]])  # squared radii at k = 1: 1, 1, 1, 64


def drawn(seed, n, m, d, kind):
    """Sets that make float32 fail: exact ties, copies, differences of 1e-6 beside an offset of 1."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, d)), rng.normal(size=(m, d))
    if kind == "grid":
        x, y = rng.integers(-1, 2, (n, d)).astype(float), rng.integers(-1, 2, (m, d)).astype(float)
    if kind == "copies":
        y[: m // 2] = x[rng.integers(0, n, m // 2)]
        x[: n // 2] = x[0]
    if kind == "offset":
        x, y = (1 + 1e-6 * x).astype(np.float32), (1 + 1e-6 * y).astype(np.float32)
    if kind == "two places":
        x[::2] += 1e6
        y[::2] += 1e6
    return x, y


kinds = st.sampled_from(["normal", "grid", "copies", "offset", "two places"])


@given(st.integers(0, 10**6), st.integers(4, 12), st.integers(4, 12), st.integers(1, 4), kinds)
@settings(deadline=None, max_examples=60)
def test_all_agree_with_rational_arithmetic_over_all_pairs(seed, n, m, d, kind):
    x, y = drawn(seed, n, m, d, kind)
    k = seed % 3 + 1
    pr, dc = gm.precision_recall(x, y, k), gm.density_coverage(x, y, k)
    assert pr.precision == pytest.approx(float(slow.precision(x, y, k)), rel=1e-12)
    assert pr.recall == pytest.approx(float(slow.precision(y, x, k)), rel=1e-12)
    assert dc.density == pytest.approx(float(slow.density(x, y, k)), rel=1e-12)
    assert dc.coverage == pytest.approx(float(slow.coverage(x, y, k)), rel=1e-12)


@given(st.integers(0, 10**6), st.integers(4, 12), st.integers(1, 4), kinds)
@settings(deadline=None, max_examples=40)
def test_realism_agrees_with_rational_arithmetic(seed, n, d, kind):
    x, y = drawn(seed, n, 5, d, kind)
    expected = [np.inf if square is None else float(square) ** 0.5 for square in slow.realism(x, y, 2)]
    np.testing.assert_allclose(gm.realism(x, y, 2), expected, rtol=1e-9)


def test_precision_and_recall_by_hand():
    """Real balls are [-1, 1], [0, 2], [1, 3], [2, 18]; generated ones [2.5, 3.5], [3, 4], [-49, 3]."""
    generated = np.array([[3.0], [3.5], [-23.0]])
    found = gm.precision_recall(LINE, generated, k=1)
    assert found.precision == pytest.approx(2 / 3)
    assert found.recall == pytest.approx(3 / 4)


def test_density_and_coverage_by_hand():
    """3 lies on the edge of [1, 3] and inside [2, 18]; 3.5 inside the latter; -23 nowhere."""
    found = gm.density_coverage(LINE, np.array([[3.0], [3.5], [-23.0]]), k=1)
    assert found.density == pytest.approx(2 / 3)
    assert found.coverage == pytest.approx(1 / 4)


def test_a_ball_reaches_to_the_kth_neighbour_by_hand():
    """At k = 2 the ball around 0 is [-2, 2]; at k = 1 it is [-1, 1], and -1.5 lies in none."""
    generated = np.array([[-1.5], [-50.0], [-60.0]])
    for k, inside in ((1, 0), (2, 1)):
        assert gm.precision_recall(LINE, generated, k).precision == pytest.approx(inside / 3)
        found = gm.density_coverage(LINE, generated, k)
        assert (found.density, found.coverage) == (pytest.approx(inside / 3 / k), inside / 4)
    assert gm.realism(LINE, generated, 2)[0] == pytest.approx(2 / 1.5)


def test_realism_by_hand():
    """The median radius is 1, so that the ball around 10 is left out; without balls of it (dgm-eval) none stays."""
    np.testing.assert_allclose(gm.realism(LINE, np.array([[4.0], [2.5], [1.0]]), k=1), [0.5, 2, np.inf])


def test_a_ball_is_closed_for_precision_and_open_for_density():
    real = np.array([[0.0], [1.0]])
    assert gm.precision_recall(real, np.array([[2.0], [9.0]]), k=1).precision == 0.5
    assert gm.density_coverage(real, np.array([[2.0], [9.0]]), k=1).density == 0


def test_copies_of_copies_lie_in_their_ball_of_radius_0():
    """Where balls are open (prdc), precision is 0 here."""
    copies = np.ones((6, 2))
    found = gm.precision_recall(copies, copies)
    assert (found.precision, found.recall) == (1, 1)
    assert gm.density_coverage(copies, copies).coverage == 0


@pytest.mark.parametrize("k", [1, 3, 5])
def test_density_of_real_images_is_1_and_coverage_as_the_docstring_says(k):
    rng = np.random.default_rng(k)
    n, found = 60, []
    for _ in range(200):
        found.append(gm.density_coverage(rng.normal(size=(n, 3)), rng.normal(size=(n, 3)), k))
    density, coverage = np.array([(f.density, f.coverage) for f in found]).T
    expected = 1 - np.prod([(n - i) / (2 * n - i) for i in range(1, k + 1)])
    assert abs(density.mean() - 1) < 4 * density.std() / np.sqrt(200) + 0.02
    assert abs(coverage.mean() - expected) < 4 * coverage.std() / np.sqrt(200)


def test_missing_modes_lower_recall_and_coverage_and_leave_precision():
    rng = np.random.default_rng(0)
    places = 20 * rng.normal(size=(10, 5))
    real = places[np.arange(300) % 10] + rng.normal(size=(300, 5))
    recalls, coverages = [], []
    for modes in (10, 7, 4, 1):
        samples = places[np.arange(300) % modes] + rng.normal(size=(300, 5))
        found, dense = gm.precision_recall(real, samples), gm.density_coverage(real, samples)
        assert found.precision > 0.8
        recalls.append(found.recall)
        coverages.append(dense.coverage)
    assert np.all(np.diff(recalls) < 0)
    assert np.all(np.diff(coverages) < 0)


@pytest.mark.parametrize("estimate", [precision_estimate, recall_estimate, density_estimate, coverage_estimate])
def test_the_rows_give_the_values_of_the_functions(estimate):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(80, 3)), 1.2 * rng.normal(size=(90, 3))
    values = {**vars(gm.precision_recall(x, y)), **vars(gm.density_coverage(x, y))}
    assert estimate(x, y).value == values[estimate.__name__.removesuffix("_estimate")]


def test_an_interval_says_what_stands_fixed():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 80, 3))
    assert precision_estimate(x, y).interval == "over generated images, conditional on the real set"
    assert recall_estimate(x, y).interval == "over real images, conditional on the generated set"
    assert recall_estimate(x, y[:39]).std_error_generated is None  # too few for parts
    assert coverage_estimate(x[:39], y).interval.startswith("no interval: parts of 39 images")


def test_recalls_error_over_generated_images_is_the_spread_with_the_real_ones_fixed():
    """200 draws give the spread to 5%; 4 of those, and the parts are half as large as the sets."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=(100, 5))
    found = [recall_estimate(x, rng.normal(size=(100, 5))) for _ in range(200)]
    spread = np.std([estimate.value for estimate in found])
    assert np.sqrt(np.mean([each.std_error_generated**2 for each in found])) == pytest.approx(spread, rel=0.35)
    assert found[0].of_parts is not None


def test_recall_of_a_part_is_recall():
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(2, 40, 3))
    assert recall_of_part(x, y, 3) == recall_estimate(x, y).value


@given(st.integers(0, 10**6), st.integers(7, 20), st.integers(7, 20), kinds)
@settings(deadline=None, max_examples=60)
def test_of_a_part_the_metrics_are_what_they_are_of_the_whole_also_where_distances_tie(seed, n, m, kind):
    x, y = drawn(seed, n, m, 3, kind)
    assert recall_of_part(x, y, 3) == gm.precision_recall(x, y).recall
    assert coverage_of_part(x, y) == gm.density_coverage(x, y).coverage
    told = told_by_nearest(x, y)
    assert nearest_accuracy(x, y) == pytest.approx((told[0].mean() + told[1].mean()) / 2, abs=1e-12)


def test_densitys_interval_is_normal_for_its_logarithm():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 30, 3))
    found, terms = density_estimate(x, y), [float(slow.density(x, g[None], 5)) for g in y]
    error = np.std(terms, ddof=1) / np.sqrt(30)
    assert found.std_error == pytest.approx(error)
    assert np.log([found.low, found.high]) == pytest.approx(
        np.log(found.value) + 1.959964 * error / found.value * np.array([-1, 1])
    )


@given(st.integers(0, 10**6), st.integers(6, 16), st.integers(2, 15), st.integers(1, 5), kinds)
@settings(deadline=None, max_examples=60)
def test_what_a_real_image_moves_is_what_is_missing_without_it(seed, n, m, k, kind):
    """Precision without each real image, in rational arithmetic, with either half of the generated images."""
    x, y = drawn(seed, n, m, 2, kind)
    y = y + (y - y.mean(axis=0)) / 2  # more of them in few balls
    found = precision_estimate(x, y, k=k).of_reference
    if n == k + 1:
        assert found is None
        return
    for half, moves in zip(random_halves(m, 0), found, strict=True):
        whole = slow.precision(x, y[half], k)
        expected = [(n - 1) * (whole - without) for without in slow.without_each(slow.precision, x, y[half], k)]
        assert moves == pytest.approx([float(each) for each in expected], abs=1e-12)


@given(st.integers(0, 10**6), st.integers(6, 16), st.integers(2, 15), kinds)
@settings(deadline=None, max_examples=30)
def test_what_a_real_image_moves_of_density_too(seed, n, m, kind):
    x, y = drawn(seed, n, m, 2, kind)
    found = density_estimate(x, y)
    if n == 6:
        assert found.of_reference is None
        return
    for half, moves in zip(random_halves(m, 0), found.of_reference, strict=True):
        whole = slow.density(x, y[half], 5)
        expected = [(n - 1) * (whole - without) for without in slow.without_each(slow.density, x, y[half], 5)]
        assert moves == pytest.approx([float(each) for each in expected], abs=1e-12)


def test_one_generated_image_has_a_precision_and_moves_nothing_that_can_be_told():
    x = np.random.default_rng(0).normal(size=(10, 2))
    found = precision_estimate(x, x[:1])
    assert found.value == 1
    assert found.of_reference is None
    assert vars(gm.density_coverage(x, x[:1] + 100)) == {"density": 0, "coverage": 0}


def test_where_too_many_pairs_would_be_held_precision_is_conditional_on_the_real_set(monkeypatch):
    monkeypatch.setattr(close_pairs, "AT_LEAST", 2)
    monkeypatch.setattr(close_pairs, "LONE", 0)
    x, y = np.random.default_rng(1).normal(size=(2, 60, 3))
    assert precision_estimate(x, y).of_reference is None


def test_precision_of_0_has_an_interval_of_some_width():
    rng = np.random.default_rng(2)
    found = precision_estimate(rng.normal(size=(50, 3)), rng.normal(size=(50, 3)) + 100)
    assert (found.value, found.low) == (0, 0)
    assert found.high == pytest.approx(0.0714, abs=1e-3)  # Wilson: z^2 / (n + z^2)


def test_density_of_0_has_the_interval_of_as_many_samples_of_density_1():
    """Poisson has 0 in 5% where 3 of 50 are expected; Wilson's limit for none of 50 is a little above."""
    rng = np.random.default_rng(2)
    found = density_estimate(rng.normal(size=(50, 3)), rng.normal(size=(50, 3)) + 100)
    assert (found.value, found.low) == (0, 0)
    assert found.high == pytest.approx(0.0714, abs=1e-3)
    assert found.std_error_generated > 0
    assert not found.of_reference.any()
    assert density_estimate(rng.normal(size=(50, 3)), rng.normal(size=(1, 3))).low is None


def test_metrics_of_one_pair_of_sets_share_one_pass(monkeypatch):
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 80, 3))
    calls = []
    real = close_pairs.close_pairs
    monkeypatch.setattr(close_pairs, "close_pairs", lambda *a: calls.append(a) or real(*a))
    gm.precision_recall(x, y)
    assert len(calls) == 3
    gm.density_coverage(x, y)
    gm.classifier_two_sample(x, y)
    coverage_estimate(x.copy(), y.copy())
    assert len(calls) == 3
    gm.precision_recall(x, y[::-1])
    assert len(calls) == 5


def test_sets_no_larger_than_k_are_refused():
    with pytest.raises(DataError, match="real: 3 images, but at least 4 are needed"):
        gm.precision_recall(np.eye(3), np.eye(3))
    with pytest.raises(DataError, match="generated: 3 images, but at least 4 are needed"):
        gm.precision_recall(np.eye(4, 3), np.eye(3))
    assert gm.density_coverage(np.eye(6, 3), np.eye(2, 3)).density >= 0
    with pytest.raises(ValueError, match="k must be at least 1"):
        gm.precision_recall(np.eye(4), np.eye(4), k=0)
