"""What a training job of benchmarks/gpu leaves fits into its pieces, and is a run again."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from reference_models import training
from reference_models.__main__ import main as reference_models
from reference_models.__main__ import trained

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu" / "train.py"
THIN = {"mnist-dcgan", "mnist-dcgan-small", "mnist-dcgan-weak", "faces-introvae-64"}


@pytest.fixture
def script():
    spec = importlib.util.spec_from_file_location("gpu_train", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run(tmp_path):
    """A finished run on the digits: 2 steps of a VAE."""
    out = tmp_path / "small"
    train(out, "--steps", "2")
    return out


def train(out, *more):
    arguments = ["train", "vae", "--dataset", "digits", "--device", "cpu", "--out", str(out), *more]
    result = CliRunner().invoke(reference_models, arguments)
    assert result.exit_code == 0, result.output
    return result


def test_every_job_fits_and_those_that_fit_without_optimisers_alone_are_known(script):
    limit, thin = script.LIMIT - script.ROOM, set()
    for job in script.JOBS:
        whole, networks = script.sizes(job)
        assert networks < limit, job
        thin |= {job} if whole > limit else set()
    assert thin == THIN


def test_the_size_is_that_of_a_checkpoint(script, run, monkeypatch):
    monkeypatch.setitem(script.JOBS, "small", ("vae", "--dataset", "digits", "--ema", "0.9"))
    ema = run.parent / "ema"
    train(ema, "--steps", "2", "--ema", "0.9")
    monkeypatch.setattr(script, "MNIST", ("--dataset", "digits"))  # grey
    whole, networks = script.sizes("small", ["--side", "8"])
    kept = ema / "checkpoint.safetensors"
    assert kept.stat().st_size == pytest.approx(whole, rel=0.01)
    assert len(script.without_optimisers(kept)) == pytest.approx(networks, rel=0.01)


def test_networks_that_do_not_fit_are_refused_before_training(script, monkeypatch):
    monkeypatch.setattr(script, "LIMIT", script.ROOM + (50 << 20))
    with pytest.raises(SystemExit, match=r"mnist-dcgan: networks of 5\d MiB do not fit into 58 MiB; not trained"):
        script.room_for("mnist-dcgan", [])


def test_what_will_be_lost_is_said_before_training(script, capsys):
    script.room_for("mnist-dcgan", [])
    assert "the run will be left without what optimisers keep" in capsys.readouterr().out
    script.room_for("cifar10-dcgan", [])
    assert capsys.readouterr().out == ""


def test_a_run_that_fits_comes_back_as_it_was(script, run, tmp_path):
    (run / ".checkpoint.safetensors.x1").write_bytes(b"killed while it was writ")
    script.split(run, tmp_path)
    script.join(tmp_path, tmp_path / "again")
    assert not list((tmp_path / "again").rglob(".*"))
    for file in ("checkpoint.safetensors", "run.json"):
        assert (tmp_path / "again" / "small" / file).read_bytes() == (run / file).read_bytes()


def test_a_run_comes_back_under_the_name_that_a_claim_looks_for(script, run, tmp_path):
    script.split(run, tmp_path)
    script.join(tmp_path, tmp_path / "runs", name="dcgan-0")
    assert [folder.name for folder in (tmp_path / "runs").iterdir()] == ["dcgan-0"]
    assert (tmp_path / "runs" / "dcgan-0" / "run.json").read_bytes() == (run / "run.json").read_bytes()
    with pytest.raises(SystemExit, match="is there already"):
        script.join(tmp_path, tmp_path / "runs", name="dcgan-0")


def test_a_run_that_does_not_fit_is_left_without_optimisers_and_samples_and_trains_on(
    script, run, tmp_path, monkeypatch, capsys
):
    whole = (run / "checkpoint.safetensors").stat().st_size
    monkeypatch.setattr(script, "LIMIT", whole // 2)
    script.split(run, tmp_path)
    assert "small is left without what optimisers keep" in capsys.readouterr().out
    script.join(tmp_path, tmp_path / "again")
    again = tmp_path / "again" / "small"
    assert script.has_optimisers(run / "checkpoint.safetensors")
    assert not script.has_optimisers(again / "checkpoint.safetensors")
    drawn = []
    for folder in (run, again):
        arguments = ["sample", str(folder), "--n", "3", "--out", str(tmp_path / f"{folder.parent.name}.npz")]
        assert CliRunner().invoke(reference_models, arguments).exit_code == 0
        drawn.append(np.load(tmp_path / f"{folder.parent.name}.npz")["x"])
    assert (drawn[0] == drawn[1]).all()
    model, dataset = trained(again, "cpu")
    assert not model.adam.state
    model.step(training.batches(training.to_device(dataset.train, model.device), 64))
    assert model.adam.state


def test_pictures_are_left_out_last(script, run, tmp_path, monkeypatch, capsys):
    (run / "grids").mkdir()
    (run / "grids" / "1.png").write_bytes(bytes(1 << 20))
    monkeypatch.setattr(script, "LIMIT", len(script.archived(run, thin=True)) - 1)
    script.split(run, tmp_path)
    assert "without its pictures" in capsys.readouterr().out
    script.join(tmp_path, tmp_path / "again")
    assert sorted(p.name for p in (tmp_path / "again" / "small").iterdir()) == sorted(
        p.name for p in run.iterdir() if p.is_file()
    )
