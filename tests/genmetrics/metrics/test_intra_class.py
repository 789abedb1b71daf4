import numpy as np
import pytest

from genmetrics._checks import DataError, UnsuitableError
from genmetrics.metrics.frechet import frechet_distance, frechet_estimate
from genmetrics.metrics.intra_class import intra_class_estimate, intra_class_frechet_distance


def labelled(n, seed, shift=0.0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    return rng.normal(size=(n, 2)) + 10 * labels[:, None] + shift, labels


def test_it_is_the_mean_of_the_distances_within_classes():
    (x, of_x), (y, of_y) = labelled(60, 1), labelled(45, 2, 0.5)
    found = intra_class_frechet_distance(x, y, of_x, of_y)
    expected = {str(c): frechet_distance(x[of_x == c], y[of_y == c]) for c in range(3)}
    assert found.per_class == expected
    assert found.value == pytest.approx(np.mean(list(expected.values())), rel=1e-14)


def test_classes_that_exchange_their_images_are_seen_here_and_not_by_the_whole():
    (x, of_x), (y, of_y) = labelled(300, 1), labelled(300, 2)
    assert intra_class_frechet_distance(x, y, of_x, of_y).value < 1
    assert intra_class_frechet_distance(x, y, of_x, (of_y + 1) % 3).value > 100
    assert frechet_distance(x, y) < 1


def test_names_and_numbers_serve_as_labels_and_order_does_not_matter():
    (x, of_x), (y, of_y) = labelled(60, 1), labelled(45, 2)
    names = np.array(["cat", "dog", "eel"])
    turned = np.random.default_rng(3).permutation(45)
    by_name = intra_class_frechet_distance(x, y[turned], names[of_x], names[of_y][turned])
    assert by_name.value == pytest.approx(intra_class_frechet_distance(x, y, of_x, of_y).value, rel=1e-9)
    assert list(by_name.per_class) == ["cat", "dog", "eel"]


def test_variances_of_classes_add_and_each_class_has_its_row():
    (x, of_x), (y, of_y) = labelled(90, 1), labelled(75, 2, 0.5)
    found = intra_class_estimate(x, y, of_x, of_y)
    each = [frechet_estimate(x[of_x == c], y[of_y == c]) for c in range(3)]
    assert found.std_error == pytest.approx(np.sqrt(sum(e.std_error**2 for e in each)) / 3, rel=1e-12)
    assert found.details["per_class"]["1"] == {
        "value": each[1].value,
        "low": each[1].low,
        "high": each[1].high,
        "n": 25,
    }
    assert intra_class_estimate(x, y, of_x, of_y, intervals=False).low is None


def test_a_class_that_one_side_lacks_is_refused_with_its_name():
    (x, of_x), (y, of_y) = labelled(60, 1), labelled(45, 2)
    with pytest.raises(UnsuitableError, match="class 2 has 0 generated images"):
        intra_class_frechet_distance(x, y[of_y < 2], of_x, of_y[of_y < 2])
    with pytest.raises(DataError, match=r"labels of shape \(3,\) for 45 images"):
        intra_class_frechet_distance(x, y, of_x, [1, 2, 3])


def test_influences_of_all_images_have_the_variance_that_classes_have_together():
    """Of classes of 40 and 80 images, each of weight 1/2, in any order and under any kind of label."""
    x, y = (np.random.default_rng(seed).normal(size=(120, 3)) for seed in (1, 2))
    for labels in (np.arange(120) % 3 // 2, np.where(np.arange(120) % 3 == 2, "b", "a")):
        found = intra_class_estimate(x, y, labels, labels)
        each = [frechet_estimate(x[labels == c], y[labels == c]).of_reference for c in np.unique(labels)]
        expected = sum(np.cov(*part)[0, 1] / part.shape[1] for part in each) / 4
        assert np.cov(*found.of_reference)[0, 1] / 120 == pytest.approx(expected, rel=0.02)  # ddof of each class
