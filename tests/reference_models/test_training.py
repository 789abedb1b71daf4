import copy
import dataclasses
import errno
import json
import math
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import safetensors
import torch
from click.testing import CliRunner

from genmetrics._checks import DataError
from reference_models import data, models, monitor, training
from reference_models.__main__ import main
from reference_models.checkpoints import CHECKPOINT, load_checkpoint, read_settings, start
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


def rewritten(path, change_header=lambda header: header, keep=lambda key: True):
    """The checkpoint with another header, or fewer tensors."""
    with safetensors.safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["json"])
        tensors = {key: file.get_tensor(key) for key in file.keys() if keep(key)}  # noqa: SIM118
    safetensors.torch.save_file(tensors, path, {"json": json.dumps(change_header(header))})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda header: {key: value for key, value in header.items() if key != "step"}, "'step'"),
        (lambda header: {**header, "step": "8"}, "step is '8'"),
        (lambda header: {**header, "step": True}, "step is True"),
        (lambda header: {**header, "param_groups": {"adam": [3]}}, "not a checkpoint"),
        (lambda header: [header], "not a checkpoint"),
    ],
)
def test_a_checkpoint_with_a_damaged_header_is_refused(build, digits, tmp_path, damage, message):
    train(build("vae", **SMALL["vae"]), digits, tmp_path)
    rewritten(tmp_path / CHECKPOINT, damage)
    with pytest.raises(DataError, match="not a checkpoint of this model") as caught:
        train(build("vae", **SMALL["vae"]), digits, tmp_path)
    assert message in str(caught.value)


def test_a_checkpoint_without_its_optimiser_is_refused(build, digits, tmp_path):
    train(build("vae", **SMALL["vae"]), digits, tmp_path)
    rewritten(tmp_path / CHECKPOINT, keep=lambda key: not key.startswith("optimiser."))
    with pytest.raises(DataError, match=r"\d+ of the \d+ tensors that were saved"):
        load_checkpoint(build("vae", **SMALL["vae"]), tmp_path / CHECKPOINT)


def test_a_checkpoint_of_a_version_that_did_not_count_tensors_is_read(build, digits, tmp_path):
    train(build("vae", **SMALL["vae"]), digits, tmp_path)
    rewritten(tmp_path / CHECKPOINT, lambda header: {k: v for k, v in header.items() if k != "tensors"})
    assert load_checkpoint(build("vae", **SMALL["vae"]), tmp_path / CHECKPOINT) == 8


