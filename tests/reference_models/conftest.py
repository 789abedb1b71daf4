"""What the trainers' tests share: the digits, and a few images in an .npz file."""

import dataclasses

import numpy as np
import pytest
import torch

from reference_models import data, models


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """The networks are small: a second thread costs more than it brings."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def digits():
    return data.load("digits")


@pytest.fixture
def npz(tmp_path):
    """A function that writes arrays to an .npz file and returns its path."""

    def write(name="images.npz", **arrays):
        np.savez(tmp_path / name, **arrays)
        return str(tmp_path / name)

    return write


@pytest.fixture
def build(digits):
    """A function that builds a model on the CPU, with some of its settings changed."""

    def make(name, dataset=digits, seed=0, **settings):
        config = dataclasses.replace(models.find(name).Config(), **settings)
        return models.build(name, config, dataset, torch.device("cpu"), seed)

    return make


@pytest.fixture
def quarters():
    """A function that makes 64 noisy images of a shape, one quarter of each bright: four classes."""

    def make(shape):
        rng = np.random.default_rng(0)
        images, labels = rng.integers(0, 30, (64, *shape), dtype=np.uint8), np.arange(64) % 4
        half = shape[1] // 2
        for image, label in zip(images, labels, strict=True):
            top, left = divmod(int(label), 2)
            image[:, top * half : (top + 1) * half, left * half : (left + 1) * half] += 200
        part = data.Images(images, labels)
        return data.Dataset("quarters", part, part, part, 4)

    return make


@pytest.fixture
def distance():
    """A function: mean squared difference per pixel of a model's samples to the nearest training image."""

    def measure(model, dataset):
        samples, images = (x.reshape(len(x), -1) / 255 for x in (model.sample(64, seed=0), dataset.train.images))
        return np.square(samples[:, None] - images).mean(-1).min(1).mean()

    return measure


@pytest.fixture
def repeat():
    """A function that makes endless batches of n of the training images, drawn anew each time."""

    def make(dataset, n):
        images, labels = (torch.from_numpy(part) for part in dataset.train)
        while True:
            rows = torch.randperm(len(images))[:n]
            yield images[rows], labels[rows]

    return make
