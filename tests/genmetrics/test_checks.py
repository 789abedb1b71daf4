import math

import numpy as np
import pytest
import torch

from genmetrics import _checks
from genmetrics._checks import DataError, UnknownNameError, as_features


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float_features_are_not_copied(dtype):
    x = np.ones((3, 2), dtype)
    assert as_features(x, "real") is x
    assert np.shares_memory(as_features(torch.from_numpy(x), "real"), x)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float16, bool, ">f4"])
def test_other_real_numbers_become_float64(dtype):
    x = as_features(np.array([[1, 0]], dtype), "real")
    assert x.dtype == np.float64
    assert x.tolist() == [[1, 0]]


@pytest.mark.parametrize("x", [[["a"]], [[1j]], [[None]]], ids=["text", "complex", "objects"])
def test_what_is_not_a_real_number_is_a_type_error_with_the_dtype(x):
    array = np.array(x)
    with pytest.raises(TypeError, match=f"real: expected an array of real numbers, got dtype {array.dtype}"):
        as_features(array, "real")


@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 4)])
def test_arrays_that_are_not_two_dimensional_are_refused_with_their_shape(shape):
    with pytest.raises(DataError, match=r"real: expected features of shape \(n, d\), got shape") as error:
        as_features(np.zeros(shape), "real")
    assert str(shape) in str(error.value)


def test_features_without_columns_are_refused():
    with pytest.raises(DataError, match=r"no columns, shape \(3, 0\)"):
        as_features(np.zeros((3, 0)), "real")


def test_too_few_rows_are_refused_with_both_numbers():
    with pytest.raises(DataError, match="real: 1 image, but at least 2 are needed"):
        as_features(np.zeros((1, 2)), "real", at_least=2)
    with pytest.raises(DataError, match="real: 0 images, but at least 1 are needed"):
        as_features(np.zeros((0, 2)), "real")
    assert len(as_features(np.zeros((2, 2)), "real", at_least=2)) == 2


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("rows", [[0], [4095], [4096, 9000], [8191, 8192]])
def test_rows_that_are_not_finite_are_counted_across_blocks(bad, rows):
    x = np.zeros((9001, 3), np.float32)
    x[rows, 1] = bad
    with pytest.raises(DataError, match=f"real: {len(rows)} of 9001 rows .* first is row {rows[0]}$"):
        as_features(x, "real")


def test_blocks_are_views_of_all_rows_in_order():
    x = np.arange(10)[:, None]
    parts = list(_checks.blocks(x, 4))
    assert [len(part) for part in parts] == [4, 4, 2]
    assert np.concatenate(parts).tolist() == x.tolist()
    assert all(np.shares_memory(part, x) for part in parts)


def test_widths_that_differ_are_refused_with_both_and_their_names():
    _checks.same_width(3, 3)
    with pytest.raises(DataError, match=r"^real features are 3-wide but generated are 2-wide"):
        _checks.same_width(3, 2)
    with pytest.raises(DataError, match=r"^a features are 3-wide but b are 2-wide"):
        _checks.same_width(3, 2, ("a", "b"))


def test_the_nearest_known_name_is_suggested():
    error = _checks.unknown_name("metric", "kernal", ["ddm", "kernel"])
    assert isinstance(error, UnknownNameError)
    assert str(error) == "unknown metric 'kernal'; did you mean 'kernel'? known: ddm, kernel"
    assert str(_checks.unknown_name("metric", "xyz", ["kernel", "ddm"])) == "unknown metric 'xyz'; known: ddm, kernel"


def test_one_of_lets_the_allowed_pass():
    _checks.one_of("a", "letter", ("a", "b"))
    with pytest.raises(UnknownNameError, match="unknown letter 'c'"):
        _checks.one_of("c", "letter", iter(("a", "b")))


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf])
def test_positive_refuses_the_rest(value):
    _checks.positive(1e-300, "scale")
    with pytest.raises(ValueError, match="scale must be a finite number above 0, got"):
        _checks.positive(value, "scale")


def test_a_count_has_its_plural():
    assert [_checks.count(n, "image") for n in (0, 1, 2)] == ["0 images", "1 image", "2 images"]


def test_a_data_error_is_a_value_error():
    assert issubclass(UnknownNameError, DataError)
    assert issubclass(DataError, ValueError)


def test_tensors_with_gradient_and_lists_become_arrays():
    assert _checks.to_numpy(torch.ones(2, requires_grad=True)).tolist() == [1, 1]
    assert _checks.to_numpy([1, 2]).tolist() == [1, 2]
