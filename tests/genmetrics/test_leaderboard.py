"""Records on a board: real SQLite, equal signatures only, ties, and nothing lost to bad input."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace

import pytest
from click.testing import CliRunner
from report_material import HOSTILE, Page, score

from genmetrics._checks import DataError
from genmetrics.cli import main
from genmetrics.leaderboard import Leaderboard, build
from genmetrics.ranking import places
from genmetrics.records import Record

REAL, SIGNATURE = "9ab92a1d" * 8, "{}|features:pixels|real:390@9ab92a1d|revision:1"


def record(samples: str, *scores, real: str = REAL) -> Record:
    inputs = {"generated": {"content": samples * 64, "n": 390}, "real": {"content": real, "n": 390}}
    return Record(
        scores=scores,
        inputs=inputs,
        extractor={"name": "pixels"},
        seed=0,
        warnings=(),
        environment={},
        created="2026-11-27T00:00:00+00:00",
    )


def fd(value: float, error: float = 0.1, signature: str = "fd_pixels-390", **rest):
    numbers = (value, value - 2 * error, value + 2 * error)
    return score("frechet", numbers, std_error_generated=error, signature=SIGNATURE.format(signature), **rest)


@pytest.fixture
def board(tmp_path) -> Leaderboard:
    return Leaderboard(tmp_path / "board.sqlite")


def order(board: Leaderboard) -> list[list[tuple[str, str]]]:
    return [[(s.place, s.model) for s in table.standings] for table in board.tables()]


def test_a_place_is_shared_where_the_interval_of_the_difference_holds_0(board):
    for name, samples, value in (("far", "a", 9.0), ("near", "b", 1.0), ("near too", "c", 1.2)):
        board.add(record(samples, fd(value)), name)
    assert order(board) == [[("1=", "near"), ("1=", "near too"), ("3", "far")]]


def test_higher_is_better_where_the_score_says_so():
    found = places({"a": fd(1.0, better="higher"), "b": fd(9.0, better="higher")})
    assert found == [("1", "b"), ("2", "a")]


def test_closer_to_real_is_ranked_by_the_distance_from_real():
    numbers = {"below": 0.10, "above": 0.35, "close": 0.28}
    scores = {k: fd(v, 0.001, better="closer to real", baseline=(0.25, 0.24, 0.26)) for k, v in numbers.items()}
    assert places(scores) == [("1", "close"), ("2", "above"), ("3", "below")]


def test_equal_values_without_an_interval_share_a_place():
    scores = {name: replace(fd(1.0), std_error_generated=None) for name in "ab"}
    assert places(scores) == [("1=", "a"), ("1=", "b")]


def test_only_equal_signatures_are_ranked_together(board):
    board.add(record("a", fd(1.0)), "a")
    board.add(record("b", fd(9.0, signature="fd_pixels-5000")), "b")
    assert order(board) == [[("1", "a")], [("1", "b")]]


def test_a_metric_without_direction_has_no_places(board):
    board.add(record("b", fd(1.0, better="")), "b")
    board.add(record("a", fd(2.0, better="")), "a")
    assert order(board) == [[("", "a"), ("", "b")]]


def test_the_same_record_is_there_once(board):
    assert board.add(record("a", fd(1.0)), "a")
    assert not board.add(record("a", fd(1.0)), "a")
    assert order(board) == [[("1", "a")]]


def test_the_same_samples_under_another_name_are_refused(board):
    board.add(record("a", fd(1.0)), "mine")
    with pytest.raises(DataError, match="same samples are on the board as 'mine'"):
        board.add(record("a", fd(0.5)), "yours")
    assert order(board) == [[("1", "mine")]]


def test_a_second_score_of_one_signature_needs_to_be_told_to_replace(board):
    board.add(record("a", fd(1.0)), "mine")
    with pytest.raises(DataError, match="has frechet = 1 on the board under the same signature; pass --replace"):
        board.add(record("b", fd(3.0)), "mine")
    assert board.tables()[0].first.value == 1.0
    board.add(record("b", fd(3.0)), "mine", replace=True)
    assert [s.score.value for s in board.tables()[0].standings] == [3.0]


def test_a_signature_of_another_reference_is_refused(board):
    with pytest.raises(DataError, match="made against 390@9ab92a1d, but the record's real set is 00000000"):
        board.add(record("a", fd(1.0), real="0" * 64), "a")


def test_a_record_that_does_not_say_what_its_samples_are_is_refused(board):
    nameless = replace(record("a", fd(1.0)), inputs={"real": {"content": REAL}})
    with pytest.raises(DataError, match="does not say what its samples are"):
        board.add(nameless, "a")


def test_a_record_changed_inside_the_file_is_found_out(board):
    board.add(record("a", fd(1.0)), "a")
    with closing(sqlite3.connect(board.path)) as file, file:
        file.execute("UPDATE records SET json = replace(json, '1.0', '0.5')")
    with pytest.raises(DataError, match="was changed after it was added"):
        board.tables()


def test_another_program_s_database_is_left_alone(tmp_path):
    path = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("CREATE TABLE records (a)")
    before = path.read_bytes()
    with pytest.raises(DataError, match="not a leaderboard"):
        Leaderboard(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "board.sqlite"
    path.write_text("hello" * 100)
    with pytest.raises(DataError, match="cannot be used as a leaderboard"):
        Leaderboard(path)
    assert path.read_text() == "hello" * 100


def test_two_processes_add_at_once(tmp_path, board):
    code = (
        "import sys; sys.path.insert(0, 'tests'); from genmetrics.leaderboard import Leaderboard; "
        "from genmetrics.records import Record; "
        "b = Leaderboard(sys.argv[1]); [b.add(Record.from_json(p), p) for p in sys.argv[2:]]"
    )
    files = [tmp_path / f"{letter}.json" for letter in "abcdef"]
    for value, file in enumerate(files):
        record(file.stem, fd(10.0 * value)).to_json(file)
    halves = [files[:3], files[3:]]
    running = [subprocess.Popen([sys.executable, "-c", code, board.path, *half]) for half in halves]
    assert [process.wait() for process in running] == [0, 0]
    assert [model for _, model in order(board)[0]] == [str(file) for file in files]


# what it is written as


@pytest.fixture
def hostile(board) -> Leaderboard:
    board.add(record("a", fd(1.0, baseline=(0.5, 0.4, 0.6))), HOSTILE)
    board.add(record("b", fd(2.0, baseline=(0.5, 0.4, 0.6))), "a|b\nc")
    return board


def test_csv_and_json_hold_every_number(hostile, tmp_path):
    files = build(hostile.tables(), tmp_path / "out", "Digits")
    rows = list(csv.DictReader(io.StringIO(files["leaderboard.csv"].read_text(), newline="")))
    assert [(row["place"], row["model"], float(row["value"])) for row in rows] == [
        ("1", HOSTILE, 1.0),
        ("2", "a|b\nc", 2.0),
    ]
    (table,) = json.loads(files["leaderboard.json"].read_text())
    assert table["signature"] == rows[0]["signature"]
    assert [s["real_data"] for s in table["standings"]] == [0.5, 0.5]


def test_the_page_and_the_markdown_escape_what_they_print(hostile, tmp_path):
    files = build(hostile.tables(), tmp_path / "out", "Digits")
    page = Page(files["index.html"].read_text())
    assert HOSTILE in page.texts("span")
    assert page.all("img") == page.all("script") == []
    assert "| 2 | a\\|b c | 2.00 |" in files["leaderboard.md"].read_text()


# the command


def run(*arguments):
    return CliRunner().invoke(main, ["leaderboard", *map(str, arguments)])


def test_records_are_added_and_ranked_from_the_command_line(tmp_path):
    for name, value in (("good", 1.0), ("bad", 5.0)):
        (tmp_path / name).mkdir()
        record(name[0], fd(value)).to_json(tmp_path / name / "record.json")
    board = tmp_path / "b.sqlite"
    added = run("add", tmp_path / "good" / "record.json", tmp_path / "bad" / "record.json", "--board", board)
    assert added.exit_code == 0, added.output
    built = run("build", "--board", board, "--out", tmp_path / "out", "--json")
    (table,) = json.loads(built.stdout)
    assert [(s["place"], s["model"]) for s in table["standings"]] == [("1", "good"), ("2", "bad")]
    assert (tmp_path / "out" / "index.html").is_file()
    assert "good" in run("build", "--board", board).stdout


def test_one_bad_record_among_several_adds_none(tmp_path):
    record("a", fd(1.0)).to_json(tmp_path / "good.json")
    (tmp_path / "bad.json").write_text("{}")
    found = run("add", tmp_path / "good.json", tmp_path / "bad.json", "--board", tmp_path / "b.sqlite")
    assert found.exit_code == 1
    assert "bad.json: schema None" in found.stderr
    assert not (tmp_path / "b.sqlite").exists()


def test_building_what_is_not_there_says_how_to_begin(tmp_path):
    found = run("build", "--board", tmp_path / "none.sqlite")
    assert found.exit_code == 1
    assert "begin one with: genmetrics leaderboard add" in found.stderr
    assert not (tmp_path / "none.sqlite").exists()
