"""The shipped CIFAR-10 classifier: what WEIGHTS.md says of it is recomputed here, where CIFAR-10 is at hand."""

import hashlib
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

import genmetrics as gm
from genmetrics.extractors import find_extractor, hypercolumns, wide_resnet

SECTION = (
    (wide_resnet.WEIGHTS.parent / "WEIGHTS.md").read_text(encoding="utf-8").split(f"## {wide_resnet.WEIGHTS.name}")[1]
)


def stated(what):
    return re.search(rf"\| {what} \| `?([^|`]+)`? \|", SECTION)[1].strip()


@pytest.fixture
def test_images(shared_data):
    pack = np.load(shared_data / "cifar10_test1k.npz")
    return pack["x"], pack["y"]


def coloured(n=4, side=32):
    return np.random.default_rng(0).integers(0, 256, (n, side, side, 3), dtype=np.uint8)


def extracted(images, *outputs):
    return gm.extract(images, "cifar10-wrn", outputs or ("logits",), cache=False)


def test_the_checksum_is_the_stated_one_and_the_file_small():
    content = wide_resnet.WEIGHTS.read_bytes()
    assert hashlib.sha256(content).hexdigest() == stated("SHA-256")
    assert len(content) <= 6e6


def test_the_test_images_are_read_as_stated(test_images):
    images, labels = test_images
    found = (extracted(images)["logits"].argmax(1) == labels).mean()
    assert found == pytest.approx(float(stated("accuracy, test")), abs=2e-3)


def test_outputs_are_features_and_logits_and_hypercolumns_on_request():
    assert find_extractor("cifar10-wrn").outputs == ("features", "logits")
    found = extracted(coloured(), "features", "logits", "hypercolumns")
    shapes = {name: value.shape for name, value in found.items()}
    assert shapes == {"features": (4, 128), "logits": (4, 10), "hypercolumns": (4, 16 * (32 + 64 + 128))}
    assert all(np.isfinite(value).all() for value in found.values())


def test_the_logits_are_the_head_applied_to_the_features():
    network = wide_resnet.load()
    out = network(torch.rand(3, 3, 32, 32))
    assert torch.equal(out["logits"], network.head(out["features"]))


def test_hypercolumns_are_what_the_groups_give_above_sixteen_places():
    network, seen = wide_resnet.load(), {}
    blocks = [module for module in network.body if isinstance(module, wide_resnet.Block)]
    for group in range(3):
        last = blocks[(group + 1) * len(blocks) // 3 - 1]
        last.register_forward_hook(lambda _module, _inputs, out, group=group: seen.__setitem__(group, out))
    found = network(torch.rand(2, 3, 32, 32), ("hypercolumns",))["hypercolumns"].view(2, 16, -1)
    seen[2] = F.relu(network.body[-2](seen[2]))
    for place, (row, column) in enumerate(zip(*hypercolumns.places(8), strict=True)):
        expected = [
            seen[0][:, :, 4 * row + 2, 4 * column + 2],
            seen[1][:, :, 2 * row + 1, 2 * column + 1],
            seen[2][:, :, row, column],
        ]
        assert torch.equal(found[:, place], torch.cat(expected, dim=1))


def test_the_shipped_network_knows_the_mean_of_its_training_images():
    network = wide_resnet.load()
    assert ((network.mean > 0.4) & (network.mean < 0.5)).all()
    assert ((network.deviation > 0.2) & (network.deviation < 0.3)).all()


def test_an_image_of_32_is_not_resized_and_a_grey_one_is_a_colour_image_of_equal_channels():
    images = coloured()
    direct = wide_resnet.load()(torch.from_numpy(images).permute(0, 3, 1, 2) / 255)["logits"].numpy()
    np.testing.assert_allclose(extracted(images)["logits"], direct, rtol=1e-4, atol=1e-3)  # batches of another size
    grey = images[..., 0]
    repeated = np.repeat(grey[..., None], 3, axis=3)
    assert (extracted(grey)["logits"] == extracted(repeated)["logits"]).all()


def test_other_sizes_are_resized_by_clean_bicubic():
    """As Pillow does on floats."""
    image = coloured(1, 48)[0]
    small = [
        np.asarray(Image.fromarray(image[..., c].astype(np.float32)).resize((32, 32), Image.Resampling.BICUBIC))
        for c in range(3)
    ]
    batch = torch.from_numpy(np.stack(small).clip(0, 255)[None].copy()) / 255
    expected = wide_resnet.load()(batch)["logits"].numpy()
    np.testing.assert_allclose(extracted(image[None])["logits"], expected, rtol=1e-3, atol=1e-2)
    assert find_extractor("cifar10-wrn").resize == "clean-32"


@pytest.mark.parametrize("shape", [(32, 48), (48, 32)])
def test_hypercolumns_of_images_that_are_not_square_are_refused(shape):
    with pytest.raises(ValueError, match=rf"square images, but a layer's activations are {shape[0]} x {shape[1]}"):
        wide_resnet.load()(torch.rand(1, 3, *shape), ("hypercolumns",))


@pytest.mark.parametrize("name", ["cifar10-wrn", "mnist-cnn"])
def test_prelogits_are_the_features_by_the_name_of_the_thesis(name):
    found = gm.extract(coloured(), name, ("prelogits",), cache=False)
    assert list(found) == ["prelogits"]
    assert np.array_equal(found["prelogits"], gm.extract(coloured(), name, cache=False)["features"])
