import itertools
import math

import numpy as np
import pytest
import torch

from genmetrics._checks import DataError
from reference_models import data, training
from reference_models.checkpoints import CHECKPOINT
from reference_models.models import parameter_counts
from reference_models.modnet import (
    discriminator_loss,
    generator_loss,
    label_loss,
    mean_change,
    modification,
    other_labels,
)
from reference_models.modnet_networks import clipped, stack

QUIET = {"width": 4, "depth": 2, "batch_size": 8, "dropout": 0.0}


def weights(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def same(before, network):
    return all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def steps(model, dataset, n):
    torch.manual_seed(0)
    batches = training.batches(training.to_device(dataset.train, model.device), model.config.batch_size)
    for i in range(n):
        model.progress = i / n
        model.step(batches)


@pytest.fixture
def modnet(build):
    def make(**settings):
        return build("modnet", **{**QUIET, **settings})

    return make


# --- losses


def test_losses_at_one_half_are_two_and_one_logarithms_of_two():
    logits, none = torch.zeros(5), torch.zeros(5, dtype=torch.bool)
    assert discriminator_loss(logits, logits, none).item() == pytest.approx(math.log(4))
    assert generator_loss(logits).item() == pytest.approx(math.log(2))


def test_losses_are_those_of_the_equations():
    """Eq. 2.3 and 2.4 written out with the logistic function, in float64."""
    real, fake = torch.randn(2, 7, dtype=torch.float64)
    s = torch.sigmoid
    expected = (-s(real).log() - (1 - s(fake)).log()).mean()
    assert discriminator_loss(real, fake, torch.zeros(7, dtype=torch.bool)).item() == pytest.approx(
        expected.item(), rel=1e-6
    )
    assert generator_loss(fake).item() == pytest.approx(-s(fake).log().mean().item(), rel=1e-6)


def test_a_flipped_real_image_counts_as_generated():
    real, fake = torch.tensor([2.0, -1.0]), torch.tensor([0.5])
    flipped = torch.tensor([True, False])
    expected = (math.log1p(math.exp(2)) + math.log1p(math.exp(1))) / 2 + math.log1p(math.exp(0.5))
    assert discriminator_loss(real, fake, flipped).item() == pytest.approx(expected)


def test_the_generator_is_pulled_towards_what_looks_real():
    """The box's -log(1 - s(D)) would push it away."""
    logit = torch.zeros(1, requires_grad=True)
    generator_loss(logit).backward()
    assert logit.grad.item() == pytest.approx(-0.5)


def test_label_loss_by_hand():
    logits = torch.tensor([[math.log(3.0), 0.0], [0.0, 0.0]])
    assert label_loss(logits, torch.tensor([0, 1])).item() == pytest.approx((math.log(4 / 3) + math.log(2)) / 2)


def test_modification_by_hand():
    """Two images of four numbers; sums of |difference| 2 and 4, means 1/2 and 1."""
    x = torch.zeros(2, 1, 2, 2)
    changed = torch.tensor([[1.0, -1.0, 0.0, 0.0], [1.0, 1.0, -1.0, 1.0]]).view(2, 1, 2, 2)
    assert modification(x, changed, "sum").item() == 3
    assert modification(x, changed, "mean").item() == 0.75


# --- networks


def test_parameters_at_32_by_hand(build):
    """U-Net 13-64-128-256-128-64-3 with skips, batch norm inside; two stacks 3-64-128-256 and 4 x 4 x 256 -> 1, 10."""
    found = parameter_counts(build("modnet", data.blank((3, 32, 32), 10)))
    down = 16 * (13 * 64 + 64 * 128 + 128 * 256) + 64 + 256 + 2 * 128
    up = 16 * (256 * 128 + 2 * 128 * 64 + 2 * 64 * 3) + 3 + 2 * (128 + 64)
    body = 25 * (3 * 64 + 64 * 128 + 128 * 256) + 64 + 2 * (128 + 256)
    assert found["generator"] == down + up
    assert found["discriminator"] == body + 4096 + 1
    assert found["classifier"] == body + 10 * (4096 + 1)


def test_a_shared_network_has_one_output_more_than_classes(modnet, digits):
    model = modnet(classifier="shared")
    assert set(model.networks) == {"generator", "discriminator"}
    assert model.discriminator(torch.zeros(2, *digits.shape)).shape == (2, 11)


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 30, 50), (3, 64, 64)])
def test_any_size_keeps_its_shape(build, shape):
    model = build("modnet", data.blank(shape, 3, 10), width=4, inner_labels=True)
    images = torch.rand(2, *shape) * 2 - 1
    assert model.generator(images, torch.tensor([0, 2])).shape == images.shape
    assert model.discriminator(images).shape == (2, 1)


