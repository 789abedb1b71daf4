import numpy as np
import pytest

from genmetrics._checks import DataError
from genmetrics.metrics import mifid as module
from genmetrics.metrics.frechet import frechet_distance
from genmetrics.metrics.mifid import memorization_distance, mifid


def normal(n, d, seed):
    return np.random.default_rng(seed).normal(size=(n, d))


def by_loops(train, generated):
    """Mean over samples of the smallest 1 - |cos| to a training image."""
    smallest = [min(1 - abs(x @ y) / np.sqrt((x @ x) * (y @ y)) for x in train) for y in generated]
    return sum(smallest) / len(smallest)


@pytest.mark.parametrize("rows", [3, 1000])
def test_the_memorisation_distance_agrees_with_loops(rows, monkeypatch):
    monkeypatch.setattr(module, "ROWS", rows)
    train, generated = normal(11, 4, 1), normal(8, 4, 2)
    assert memorization_distance(train, generated) == pytest.approx(by_loops(train, generated), rel=1e-10)


def test_samples_far_from_the_training_set_bring_no_penalty():
    train, generated = normal(30, 20, 1), normal(30, 20, 2)
    found = mifid(train, generated)
    assert found.memorization > 0.1
    assert found.value == pytest.approx(frechet_distance(train, generated), rel=1e-12)


def test_copies_are_penalised_by_their_distance():
    train = normal(40, 20, 1)
    found = mifid(train, train[:30] + 0.05 * normal(30, 20, 2))
    assert found.memorization < 0.1
    assert found.value == pytest.approx(found.frechet / found.memorization, rel=1e-9)
    assert found.value > 10 * found.frechet


def test_known_value_by_hand():
    """cos 45 degrees to either training image: 1 - 1/sqrt 2 = 0.29; over a threshold of 0.5 it divides."""
    train, generated = [[1.0, 0], [0, 1]], [[1.0, 1], [2, 2]]
    found = mifid(train, generated, threshold=0.5)
    assert found.memorization == pytest.approx(1 - 0.5**0.5, rel=1e-12)
    assert found.value == pytest.approx(found.frechet / (1 - 0.5**0.5), rel=1e-12)


def test_copying_a_part_of_the_training_set_is_seen():
    """The mean over training images of the distance to a sample, which torchmetrics takes, would not see it."""
    train = normal(200, 20, 1)
    copies = train[:10]
    assert memorization_distance(train, copies) < 1e-12
    assert memorization_distance(copies, train) > 0.1


def test_images_without_direction_are_left_out_unless_all_are():
    train = np.vstack([normal(5, 3, 1), np.zeros((2, 3))])
    generated = normal(4, 3, 2)
    assert memorization_distance(train, generated) == pytest.approx(by_loops(train[:5], generated), rel=1e-10)
    with pytest.raises(DataError, match="no image has a direction"):
        mifid(np.zeros((3, 3)), generated)


def test_the_training_set_itself_scores_0_and_no_multiple_of_rounding():
    train = normal(200, 20, 1).astype(np.float32)
    assert mifid(train, train[::-1]).value == 0
