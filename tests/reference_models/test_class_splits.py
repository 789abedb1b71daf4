"""Several models, each of some of the classes: which, trained, stopped and resumed, sampled as one."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from genmetrics._checks import DataError
from reference_models import class_splits, data
from reference_models.__main__ import main, trained
from reference_models.acgan import Config
from reference_models.checkpoints import CHECKPOINT

SMALL = ("--width", "0.1", "--batch-size", "8", "--device", "cpu")


def run(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments])


def train(out, dataset, *more):
    return run("train", "acgan", "--dataset", dataset, "--out", out, *SMALL, *more)


@pytest.fixture
def six(npz):
    """An .npz file of 120 images of six classes: images of class k are of brightness 40 k."""
    labels = np.arange(120) % 6
    noise = np.random.default_rng(0).integers(0, 20, (120, 8, 8))
    return npz(x=(labels[:, None, None] * 40 + noise).astype(np.uint8), y=labels)


# --- which classes


def test_splits_are_contiguous_and_hold_every_class():
    assert class_splits.contiguous(10, 5) == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]
    assert class_splits.contiguous(10, 3) == [[0, 1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert class_splits.wanted(Config(splits="2"), 4) == [[0, 1], [2, 3]]
    assert class_splits.wanted(Config(), 4) == []
    assert class_splits.wanted(object(), 4) == []  # a model that knows no splits


def test_a_file_gives_any_splits(tmp_path):
    file = tmp_path / "splits.txt"
    file.write_text("3, 1\n\n0 5\n")
    assert class_splits.wanted(Config(splits=str(file)), 6) == [[3, 1], [0, 5]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 1\n1 2", "class 1 stands there twice"),
        ("0 6", "class 6, but classes are 0 to 5"),
        ("-1", "class -1"),
        ("a b", "expected a number, or a file with class numbers"),
        ("", "no class"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(tmp_path, text, message):
    file = tmp_path / "splits.txt"
    file.write_text(text)
    with pytest.raises(DataError, match=message):
        class_splits.wanted(Config(splits=str(file)), 6)


@pytest.mark.parametrize("asked", ["0", "7"])
def test_there_are_as_many_models_as_classes_at_most(asked):
    with pytest.raises(DataError, match=f"from 1 to the 6 classes, got {asked}"):
        class_splits.wanted(Config(splits=asked), 6)
    with pytest.raises(DataError, match="expected a number, or a file"):
        class_splits.wanted(Config(splits="gone.txt"), 6)


def test_a_split_holds_the_images_of_its_classes_numbered_anew():
    images, labels = np.arange(12, dtype=np.uint8).reshape(12, 1, 1, 1), np.arange(12) % 4
    part = data.Images(images, labels)
    found = class_splits.of_classes(data.Dataset("d", part, part, part, 4), [3, 1])
    assert found.classes == 2
    for images, labels in (found.train, found.test, found.held_out):
        assert images.flatten().tolist() == [1, 3, 5, 7, 9, 11]
        assert labels.tolist() == [1, 0, 1, 0, 1, 0]


def test_images_without_labels_belong_to_no_split():
    part = data.Images(np.zeros((4, 1, 8, 8), np.uint8), np.array([0, 1, -1, 1]))
    with pytest.raises(DataError, match="1 training images have no label"):
        class_splits.of_classes(data.Dataset("d", part, part, part, 2), [0])


def test_splits_of_a_run_without_a_checkpoint_are_replaced(tmp_path):
    for splits in ([[0], [1]], [[0, 1], [2]], []):
        class_splits.keep(tmp_path, splits)
        assert class_splits.kept(tmp_path) == splits


def test_splits_of_a_run_with_a_checkpoint_stay(tmp_path):
    class_splits.keep(tmp_path, [[0], [1]])
    (tmp_path / "split-001" / CHECKPOINT).touch()
    class_splits.keep(tmp_path, [[0], [1]])
    with pytest.raises(DataError, match="which differ; resume it with the same"):
        class_splits.keep(tmp_path, [[0, 1], [2]])
    assert class_splits.kept(tmp_path) == [[0], [1]]


@pytest.mark.parametrize("text", ["[[0], [1]", "3", '[["a"]]', "[0, 1]"])
def test_damaged_splits_are_refused(tmp_path, text):
    (tmp_path / class_splits.SPLITS).write_text(text)
    with pytest.raises(DataError, match="not the classes of each model"):
        class_splits.kept(tmp_path)


# --- sampled as one


class Painter(torch.nn.Module):
    """Images whose pixels are 10 times the model plus the class, plus the first latent."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, latents, labels):
        return (10 * self.model + labels + latents[:, 0])[:, None, None, None].expand(-1, 1, 2, 2)


def test_every_image_is_made_by_the_model_of_its_class_from_its_own_latents():
    members = class_splits.Members([Painter(0), Painter(1)], [[3, 0], [5, 1]])  # sorted: 0, 1, 3, 5
    latents = torch.arange(8)[:, None] / 100
    images = members(latents, torch.tensor([0, 1, 2, 3, 3, 2, 1, 0]))
    expected = torch.tensor([1, 11, 0, 10, 10, 0, 11, 1]) + torch.arange(8) / 100
    assert torch.allclose(images[:, 0, 0, 0], expected)


