import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from genmetrics._checks import DataError
from genmetrics.metrics.inception_score import inception_score, inception_score_estimate, select_by_inception_score
from tests.reference import inception_score as slow


def confident(labels, classes):
    return np.eye(classes)[labels]


def random_logits(n, classes, seed, scale=3.0):
    return scale * np.random.default_rng(seed).normal(size=(n, classes))


def test_one_class_scores_1():
    result = inception_score(probabilities=confident([2] * 30, 5))
    assert (result.value, result.std) == (1, 0)


@pytest.mark.parametrize("classes", [2, 7, 10])
def test_k_classes_named_with_certainty_equally_often_score_k(classes):
    labels = np.tile(np.arange(classes), 40)
    result = inception_score(probabilities=confident(labels, classes), splits=10)
    assert result.value == pytest.approx(classes, rel=1e-13)
    assert result.std == pytest.approx(0, abs=1e-12)


def test_constant_answers_score_1():
    result = inception_score(probabilities=np.tile([0.5, 0.3, 0.2], (50, 1)))
    assert result.value == pytest.approx(1, abs=1e-14)


def test_known_value_by_hand():
    """Two images, (1, 0) and (1/2, 1/2): mean (3/4, 1/4); KL log 4/3, and (log 2/3 + log 2) / 2 = log(4/3) / 2."""
    result = inception_score(probabilities=[[1.0, 0.0], [0.5, 0.5]], splits=1)
    assert result.value == pytest.approx((4 / 3) ** 0.75, rel=1e-14)


def test_the_deviation_over_splits_has_the_divisor_splits():
    """First half one class: 1. Second half two: 2. Mean 1.5, deviation 0.5."""
    result = inception_score(probabilities=confident([0, 0, 0, 1], 2), splits=2)
    assert result.value == pytest.approx(1.5, rel=1e-14)
    assert result.std == pytest.approx(0.5, rel=1e-14)


@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(2, 6), st.integers(1, 11), st.sampled_from([0.1, 3, 30]))
@settings(deadline=None, max_examples=80)
def test_agrees_with_plain_loops_at_any_number_of_splits(seed, n, classes, splits, scale):
    n = max(n, splits)
    logits = random_logits(n, classes, seed, scale)
    rows = [slow.softmax(row) for row in logits]
    value, std = slow.inception_score(rows, splits)
    result = inception_score(logits=logits, splits=splits)
    assert result.value == pytest.approx(value, rel=1e-11)  # a dozen roundings, in a logarithm of order 1
    assert result.std == pytest.approx(std, rel=1e-9, abs=1e-12)


def test_splits_are_contiguous_and_differ_by_at_most_one_image():
    """11 images in 4 splits: 0-1, 2-4, 5-7, 8-10, each of one class; any other cut would mix two."""
    labels = [0] * 2 + [1] * 3 + [2] * 3 + [3] * 3
    assert inception_score(probabilities=confident(labels, 4), splits=4).value == pytest.approx(1, abs=1e-14)
    labels = [0] * 3 + [1] * 3 + [2] * 3 + [3] * 2
    assert inception_score(probabilities=confident(labels, 4), splits=4).value > 1.1


