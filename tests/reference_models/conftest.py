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
