"""Images as they come: every container and every kind of damage, in files that were really written."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import struct
import tracemalloc
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageFile

import genmetrics._arrays as arrays
from genmetrics._checks import DataError
from genmetrics.sources import open_images


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def save_pngs(folder: Path, images, names=None):
    for i, image in enumerate(images):
        path = folder / (names[i] if names else f"{i}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.squeeze()).save(path)
    return folder


def zip_of(folder: Path, path: Path, inside=""):
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*"), reverse=True):  # an order that is not the one to be read in
            archive.write(file, inside + file.relative_to(folder).as_posix())
    return path


def png_bytes(image, **options):
    data = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(data, "PNG", **options)
    return data.getvalue()


def png_of(width, height, depth, colour, rows: bytes):
    """A PNG written chunk by chunk, for what Pillow does not write."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def pixels(source, **options):
    return list(open_images(source, "real", **options).stream())


def refusal(source, **options):
    """What is said of a source that cannot be used, when it is opened or at the latest when it is read."""
    with pytest.raises(DataError) as error:
        list(open_images(source, "generated", **options).stream())
    message = str(error.value)
    assert message.startswith("generated: ")
    assert "\n" not in message
    return message


def refusal_of_file(folder: Path, file: str, data: bytes):
    """The same for one file among good ones; the message names it."""
    save_pngs(folder, noise(2, 4, 4))
    (folder / file).write_bytes(data)
    message = refusal(folder)
    assert f"{folder}/{file}" in message
    return message


# Every container


@settings(max_examples=25, deadline=None)
@given(
    hnp.arrays(
        np.uint8,
        st.tuples(st.integers(1, 12), st.integers(5, 9), st.integers(5, 9), st.sampled_from([1, 3])),
    ),
    st.booleans(),
)
def test_every_container_gives_the_same_pixels_in_the_same_order(tmp_path_factory, images, compressed):
    place = tmp_path_factory.mktemp("containers")
    folder = save_pngs(place / "folder", images)
    np.save(place / "a.npy", images)
    (np.savez_compressed if compressed else np.savez)(place / "a.npz", images)
    sources = [
        folder,
        zip_of(folder, place / "a.zip"),
        place / "a.npy",
        place / "a.npz",
        images,
        np.ascontiguousarray(images.transpose(0, 3, 1, 2)),
        np.asfortranarray(images),
        images.astype(np.int64),
    ]
    if images.shape[3] == 1:
        sources.append(images[..., 0])
    for source in sources:
        opened = open_images(source, "real")
        assert len(opened) == opened.n == len(images)
        assert opened.channels == images.shape[3]
        assert opened.sizes == {images.shape[1:3]: len(images)}
        np.testing.assert_array_equal(np.stack(list(opened.stream())), images)
        backwards = range(len(images) - 1, -1, -1)
        np.testing.assert_array_equal(np.stack(opened.take(backwards)), images[::-1])
        np.testing.assert_array_equal(np.stack(list(opened.stream(3)))[..., 2], images[..., -1])


def test_images_are_the_callers_own_contiguous_and_writable(tmp_path):
    images = noise(3, 6, 7, 3)
    np.save(tmp_path / "a.npy", images)
    folder = save_pngs(tmp_path / "folder", images)
    for source in (tmp_path / "a.npy", folder, images, images.transpose(0, 3, 1, 2)):
        opened = open_images(source, "real")
        for image in [*opened.stream(), *opened.take([0]), *opened.stream(3)]:
            assert image.dtype == np.uint8
            assert image.flags.c_contiguous
            image[:] = 0  # writable
    assert images.any()


def test_a_set_streams_again_and_takes_with_repeats():
    opened = open_images(noise(5, 4, 6), "real")
    first = list(opened.stream())
    np.testing.assert_array_equal(first, list(opened.stream()))
    np.testing.assert_array_equal(opened.take([3, 3, 0]), [first[3], first[3], first[0]])


@pytest.mark.parametrize("container", ["npy", "npz", "folder", "zip", "array"])
def test_a_set_can_be_sent_to_another_process(tmp_path, container):
    images = noise(3, 5, 5)
    folder = save_pngs(tmp_path / "folder", images)
    np.save(tmp_path / "a.npy", images)
    np.savez(tmp_path / "a.npz", images)
    zip_of(folder, tmp_path / "a.zip")
    source = {"array": images, "folder": folder}.get(container, tmp_path / f"a.{container}")
    again = pickle.loads(pickle.dumps(open_images(source, "real")))
    np.testing.assert_array_equal(np.stack(list(again.stream()))[..., 0], images)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_rows_of_an_npz_are_read_in_blocks(tmp_path, monkeypatch, save):
    images = noise(11, 6, 5, 3)
    save(tmp_path / "a.npz", images=images)
    monkeypatch.setattr(arrays, "BLOCK_BYTES", 4 * 90)
    opened = open_images(tmp_path / "a.npz", "real")
    np.testing.assert_array_equal(list(opened.stream()), images)
    np.testing.assert_array_equal(opened.take([10, 4, 4, 0]), images[[10, 4, 4, 0]])


