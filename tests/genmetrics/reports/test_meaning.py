"""One sentence for each number about copies, by hand and on samples that are copies."""

from types import SimpleNamespace

import numpy as np
import pytest
from report_material import score

import genmetrics as gm
from genmetrics.reports.meaning import meanings


def said(metric, numbers, baseline=None, **details):
    found = score("x", numbers, baseline, metric=metric, details=details, n_generated=5000)
    (sentence,) = meanings(SimpleNamespace(scores=[found, score("fd_x")]))
    return sentence.removeprefix("x: ")


@pytest.mark.parametrize(
    ("numbers", "baseline", "verdict"),
    [
        ((40, 38, 42), (60, 57, 63), "; of test images 40.0% do: copies"),
        ((60, 58, 62), (60, 57, 63), "; of test images 40.0% do: no sign of copies"),
        ((57, 55, 57), (60, 57, 63), "; of test images 40.0% do: no sign of copies"),
        ((99, 98, 99.5), (60, 57, 63), "; of test images 40.0% do: they are farther away than new real images are"),
        ((40, None, None), (60, None, None), "; of test images 40.0% do"),
        ((40, 38, 42), None, "; a test set would say how many is many"),
    ],
)
def test_auth_pct_is_said_beside_test_images(numbers, baseline, verdict):
    copies = f"{100 - numbers[0]}.0% of samples lie no farther from their nearest training image than its own nearest "
    assert said("auth-pct", numbers, baseline, copies=0) == f"{copies}neighbour does{verdict}"


def test_exact_copies_are_counted():
    sentence = said("auth-pct", (40, 38, 42), (60, 57, 63), copies=1200)
    assert " does (1,200 of 5,000 are exact copies); of test images " in sentence


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((-4.21, -6, -2), "samples lie nearer to the training set than test images do (z = -4.2): copies"),
        ((4.21, 2, 6), "samples lie farther from the training set than test images do (z = 4.2): unlike real images, "),
        ((-1, -3, 1), "samples lie as near to the training set as test images do (z = -1.0): no sign of copies"),
        ((-1.9, None, None), "samples lie as near to the training set as test images do (z = -1.9): no sign of"),
        ((-2, None, None), "samples lie nearer to the training set than test images do (z = -2.0): copies"),
    ],
)
def test_ct_score_says_which_lie_nearer(numbers, expected):
    assert said("ct-score", numbers).startswith(expected)


@pytest.mark.parametrize(
    ("numbers", "verdict"),
    [
        ((0.75, 0.7, 0.8), ": they can be told apart"),
        ((0.49, 0.46, 0.52), ": they cannot be told apart by it"),
        ((0.2, 0.1, 0.3), ", less often than chance: samples sit on these very real images, as copies do"),
        ((0.75, None, None), "; 50% if both came from one distribution"),
    ],
)
def test_two_sample_says_whether_sets_can_be_told_apart(numbers, verdict):
    told = f"the nearest other image tells samples from real ones {100 * numbers[0]:.1f}% of the time"
    assert said("two-sample", numbers) == told + verdict


def test_two_sample_says_how_often_real_training_images_are_told():
    found = said("two-sample", (0.6, 0.55, 0.65), (0.61, 0.56, 0.66))
    assert "60.0% of the time, real training images from them 61.0%: they can be told apart" in found


@pytest.mark.parametrize(("copies", "verdict"), [(True, ": copies"), (False, ": no sign of copies")])
def test_samples_that_copy_are_called_so_and_others_not(copies, verdict):
    rng = np.random.default_rng(0)
    train, test, fresh = (rng.integers(0, 256, (400, 4, 4, 1), np.uint8) for _ in range(3))
    generated = train ^ 1 if copies else fresh
    names = ["auth-pct", "ct-score"]
    record = gm.evaluate(test, generated, train, metrics=names, extractor="pixels", cache=False)
    assert [sentence.endswith(verdict) for sentence in meanings(record)] == [True, True]
    assert record["auth-pct"].n_real == 400
