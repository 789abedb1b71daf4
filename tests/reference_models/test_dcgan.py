import math

import numpy as np
import pytest
import torch

from genmetrics._checks import DataError
from reference_models import data
from reference_models.dcgan import discriminator_loss, generator_loss
from reference_models.models import parameter_counts

SHAPES = [(1, 28, 28), (3, 32, 32), (3, 64, 64)]


def blank(*shape, classes=10):
    return data.blank(shape, classes, 100)


def repeat_of(dataset, n):
    while True:
        yield torch.from_numpy(dataset.train.images[:n]), torch.from_numpy(dataset.train.labels[:n])


def test_parameters_at_32_are_those_of_the_authors_code(build):
    assert parameter_counts(build("dcgan", blank(3, 32, 32))) == {"generator": 1_446_976, "discriminator": 1_033_664}


def test_parameters_at_28_by_hand(build):
    """Weights of layers, two a channel for batch norm; the labels' ten inputs at every layer."""
    found = parameter_counts(build("dcgan", blank(1, 28, 28)))
    assert found["generator"] == 100 * 1024 + 1024 * 6272 + 25 * (128 * 64 + 64) + 2 * (1024 + 6272 + 64)
    assert found["discriminator"] == 25 * (64 + 64 * 128) + 6272 * 1024 + 1024 + 2 * (128 + 1024)
    conditional = parameter_counts(build("dcgan", blank(1, 28, 28), conditional=True))
    assert conditional["generator"] - found["generator"] == 10 * (1024 + 6272 + 25 * (64 + 1))
    assert conditional["discriminator"] - found["discriminator"] == 10 * (25 * (64 + 128) + 1024 + 1)


def test_the_weak_generator_has_biases_in_place_of_batch_norm(build):
    weak, normal = (parameter_counts(build("dcgan", blank(3, 32, 32), weak=w)) for w in (True, False))
    assert (
        normal["generator"] - weak["generator"] == (4096 + 128 + 64) - 3
    )  # two a channel were, one is; 3 of the image
    assert weak["discriminator"] == normal["discriminator"]


def test_the_small_generator_makes_the_image_one_layer_earlier(build):
    small, normal = (build("dcgan", blank(3, 32, 32), small=s).generator for s in (True, False))
    assert len(small.layers) == len(normal.layers) - 1
    assert small.layers[-1].layer.weight.shape == (128, 3, 8, 8)


@pytest.mark.parametrize("variant", [{}, {"weak": True}, {"small": True}])
@pytest.mark.parametrize("shape", SHAPES)
def test_images_have_the_shape_of_the_data(build, shape, variant):
    model = build("dcgan", blank(*shape), width=8, **variant)
    assert model.generator(model.latents(2)).shape == (2, *shape)
    assert model.discriminator(torch.zeros(2, *shape)).shape == (2, 1)
    assert model.sample(3, seed=0).shape == (3, *shape)


def test_losses_at_one_half_are_two_and_one_logarithms_of_two():
    logits = torch.zeros(5, 1)
    assert discriminator_loss(logits, logits).item() == pytest.approx(math.log(4))
    assert generator_loss(logits).item() == pytest.approx(math.log(2))


def test_losses_are_those_of_binary_cross_entropy():
    real, fake = torch.randn(2, 7, 1)
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    expected = bce(real, torch.ones(7, 1)) + bce(fake, torch.zeros(7, 1))
    assert discriminator_loss(real, fake).item() == pytest.approx(expected.item(), rel=1e-5)
    assert generator_loss(fake).item() == pytest.approx(bce(fake, torch.ones(7, 1)).item(), rel=1e-5)


def test_an_update_of_one_network_leaves_the_other_as_it_was(build, digits):
    model = build("dcgan", blank(1, 28, 28), width=4, batch_size=8)
    before = {name: [p.clone() for p in net.parameters()] for name, net in model.networks.items()}
    shown = model.step(repeat_of(blank(1, 28, 28), 8))
    assert shown["discriminator"].item() == pytest.approx(math.log(4), abs=0.5)  # hardly knows anything yet
    for name, network in model.networks.items():
        assert all((p != q).any() for p, q in zip(network.parameters(), before[name], strict=True))


def test_weights_start_as_the_paper_says(build):
    model = build("dcgan", blank(1, 28, 28))
    layer = model.generator.layers[1]
    assert layer.layer.weight.std().item() == pytest.approx(0.02, rel=0.01)  # of 6.4 million
    assert layer.norm.weight.mean().item() == pytest.approx(1, abs=0.002)
    assert layer.norm.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert not layer.norm.bias.any()


def test_the_rate_falls_to_nothing_over_the_second_half(build):
    model = build("dcgan", blank(1, 28, 28), width=4, batch_size=8, learning_rate=1.0)
    for progress, rate in ((0.0, 1.0), (0.5, 1.0), (0.75, 0.5), (1.0, 0.0)):
        model.progress = progress
        model.step(repeat_of(blank(1, 28, 28), 8))
        assert model.optimisers["generator"].param_groups[0]["lr"] == pytest.approx(rate)


def test_latents_are_uniform_at_28_and_normal_at_32(build):
    uniform, normal = (build("dcgan", blank(*s), width=4).latents(500) for s in SHAPES[:2])
    assert uniform.abs().max() <= 1
    assert uniform.std().item() == pytest.approx(3**-0.5, rel=0.02)
    assert normal.std().item() == pytest.approx(1, rel=0.02)


def test_it_learns_64_images_by_heart(build, quarters, distance, repeat):
    """Samples come at least three times nearer to them than they were at the start."""
    torch.manual_seed(0)
    dataset = quarters((1, 28, 28))
    model = build("dcgan", dataset, width=16, batch_size=32, learning_rate=4e-3, steps=100)
    before, batches = distance(model, dataset), repeat(dataset, 32)
    for _ in range(100):
        model.step(batches)
    assert distance(model, dataset) < before / 3


def test_a_conditional_model_needs_labels(build):
    with pytest.raises(DataError, match="no classes; leave --conditional out"):
        build("dcgan", blank(1, 28, 28, classes=0), conditional=True)


def test_a_conditional_model_takes_its_classes_in_turn(build):
    model = build("dcgan", blank(1, 28, 28), conditional=True, width=4)
    labels = np.concatenate([labels for _, labels in model.samples(70, seed=0)])
    assert labels.tolist() == [i % 10 for i in range(70)]
    latents = model.latents(2)
    zero, one = (model.generate(latents, torch.full((2,), label)) for label in (0, 1))
    assert (zero != one).any()


def test_other_sizes_are_refused(build):
    with pytest.raises(DataError, match=r"28, 32 or 64 pixels a side; .* has \(1, 8, 8\)"):
        build("dcgan", blank(1, 8, 8))