@pytest.mark.parametrize("save", [np.save, np.savez, np.savez_compressed])
def test_images_in_a_file_are_never_all_held(tmp_path, monkeypatch, save):
    monkeypatch.setattr(arrays, "BLOCK_BYTES", 1 << 18)
    path = tmp_path / ("a.npy" if save is np.save else "a.npz")
    save(path, np.tile(noise(60, 64, 64, 3), (40, 1, 1, 1)))  # 28 MiB
    tracemalloc.start()
    try:
        for _ in open_images(path, "real").stream():
            pass
        assert tracemalloc.get_traced_memory()[1] < 3 << 20
    finally:
        tracemalloc.stop()


def test_tensors_are_arrays():
    torch = pytest.importorskip("torch")
    images = noise(4, 3, 8, 9)
    opened = open_images(torch.from_numpy(images / np.float32(255)).requires_grad_(), "real", value_range=(0, 1))
    np.testing.assert_array_equal(np.stack(list(opened.stream())), images.transpose(0, 2, 3, 1))
    black = open_images(torch.zeros(4, 8, 8, dtype=torch.bfloat16), "real", value_range=(0, 1))
    assert max(image.max() for image in black.stream()) == 0


def test_an_image_set_is_returned_as_it_is():
    opened = open_images(noise(2, 5, 5), "real")
    assert open_images(opened, "generated") is opened


def test_summary_is_json_and_says_what_was_read():
    opened = open_images(noise(4, 28, 20), "real", labels=[1, 0, 1, 1])
    assert json.loads(json.dumps(opened.summary())) == {
        "origin": "array of shape (4, 28, 20)",
        "kind": "array",
        "n": 4,
        "digest": opened.digest,
        "sizes": {"28x20": 4},
        "channels": 1,
        "classes": ["0", "1"],
    }


def test_grey_images_repeat_to_three_channels_but_colour_is_never_made_grey():
    grey = open_images(noise(2, 5, 5), "real")
    assert [image.shape for image in grey.stream(3)] == [(5, 5, 3)] * 2
    assert [image.shape for image in grey.take([1], channels=1)] == [(5, 5, 1)]
    colour = open_images(noise(2, 5, 5, 3), "real")
    for ask in (lambda: colour.stream(1), lambda: colour.take([0], 1)):  # at once, not when it is read
        with pytest.raises(DataError, match=r"real: array of shape \(2, 5, 5, 3\) is in colour"):
            ask()
    with pytest.raises(ValueError, match="channels must be 1, 3 or None, got 4"):
        colour.stream(4)


@pytest.mark.parametrize("index", [-1, 2])
def test_there_is_no_image_outside_the_set(index):
    with pytest.raises(IndexError, match=f"real: no image {index}, there are 2"):
        open_images(noise(2, 5, 5), "real").take([index])


# Order and labels


def test_files_are_in_natural_order_at_every_depth(tmp_path):
    names = ["b2/10.png", "b2/9.png", "b10/1.png", "b2/x/1.png", "b2/010.png"]
    folder = save_pngs(tmp_path / "f", noise(5, 4, 4), names)
    order = ["b2/9.png", "b2/010.png", "b2/10.png", "b2/x/1.png", "b10/1.png"]
    for source in (folder, zip_of(folder, tmp_path / "f.zip")):
        assert open_images(source, "real").pixels.names == order


def test_sub_folders_are_classes_in_numeric_order(tmp_path):
    names = [f"{i}/{j}/x.png" for i in range(11) for j in range(2)]
    folder = save_pngs(tmp_path / "f", noise(22, 4, 4), names)
    for source in (
        folder,
        zip_of(folder, tmp_path / "a.zip"),
        zip_of(folder, tmp_path / "b.zip", "deep/er/"),
    ):
        opened = open_images(source, "real")
        assert opened.classes == tuple(str(i) for i in range(11))
        assert opened.labels is not None
        assert opened.labels.dtype == np.int64
        assert opened.labels.tolist() == [i for i in range(11) for _ in range(2)]


@pytest.mark.parametrize("names", [["a.png", "b.png"], ["one/a.png", "one/b.png"], ["one/two/a.png", "one/two/b.png"]])
def test_one_folder_is_the_root_and_no_class(tmp_path, names):
    folder = save_pngs(tmp_path / "f", noise(2, 4, 4), names)
    for source in (folder, zip_of(folder, tmp_path / "f.zip")):
        opened = open_images(source, "real")
        assert opened.labels is None
        assert opened.classes is None
        assert opened.warnings == ()


def test_an_image_outside_the_class_folders_means_no_labels_and_a_warning(tmp_path):
    folder = save_pngs(tmp_path, noise(3, 4, 4), ["a/1.png", "b/2.png", "3.png"])
    opened = open_images(folder, "real")
    assert opened.labels is None
    assert opened.warnings == ("real: no labels, because 1 image of 3 lie outside the class folders",)


