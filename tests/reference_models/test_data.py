import io
import pickle

import numpy as np
import pytest
from PIL import Image

from genmetrics._checks import DataError, UnknownNameError
from reference_models import data, readers

GREY = np.arange(20, dtype=np.uint8).repeat(16).reshape(20, 4, 4)  # image i is all i
LABELS = np.arange(20) % 2


def test_digits_come_as_grey_images_in_three_parts(digits):
    assert digits.shape == (1, 8, 8)
    assert digits.classes == 10
    assert [len(getattr(digits, part)) for part in ("train", "test", "held_out")] == [1017, 390, 390]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((20, 4, 4), (1, 4, 4)),
        ((20, 4, 5, 1), (1, 4, 5)),
        ((20, 4, 5, 3), (3, 4, 5)),
        ((20, 3, 4, 5), (3, 4, 5)),
    ],
)
def test_a_file_may_hold_grey_or_colour_images_with_channels_first_or_last(npz, shape, expected):
    assert data.load(npz(x=np.zeros(shape, np.uint8), y=LABELS)).shape == expected


def test_a_file_is_split_into_disjoint_parts_that_keep_their_labels(npz):
    dataset = data.load(npz(x=GREY, y=LABELS))
    label_of = {image.tobytes(): label for image, label in zip(GREY, LABELS, strict=True)}
    seen = set()
    for part, size in ((dataset.train, 16), (dataset.test, 2), (dataset.held_out, 2)):
        assert len(part) == size
        assert [label_of[image.tobytes()] for image in part.images] == list(part.labels)
        seen |= {image.tobytes() for image in part.images}
    assert len(seen) == 20


def test_labels_are_optional(npz):
    assert data.load(npz(x=GREY)).classes == 0


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": GREY}, "holds no array `x`"),
        ({"x": GREY / 255}, "dtype float64; expected uint8"),
        ({"x": GREY.reshape(20, 16)}, r"shape \(20, 16\)"),
        ({"x": np.zeros((20, 2, 4, 4), np.uint8)}, r"shape \(20, 2, 4, 4\)"),
        ({"x": GREY, "y": LABELS[:19]}, r"y has shape \(19,\)"),
        ({"x": GREY, "y": LABELS - 2}, "class numbers from 0"),
        ({"x": GREY, "y": LABELS / 2}, "dtype float64"),
        ({"x": GREY[:9], "y": LABELS[:9]}, "9 images, but at least 10"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(npz, arrays, message):
    with pytest.raises(DataError, match=message):
        data.load(npz(**arrays))


def test_a_file_that_is_no_npz_says_so(tmp_path):
    path = tmp_path / "fake.npz"
    path.write_text("not a zip")
    with pytest.raises(DataError, match=r"not an \.npz file"):
        data.load(str(path))


def test_a_missing_file_says_so():
    with pytest.raises(DataError, match="no such file"):
        data.load("nowhere.npz")


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'digits'"):
        data.load("digist")


def test_the_digest_depends_on_images_and_labels(npz):
    first = data.load(npz("a.npz", x=GREY, y=LABELS)).digest()
    assert data.load(npz("b.npz", x=GREY, y=LABELS)).digest() == first
    assert data.load(npz("c.npz", x=GREY + 1, y=LABELS)).digest() != first
    assert data.load(npz("d.npz", x=GREY, y=1 - LABELS)).digest() != first


# --- other sources


def webp_pack(path, images, labels):
    """Mosaics of 40 tiles in a row, as the CIFAR-10 pack has them: here two of 2 rows."""
    mosaics = images.reshape(-1, 2, 40, 4, 4, 3).swapaxes(2, 3).reshape(-1, 8, 160, 3)
    files = []
    for mosaic in mosaics:
        file = io.BytesIO()
        Image.fromarray(mosaic).save(file, "WEBP", lossless=True)
        files.append(np.frombuffer(file.getvalue(), np.uint8))
    offsets = np.cumsum([0, *map(len, files)])
    np.savez(path, webp=np.concatenate(files), offsets=offsets, y=labels)


def test_mosaics_come_apart_in_order(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (160, 4, 4, 3), dtype=np.uint8)
    webp_pack(tmp_path / "pack.npz", images, np.arange(160) % 10)
    found = readers.read_npz(str(tmp_path / "pack.npz"))
    assert (found.images == images.transpose(0, 3, 1, 2)).all()
    assert found.labels.tolist() == [i % 10 for i in range(160)]


def test_encoded_images_are_decoded(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (12, 5, 4, 3), dtype=np.uint8)
    files = []
    for image in images:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG")
        files.append(np.frombuffer(file.getvalue(), np.uint8))
    np.savez(tmp_path / "pack.npz", bytes=np.concatenate(files), offsets=np.cumsum([0, *map(len, files)]))
    assert (readers.read_npz(str(tmp_path / "pack.npz")).images == images.transpose(0, 3, 1, 2)).all()
    np.savez(tmp_path / "bad.npz", bytes=np.arange(9, dtype=np.uint8), offsets=[0, 9])
    with pytest.raises(DataError, match="cannot be decoded"):
        readers.read_npz(str(tmp_path / "bad.npz"))


def test_the_cifar_packs_are_read_as_one_data_set(shared_data):
    packs = [str(shared_data / f"cifar10_train_lossless_{half}.npz") for half in "ab"]
    found = readers.read_npz(packs[0])
    assert found.images.shape == (25_000, 3, 32, 32)
    assert np.bincount(found.labels).min() > 2000
    test = readers.read_npz(str(shared_data / "cifar10_test1k.npz"))
    assert test.images.shape == (1000, 3, 32, 32)


def test_several_files_are_joined_and_a_test_set_is_the_test_part(npz):
    a, b, test = (
        npz("a.npz", x=GREY, y=LABELS),
        npz("b.npz", x=GREY[::-1], y=LABELS),
        npz("t.npz", x=GREY[:3], y=LABELS[:3]),
    )
    dataset = data.load([a, b], test)
    assert [len(getattr(dataset, part)) for part in ("train", "test", "held_out")] == [36, 3, 4]
    assert (dataset.test.images[:, 0] == GREY[:3]).all()
    assert dataset.name == f"{a} + {b}"


def test_files_that_do_not_go_together_say_so(npz):
    a = npz("a.npz", x=GREY, y=LABELS)
    with pytest.raises(DataError, match=r"shape \(3, 4, 4\) with labels, but .* of \(1, 4, 4\) with labels"):
        data.load([a, npz("b.npz", x=np.zeros((20, 4, 4, 3), np.uint8), y=LABELS)])
    with pytest.raises(DataError, match="without labels"):
        data.load(a, npz("c.npz", x=GREY))


def picture_folder(folder, sizes):
    for i, (height, width) in enumerate(sizes):
        place = folder / "ab"[i % 2] / f"{i}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((height, width, 3), 10 * i, np.uint8)).save(place)


def test_a_folder_of_pictures_has_its_sub_folders_as_classes(tmp_path):
    picture_folder(tmp_path / "faces", [(6, 5)] * 20)
    dataset = data.load(str(tmp_path / "faces"))
    assert dataset.shape == (3, 6, 5)
    assert dataset.classes == 2
    assert set(dataset.train.labels.tolist()) == {0, 1}


def test_pictures_of_several_sizes_need_a_side_and_are_cropped_to_a_square(tmp_path):
    picture_folder(tmp_path / "faces", [(6, 5), (9, 12)] * 10)
    with pytest.raises(DataError, match=r"images have 2 sizes .* --side"):
        data.load(str(tmp_path / "faces"))
    assert data.load(str(tmp_path / "faces"), side=4).shape == (3, 4, 4)


def test_a_square_is_the_middle_of_the_picture_as_pillow_resizes_it():
    image = np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    expected = Image.fromarray(image).crop((2, 0, 10, 8)).resize((4, 4), Image.Resampling.BICUBIC)
    assert (readers.square(image, 4) == np.asarray(expected)).all()
    assert (readers.square(image, 8) == image[:, 2:10]).all()


def idx(array):
    """The format of MNIST's files."""
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return header + array.tobytes()


def test_mnist_by_name_reads_its_four_files(tmp_path, monkeypatch):
    monkeypatch.setenv("GENMETRICS_DATA", str(tmp_path))
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    images, labels = (
        np.random.default_rng(0).integers(0, 256, (30, 28, 28), dtype=np.uint8),
        np.arange(30, dtype=np.uint8) % 10,
    )
    for part, rows in (("train", slice(0, 20)), ("t10k", slice(20, 30))):
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx(images[rows]))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels[rows]))
    dataset = data.load("mnist")
    assert dataset.shape == (1, 28, 28)
    assert (dataset.test.images[:, 0] == images[20:]).all()
    assert len(dataset.train) == 18
    assert dataset.classes == 10


