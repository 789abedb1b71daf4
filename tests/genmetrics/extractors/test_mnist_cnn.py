"""The shipped MNIST classifier: what WEIGHTS.md says of it is recomputed here, where MNIST is at hand."""

import hashlib
import re

import numpy as np
import pytest
import torch
from PIL import Image

import genmetrics as gm
from genmetrics._checks import UnknownNameError
from genmetrics.extractors import find_extractor, mnist_cnn
from genmetrics.extractors.mnist import MnistExtractor

SECTION = (mnist_cnn.WEIGHTS.parent / "WEIGHTS.md").read_text(encoding="utf-8").split(f"## {mnist_cnn.WEIGHTS.name}")[1]


def stated(what):
    return re.search(rf"\| {what} \| `?([^|`]+)`? \|", SECTION)[1].strip()


@pytest.fixture
def test_images(shared_data):
    pack = np.load(shared_data / "mnist_test.npz")
    return pack["x"], pack["y"]


def grey(n=4, side=28):
    return np.random.default_rng(0).integers(0, 256, (n, side, side), dtype=np.uint8)


def logits(images):
    return gm.extract(images, "mnist-cnn", ("logits",), cache=False)["logits"]


def test_the_checksum_is_the_stated_one_and_the_file_small():
    content = mnist_cnn.WEIGHTS.read_bytes()
    assert hashlib.sha256(content).hexdigest() == stated("SHA-256")
    assert len(content) < 1.5e6


def test_every_tenth_test_image_is_read_as_stated(test_images):
    images, labels = (part[::10] for part in test_images)
    assert (logits(images).argmax(1) == labels).mean() >= 0.985  # of 1,000


@pytest.mark.slow
def test_the_classifier_is_as_accurate_as_stated_and_99_2_percent_at_least(test_images):
    images, labels = test_images
    found = (logits(images).argmax(1) == labels).mean()
    assert found >= 0.992
    assert found == pytest.approx(float(stated("accuracy, test")), abs=2e-4)


def test_outputs_are_features_and_logits_and_hypercolumns_on_request():
    assert find_extractor("mnist-cnn").outputs == ("features", "logits")
    found = gm.extract(grey(), "mnist-cnn", ("features", "logits", "hypercolumns"), cache=False)
    assert {name: value.shape for name, value in found.items()} == {
        "features": (4, 128),
        "logits": (4, 10),
        "hypercolumns": (4, 3840),
    }
    assert all(np.isfinite(value).all() for value in found.values())


def test_the_logits_are_the_head_applied_to_the_features():
    network = mnist_cnn.load()
    out = network(torch.rand(3, 1, 28, 28))
    assert torch.equal(out["logits"], network.head(out["features"]))


def test_an_image_of_28_is_not_resized_and_a_colour_image_of_equal_channels_is_the_grey_one():
    images = grey()
    direct = mnist_cnn.load()(torch.from_numpy(images)[:, None] / 255)["logits"].numpy()
    np.testing.assert_allclose(logits(images), direct, rtol=1e-4, atol=1e-4)  # batches of another size
    assert (logits(np.repeat(images[..., None], 3, axis=3)) == logits(images)).all()


def test_other_sizes_are_resized_by_clean_bicubic():
    """As Pillow does on floats."""
    image = grey(1, 40)[0]
    small = np.asarray(Image.fromarray(image.astype(np.float32)).resize((28, 28), Image.Resampling.BICUBIC))
    batch = torch.from_numpy(small.clip(0, 255)[None, None].copy()) / 255
    expected = mnist_cnn.load()(batch)["logits"].numpy()
    np.testing.assert_allclose(logits(image[None]), expected, rtol=1e-3, atol=1e-3)
    assert find_extractor("mnist-cnn").resize == "clean-28"


def test_colour_becomes_grey_as_in_pillow():
    colour = np.random.default_rng(1).integers(0, 256, (2, 28, 28, 3), dtype=np.uint8)
    grey_ones = np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in colour])
    assert (logits(colour) == logits(grey_ones)).all()


def test_an_unknown_output_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'hypercolumns'"):
        MnistExtractor(("hypercolumn",))


def test_every_feature_varies_over_the_digits(test_images):
    features = gm.extract(test_images[0][:500], "mnist-cnn", cache=False)["features"]
    assert features.std(axis=0).min() > 0.01 * features.std(axis=0).max()
