import math

import numpy as np
import pytest
import torch

from genmetrics._checks import DataError
from reference_models import data
from reference_models.classifiers import accuracy, shift_randomly
from reference_models.data import Images


def batch_of(dataset, n):
    return iter([(torch.from_numpy(dataset.train.images[:n]), torch.from_numpy(dataset.train.labels[:n]))])


def repeat_of(dataset, n):
    images, labels = next(batch_of(dataset, n))
    while True:
        yield images, labels


def test_it_has_45162_parameters(build):
    """(9 + 1) 32 + (288 + 1) 32 + (288 + 1) 64 + (256 + 1) 64 + (64 + 1) 10."""
    assert sum(p.numel() for p in build("digits-cnn").classifier.parameters()) == 45162


def test_an_untrained_head_of_zeros_costs_the_logarithm_of_ten(build, digits):
    model = build("digits-cnn")
    torch.nn.init.zeros_(model.classifier.head.weight)
    torch.nn.init.zeros_(model.classifier.head.bias)
    assert model.step(batch_of(digits, 32))["cross_entropy"] == pytest.approx(math.log(10), rel=1e-6)


def test_gradients_reach_every_parameter(build, digits):
    model = build("digits-cnn")
    model.step(batch_of(digits, 64))
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.classifier.parameters())


def test_the_learning_rate_falls_along_a_cosine(build, digits):
    model = build("digits-cnn", learning_rate=2.0)
    for progress, rate in [(0, 2.0), (0.5, 1.0), (1, 0.0)]:
        model.progress = progress
        model.step(batch_of(digits, 8))
        assert model.adam.param_groups[0]["lr"] == pytest.approx(rate)


def test_it_learns_64_images_by_heart(build, digits):
    torch.manual_seed(0)
    model = build("digits-cnn", shift=0, dropout=0.0)
    batches = repeat_of(digits, 64)
    for _ in range(100):
        model.step(batches)
    assert accuracy(model.classifier.eval(), Images(digits.train.images[:64], digits.train.labels[:64])) == 1


def test_accuracy_is_the_share_of_right_answers(build, digits):
    network = build("digits-cnn").classifier.eval()
    images = digits.test.images[:10]
    answers = network(torch.from_numpy(images) / 255)["logits"].argmax(1).numpy()
    wrong_in_three = np.where(np.arange(10) < 3, (answers + 1) % 10, answers)
    assert accuracy(network, Images(images, wrong_in_three)) == pytest.approx(0.7)


def test_shifted_images_are_the_nine_moves_of_an_image():
    torch.manual_seed(0)
    image = torch.arange(1, 17, dtype=torch.uint8).reshape(1, 1, 4, 4)
    padded = torch.nn.functional.pad(image, (1, 1, 1, 1))
    moves = {padded[0, 0, r : r + 4, c : c + 4].numpy().tobytes() for r in range(3) for c in range(3)}
    shifted = shift_randomly(image.repeat(200, 1, 1, 1), 1)
    assert shifted.shape == (200, 1, 4, 4)
    assert {s.numpy().tobytes() for s in shifted} == moves


def test_a_shift_of_nothing_changes_nothing():
    images = torch.randint(0, 256, (5, 3, 8, 8), dtype=torch.uint8)
    assert torch.equal(shift_randomly(images, 0), images)


@pytest.mark.parametrize("arrays", [{"x": np.zeros((20, 9, 8), np.uint8), "y": np.zeros(20, int)},
                                    {"x": np.zeros((20, 8, 8), np.uint8)},
                                    {"x": np.zeros((20, 8, 8), np.uint8), "y": np.arange(20)}])  # fmt: skip
def test_images_of_another_size_or_without_ten_labels_are_refused(build, npz, arrays):
    with pytest.raises(DataError, match="grey 8 x 8 images of 1 to 10 classes"):
        build("digits-cnn", data.load(npz(**arrays)))