def test_hidden_files_are_not_there_and_other_files_are_counted(tmp_path):
    folder = save_pngs(tmp_path / "f", noise(2, 4, 4), ["1.PNG", "a/2.Jpeg"])
    for file in (
        "notes.txt",
        "z.csv",
        ".hidden.png",
        ".git/x.png",
        "__MACOSX/1.png",
        "Thumbs.db",
        "a/.DS_Store",
    ):
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_text("not an image")
    for source in (folder, zip_of(folder, tmp_path / "f.zip")):
        opened = open_images(source, "real", labels=["x", "y"])
        assert len(opened) == 2
        assert "real: 2 files not of an image type ignored (first: notes.txt)" in opened.warnings


def test_linked_folders_are_followed_but_not_in_circles(tmp_path):
    save_pngs(tmp_path / "elsewhere", noise(2, 4, 4))
    (tmp_path / "f").mkdir()
    try:
        os.symlink(tmp_path / "elsewhere", tmp_path / "f" / "link")
        os.symlink(tmp_path / "f", tmp_path / "f" / "circle")
    except OSError:
        pytest.skip("links cannot be made here")
    assert len(open_images(tmp_path / "f", "real")) == 2


@pytest.mark.parametrize("key", ["y", "labels", "label", "arr_1"])
def test_labels_of_an_npz_are_used(tmp_path, key):
    np.savez(tmp_path / "a.npz", **{"images": noise(3, 5, 5), key: np.array([7, 10, 7])})
    opened = open_images(tmp_path / "a.npz", "real")
    assert opened.classes == ("7", "10")
    assert opened.labels is not None
    assert opened.labels.tolist() == [0, 1, 0]


def test_an_array_that_is_not_one_integer_for_each_image_is_no_label(tmp_path):
    np.savez(tmp_path / "a.npz", images=noise(3, 5, 5), y=np.eye(3, dtype=int), labels=np.ones(3))
    opened = open_images(tmp_path / "a.npz", "real")
    assert opened.labels is None
    assert "real: 'y' holds int64 of shape (3, 3), not an integer for each of 3 images: no labels" in opened.warnings


def test_a_pipe_among_the_images_is_refused_and_not_waited_for(tmp_path):
    save_pngs(tmp_path, noise(2, 4, 4), ["1.png", "2.png"])
    os.mkfifo(tmp_path / "3.png")
    assert "3.png cannot be read (not a regular file)" in refusal(tmp_path)


def test_a_file_too_large_for_an_image_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("genmetrics.sources.places.LARGEST_FILE", 1000)
    save_pngs(tmp_path / "a", noise(1, 40, 40), ["1.png"])
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "a" / "1.png", "1.png")
    assert "bytes for one image" in refusal(tmp_path / "a")
    assert "bytes for one image" in refusal(tmp_path / "a.zip")


@pytest.mark.parametrize("shape", ["(-5, 28, 28)", "(1, 99999999999999999999999, 28)", "(5, 28,", "(" * 200])
def test_a_header_that_claims_no_possible_array_is_refused(tmp_path, shape):
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (63 - (len(header) + 10) % 64) + "\n"
    data = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(100)
    (tmp_path / "a.npy").write_bytes(data)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", data)
    assert "a.npy cannot be read" in refusal(tmp_path / "a.npy")
    assert "a.npz cannot be read" in refusal(tmp_path / "a.npz")


def test_an_empty_path_is_not_the_current_folder():
    assert "the path is empty" in refusal("")


def test_labels_given_replace_those_of_the_source(tmp_path):
    folder = save_pngs(tmp_path, noise(3, 4, 4), ["a/1.png", "b/2.png", "b/3.png"])
    opened = open_images(folder, "real", labels=["item10", "item9", "item10"])
    np.savez(tmp_path / "a.npz", x=noise(3, 5, 5), y=np.arange(3))
    assert open_images(tmp_path / "a.npz", "real", labels=[5, 5, 5]).classes == ("5",)
    assert opened.classes == ("item9", "item10")
    assert opened.labels is not None
    assert opened.labels.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1], "2 labels for 3 images"),
        (np.eye(3), "labels of shape (3, 3) for 3 images"),
        ([0.5, 1.0, 2.0], "labels must be integers or strings, got float64"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels, message):
    assert message in refusal(noise(3, 5, 5), labels=labels)


# Digest


def test_the_digest_is_of_the_content_and_not_of_names_or_dates(tmp_path):
    folder = save_pngs(tmp_path / "f", noise(3, 4, 4))
    copy = shutil.copytree(folder, tmp_path / "copy")
    os.utime(copy / "1.png", (0, 0))
    os.rename(copy / "2.png", copy / "20.png")
    digest = open_images(folder, "real").digest
    assert (
        digest
        == open_images(copy, "generated").digest
        == open_images(zip_of(folder, tmp_path / "z.zip"), "real").digest
    )
    assert len(bytes.fromhex(digest)) == 32


