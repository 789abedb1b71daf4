import dataclasses
import json
import math
import os
import stat
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from genmetrics._checks import DataError
from genmetrics.leaderboard import check
from genmetrics.records import (
    SCHEMA_VERSION,
    Z95,
    Estimate,
    Picture,
    Record,
    Score,
    files_of,
    write_atomically,
    write_record,
)

SCORE = Score(
    metric="frechet",
    name="fd_digits-cnn",
    value=0.1 + 0.2,
    low=0.25,
    high=0.35,
    std_error=1 / 3,
    std_error_generated=None,
    interval="for the expectation",
    better="lower",
    n_real=10,
    n_generated=12,
    signature="fd_digits-cnn|n:12|revision:1",
    details={"per_class": {"a": 1.5}, "list": [1, 2]},
    notes=("one", "two"),
    baseline={"value": 1e-300, "low": None, "high": None, "n": 3},
)
RECORD = Record(
    scores=(SCORE, dataclasses.replace(SCORE, metric="kernel", name="kd_digits-cnn", value=-1e-17, low=-0.1)),
    inputs={"real": {"n": 10, "digest": "ab"}, "generated": {"n": 12, "digest": "é"}},
    extractor={"name": "digits-cnn", "weights_sha256": None},
    seed=3,
    warnings=("weak",),
    environment={"versions": {"numpy": "2"}},
    created="2026-01-01T00:00:00+00:00",
)


def test_the_quantile_is_that_of_the_normal_distribution():
    assert pytest.approx(norm.ppf(0.975), rel=1e-15) == Z95


def test_an_interval_is_1_96_standard_errors_cut_to_the_bounds():
    estimate = Estimate.normal(5.0, 2.0, bounds=(2.0, 8.0), interval="why")
    assert (estimate.low, estimate.high, estimate.std_error, estimate.interval) == (2.0, 8.0, 2.0, "why")
    free = Estimate.normal(5.0, 2.0)
    assert (free.low, free.high) == pytest.approx((5 - 3.919928, 5 + 3.919928))


def test_a_record_survives_json_bit_by_bit(tmp_path):
    path = tmp_path / "record.json"
    text = RECORD.to_json(path)
    assert path.read_text(encoding="utf-8") == text
    assert Record.from_json(path) == Record.from_json(str(path)) == Record.from_json(text) == RECORD
    assert RECORD["frechet"].value == Record.from_json(text)["frechet"].value == 0.30000000000000004


def test_the_json_starts_with_its_schema_and_has_no_pictures():
    pictures = (Picture("t", "c", "image/png", b"1"),)
    content = json.loads(dataclasses.replace(RECORD, pictures=pictures).to_json())
    assert next(iter(content)) == "schema"
    assert content["schema"] == SCHEMA_VERSION == 1
    assert "pictures" not in content
    assert content["scores"][0]["notes"] == ["one", "two"]


def test_pictures_do_not_make_records_differ():
    assert dataclasses.replace(RECORD, pictures=(Picture("t", "c", "image/png", b"1"),)) == RECORD


def test_scores_are_found_by_metric_and_by_printed_name():
    assert RECORD["frechet"] is RECORD["fd_digits-cnn"] is RECORD.scores[0]
    assert "kernel" in RECORD
    assert "kd_digits-cnn" in RECORD
    assert "ddm" not in RECORD
    assert list(RECORD) == list(RECORD.scores)