def test_the_stack_halves_64_pixels_four_times_as_in_the_figure():
    convolutions = [m for m in stack((3, 64, 64), 1, 64).modules() if isinstance(m, torch.nn.Conv2d)]
    assert [m.out_channels for m in convolutions] == [64, 128, 256, 512]


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32)])
def test_an_image_whose_delta_is_zero_stays_as_it_is(build, shape):
    """To the bit, and as uint8: every grey level comes back."""
    model = build("modnet", data.blank(shape, 10), **QUIET)
    torch.nn.init.zeros_(model.generator.unet.up[-1][1].weight)
    levels = np.resize(np.arange(256, dtype=np.uint8), (3, *shape))
    x = model.scaled(torch.from_numpy(levels))
    assert torch.equal(model.generator(x, torch.tensor([0, 1, 2])), x)
    assert (model.modify(levels, np.array([3, 4, 5])) == levels).all()


@pytest.mark.parametrize(("reach", "level"), [(1.0, 127), (2.0, 255)])
def test_black_becomes_grey_at_most_unless_the_reach_is_longer(modnet, reach, level):
    """The largest delta, everywhere: -1 + 1 is the middle of the range."""
    model = modnet(reach=reach)
    last = model.generator.unet.up[-1][1]
    torch.nn.init.zeros_(last.weight)
    torch.nn.init.constant_(last.bias, 100.0)
    changed = model.modify(np.zeros((1, 1, 8, 8), np.uint8), np.zeros(1, np.int64))
    assert np.abs(changed.astype(int) - level).max() <= 1


def test_with_tanh_a_zero_delta_makes_the_image_paler(modnet, digits):
    model = modnet(output="tanh")
    torch.nn.init.zeros_(model.generator.unet.up[-1][1].weight)
    x = model.scaled(torch.from_numpy(digits.test.images[:5]))
    assert torch.equal(model.generator(x, torch.arange(5)), x.tanh())


def test_results_stay_in_range_and_gradients_go_straight_through():
    x = torch.tensor([-3.0, -1.0, -0.2, 0.7, 5.0], requires_grad=True)
    y = clipped(x)
    assert y.tolist() == pytest.approx([-1, -1, -0.2, 0.7, 1])
    assert y.abs().max() <= 1
    y.sum().backward()
    assert x.grad.tolist() == [1, 1, 1, 1, 1]


def test_labels_matter_and_so_do_images(modnet, digits):
    model = modnet()
    for p in model.generator.parameters():
        torch.nn.init.normal_(p, std=0.3)
    images = digits.test.images[:2]
    zero, one = (model.modify(images, np.full(2, label)) for label in (0, 1))
    assert (zero != one).any()
    assert (zero[0] != zero[1]).any()


# --- training


@pytest.mark.parametrize("settings", [{}, {"classifier": "shared"}, {"instance_noise": 0.3, "flip_labels": 0.2},
                                      {"l1_norm": "sum", "l1": 1e-3}, {"output": "tanh"}])  # fmt: skip
def test_a_step_changes_every_network(modnet, digits, settings):
    model = modnet(**settings)
    before = {name: weights(net) for name, net in model.networks.items()}
    steps(model, digits, 1)
    assert not any(same(before[name], net) for name, net in model.networks.items())


def test_the_players_take_j_and_k_updates_a_step(modnet, digits):
    model = modnet(discriminator_steps=3, generator_steps=2)
    steps(model, digits, 1)
    counts = {name: {int(s["step"]) for s in adam.state.values()} for name, adam in model.optimisers.items()}
    assert counts == {"generator": {2}, "discriminator": {3}}