def test_the_digest_changes_with_one_byte_of_a_file_and_with_the_order(tmp_path):
    folder = save_pngs(tmp_path / "f", noise(3, 4, 4))
    before = open_images(folder, "real").digest
    data = (folder / "1.png").read_bytes()
    (folder / "1.png").write_bytes(data + b"\0")  # after the end: the pixels are the same
    after = open_images(folder, "real").digest
    (folder / "1.png").write_bytes(data)
    os.rename(folder / "0.png", folder / "9.png")
    assert len({before, after, open_images(folder, "real").digest}) == 3


def test_an_array_has_the_same_digest_in_every_container(tmp_path):
    images = noise(3, 6, 5, 3)
    np.save(tmp_path / "a.npy", np.asfortranarray(images))
    np.savez(tmp_path / "a.npz", images)
    np.savez_compressed(tmp_path / "b.npz", x=images, y=np.arange(3))
    sources = (images, images.copy(), tmp_path / "a.npy", tmp_path / "a.npz", tmp_path / "b.npz")
    assert len({open_images(source, "real").digest for source in sources}) == 1


def test_the_digest_changes_with_whatever_changes_the_pixels():
    images = noise(2, 3, 6, 3)
    one_pixel = images.copy()
    one_pixel[1, 2, 5, 2] ^= 1
    x = np.linspace(0, 1, 72).reshape(2, 6, 6)
    digests = [
        open_images(images, "real", layout="nhwc").digest,
        open_images(images, "real", layout="nchw").digest,
        open_images(one_pixel, "real", layout="nhwc").digest,
        open_images(images.reshape(2, 6, 3, 3), "real", layout="nhwc").digest,
        open_images(x, "real", value_range=(0, 1)).digest,
        open_images(x, "real", value_range=(-1, 1)).digest,
        open_images(np.nextafter(x, 2) - 1e-9, "real", value_range=(0, 1)).digest,
    ]
    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize("container", ["folder", "zip"])
def test_a_file_that_changes_after_opening_is_an_error(tmp_path, container):
    folder = save_pngs(tmp_path / "f", noise(2, 4, 4))
    source = folder if container == "folder" else zip_of(folder, tmp_path / "f.zip")
    opened = open_images(source, "real")
    save_pngs(folder, noise(2, 4, 4, seed=1))
    if container == "zip":
        zip_of(folder, tmp_path / "f.zip")
    with pytest.raises(DataError, match=r"0\.png has changed since the images were opened"):
        next(opened.stream())
    shutil.rmtree(folder)
    (tmp_path / "f.zip").unlink(missing_ok=True)
    with pytest.raises(DataError, match="cannot be read"):
        opened.take([1])


# Kinds of images


def test_unusual_images_are_converted_with_a_note(tmp_path):
    colour, opaque = noise(6, 5, 3), np.full((6, 5, 1), 255, np.uint8)
    Image.fromarray(colour).save(tmp_path / "0.png")
    Image.fromarray(np.concatenate([colour, opaque], 2)).save(tmp_path / "1.png")
    Image.fromarray(colour).quantize(16).save(tmp_path / "2.png")
    Image.fromarray(colour).quantize(16).save(tmp_path / "3.gif")
    Image.fromarray(colour).convert("CMYK").save(tmp_path / "4.jpg")
    Image.fromarray(colour[..., 0]).save(tmp_path / "5.png")
    Image.fromarray(np.concatenate([colour[..., :1], opaque], 2)).save(tmp_path / "6.png")
    Image.fromarray(colour[:, :4]).save(tmp_path / "7.bmp")
    opened = open_images(tmp_path, "generated")
    assert opened.warnings == (
        "generated: 2 palette images converted to RGB (first: 2.png)",
        "generated: 1 CMYK image converted to RGB (first: 4.jpg)",
        "generated: 2 images with an alpha channel that is opaque everywhere: alpha dropped (first: 1.png)",
        "generated: 2 grey images among colour ones repeated to RGB (first: 5.png)",
        "generated: images of 2 sizes, 7 of 8 are 6x5",
        "generated: mixed formats: 1 BMP, 1 GIF, 1 JPEG, 5 PNG",
    )
    assert opened.channels == 3
    assert opened.sizes == {(6, 5): 7, (6, 4): 1}
    images = list(opened.stream())
    np.testing.assert_array_equal(images[1], colour)
    np.testing.assert_array_equal(images[2], np.array(Image.fromarray(colour).quantize(16).convert("RGB")))
    np.testing.assert_array_equal(images[3], images[2])
    for i in (5, 6):
        np.testing.assert_array_equal(images[i], np.repeat(colour[..., :1], 3, 2))


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "tiff", "ppm", "webp", "gif", "jpg"])
def test_every_format_that_is_lossless_keeps_its_pixels(tmp_path, suffix):
    image = noise(6, 5, 3)
    if suffix == "gif":
        image //= 64  # at most 64 colours, so that none is lost
    Image.fromarray(image).save(tmp_path / f"x.{suffix}", **({"lossless": True} if suffix == "webp" else {}))
    (read,) = pixels(tmp_path)
    if suffix == "jpg":
        image = np.array(Image.open(tmp_path / "x.jpg"))
    np.testing.assert_array_equal(read, image.reshape(read.shape))


