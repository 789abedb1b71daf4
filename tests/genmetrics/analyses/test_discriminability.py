"""The resolution curve: known answers, the paper's numbers, any quality under any degradation, what is refused."""

import numpy as np
import pytest

import genmetrics as gm
from genmetrics._checks import DataError
from genmetrics.analyses.discriminability import (
    Quality,
    curve_of,
    degraded,
    interval_of,
    quality_curve,
    resolution_discriminability,
)

SIDE = 32


def mean_colour(images):
    """Logits that look only at how bright an image is: class 0 is dark, class 1 bright."""
    bright = images.reshape(len(images), -1).mean(axis=1)
    return np.stack([128 - bright, bright - 128], axis=1)


def checkerboard(images):
    """Logits that look only at the phase of a 1-pixel checkerboard."""
    grid = np.indices(images.shape[1:3]).sum(axis=0) % 2 * 2 - 1
    phase = (images.astype(float).mean(axis=3) * grid).mean(axis=(1, 2))
    return np.stack([phase, -phase], axis=1)


def dark_and_bright(n=40):
    labels = np.arange(n) % 2
    noise = np.random.default_rng(0).integers(-20, 20, (n, SIDE, SIDE, 3))
    return (80 + 90 * labels[:, None, None, None] + noise).astype(np.uint8), labels


def boards(n=40):
    labels = np.arange(n) % 2
    grid = np.indices((SIDE, SIDE)).sum(axis=0) % 2
    boards = np.where(labels[:, None, None] == 0, grid, 1 - grid) * 255
    return np.repeat(boards[..., None], 3, axis=3).astype(np.uint8), labels


# --- known answers


def test_a_classifier_of_the_mean_colour_gives_a_flat_curve():
    found = resolution_discriminability(*dark_and_bright(), mean_colour, (4, 8, 16))
    assert [row.resolution for row in found] == [4, 8, 16, 32]
    assert [row.accuracy for row in found] == [1, 1, 1, 1]
    assert [row.loss for row in found] == [0, 0, 0, 0]
    assert [row.better_at_best for row in found] == [0, 0, 0, 0]


@pytest.mark.parametrize("resize", ["tf1-bilinear", "torch-bilinear"])  # "clean" rings at the borders
def test_a_reader_of_a_1_pixel_checkerboard_is_at_chance_below_native(resize):
    found = resolution_discriminability(*boards(), checkerboard, (8, 16), resize=resize)
    assert found.best.accuracy == 1
    assert [row.accuracy for row in found][:2] == [0.5, 0.5]
    assert found[16].loss == 0.5
    assert found[16].better_at_best == 0.5  # the class that the tie goes to is as good below native


def test_the_papers_losses_are_31_and_50_percent():
    values = np.zeros((3, 1000))
    for row, correct in zip(values, (50, 70, 101), strict=True):  # 5.0%, 7.0%, 10.1%
        row[:correct] = 1
    found = curve_of(values, (32, 64, 128), {}, 0)
    assert [round(row.loss, 2) for row in found] == [0.50, 0.31, 0]


def test_native_size_is_left_as_it_is():
    images, _ = dark_and_bright(6)
    assert np.array_equal(degraded(list(images), SIDE, "tf1-bilinear"), images)
    assert np.array_equal(degraded(list(images), 2 * SIDE, "tf1-bilinear"), images)


def test_degrading_is_tf1_bilinear_twice_by_hand():
    # 4 pixels to 2: corners at corners, no antialias: pixels 0 and 2. Back: 0, halfway, 2, 2.
    row = np.array([0, 9, 100, 9], np.uint8)
    image = np.tile(row, (4, 1))[:, :, None]
    assert degraded([image], 2, "tf1-bilinear")[0, :, :, 0].tolist() == [[0, 50, 100, 100]] * 4


def test_the_shorter_side_of_an_oblong_is_the_resolution():
    images = np.random.default_rng(0).integers(0, 256, (3, 20, 40, 1), dtype=np.uint8)
    few = degraded(list(images), 1, "tf1-bilinear")
    assert few.shape == images.shape
    assert len(np.unique(few[0])) <= 2 * 40


# --- the table


def test_rows_hold_std_of_10_subsets_and_of_classes():
    labels = np.repeat([0, 1], 50)
    values = np.random.default_rng(1).integers(0, 2, (2, 100)).astype(float)
    members = {name: np.flatnonzero(labels == i) for i, name in enumerate("ab")}
    found = curve_of(values, (8, 16), members, seed=3)
    parts = np.array_split(np.random.default_rng(3).permutation(100), 10)
    assert found[8].std == pytest.approx(np.std([values[0][part].mean() for part in parts]))
    means = [values[0][:50].mean(), values[0][50:].mean()]
    assert found[8].std_classes == pytest.approx(np.std(means))
    assert [row["value"] for row in found[8].per_class.values()] == pytest.approx(means)
    best = [values[1][:50].mean(), values[1][50:].mean()]
    assert found[8].better_at_best == np.mean([b > m for b, m in zip(best, means, strict=True)])


def test_wilsons_interval_by_hand():
    # p = 0, n = 10: upper end z^2 / (n + z^2)
    error, low, high = interval_of(np.zeros(10))
    z2 = 1.959963984540054**2
    assert (error, low, high) == (0, 0, pytest.approx(z2 / (10 + z2)))


