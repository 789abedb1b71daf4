"""Vanilla GAN, GAN-10, the VAEs of the AIS paper, the convolutional VAE, and the classifiers of 32 x 32 images."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from genmetrics._checks import DataError
from reference_models import data
from reference_models.classifiers import accuracy
from reference_models.data import Images
from reference_models.vanilla_gan import Maxout, marginal_logits
from reference_models.wrn import channel_statistics


def blank(*shape, classes=10):
    return data.blank(shape, classes, 60)


def repeat_of(dataset, n):
    while True:
        yield torch.from_numpy(dataset.train.images[:n]), torch.from_numpy(dataset.train.labels[:n])


def test_maxout_is_the_largest_piece():
    layer = Maxout(1, 2, 3)
    with torch.no_grad():
        layer.linear.weight.copy_(torch.tensor([1.0, 2, 3, -1, -2, -3])[:, None])
        layer.linear.bias.zero_()
    assert layer(torch.tensor([[1.0], [-1.0]])).tolist() == [[3, -1], [-1, 3]]


def test_the_generator_starts_from_the_mean_image():
    images = np.zeros((10, 1, 2, 2), np.uint8)
    images[:5, 0, 0, 0] = 255
    logits = marginal_logits(Images(images, np.zeros(10, np.int64))).reshape(2, 2)
    assert logits[0, 0].item() == pytest.approx(0, abs=1e-6)
    assert logits[1, 1].sigmoid().item() == pytest.approx(0.5 / 255, rel=1e-5)


def test_a_discriminator_that_knows_nothing_costs_both_players_the_logarithm_of_two(build):
    """-1/2 log 1/2 - 1/2 log 1/2, and -log 1/2."""
    model = build("vanilla-gan", blank(1, 28, 28), width=8, pieces=(4, 2), batch_size=8)
    nn.init.zeros_(model.discriminator[-1].weight)
    shown = model.step(repeat_of(blank(1, 28, 28), 8))
    for name in ("discriminator", "generator"):
        assert shown[name].item() == pytest.approx(math.log(2), rel=1e-6)


def test_both_players_move_at_once(build):
    """The generator's gradient is taken before the discriminator's update: with one that is 0 it gets none."""
    model = build("vanilla-gan", blank(1, 28, 28), width=8, pieces=(4, 2), batch_size=8)
    nn.init.zeros_(model.discriminator[-1].weight)
    before = [p.clone() for p in model.generator.parameters()]
    model.step(repeat_of(blank(1, 28, 28), 8))
    assert all(torch.equal(p, q) for p, q in zip(model.generator.parameters(), before, strict=True))
    twice = build("vanilla-gan", blank(1, 28, 28), width=8, pieces=(4, 2), batch_size=8, generator_steps=2)
    nn.init.zeros_(twice.discriminator[-1].weight)
    twice.step(repeat_of(blank(1, 28, 28), 8))
    assert any((p != q).any() for p, q in zip(twice.generator.parameters(), before, strict=True))


def test_rate_and_momentum_follow_the_code(build):
    model = build("vanilla-gan", blank(1, 28, 28), width=8, pieces=(4, 2), steps=200, momentum_steps=100)
    for progress, momentum in ((0, 0.5), (0.25, 0.6), (0.5, 0.7), (1, 0.7)):
        model.progress = progress
        model.schedule()
        group = model.optimisers["generator"].param_groups[0]
        assert group["momentum"] == pytest.approx(momentum)
        assert group["lr"] == pytest.approx(0.1 / 1.000004 ** (200 * progress))


def test_latents_of_the_vanilla_gan_have_variance_one(build):
    latents = build("vanilla-gan", blank(1, 28, 28), width=8, pieces=(4, 2)).latents(500)
    assert latents.abs().max() <= math.sqrt(3)
    assert latents.std().item() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    ("name", "steps", "settings"),
    [
        ("vanilla-gan", 500, {"width": 64, "pieces": (32, 2), "adam": True, "dropout": (0.0, 0.0)}),
        ("vae-10", 100, {"learning_rate": 2e-3}),
        pytest.param("vae-50", 100, {"learning_rate": 1e-3, "input_dropout": 0.0}, marks=pytest.mark.slow),
        pytest.param("gan-10", 1500, {"dropout": 0.0}, marks=pytest.mark.slow),
    ],
)
def test_generators_learn_64_images_by_heart(build, quarters, distance, repeat, name, steps, settings):
    """Samples come at least three times nearer to them than they were at the start."""
    torch.manual_seed(0)
    dataset = quarters((1, 8, 8))
    model = build(name, dataset, batch_size=64, steps=steps, **settings)
    before, batches = distance(model, dataset), repeat(dataset, 64)
    for _ in range(steps):
        model.step(batches)
    assert distance(model, dataset) < before / 3


@pytest.mark.slow
def test_the_convolutional_vae_learns_64_images_by_heart(build, quarters):
    torch.manual_seed(0)
    dataset = quarters((1, 28, 28))
    model = build("vae-conv", dataset, batch_size=64, narrow=16, latent_dim=4, learning_rate=1e-2)
    batches = repeat_of(dataset, 64)
    errors = [float(model.step(batches)["squared_error"]) for _ in range(25)]
    assert errors[-1] < errors[0] / 4


def test_the_convolutional_vae_minimises_squared_error_and_kl(build):
    """A fixed variance of 1/2: the loss is both sums and a constant, d/2 log pi."""
    model = build("vae-conv", blank(1, 28, 28), narrow=16, latent_dim=4)
    likelihood, _, error = model.losses(torch.zeros(3, 1, 28, 28, dtype=torch.uint8))
    torch.testing.assert_close(likelihood, error + 392 * math.log(math.pi))


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (3, 64, 64)])
def test_the_convolutional_vae_makes_images_of_its_sizes(build, shape):
    model = build("vae-conv", blank(*shape), narrow=16, latent_dim=4)
    assert model.decoder(model.latents(2)).shape == (2, *shape)
    assert model.encoder(torch.zeros(2, *shape))[0].shape == (2, 4)


def test_only_vae_50_learns_its_variance(build):
    assert [build(n, blank(1, 28, 28)).noise.log_variance.requires_grad for n in ("vae-10", "vae-50")] == [False, True]


def test_channel_statistics_are_those_of_the_pixels():
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 4, 4), dtype=np.uint8)
    mean, deviation = channel_statistics(Images(images, np.zeros(5, np.int64)))
    np.testing.assert_allclose(mean.flatten(), (images / 255).mean((0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(deviation.flatten(), (images / 255).std((0, 2, 3)), rtol=1e-6)


@pytest.mark.parametrize(("depth", "width", "parameters"), [(16, 2, 691_674), (16, 4, 2_748_890)])
def test_parameters_of_wide_residual_networks(build, depth, width, parameters):
    """16-4 has 2.7 million, 28-10 36.5 million; Table 4."""
    network = build("wrn", blank(3, 32, 32), depth=depth, width=width).classifier
    assert sum(p.numel() for p in network.parameters()) == parameters


@pytest.mark.parametrize(
    ("name", "steps", "settings"),
    [
        ("wrn", 20, {"depth": 10, "width": 1, "crop": 0, "mirror": False, "learning_rate": 0.05}),
        ("sgan-encoder", 30, {"mirror": False}),
    ],
)
def test_classifiers_learn_64_images_by_heart(build, quarters, name, steps, settings):
    torch.manual_seed(0)
    dataset = quarters((1, 28, 28))
    model = build(name, dataset, batch_size=64, steps=steps, **settings)
    batches = repeat_of(dataset, 64)
    for _ in range(steps):
        model.step(batches)
    assert accuracy(model.classifier.eval(), dataset.train) == 1


def test_the_rate_of_a_wide_residual_network_falls_in_steps(build):
    model = build("wrn", blank(3, 32, 32), depth=10, width=1, crop=0)
    for progress, rate in ((0, 0.1), (0.29, 0.1), (0.3, 0.02), (0.6, 0.004), (0.8, 0.0008)):
        model.progress = progress
        model.step(repeat_of(blank(3, 32, 32), 4))
        assert model.sgd.param_groups[0]["lr"] == pytest.approx(rate)


def test_what_wide_residual_networks_crop_is_smaller_than_the_images(build):
    with pytest.raises(DataError, match=r"crop must be below the side of the images, 4, .* got 4"):
        build("wrn", blank(3, 4, 4), depth=10, width=1, crop=4)
    model = build("wrn", blank(3, 4, 4), depth=10, width=1, crop=3)
    assert model.step(repeat_of(blank(3, 4, 4), 4))["cross_entropy"].isfinite()


@pytest.mark.parametrize("name", ["wrn", "sgan-encoder"])
def test_classifiers_need_labels(build, name):
    with pytest.raises(DataError, match="no"):
        build(name, blank(3, 32, 32, classes=0))


def test_a_depth_that_is_not_of_the_form_is_refused(build):
    with pytest.raises(DataError, match="6 n \\+ 4"):
        build("wrn", blank(3, 32, 32), depth=17)
