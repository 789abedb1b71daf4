"""Images to features: one network shape, a canonical order, a cache that is used and never lies."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
from image_files import save_pngs

import genmetrics as gm
from genmetrics._checks import DataError, UnknownNameError
from genmetrics.extractors import find_extractor
from genmetrics.extractors.digits import luma
from genmetrics.feature_cache import cache_folder
from genmetrics.features import features_of
from genmetrics.sources import open_images


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (37, 8, 8), dtype=np.uint8)


class Counting:
    """The mean grey value; counts how often it is called, and sees batches of 16."""

    name, channels, size, resize, outputs = "mean-grey", None, None, "none", ("features",)
    weights_sha256, batch_size = "00" * 32, 16

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(self, images):
        self.batches.append(len(images))
        return {"features": np.array([[image.mean()] for image in images], dtype=np.float32)}


def test_features_come_in_the_order_of_the_images(images):
    features = gm.extract(images, "pixels")["features"]
    np.testing.assert_allclose(features, images.reshape(37, -1) / 255, rtol=1e-7)
    assert features.dtype == np.float32
    assert features.flags.c_contiguous


def test_the_network_always_sees_batches_of_one_size(images):
    network = Counting()
    features_of(open_images(images, "images"), network)
    assert network.batches == [16, 16, 16]


def test_a_second_run_does_not_run_the_network(images):
    network = Counting()
    first = features_of(open_images(images, "images"), network)
    second = features_of(open_images(images, "images"), network)
    assert len(network.batches) == 3
    assert second.cached
    assert not first.cached
    np.testing.assert_array_equal(first.outputs["features"], second.outputs["features"])


def test_no_cache_means_neither_read_nor_written(images):
    network = Counting()
    for _ in range(2):
        features_of(open_images(images, "images"), network, cache=False)
    assert len(network.batches) == 6
    assert not cache_folder().exists()


@pytest.mark.parametrize(
    "change", [("name", "other"), ("weights_sha256", "ab" * 32), ("resize", "clean"), ("batch_size", 8)]
)
def test_another_network_is_another_entry_of_the_cache(images, change):
    features_of(open_images(images, "images"), Counting())
    other = Counting()
    setattr(other, *change)
    assert not features_of(open_images(images, "images"), other).cached


def test_a_network_without_a_digest_of_its_weights_is_never_cached(images):
    network = Counting()
    network.weights_sha256 = None
    for _ in range(2):
        assert not features_of(open_images(images, "images"), network).cached
    assert not cache_folder().exists()


def test_one_changed_pixel_is_another_entry_of_the_cache(images):
    features_of(open_images(images, "images"), Counting())
    images[20, 3, 3] ^= 1
    assert not features_of(open_images(images, "images"), Counting()).cached


def test_canonical_order_and_digest_do_not_depend_on_the_order_of_the_images(images):
    a = features_of(open_images(images, "a"), Counting())
    b = features_of(open_images(images[::-1], "b"), Counting())
    assert a.digest == b.digest
    np.testing.assert_array_equal(a.outputs["features"], b.outputs["features"])


def test_the_digest_does_not_depend_on_the_container(images, tmp_path):
    folder = save_pngs(tmp_path / "pngs", images)
    np.savez(tmp_path / "images.npz", x=images)
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        for file in sorted(folder.iterdir(), reverse=True):
            archive.write(file, f"elsewhere/{file.name}")
    sources = [folder, tmp_path / "images.npz", tmp_path / "images.zip", images]
    assert len({features_of(open_images(source, "x"), Counting()).digest for source in sources}) == 1


def test_duplicates_are_counted(images):
    doubled = features_of(open_images(np.concatenate([images, images[:5]]), "x"), Counting())
    assert doubled.duplicates == 5
    assert doubled.shared_with(features_of(open_images(images[:3], "y"), Counting())) == 6


def test_a_network_that_returns_nan_is_named_with_the_image(images):
    class Broken(Counting):
        def __call__(self, images):
            values = super().__call__(images)["features"]
            return {"features": np.where(values > 140, np.nan, values)}

    bad = int(np.flatnonzero(images.mean(axis=(1, 2)) > 140)[0])
    with pytest.raises(DataError, match=rf"x: mean-grey returns NaN or inf in 'features' for image {bad}"):
        features_of(open_images(images, "x"), Broken())


def test_mixed_sizes_are_refused_by_a_network_that_does_not_resize(tmp_path, images):
    save_pngs(tmp_path / "a", images[:3])
    save_pngs(tmp_path / "a" / "b", np.zeros((1, 9, 9), np.uint8))
    with pytest.raises(DataError, match=r"2 sizes \(3 of 4 are 8x8\), but pixels needs one"):
        gm.extract(tmp_path / "a", "pixels")


def test_mixed_sizes_are_resized_by_one_that_does(tmp_path, images):
    save_pngs(tmp_path / "a", images[:3])
    save_pngs(tmp_path / "a" / "b", np.zeros((1, 19, 30), np.uint8))
    assert gm.extract(tmp_path / "a", "digits-cnn")["features"].shape == (4, 64)


def test_digits_enlarged_by_a_whole_factor_have_the_same_features(images):
    small = gm.extract(images, "digits-cnn", ("features", "logits"))
    large = gm.extract(images.repeat(5, axis=1).repeat(5, axis=2), "digits-cnn", ("features", "logits"))
    for name in small:
        np.testing.assert_allclose(small[name], large[name], atol=1e-4)  # float32 averages of 25 equal pixels


def test_grey_and_its_colour_copy_have_the_same_digit_features(images):
    colour = np.repeat(images[..., None], 3, axis=3)
    a, b = (gm.extract(x, "digits-cnn")["features"] for x in (images, colour))
    np.testing.assert_array_equal(a, b)


def test_luma_is_pillows():
    from PIL import Image

    image = np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    np.testing.assert_array_equal(luma(image), np.asarray(Image.fromarray(image).convert("L")))


def test_an_unknown_extractor_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'digits-cnn'"):
        find_extractor("digit-cnn")


def test_an_object_that_is_no_extractor_is_told_what_it_lacks():
    with pytest.raises(DataError, match="function is no extractor: it lacks name, channels"):
        find_extractor(lambda images: images)


def test_an_output_the_network_does_not_have_is_refused(images):
    with pytest.raises(DataError, match="pixels gives features, not logits"):
        gm.extract(images, "pixels", ("logits",))


def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(DataError, match="device 'cuda:99' cannot be used here"):
        gm.extract(np.zeros((2, 8, 8), np.uint8), "digits-cnn", device="cuda:99")