def test_one_bit_images_are_grey(tmp_path):
    mask = noise(6, 5) > 127
    Image.fromarray(mask).save(tmp_path / "x.png")
    opened = open_images(tmp_path, "real")
    assert opened.channels == 1
    np.testing.assert_array_equal(next(opened.stream())[..., 0], mask * np.uint8(255))


def test_an_exif_rotation_is_told_but_not_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(noise(8, 4, 3)).save(tmp_path / "x.jpg", exif=exif)
    opened = open_images(tmp_path, "real")
    assert opened.sizes == {(8, 4): 1}
    assert opened.warnings == ("real: 1 image with an EXIF rotation, which is not applied (first: x.jpg)",)


def test_exact_copies_are_counted(tmp_path):
    images = noise(4, 5, 5)
    images[[2, 3]] = images[0]
    assert open_images(images, "real").warnings == ("real: exact copies of an earlier image: 2 of 4 (first: image 2)",)
    assert open_images(save_pngs(tmp_path, images), "real").warnings == (
        "real: exact copies of an earlier image: 2 of 4 (first: 2.png)",
    )


@pytest.mark.parametrize("kind", ["RGBA", "LA", "palette", "key colour", "gif"])
def test_really_transparent_images_are_refused_with_the_number_of_pixels(tmp_path, kind):
    alpha = np.full((4, 4), 255, np.uint8)
    alpha.flat[:3] = (0, 128, 254)
    colour = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    palette = Image.fromarray(colour[..., 0] // 3).convert("P")
    data, how_many = io.BytesIO(), "3 transparent pixels"
    if kind == "RGBA":
        Image.fromarray(np.dstack([colour, alpha])).save(data, "PNG")
    elif kind == "LA":
        Image.fromarray(np.dstack([colour[..., 0], alpha])).save(data, "PNG")
    elif kind == "palette":
        palette.save(data, "PNG", transparency=bytes([0, 100, 254, 255]))
    elif kind == "key colour":
        Image.fromarray(colour).save(data, "PNG", transparency=(0, 1, 2))
        how_many = "1 transparent pixel;"
    else:
        palette.save(data, "GIF", transparency=5)
        how_many = "1 transparent pixel;"
    message = refusal_of_file(tmp_path, "x.gif" if kind == "gif" else "x.png", data.getvalue())
    assert how_many in message
    assert "background" in message


@pytest.mark.parametrize(
    ("file", "data", "bits"),
    [
        ("x.png", png_bytes(noise(4, 4).astype(np.uint16) * 257), 16),
        ("x.png", png_of(2, 2, 16, 2, (b"\0" + bytes(range(12))) * 2), 16),  # 16-bit RGB: Pillow says "RGB"
        ("x.ppm", b"P6 2 2 65535\n" + bytes(24), 16),
        ("x.pgm", b"P5 2 2 1023\n" + bytes(8), 16),
    ],
)
def test_more_than_8_bits_are_refused(tmp_path, file, data, bits):
    assert f"holds {bits}-bit samples" in refusal_of_file(tmp_path, file, data)


@pytest.mark.parametrize(
    ("dtype", "mode", "bits"), [(np.float32, "F", 32), (np.int32, "I", 32), (np.uint16, "I;16", 16)]
)
def test_deep_tiffs_are_refused(tmp_path, dtype, mode, bits):
    data = io.BytesIO()
    Image.fromarray(np.ones((4, 4), dtype)).save(data, "TIFF")
    assert f"{bits}-bit samples (mode {mode})" in refusal_of_file(tmp_path, "x.tif", data.getvalue())


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_animated_images_are_refused_with_the_number_of_frames(tmp_path, kind):
    frames = [Image.fromarray(image) for image in noise(3, 8, 8, 3)]
    data = io.BytesIO()
    frames[0].save(data, kind, save_all=True, append_images=frames[1:])
    assert "it holds 3 frames" in refusal_of_file(tmp_path, f"x.{kind.lower()}", data.getvalue())


def test_other_colour_modes_are_refused(tmp_path):
    data = io.BytesIO()
    Image.new("LAB", (4, 4)).save(data, "TIFF")
    assert "colour mode LAB" in refusal_of_file(tmp_path, "x.tif", data.getvalue())


# Damaged files


def test_a_text_file_renamed_to_png_is_refused(tmp_path):
    assert "is not an image" in refusal_of_file(tmp_path, "x.png", b"hello")


def test_an_empty_file_is_refused(tmp_path):
    assert "is empty, 0 bytes" in refusal_of_file(tmp_path, "x.jpg", b"")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "WEBP", "GIF", "TIFF"])
