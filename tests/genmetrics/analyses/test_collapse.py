"""Collapsed classes, accuracy beside diversity, and the monitor that looks on while a generator trains."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from genmetrics._checks import DataError
from genmetrics.analyses.collapse import CollapseMonitor, joint_analysis, share_below_largest_real


def test_share_below_the_largest_real_class_by_hand():
    found = share_below_largest_real({"a": 0.1, "b": 0.3, "c": 0.25, "d": 0.2}, {"a": 0.05, "b": 0.25})
    assert (found.share, found.threshold, found.collapsed) == (0.5, 0.25, ("b", "c"))


def test_empty_tables_are_refused():
    with pytest.raises(DataError, match="0 classes of samples and 1 of real images"):
        share_below_largest_real({}, {"a": 1.0})


def test_joint_analysis_by_hand():
    ms_ssim = {"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4, "not here": 0.9}
    accuracy = {"a": 0.8, "b": 0.005, "c": 0.0, "d": 0.2, "nor here": 0.1}
    found = joint_analysis(accuracy, ms_ssim)
    assert found.classes == 4
    assert found.collapsed == 2  # c and d
    assert found.unseen_of_collapsed == 0.5  # c
    assert found.seen_of_diverse == 0.5  # a
    assert found.r == pytest.approx(scipy.stats.pearsonr([0.1, 0.2, 0.3, 0.4], [0.8, 0.005, 0.0, 0.2]).statistic)


@given(st.integers(4, 30), st.integers(0, 1000))
def test_the_interval_of_r_is_scipys(n, seed):
    x, y = np.random.default_rng(seed).random((2, n))
    found = joint_analysis(dict(enumerate(y)), dict(enumerate(x)))
    theirs = scipy.stats.pearsonr(x, y)
    assert (found.r, found.low, found.high) == pytest.approx((theirs.statistic, *theirs.confidence_interval()))


def test_what_is_not_defined_is_none():
    found = joint_analysis({"a": 1.0, "b": 1.0}, {"a": 0.1, "b": 0.2})
    assert (found.r, found.low, found.high, found.unseen_of_collapsed, found.seen_of_diverse) == (*[None] * 4, 1)


def test_one_class_has_no_correlation():
    with pytest.raises(DataError, match="1 class with both"):
        joint_analysis({"a": 1.0}, {"a": 0.1})


# --- the monitor


def noise_that_collapses(steps):
    """Samples at step 0, 10, 20, ...: noise, blended more and more into one picture."""
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (1, 1, 32, 32)).astype(float)
    for t in np.linspace(0, 1, steps):
        yield ((1 - t) * rng.integers(0, 256, (20, 1, 32, 32)) + t * picture).astype(np.uint8)


def test_the_monitor_sees_a_generator_collapse():
    said, samples = [], noise_that_collapses(5)
    monitor = CollapseMonitor(lambda: next(samples), every=10, threshold=0.9, on_collapse=said.append)
    looks = [monitor(step) for step in range(50)]
    assert [i for i, look in enumerate(looks) if look] == [0, 10, 20, 30, 40]
    assert (np.diff([look.value for _, look in monitor.history]) > 0).all()
    assert monitor.collapsed
    assert said[-1] == "step 40: mean MS-SSIM of samples is 1.000, at or above 0.900: they have collapsed"
    assert said[0].startswith("step 30: mean MS-SSIM of samples is 0.9")


def test_the_monitor_looks_within_classes_if_there_are_labels():
    images = np.concatenate([np.full((5, 1, 28, 28), grey, np.uint8) for grey in (0, 255)])
    monitor = CollapseMonitor(lambda: (images, [0] * 5 + [1] * 5), every=1)
    assert monitor(0).value == pytest.approx(1)
    assert not monitor.collapsed  # no threshold, no verdict
    assert CollapseMonitor(lambda: images, every=1)(0).value < 0.9


def test_the_monitor_as_a_lightning_callback(monkeypatch):
    """Lightning's hooks, by a stand-in of its class: `import lightning` is slow and it may not be installed."""
    module = ModuleType("lightning.pytorch")
    module.Callback = type("Callback", (), {"on_fit_start": lambda self, trainer, module: "default"})
    monkeypatch.setitem(sys.modules, "lightning", ModuleType("lightning"))
    monkeypatch.setitem(sys.modules, "lightning.pytorch", module)
    logged = {}
    monitor = CollapseMonitor(lambda: np.zeros((4, 1, 28, 28), np.uint8), every=2)
    callback = monitor.lightning()
    assert isinstance(callback, module.Callback)
    for step in (1, 2, 2):  # the last batches of step 2, where gradients accumulate, are one look
        callback.on_train_batch_end(
            SimpleNamespace(global_step=step), SimpleNamespace(log=logged.__setitem__), None, None, 0
        )
        assert logged == ({} if step == 1 else {"ms_ssim": pytest.approx(1)})
    assert len(monitor.history) == 1


def test_without_lightning_the_error_says_what_to_do(monkeypatch):
    for name in ("lightning", "lightning.pytorch", "pytorch_lightning"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError, match="pip install lightning, or call the monitor"):
        CollapseMonitor(lambda: None).lightning()