@pytest.mark.parametrize("layers", [0, 1, 2])
def test_frozen_layers_of_the_discriminator_stay_as_they_start(build, layers):
    dataset = data.blank((1, 28, 28), 10, 20)
    dataset.train.images[:] = np.random.default_rng(0).integers(0, 256, dataset.train.images.shape)
    model = build("modnet", dataset, **QUIET, frozen_layers=layers)
    before = [[p.clone() for p in layer.parameters()] for layer in model.discriminator]
    steps(model, dataset, 2)
    unchanged = [
        all(torch.equal(p, q) for p, q in zip(layer.parameters(), was, strict=True))
        for layer, was in zip(model.discriminator, before, strict=True)
        if was
    ]
    assert unchanged == [i < layers for i in range(4)]


def test_a_frozen_classifier_is_truly_unchanged(modnet, digits, tmp_path):
    """Weights and running statistics, to the bit, after training and from the checkpoint; yet its signal is used."""
    model = modnet(pretrained="digits-cnn", freeze=True, steps=4)
    before, generator = weights(model.classifier), weights(model.generator)
    training.train(model, digits, tmp_path, seed=0, every=2, show=False)
    assert same(before, model.classifier)
    assert not same(generator, model.generator)
    assert not model.classifier.training
    assert not any(p.requires_grad for p in model.classifier.parameters())
    again = modnet(pretrained="digits-cnn", freeze=True, steps=4)
    training.load_checkpoint(again, tmp_path / CHECKPOINT)
    assert same(before, again.classifier)


def test_a_frozen_classifier_with_batch_norm_keeps_its_statistics(build, npz, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (40, 28, 28), dtype=np.uint8)
    dataset = data.load(npz(x=images, y=np.arange(40) % 10))
    model = build("modnet", dataset, **QUIET, pretrained="mnist-cnn", freeze=True)
    before = weights(model.classifier)
    steps(model, dataset, 2)
    assert any("running_mean" in name for name in before)
    assert same(before, model.classifier)


def test_a_pretrained_classifier_that_is_not_frozen_goes_on_learning(modnet, digits):
    model = modnet(pretrained="digits-cnn")
    before = weights(model.classifier)
    steps(model, digits, 1)
    assert not same(before, model.classifier)


def test_gradients_of_a_frozen_classifier_train_the_generator(modnet, digits):
    """Alone, without discriminator or penalty, they bring the target's cross-entropy down."""
    model = modnet(pretrained="digits-cnn", freeze=True, learning_rate=5e-3, width=8, l1=0.0, batch_size=32)
    torch.manual_seed(0)
    batches = training.batches(training.to_device(digits.train, model.device), 32)
    found = [model.step(batches)["target"].item() for _ in range(30)]
    assert np.mean(found[-5:]) < np.mean(found[:5]) / 2


def test_targets_and_images_are_drawn_independently(modnet, digits):
    """Labels of other images: equal to an image's own as often as two drawn labels are equal, one time in ten."""
    model = modnet(batch_size=500)
    torch.manual_seed(0)
    resident = training.to_device(digits.train, model.device)
    batches = training.batches(resident, 500)
    own = {image.numpy().tobytes(): int(label) for image, label in zip(*resident, strict=True)}
    images, targets = model.drawn(batches)
    as_bytes = [((x + 1) * 127.5).round().to(torch.uint8).numpy().tobytes() for x in images]
    agree = np.mean([own[key] == int(target) for key, target in zip(as_bytes, targets, strict=True)])
    assert agree == pytest.approx(0.1, abs=0.05)  # 3.7 standard errors


def test_instance_noise_decays_exponentially(modnet):
    model = modnet(instance_noise=0.5, noise_decay=2.0, batch_size=2000)
    found = []
    for progress in (0.0, 0.5, 1.0):
        model.progress = progress
        found.append(model.noise(torch.zeros(2000, 1, 8, 8)).std().item())
    assert found == pytest.approx([0.5, 0.5 / math.e, 0.5 / math.e**2], rel=0.02)
    assert modnet().noise(torch.zeros(8, 1, 8, 8)) == 0