def test_an_ensemble_is_trained_by_one_command_and_makes_all_classes_in_order(six, tmp_path):
    out = tmp_path / "run"
    result = train(out, six, "--splits", 3, "--steps", 4, "--log-every", 1, "--grid-every", 4, "--ema", 0.5)
    assert result.exit_code == 0, result.stderr
    assert "model 2 of 3, classes 2, 3" in result.stderr
    assert json.loads((out / "splits.json").read_text()) == [[0, 1], [2, 3], [4, 5]]
    assert sorted(p.name for p in out.iterdir()) == [
        "run.json", "split-000", "split-001", "split-002", "splits.json"
    ]  # fmt: skip
    assert (out / "split-002" / "grids" / "00000004.png").exists()
    assert run("sample", out, "--n", 14, "--labels", "--out", tmp_path / "s.npz").exit_code == 0
    assert run("sample", out, "--n", 8, "--labels", "--out", tmp_path / "t.npz").exit_code == 0
    with np.load(tmp_path / "s.npz") as more, np.load(tmp_path / "t.npz") as fewer:
        assert more["y"].tolist() == [*range(6), *range(6), 0, 1]
        assert (more["x"][:8] == fewer["x"]).all()


def test_an_image_of_an_ensemble_is_that_of_its_member(six, tmp_path):
    assert train(tmp_path / "run", six, "--splits", 2, "--steps", 2).exit_code == 0
    ensemble, dataset = trained(tmp_path / "run", "cpu")
    members = class_splits.parts(tmp_path / "run", dataset, 0, [[0, 1, 2], [3, 4, 5]])
    assert members[0].seed != members[1].seed
    latents, labels = torch.randn(6, 100), torch.arange(6)
    images = ensemble.generate(latents, labels)
    for k, member in enumerate(ensemble.networks["generator"].members):
        alone = member.eval()(latents[3 * k : 3 * k + 3], torch.arange(3))
        assert torch.equal(images[3 * k : 3 * k + 3], ((alone + 1) / 2 * 255).round().byte())


def test_models_are_trained_on_their_own_classes_alone(six, tmp_path):
    found = class_splits.parts(tmp_path, data.load(six), 0, [[0, 1], [4, 5]])
    assert found[0].dataset.train.images.max() < 60
    assert found[1].dataset.train.images.min() >= 160


def test_classes_may_be_left_out_by_a_file(six, tmp_path):
    file = tmp_path / "splits.txt"
    file.write_text("4 1\n")
    assert train(tmp_path / "run", six, "--splits", file, "--steps", 1).exit_code == 0
    model, dataset = trained(tmp_path / "run", "cpu")
    assert np.concatenate([labels for _, labels in model.samples(5, seed=0)]).tolist() == [1, 4, 1, 4, 1]
    assert set(dataset.test.labels) == {1, 4}  # what samples are compared with
    text = run("evaluate", tmp_path / "run", "--n", 20).stdout
    assert "ms_ssim_within" in text
    assert "class_accuracy" not in text  # digits-cnn knows ten classes, the data six


def test_a_run_killed_in_the_middle_of_a_later_model_resumes_to_the_same_bits(six, tmp_path):
    """SIGKILL while the second of three is trained; the first is left as it is, the whole equals an untouched run."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    steps = ("--splits", "3", "--steps", "40", "--checkpoint-every", "4", "--resume", *SMALL)
    command = [sys.executable, "-m", "reference_models", "train", "acgan", "--dataset", six, *steps, "--out"]
    second = killed / "split-001" / CHECKPOINT
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}  # as here: the thread count changes the rounding
    process = subprocess.Popen([*command, str(killed)], env=one_thread, stderr=subprocess.DEVNULL)
    while process.poll() is None and not second.exists():
        time.sleep(0.005)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not (killed / "split-002" / CHECKPOINT).exists()
    assert "split-002 holds no checkpoint yet" in run("sample", killed, "--n", 1, "--out", tmp_path / "s.npz").stderr
    first = (killed / "split-000" / CHECKPOINT).stat().st_mtime_ns
    for out in (killed, whole):
        assert train(out, six, *steps).exit_code == 0
    assert (killed / "split-000" / CHECKPOINT).stat().st_mtime_ns == first
    for k in range(3):
        a, b = ((out / f"split-00{k}" / CHECKPOINT).read_bytes() for out in (killed, whole))
        assert a == b


def test_a_run_is_not_resumed_with_another_file(six, tmp_path):
    file = tmp_path / "splits.txt"
    file.write_text("0 1\n2 3\n")
    assert train(tmp_path / "run", six, "--splits", file, "--steps", 1).exit_code == 0
    file.write_text("0 1\n2 4\n")
    result = train(tmp_path / "run", six, "--splits", file, "--steps", 1, "--resume")
    assert result.exit_code == 1
    assert "which differ; resume it with the same" in result.stderr


def test_a_model_with_too_few_images_is_found_before_any_is_trained(six, tmp_path):
    result = train(tmp_path / "run", six, "--splits", 6, "--steps", 1, "--batch-size", 50)
    assert result.exit_code == 1
    assert "batch_size must be from 1 to the 16 training images, got 50" in result.stderr
    assert not (tmp_path / "run").exists()
