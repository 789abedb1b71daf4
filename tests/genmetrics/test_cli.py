"""The command line as a person meets it: real files, real processes, exit codes, nothing half-written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from image_files import save_pngs
from PIL import Image

from genmetrics.cli import COMMANDS, main
from genmetrics.comparison import CONDITIONAL, PAIRED
from genmetrics.digits import splits


@pytest.fixture(scope="module")
def sets(tmp_path_factory) -> dict[str, Path]:
    folder, parts = tmp_path_factory.mktemp("sets"), splits()
    return {
        "test": save_pngs(folder / "test", *parts.test),
        "samples": save_pngs(folder / "samples", *parts.held_out),
        "train": save_pngs(folder / "train", *parts.train),
    }


def run(*arguments: object):
    return CliRunner().invoke(main, [str(a) for a in arguments])


def score(sets: dict[str, Path], *more: object, samples: object = None):
    return run("score", samples or sets["samples"], "--test-set", sets["test"], "--extractor", "digits-cnn", *more)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_listed_with_one_line_and_explains_itself(name):
    assert f"  {name} " in run("--help").stdout
    own = run(name, "--help")
    assert own.exit_code == 0
    assert f" {name} " in own.stdout.splitlines()[0]


def test_score_prints_a_table_of_every_metric(sets):
    result = score(sets, "--train-set", sets["train"])
    assert result.exit_code == 0, result.output
    for name in ("fd_digits-cnn", "kd_digits-cnn", "is_digits-cnn", "ddm_digits-cnn", "ms_ssim", "real data"):
        assert name in result.stdout


def test_json_prints_the_record_and_nothing_else(sets, tmp_path):
    result = score(sets, "--json", "--out", tmp_path / "out", "--metrics", "frechet, ddm")
    record = json.loads(result.stdout)
    assert [row["metric"] for row in record["scores"]] == ["frechet", "ddm"]
    assert json.loads((tmp_path / "out" / "record.json").read_text()) == record


def test_the_installed_command_pipes_into_json_tool(sets):
    score = f"-m genmetrics score {sets['samples']} --test-set {sets['test']} --extractor pixels --metrics ddm --json"
    command = f"{sys.executable} {score} | {sys.executable} -m json.tool"
    result = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["scores"][0]["name"] == "ddm_pixels"


def test_piped_output_holds_no_colour_codes(sets):
    command = [sys.executable, "-m", "genmetrics", "score", sets["samples"], "--test-set", sets["test"]]
    result = subprocess.run([*command, "--extractor", "pixels", "--no-intervals"], capture_output=True, check=True)
    assert b"\x1b" not in result.stdout + result.stderr


def test_two_runs_give_the_same_record_but_for_the_time(sets):
    first, second = (json.loads(score(sets, "--json").stdout) for _ in range(2))
    assert first.pop("created") <= second.pop("created")
    assert first == second


def test_compare_tells_which_set_is_better(sets, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (390, 8, 8), dtype=np.uint8)
    save_pngs(tmp_path / "noise", noise)
    score(sets, "--out", tmp_path / "a")
    score(sets, "--out", tmp_path / "b", samples=tmp_path / "noise")
    result = run("compare", tmp_path / "a" / "record.json", tmp_path / "b" / "record.json", "--json")
    rows = {row["metric"]: row for row in json.loads(result.stdout)}
    assert {rows[name]["verdict"] for name in ("frechet", "kernel", "ddm")} == {"a is better"}
    assert {rows[name]["reason"] for name in ("frechet", "kernel", "ddm")} == {PAIRED}
    assert rows["ms-ssim"]["verdict"] == "not comparable"  # one set has labels, the other has none
    of_folders = run("compare", tmp_path / "a", tmp_path / "b", "--json")
    assert of_folders.stdout == result.stdout
    for name in "ab":
        (tmp_path / name / "paired.npz").unlink()
    rows = {row["metric"]: row for row in json.loads(run("compare", tmp_path / "a", tmp_path / "b", "--json").stdout)}
    assert {rows[name]["reason"] for name in ("frechet", "kernel", "ddm")} == {CONDITIONAL}
    said = run("compare", tmp_path / "a", tmp_path / "b").stdout
    assert CONDITIONAL in " ".join(said.split())


def test_compare_of_a_folder_without_a_record_says_what_would_write_one(sets, tmp_path):
    (tmp_path / "empty").mkdir()
    refused(run("compare", tmp_path / "empty", tmp_path / "empty"), "no record.json in this folder; `genmetrics score")


# --- bad input: one sentence, the right status, nothing lost and nothing half-written


def refused(result, fragment: str, status: int = 1) -> None:
    assert result.exit_code == status, result.output
    assert fragment in result.stderr
    assert result.stderr.startswith(("Error: ", "Usage: "))
    assert result.stdout == ""
    assert "Traceback" not in result.output


def with_one_file(folder: Path, name: str, content: bytes) -> Path:
    save_pngs(folder, np.zeros((3, 8, 8), np.uint8))
    (folder / name).write_bytes(content)
    return folder


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    import io

    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


NOISE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
ANIMATED = [Image.fromarray(NOISE), Image.fromarray(255 - NOISE)]
BAD_FILES = {
    "text.png": (b"not an image at all", "text.png"),
    "cut.jpg": (encoded(Image.fromarray(NOISE), "JPEG")[:900], "cut.jpg"),
    "cut.png": (encoded(Image.fromarray(NOISE), "PNG")[:900], "cut.png"),
    "deep.png": (encoded(Image.fromarray(np.full((8, 8), 4000, np.uint16)), "PNG"), "16"),
    "moving.gif": (encoded(ANIMATED[0], "GIF", save_all=True, append_images=ANIMATED[1:]), "2 frames"),
    "glass.png": (encoded(Image.fromarray(np.full((8, 8, 4), 90, np.uint8)), "PNG"), "transparent"),
    "empty.png": (b"", "empty.png"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_named(sets, tmp_path, name):
    content, fragment = BAD_FILES[name]
    out = tmp_path / "out"
    refused(score(sets, "--out", out, samples=with_one_file(tmp_path / "bad", name, content)), fragment)
    assert not out.exists() or not list(out.iterdir())


def test_an_empty_folder_is_named(sets, tmp_path):
    (tmp_path / "empty").mkdir()
    refused(score(sets, samples=tmp_path / "empty"), "empty")


def test_a_missing_folder_is_named(sets, tmp_path):
    refused(score(sets, samples=tmp_path / "nowhere"), f"{tmp_path / 'nowhere'} does not exist")


def test_mixed_sizes_are_counted_where_they_cannot_be_used(sets, tmp_path):
    folder = with_one_file(tmp_path / "mixed", "large.png", encoded(Image.fromarray(NOISE), "PNG"))
    result = run("score", folder, "--test-set", sets["test"], "--extractor", "pixels")
    refused(result, "2 sizes (3 of 4 are 8x8)")


def test_nan_arrays_are_refused_with_their_count(sets, tmp_path):
    images = np.zeros((5, 8, 8), np.float32)
    images[3, 0, 0] = np.nan
    np.save(tmp_path / "nan.npy", images)
    refused(score(sets, "--value-range", "0,1", samples=tmp_path / "nan.npy"), "NaN")


def test_floats_of_undeclared_range_are_refused_with_the_range_seen(sets, tmp_path):
    np.save(tmp_path / "floats.npy", np.linspace(-0.5, 0.75, 640).reshape(10, 8, 8))
    result = score(sets, samples=tmp_path / "floats.npy")
    refused(result, "--value-range")
    assert "0.75" in result.stderr


def test_floats_of_declared_range_are_scored(sets, tmp_path):
    images = splits().held_out.images
    np.save(tmp_path / "floats.npy", images / np.float64(255))
    as_floats = score(sets, "--value-range", "0,1", "--json", "--metrics", "ddm", samples=tmp_path / "floats.npy")
    as_bytes = score(sets, "--json", "--metrics", "ddm")
    values = [json.loads(result.stdout)["scores"][0]["value"] for result in (as_floats, as_bytes)]
    assert values[0] == pytest.approx(values[1], rel=1e-9)


def test_fewer_images_than_needed_is_an_error_with_the_number(sets, tmp_path):
    save_pngs(tmp_path / "one", np.zeros((1, 8, 8), np.uint8))
    refused(score(sets, samples=tmp_path / "one"), "1 image, but at least 2 are needed")


def test_the_same_folder_twice_is_a_warning(sets):
    result = score(sets, "--metrics", "frechet", samples=sets["test"])
    assert result.exit_code == 0
    assert "generated and real are the same 390 images" in result.stdout


def test_an_unknown_metric_is_a_usage_error_with_the_nearest(sets):
    refused(score(sets, "--metrics", "frechte"), "did you mean 'frechet'", status=2)


def test_an_unknown_extractor_is_a_usage_error_with_the_nearest(sets):
    result = run("score", sets["samples"], "--test-set", sets["test"], "--extractor", "digits_cnn")
    refused(result, "did you mean 'digits-cnn'", status=2)


def test_no_test_set_is_a_usage_error(sets):
    refused(run("score", sets["samples"]), "--test-set", status=2)


@pytest.mark.parametrize("out", ["file", "file/below"])
def test_an_unwritable_output_is_an_error_before_any_work(sets, tmp_path, out):
    (tmp_path / "file").write_text("keep me")
    refused(score(sets, "--out", tmp_path / out), "choose another --out")
    assert (tmp_path / "file").read_text() == "keep me"


def test_a_failed_run_leaves_the_old_report_alone(sets, tmp_path):
    score(sets, "--out", tmp_path / "out", "--metrics", "ddm")
    before = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}
    with_one_file(tmp_path / "bad", "text.png", b"hello")
    score(sets, "--out", tmp_path / "out", samples=tmp_path / "bad")
    assert {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()} == before


def test_a_record_that_is_not_one_is_refused(tmp_path):
    (tmp_path / "a.json").write_text('{"schema": 99}')
    refused(run("compare", tmp_path / "a.json", tmp_path / "a.json"), "schema 99")


def test_with_weights_and_no_extractor_the_score_is_a_fid(inception_weights, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)
    real, samples = save_pngs(tmp_path / "real", images), save_pngs(tmp_path / "samples", images[:, ::-1])
    options = ("--weights", inception_weights, "--metrics", "frechet", "--no-intervals", "--json")
    result = run("score", samples, "--test-set", real, *options)
    assert result.exit_code == 0, result.output
    score = json.loads(result.stdout)["scores"][0]
    assert score["name"] == "fid"
    assert "|resize:tf1-bilinear-299|" in score["signature"]


@pytest.mark.parametrize(
    ("command", "of"),
    [
        (("score", "nowhere", "--test-set", "."), "generated"),
        (("score", ".", "--test-set", "nowhere"), "real"),
        (("score", ".", "--test-set", ".", "--train-set", "nowhere"), "train"),
        (("sensitivity", "nowhere"), "real"),
        (("features", "nowhere", "--out", "x.npz"), "images"),
        (("neighbours", "nowhere", "--train-set", "."), "samples"),
        (("neighbours", ".", "--train-set", "nowhere"), "train"),
        (("discriminability", "nowhere", "--test-set", "."), "nowhere"),
        (("discriminability", ".", "--test-set", "nowhere"), "real images"),
    ],
)
def test_what_is_not_there_is_said_before_weights_are_asked_for(command, of):
    network = "--classifier" if command[0] == "discriminability" else "--extractor"
    refused(run(*command, network, "inception-v3-tf2015"), f"Error: {of}: nowhere does not exist")


def test_damages_and_sizes_of_parts_are_checked_before_weights_are_asked_for(tmp_path):
    result = run("sensitivity", tmp_path, "--damages", "blurr")
    assert result.exit_code == 2
    assert "did you mean 'blur'" in result.stderr
    refused(run("sensitivity", tmp_path, "--images", 5), "5 images in each part are too few")


def test_the_classifier_of_diversity_is_found_before_pairs_are_measured(sets, monkeypatch):
    monkeypatch.setattr("genmetrics.analyses.diversity.ms_ssim_estimate", None)
    result = run("diversity", sets["samples"], "--test-set", sets["test"], "--classifier", "inception-v3-tf2015")
    refused(result, "needs its weights")


def test_without_weights_and_extractor_it_says_where_to_put_them_and_what_else_there_is(sets):
    result = run("score", sets["samples"], "--test-set", sets["test"])
    assert result.exit_code == 1
    for part in ("pt_inception-2015-12-05-6726825d.pth", "checkpoints", "--weights FILE", "digits-cnn"):
        assert part in result.stderr