def test_cifar_by_name_reads_its_pickled_batches(tmp_path, monkeypatch):
    from torchvision import datasets

    monkeypatch.setenv("GENMETRICS_DATA", str(tmp_path))
    images = np.random.default_rng(0).integers(0, 256, (30, 3, 32, 32), dtype=np.uint8)
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    for part, rows in (("train", slice(0, 20)), ("test", slice(20, 30))):
        batch = {"data": images[rows].reshape(-1, 3072), "fine_labels": [i % 7 for i in range(30)][rows]}
        (folder / part).write_bytes(pickle.dumps(batch))
        monkeypatch.setattr(datasets.CIFAR100, f"{part}_list", [(part, None)])
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": [str(i) for i in range(7)]}))
    monkeypatch.setattr(datasets.CIFAR100, "meta", {"filename": "meta", "key": "fine_label_names", "md5": None})
    dataset = data.load("cifar100")
    assert (dataset.test.images == images[20:]).all()
    assert dataset.test.labels.tolist() == [i % 7 for i in range(20, 30)]


def test_svhn_by_name_reads_its_two_files_and_calls_ten_zero(tmp_path, monkeypatch):
    from scipy.io import savemat
    from torchvision import datasets

    monkeypatch.setenv("GENMETRICS_DATA", str(tmp_path))
    images = np.random.default_rng(0).integers(0, 256, (30, 32, 32, 3), dtype=np.uint8)
    files = {}
    for part, rows in (("train", slice(0, 20)), ("test", slice(20, 30))):
        content = {"X": images[rows].transpose(1, 2, 3, 0), "y": (np.arange(30)[rows] % 10 + 1)[:, None]}
        savemat(tmp_path / f"{part}_32x32.mat", content)
        files[part] = ["", f"{part}_32x32.mat", None]
    monkeypatch.setattr(datasets.SVHN, "split_list", files)
    dataset = data.load("svhn")
    assert (dataset.test.images == images[20:].transpose(0, 3, 1, 2)).all()
    assert dataset.test.labels.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]


def test_a_data_set_that_cannot_be_downloaded_says_where_it_belongs(tmp_path, monkeypatch):
    from torchvision import datasets

    def fail(*_, **__):
        raise RuntimeError("Error downloading train-images-idx3-ubyte.gz:\nno network")

    monkeypatch.setenv("GENMETRICS_DATA", str(tmp_path))
    monkeypatch.setattr(datasets, "MNIST", fail)
    with pytest.raises(DataError, match=r"mnist is not in .* cannot be downloaded \(Error .*\); put its files"):
        data.load("mnist")