@pytest.mark.parametrize("lenient", [False, True])
def test_half_a_file_is_refused_even_if_pillow_was_told_to_accept_it(tmp_path, monkeypatch, kind, lenient):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", lenient)
    data = io.BytesIO()
    Image.fromarray(noise(64, 64, 3)).save(data, kind)
    half = data.getvalue()[: len(data.getvalue()) // 2]
    refusal_of_file(tmp_path, f"x.{kind.lower()}", half)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is lenient


def test_a_damaged_png_is_found_when_the_set_is_opened(tmp_path):
    data = bytearray(png_bytes(noise(64, 64, 3)))
    data[len(data) // 2] ^= 1
    (tmp_path / "x.png").write_bytes(data)
    with pytest.raises(DataError, match=r"real: .*x\.png is damaged \(broken PNG file"):
        open_images(tmp_path, "real")


def test_a_truncated_jpeg_is_found_by_take_as_by_stream(tmp_path):
    save_pngs(tmp_path, noise(1, 8, 8, 3))
    data = io.BytesIO()
    Image.fromarray(noise(64, 64, 3)).save(data, "JPEG")
    (tmp_path / "1.jpg").write_bytes(data.getvalue()[:-900])
    opened = open_images(tmp_path, "real")
    with pytest.raises(DataError, match=r"real: .*1\.jpg is damaged \(image file is truncated"):
        opened.take([1])
    assert len(opened.take([0])) == 1


@pytest.mark.parametrize(
    ("width", "height", "message"),
    [
        (60_000, 60_000, "more than the 89478485 pixels"),
        (9_000, 10_000, "is 10000x9000, more than the 89478485 pixels"),
    ],
)
def test_absurd_sizes_are_refused_unread(tmp_path, width, height, message):
    assert message in refusal_of_file(tmp_path, "x.png", png_of(width, height, 8, 0, b"\0"))


def test_an_image_without_pixels_is_refused(tmp_path):
    assert "is not an image" in refusal_of_file(tmp_path, "x.png", png_of(0, 5, 8, 0, b"\0" * 5))


def test_nothing_is_printed_or_warned_about_odd_metadata(tmp_path, capfd):
    data = io.BytesIO()
    Image.fromarray(noise(8, 8, 3)).save(data, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01")
    (tmp_path / "x.jpg").write_bytes(data.getvalue())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(pixels(tmp_path)) == 1
    assert capfd.readouterr() == ("", "")


# Damaged or useless containers


def test_a_path_that_is_not_there_is_refused(tmp_path):
    assert f"{tmp_path}/nowhere does not exist" in refusal(f"{tmp_path}/nowhere")


def test_a_folder_without_images_says_what_it_holds(tmp_path):
    assert f"{tmp_path} holds no images; known types: .png .jpg" in refusal(tmp_path)
    for i in range(3):
        (tmp_path / f"{i}.txt").write_text("x")
    assert "holds no images, only 3 other files (first: 0.txt)" in refusal(tmp_path)
    zip_of(tmp_path, tmp_path.parent / "texts.zip")
    assert "texts.zip holds no images, only 3 other files (first: 0.txt)" in refusal(tmp_path.parent / "texts.zip")


@pytest.mark.parametrize("file", ["a.rar", "weights.pt", "readme"])
def test_an_unknown_type_of_file_is_refused(tmp_path, file):
    (tmp_path / file).write_bytes(b"x")
    assert f"{file} is of an unknown type; give a folder, a .zip or .tar" in refusal(tmp_path / file)


def test_one_image_is_not_a_set(tmp_path):
    save_pngs(tmp_path, noise(1, 4, 4))
    assert "0.png is one image; give the folder" in refusal(tmp_path / "0.png")


@pytest.mark.parametrize("suffix", ["zip", "npz", "npy"])
def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path, suffix):
    (tmp_path / f"a.{suffix}").write_bytes(b"not at all")
    assert f"a.{suffix} cannot be read" in refusal(tmp_path / f"a.{suffix}")


def test_a_broken_zip_names_the_file_in_it(tmp_path):
    path = zip_of(save_pngs(tmp_path / "f", noise(2, 16, 16)), tmp_path / "f.zip")
    data = bytearray(path.read_bytes())
    data[data.index(b"IDAT") + 40] ^= 1  # stored, so the first entry written: 1.png
    path.write_bytes(data)
    assert "f.zip/1.png cannot be read (Bad CRC-32" in refusal(path)
    path.write_bytes(data[:-30])
    assert "f.zip cannot be read (File is not a zip file)" in refusal(path)


def test_an_encrypted_zip_is_refused(tmp_path):
    path = zip_of(save_pngs(tmp_path / "f", noise(1, 4, 4)), tmp_path / "f.zip")
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the flag in the directory
    path.write_bytes(data)
    assert "f.zip is encrypted; unpack it" in refusal(path)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_damaged_npz_is_refused_when_it_is_opened(tmp_path, save):
    save(tmp_path / "a.npz", noise(50, 16, 16))
    data = bytearray((tmp_path / "a.npz").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(DataError, match=r"real: .*a\.npz cannot be read"):
        open_images(tmp_path / "a.npz", "real")


def test_an_npz_shorter_than_its_header_says_names_the_image(tmp_path):
    np.save(tmp_path / "a.npy", noise(50, 16, 16))
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", (tmp_path / "a.npy").read_bytes()[: 128 + 40 * 256])
    assert "it ends within image 40 of 50" in refusal(tmp_path / "a.npz")


def test_a_truncated_npy_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", noise(5, 16, 16))
    data = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(data[:-100])
    assert "a.npy cannot be read" in refusal(tmp_path / "a.npy")


def test_pickled_objects_are_never_loaded(tmp_path):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("unpickled",))

    trap = np.array([Trap()], dtype=object)
    np.save(tmp_path / "a.npy", trap)
    np.savez(tmp_path / "a.npz", trap.reshape(1, 1, 1))
    np.savez(tmp_path / "b.npz", images=noise(1, 5, 5), y=trap)
    assert "object values are not pixels" in refusal(tmp_path / "a.npy")
    assert "object values are not pixels" in refusal(tmp_path / "a.npz")
    assert open_images(tmp_path / "b.npz", "real").labels is None


@pytest.mark.parametrize("key", ["arr_0", "x", "images", "samples", "data"])
def test_the_usual_keys_of_an_npz_are_found_beside_other_arrays(tmp_path, key):
    np.savez(tmp_path / "a.npz", **{key: noise(2, 5, 5), "masks": noise(2, 5, 5), "mu": np.zeros(9)})
    assert len(open_images(tmp_path / "a.npz", "real")) == 2


def test_the_only_array_like_images_is_taken_whatever_its_key(tmp_path):
    np.savez(tmp_path / "a.npz", faces=noise(2, 5, 5), mu=np.zeros(9), sigma=np.zeros((9, 9)))
    assert len(open_images(tmp_path / "a.npz", "real")) == 2


def test_an_npz_without_one_clear_choice_lists_its_keys(tmp_path):
    np.savez(tmp_path / "a.npz", x_train=noise(2, 5, 5), x_test=noise(3, 5, 5))
    np.savez(tmp_path / "b.npz", x=noise(2, 5, 5), data=noise(3, 5, 5))
    np.savez(tmp_path / "c.npz", mu=np.zeros(9))
    zip_of(save_pngs(tmp_path / "f", noise(1, 4, 4)), tmp_path / "d.npz")
    assert "a.npz holds x_train (2, 5, 5), x_test (3, 5, 5)" in refusal(tmp_path / "a.npz")
    assert "b.npz holds x (2, 5, 5), data (3, 5, 5)" in refusal(tmp_path / "b.npz")
    assert "c.npz holds mu (9,); save one array of images" in refusal(tmp_path / "c.npz")
    assert "d.npz holds no arrays" in refusal(tmp_path / "d.npz")


def test_an_npz_in_fortran_order_is_read(tmp_path):
    images = noise(4, 6, 5)
    np.savez(tmp_path / "a.npz", np.asfortranarray(images))
    np.testing.assert_array_equal(np.stack(pixels(tmp_path / "a.npz"))[..., 0], images)


# Shapes


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((5, 5), "shape (5, 5) is not images"),
        ((2, 1, 5, 5, 3), "shape (2, 1, 5, 5, 3) is not images"),
        ((5, 5, 3), "shape (5, 5, 3) looks like one colour image"),
        ((0, 5, 5), "shape (0, 5, 5) holds no pixels"),
        ((4, 0, 5, 3), "shape (4, 0, 5, 3) holds no pixels"),
        ((4, 3, 5, 3), "shape (4, 3, 5, 3) can be read both ways; pass layout='nhwc' or layout='nchw'"),
        ((4, 6, 5, 4), "4 channels, so one is alpha"),
        ((4, 4, 6, 5), "4 channels, so one is alpha"),
        ((4, 6, 5, 2), "has neither 1 nor 3 channels"),
    ],
)
def test_shapes_that_are_not_images_are_refused(tmp_path, shape, message):
    array = np.zeros(shape, np.uint8)
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", array)
    for source in (array, tmp_path / "a.npy", tmp_path / "a.npz"):
        assert message in refusal(source)


