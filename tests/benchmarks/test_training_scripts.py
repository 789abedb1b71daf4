"""The bare loop of benchmarks/training_speed.py, and benchmarks/mnist_models.py --only."""

import importlib
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