def test_a_score_that_is_not_there_is_a_key_error_with_the_nearest():
    with pytest.raises(KeyError, match="unknown score 'frechett'; did you mean 'frechet'"):
        RECORD["frechett"]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_nan_and_inf_are_never_written(value, tmp_path):
    bad = dataclasses.replace(RECORD, scores=(dataclasses.replace(SCORE, value=value),))
    with pytest.raises(ValueError, match="JSON"):
        bad.to_json(tmp_path / "record.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(schema=2), "schema 2, but this version reads schema 1"),
        (lambda c: c.pop("schema"), "schema None"),
        (lambda c: c.pop("scores"), "not a genmetrics record.*scores"),
        (lambda c: c.pop("seed"), "not a genmetrics record.*seed"),
        (lambda c: c.update(extra=1), "not a genmetrics record.*extra"),
        (lambda c: c["scores"][0].pop("value"), "not a genmetrics record.*value"),
        (lambda c: c["scores"][0].update(of_parts=[[1.0]]), "not a genmetrics record.*stand in paired.npz"),
        (lambda c: c.update(scores=["x"]), "not a genmetrics record"),
        (lambda c: c.update(created=None), "created: None should be a string"),
        (lambda c: c.update(inputs={"generated": "x"}), "inputs.generated: 'x' should be an object"),
        (
            lambda c: c["scores"][0].update(low=0.31),
            "interval, 0.31 to 0.35, does not hold its value, 0.3",
        ),
        (lambda c: c["scores"][0].update(high=0.29), "does not hold its value"),
        (lambda c: c["scores"][0].update(std_error_generated=-1e-9), "std_error_generated is -1e-09, below 0"),
        (lambda c: c["scores"][0].update(n_real=None), "n_real is None, but should be a count"),
        (lambda c: c["scores"][0].update(n_generated=1.5), "n_generated is 1.5, but should be a count"),
        (lambda c: c["scores"][0].update(n_generated=-1), "n_generated is -1, but should be a count"),
        (lambda c: c["scores"][0].update(n_generated=True), "n_generated is True, but should be a count"),
        (lambda c: c["scores"][0].update(value=10**400), "not a genmetrics record.*too large"),
        (lambda c: c["scores"][0].update(baseline=1.0), "baseline 1.0 should be an object"),
        (lambda c: c["scores"][0].update(baseline={"value": "1"}), "baseline: value is '1', but should be a finite"),
        (lambda c: c["scores"][0].update(baseline={}), "baseline: value is None, but should be a finite"),
        (lambda c: c.update(scores=None), "not a genmetrics record"),
    ],
)
def test_json_of_something_else_is_refused(change, message):
    content = RECORD.as_dict()
    change(content)
    with pytest.raises(DataError, match=message):
        Record.from_json(json.dumps(content))


@pytest.mark.parametrize("text", ["{", "[1, 2]", "text", ""])
def test_a_file_that_is_no_record_is_refused_by_name(text, tmp_path):
    path = tmp_path / "odd.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"odd\.json: "):
        Record.from_json(path)


def test_a_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.json"):
        Record.from_json(tmp_path / "nowhere.json")


def test_a_file_that_is_not_text_is_refused_by_name(tmp_path):
    (tmp_path / "image.png").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(DataError, match=r"image\.png"):
        Record.from_json(tmp_path / "image.png")


# atomic writes


def test_a_write_makes_folders_and_replaces_the_old_file(tmp_path):
    path = tmp_path / "a" / "b" / "file.txt"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert [p.name for p in path.parent.iterdir()] == ["file.txt"]


@pytest.mark.parametrize(("umask", "mode"), [(0o002, 0o664), (0o027, 0o640)])
def test_the_file_has_the_permissions_that_any_new_file_has(umask, mode, tmp_path):
    old = os.umask(umask)
    try:
        write_atomically(tmp_path / "file", b"")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


def test_a_place_that_cannot_be_written_is_refused_and_nothing_is_left(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(DataError, match=r"cannot write .*folder: .*; choose another --out"):
        write_atomically(tmp_path / "folder", b"new")
    with pytest.raises(DataError, match="cannot write"):
        write_atomically(tmp_path / "file" / "below", b"new")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]
    assert (tmp_path / "file").read_bytes() == b"old"