def test_labels_are_flipped_as_often_as_asked(modnet):
    torch.manual_seed(0)
    assert modnet(flip_labels=0.2, batch_size=5000).flips().float().mean().item() == pytest.approx(0.2, abs=0.02)
    assert not modnet(batch_size=5000).flips().any()


def test_a_larger_lambda_leaves_images_nearer_to_themselves(build, quarters):
    dataset = quarters((1, 8, 8))
    changes = []
    for l1 in (0.1, 30.0):
        model = build("modnet", dataset, **{**QUIET, "batch_size": 32}, learning_rate=5e-3, l1=l1)
        steps(model, dataset, 40)
        changes.append(mean_change(dataset.test.images, model.modify(dataset.test.images, np.zeros(64, np.int64))))
    assert changes[1] < changes[0] / 2


@pytest.mark.parametrize("label_generated", [False, True])
def test_a_classifier_of_real_images_alone_makes_it_move_the_bright_quarter(build, quarters, label_generated):
    """One that also learns generated images as their targets (Eq. 2.5) agrees with the generator on a mark instead:
    it sees the target, while the bright quarter stays where it was."""
    dataset = quarters((1, 8, 8))
    settings = {**QUIET, "width": 8, "batch_size": 32, "learning_rate": 5e-3, "generator_steps": 1}
    model = build("modnet", dataset, **settings, label_generated=label_generated)
    steps(model, dataset, 150)
    targets = other_labels(dataset.test.labels, 4, seed=0)
    changed = model.modify(dataset.test.images, targets).reshape(64, 2, 4, 2, 4).mean(axis=(2, 4)).reshape(64, 4)
    assert model.evaluate(dataset, 0)["target_seen_test"] > 0.9
    moved = (changed.argmax(axis=1) == targets).mean()
    assert moved < 0.1 if label_generated else moved > 0.9


# --- use


def test_other_labels_are_other_and_all_of_them_come_up():
    labels = np.repeat(np.arange(4), 300)
    found = other_labels(labels, 4, seed=0)
    assert (found != labels).all()
    pairs = {
        pair: int(((labels == pair[0]) & (found == pair[1])).sum()) for pair in itertools.permutations(range(4), 2)
    }
    assert len(pairs) == 12
    assert all(60 < n < 140 for n in pairs.values())


def test_samples_are_training_images_changed_towards_labels_in_turn(modnet, digits):
    model = modnet()
    torch.nn.init.zeros_(model.generator.unet.up[-1][1].weight)
    train = {image.tobytes() for image in digits.train.images}
    images, labels = next(iter(model.samples(20, seed=0)))
    assert all(image.tobytes() in train for image in images)
    assert labels.tolist() == [i % 10 for i in range(20)]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"output": "clp"}, "did you mean 'clip'"),
        ({"classifier": "both"}, "unknown classifier 'both'"),
        ({"l1_norm": "max"}, "unknown l1_norm 'max'"),
        ({"freeze": True}, "name it with --pretrained"),
        ({"pretrained": "digits-cnn", "classifier": "shared"}, "a network of its own"),
        ({"pretrained": "digits-cmm"}, "did you mean 'digits-cnn'"),
        ({"pretrained": "runs/none"}, "runs/none: no such run"),
        ({"pretrained": "mnist-cnn"}, r"takes grey images of 28 x 28, not of shape \(1, 8, 8\)"),
        ({"depth": 0}, "depth must be at least 1"),
        ({"frozen_layers": -1}, "frozen_layers must be at least 0"),
        ({"flip_labels": 2.0}, "flip_labels must be at most 1"),
        ({"instance_noise": float("nan")}, "instance_noise must be at least 0, got nan"),
        ({"reach": 0.0}, "reach must be above 0"),
        ({"generator_steps": 0}, "generator_steps must be at least 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(modnet, settings, message):
    with pytest.raises(DataError, match=message):
        modnet(**settings)


def test_images_without_labels_are_refused(build):
    with pytest.raises(DataError, match="changes labels, but blank images has no classes"):
        build("modnet", data.blank((1, 28, 28), 0))
