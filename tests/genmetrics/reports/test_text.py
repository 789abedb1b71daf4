"""The table on the terminal."""

import dataclasses
import io
from functools import partial

import pytest
from rich.console import Console

from genmetrics.comparison import Difference
from genmetrics.reports import wording
from genmetrics.reports.text import print_differences, print_record

DIFFERENCES = (
    Difference("frechet", "fd_digits-cnn", -20.03, -21.82, -18.24, "a is better", "of references", 3.44, 23.47),
    Difference("ms-ssim", "ms_ssim", -0.019, -0.042, 0.004, "cannot tell", "of references", 0.25, 0.269),
    Difference("ddm", "ddm_digits-cnn", -8.622, None, None, "cannot tell", "no standard error", 1.5, 10.122),
    Difference("kernel", "kd_digits-cnn", None, None, None, "not comparable", "signatures differ: n:1, n:2", 0.1, 0.2),
)


def shown(content, width: int, encoding: str = "utf-8", say=print_record, **options) -> str:
    """What the console received."""
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="\n")
    say(content, Console(file=file, width=width, **options))
    file.seek(0)
    return file.read()


def table_lines(text: str) -> list[str]:
    """Lines of the table: what comes before the legend."""
    return text.split("lower is better")[0].splitlines()[:-1]


@pytest.mark.parametrize("width", [80, 120])
def test_table_fits_and_has_no_colour_codes_where_nobody_watches(record, width):
    text = shown(record, width)
    assert "\x1b" not in text
    assert max(map(len, table_lines(text))) <= width


@pytest.mark.parametrize("width", [20, 50, 80, 120])
def test_no_number_is_cut_short(record, width):
    text = shown(record, width)
    assert "…" not in text
    for score in record:
        number, baseline = wording.score_number(score), wording.baseline_number(score)
        assert number.value in text
        assert number.interval is None or number.interval in text
        assert baseline is None or (baseline.value in text and (baseline.interval or "") in text)


def test_wide_table_has_one_line_a_score(record):
    rows = [" ".join(line.split()) for line in table_lines(shown(record, 120))]
    assert "fd_digits-cnn ↓ 4.21 [4.10, 4.32] 899 / 5,000 1.02 [0.91, 1.13]" in rows


def test_a_metric_of_unknown_direction_has_no_arrow(record):
    rows = [" ".join(line.split()) for line in table_lines(shown(record, 120))]
    assert "mine 12.50 no interval 899 / 5,000" in rows


def test_long_names_wrap_but_numbers_do_not(record):
    long = dataclasses.replace(record.scores[0], name="fd_" + "a-very-long-extractor-name" * 3)
    text = shown(dataclasses.replace(record, scores=(long,)), 80)
    assert max(map(len, table_lines(text))) <= 80
    assert "[4.10, 4.32]" in text


def test_real_data_column_only_with_a_baseline(record):
    assert "real data" in shown(record, 120)
    bare = tuple(dataclasses.replace(score, baseline=None) for score in record)
    assert "real data" not in shown(dataclasses.replace(record, scores=bare), 120)


def test_missing_interval_is_explained_under_the_table(record):
    table, below = shown(record, 120).split("lower is better")
    assert "no interval" in table
    assert "precision: no interval: its coverage was low" in below


def test_warnings_are_numbered_and_absent_without_warnings(record):
    text = shown(record, 120)
    assert "  1. 12 of 5000" in text
    assert "  3. fd_digits-cnn, kd_digits-cnn: fewer images" in text
    bare = tuple(dataclasses.replace(score, notes=()) for score in record)
    assert "Keep in mind" not in shown(dataclasses.replace(record, scores=bare, warnings=()), 120)


def test_each_signature_is_one_line_to_copy(record):
    lines = shown(record, 80).splitlines()
    for score in record:
        assert f"{score.signature} = {wording.score_number(score)}" in lines


def test_hostile_strings_do_nothing_to_a_terminal(record):
    bad = "[red]x[/red] :smile: \x1b[2J\nnext"
    text = shown(dataclasses.replace(record, warnings=(bad,)), 120)
    assert "  1. [red]x[/red] :smile: \\x1b[2J next" in text


def test_colours_where_somebody_watches(record):
    assert "\x1b[1m" in shown(record, 120, force_terminal=True, color_system="standard", _environ={})


def test_console_without_unicode_is_spelled_out(record):
    accented = dataclasses.replace(record, warnings=("é",))
    text = shown(accented, 120, encoding="ascii")
    assert "fd_digits-cnn (lower)" in text
    assert "  1. \\xe9" in text


def differences(width: int, found=DIFFERENCES, **options) -> list[str]:
    """The lines that differences make, blanks joined."""
    lines = shown(found, width, say=print_differences, **options).splitlines()
    return [" ".join(line.split()) for line in lines]


def test_each_difference_is_one_row_with_its_verdict():
    lines = differences(80)
    assert lines[0] == "metric a b a - b 95% interval verdict"
    assert "fd_digits-cnn 3.4 23.5 -20.0 [-21.8, -18.2] a is better" in lines
    assert "ms_ssim 0.250 0.269 -0.019 [-0.042, 0.004] cannot tell" in lines


def test_a_difference_without_interval_or_value_says_so():
    lines = differences(80)
    assert "ddm_digits-cnn 1.50 10.12 -8.622 no interval cannot tell" in lines
    assert "kd_digits-cnn 0.1000 0.2000 – – not comparable" in lines


def test_reasons_stand_under_the_table_once_with_the_metrics_they_concern():
    lines = differences(80)
    assert lines[-3:] == [
        "fd_digits-cnn, ms_ssim: of references",
        "ddm_digits-cnn: no standard error",
        "kd_digits-cnn: signatures differ: n:1, n:2",
    ]


def test_the_records_are_named_and_what_each_has_to_keep_in_mind_is_said_once():
    say = partial(print_differences, names=("runs/x\x1b", "runs/y"), warnings=(("grey", "few images"), ("grey",)))
    lines = [line.strip() for line in shown(DIFFERENCES, 200, say=say).splitlines()]
    assert any(line.startswith("a is runs/x\\x1b, b runs/y; 'cannot tell'") for line in lines)
    assert lines[-4:] == ["", "Keep in mind", "1. a and b: grey", "2. a: few images"]
    assert "Keep in mind" not in differences(80)


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_difference_is_cut_short(width):
    text = " ".join(differences(width))
    assert "…" not in text
    assert "-20.0 [-21.8, -18.2] a is better" in text


def test_hostile_names_and_reasons_do_nothing_to_a_terminal():
    bad = "[red]x[/red] \x1b[2J\nnext"
    lines = differences(120, [dataclasses.replace(DIFFERENCES[0], name=bad, reason=bad)])
    assert "[red]x[/red] \\x1b[2J next 3.4 23.5 -20.0 [-21.8, -18.2] a is better" in lines
    assert "\x1b" not in "".join(lines)


def test_differences_without_unicode():
    lines = [line.replace("|", " ").split() for line in differences(80, encoding="ascii")]
    assert ["kd_digits-cnn", "0.1000", "0.2000", "-", "-", "not", "comparable"] in lines