def test_ten_splits_are_the_default():
    logits = random_logits(57, 4, 1)
    assert inception_score(logits=logits) == inception_score(logits=logits, splits=10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logits_and_their_softmax_score_the_same(dtype):
    logits = random_logits(50, 6, 2).astype(dtype)
    p = np.array([slow.softmax(row) for row in logits])
    assert inception_score(logits=logits).value == pytest.approx(inception_score(probabilities=p).value, rel=1e-12)


def test_a_constant_added_to_an_images_logits_changes_nothing():
    logits = random_logits(40, 5, 3)
    shifted = logits + 1e3 * np.arange(40)[:, None]
    assert inception_score(logits=shifted).value == pytest.approx(inception_score(logits=logits).value, rel=1e-10)


def test_images_sorted_by_class_score_1_unless_they_are_shuffled():
    probabilities = confident(np.repeat(np.arange(10), 200), 10)
    assert inception_score(probabilities=probabilities).value == pytest.approx(1, abs=1e-13)
    shuffled = inception_score(probabilities=probabilities, shuffle=True, seed=1)
    assert 9.5 < shuffled.value < 10  # 200 images in a split: the score's bias is about 9 / 400 of it
    assert shuffled == inception_score(probabilities=probabilities, shuffle=True, seed=1)
    assert shuffled != inception_score(probabilities=probabilities, shuffle=True, seed=2)


def test_with_one_split_the_order_does_not_matter():
    logits = random_logits(60, 5, 4)
    assert inception_score(logits=logits[::-1], splits=1).value == pytest.approx(
        inception_score(logits=logits, splits=1).value, rel=1e-13
    )


@given(arrays.arrays(np.float64, (7, 4), elements=st.floats(-1e3, 1e3)), st.sampled_from([1, 3]))
@example(np.tile([0.1, 0.2, 0.3, 0.7], (7, 1)), 3)
@settings(deadline=None, max_examples=200)
def test_the_score_lies_between_1_and_the_number_of_classes(logits, splits):
    value = inception_score(logits=logits, splits=splits).value
    assert 1 - 1e-14 <= value <= 4 + 1e-13  # rounding of the exponential


def test_logits_hundreds_apart_are_scored():
    """e^-745 is the smallest number above 0, and the mean of it and 0 rounds to 0; the truth is 1 to 300 digits."""
    logits = np.array([[0, -745.0], [0, -900.0]])
    assert inception_score(logits=logits, splits=1).value == pytest.approx(1, abs=1e-14)


def test_probabilities_that_nearly_sum_to_1_are_normalised():
    p = np.array([[0.2, 0.8], [0.9, 0.1]])
    assert inception_score(probabilities=p * 1.0005, splits=1).value == pytest.approx(
        inception_score(probabilities=p, splits=1).value, rel=1e-13
    )


# the interval


def test_the_standard_error_is_that_of_a_bootstrap_over_images():
    """600 resamples within each split give the error to 3%; 4 of those, and 8% for what is not linear."""
    p = np.array([slow.softmax(row) for row in random_logits(2000, 5, 5, 1.5)])
    estimate = inception_score_estimate(np.log(p))
    rng = np.random.default_rng(6)
    values = []
    for _ in range(600):
        drawn = [start + rng.integers(0, 200, 200) for start in range(0, 2000, 200)]
        values.append(inception_score(probabilities=p[np.concatenate(drawn)]).value)
    assert estimate.std_error == pytest.approx(np.std(values), rel=0.2)


def test_the_standard_error_is_the_spread_over_repeated_draws():
    """500 draws give the spread to 3.2%; 4 of those and a few percent for what is not linear at 50 a split."""
    found = [inception_score_estimate(random_logits(500, 4, 100 + i, 1.5)) for i in range(500)]
    spread = np.std([estimate.value for estimate in found])
    assert np.mean([estimate.std_error for estimate in found]) == pytest.approx(spread, rel=0.17)


def test_the_estimate_is_the_score_with_its_splits():
    logits = random_logits(100, 4, 7)
    estimate, score = inception_score_estimate(logits, seed=3), inception_score(logits=logits, shuffle=True, seed=3)
    assert estimate.value == pytest.approx(score.value, rel=1e-14)
    assert estimate.details == {"std_over_splits": pytest.approx(score.std)}
    assert estimate.options["splits"] == 10
    assert estimate.std_error == estimate.std_error_generated
    assert estimate.low <= estimate.value <= estimate.high


def test_the_interval_stays_between_1_and_the_number_of_classes():
    few = inception_score_estimate(random_logits(40, 2, 8, 5.0))
    assert 1 <= few.low <= few.value <= few.high <= 2


@pytest.mark.parametrize(("n", "splits"), [(1, 1), (9, 9), (10, 10), (39, 10)])
def test_too_few_images_give_a_value_and_the_reason_for_no_interval(n, splits):
    estimate = inception_score_estimate(random_logits(n, 3, 9))
    assert estimate.low is None
    assert f"in {splits} splits are too few" in estimate.interval
    assert estimate.options["splits"] == splits


def test_four_images_a_split_are_enough_for_an_interval():
    assert inception_score_estimate(random_logits(40, 3, 9)).low is not None
    assert "switched off" in inception_score_estimate(random_logits(40, 3, 9), intervals=False).interval


def test_confident_answers_spread_evenly_have_an_error_that_is_not_too_wide():
    """All of the variance is of second order: the plain error would be 1.4 times too wide.

    300 draws give the spread to 4%; 4 of those, and the bias of a correction that is kept at no less than none.
    """
    rng = np.random.default_rng(10)
    answers = 12 * np.eye(4)
    found = [
        inception_score_estimate(answers[rng.integers(0, 4, 1000)] + rng.normal(size=(1000, 4))) for _ in range(300)
    ]
    spread = np.std([estimate.value for estimate in found])
    assert np.sqrt(np.mean([estimate.std_error**2 for estimate in found])) == pytest.approx(spread, rel=0.22)


# what is refused


@pytest.mark.parametrize("given_", [{}, {"logits": np.ones((3, 2)), "probabilities": np.ones((3, 2)) / 2}])
def test_neither_or_both_of_logits_and_probabilities_are_refused(given_):
    with pytest.raises(DataError, match="either logits or probabilities"):
        inception_score(**given_)


def test_rows_that_are_not_distributions_are_refused_with_the_first_of_them():
    p = np.full((12, 2), 0.5)
    p[3] = [0.5, 0.7]
    p[8] = [1.5, -0.5]
    with pytest.raises(DataError, match=r"2 of 12 rows.*row 3 \(sum 1\.2, smallest 0\.5\).*logits="):
        inception_score(probabilities=p)


def test_a_negative_probability_is_refused_even_if_the_row_sums_to_1():
    with pytest.raises(DataError, match="1 of 10 rows"):
        inception_score(probabilities=np.vstack([np.full((9, 2), 0.5), [[1.5, -0.5]]]))


def test_fewer_images_than_splits_are_refused():
    with pytest.raises(DataError, match="9 images cannot make 10 splits"):
        inception_score(logits=random_logits(9, 3, 1))


def test_no_split_is_refused():
    with pytest.raises(ValueError, match="got 0"):
        inception_score(logits=random_logits(9, 3, 1), splits=0)


@pytest.mark.parametrize("kind", ["logits", "probabilities"])
def test_nan_is_refused_with_its_row(kind):
    rows = np.full((12, 2), 0.5)
    rows[4, 1] = np.nan
    with pytest.raises(DataError, match=f"{kind}: 1 of 12 rows hold NaN or inf, first is row 4"):
        inception_score(**{kind: rows})


def test_equal_images_that_stand_together_do_not_lower_the_estimate():
    """In order of content digest copies of one image are neighbours: contiguous splits would hold one class each."""
    sorted_by_class = 9.0 * np.repeat(np.eye(10), 100, axis=0)
    assert inception_score(logits=sorted_by_class).value < 1.1
    assert inception_score_estimate(sorted_by_class).value > 8.5


# AC-GAN's protocol


def test_the_best_candidate_is_picked_on_one_set_and_reported_on_another():
    rng = np.random.default_rng(5)
    poor, good = (confidence * np.eye(4)[rng.integers(0, 4, 200)] for confidence in (1.0, 6.0))
    asked = []

    def extra(i):
        asked.append(i)
        return 6.0 * np.eye(4)[rng.integers(0, 4, 100)]

    found = select_by_inception_score([poor, good, poor], extra)
    assert found.index == 1
    assert asked == [1]
    assert [score.value for score in found.selection] == [
        inception_score(logits=each, splits=10, shuffle=True).value for each in (poor, good, poor)
    ]
    assert 3 < found.report.value < 4


def test_without_candidates_there_is_nothing_to_select():
    with pytest.raises(DataError, match="no candidates"):
        select_by_inception_score([], lambda i: None)
