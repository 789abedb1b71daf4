"""The packs of real images are what their description says."""

import numpy as np
import packs
import pytest

pytestmark = pytest.mark.usefixtures("shared_data")


def test_a_missing_pack_names_its_file(monkeypatch, tmp_path):
    monkeypatch.setattr(packs, "DATA", tmp_path)
    with pytest.raises(packs.MissingPack, match=r"needs the pack mnist_test\.npz"):
        packs.mnist("test")


def test_mnist():
    images, labels = packs.mnist("test")
    assert (images.shape, images.dtype) == ((10_000, 28, 28), np.uint8)
    assert np.bincount(labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]  # as published


def test_cifar10_train_is_cut_from_its_mosaics_in_order():
    images, labels = packs.cifar10_train(1500)
    assert (images.shape, images.dtype) == ((1500, 32, 32, 3), np.uint8)
    assert labels[:5].tolist() == [6, 9, 9, 4, 1]  # the original order
    assert images[0, 0, 0].tolist() == [59, 62, 63]  # data_batch_1's first pixel
    assert (packs.cifar10_train(7).images == images[:7]).all()


def test_cifar10_test():
    images, labels = packs.cifar10_test()
    assert (images.shape, images.dtype) == ((1000, 32, 32, 3), np.uint8)
    assert labels[:5].tolist() == [3, 8, 8, 0, 6]


def test_imagenet_has_one_image_a_class():
    images, labels = packs.imagenet1k(range(3, 6))
    assert (images.shape, images.dtype) == ((3, 224, 224, 3), np.uint8)
    assert labels.tolist() == [3, 4, 5]
    assert packs.imagenet_wnids()[:2] == ["n01440764", "n01443537"]


def test_celeba():
    images = packs.celeba(range(2, 4))
    assert (images.shape, images.dtype) == ((2, 109, 89, 3), np.uint8)
    assert images.std() > 20
