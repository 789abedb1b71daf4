import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import genmetrics as gm
from genmetrics._checks import DataError
from reference_models import data, monitor
from reference_models.acgan import (
    MISSING,
    Noise,
    class_likelihood,
    generator_source_loss,
    grid_sides,
    source_likelihood,
    with_labels,
)
from reference_models.conditional import class_scores
from reference_models.models import parameter_counts

SMALL = {"width": 0.1, "batch_size": 8}


def blank(*shape, classes=10, n=100):
    return data.blank(shape, classes, n)


def convolutions(network, kind):
    return [module for module in network.modules() if isinstance(module, kind)]


# --- networks: Tables 1 and 2


@pytest.mark.parametrize(
    ("shape", "maps", "sides"),
    [
        ((3, 128, 128), [768, 384, 256, 192, 3], [8, 16, 32, 64, 128]),
        ((3, 64, 64), [768, 384, 256, 192, 3], [4, 8, 16, 32, 64]),
        ((3, 32, 32), [384, 192, 96, 3], [4, 8, 16, 32]),
        ((3, 16, 16), [384, 192, 96, 3], [2, 4, 8, 16]),
        ((1, 28, 28), [384, 192, 96, 1], [4, 7, 14, 28]),
        ((1, 14, 14), [384, 192, 96, 1], [2, 4, 7, 14]),
        ((1, 8, 8), [384, 192, 96, 1], [1, 2, 4, 8]),
    ],
)
def test_the_generator_has_the_tables_maps_on_grids_that_double(build, shape, maps, sides):
    network = build("acgan", blank(*shape)).generator
    seen = []
    for layer in (network.first, *convolutions(network, nn.ConvTranspose2d)):
        layer.register_forward_hook(lambda _, __, output: seen.append(tuple(output.shape[1:])))
    images = network(torch.randn(2, 100), torch.tensor([0, 9]))
    assert seen == [(m, side, side) for m, side in zip(maps, sides, strict=True)]
    assert images.shape == (2, *shape)
    assert images.abs().max() <= 1
    assert network.first[0].in_features == 110
    assert {layer.kernel_size for layer in convolutions(network, nn.ConvTranspose2d)} == {(5, 5)}


@pytest.mark.parametrize(
    ("side", "sides", "flat"),
    [(128, [64, 64, 32, 32, 16, 16], 131_072), (64, [32, 32, 16, 16, 8, 8], 32_768), (32, [16, 16, 8, 8, 4, 4], 8_192)],
)
def test_the_discriminator_has_the_tables_maps_and_strides(build, side, sides, flat):
    network = build("acgan", blank(3, side, side)).discriminator
    seen = []
    for layer in convolutions(network, nn.Conv2d):
        layer.register_forward_hook(lambda _, __, output: seen.append(tuple(output.shape[1:])))
    found = network(torch.zeros(2, 3, side, side))
    assert seen == [(m, s, s) for m, s in zip((16, 32, 64, 128, 256, 512), sides, strict=True)]
    assert network.head.in_features == flat
    assert network.head.out_features == 11
    assert found["source"].shape == (2,)
    assert found["logits"].shape == (2, 10)
    assert [layer.p for layer in convolutions(network, nn.Dropout)] == [0.5] * 6
    assert [layer.std for layer in convolutions(network, Noise)] == [0.1] * 6
    assert len(convolutions(network, nn.BatchNorm2d)) == 5  # not after the first


