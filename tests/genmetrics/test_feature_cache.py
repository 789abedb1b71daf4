"""The cache: a killed run goes on, damage is found, two runs do not hurt each other, and its command."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from image_files import save_pngs

import genmetrics as gm
from genmetrics import feature_cache, features
from genmetrics._checks import DataError
from genmetrics.cli import main
from genmetrics.feature_cache import Entry, cache_folder, entries
from genmetrics.features import features_of
from genmetrics.sources import open_images

REPO = Path(__file__).resolve().parents[2]


class Slow:
    """The mean and the spread of the grey values; each batch of 4 may be slow."""

    name, channels, size, resize = "slow", None, None, "none"
    weights_sha256, batch_size = "00" * 32, 4

    def __init__(self, outputs=("features",), seconds=0.0):
        self.outputs, self.seconds, self.seen = outputs, seconds, 0

    def __call__(self, images):
        self.seen += len(images)
        time.sleep(self.seconds)
        value = np.array([[image.mean(), image.std()] for image in images], np.float32)
        return {name: value * (i + 1) for i, name in enumerate(self.outputs)}


@pytest.fixture(autouse=True)
def short_shards(monkeypatch):
    monkeypatch.setattr(features, "SHARD", 8)


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (37, 8, 8), dtype=np.uint8)


def run(images, network):
    return features_of(open_images(images, "images"), network)


def shards() -> list[Path]:
    return sorted(cache_folder().glob("*/*.safetensors"))


def test_shards_of_whole_batches_are_kept(images):
    run(images, Slow())
    assert [file.stem.lstrip("0") for file in shards()] == [
        "-000000008",
        "8-000000016",
        "16-000000024",
        "24-000000032",
        "32-000000037",
    ]


def test_what_is_missing_is_computed_and_nothing_else(images):
    first = run(images, Slow())
    shards()[1].unlink()
    shards()[-1].unlink()
    network = Slow()
    again = run(images, network)
    assert network.seen == 8 + 8  # the last batch is padded
    assert not again.cached
    np.testing.assert_array_equal(again.outputs["features"], first.outputs["features"])
    assert run(images, Slow()).cached


@pytest.mark.parametrize("source", ["npz", "folder", "array"])
def test_the_missing_part_is_found_in_every_container(images, tmp_path, source):
    np.savez_compressed(tmp_path / "a.npz", images)
    place = {"npz": tmp_path / "a.npz", "folder": save_pngs(tmp_path / "f", images), "array": images}[source]
    first = run(place, Slow())
    for file in shards()[1:4:2]:
        file.unlink()
    np.testing.assert_array_equal(run(place, Slow()).outputs["features"], first.outputs["features"])


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "swapped", "other entry"])
def test_a_damaged_shard_is_said_and_computed_again(images, damage, caplog):
    first = run(images, Slow())
    _, second, third = shards()[:3]
    content = bytearray(second.read_bytes())
    if damage == "truncated":
        second.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        content[-3] ^= 1
        second.write_bytes(content)
    elif damage == "empty":
        second.write_bytes(b"")
    elif damage == "swapped":
        shutil.copy(third, second)
    else:
        run(images[::-1], Slow())
        other = next(file for file in shards() if file.name == second.name and file != second)
        shutil.copy(other, second)
    network = Slow()
    again = run(images, network)
    assert network.seen == 8
    np.testing.assert_array_equal(again.outputs["features"], first.outputs["features"])
    assert "features in the cache are damaged" in caplog.text
    assert str(second) in caplog.text
    assert run(images, Slow()).cached


def test_fewer_outputs_than_kept_come_from_the_cache(images):
    run(images, Slow(("features", "logits")))
    network = Slow(("features",))
    found = run(images, network)
    assert found.cached
    assert set(found.outputs) == {"features"}


def test_more_outputs_are_computed_and_kept_beside_the_others(images):
    run(images, Slow(("features", "logits")))
    assert set(run(images, Slow(("features", "taps"))).outputs) == {"features", "taps"}
    for outputs in (("features", "logits"), ("features", "taps")):
        assert run(images, Slow(outputs)).cached


def test_a_network_that_does_not_give_what_it_promises_is_refused(images):
    network = Slow(("features",))
    network.outputs = ("features", "logits")
    network.__class__ = type("Liar", (Slow,), {"__call__": lambda self, x: {"features": np.ones((4, 2))}})
    with pytest.raises(DataError, match="slow should give features, logits, but gave no logits"):
        run(images, network)


def test_nothing_but_shards_and_what_they_are_is_left(images):
    run(images, Slow())
    (entry,) = cache_folder().iterdir()
    assert {file.name for file in entry.iterdir()} - {file.name for file in shards()} == {"about.json", "lock"}


def test_a_cache_that_cannot_be_written_is_said_once_and_is_no_error(images, monkeypatch, caplog, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("GENMETRICS_CACHE", str(tmp_path / "file"))
    assert len(run(images, Slow()).digests) == 37
    assert caplog.text.count("features are not kept in the cache") == 1


def test_half_written_files_of_killed_runs_are_cleared_when_they_are_old(images):
    run(images, Slow())
    (entry,) = cache_folder().iterdir()
    old, new = entry / "old.part", entry / "new.part"
    for file in (old, new):
        file.write_bytes(b"x")
    os.utime(old, (0, 0))
    shards()[0].unlink()
    run(images, Slow())
    assert new.exists()
    assert not old.exists()


# Real processes

PROGRAM = """
import sys, time
import numpy as np
sys.path[:0] = {paths!r}
from genmetrics import features
from genmetrics.sources import open_images
from test_feature_cache import Slow
features.SHARD = 8
network = Slow(seconds={seconds})
began = time.perf_counter()
found = features.features_of(open_images({source!r}, "x"), network)
print(network.seen, time.perf_counter() - began, found.digest, found.outputs["features"].sum(dtype=float).hex())
"""


def start(source: Path, seconds: float) -> subprocess.Popen[str]:
    code = PROGRAM.format(
        paths=[str(REPO), str(REPO / "tests"), str(Path(__file__).parent)], seconds=seconds, source=str(source)
    )
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> tuple[int, float, str]:
    """Images seen, seconds, and the result."""
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    seen, seconds, *result = out.split()
    return int(seen), float(seconds), " ".join(result)


def wait_for(how_many: int, process: subprocess.Popen[str]) -> None:
    while len(shards()) < how_many:
        assert process.poll() is None
        time.sleep(0.01)


def test_a_run_killed_halfway_goes_on_with_the_same_result_in_less_than_60_percent_of_the_time(images, tmp_path):
    source = save_pngs(tmp_path / "f", np.concatenate([images] * 2)[:64])
    whole = finish(start(source, 0.1))
    shutil.rmtree(cache_folder())
    killed = start(source, 0.1)
    wait_for(4, killed)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    resumed = finish(start(source, 0.1))
    assert whole[0] == 64
    assert resumed[0] == 32
    assert resumed[1] < 0.6 * whole[1]
    assert resumed[2] == whole[2]


def test_two_runs_at_once_share_the_work(images, tmp_path):
    source = save_pngs(tmp_path / "f", np.concatenate([images] * 2)[:64])
    first = start(source, 0.15)
    wait_for(1, first)
    second = start(source, 0.15)
    a, b = finish(first), finish(second)
    assert a[2] == b[2]
    assert b[0] < 64  # it took what the first had done
    assert run(source, Slow()).cached


# genmetrics cache


def command(*arguments, **options):
    return CliRunner().invoke(main, ["cache", *arguments], **options)


def test_ls_says_what_how_much_and_when(images, tmp_path):
    run(save_pngs(tmp_path / "f", images), Slow())
    shards()[0].unlink()
    (entry,) = json.loads(command("ls", "--json").stdout)
    assert entry["n"] == 37
    assert entry["done"] == 29
    assert entry["about"]["images"] == str(tmp_path / "f")
    assert entry["about"]["extractor"] == "slow"
    assert entry["bytes"] > sum(file.stat().st_size for file in shards())
    assert entry["used"] >= entry["about"]["made"]
    text = command("ls").stdout
    assert "1 entry" in text
    assert entry["key"][:12] in text
    assert "29 of 37" in text


def test_an_empty_cache_is_listed_as_such():
    result = command("ls")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "0 entries" in result.stderr
    assert json.loads(command("ls", "--json").stdout) == []


def test_rm_removes_what_it_names(images):
    run(images, Slow())
    run(images[1:], Slow())
    first, second = (entry.key for entry in entries())
    result = command("rm", first[:12])
    assert result.stdout.startswith("removed: 1 entry")
    assert [entry.key for entry in entries()] == [second]
    assert command("rm", "no-such").exit_code == 1
    assert "no entry of the cache begins with 'no-such'" in command("rm", "no-such").stderr
    assert command("rm").exit_code == 2
    assert command("rm", "--all", second).exit_code == 2


def test_rm_all_asks_first(images):
    run(images, Slow())
    assert command("rm", "--all", input="n\n").exit_code == 1
    assert len(entries()) == 1
    assert command("rm", "--all", input="y\n").exit_code == 0
    run(images, Slow())
    assert json.loads(command("rm", "--all", "--yes", "--json").stdout) != []
    assert entries() == []


def test_verify_finds_a_flipped_bit(images):
    run(images, Slow())
    assert command("verify").stdout == "1 entry checked, 0 damaged shards\n"
    content = bytearray(shards()[2].read_bytes())
    content[-1] ^= 4
    shards()[2].write_bytes(content)
    result = command("verify")
    assert result.exit_code == 1
    assert "1 damaged shard" in result.stdout
    assert str(shards()[2]) in result.stderr
    (problems,) = json.loads(command("verify", entries()[0].key[:8], "--json").stdout).values()
    assert len(problems) == 1


def test_an_entry_without_its_description_can_be_listed_and_removed(images):
    run(images, Slow())
    (file,) = cache_folder().glob("*/about.json")
    file.write_text("{")
    assert command("ls").exit_code == 0
    assert command("rm", "--all", "--yes").exit_code == 0
    assert entries() == []


def test_the_same_shard_written_twice_stays_whole(images):
    opened = open_images(images, "x")
    entry = Entry.of({"a": 1}, 37)
    with entry.at_work({}) as alone, entry.at_work({}) as second:
        assert alone
        assert not second
        shard = {"digests": np.zeros((8, 32), np.uint8), "features": np.ones((8, 2), np.float32)}
        entry.write(0, shard)
        entry.write(0, {**shard, "logits": np.ones((8, 3), np.float32)})
    assert set(entry.read(0, 8)) == {"digests", "features", "logits"}
    assert feature_cache.damaged(entry) == []
    assert opened.n == 37


def test_extract_is_served_from_what_a_score_kept(images):
    gm.evaluate(images, images[::-1].copy(), metrics=["frechet"], extractor="digits-cnn", intervals=False)
    before = {file: file.stat().st_mtime_ns for file in shards()}
    gm.extract(images, "digits-cnn")
    assert {file: file.stat().st_mtime_ns for file in shards()} == before
