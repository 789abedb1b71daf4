"""The real networks reach the accuracies that come with their weights."""

import networks
import numpy as np
import packs
import pytest
import torch

pytestmark = pytest.mark.usefixtures("shared_data")


def answers(name, images):
    classifier = networks.Classifier(name)
    return np.concatenate([classifier(list(part))["logits"] for part in np.array_split(images, len(images) // 50)])


def accuracy(name, images, labels):
    return 100 * float((answers(name, images).argmax(axis=1) == labels).mean())


@pytest.mark.parametrize(("name", "published"), [("resnet20", 91.5), ("sgan-encoder", 87.3)])
def test_accuracy_on_cifar10(name, published):
    assert accuracy(name, *packs.cifar10_test()) == pytest.approx(published, abs=0.051)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "published"), [("resnet32", 92.8), ("resnet44", 93.3), ("resnet56", 92.6)])
def test_accuracy_of_the_deeper_networks(name, published):
    assert accuracy(name, *packs.cifar10_test()) == pytest.approx(published, abs=0.051)


@pytest.mark.slow
def test_accuracy_of_squeezenet_on_imagenet():
    """The published 59.6% and 81.8% are those of the second half of the images; 0.2% is one image."""
    images, labels = packs.imagenet1k(range(500, 1000))
    best = np.argsort(-answers("squeezenet", images), axis=1)
    assert 100 * (best[:, 0] == labels).mean() == pytest.approx(59.6, abs=0.21)
    assert 100 * (best[:, :5] == labels[:, None]).any(axis=1).mean() == pytest.approx(81.8, abs=0.21)


@pytest.mark.parametrize("name", networks.NETWORKS)
def test_the_last_layer_reads_the_features(name):
    """Where it is linear, that is; SqueezeNet's is not, between it and its logits stands a ReLU."""
    side = 224 if name == "squeezenet" else 32
    images = torch.randint(0, 256, (2, 3, side, side), dtype=torch.uint8)
    network = networks.load(name)
    found = network(images)
    assert {key: len(value) for key, value in found.items()} == {"features": 2, "logits": 2}
    if name != "squeezenet":
        head = network.fc4 if name == "sgan-encoder" else network.linear
        assert torch.allclose(found["logits"], head(found["features"]))


def test_hypercolumns_of_a_resnet_are_its_stages_above_16_places():
    images, _ = packs.cifar10_test()
    plain, more = networks.Classifier("resnet20"), networks.Classifier("resnet20", outputs=("logits", "hypercolumns"))
    found = more(list(images[:2]))
    assert more.outputs == ("features", "logits", "hypercolumns")
    assert found["hypercolumns"].shape == (2, 16 * (16 + 32 + 64))
    last = found["hypercolumns"].reshape(2, 16, -1)[:, :, -64:].mean(axis=1)
    assert np.corrcoef(last.ravel(), found["features"].ravel())[0, 1] > 0.8  # features: the mean over all 64 places
    assert np.array_equal(plain(list(images[:2]))["logits"], found["logits"])


def test_an_exported_network_is_an_extractor(tmp_path):
    import genmetrics as gm

    images, _ = packs.cifar10_test()
    path = networks.export("resnet20", tmp_path / "resnet20.pt2")
    found = gm.extract(images[:3], f"module:{path}", ("features", "logits"))
    own = networks.Classifier("resnet20")(list(images[:3]))
    assert np.allclose(found["logits"], own["logits"], atol=1e-4)
    assert np.allclose(found["features"], own["features"], atol=1e-4)
