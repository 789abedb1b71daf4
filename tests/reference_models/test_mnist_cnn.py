import math

import numpy as np
import pytest
import torch

from genmetrics._checks import DataError
from genmetrics.extractors.hypercolumns import hypercolumns, places
from reference_models import data
from reference_models.classifiers import accuracy, reflected, shift_randomly
from reference_models.data import Images


@pytest.fixture
def drawn(npz):
    """Grey 28 x 28 images of ten classes, told apart by how far down they are bright."""
    rng = np.random.default_rng(0)
    labels = np.arange(120) % 10
    images = rng.integers(0, 60, (120, 28, 28), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[: 2 * label + 2] += 180
    return data.load(npz(x=images, y=labels))


def repeat_of(dataset, n):
    while True:
        yield torch.from_numpy(dataset.train.images[:n]), torch.from_numpy(dataset.train.labels[:n])


def test_it_has_98682_parameters(build, drawn):
    """9 (1*16 + 16*32 + 32*64 + 64*128), two a channel for batch norm, (128 + 1) 10."""
    expected = 9 * (16 + 16 * 32 + 32 * 64 + 64 * 128) + 2 * (16 + 32 + 64 + 128) + 129 * 10
    model = build("mnist-cnn", drawn)
    assert sum(p.numel() for p in model.classifier.parameters()) == expected == 98682


def test_its_weights_start_as_xavier_says(build, drawn):
    """Uniform, of variance 2 / (fan in + fan out)."""
    weight = build("mnist-cnn", drawn).classifier.layers[3][0].weight
    variance = 2 / (9 * (64 + 128))
    assert weight.var().item() == pytest.approx(variance, rel=0.02)  # of 73,728 numbers
    assert weight.abs().max().item() <= math.sqrt(3 * variance)


def test_an_untrained_head_of_zeros_costs_the_logarithm_of_ten(build, drawn):
    model = build("mnist-cnn", drawn)
    torch.nn.init.zeros_(model.classifier.head.weight)
    assert model.step(repeat_of(drawn, 32))["cross_entropy"] == pytest.approx(math.log(10), rel=1e-6)


def test_the_learning_rate_rises_and_then_falls_along_a_cosine(build, drawn):
    model = build("mnist-cnn", drawn, learning_rate=2.0, steps=100)
    for progress, rate in [(0, 0.4), (0.5, 1.0), (1, 0.0)]:  # the first of the 5 steps of the rise
        model.progress = progress
        model.step(repeat_of(drawn, 4))
        assert model.adam.param_groups[0]["lr"] == pytest.approx(rate)


def test_it_learns_64_images_by_heart(build, drawn):
    torch.manual_seed(0)
    model = build("mnist-cnn", drawn, shift=0, steps=60)
    batches = repeat_of(drawn, 64)
    for step in range(60):
        model.progress = step / 60
        model.step(batches)
    first = Images(drawn.train.images[:64], drawn.train.labels[:64])
    assert accuracy(model.classifier.eval(), first) == 1


def test_hypercolumns_are_the_columns_above_16_cells():
    """The last 128 numbers of a place are what the last convolution says there; before them come the other layers."""
    layers = [torch.randn(2, n, side, side) for n, side in ((16, 14), (32, 7), (64, 7), (128, 7))]
    columns = hypercolumns(layers, 7).reshape(2, 16, 240)
    cells = list(zip(*places(7), strict=True))
    assert len(set(cells)) == 16
    for place, (r, c) in enumerate(cells):
        expected = [layers[0][:, :, 2 * r + 1, 2 * c + 1], *(maps[:, :, r, c] for maps in layers[1:])]
        assert torch.equal(columns[:, place], torch.cat(expected, dim=1))


def test_the_cells_are_the_same_whatever_random_numbers_the_caller_has():
    torch.manual_seed(1)
    first = places(7)
    torch.manual_seed(2)
    assert places(7) == first


def test_an_image_is_reflected_without_repeating_its_edge():
    image = torch.arange(30, dtype=torch.uint8).reshape(1, 1, 5, 6)
    expected = np.pad(image.numpy(), ((0, 0), (0, 0), (2, 2), (2, 2)), mode="reflect")
    assert (reflected(image, 2).numpy() == expected).all()
    assert shift_randomly(image, 2, "reflect").shape == image.shape


def test_images_of_another_size_are_refused(build, npz):
    with pytest.raises(DataError, match="grey 28 x 28 images of 1 to 10 classes"):
        build("mnist-cnn", data.load(npz(x=np.zeros((20, 8, 8), np.uint8), y=np.zeros(20, int))))
