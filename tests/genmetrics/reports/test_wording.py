"""Numbers as printed, and remarks said once."""

import dataclasses
import math
import re
from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from report_material import score

from genmetrics.reports import wording

values = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15)
widths = st.floats(min_value=1e-12, max_value=1e12)


def last_digit(text: str) -> Decimal:
    """What one unit of the last printed digit is worth."""
    return Decimal(1).scaleb(int(Decimal(text).as_tuple().exponent))


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((4.213, 4.10, 4.32), "4.21 [4.10, 4.32]"),
        ((0.01234, 0.01107, 0.01361), "0.0123 [0.0111, 0.0136]"),
        ((-163.27, -165.1, -161.4), "-163.3 [-165.1, -161.4]"),
        ((12345.6, 12221, 12468), "12346 [12221, 12468]"),
        ((3, -2500, 2500), "3 [-2500, 2500]"),
        ((-0.00001, -0.01, 0.01), "0.000 [-0.010, 0.010]"),
        ((1, 1, 1), "1.000 [1.000, 1.000]"),
        ((0,), "0"),
        ((0.91324,), "0.9132"),
        ((8.7, 8.5, None), "8.700"),
        ((1.5e-14,), "1.500e-14"),
        ((6.02e23,), "6.020e+23"),
        ((math.nan,), "undefined"),
        ((math.inf,), "∞"),
        ((2.5, -math.inf, 3.0), "2.500 [-∞, 3.000]"),
    ],
)
def test_numbers_by_hand(numbers, expected):
    assert str(wording.number(*numbers)) == expected


@given(values, widths)
@example(9.9999, 0.0999)
def test_printed_value_parses_back_within_half_of_its_last_digit(value, half_width):
    shown = wording.number(value, value - half_width, value + half_width)
    for text, exact in zip(
        [shown.value, *shown.interval[1:-1].split(", ")],
        [value, value - half_width, value + half_width],
        strict=True,
    ):
        assert abs(Decimal(text) - Decimal(exact)) <= last_digit(text) / 2


@given(values)
def test_value_without_interval_parses_back_to_four_digits(value):
    text = wording.number(value).value
    assert abs(Decimal(text) - Decimal(value)) <= last_digit(text) / 2
    assert math.isclose(float(text), value, rel_tol=5e-4)


@given(st.floats(min_value=1e-3, max_value=300), st.floats(min_value=1e-3, max_value=0.3))
def test_last_digit_is_between_a_hundredth_and_a_tenth_of_the_half_width(value, share):
    half_width = value * share
    shown = wording.number(value, value - half_width, value + half_width)
    assert Decimal("0.0099") <= last_digit(shown.value) / Decimal(half_width) <= Decimal("0.1001")


@given(st.floats(), st.none() | st.floats(), st.none() | st.floats())
def test_no_number_is_printed_as_nan(value, low, high):
    assert not re.search("nan|inf", str(wording.number(value, low, high)), re.IGNORECASE)


def test_a_note_of_two_scores_is_said_once_and_names_both(record):
    shared = [remark for remark in wording.warning_remarks(record) if "covariance is weak" in remark]
    assert len(shared) == 1
    assert shared[0].startswith("fd_digits-cnn, kd_digits-cnn: ")


def test_a_note_that_is_also_a_warning_is_said_once(record):
    said = dataclasses.replace(record, warnings=(record.scores[0].notes[0],) * 2)
    assert wording.warning_remarks(said) == [record.scores[0].notes[0]]


def test_a_score_without_interval_says_so_and_why(record):
    bare = dataclasses.replace(record["precision"], interval="n = 4 is too few")
    assert wording.interval_remark(bare) == "no interval: n = 4 is too few"
    assert wording.interval_remark(record["precision"]).count("no interval") == 1


def test_controls_are_written_out():
    assert wording.one_line("a\x1b[31m\n b\u202e") == "a\\x1b[31m b\\u202e"


def test_an_excess_over_real_data_is_said_with_its_ratio():
    found = score("ddm_x", details={"excess_over_real_data": 2.5, "ratio_to_real_data": 1.25})
    less = score("y", details={"excess_over_real_data": -1.0, "ratio_to_real_data": 0.9})
    alike = score("z", details={"excess_over_real_data": 0.01569, "ratio_to_real_data": 1.003})
    bare = score("w", details={"excess_over_real_data": 1.0})
    record = SimpleNamespace(scores=[found, score("fd_x"), less, alike, bare])
    assert wording.excess_remarks(record) == [
        "ddm_x: 2.500 above as many real images, 1.25 times theirs",
        "y: 1.000 below as many real images, 0.9 times theirs",
        "z: 0.01569 above as many real images",
        "w: 1.000 above as many real images",
    ]
