"""Two processes give what one gives with the same whole batch."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from genmetrics._checks import DataError
from reference_models import parallel

VAE = ("vae", "--batch-size", "64", "--input-dropout", "0", "--dataset", "digits")
WGAN_GP = ("wgan-gp", "--architecture", "mnist", "--width", "8", "--batch-size", "8", "--generator-batch", "8",
           "--learning-rate", "1e-4", "--adam-betas", "0.5", "0.9", "--no-decay")  # fmt: skip


def losses(out, command, settings, steps):
    """The numbers of every step, one row a step."""
    arguments = ["-m", "reference_models", "train", *settings, "--device", "cpu", "--out", str(out)]
    arguments += ["--steps", str(steps), "--log-every", "1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, *command, *arguments], env=environment, check=True, capture_output=True)
    rows = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return np.array([list(row.values()) for row in rows])


@pytest.mark.slow
@pytest.mark.parametrize(("settings", "steps"), [(VAE, 50), (WGAN_GP, 20)], ids=["vae", "wgan-gp"])
def test_two_processes_give_the_losses_of_one(tmp_path, npz, settings, steps):
    """Noise is drawn by place in the batch, gradients are averaged.

    In 50 steps of WGAN-GP, each of six updates, Adam blows rounding up to more than 1e-4; so it gets 20.
    """
    if settings is WGAN_GP:
        images = np.random.default_rng(0).integers(0, 256, (200, 28, 28), dtype=np.uint8)
        settings = (*WGAN_GP, "--dataset", npz(x=images))
    one = losses(tmp_path / "one", [], settings, steps)
    two = losses(tmp_path / "two", ["-m", "torch.distributed.run", "--nproc-per-node", "2"], settings, steps)
    assert one.shape == (steps, 4)
    assert np.ptp(one[:, 1]) > 0.1  # it does learn
    np.testing.assert_allclose(two, one, rtol=0, atol=1e-4)


@pytest.fixture
def second_of_two(monkeypatch):
    monkeypatch.setattr(parallel, "size", lambda: 2)
    monkeypatch.setattr(parallel, "rank", lambda: 1)


def test_a_process_takes_its_own_rows(second_of_two):
    assert parallel.own_rows(torch.arange(6)).tolist() == [3, 4, 5]
    assert parallel.share(6) == 3


def test_a_batch_that_cannot_be_shared_is_refused(second_of_two):
    with pytest.raises(DataError, match="a batch of 7 cannot be shared evenly by 2 processes"):
        parallel.share(7)


def test_alone_everything_is_ones_own():
    assert parallel.own_rows(torch.arange(3)).tolist() == [0, 1, 2]
    assert parallel.mean({"loss": 1.5}) == {"loss": 1.5}
    assert (parallel.size(), parallel.rank()) == (1, 0)


def test_under_torchrun_the_gpu_is_that_of_the_process(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert parallel.device_of_process("cuda") == "cuda:1"
    assert parallel.device_of_process("cpu") == "cpu"
