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

import numpy as np
import pytest
from click.testing import CliRunner
from report_material import HOSTILE, Page, score

from genmetrics._checks import DataError
from genmetrics.cli import main
from genmetrics.leaderboard import Leaderboard, build
from genmetrics.ranking import BY_VALUE_ALONE, places
from genmetrics.records import Record, write_record

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


def of_network():
    """A score that a network with weights of this digest gave."""
    return fd(1.0, signature="fd_x-390|features:x@clean/penultimate@3b7c")


@pytest.fixture
def board(tmp_path) -> Leaderboard:
    return Leaderboard(tmp_path / "board.sqlite")


def order(board: Leaderboard) -> list[list[tuple[str, str]]]:
    return [[(s.place, s.model) for s in table.standings] for table in board.tables()]


def test_a_place_is_shared_where_the_interval_of_the_difference_holds_0(board):
    for name, samples, value in (("far", "a", 9.0), ("near", "b", 1.0), ("near too", "c", 1.2)):
        board.add(record(samples, fd(value)), name)
    assert order(board) == [[("1=", "near"), ("1=", "near too"), ("3", "far")]]


def test_a_place_too_close_to_the_one_above_is_marked_though_no_other_has_its_number():
    """c lies apart from a but not from b: one better set is told apart from it, and b above it is not."""
    found = places({"a": fd(1.0, 0.1), "b": fd(1.2, 0.1), "c": fd(1.4, 0.1), "d": fd(9.0, 0.1)})
    assert found == [("1=", "a"), ("1=", "b"), ("2=", "c"), ("4", "d")]


def test_places_by_value_alone_are_told(board, tmp_path):
    for samples, value in (("a", 1.0), ("b", 2.0), ("c", 2.0)):
        board.add(record(samples, replace(fd(value), std_error_generated=None)), samples)
    (table,) = board.tables()
    assert [(s.place, s.by_value_alone) for s in table.standings] == [("1", True), ("2=", True), ("2=", True)]
    files = build([table], tmp_path / "out", "Digits")
    text = files["leaderboard.md"].read_text()
    assert "| 1\\* | a |" in text
    assert "| 2=\\* | c |" in text
    assert "\\* No interval of a difference is known here: the order is by value alone." in text
    assert f"* {BY_VALUE_ALONE}" in Page(files["index.html"].read_text()).texts("p")
    (kept,) = json.loads(files["leaderboard.json"].read_text())
    assert (kept["by_value_alone"], kept["standings"][2]["by_value_alone"]) == (True, True)
    assert f"* {BY_VALUE_ALONE}" in run("build", "--board", board.path).stdout


def test_places_with_intervals_of_differences_are_not_said_to_be_by_value_alone(board, tmp_path):
    for samples, value in (("a", 1.0), ("b", 5.0)):
        board.add(record(samples, fd(value)), samples)
    files = build(board.tables(), tmp_path / "out", "Digits")
    assert not any(BY_VALUE_ALONE in file.read_text() for file in files.values())
    assert json.loads(files["leaderboard.json"].read_text())[0]["by_value_alone"] is False


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
    board.add(record("b", fd(1.0, better="", metric="own")), "b")
    board.add(record("a", fd(2.0, better="", metric="own")), "a")
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


def test_two_records_of_one_model_and_signature_are_refused_together(board):
    both = [(record("a", fd(1.0)), "mine"), (record("b", fd(3.0)), "mine")]
    with pytest.raises(DataError, match=r"'mine': two of these records have frechet under one signature \(1 and 3\)"):
        board.add_all(both, replace=True)
    assert board.tables() == []
    assert board.add_all([both[0], both[0]]) == [True, False]


def test_a_signature_of_another_reference_is_refused(board):
    with pytest.raises(DataError, match="made against 390@9ab92a1d, but the record's real set is 00000000"):
        board.add(record("a", fd(1.0), real="0" * 64), "a")


def test_a_record_that_does_not_say_what_its_samples_are_is_refused(board):
    nameless = replace(record("a", fd(1.0)), inputs={"real": {"content": REAL}})
    with pytest.raises(DataError, match="does not say what its samples are"):
        board.add(nameless, "a")