def test_layout_settles_what_the_shape_leaves_open():
    images = noise(4, 3, 5, 3)
    np.testing.assert_array_equal(pixels(images, layout="nhwc"), images)
    np.testing.assert_array_equal(pixels(images, layout="nchw"), images.transpose(0, 2, 3, 1))


def test_a_layout_that_cannot_be_is_refused():
    assert "does not hold 1 or 3 channels as layout='nchw' says" in refusal(noise(4, 6, 5, 3), layout="nchw")
    with pytest.raises(DataError, match="unknown layout 'nwhc'; did you mean 'nhwc'"):
        open_images(noise(4, 6, 5, 3), "real", layout="nwhc")


# Values


@settings(deadline=None)
@given(
    hnp.arrays(np.uint8, (2, 5, 6)),
    st.sampled_from([(0, 1), (-1, 1), (0, 255)]),
    st.sampled_from(["<f8", ">f8", "<f4", ">f4", "f2"]),
    st.floats(-0.4, 0.4),
)
def test_floats_round_to_the_nearest_level(levels, value_range, dtype, shift):
    black, white = value_range
    if dtype == "f2":
        shift = 0  # its rounding error alone is up to 1/8 level
    x = ((levels + shift) / 255 * (white - black) + black).astype(dtype)
    opened = open_images(x, "real", value_range=list(value_range))
    np.testing.assert_array_equal(np.stack(list(opened.stream()))[..., 0], levels)
    np.testing.assert_array_equal(opened.take([1])[0][..., 0], levels[1])


