import hashlib

import numpy as np
import pytest

from genmetrics import digits


@pytest.fixture(scope="module")
def splits():
    return digits.splits()


def rows(part):
    return {image.tobytes() + bytes([label]) for image, label in zip(part.images, part.labels, strict=True)}


def test_there_are_1797_grey_images_of_8_by_8_pixels():
    images, labels = digits.load()
    assert images.shape == (1797, 8, 8)
    assert images.dtype == np.uint8
    assert set(labels) == set(range(10))


def test_sixteen_becomes_255_and_one_becomes_16():
    images, _ = digits.load()
    assert set(np.unique(images)) == {round(level * 255 / 16) for level in range(17)}


def test_the_parts_have_their_sizes(splits):
    assert [len(part.labels) for part in (splits.train, splits.test, splits.held_out)] == [1017, 390, 390]


def test_the_parts_share_no_image_and_leave_none_out(splits):
    together = rows(splits.train) | rows(splits.test) | rows(splits.held_out)
    assert len(together) == 1797  # the data set has no duplicates, so this counts every image once


def test_the_training_part_holds_its_share_of_every_digit(splits):
    of_all = np.bincount(digits.load().labels)
    assert np.abs(np.bincount(splits.train.labels) - of_all * 1017 / 1797).max() < 2  # each cut rounds by less than 1


def test_test_and_held_out_are_drawn_without_regard_to_the_digit():
    """The difference of their counts of a digit varies like that of random halves, variance about 4 x 39 x 0.9 / 2."""
    apart = [np.bincount(s.test.labels) - np.bincount(s.held_out.labels) for s in map(digits.splits, range(40))]
    assert 0.6 < np.var(apart) / (780 / 10 * 0.9) < 1.6  # 400 draws, correlated within a split


def test_labels_stay_with_their_images(splits):
    images, labels = digits.load()
    label_of = {image.tobytes(): label for image, label in zip(images, labels, strict=True)}
    for part in (splits.train, splits.test, splits.held_out):
        assert [label_of[image.tobytes()] for image in part.images] == list(part.labels)


def test_the_seed_fixes_the_parts():
    assert (digits.splits(3).test.images == digits.splits(3).test.images).all()
    assert (digits.splits(3).test.images != digits.splits(4).test.images).any()


def test_the_split_is_the_one_that_the_shipped_weights_were_trained_on(splits):
    """Another split would put images that the networks were trained on into the test set."""
    digest = hashlib.sha256(splits.train.images.tobytes()).hexdigest()
    assert digest == "299a856e559f5e4853e3820aeae464a2275285a90294d944fe0c3dba60a7f41c"


def test_split_indices_by_hand():
    """Three rows of each label, two taken: one of each label, whatever the shuffle."""
    labels = np.array([0, 1, 0, 1, 0, 1])
    rest, taken = digits.split_indices(labels, (2,), seed=0)
    assert sorted(labels[taken]) == [0, 1]
    assert sorted([*rest, *taken]) == [0, 1, 2, 3, 4, 5]
