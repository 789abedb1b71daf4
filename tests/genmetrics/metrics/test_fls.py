import numpy as np
import pytest

from genmetrics.metrics import fls as module
from genmetrics.metrics.fls import fls, fls_estimate
from tests.reference import fls as slow


def normal(n, d, seed, shift=0.0):
    return np.random.default_rng(seed).normal(size=(n, d)) + shift


def sets(shift=0.0):
    return normal(25, 4, 1), normal(20, 4, 2), normal(22, 4, 3), normal(18, 4, 4, shift)


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_it_agrees_with_automatic_differentiation_and_torchs_adam(shift):
    train, baseline, test, generated = sets(shift)
    expected = slow.fls(train, baseline, test, generated)
    assert fls(train, test, generated, baseline).value == pytest.approx(expected, rel=1e-8)


def test_blocks_and_what_is_kept_between_steps_do_not_change_the_value(monkeypatch):
    train, baseline, test, generated = sets(0.5)
    whole = fls(train, test, generated, baseline).value
    monkeypatch.setattr(module, "ROWS", 7)
    assert fls(train, test, generated, baseline).value == pytest.approx(whole, rel=1e-9)
    monkeypatch.setattr(module, "BUDGET", 1000)
    assert fls(train, test, generated, baseline).value == pytest.approx(whole, rel=1e-9)


def test_the_baseline_in_the_samples_place_scores_100():
    train, baseline, test, _ = sets()
    assert fls(train, test, baseline, baseline).value == pytest.approx(100, rel=1e-12)


def test_copies_of_training_images_score_less_than_fresh_ones():
    train, fresh, test = normal(120, 4, 1), normal(60, 4, 2), normal(80, 4, 3)
    baseline = normal(60, 4, 5)
    copied, as_good = (fls(train, test, samples, baseline).value for samples in (train[:60], fresh))
    assert as_good == pytest.approx(100, abs=30)  # 60 samples a side: a spread of about 10
    assert copied < as_good / 2


def test_constant_features_are_left_out():
    train, baseline, test, generated = sets(0.5)
    wider = [np.hstack([x, np.full((len(x), 1), 3.0)]) for x in (train, test, generated, baseline)]
    assert fls(*wider).value == pytest.approx(fls(train, test, generated, baseline).value, rel=1e-12)


def test_the_interval_is_over_test_images_and_says_so():
    train, _, test, generated = sets(0.5)
    found = fls_estimate(train, test, generated, seed=3)
    assert found.low < found.value < found.high
    assert "conditional on the training and the generated" in found.interval
    assert found.std_error_generated is None


def test_new_real_images_score_100_where_they_are_as_many_as_the_baseline_and_more_where_they_are_more():
    train, test = normal(200, 10, 1), normal(400, 10, 2)
    as_many, fewer, more = (fls_estimate(train, test, normal(m, 10, 3)) for m in (100, 40, 800))
    assert as_many.value == pytest.approx(100, abs=4)
    assert more.value > as_many.value + 1
    assert not as_many.notes
    assert "half of the training set, 100 images; more new real images score more: 800" in more.notes[0]
    assert "fewer new real images score less: 40" in fewer.notes[0]
