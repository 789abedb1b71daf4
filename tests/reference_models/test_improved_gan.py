import math

import numpy as np
import pytest
import torch
from torch import nn

from genmetrics._checks import DataError, UnknownNameError
from reference_models import data
from reference_models.improved_gan import fooling_loss, log_z, matching_loss, unsupervised_loss
from reference_models.improved_gan_networks import (
    REFERENCE,
    BiasNorm,
    History,
    MinibatchDiscrimination,
    VirtualBatchNorm,
    initialise_from_data,
    weight_normed,
)

SMALL = {"narrow": 16, "kernels": (4, 3), "batch_size": 8, "labels_per_class": 2}


def blank(*shape, classes=10):
    return data.blank(shape, classes, 60)


def batch(dataset, n):
    while True:
        yield torch.from_numpy(dataset.train.images[:n]), torch.from_numpy(dataset.train.labels[:n])


def test_at_one_half_the_loss_is_the_logarithm_of_two():
    """Logits -log 10 each: Z = 1, D = 1/2."""
    logits = torch.full((5, 10), -math.log(10))
    assert log_z(logits).abs().max() < 1e-6
    assert unsupervised_loss(logits, logits, 1.0).item() == pytest.approx(math.log(2), rel=1e-6)
    assert fooling_loss(logits).item() == pytest.approx(-math.log(2), rel=1e-6)


def test_the_loss_is_that_of_the_classifier_with_one_class_more():
    """D = Z / (Z + 1) is 1 - the probability of class K + 1, whose logit is 0."""
    real, fake = torch.randn(2, 6, 10)
    not_fake = [1 - torch.cat([l, torch.zeros(6, 1)], 1).softmax(1)[:, 10] for l in (real, fake)]
    expected = -not_fake[0].log().mean() / 2 - (1 - not_fake[1]).log().mean() / 2
    assert unsupervised_loss(real, fake, 1.0).item() == pytest.approx(expected.item(), rel=1e-5)
    smoothed = -(0.9 * not_fake[0].log() + 0.1 * (1 - not_fake[0]).log()).mean() / 2
    smoothed -= (1 - not_fake[1]).log().mean() / 2
    assert unsupervised_loss(real, fake, 0.9).item() == pytest.approx(smoothed.item(), rel=1e-5)


def test_feature_matching_compares_means():
    real, fake = torch.tensor([[0.0, 2.0], [2.0, 2.0]]), torch.tensor([[3.0, 2.0]])
    assert matching_loss(real, fake, squared=False).item() == 1  # |1 - 3|, |2 - 2|
    assert matching_loss(real, fake, squared=True).item() == 2


