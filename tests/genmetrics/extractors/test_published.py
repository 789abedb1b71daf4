"""Published weights: told where they are, fetched whole or not at all, and verified."""

from __future__ import annotations

import dataclasses
import hashlib
import http.client
import http.server
import json
import threading
from functools import partial

import pytest
from click.testing import CliRunner

from genmetrics._checks import DataError, UnknownNameError
from genmetrics.cli import main
from genmetrics.extractors import EXTRACTORS, published
from genmetrics.extractors.published import PUBLISHED, fetch

NAME = "inception-v3-tf2015"
CONTENT = b"weights" * 300_000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path):
    """Files of a folder over HTTP on this machine; the folder, and its address."""
    folder = tmp_path / "served"
    folder.mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture
def entry(server, monkeypatch):
    """The published file, as if it were small and on this machine's server."""
    folder, address = server
    (folder / "weights.pth").write_bytes(CONTENT)
    url = f"{address}/weights.pth"
    small = dataclasses.replace(PUBLISHED[NAME], url=url, sha256_begins=DIGEST[:8], bytes=len(CONTENT))
    monkeypatch.setitem(published.PUBLISHED, NAME, small)
    return small


def run(*arguments):
    return CliRunner().invoke(main, ["extractors", *map(str, arguments)])


def silent(items, label, total):
    return items


def test_the_published_hash_is_the_one_in_the_name():
    for name, entry in PUBLISHED.items():
        assert name in EXTRACTORS
        for file in (entry.file, *entry.twins):
            assert f"-{entry.sha256_begins}." in file
        assert entry.url.endswith(entry.file)


def test_fetching_puts_the_whole_file_in_place_and_shows_progress(entry, tmp_path):
    seen = []

    def progress(items, label, total):
        seen.append((label, total))
        return items

    file = fetch(entry, tmp_path / "new" / "folder", progress)
    assert file.read_bytes() == CONTENT
    assert file.name == entry.file
    assert seen == [(f"{entry.file} (MiB)", 3)]
    assert [path.name for path in file.parent.iterdir()] == [entry.file]


def test_another_file_is_thrown_away_and_what_was_there_stays(entry, server, tmp_path):
    (server[0] / "weights.pth").write_bytes(b"<html>not found</html>")
    (tmp_path / entry.file).write_bytes(b"before")
    with pytest.raises(DataError, match=f"gave a file with SHA-256 .*, not {entry.sha256_begins}"):
        fetch(entry, tmp_path, silent)
    assert (tmp_path / entry.file).read_bytes() == b"before"
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("fault", ["missing", "offline", "folder"])
def test_what_keeps_a_file_from_coming_is_told_with_what_to_do(entry, tmp_path, fault):
    folder = tmp_path / "weights"
    if fault == "missing":
        entry = dataclasses.replace(entry, url=entry.url + ".gone")
    elif fault == "offline":
        entry = dataclasses.replace(entry, url="http://127.0.0.1:9/weights.pth")
    else:
        folder.write_text("a file")
    with pytest.raises(DataError, match=f"cannot fetch .*on another machine get {entry.file}.* put it into {folder}"):
        fetch(entry, folder, silent)
    assert not folder.is_dir() or not list(folder.iterdir())


@pytest.mark.parametrize("fault", [ConnectionResetError("reset by peer"), http.client.IncompleteRead(b"we", 2_099_998)])
def test_a_connection_that_breaks_leaves_nothing(entry, tmp_path, fault):
    def progress(items, label, total):
        yield next(iter(items))
        raise fault

    with pytest.raises(DataError, match=r"cannot fetch .*(reset by peer|IncompleteRead\(2 bytes read)"):
        fetch(entry, tmp_path / "out", progress)
    assert not list((tmp_path / "out").iterdir())


# The command


def test_list_tells_what_each_is_for_and_whether_its_weights_are_here(tmp_path, monkeypatch):
    told = {row["name"]: row for row in json.loads(run("list", "--json").stdout)}
    assert told.keys() == EXTRACTORS.keys()
    assert told[NAME]["weights"] is None
    assert told[NAME]["download_bytes"] == 95_600_000
    text = run("list").stdout
    assert "not here (96 MB)" in text
    assert "genmetrics[cpu]" in text
    monkeypatch.setenv("GENMETRICS_WEIGHTS_DIR", str(tmp_path))
    (tmp_path / PUBLISHED[NAME].twins[0]).touch()
    told = {row["name"]: row for row in json.loads(run("list", "--json").stdout)}
    assert told[NAME]["weights"] == str(tmp_path / PUBLISHED[NAME].twins[0])


def test_fetch_asks_and_without_anyone_there_says_so(entry, tmp_path):
    result = run("fetch", "--to", tmp_path)
    assert result.exit_code == 2
    assert "pass --yes" in result.stderr
    assert not (tmp_path / entry.file).exists()


def test_fetch_then_verify(entry, tmp_path, monkeypatch):
    monkeypatch.setenv("GENMETRICS_WEIGHTS_DIR", str(tmp_path))
    assert run("verify", NAME).exit_code == 1
    assert run("verify").exit_code == 0
    result = run("fetch", "--yes")
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(tmp_path / entry.file)
    assert "here already" in run("fetch", "--yes").stderr
    result = run("verify", "--json")
    file = str(tmp_path / entry.file)
    assert json.loads(result.stdout) == [{"name": NAME, "file": file, "sha256": DIGEST, "fits": True}]
    assert f"SHA-256 {DIGEST}: as published" in run("verify").stdout
    (tmp_path / entry.file).write_bytes(b"damaged")
    result = run("verify")
    assert result.exit_code == 1
    assert "NOT the published file" in result.stdout


@pytest.mark.parametrize(
    ("name", "message"), [("pixels", "pixels has no weights to fetch"), ("timm:x", "huggingface.co")]
)
def test_networks_without_weights_to_fetch_say_so(name, message):
    with pytest.raises(DataError, match=message):
        published.published(name)


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'inception-v3-tf2015'"):
        published.published("inception")
