import json
import os
import signal
import subprocess
import sys
import time

import pytest
import safetensors
import torch
from click.testing import CliRunner

from genmetrics._checks import DataError
from reference_models import training
from reference_models.__main__ import main
from reference_models.checkpoints import CHECKPOINT, load_checkpoint, start
from reference_models.training import Loop, batches, seed_of

SMALL = {"digits-cnn": {"steps": 8}, "vae": {"steps": 8, "widths": (16, 32)}}
DIGITS = (["digits"], None, None)  # names of the data, of its test set; no side
both = pytest.mark.parametrize("name", SMALL)


def train(model, digits, out, seed=0, every=3):
    return training.train(model, digits, out, seed=seed, every=every, show=False)


@both
def test_a_resumed_run_equals_an_uninterrupted_one(build, digits, tmp_path, name):
    train(build(name, **SMALL[name]), digits, tmp_path / "whole")
    stopped = build(name, **SMALL[name])
    step, done = stopped.step, iter(range(5))
    stopped.step = lambda batches: step(batches) if next(done, None) is not None else {"loss": float("nan")}
    with pytest.raises(DataError):
        train(stopped, digits, tmp_path / "parts")
    train(build(name, seed=9, **SMALL[name]), digits, tmp_path / "parts")
    assert (tmp_path / "parts" / CHECKPOINT).read_bytes() == (tmp_path / "whole" / CHECKPOINT).read_bytes()


def test_a_killed_run_resumes_to_the_same_bits(tmp_path):
    """SIGKILL in the middle of training, then --resume: the checkpoint of a run that was left alone."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    arguments = ["train", "vae", "--dataset", "digits", "--steps", "300", "--checkpoint-every", "5",
                 "--device", "cpu", "--resume", "--out"]  # fmt: skip
    command = [sys.executable, "-m", "reference_models", *arguments, str(killed)]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}  # as here: the thread count changes the rounding
    process = subprocess.Popen(command, env=one_thread, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not (killed / CHECKPOINT).exists():
        time.sleep(0.005)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert 0 < steps_done(killed) < 300
    for out in (killed, whole):
        assert CliRunner().invoke(main, [*arguments, str(out)]).exit_code == 0
    assert (killed / CHECKPOINT).read_bytes() == (whole / CHECKPOINT).read_bytes()


def steps_done(run):
    with safetensors.safe_open(run / CHECKPOINT, framework="pt") as file:
        return json.loads(file.metadata()["json"])["step"]


def test_a_finished_run_is_left_as_it_is(build, digits, tmp_path):
    train(build("vae", **SMALL["vae"]), digits, tmp_path)
    before = (tmp_path / CHECKPOINT).stat()
    train(build("vae", **SMALL["vae"]), digits, tmp_path)
    assert (tmp_path / CHECKPOINT).stat() == before


@both
def test_the_seed_fixes_the_run(build, digits, tmp_path, name):
    for folder, seed in (("a", 0), ("b", 0), ("c", 1)):
        train(build(name, seed=seed, **SMALL[name]), digits, tmp_path / folder, seed=seed)
    a, b, c = ((tmp_path / folder / CHECKPOINT).read_bytes() for folder in "abc")
    assert a == b != c


def test_training_leaves_the_callers_random_numbers_as_they_were(build, digits, tmp_path):
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    train(build("vae", **SMALL["vae"]), digits, tmp_path)
    assert torch.equal(torch.rand(1), expected)


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_checkpoint(build, digits, tmp_path):
    model = build("vae", **SMALL["vae"])
    train(model, digits, tmp_path)
    kept = (tmp_path / CHECKPOINT).read_bytes()
    longer = build("vae", **{**SMALL["vae"], "steps": 20})
    longer.step = lambda batches: {"elbo": float("nan")}
    with pytest.raises(DataError, match=r"step 8: elbo = nan; training stopped, the last good checkpoint is .*; try"):
        train(longer, digits, tmp_path)
    assert (tmp_path / CHECKPOINT).read_bytes() == kept


def test_weights_that_are_no_numbers_are_never_saved(build, digits, tmp_path):
    """The loss is finite, the update after it is not."""
    model = build("vae", **SMALL["vae"])
    train(model, digits, tmp_path)
    kept = (tmp_path / CHECKPOINT).read_bytes()
    longer = build("vae", **{**SMALL["vae"], "steps": 9})

    def step(batches):
        longer.noise.log_variance.data.fill_(float("inf"))
        return {"elbo": 1.0}

    longer.step = step
    with pytest.raises(DataError, match=r"step 8: elbo = 1\.0, weights = nan; training stopped"):
        train(longer, digits, tmp_path)
    assert (tmp_path / CHECKPOINT).read_bytes() == kept


def test_seeds_of_steps_differ_and_are_fixed():
    seeds = {seed_of(seed, step) for seed in range(10) for step in range(100)}
    assert len(seeds) == 1000
    assert seed_of(0, 0) == 15793235383387715774  # NumPy promises that SeedSequence never changes


def test_every_step_draws_other_images_and_knows_how_far_training_is(build, digits, tmp_path):
    model, seen = build("vae", **SMALL["vae"]), []

    def step(batches):
        seen.append((model.progress, next(batches)[0].numpy().tobytes()))
        return {"elbo": 0.0}

    model.step = step
    train(model, digits, tmp_path)
    assert [progress for progress, _ in seen] == [i / 8 for i in range(8)]
    assert len({images for _, images in seen}) == 8


def test_a_batch_holds_different_images_with_their_labels():
    images = torch.arange(10, dtype=torch.uint8).reshape(10, 1, 1, 1)
    for _, (drawn, labels) in zip(range(5), batches((images, torch.arange(10)), 6), strict=False):
        assert drawn.flatten().tolist() == labels.tolist()
        assert len(set(labels.tolist())) == 6


def test_a_checkpoint_of_another_model_is_refused(build, digits, tmp_path):
    train(build("vae", **SMALL["vae"]), digits, tmp_path)
    with pytest.raises(DataError, match="not a checkpoint of this model"):
        load_checkpoint(build("vae"), tmp_path / CHECKPOINT)


def test_a_file_that_is_no_checkpoint_is_refused(build, tmp_path):
    (tmp_path / CHECKPOINT).write_bytes(b"not a checkpoint")
    with pytest.raises(DataError, match="not a checkpoint of this model"):
        load_checkpoint(build("vae"), tmp_path / CHECKPOINT)


def test_a_run_is_not_resumed_with_other_settings(build, digits, tmp_path):
    model = build("vae")
    start(tmp_path, "vae", model.config, Loop(), digits, DIGITS, 0, resume=False)
    start(tmp_path, "vae", model.config, Loop(), digits, DIGITS, 0, resume=True)
    other = build("vae", latent_dim=3).config
    with pytest.raises(DataError, match="started with seed 0, not 1; latent_dim 16, not 3"):
        start(tmp_path, "vae", other, Loop(), digits, DIGITS, 1, resume=True)


def test_a_device_that_is_not_there_is_named():
    with pytest.raises(DataError, match="device 'nonsense' cannot be used"):
        training.choose_device("nonsense")
