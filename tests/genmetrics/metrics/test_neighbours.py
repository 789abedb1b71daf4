import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genmetrics._checks import DataError, UnknownNameError
from genmetrics.metrics.neighbours import nearest_neighbours
from tests.reference import neighbours as slow

METRICS = ("l1", "l2", "cosine")
metrics = st.sampled_from(METRICS)


def agree(queries, references, k, metric):
    result = nearest_neighbours(queries, references, k, metric)
    indices, distances = slow.k_nearest(queries, references, k, metric)
    assert result.indices.tolist() == indices
    # 1 - cos by a chord: the square root of rounding, squared again
    np.testing.assert_allclose(result.distances, distances, rtol=1e-12, atol=1e-15)


def test_known_distances_by_hand():
    """From the origin (cosine: from (1, 0)): (3, 4), (0, 5), (-2, 0)."""
    references = [[3.0, 4.0], [0.0, 5.0], [-2.0, 0.0]]
    l1, l2 = (nearest_neighbours([[0.0, 0.0]], references, 3, metric) for metric in ("l1", "l2"))
    assert (l1.indices.tolist(), l1.distances.tolist()) == ([[2, 1, 0]], [[2, 5, 7]])
    assert (l2.indices.tolist(), l2.distances.tolist()) == ([[2, 0, 1]], [[2, 5, 5]])  # a tie, by index
    cosine = nearest_neighbours([[1.0, 0.0]], references, 3, "cosine")
    assert cosine.indices.tolist() == [[0, 1, 2]]
    np.testing.assert_allclose(cosine.distances, [[0.4, 1, 2]], rtol=1e-15)


@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 30), st.integers(1, 5), metrics, st.data())
@settings(deadline=None, max_examples=80)
def test_agrees_with_exact_arithmetic(seed, n, m, d, metric, data):
    rng = np.random.default_rng(seed)
    k = data.draw(st.integers(1, m))
    agree(rng.normal(size=(n, d)), rng.normal(size=(m, d)), k, metric)


@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 4), st.sampled_from(["l1", "l2"]), st.data())
@settings(deadline=None, max_examples=80)
def test_ties_go_by_index(seed, m, d, metric, data):
    """Small integers: most distances are tied, and exact in float64."""
    rng = np.random.default_rng(seed)
    k = data.draw(st.integers(1, m))
    agree(rng.integers(-1, 3, (4, d)), rng.integers(-1, 3, (m, d)), k, metric)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("k", [1, 3, 12, 60])
def test_many_copies_of_the_nearest_come_in_order_of_index(metric, k):
    """60 copies of one reference: more than any number of candidates that a float32 index proposes."""
    rng = np.random.default_rng(1)
    references = np.vstack([rng.normal(size=(20, 3)) + 5, np.tile([1.0, 2.0, 3.0], (60, 1))])
    result = nearest_neighbours([[1.0, 2.0, 3.1]], references, k, metric)
    assert result.indices.tolist() == [list(range(20, 20 + k))]


@pytest.mark.parametrize("metric", METRICS)
def test_cosine_and_distance_ties_among_copies_of_the_query(metric):
    queries = np.random.default_rng(2).normal(size=(5, 4))
    result = nearest_neighbours(queries, np.vstack([queries] * 30), 30, metric)
    assert result.indices.tolist() == [[i + 5 * j for j in range(30)] for i in range(5)]
    np.testing.assert_allclose(result.distances, 0, atol=1e-15)


@given(st.integers(0, 10**6), st.sampled_from(["l1", "l2"]))
@settings(deadline=None, max_examples=30)
def test_differences_far_below_float32_resolution_are_ranked(seed, metric):
    """Around 1e4, where float32 steps by 1e-3, references lie within 1e-6 of each other."""
    rng = np.random.default_rng(seed)
    agree(1e4 + 1e-6 * rng.normal(size=(3, 3)), 1e4 + 1e-6 * rng.normal(size=(40, 3)), 2, metric)


@given(st.integers(0, 10**6), metrics)
@settings(deadline=None, max_examples=30)
def test_differences_below_float32_resolution_are_ranked_with_an_outlier_near(seed, metric):
    """The centre of the references does not help when they lie in several places."""
    rng = np.random.default_rng(seed)
    far = np.array([[0.0, 1e4, -1e4], [1e4, 1e4, 1e4], [-1e5, 7.0, 3.0]])
    references = np.vstack([centre + 1e-5 * rng.normal(size=(15, 3)) for centre in far])
    references = rng.permutation(references)
    agree(far + 1e-5 * rng.normal(size=(3, 3)), references, 3, metric)


