"""Every resize is the one it is named after: TensorFlow 1's kernel by its formula, Pillow's by Pillow itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from genmetrics import resizing
from genmetrics._checks import UnknownNameError
from genmetrics.resizing import RESIZES, resize, resize_each

SIDES = [(32, 32), (28, 41), (128, 100), (256, 256), (299, 299), (512, 400)]


def noise(height, width, n=2, channels=3, seed=0):
    """uint8 (n, c, h, w): every level, and edges of full contrast, where bicubic overshoots."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, channels, height, width), dtype=np.uint8)
    images[:, :, : height // 2, : width // 2] = 255 * rng.integers(
        0, 2, images[:, :, : height // 2, : width // 2].shape
    )
    return torch.from_numpy(images)


def tf1_in_loops(image, size):
    """TensorFlow 1's ResizeBilinear (align_corners=False), pixel by pixel, on one channel (h, w), in float32."""
    one = np.float32
    x = image.astype(one)
    (h, w), out = x.shape, np.empty(size, one)
    for i in range(size[0]):
        y = one(i) * one(one(h) / one(size[0]))
        top, bottom = int(y), min(int(y) + 1, h - 1)
        for j in range(size[1]):
            z = one(j) * one(one(w) / one(size[1]))
            left, right = int(z), min(int(z) + 1, w - 1)
            above = x[top, left] + (x[top, right] - x[top, left]) * (z - one(left))
            below = x[bottom, left] + (x[bottom, right] - x[bottom, left]) * (z - one(left))
            out[i, j] = above + (below - above) * (y - one(top))
    return out


@pytest.mark.parametrize("shape", [(5, 7), (32, 32), (33, 20), (64, 80)])
def test_tf1_bilinear_is_its_formula_to_the_last_bit(shape):
    images = noise(*shape, n=1, channels=1)
    np.testing.assert_array_equal(
        resize(images, (40, 45), "tf1-bilinear")[0, 0], tf1_in_loops(images[0, 0].numpy(), (40, 45))
    )


def test_tf1_bilinear_doubles_a_row_without_a_half_pixel_shift():  # by hand: output i reads input i / 2
    row = torch.tensor([[[[0, 100, 200]]]], dtype=torch.uint8)
    assert resize(row, (1, 6), "tf1-bilinear").tolist() == [[[[0, 50, 100, 150, 200, 200]]]]
    assert resize(row, (1, 6), "torch-bilinear").tolist() == [[[[0, 25, 75, 125, 175, 200]]]]


def test_tf1_bilinear_halves_by_taking_every_second_pixel():  # no antialias
    images = noise(64, 64)
    np.testing.assert_array_equal(resize(images, (32, 32), "tf1-bilinear"), images[:, :, ::2, ::2].float())


@pytest.mark.parametrize("side", [32, 64, 100, 128, 256, 300])
def test_tf1_bilinear_is_torch_fidelitys(side):
    peer = pytest.importorskip("torch_fidelity.interpolate_compat_tensorflow", reason="needs torch-fidelity")
    images = noise(side, side + 3, n=1)
    theirs = peer.interpolate_bilinear_2d_like_tensorflow1x(images.float(), size=(299, 299), align_corners=False)
    np.testing.assert_array_equal(resize(images, (299, 299), "tf1-bilinear"), theirs)


def by_pillow_in_floats(images, size):
    """Each channel as a mode-F picture, clipped: what clean-fid does."""

    def one(channel):
        return np.asarray(Image.fromarray(channel, mode="F").resize(size[::-1], Image.Resampling.BICUBIC))

    return np.stack([[one(channel) for channel in image] for image in images.float().numpy()]).clip(0, 255)


@pytest.mark.filterwarnings("ignore:'mode' parameter is deprecated:DeprecationWarning")
@pytest.mark.parametrize("side", SIDES, ids=str)
def test_clean_is_pillows_bicubic_on_floats(side):
    images = noise(*side)
    resized = resize(images, (299, 299), "clean").numpy()
    np.testing.assert_allclose(
        resized, by_pillow_in_floats(images, (299, 299)), atol=2e-4, rtol=0
    )  # Pillow's float32 passes
    assert resized.min() >= 0
    assert resized.max() <= 255
    assert (resized % 1).any() or side == (299, 299)  # not rounded


@pytest.mark.parametrize("side", SIDES, ids=str)
def test_pil_uint8_bicubic_is_pillows(side):
    images = noise(*side)
    theirs = [
        np.asarray(Image.fromarray(image.permute(1, 2, 0).numpy()).resize((224, 230), Image.Resampling.BICUBIC))
        for image in images
    ]
    ours = resize(images, (230, 224), "pil-uint8-bicubic").permute(0, 2, 3, 1)
    np.testing.assert_array_equal(ours, np.stack(theirs))


@pytest.mark.parametrize("protocol", RESIZES)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_resize_gives_contiguous_float32_grey_levels(protocol, channels):
    images = noise(40, 30, channels=channels)
    resized = resize(images, (50, 20), protocol)
    assert resized.shape == (2, channels, 50, 20)
    assert resized.dtype == torch.float32
    assert resized.is_contiguous()
    assert resized.min() >= 0
    assert resized.max() <= 255


@pytest.mark.parametrize("protocol", RESIZES)
def test_an_image_that_has_the_size_is_left_as_it_is(protocol):
    images = noise(31, 47)
    np.testing.assert_array_equal(resize(images, (31, 47), protocol), images.float())


@pytest.mark.parametrize("protocol", RESIZES)
def test_channels_and_images_do_not_touch_each_other(protocol):
    images = noise(20, 24, n=3)
    together = resize(images, (33, 30), protocol)
    alone = resize(images[1:2, 2:], (33, 30), protocol)
    np.testing.assert_array_equal(together[1:2, 2:], alone)


@pytest.mark.parametrize("protocol", RESIZES)
def test_images_of_several_sizes_come_out_in_their_order(protocol):
    sizes = [(20, 24), (30, 10), (20, 24), (8, 8)]
    images = [noise(*size, n=1, seed=i)[0].permute(1, 2, 0).numpy() for i, size in enumerate(sizes)]
    together = resize_each(images, (16, 18), protocol)
    assert together.shape == (4, 3, 16, 18)
    for image, resized in zip(images, together, strict=True):
        np.testing.assert_array_equal(resize_each([image], (16, 18), protocol)[0], resized)


@pytest.mark.parametrize("protocol", RESIZES)
def test_a_batch_resized_in_parts_is_the_batch_resized_at_once(protocol, monkeypatch):
    images = noise(20, 24, n=5)
    at_once = resize(images, (10, 40), protocol)
    monkeypatch.setattr(resizing, "VALUES_AT_ONCE", 2 * 3 * 20 * 24)
    np.testing.assert_array_equal(resize(images, (10, 40), protocol), at_once)


def test_an_unknown_resize_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match="unknown resize 'tf-bilinear'; did you mean 'tf1-bilinear'"):
        resize(noise(8, 8), (4, 4), "tf-bilinear")


def test_images_that_are_not_uint8_are_refused():
    with pytest.raises(TypeError, match=r"resize takes uint8 images, got torch\.float32"):
        resize(noise(8, 8).float(), (4, 4), "clean")