def test_a_folder_in_the_place_of_a_checkpoint_is_refused(build, tmp_path):
    (tmp_path / CHECKPOINT).mkdir()
    with pytest.raises(DataError, match="not a checkpoint of this model"):
        load_checkpoint(build("vae"), tmp_path / CHECKPOINT)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("dataset", 3),
        ("dataset", [3]),
        ("dataset", []),
        ("seed", "0"),
        ("seed", True),
        ("config", []),
        ("loop", None),
        ("side", "8"),
        ("test_set", 1),
        ("model", 1),
    ],
)
def test_settings_of_a_wrong_type_are_named(build, digits, tmp_path, key, value):
    start(tmp_path, "vae", build("vae").config, Loop(), digits, DIGITS, 0, resume=False)
    settings = json.loads((tmp_path / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps({**settings, key: value}))
    with pytest.raises(DataError) as caught:
        read_settings(tmp_path)
    assert f"not the settings of a run ({key} is {value!r})" in str(caught.value)


def test_a_run_is_not_resumed_with_other_settings(build, digits, tmp_path):
    model = build("vae")
    start(tmp_path, "vae", model.config, Loop(), digits, DIGITS, 0, resume=False)
    (tmp_path / CHECKPOINT).touch()
    start(tmp_path, "vae", model.config, Loop(), digits, DIGITS, 0, resume=True)
    other = build("vae", latent_dim=3).config
    with pytest.raises(DataError, match="started with seed 0, not 1; latent_dim 16, not 3"):
        start(tmp_path, "vae", other, Loop(), digits, DIGITS, 1, resume=True)


def test_a_run_without_a_checkpoint_is_begun_anew(build, digits, tmp_path):
    start(tmp_path, "vae", build("vae").config, Loop(), digits, DIGITS, 0, resume=False)
    other = build("vae", latent_dim=3).config
    start(tmp_path, "vae", other, Loop(), digits, DIGITS, 1, resume=False)
    kept = read_settings(tmp_path)
    assert (kept["config"]["latent_dim"], kept["seed"]) == (3, 1)


def test_a_run_of_another_model_is_said_to_be_one(build, digits, tmp_path):
    start(tmp_path, "vae", build("vae").config, Loop(), digits, DIGITS, 0, resume=False)
    (tmp_path / CHECKPOINT).touch()
    with pytest.raises(DataError) as caught:
        start(tmp_path, "digits-cnn", build("digits-cnn").config, Loop(), digits, DIGITS, 0, resume=True)
    assert "holds a run of vae, not of digits-cnn; continue it with `train vae --resume`" in str(caught.value)
    assert "None" not in str(caught.value)


def test_a_device_that_is_not_there_is_named():
    with pytest.raises(DataError, match="device 'nonsense' cannot be used"):
        training.choose_device("nonsense")


# --- what a run may be asked for


def test_a_full_disk_stops_the_run_and_keeps_the_last_checkpoint(build, digits, tmp_path, monkeypatch):
    train(build("vae", **SMALL["vae"]), digits, tmp_path)
    kept = (tmp_path / CHECKPOINT).read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("genmetrics.records.os.replace", full)
    with pytest.raises(DataError, match=r"cannot write .*: No space left on device"):
        train(build("vae", **{**SMALL["vae"], "steps": 12}), digits, tmp_path)
    assert (tmp_path / CHECKPOINT).read_bytes() == kept
    assert [p.name for p in tmp_path.iterdir()] == [CHECKPOINT]


def test_an_average_of_weights_by_hand():
    network = torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False), torch.nn.BatchNorm1d(1))
    average = copy.deepcopy(network)
    torch.nn.init.constant_(average[0].weight, 1.0)
    torch.nn.init.constant_(network[0].weight, 3.0)
    network[1].running_mean += 5
    training.step_average(average, network, 0.75)
    assert average[0].weight.item() == pytest.approx(0.75 * 1 + 0.25 * 3)
    assert average[1].running_mean.item() == 5  # copied


def test_half_of_the_images_are_mirrored_each_whole():
    images = torch.arange(6, dtype=torch.uint8).reshape(1, 1, 2, 3).repeat(1000, 1, 1, 1)
    torch.manual_seed(0)
    drawn, _ = next(batches((images, torch.zeros(1000)), 1000, flip=True))
    same, mirrored = ((drawn == wanted).flatten(1).all(dim=1) for wanted in (images, images.flip(3)))
    assert (same ^ mirrored).all()
    assert 450 < mirrored.sum() < 550