@pytest.mark.parametrize(
    ("side", "first", "maps"), [(128, 8, (768, 384, 256, 192)), (64, 4, (768, 384, 256, 192)), (32, 4, (384, 192, 96))]
)
def test_parameters_by_hand(build, side, first, maps):
    """Weights; two a channel of batch norm, or one where there is none."""
    found = parameter_counts(build("acgan", blank(3, side, side)))
    linear = 111 * maps[0] * first**2
    ups = sum(25 * n * m + 2 * m for n, m in itertools.pairwise(maps)) + 25 * maps[-1] * 3 + 3
    assert found["generator"] == linear + ups
    widths = (16, 32, 64, 128, 256, 512)
    downs = 9 * 3 * 16 + 16 + sum(9 * n * m + 2 * m for n, m in itertools.pairwise(widths))
    assert found["discriminator"] == downs + 11 * (512 * (side // 8) ** 2 + 1)


def test_grids_are_half_of_the_next_rounded_up():
    assert grid_sides(28, 3) == [4, 7, 14, 28]
    assert grid_sides(9, 3) == [2, 3, 5, 9]


def test_width_scales_all_maps(build):
    network = build("acgan", blank(1, 28, 28), width=0.25).discriminator
    assert [layer.out_channels for layer in convolutions(network, nn.Conv2d)] == [4, 8, 16, 32, 64, 128]


def test_weights_start_as_the_tables_say(build):
    model = build("acgan", blank(3, 32, 32))
    for network in model.networks.values():
        for layer in convolutions(network, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            tolerance = 5 / math.sqrt(2 * layer.weight.numel())  # five standard errors of a standard deviation
            assert layer.weight.std().item() == pytest.approx(0.02, rel=tolerance)
            assert layer.bias is None or not layer.bias.any()
        assert all((norm.weight == 1).all() for norm in network.modules() if isinstance(norm, nn.BatchNorm2d))


# --- activation noise


def test_noise_has_its_standard_deviation_and_is_there_in_training_alone():
    noise = Noise(0.2)
    x = torch.ones(100, 1000)
    assert (noise(x) - x).std().item() == pytest.approx(0.2, rel=0.01)
    assert torch.equal(noise.eval()(x), x)
    assert torch.equal(Noise(0.0)(x), x)


def test_noise_may_be_on_the_image_alone(build):
    network = build("acgan", blank(1, 28, 28), input_noise_only=True, **SMALL).discriminator
    assert [layer.std for layer in convolutions(network, Noise)] == [0.1, 0, 0, 0, 0, 0]


# --- losses


def test_where_nothing_is_known_the_likelihoods_are_logarithms_of_one_half_and_one_tenth():
    assert source_likelihood(torch.zeros(5), torch.zeros(5)).item() == pytest.approx(-math.log(4))
    assert class_likelihood(torch.zeros(5, 10), torch.arange(5)).item() == pytest.approx(-math.log(10))


def test_source_likelihood_by_hand():
    """P(real) is 3/4 and 1/2 for real images, 1/5 for a generated one."""
    real, fake = torch.tensor([math.log(3), 0.0]), torch.tensor([-math.log(4)])
    expected = (math.log(3 / 4) + math.log(1 / 2)) / 2 + math.log(4 / 5)
    assert source_likelihood(real, fake).item() == pytest.approx(expected)


def test_class_likelihood_by_hand():
    """P(label) is 1/6 and 3/4."""
    logits = torch.log(torch.tensor([[1.0, 2.0, 3.0], [3.0, 0.5, 0.5]]))
    expected = (math.log(1 / 6) + math.log(3 / 4)) / 2
    assert class_likelihood(logits, torch.tensor([0, 0])).item() == pytest.approx(expected)


def test_an_image_without_a_label_adds_nothing_to_the_class_likelihood():
    logits, labels = torch.randn(6, 4), torch.tensor([0, MISSING, 3, MISSING, 1, 2])
    own = F.log_softmax(logits, dim=1)
    expected = sum(own[i, k].item() for i, k in enumerate(labels) if k != MISSING) / 6
    assert class_likelihood(logits, labels).item() == pytest.approx(expected, rel=1e-5)
    assert class_likelihood(logits, torch.full((6,), MISSING)).item() == 0


def test_generator_source_losses_by_hand():
    """P(real) is 1/5: -log 1/5, or log 4/5 for the form that saturates."""
    fake = torch.tensor([-math.log(4)])
    assert generator_source_loss(fake, saturating=False).item() == pytest.approx(math.log(5))
    assert generator_source_loss(fake, saturating=True).item() == pytest.approx(math.log(4 / 5))


def test_with_one_class_it_is_a_plain_gan(build, repeat):
    dataset = blank(1, 8, 8, classes=1)
    model = build("acgan", dataset, **SMALL)
    assert model.step(repeat(dataset, 8))["L_C"].item() == 0


def test_a_step_shows_the_likelihoods_of_its_own_networks(build, repeat):
    """Without noise, dropout or learning, batch norm aside, at weights of 0: nothing is known."""
    dataset = blank(1, 8, 8)
    model = build("acgan", dataset, noise=0.0, dropout=0.0, generator_rate=0.0, discriminator_rate=0.0, **SMALL)
    nn.init.zeros_(model.discriminator.head.weight)
    shown = model.step(repeat(dataset, 8))
    assert shown["L_S"].item() == pytest.approx(-math.log(4))
    assert shown["L_C"].item() == pytest.approx(-2 * math.log(10))
    assert shown["generator"].item() == pytest.approx(math.log(2) + math.log(10))


@pytest.mark.parametrize("silent", [slice(0, 1), slice(1, None)], ids=["source", "class"])
def test_each_of_the_generators_two_terms_moves_it(build, repeat, silent):
    """One of the two heads of a fixed discriminator says nothing: what is learned comes from the other."""
    dataset = blank(1, 8, 8)
    model = build("acgan", dataset, discriminator_rate=0.0, **SMALL)
    nn.init.zeros_(model.discriminator.head.weight[silent])
    before = model.generator.first[0].weight.clone()
    model.step(repeat(dataset, 8))
    assert (model.generator.first[0].weight != before).any()


def test_the_likelihoods_rise_when_the_discriminator_alone_learns(build, quarters, repeat):
    dataset = quarters((1, 8, 8))
    model = build("acgan", dataset, width=0.25, batch_size=32, generator_rate=0.0, discriminator_rate=2e-3)
    batches = repeat(dataset, 32)
    torch.manual_seed(0)
    first, *_, last = (model.step(batches) for _ in range(60))
    assert last["L_S"] > first["L_S"]
    assert last["L_C"] > first["L_C"]


# --- semi-supervised


def test_the_first_images_of_every_class_keep_their_labels():
    part = data.Images(np.zeros((6, 1, 8, 8), np.uint8), np.array([1, 0, 1, 0, MISSING, 1]))
    assert with_labels(part, 2).labels.tolist() == [1, 0, 1, 0, MISSING, MISSING]
    assert with_labels(part, 1).labels.tolist() == [1, 0, MISSING, MISSING, MISSING, MISSING]
    assert with_labels(part, 0).labels is part.labels


def test_the_loop_shows_the_model_the_labels_that_are_left(build, quarters, tmp_path):
    from reference_models import training

    dataset = quarters((1, 8, 8))
    model = build("acgan", dataset, steps=1, labels_per_class=3, width=0.1, batch_size=64)
    seen = []

    def step(batches):
        seen.append(next(batches)[1])
        return {"loss": 0.0}

    model.step = step
    training.train(model, dataset, tmp_path, seed=0, every=1, show=False)
    assert [int((seen[0] == k).sum()) for k in (MISSING, 0, 1, 2, 3)] == [52, 3, 3, 3, 3]


def test_it_trains_on_images_some_of_which_have_no_label(build, npz):
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8), dtype=np.uint8)
    dataset = data.load(npz(x=images, y=np.arange(40) % 4 - 1))
    assert dataset.classes == 3
    model = build("acgan", dataset, **SMALL)
    shown = model.step(iter([(torch.from_numpy(dataset.train.images[:8]), torch.full((8,), MISSING))]))
    assert all(math.isfinite(value) for value in shown.values())
    assert 0 <= model.evaluate(dataset, 0)["accuracy_test"] <= 1


def test_other_models_refuse_missing_labels(build, npz):
    dataset = data.load(npz(x=np.zeros((40, 8, 8), np.uint8), y=np.arange(40) % 4 - 1))
    with pytest.raises(
        DataError, match=r"8 of 32 training images have no label \(y is -1\), which digits-cnn does not"
    ):
        build("digits-cnn", dataset)


# --- learning, and what is refused


def test_it_learns_which_class_is_which(build, quarters, repeat):
    """Four classes, each with its own bright quarter: the samples of a class are brightest there."""
    torch.manual_seed(0)
    dataset = quarters((1, 8, 8))
    rates = {"generator_rate": 2e-3, "discriminator_rate": 2e-3}
    model = build("acgan", dataset, width=0.25, batch_size=32, dropout=0.2, **rates)
    batches = repeat(dataset, 32)
    for _ in range(150):
        model.step(batches)
    right = 0
    for images, labels in model.samples(64, seed=0):
        brightness = images.reshape(-1, 2, 4, 2, 4).mean(axis=(2, 4)).reshape(-1, 4)
        right += int((brightness.argmax(axis=1) == labels).sum())
    assert right >= 58  # nine in ten


@pytest.mark.parametrize(
    ("shape", "classes", "settings", "message"),
    [
        ((1, 8, 9), 10, {}, r"square images of 8 pixels a side or more; .* has shape \(1, 8, 9\)"),
        ((1, 7, 7), 10, {}, r"has shape \(1, 7, 7\)"),
        ((1, 8, 8), 0, {}, "has no labels"),
        ((1, 8, 8), 10, {"width": 0.0}, "width must be above 0, got 0.0"),
        ((1, 8, 8), 10, {"dropout": 1.0}, r"dropout in \[0, 1\), got 1.0"),
        ((1, 8, 8), 10, {"noise": -0.1}, "got -0.1"),
    ],
)
def test_what_it_cannot_do_is_said(build, shape, classes, settings, message):
    with pytest.raises(DataError, match=message):
        build("acgan", blank(*shape, classes=classes), **settings)


# --- what is asked of samples


def test_class_scores_of_real_digits(digits):
    images, labels = digits.test
    found = class_scores(images, labels, "digits-cnn", 10, "cpu")
    assert found["class_accuracy"] > 0.95
    assert found["ms_ssim_within"] == gm.ms_ssim_diversity(images, labels).value
    turned = class_scores(images, (labels + 1) % 10, "digits-cnn", 10, "cpu")
    assert turned["class_accuracy"] < 0.05


def test_a_classifier_of_other_classes_says_nothing(digits):
    images, labels = digits.test
    assert set(class_scores(images, labels, "digits-cnn", 4, "cpu")) == {"ms_ssim_within"}
    assert set(class_scores(images, labels, "pixels", 10, "cpu")) == {"ms_ssim_within"}


def test_how_alike_samples_are_is_watched_class_by_class(build, digits, capsys):
    model = build("acgan", digits, steps=4, **SMALL)
    look = monitor.Alike(1, digits)
    per_class = {k: digits.train.images[digits.train.labels == k] for k in range(10)}

    def samples(n, seed, varied=True):
        labels = np.arange(n) % 10
        yield np.stack([per_class[k][i // 10 % 90 if varied else 0] for i, k in enumerate(labels)]), labels

    collapsed = lambda n, seed: samples(n, seed, varied=False)  # noqa: E731
    for step, how in ((1, collapsed), (2, samples), (3, collapsed), (4, collapsed)):
        model.samples, shown = how, {}
        look(model, step, shown)
        assert set(shown) == {"ms_ssim", *(f"ms_ssim_{k}" for k in range(10))}
        assert (shown["ms_ssim"] == pytest.approx(1)) == (how is collapsed)
        said = capsys.readouterr().err
        assert ("may have collapsed" in said) == (step == 3)  # not before it was varied, and once
