import json
from argparse import Namespace

import introvae_faces
import introvae_speed
import introvae_sweep
import numpy as np
import pytest


def test_the_sweep_changes_one_setting_at_a_time():
    given = {"margins": [1.15, 2.0], "alphas": [0.25, 0.1], "betas": [1.0, 4.0]}
    usual, *others = introvae_sweep.settings(Namespace(**given, absolute_margins=None))
    assert usual == {"margin_ratio": 1.15, "alpha": 0.25, "beta": 1.0}
    changed = [{k: v for k, v in settings.items() if v != usual[k]} for settings in others]
    assert changed == [{"margin_ratio": 2.0}, {"alpha": 0.1}, {"beta": 4.0}]
    found = introvae_sweep.settings(Namespace(**given, absolute_margins=[50.0, 100.0]))
    assert [settings["margin"] for settings in found] == [50, 100, 50, 50]


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


def test_speed_counts_steps_and_parameters():
    found = introvae_speed.measured(32, 2, Namespace(device="cpu", amp=False, steps=1))
    assert found["encoder_parameters"] == 3_382_848
    assert float(found["images_a_second_vae"]) > float(found["images_a_second"]) > 0
