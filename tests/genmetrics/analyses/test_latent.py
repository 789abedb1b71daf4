"""Paths through latent space and how even they are."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genmetrics._checks import DataError
from genmetrics.analyses import latent


def test_a_straight_line_by_hand():
    assert latent.interpolate([0, 0], [2, 4], 3).tolist() == [[0, 0], [1, 2], [2, 4]]


def test_a_quarter_of_a_circle_by_hand():
    found = latent.interpolate([1, 0], [0, 1], 3, "spherical")
    assert found == pytest.approx(np.array([[1, 0], [2**-0.5, 2**-0.5], [0, 1]]))


@given(st.integers(0, 1000), st.integers(2, 12))
def test_an_arc_keeps_the_length_and_turns_evenly(seed, steps):
    a, b = np.random.default_rng(seed).normal(size=(2, 5))
    b *= np.linalg.norm(a) / np.linalg.norm(b)
    path = latent.interpolate(a, b, steps, "spherical")
    assert path[[0, -1]] == pytest.approx(np.stack([a, b]))
    assert np.linalg.norm(path, axis=1) == pytest.approx(np.linalg.norm(a))
    strides = np.linalg.norm(np.diff(path, axis=0), axis=1)
    assert strides == pytest.approx(strides[0])


def test_parallel_ends_make_a_straight_arc():
    assert latent.interpolate([1, 1], [2, 2], 3, "spherical") == pytest.approx(latent.interpolate([1, 1], [2, 2], 3))


@pytest.mark.parametrize(
    ("ends", "steps", "kind", "message"),
    [
        (([1, 0], [-1, 0]), 3, "spherical", "they are opposite"),
        (([0, 0], [1, 0]), 3, "spherical", "length 0 has no direction"),
        (([0, 0], [1, 0]), 1, "linear", "steps must be at least 2"),
        (([0, 0], [1, 0, 0]), 3, "linear", "two vectors of one width"),
        (([0, 0], [1, 0]), 3, "sperical", "did you mean 'spherical'"),
    ],
)
def test_paths_that_are_none_are_refused(ends, steps, kind, message):
    with pytest.raises(DataError, match=message):
        latent.interpolate(*ends, steps, kind)


def test_even_steps_give_1_and_one_jump_gives_their_number():
    assert latent.evenness(np.arange(9)[:, None] * [3.0, 4.0]) == 1
    jump = np.zeros((9, 2))
    jump[5:] = 1
    assert latent.evenness(jump) == pytest.approx(8)


@given(st.integers(0, 1000), st.integers(3, 12))
def test_evenness_lies_between_1_and_the_number_of_steps(seed, points):
    value = latent.evenness(np.random.default_rng(seed).normal(size=(points, 3)))
    assert 1 <= value <= points - 1


def test_features_that_never_change_are_refused():
    with pytest.raises(DataError, match="the generator ignores its latents"):
        latent.evenness(np.ones((5, 3)))


def test_mean_over_paths_has_students_interval():
    jumps = [np.arange(5.0)[:, None], np.array([0, 0, 1, 1, 1.0])[:, None]]  # 1 and 4
    found = latent.evenness_of_paths(jumps)
    assert (found.value, found.paths) == (2.5, (1.0, 4.0))
    assert found.std_error == pytest.approx(1.5)
    assert (found.low, found.high) == pytest.approx((1, 2.5 + 12.7062047 * 1.5))  # t(1), cut at 1
    assert latent.evenness_of_paths(jumps[:1]).low is None


def test_paths_along_which_nothing_changes_have_no_part_in_the_mean():
    even, still, jump = np.arange(5.0)[:, None], np.ones((5, 1)), np.array([0, 0, 1, 1, 1.0])[:, None]
    found = latent.evenness_of_paths([even, still, jump])
    assert (found.value, found.paths) == (2.5, (1.0, None, 4.0))
    assert found.std_error == pytest.approx(1.5)
    with pytest.raises(DataError, match="along no path: the generator ignores its latents"):
        latent.evenness_of_paths([still, still])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def f(:", "importing broken failed: SyntaxError"),
        ("raise RuntimeError('no weights')", "importing broken failed: RuntimeError: no weights"),
        ("from numpy import nothing_here", "importing broken failed: ImportError"),
        ("import nothing_here", "No module named 'nothing_here'"),
        ("g = 1", "module broken has no 'f'"),
    ],
)
def test_a_module_that_cannot_be_imported_is_refused(tmp_path, monkeypatch, text, message):
    (tmp_path / "broken.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "broken", raising=False)
    with pytest.raises(DataError, match=message):
        latent.find_generator("broken:f")
    monkeypatch.delitem(sys.modules, "broken", raising=False)


@pytest.mark.parametrize(
    ("pixel", "message"), [(np.nan, "NaN or inf in 2 images"), (1.5, "in \\[0, 1\\], got 1.5 to 1.5")]
)
def test_floats_that_are_no_pixels_are_refused(pixel, message):
    with pytest.raises(DataError, match=message):
        latent.generated(lambda z: np.full((len(z), 8, 8), pixel), np.zeros((2, 3)))


def test_a_grid_holds_every_class_with_every_style():
    z, classes = latent.class_style_grid([[1.0, 2.0], [3.0, 4.0]], 3)
    assert classes.tolist() == [0, 0, 1, 1, 2, 2]
    assert z.tolist() == [[1, 2], [3, 4]] * 3


def test_the_shipped_decoder_is_a_generator():
    generator = latent.find_generator("genmetrics.analyses.latent:digits_vae")
    assert latent.latent_width(generator, None) == 16
    assert not latent.takes_classes(generator)
    images = latent.generated(generator, np.zeros((3, 16)))
    assert (images.shape, images.dtype) == ((3, 8, 8, 1), np.uint8)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (np.zeros((3, 8, 8)), r"should return \(2, h, w\).* got shape \(3, 8, 8, 1\)"),
        (np.full((2, 8, 8), 2.0), r"floats in \[0, 1\]"),
        (np.zeros((2, 8, 8), int), "got int64"),
    ],
)
def test_what_a_generator_must_return(returned, message):
    with pytest.raises(DataError, match=message):
        latent.generated(lambda z: returned, np.zeros((2, 4)))


def test_floats_become_grey_levels_and_failures_are_told():
    assert latent.generated(lambda z: np.ones((2, 4, 4)), np.zeros((2, 4))).max() == 255
    with pytest.raises(DataError, match=r"failed on latents of shape \(2, 4\): KeyError: 'weights'"):
        latent.generated(lambda z: {}["weights"], np.zeros((2, 4)))


@pytest.mark.parametrize(
    ("name", "message"),
    [("digits", "expected module:function"), ("nothing.here:f", "PYTHONPATH"), ("math:nothing", "has no 'nothing'"),
     ("math:pi", "is no function but float")],
)  # fmt: skip
def test_a_generator_that_is_not_there(name, message):
    with pytest.raises(DataError, match=message):
        latent.find_generator(name)


def test_latents_of_unknown_width_are_refused():
    with pytest.raises(DataError, match="pass --latent-dim"):
        latent.latent_width(lambda z: z, None)
