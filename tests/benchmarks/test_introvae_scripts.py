import csv
import json
import sys
from argparse import Namespace

import click
import introvae_faces
import introvae_speed
import introvae_sweep
import numpy as np
import pytest
import torch

from reference_models import data, dcgan, introvae, models


def test_the_sweep_changes_one_setting_at_a_time():
    given = {"margins": [1.15, 2.0], "alphas": [0.25, 0.1], "betas": [1.0, 4.0]}
    usual, *others = introvae_sweep.settings(Namespace(**given, absolute_margins=None))
    assert usual == {"margin_ratio": 1.15, "alpha": 0.25, "beta": 1.0}
    changed = [{k: v for k, v in settings.items() if v != usual[k]} for settings in others]
    assert changed == [{"margin_ratio": 2.0}, {"alpha": 0.1}, {"beta": 4.0}]
    found = introvae_sweep.settings(Namespace(**given, absolute_margins=[50.0, 100.0]))
    assert [settings["margin"] for settings in found] == [50, 100, 50, 50]


@pytest.fixture
def sweep(tmp_path, monkeypatch):
    """The sweep over two values of alpha at its smallest; the rows of its table."""
    images = np.random.default_rng(0).integers(0, 256, (60, 28, 28), dtype=np.uint8)
    np.savez(tmp_path / "images.npz", x=images)
    small = {"steps": 3, "pretrain-steps": 0, "batch-size": 8, "narrow": 16, "latent-dim": 2}

    def run(*more):
        own = [tmp_path / "images.npz", "--runs", tmp_path / "runs", "--device", "cpu", "--out", tmp_path / "table"]
        grids = ["--absolute-margins", 5, "--alphas", 0.25, 1, "--betas", 1]
        flags = [word for name, value in small.items() for word in (f"--{name}", value)]
        monkeypatch.setattr(sys, "argv", [str(word) for word in ("sweep", *own, *grids, *flags, *more)])
        introvae_sweep.main()
        with (tmp_path / "table.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    return run


def test_a_setting_that_diverges_is_a_row_and_the_sweep_goes_on(sweep, tmp_path):
    rows = sweep("--learning-rate", 1e30)
    assert [(float(row["alpha"]), row["ended"]) for row in rows] == [(0.25, "diverged"), (1.0, "diverged")]
    assert not (tmp_path / "table.png").exists()


def test_a_sweep_that_ends_well_has_numbers_and_a_picture(sweep, tmp_path):
    rows = sweep()
    assert [row["ended"] for row in rows] == ["", ""]
    assert all(0 <= float(row["share_below_margin"]) <= 1 and float(row["m"]) == 5 for row in rows)
    assert (tmp_path / "table.png").exists()


def test_what_is_no_divergence_ends_the_sweep(sweep):
    with pytest.raises(click.UsageError, match="learning-rat"):
        sweep("--learning-rat", 1)


def test_a_run_is_stable_by_its_adversarial_steps_alone(tmp_path):
    pretraining = [{"step": 1, "kl_real": 90.0, "squared_error": 1.0}]
    kls = {"kl_reconstruction": 4.0, "kl_sample": 6.0, "squared_error": 2.0, "margin": 10.0}
    rows = [*pretraining, *({"step": i, "kl_real": kl, **kls} for i, kl in enumerate((9.0, 12.0, 8.0, 7.0), start=2))]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = introvae_faces.stability(tmp_path)
    assert (found["adversarial_steps"], found["share_below_margin"]) == (4, 0.75)
    assert found["most_kl_real_over_margin"] == pytest.approx(1.2)
    assert found["kl_real_at_the_end"] == 7


def test_images_are_as_sharp_as_themselves():
    real = np.random.default_rng(0).integers(0, 256, (20, 3, 4, 4), dtype=np.uint8)
    found = introvae_faces.sharpness(real, real)
    assert found["sharpness_low"] < found["sharpness"] == 1 < found["sharpness_high"]


def test_the_gan_has_as_many_parameters_as_introvae():
    """In the quick preset, which is what is compared on a CPU."""
    blank, cpu = data.blank((3, 32, 32), 0), torch.device("cpu")
    gan = introvae_faces.MODELS["dcgan"]
    width = int(gan[gan.index("--width") + 1])
    quick = introvae.Config(**introvae.IntroVAE.quick)
    totals = [
        sum(models.parameter_counts(models.build(name, config, blank, cpu, 0)).values())
        for name, config in (("introvae", quick), ("dcgan", dcgan.Config(width=width)))
    ]
    assert totals[1] == pytest.approx(totals[0], rel=0.01)


def test_images_that_are_all_alike_have_an_ms_ssim_of_1():
    rng = np.random.default_rng(0)
    real = rng.integers(0, 256, (20, 3, 32, 32), dtype=np.uint8)
    found = introvae_faces.alike(real[:1].repeat(20, axis=0), real)
    assert found["ms_ssim"] == pytest.approx(1)
    assert found["ms_ssim_real"] < 0.5


def test_speed_counts_steps_and_parameters():
    found = introvae_speed.measured(32, 2, Namespace(device="cpu", amp=False, steps=1))
    assert found["encoder_parameters"] == 3_382_848
    assert float(found["images_a_second_vae"]) > float(found["images_a_second"]) > 0