@pytest.mark.parametrize(
    ("low", "high", "suggestion"),
    [
        (0.0, 1.0, "value_range=(0, 1) (--value-range 0,1)"),
        (-0.5, 1.0, "value_range=(-1, 1) (--value-range -1,1)"),
        (0.0, 254.0, "value_range=(0, 255) (--value-range 0,255)"),
        (-3.25, 3.0, "value_range=(0, 255)"),
    ],
)
def test_floats_of_undeclared_range_are_refused_with_what_to_pass(tmp_path, low, high, suggestion):
    x = np.linspace(low, high, 50).reshape(2, 5, 5)
    np.save(tmp_path / "a.npy", x)
    for source in (x, tmp_path / "a.npy"):
        message = refusal(source)
        assert f"float values from {low:g} to {high:g}" in message
        assert suggestion in message


def test_values_outside_the_declared_range_are_counted():
    x = np.full((4, 5, 5), 0.5)
    x[0, 0, 0], x[2, 1, 1], x[3, 0, 0] = 1.0019, 1.002, -0.7  # half a level is 0.00196
    assert "2 values outside the declared range (0, 1), the farthest is -0.7" in refusal(x, value_range=(0, 1))
    x[3, 0, 0] = 1.0
    assert "1 value outside the declared range (0, 1), the farthest is 1.002" in refusal(x, value_range=(0, 1))
    x[2, 1, 1] = 1.0
    assert next(open_images(x, "real", value_range=(0, 1)).stream())[0, 0, 0] == 255


def test_up_to_half_a_level_beyond_the_ends_is_black_or_white():
    x = np.full((1, 5, 5), -0.5)
    x[0, 0] = 255.5
    (image,) = pixels(x, value_range=(0, 255))
    assert image[..., 0].tolist() == [[255] * 5] + [[0] * 5] * 4


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_images_with_nan_or_inf_are_counted_and_the_first_named(tmp_path, monkeypatch, bad):
    monkeypatch.setattr(arrays, "BLOCK_BYTES", 1)  # a block for each image
    x = np.zeros((6, 5, 5), np.float32)
    x[[3, 5], 2, 2] = bad
    np.savez(tmp_path / "a.npz", x)
    for source in (x, tmp_path / "a.npz"):
        assert "2 of 6 images hold NaN or inf, first is image 3" in refusal(source)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.uint16, np.int64])
def test_integers_within_0_to_255_are_taken_and_others_refused(dtype):
    x = np.full((2, 5, 5), 100, dtype)
    assert pixels(x)[0].max() == 100
    x[0, 0, 0], x[1, 0, 0] = 7, 256 if dtype != np.int8 else -1
    assert f"integers from {x.min()} to {x.max()}" in refusal(x)


@pytest.mark.parametrize("dtype", [bool, object, complex, "U3"])
def test_values_that_are_not_pixels_are_refused(dtype):
    x = np.zeros((2, 5, 5), dtype)
    assert f"{x.dtype} values are not pixels" in refusal(x)


@pytest.mark.parametrize("value_range", [(0, 2), (1, 0), (0,), "0,1"])
def test_a_value_range_is_one_of_three(value_range):
    assert "value_range must be (0, 1), (-1, 1) or (0, 255), got" in refusal(noise(2, 5, 5), value_range=value_range)


@pytest.mark.parametrize("source", [None, 3, object()])
def test_other_objects_are_no_sources(source):
    assert f"cannot read images from a {type(source).__name__}" in refusal(source)


def test_values_that_look_like_another_range_are_warned_about():
    binary = np.eye(5, dtype=np.uint8)[None].repeat(2, 0)
    binary[1, 0, 1] = 1
    half = np.linspace(0, 1, 50).reshape(2, 5, 5)
    assert open_images(binary, "real").warnings == (
        "real: no value above 1 where white is 255; multiply by 255 if 1 is white",
    )
    assert open_images(half, "real", value_range=(-1, 1)).warnings == (
        "real: no value below 0 where black is -1; declare value_range (0, 1) if 0 is black",
    )
    assert open_images(noise(2, 5, 5), "real", value_range=(0, 1)).warnings == (
        "real: value_range (0, 1) not used, because the array holds uint8 and not floats",
    )
    assert open_images(noise(2, 5, 5), "real", value_range=(0, 255)).warnings == ()
