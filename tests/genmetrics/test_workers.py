"""Decoding in other processes: the same images, the same errors, nobody left behind."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from image_files import save_pngs
from PIL import Image

import genmetrics as gm
from genmetrics._checks import DataError
from genmetrics.sources import open_images, workers


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture
def folder(tmp_path):
    return save_pngs(tmp_path / "f", noise(23, 9, 7, 3))


@pytest.mark.parametrize(("many", "ahead"), [(1, 16), (2, 1), (2, 5), (3, 100)])
def test_workers_give_the_same_images_in_the_same_order(folder, many, ahead):
    opened = open_images(folder, "real")
    expected = list(opened.stream())
    found = list(opened.stream(workers=many, ahead=ahead))
    np.testing.assert_array_equal(found, expected)
    assert all(image.flags.writeable and image.flags.c_contiguous for image in found)


def test_rows_are_asked_for_only_as_they_are_needed(folder):
    asked = []
    rows = (asked.append(i) or i for i in range(23))
    stream = open_images(folder, "real").stream(rows=rows, workers=1, ahead=2)
    next(stream)
    assert len(asked) == 2 * workers.WAITING
    stream.close()


def test_a_zip_is_decoded_by_workers_too(folder, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for file in folder.iterdir():
            archive.write(file, file.name)
    np.testing.assert_array_equal(
        list(open_images(tmp_path / "a.zip", "x").stream(workers=2)), list(open_images(folder, "x").stream())
    )


def test_a_damaged_file_is_named_as_without_workers(folder):
    data = io.BytesIO()
    Image.fromarray(noise(64, 64, 3)).save(data, "JPEG")
    (folder / "00010.jpg").write_bytes(data.getvalue()[:-900])
    opened = open_images(folder, "real")
    messages = []
    for many in (0, 2):
        with pytest.raises(DataError) as error:
            list(opened.stream(workers=many))
        messages.append(str(error.value))
    assert messages[0] == messages[1]
    assert "00010.jpg is damaged" in messages[0]


def test_a_worker_that_is_killed_is_an_error_and_not_a_wait(folder, monkeypatch):
    begun = []
    send = workers.send
    monkeypatch.setattr(workers, "send", lambda worker, what: (begun.append(worker), send(worker, what)))
    stream = open_images(folder, "real").stream(workers=1, ahead=4)
    next(stream)
    begun[0].kill()
    with pytest.raises(DataError, match="a process that decodes images ended with status -9"):
        list(stream)


def test_workers_are_gone_when_the_stream_is_closed(folder, monkeypatch):
    begun = []
    send = workers.send
    monkeypatch.setattr(workers, "send", lambda worker, what: (begun.append(worker), send(worker, what)))
    stream = open_images(folder, "real").stream(workers=2, ahead=2)
    next(stream)
    stream.close()
    assert {worker.returncode for worker in begun} == {-signal.SIGKILL}


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes as Linux shows them")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_no_worker_outlives_a_run_that_is_ended(folder, end):
    code = (
        f"import signal, sys, time; sys.path[:0] = {sys.path!r}\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background jobs inherit it ignored
        "from genmetrics.sources import open_images, workers\n"
        "send, pids = workers.send, set()\n"
        "def told(worker, what): pids.add(worker.pid); send(worker, what)\n"
        "workers.send = told\n"
        f"stream = open_images({str(folder)!r}, 'x').stream(workers=2, ahead=1)\n"
        "next(stream); next(stream)\n"
        "print(*pids, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as run:
        pids = [int(pid) for pid in run.stdout.readline().split()]
        assert len(pids) == 2
        assert all(map(alive, pids))
        os.kill(run.pid, end)
        run.wait(timeout=20)
    deadline = time.monotonic() + 20
    while any(map(alive, pids)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_script_without_a_main_guard_can_use_workers(folder, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        f"import sys; sys.path[:0] = {sys.path!r}\n"
        "import genmetrics as gm\n"
        f"print(gm.extract({str(folder)!r}, 'pixels', workers=2)['features'].shape)\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert done.stdout == "(23, 189)\n"


@pytest.mark.parametrize("settings", [{"workers": 2}, {"batch_size": 1}, {"batch_size": 7, "workers": 1}])
def test_neither_workers_nor_batch_size_change_a_number(folder, settings):
    plain = gm.extract(folder, "digits-cnn", cache=False)["features"]
    np.testing.assert_array_equal(gm.extract(folder, "digits-cnn", cache=False, **settings)["features"], plain)


@pytest.mark.parametrize("settings", [{"workers": -1}, {"batch_size": 0}])
def test_settings_that_cannot_be_are_refused(folder, settings):
    with pytest.raises(DataError, match="should be a whole number from"):
        gm.extract(folder, "pixels", **settings)
