"""The shipped weights: what WEIGHTS.md says of them is recomputed here."""

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from genmetrics import digits
from genmetrics.extractors import digits_cnn, digits_vae

TABLE = (Path(digits_cnn.__file__).parent / "WEIGHTS.md").read_text(encoding="utf-8")


def stated(file, what):
    """The value in the row `what` of the section on `file` in WEIGHTS.md."""
    section = TABLE.split(f"## {file}")[1].split("\n## ")[0]
    return re.search(rf"\| {what} \| `?([^|`]+)`? \|", section)[1].strip()


def output(images):
    return digits_cnn.load()(torch.from_numpy(images)[:, None] / 255)


def accuracy(part):
    return float((output(part.images)["logits"].argmax(1).numpy() == part.labels).mean())


@pytest.mark.parametrize("weights", [digits_cnn.WEIGHTS, digits_vae.WEIGHTS], ids=lambda path: path.name)
def test_the_checksum_is_the_stated_one(weights):
    assert hashlib.sha256(weights.read_bytes()).hexdigest() == stated(weights.name, "SHA-256")


@pytest.mark.parametrize("part", ["test", "held_out"])
def test_the_classifier_is_as_accurate_as_stated_and_97_percent_at_least(part):
    found = accuracy(getattr(digits.splits(), part))
    assert found >= 0.97
    assert found == pytest.approx(float(stated("digits_cnn.safetensors", f"accuracy, {part}")), abs=1e-4)


def test_the_classifier_has_64_features_and_10_logits():
    out = output(digits.splits().test.images[:5])
    assert out["features"].shape == (5, 64)
    assert out["logits"].shape == (5, 10)


def test_the_logits_are_the_head_applied_to_the_features():
    network = digits_cnn.load()
    out = network(torch.rand(3, 1, 8, 8))
    assert torch.equal(out["logits"], network.head(out["features"]))


def test_every_feature_varies_over_the_digits():
    spread = output(digits.splits().test.images)["features"].std(dim=0)
    assert spread.min() > 0.1 * spread.max()


def test_loaded_networks_are_in_evaluation_mode_and_frozen():
    for network in (digits_cnn.load(), digits_vae.load()):
        assert not network.training
        assert not any(p.requires_grad for p in network.parameters())


def test_samples_are_uint8_images_of_the_size_of_the_digits():
    samples = digits_vae.sample(3)
    assert samples.shape == (3, 8, 8)
    assert samples.dtype == np.uint8


@pytest.mark.parametrize("n", [1, 63, 64, 65, 200])
def test_the_first_samples_are_the_same_however_many_are_drawn(n):
    assert (digits_vae.sample(n, seed=5) == digits_vae.sample(256, seed=5)[:n]).all()


def test_another_seed_gives_other_samples():
    assert (digits_vae.sample(4, seed=1) != digits_vae.sample(4, seed=2)).any()


def test_the_caller_keeps_its_random_numbers():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    digits_vae.sample(4)
    assert torch.equal(torch.rand(3), expected)


def test_pixels_are_clamped_and_rounded():
    assert digits_vae.to_uint8(torch.tensor([-1.0, 0.0, 0.499 / 255, 0.501 / 255, 1.0, 2.0])).tolist() == [
        0, 0, 0, 1, 255, 255,
    ]  # fmt: skip


def test_samples_show_every_digit_and_look_like_digits_to_the_classifier():
    """Most are read with confidence, and no digit is missing; real digits reach 0.9 and more."""
    probabilities = output(digits_vae.sample(390))["logits"].softmax(dim=1)
    assert set(probabilities.argmax(dim=1).tolist()) == set(range(10))
    assert probabilities.max(dim=1).values.mean() > 0.6


def test_samples_are_no_copies_of_training_images():
    """Their nearest training image is about as far as that of real images that were not trained on."""
    train, held_out = (part.images.reshape(-1, 64) / 255 for part in (digits.splits().train, digits.splits().held_out))
    samples = digits_vae.sample(390).reshape(-1, 64) / 255

    def nearest(images):
        return np.median(np.sqrt(((images[:, None] - train) ** 2).sum(-1)).min(1))

    assert nearest(samples) > 0.7 * nearest(held_out)