def test_rows_of_steps_that_are_done_again_are_dropped_from_the_log(tmp_path):
    path = tmp_path / monitor.LOG
    rows = [{"step": step, "loss": 0.5} for step in range(1, 8)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"step": 8, "lo')  # cut off
    log = monitor.Log(path, every=1)
    log(None, 6, {"loss": 0.25})
    assert [row["step"] for row in monitor.rows(path)] == [1, 2, 3, 4, 5, 6]
    assert list(monitor.rows(path))[-1]["loss"] == 0.25


@pytest.mark.parametrize("line", ["[1, 2]", "3", '{"loss": 0.5}', '{"step": "2"}', "{damaged"])
def test_a_row_of_the_log_that_is_none_is_named_before_the_training(digits, tmp_path, line):
    path = tmp_path / monitor.LOG
    content = '{"step": 1}\n' + line + '\n{"step": 3}\n'
    path.write_text(content)
    with pytest.raises(DataError, match=r"log\.jsonl, line 2: .* is no row of numbers with a step; remove that line"):
        monitor.watchers(monitor.Watching(), tmp_path, digits, True)
    assert path.read_text() == content


def test_the_checkpoint_is_saved_before_the_run_is_looked_at(build, digits, tmp_path):
    def look(model, step, shown):
        if step == 3:
            raise DataError("cannot be scored")

    model = build("vae", **SMALL["vae"])
    with pytest.raises(DataError, match="cannot be scored"):
        training.train(model, digits, tmp_path, seed=0, every=3, watch=(look,), show=False)
    assert steps_done(tmp_path) == 3


def test_metrics_that_cannot_be_computed_are_found_before_the_training(digits):
    for changes, message in (
        ({"metrics": "mifid"}, "mifid needs the training images"),
        ({"metrics": "sfid", "extractor": "pixels"}, "sfid needs sfid, but pixels gives none"),
        ({"metrics": "ddm,frechett"}, "unknown metric 'frechett'; did you mean 'frechet'"),
        ({"metrics": "frechet", "extractor": "digits-cn"}, "unknown extractor 'digits-cn'; did you mean 'digits-cnn'"),
    ):
        with pytest.raises(DataError, match=message):
            monitor.Scores(monitor.Watching(**changes), digits)


def test_samples_that_are_all_alike_are_warned_of_once(build, digits, capsys):
    model = build("vae", **SMALL["vae"])
    model.sample = lambda n, seed: np.repeat(digits.test.images[:1], n, axis=0)
    watching = monitor.Watching(metrics="kernel", metrics_every=1, metrics_images=30, extractor="pixels")
    scores = monitor.Scores(watching, digits)
    for step in (1, 2):
        shown = {}
        scores(model, step, shown)
        assert shown["spread"] < 1e-9  # rounding of the mean
        assert shown["kd_pixels"] > 0
    assert capsys.readouterr().err.count("may have collapsed") == 1


def test_spread_is_the_root_mean_square_distance_of_two_images():
    images = np.random.default_rng(0).integers(0, 256, (50, 1, 3, 3), dtype=np.uint8)
    x = images.reshape(50, -1) / 255
    expected = np.sqrt(np.square(x[:, None] - x).sum(-1).mean())
    assert monitor.spread(images) == pytest.approx(expected)


def test_tensorboard_that_is_not_there_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(DataError, match=r"pip install 'genmetrics\[trainers\]'"):
        monitor.tensorboard(tmp_path)


def test_numbers_go_to_the_board_every_so_many_steps(build):
    seen = []

    class Writer:
        def add_scalar(self, name, value, step):
            seen.append((name, value, step))

        def flush(self):
            pass

    board = monitor.Board(Writer(), every=2)
    model = build("vae", **SMALL["vae"])
    for step in (1, 2, 3, 8):
        board(model, step, {"elbo": float(step)})
    assert seen == [("elbo", 2.0, 2), ("elbo", 8.0, 8)]


def test_bfloat16_and_channels_last_train_too(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (20, 1, 28, 28), dtype=np.uint8)
    part = data.Images(images, np.zeros(20, np.int64))
    dataset = data.Dataset("noise", part, part, part, 0)
    config = dataclasses.replace(models.find("dcgan").Config(), steps=2, batch_size=4, width=4)
    model = models.build("dcgan", config, dataset, torch.device("cpu"), 0)
    loop = Loop(amp=True, channels_last=True)
    shown = training.train(model, dataset, tmp_path, seed=0, every=5, loop=loop, show=False)
    assert shown["discriminator"] == pytest.approx(2 * math.log(2), abs=0.3)
    weight = model.generator.layers[-1].layer.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert weight.dtype == torch.float32


@pytest.mark.gpu
def test_everything_at_once_on_a_gpu(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (200, 3, 32, 32), dtype=np.uint8)
    part = data.Images(images, np.zeros(200, np.int64))
    dataset = data.Dataset("noise", part, part, part, 0)
    config = dataclasses.replace(models.find("dcgan").Config(), steps=40, batch_size=64)
    model = models.build("dcgan", config, dataset, torch.device("cuda"), 0)
    loop = Loop(amp=True, channels_last=True, cuda_graphs=True, ema=0.9, flip=True)
    shown = training.train(model, dataset, tmp_path, seed=0, every=20, loop=loop, show=False)
    assert all(map(math.isfinite, shown.values()))
    assert model.sample(3, seed=0).shape == (3, 3, 32, 32)
