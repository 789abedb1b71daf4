import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genmetrics.kernels import neighbours
from genmetrics.kernels.neighbours import MARGIN, direct, float32_error, k_nearest, propose, ranked
from tests.reference import neighbours as slow

metrics = st.sampled_from(["l1", "l2"])


@given(st.integers(0, 10**6), st.integers(1, 40), st.floats(-8, 8), metrics)
@settings(deadline=None, max_examples=60)
def test_a_float32_distance_is_within_its_bound_of_the_truth(seed, d, exponent, metric):
    """Of float32 points, and of the float64 points that they are rounded from."""
    rng = np.random.default_rng(seed)
    x, y = 10**exponent * rng.normal(size=(2, 30, d))
    y[:10] = x[:10] * (1 + 1e-7 * rng.normal(size=(10, d)))
    x32, y32 = x.astype(np.float32), y.astype(np.float32)
    _, last = propose(x32, y32, len(y), metric)
    difference = x[:, None] - y
    farthest = (np.abs(difference).sum(2) if metric == "l1" else np.sqrt((difference**2).sum(2))).max(axis=1)
    assert (np.abs(farthest - last) <= float32_error(x32, y32, metric, last)).all()


@given(st.integers(0, 10**6), st.integers(1, 3), st.floats(-9, 0), metrics)
@settings(deadline=None, max_examples=60)
def test_the_nearest_float32_distance_is_within_its_bound_too(seed, k, exponent, metric):
    """Points so close that their squared distance cancels in float32."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(5, 4))
    y = np.concatenate([x + 10**exponent * rng.normal(size=(5, 4)) for _ in range(4)])
    x32, y32 = x.astype(np.float32), y.astype(np.float32)
    _, last = propose(x32, y32, k, metric)
    error = float32_error(x32, y32, metric, last)
    for i in range(5):
        true = sorted(slow.distance(x[i], reference, metric) for reference in y)[k - 1]
        assert last[i] - error[i] <= true  # nothing that FAISS left out is nearer than this


def test_direct_distances_by_hand():
    queries, references = np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([[3.0, 4.0], [1.0, 1.0], [-1.0, 0.0]])
    candidates = np.array([[0, 1], [2, 1]])
    np.testing.assert_allclose(direct(queries, references, candidates, "l2"), [[5, 2**0.5], [5**0.5, 0]])
    np.testing.assert_allclose(direct(queries, references, candidates, "l1"), [[7, 2], [3, 0]])


def test_ranked_takes_candidates_in_any_order_and_ties_by_index():
    references = np.array([[1.0], [-1.0], [1.0], [0.5]])
    indices, distances = ranked(np.zeros((1, 1)), references, np.array([[2, 3, 1, 0]]), 3, "l2")
    assert indices.tolist() == [[3, 0, 1]]
    assert distances.tolist() == [[0.5, 1, 1]]


@pytest.mark.parametrize("size", [1, 200, 3000])
def test_the_size_of_blocks_does_not_matter(size, monkeypatch):
    rng = np.random.default_rng(1)
    queries, references = rng.integers(-2, 3, (2, 40, 3)).astype(float)
    whole = k_nearest(queries, references, 4, "l2")
    monkeypatch.setattr(neighbours, "BLOCK_BYTES", size)
    parts = k_nearest(queries, references, 4, "l2")
    np.testing.assert_array_equal(parts[0], whole[0])
    np.testing.assert_array_equal(parts[1], whole[1])


@pytest.mark.parametrize("metric", ["l1", "l2"])
@pytest.mark.parametrize("m", [MARGIN + 1, MARGIN + 2, MARGIN + 3, 3 * MARGIN])
def test_the_margin_of_candidates_neither_hides_ties_nor_needs_more_references(m, metric):
    """All references at one distance, in the worst order for an index that keeps the last it saw."""
    references = np.ones((m, 2)) * np.array([1, -1])[np.arange(m) % 2, None]
    indices, distances = k_nearest(np.zeros((1, 2)), references, 2, metric)
    assert indices.tolist() == [[0, 1]]
    assert distances.tolist() == [[2 if metric == "l1" else 2**0.5] * 2]


@pytest.mark.parametrize("metric", ["l1", "l2"])
def test_the_proposals_need_not_be_right(metric, monkeypatch):
    """Candidates that hold none of the nearest, with the distance to the last of them: the query is done over."""

    def wrong(x, y, k, metric):
        far = np.argsort(-np.abs(y[None] - x[:, None]).sum(axis=2), axis=1)[:, :k]
        return far, np.zeros(len(x))

    rng = np.random.default_rng(2)
    queries, references = rng.normal(size=(5, 3)), rng.normal(size=(50, 3))
    expected = slow.k_nearest(queries, references, 2, metric)[0]
    monkeypatch.setattr(neighbours, "propose", wrong)
    assert k_nearest(queries, references, 2, metric)[0].tolist() == expected


@pytest.mark.parametrize("metric", ["l1", "l2"])
def test_proposals_that_lead_by_less_than_float32_can_see_are_not_believed(metric, monkeypatch):
    """The last of the candidates seems 1e-8 farther than the first of them; nearer ones were left out."""
    references = 1 + 1e-9 * np.arange(40)[:, None]

    def plausible(x, y, k, metric):
        return np.arange(40 - k, 40)[None], np.array([1 + 1e-9 * (40 - k) + 1e-8])

    monkeypatch.setattr(neighbours, "propose", plausible)
    assert k_nearest(np.zeros((1, 1)), references, 1, metric)[0].tolist() == [[0]]


@pytest.mark.parametrize("metric", ["l1", "l2"])
def test_proposals_that_are_all_tied_are_not_believed(metric, monkeypatch):
    """All at distance 0, where float32 makes no error at all: the index may still propose any of them."""

    def last_ones(x, y, k, metric):
        return np.arange(len(y) - k, len(y))[None], np.zeros(1)

    monkeypatch.setattr(neighbours, "propose", last_ones)
    assert k_nearest(np.zeros((1, 2)), np.zeros((40, 2)), 3, metric)[0].tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("metric", ["l1", "l2"])
def test_clearly_separated_references_are_not_compared_with_all(metric, monkeypatch):
    calls = []
    monkeypatch.setattr(neighbours, "ranked", lambda *given: calls.append(given) or ranked(*given))
    rng = np.random.default_rng(3)
    k_nearest(rng.normal(size=(20, 3)), rng.normal(size=(500, 3)), 1, metric)
    assert len(calls) == 1
