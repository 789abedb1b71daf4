"""The bare loop of benchmarks/training_speed.py, and benchmarks/mnist_models.py --only."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import genmetrics as gm

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


def test_the_bare_loop_keeps_no_graph_of_the_discriminators_fakes(script, monkeypatch):
    speed, recorded = script("training_speed"), []
    model = speed.dcgan(data := speed.random_images(), 1, torch.device("cpu"))
    model.generator.register_forward_hook(lambda _net, _inputs, out: recorded.append(out.requires_grad))
    monkeypatch.setattr(speed, "dcgan", lambda *_: model)
    speed.bare_loop(data, 1, torch.device("cpu"))()
    assert recorded == [False, True]  # those of the discriminator's step, those of the generator's


def test_some_of_the_mnist_models_alone_write_nothing(script, monkeypatch, tmp_path, capsys):
    mnist = script("mnist_models")
    rng = np.random.default_rng(0)
    real, samples = (rng.integers(0, 256, (50, 8, 8), np.uint8) for _ in range(2))
    record = gm.evaluate(real, samples, extractor="pixels", metrics=["frechet", "ddm"])
    for name in ("RESULTS", "RECORDS", "REPO"):
        monkeypatch.setattr(mnist, name, tmp_path)
    monkeypatch.setattr(mnist, "train", lambda *_: tmp_path)
    monkeypatch.setattr(mnist, "scored", lambda *_: (record, record, np.zeros((16, 1, 28, 28), np.uint8)))
    monkeypatch.setattr(sys, "argv", ["mnist_models.py", "--only", "dcgan"])
    mnist.main()
    assert not list(tmp_path.iterdir())
    assert "with --only nothing is written" in capsys.readouterr().out


def test_looks_are_the_rows_of_a_log_that_have_scores(script, tmp_path):
    mnist = script("mnist_models")
    assert mnist.looks("dcgan", 0, tmp_path) == []  # trained without a log
    rows = [{"step": 10, "generator": 1.0}, {"step": 20, "fd_mnist-cnn": 3.0, "ddm_mnist-cnn": 12.0, "spread": 1.0}]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    expected = [{"model": "dcgan", "seed": 1, "step": 20, "frechet": 3.0, "ddm": 12.0}]
    assert mnist.looks("dcgan", 1, tmp_path) == expected


def test_the_boards_script_writes_a_record_for_each_run_that_is_there(script, monkeypatch, tmp_path, capsys):
    board = script("mnist_board")
    rng = np.random.default_rng(0)
    real, samples = (rng.integers(0, 256, (50, 8, 8), np.uint8) for _ in range(2))
    record = gm.evaluate(real, samples, extractor="pixels", metrics=["frechet", "ddm"])
    drawn = []

    class Model:
        def sample(self, n, seed):
            drawn.append((n, seed))
            return samples

    run = tmp_path / "runs" / "sgan" / "adv-1"
    run.mkdir(parents=True)
    (run / board.CHECKPOINT).touch()
    monkeypatch.setattr(board, "RECORDS", tmp_path / "records")
    monkeypatch.setattr(board.data, "load", lambda *_: None)
    monkeypatch.setattr(board, "trained", lambda *_: (Model(), None))
    monkeypatch.setattr(board, "score", lambda *_: record)
    monkeypatch.setattr(sys, "argv", ["mnist_board.py", "--runs", str(tmp_path / "runs"), "--only", "sgan-adv"])
    board.main()
    assert [file.name for file in (tmp_path / "records").iterdir()] == ["sgan-adv-seed1.json"]
    assert drawn == [(10_000, 0)]
    assert "sgan-adv, seed 0: no run in" in capsys.readouterr().out