def test_intervals_hold_the_true_accuracy_as_often_as_they_say():
    rng = np.random.default_rng(0)
    for p, n in ((0.1, 50), (0.5, 100), (0.9, 1000)):
        ends = [interval_of(rng.random(n) < p)[1:] for _ in range(2000)]
        assert 0.92 < np.mean([low <= p <= high for low, high in ends]) < 0.98


def test_any_quality_under_any_degradation():
    sounds = np.random.default_rng(0).normal(size=(30, 64))
    found = quality_curve(
        sounds,
        quality=lambda x: x.std(axis=1),
        degrade=lambda x, level: x.reshape(30, level, -1).mean(axis=2),
        levels=(1, 4, 16, 64),
        groups=["a"] * 15 + ["b"] * 15,
    )
    assert [row.level for row in found] == [1, 4, 16, 64]
    assert (np.diff([row.value for row in found]) > 0).all()
    assert found.best.loss == 0
    assert found[1].loss == 1
    assert found[1].better_at_best == 1
    assert all(isinstance(row, Quality) and row.low <= row.value <= row.high for row in found)


def test_digits_lose_their_class_as_they_shrink():
    from genmetrics.digits import splits

    test = splits().test
    found = gm.resolution_discriminability(test.images, test.labels, "digits-cnn", (1, 2, 4))
    assert [row.resolution for row in found] == [1, 2, 4, 8]
    assert (np.diff([row.accuracy for row in found]) > 0).all()
    assert found.best.accuracy > 0.95
    assert found[1].accuracy < 0.3
    assert set(found.best.per_class) == set("0123456789")


def test_batches_and_their_padding_do_not_matter():
    images, labels = dark_and_bright(70)  # of a batch of 64 and one of 6
    seen = []
    found = resolution_discriminability(
        images, labels, lambda x: seen.append(len(x)) or np.eye(2)[x[:, 0, 0, 0] % 2], (8,)
    )
    assert set(seen) == {64}
    assert found.best.accuracy == np.mean(images[:, 0, 0, 0] % 2 == labels)


def test_a_seed_fixes_the_subsets():
    images, labels = dark_and_bright()
    labels = np.roll(labels, 7)
    one, same, other = (
        resolution_discriminability(images, labels, lambda x: np.eye(2)[x[:, 0, 0, 0] % 2], (4,), seed=s)
        for s in (1, 1, 2)
    )
    assert one == same
    assert one.best.accuracy == other.best.accuracy
    assert one.best.std != other.best.std


# --- whose classes are whose


def test_labels_in_another_order_are_noticed():
    images, labels = dark_and_bright()
    found = resolution_discriminability(images, 1 - labels, mean_colour, (8,))
    assert any("another order" in note for note in found.notes)
    assert resolution_discriminability(images, labels, mean_colour, (8,)).notes == ()


def test_names_stand_in_sorted_order_unless_the_classes_are_named():
    images, labels = dark_and_bright()
    names = np.array(["night", "day"])[labels]
    assert resolution_discriminability(images, names, mean_colour, (8,)).best.accuracy == 0
    found = resolution_discriminability(images, names, mean_colour, (8,), classes=["night", "day"])
    assert found.best.accuracy == 1
    assert set(found.best.per_class) == {"night", "day"}


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        (None, None, "no labels; put the images of each class into a folder of their own"),
        (["a", "b", "c", "d"] * 10, None, r"4 classes .* but the classifier has 2; name its classes"),
        ([0, 5] * 20, None, "class 5, but the classifier's are numbered 0 to 1"),
        (["a", "b"] * 20, ["a"], "1 class name given, but the classifier has 2 classes"),
        (["a", "b"] * 20, ["a", "x"], "class 'b' is not among the 2 class names"),
    ],
)
def test_labels_that_are_no_classes_of_the_classifier_are_refused(labels, classes, message):
    with pytest.raises(DataError, match=message):
        resolution_discriminability(dark_and_bright()[0], labels, mean_colour, (8,), classes=classes)


def test_a_network_without_logits_is_refused():
    with pytest.raises(DataError, match="pixels gives features but no logits; choose a classifier"):
        resolution_discriminability(*dark_and_bright(), "pixels", (8,))


def test_resolutions_above_native_are_left_out_and_noted():
    found = resolution_discriminability(*dark_and_bright(), mean_colour, (16, 64, 128))
    assert [row.resolution for row in found] == [16, 32]
    assert found.notes == ("images: images are 32 px, so 64, 128 px were left out",)


def test_no_resolution_below_1():
    with pytest.raises(DataError, match="at least 1 pixel, got 0"):
        resolution_discriminability(*dark_and_bright(), mean_colour, (0,))


def test_an_unknown_resize_suggests_the_nearest():
    with pytest.raises(DataError, match="did you mean 'tf1-bilinear'"):
        resolution_discriminability(*dark_and_bright(), mean_colour, (8,), resize="tf-bilinear")


def test_a_quality_that_is_no_number_is_refused():
    with pytest.raises(DataError, match="quality at level 2 should be 3 finite numbers"):
        quality_curve(np.ones((3, 2)), lambda x: x.mean(axis=1) * np.nan, lambda x, level: x, (2,))