@pytest.mark.parametrize(
    ("scores", "extractor", "content", "message"),
    [
        ((fd(1.0), fd(1.0)), {}, "a" * 64, "2 scores with one signature"),
        ((fd(1.0), replace(fd(2.0), metric="own")), {}, "a" * 64, "2 scores with one signature"),
        ((replace(fd(1.0), better="higher"),), {}, "a" * 64, "better is 'higher', but of frechet it is 'lower'"),
        ((fd(1.0),), {}, "g" * 64, "inputs.generated.content is 'g+', not a SHA-256"),
        ((fd(1.0),), {}, "a" * 8, "inputs.generated.content is 'a+', not a SHA-256"),
        ((of_network(),), {"weights_sha256": "c" * 64}, "a" * 64, "is of weights 3b7c, but the record's are cccccccc"),
        ((of_network(),), {"weights_sha256": None}, "a" * 64, "is of weights 3b7c, but the record's are None"),
    ],
)
def test_a_record_that_contradicts_itself_is_refused(board, scores, extractor, content, message):
    found = record("a", *scores)
    found.inputs["generated"]["content"] = content
    with pytest.raises(DataError, match=message):
        board.add(replace(found, extractor=extractor), "a")
    assert board.tables() == []


def test_a_record_of_the_network_its_signature_names_is_added(board):
    assert board.add(replace(record("a", of_network()), extractor={"weights_sha256": "3b7c" * 16}), "a")


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
    for name, value in (("acute", 1.0), ("bad", 5.0)):
        (tmp_path / name).mkdir()
        record(name[0], fd(value)).to_json(tmp_path / name / "record.json")
    board = tmp_path / "b.sqlite"
    added = run("add", tmp_path / "acute" / "record.json", tmp_path / "bad" / "record.json", "--board", board)
    assert added.exit_code == 0, added.output
    built = run("build", "--board", board, "--out", tmp_path / "out", "--json")
    (table,) = json.loads(built.stdout)
    assert [(s["place"], s["model"]) for s in table["standings"]] == [("1", "acute"), ("2", "bad")]
    assert (tmp_path / "out" / "index.html").is_file()
    assert "acute" in run("build", "--board", board).stdout


def test_one_bad_record_among_several_adds_none(tmp_path):
    record("a", fd(1.0)).to_json(tmp_path / "good.json")
    (tmp_path / "bad.json").write_text("{}")
    found = run("add", tmp_path / "good.json", tmp_path / "bad.json", "--board", tmp_path / "b.sqlite")
    assert found.exit_code == 1
    assert "bad.json: schema None" in found.stderr
    assert not (tmp_path / "b.sqlite").exists()


def test_one_refused_record_among_several_adds_none(tmp_path):
    """Each is well by itself; only beside the others the third is refused."""
    for name, samples in (("a", "a"), ("b", "b"), ("again", "a"), ("c", "c")):
        record(samples, fd(1.0)).to_json(tmp_path / f"{name}.json")
    board = tmp_path / "b.sqlite"
    assert run("add", tmp_path / "c.json", "--board", board).exit_code == 0
    found = run("add", *(tmp_path / f"{name}.json" for name in ("a", "b", "again", "c")), "--board", board)
    assert (found.exit_code, found.stdout) == (1, "")
    assert "'again': the same samples are on the board as 'a'" in found.stderr
    assert "added" not in found.stderr
    assert order(Leaderboard(board)) == [[("1", "c")]]


def test_a_folder_whose_record_was_changed_is_refused(tmp_path):
    arrays = replace(fd(1.0), of_reference=np.ones((2, 3)))
    write_record(tmp_path / "mine", record("a", arrays), b"")
    file = tmp_path / "mine" / "record.json"
    assert run("add", file.parent, "--board", tmp_path / "before.sqlite").exit_code == 0
    file.write_text(file.read_text().replace('"value": 1.0', '"value": 0.9'))
    found = run("add", file.parent, "--board", tmp_path / "b.sqlite")
    assert found.exit_code == 1
    assert "record.json: changed after it was written" in found.stderr
    compared = CliRunner().invoke(main, ["compare", str(file.parent), str(file.parent)])
    assert compared.exit_code == 1
    assert "changed after it was written" in compared.stderr


def test_building_what_is_not_there_says_how_to_begin(tmp_path):
    found = run("build", "--board", tmp_path / "none.sqlite")
    assert found.exit_code == 1
    assert "begin one with: genmetrics leaderboard add" in found.stderr
    assert not (tmp_path / "none.sqlite").exists()