def test_minibatch_discrimination_by_its_definition():
    torch.manual_seed(0)
    layer = MinibatchDiscrimination(5, 3, 2)
    x = torch.randn(4, 5)
    t = (layer.theta / layer.theta.norm(dim=0)).detach()  # scales start at exp 0
    expected = torch.empty(4, 3)
    for i in range(4):
        for k in range(3):
            m = [x[j] @ t[:, k] for j in range(4)]
            expected[i, k] = sum(math.exp(-float((m[i] - m[j]).abs().sum())) for j in range(4) if j != i) - 1
    out = layer(x).detach()
    assert torch.equal(out[:, :5], x)
    torch.testing.assert_close(out[:, 5:], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("layer", [nn.Conv2d(3, 7, 3), nn.ConvTranspose2d(3, 7, 3), nn.Linear(3, 7)])
def test_outputs_start_with_the_wanted_mean_and_deviation(layer):
    torch.manual_seed(0)
    network = nn.Sequential(weight_normed(layer, 0.1))
    x = 3 + 2 * torch.randn(500, 3, *([6, 6] if layer.weight.ndim == 4 else []))
    initialise_from_data(network, x)
    over = [0, *range(2, x.ndim)]
    out = network(x)
    torch.testing.assert_close(out.mean(over), torch.zeros(7), atol=1e-4, rtol=0)
    torch.testing.assert_close(out.std(over), torch.full((7,), 0.1), atol=1e-3, rtol=0)


def test_gains_of_hidden_layers_stay_and_those_of_the_last_are_trained(build):
    model = build("improved-gan", blank(3, 32, 32), **SMALL)
    gains = {n: p.requires_grad for n, p in model.discriminator.named_parameters() if n.endswith("original0")}
    assert [n for n, trained in gains.items() if trained] == ["head.parametrizations.weight.original0"]
    assert len(gains) == 10


def test_batch_norm_without_gain():
    norm = BiasNorm(3)
    x = 5 + 2 * torch.randn(100, 3, 4, 4)
    y = norm(x)
    assert y.mean((0, 2, 3)).abs().max() < 1e-5
    assert y.std((0, 2, 3)).mean().item() == pytest.approx(1, abs=1e-3)
    assert [n for n, _ in norm.named_parameters()] == ["bias"]


def test_virtual_batch_norm_by_its_definition():
    torch.manual_seed(0)
    norm = VirtualBatchNorm(2)
    x = torch.randn(REFERENCE + 3, 2, 5, 5)
    out = norm(x)
    example, w = x[REFERENCE + 1], 1 / (REFERENCE + 1)
    for channel in range(2):
        own, reference = example[channel], x[:REFERENCE, channel]
        mean = w * own.mean() + (1 - w) * reference.mean()
        square = w * own.square().mean() + (1 - w) * reference.square().mean()
        expected = (own - mean) / (square - mean**2 + 1e-5).sqrt() * norm.gain[channel] + norm.bias[channel]
        torch.testing.assert_close(out[REFERENCE + 1, channel], expected)


def test_a_sample_of_virtual_batch_norm_does_not_depend_on_its_neighbours(build):
    model = build("improved-gan", blank(3, 32, 32), virtual_batch_norm=True, **SMALL)
    latents = model.latents(4)
    torch.testing.assert_close(model.generator(latents)[:2], model.generator(latents[:2]), atol=1e-5, rtol=1e-4)


def test_history_is_the_mean_of_past_weights():
    layer = nn.Linear(1, 1, bias=False)
    history = History(layer)
    assert history.distance(layer).item() == 0  # nothing is past yet
    for value in (1.0, 2.0, 6.0):
        nn.init.constant_(layer.weight, value)
        history.add(layer)
    assert history.means.item() == pytest.approx(3)
    assert history.distance(layer).item() == pytest.approx(9)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32)])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"technique": "feature-matching", "generator_steps": 1},
        {"weak": True},
        {"virtual_batch_norm": True},
        {"historical_averaging": 1.0, "real_target": 0.9},
        {"labels_per_class": 0},
    ],
)
def test_every_technique_takes_a_step(build, shape, settings):
    dataset = blank(*shape)
    model = build("improved-gan", dataset, **{**SMALL, **settings})
    shown = model.step(batch(dataset, 8))
    assert all(np.isfinite(float(value)) for value in shown.values())
    assert model.sample(2, seed=0).shape == (2, *shape)


def test_only_so_many_labels_are_looked_at(build):
    model = build("improved-gan", blank(3, 32, 32), **SMALL)
    assert sorted(model.labelled[1].tolist()) == sorted([*range(10)] * 2)


def test_what_cannot_be_is_refused(build):
    with pytest.raises(DataError, match="has none; give --labels-per-class 0"):
        build("improved-gan", blank(3, 32, 32, classes=0), **SMALL)
    with pytest.raises(DataError, match="28 or 32 pixels"):
        build("improved-gan", blank(1, 8, 8), **SMALL)
    with pytest.raises(UnknownNameError, match="did you mean 'feature-matching'"):
        build("improved-gan", blank(3, 32, 32), technique="feature-matchin", **SMALL)


def test_the_discriminator_learns_64_labelled_images_by_heart(build):
    """As a classifier; and D says real of them and not of samples."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    labels = np.arange(64) % 4
    images = rng.integers(0, 60, (64, 1, 28, 28), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[0, 7 * label : 7 * label + 7] += 180
    part = data.Images(images, labels)
    dataset = data.Dataset("stripes", part, part, part, 4)
    settings = {"labels_per_class": 16, "generator_steps": 1, "learning_rate": 3e-3, "kernels": (8, 3), "narrow": 8}
    model = build("improved-gan", dataset, batch_size=64, steps=60, **settings)
    for _ in range(60):
        shown = model.step(batch(dataset, 64))
    assert model.evaluate(dataset, 0)["accuracy_test"] == 1
    assert float(shown["discriminator"]) < math.log(2)