def test_a_write_that_fails_midway_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full(*given):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(DataError, match="No space left on device"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_numpy_numbers_are_written_as_numbers():
    record = dataclasses.replace(RECORD, scores=(dataclasses.replace(SCORE, value=np.float64(0.1)),))
    assert json.loads(record.to_json())["scores"][0]["value"] == 0.1


def test_a_log_normal_interval_is_symmetric_in_the_logarithm():
    found = Estimate.log_normal(2.0, 0.5)
    assert found.low * found.high == pytest.approx(4.0)
    assert found.high == pytest.approx(2 * np.exp(1.959964 / 4))


def test_a_log_normal_interval_of_a_value_smaller_than_its_error_starts_at_zero():
    assert (Estimate.log_normal(0.0, 0.0).low, Estimate.log_normal(0.1, 0.2).low) == (0.0, 0.0)


def with_arrays():
    """The record with what `compare` pairs by, in a folder's files."""
    influence, parts = np.arange(6.0).reshape(2, 3), np.ones((4, 2))
    scores = (dataclasses.replace(RECORD.scores[0], of_reference=influence, of_parts=parts), RECORD.scores[1])
    return dataclasses.replace(RECORD, scores=scores)


def written(folder, record):
    folder.mkdir()
    for name, content in files_of(record).items():
        (folder / name).write_bytes(content)
    return folder


def test_what_compare_pairs_by_lies_beside_the_json_and_comes_back(tmp_path):
    folder = written(tmp_path / "out", with_arrays())
    assert (folder / "record.json").read_text(encoding="utf-8") == RECORD.to_json()
    for source in (folder, str(folder), folder / "record.json"):
        read = Record.from_json(source)
        assert read == RECORD
        assert np.array_equal(read.scores[0].of_reference, with_arrays().scores[0].of_reference)
        assert np.array_equal(read.scores[0].of_parts, with_arrays().scores[0].of_parts)
        assert read.scores[1].of_reference is read.scores[1].of_parts is None


def test_another_record_in_its_place_is_read_and_the_same_one_stays_paired(tmp_path):
    folder = written(tmp_path / "out", with_arrays())
    RECORD.to_json(folder / "record.json")
    RECORD.to_json(folder / "other.json")
    assert Record.from_json(folder).scores[0].of_parts is not None
    dataclasses.replace(RECORD, seed=99).to_json(folder / "record.json")
    assert Record.from_json(folder).seed == 99
    assert Record.from_json(folder).scores[0].of_parts is None


def test_a_record_without_any_is_one_file():
    assert files_of(RECORD) == {"record.json": RECORD.to_json().encode()}


@pytest.mark.parametrize("damage", ["no archive", "half of it"])
def test_what_is_damaged_is_left_alone(damage, tmp_path):
    folder = written(tmp_path / "out", with_arrays())
    whole = (folder / "paired.npz").read_bytes()
    (folder / "paired.npz").write_bytes(b"text" if damage == "no archive" else whole[: len(whole) // 2])
    assert Record.from_json(folder).scores[0].of_reference is None


def test_a_record_changed_after_it_was_written_is_refused(tmp_path):
    folder = written(tmp_path / "out", with_arrays())
    text = (folder / "record.json").read_text(encoding="utf-8")
    (folder / "record.json").write_text(text.replace("0.30000000000000004", "0.26"), encoding="utf-8")
    for source in (folder, folder / "record.json"):
        with pytest.raises(DataError, match=r"record\.json: changed after it was written \(paired\.npz"):
            Record.from_json(source)
    (folder / "paired.npz").unlink()
    assert Record.from_json(folder)["frechet"].value == 0.26


def test_another_record_beside_a_paired_one_is_no_change_of_it(tmp_path):
    folder = written(tmp_path / "out", with_arrays())
    dataclasses.replace(RECORD, seed=4).to_json(folder / "mine.json")
    assert Record.from_json(folder / "mine.json").seed == 4


def test_a_record_written_over_a_paired_one_takes_its_place(tmp_path):
    folder = written(tmp_path / "out", with_arrays())
    write_record(folder, dataclasses.replace(RECORD, seed=4), b"page")
    assert sorted(path.name for path in folder.iterdir()) == ["record.json", "report.html"]
    assert Record.from_json(folder).seed == 4


def test_the_leaderboards_records_are_read():
    files = sorted((Path(__file__).parents[2] / "benchmarks" / "leaderboards").glob("*/*.json"))
    assert len(files) > 50
    for file in files:
        check(Record.from_json(file))


def test_a_folder_without_a_record_is_refused_with_what_would_write_one(tmp_path):
    with pytest.raises(DataError, match=r"no record\.json in this folder; `genmetrics score"):
        Record.from_json(tmp_path)


@pytest.mark.parametrize("make", [Estimate.normal, Estimate.log_normal])
@pytest.mark.parametrize("error", [math.nan, math.inf])
def test_an_error_that_is_no_number_gives_no_interval(make, error):
    found = make(3.0, error, std_error_generated=error, interval="over samples", notes=("n",), of_reference=error)
    assert (found.value, found.notes) == (3.0, ("n",))
    assert found.std_error is found.std_error_generated is found.low is found.high is found.of_reference is None
    assert "no interval: its standard error leaves float64" in found.interval


def test_whatever_bytes_are_damaged_the_record_is_read(tmp_path):
    folder = written(tmp_path / "out", with_arrays())
    whole = (folder / "paired.npz").read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(200):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), 3):
            damaged[place] = rng.integers(256)
        (folder / "paired.npz").write_bytes(damaged)
        assert Record.from_json(folder) == RECORD
    np.save(tmp_path / "plain.npy", np.zeros(3))
    (folder / "paired.npz").write_bytes((tmp_path / "plain.npy").read_bytes())
    assert Record.from_json(folder) == RECORD