@pytest.mark.parametrize("scale", [1e-30, 1e-18, 1e15, 1e18, 1e25])
@pytest.mark.parametrize("metric", ["l1", "l2"])
def test_squares_beyond_float32_are_ranked(scale, metric):
    rng = np.random.default_rng(3)
    queries, references = scale * rng.normal(size=(4, 3)), scale * rng.normal(size=(30, 3))
    result = nearest_neighbours(queries, references, 2, metric)
    indices, distances = slow.k_nearest(queries, references, 2, metric)
    assert result.indices.tolist() == indices
    np.testing.assert_allclose(result.distances, distances, rtol=1e-12)


@pytest.mark.parametrize("metric", ["l1", "l2"])
def test_features_beyond_float32_are_ranked(metric):
    rng = np.random.default_rng(3)
    queries, references = 1e60 * rng.normal(size=(4, 3)), 1e60 * rng.normal(size=(30, 3))
    assert (
        nearest_neighbours(queries, references, 2, metric).indices.tolist()
        == (slow.k_nearest(queries, references, 2, metric)[0])
    )


@pytest.mark.parametrize("scale", [1e-170, 1e-30, 1e30, 1e170])
def test_the_length_of_a_vector_does_not_matter_to_cosine(scale):
    rng = np.random.default_rng(4)
    queries, references = rng.normal(size=(4, 3)), rng.normal(size=(30, 3))
    expected = nearest_neighbours(queries, references, 3, "cosine")
    scaled = nearest_neighbours(scale * queries, references, 3, "cosine")
    assert scaled.indices.tolist() == expected.indices.tolist()
    np.testing.assert_allclose(scaled.distances, expected.distances, rtol=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_many_queries_and_references_agree_with_all_pairs(metric):
    """Enough of both for blocks of FAISS and of the recheck."""
    from scipy.spatial.distance import cdist

    rng = np.random.default_rng(5)
    queries, references = rng.normal(size=(700, 9)), rng.normal(size=(3000, 9))
    distances = cdist(queries, references, {"l1": "cityblock", "l2": "euclidean"}.get(metric, metric))
    result = nearest_neighbours(queries, references, 5, metric)
    np.testing.assert_array_equal(result.indices, np.argsort(distances, axis=1, kind="stable")[:, :5])
    np.testing.assert_allclose(result.distances, np.sort(distances, axis=1)[:, :5], rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("metric", METRICS)
def test_all_references_can_be_asked_for(metric):
    rng = np.random.default_rng(6)
    agree(rng.normal(size=(3, 4)), rng.normal(size=(25, 4)), 25, metric)


def test_the_shapes_are_queries_by_k():
    result = nearest_neighbours(np.zeros((3, 2)), np.ones((7, 2)), 4)
    assert result.indices.shape == result.distances.shape == (3, 4)
    assert result.indices.dtype == np.int64
    assert result.distances.dtype == np.float64
    assert (np.diff(result.distances) >= 0).all()


def test_one_neighbour_by_l2_is_the_default():
    result = nearest_neighbours([[0.0, 0.0]], [[3.0, 3.0], [0.0, 5.0]])
    assert (result.indices.tolist(), result.distances.tolist()) == ([[0]], [[18**0.5]])


def test_pixels_of_uint8_do_not_wrap_around():
    result = nearest_neighbours(np.array([[250]], np.uint8), np.array([[255], [2]], np.uint8), 2, "l1")
    assert result.distances.tolist() == [[5, 248]]


@pytest.mark.parametrize("k", [0, -1, 4])
def test_a_k_that_cannot_be_had_is_refused(k):
    with pytest.raises(DataError, match=f"between 1 and the 3 references, got {k}"):
        nearest_neighbours(np.zeros((2, 2)), np.zeros((3, 2)), k)


def test_a_zero_vector_has_no_direction():
    with pytest.raises(DataError, match="references: row 1 is all zeros"):
        nearest_neighbours(np.ones((2, 2)), np.array([[1.0, 0], [0, 0]]), 1, "cosine")


def test_an_unknown_metric_is_refused_with_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'cosine'"):
        nearest_neighbours(np.ones((2, 2)), np.ones((2, 2)), 1, "cosin")


def test_widths_nan_and_empty_sets_are_refused():
    with pytest.raises(DataError, match="queries features are 2-wide but references are 3-wide"):
        nearest_neighbours(np.ones((2, 2)), np.ones((2, 3)))
    with pytest.raises(DataError, match="references: 1 of 2 rows hold NaN"):
        nearest_neighbours(np.ones((2, 2)), np.array([[1.0, 0], [0, np.nan]]))
    with pytest.raises(DataError, match="queries: 0 images"):
        nearest_neighbours(np.ones((0, 2)), np.ones((2, 2)))
