"""The random VGG16: the same on every machine, as documented."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import genmetrics as gm
from genmetrics.extractors.random_vgg16 import RandomVGG16, random_vgg16


@pytest.fixture(scope="module")
def network():
    found = RandomVGG16("cpu")
    found.batch_size = 3
    return found


def test_its_weights_are_drawn_from_its_seed_alone(network):
    """The generator of torch's CPU is the same everywhere; the digest is what signatures bear."""
    before = torch.get_rng_state()
    again = random_vgg16()
    assert torch.equal(before, torch.get_rng_state())
    for ours, theirs in zip(network.network.parameters(), again.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_it_is_the_architecture_of_vgg16_with_64_outputs(network):
    sizes = [tuple(layer.weight.shape) for layer in network.network.modules() if hasattr(layer, "weight")]
    assert len(sizes) == 13 + 2
    assert sizes[0] == (64, 3, 3, 3)
    assert sizes[-2:] == [(4096, 25088), (64, 4096)]


def test_its_weights_have_the_spread_that_is_documented(network):
    layers = [layer for layer in network.network.modules() if hasattr(layer, "weight")]
    for layer in layers[:13]:
        assert layer.weight.std().item() == pytest.approx((2 / (layer.out_channels * 9)) ** 0.5, rel=0.05)
    for layer in layers[13:]:
        assert layer.weight.std().item() == pytest.approx(0.01, rel=0.01)
    assert all(not layer.bias.any() for layer in layers)


def test_it_tells_images_apart_and_does_not_depend_on_what_stands_beside(network):
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    images[2:] //= 4
    found = gm.extract(images, network, cache=False)["features"]
    assert found.shape == (4, 64)
    assert np.linalg.norm(found[0] - found[2]) > 0.2 * np.linalg.norm(found[0])
    alone = gm.extract(images[3:], network, cache=False)["features"][0]
    np.testing.assert_allclose(alone, found[3], rtol=1e-5, atol=1e-6 * np.abs(found[3]).max())
