"""Images that a program hands over, URLs, data sets by name, and generators."""

from __future__ import annotations

import gzip
import io
import random
import struct
import tarfile
import zipfile

import numpy as np
import pytest
import torch
from image_files import save_pngs
from PIL import Image

from genmetrics._checks import DataError, UnknownNameError
from genmetrics.sources import open_images
from genmetrics.sources.generators import Generator, named_function


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def stack(source, **options):
    return np.stack(list(open_images(source, "real", **options).stream()))


def refusal(source, **options):
    with pytest.raises(DataError) as error:
        open_images(source, "real", **options)
    assert str(error.value).startswith(("real: ", "generator: "))
    return str(error.value)


class DataSet(torch.utils.data.Dataset):
    """What users write: an image and its label."""

    classes = ("cat", "dog", "eel")

    def __init__(self, images, transform):
        self.images, self.transform = images, transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        if i >= len(self):
            raise AssertionError("asked for more than there is")
        return self.transform(self.images[i]), i % 3


@pytest.mark.parametrize(
    "transform",
    [
        lambda x: x,
        Image.fromarray,
        lambda x: torch.from_numpy(x).permute(2, 0, 1),
        lambda x: torch.from_numpy(x).permute(2, 0, 1) / 255,
    ],
    ids=["array", "Pillow", "tensor", "floats"],
)
def test_a_torch_data_set_gives_its_images_and_classes(transform):
    images = noise(10, 6, 5, 3)
    opened = open_images(DataSet(images, transform), "real", value_range=(0, 1))
    np.testing.assert_array_equal(np.stack(list(opened.stream())), images)
    np.testing.assert_array_equal(opened.take([9, 2, 2]), images[[9, 2, 2]])
    assert opened.kind == "dataset"
    assert opened.classes == ("cat", "dog", "eel")
    assert opened.labels is not None
    assert opened.labels.tolist() == [i % 3 for i in range(10)]


def test_a_data_loader_and_a_generator_of_batches_give_the_same():
    images = noise(10, 6, 5, 3)
    loader = torch.utils.data.DataLoader(DataSet(images, lambda x: x), batch_size=4)
    batches = (images[i : i + 3] for i in range(0, 10, 3))
    single = (image for image in images)
    mappings = [{"image": Image.fromarray(image), "label": 1} for image in images]
    opened = [open_images(source, "real") for source in (loader, batches, single, mappings)]
    assert len({images.digest for images in opened}) == 1
    assert opened[0].labels is not None
    assert opened[3].classes == ("1",)
    for each in opened:
        np.testing.assert_array_equal(np.stack(list(each.stream())), images)


def test_grey_images_and_batches_are_told_apart():
    grey = noise(4, 9, 7)
    for source in (iter(grey), iter([grey]), iter(grey[:, None]), [Image.fromarray(image) for image in grey]):
        assert open_images(source, "real").channels == 1
    np.testing.assert_array_equal(stack(iter([grey]))[..., 0], grey)


def test_the_rest_of_grey_batches_is_no_colour_image():
    grey = noise(11, 9, 7)
    np.testing.assert_array_equal(stack(grey[i : i + 4] for i in range(0, 11, 4))[..., 0], grey)


def test_images_of_several_sizes_are_one_set():
    opened = open_images(iter([noise(4, 4), noise(5, 6, 3), noise(4, 4)]), "real")
    assert opened.sizes == {(4, 4): 2, (5, 6): 1}
    assert [image.shape for image in opened.stream(3)] == [(4, 4, 3), (5, 6, 3), (4, 4, 3)]
    assert opened.warnings == (
        "real: exact copies of an earlier image: 1 of 3 (first: image 2)",
        "real: images of 2 sizes, 2 of 3 are 4x4",
        "real: 2 grey images among colour ones repeated to RGB",
    )


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([], "list holds no images"),
        (["a.png"], "item 0 of list is a str; give images"),
        ([noise(4, 4), None], "item 1 of list is a NoneType"),
        ([noise(4, 4) / 255], "item 0 of list: float values from"),
        ([np.full((4, 4), np.nan)], "item 0 of list holds NaN or inf"),
        ([np.full((4, 4), 300)], "16 values outside (0, 255)"),
        ([noise(5, 5, 4)], "shape (5, 5, 4) has 4 channels, so one is alpha"),
        ([Image.new("I;16", (4, 4))], "item 0 of list has colour mode I;16"),
        ([Image.new("RGBA", (4, 4))], "item 0 of list has 16 transparent pixels"),
        ([(noise(3, 4, 4, 3), [0, 1])], "3 images, but the labels are int64 of shape (2,)"),
        ([(noise(4, 4), 1), noise(4, 4)], "1 image of 2 have no label"),
    ],
)
def test_items_that_cannot_be_used_are_named(items, message):
    assert message in refusal(items)


def test_a_mapping_without_images_is_refused():
    assert "item 0 of list is a NoneType" in refusal([{"caption": "a"}])


def test_a_full_disk_is_said(monkeypatch):
    def full(self, image):
        raise OSError(28, "No space left")

    monkeypatch.setattr("genmetrics.sources.iterables.Spool.add", full)
    assert "cannot be kept in" in refusal([noise(4, 4)])


# Generators


def test_a_generator_is_called_for_whole_batches_and_cut_at_n():
    asked = []

    def generate(n):
        asked.append(n)
        return noise(n, 4, 4, 3, seed=len(asked))

    opened = open_images(Generator(generate, 70), "generated")
    assert opened.n == 70
    assert asked == [64, 64]


def test_latents_are_normal_and_follow_from_the_seed():
    seen = []

    def generate(z):
        seen.append(z)
        return torch.zeros(len(z), 3, 4, 4, dtype=torch.uint8)

    for seed in (0, 0, 1):
        open_images(Generator(generate, 640, latent_dim=7, seed=seed), "generated")
    first, again, other = (torch.cat(seen[i : i + 10]) for i in (0, 10, 20))
    assert first.shape == (640, 7)
    assert first.dtype == torch.float32
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert abs(first.mean()) < 0.05
    assert abs(first.std() - 1) < 0.05


def test_a_conditional_generator_gets_every_class_in_turn():
    def generate(z, y):
        return (y[:, None, None] * 20).to(torch.uint8).expand(-1, 4, 5)

    opened = open_images(Generator(generate, 70, latent_dim=2, classes=10), "generated")
    assert opened.classes == tuple("0123456789")
    assert opened.labels is not None
    assert opened.labels.tolist() == [i % 10 for i in range(70)]
    assert [image[0, 0, 0] // 20 for image in opened.stream()] == opened.labels.tolist()


def test_a_torch_module_is_evaluated_without_gradients():
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Sequential(torch.nn.Linear(5, 48), torch.nn.BatchNorm1d(48), torch.nn.Tanh())

        def forward(self, z):
            assert not self.training
            assert not torch.is_grad_enabled()
            return self.layer(z).reshape(-1, 3, 4, 4)

    opened = open_images(Generator(Net(), 10, latent_dim=5), "generated", value_range=(-1, 1))
    assert opened.channels == 3
    assert "pass value_range=" in refusal(Generator(Net(), 10, latent_dim=5))


def test_global_random_numbers_are_seeded_and_put_back():
    def generate(n):
        return np.stack([np.random.randint(0, 256, (4, 5)).astype(np.uint8) ^ random.randrange(256) for _ in range(n)])  # noqa: NPY002

    before = random.getstate(), torch.random.get_rng_state()
    a, b = (stack(Generator(generate, 5, seed=3)) for _ in range(2))
    np.testing.assert_array_equal(a, b)
    assert random.getstate() == before[0]
    assert torch.equal(torch.random.get_rng_state(), before[1])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n": 0}, "n should be a whole number from 1, got 0"),
        ({"n": 5, "latent_dim": 0}, "latent_dim should be"),
        ({"n": 5, "classes": 3}, "give their width, --latent-dim"),
        ({"n": 5, "function": 3}, "a int cannot be called"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(DataError, match=message):
        Generator(**{"function": noise, **settings})


def test_a_generator_that_returns_too_few_is_refused():
    assert "asked for 64 images, it returned (3, 4, 4)" in refusal(Generator(lambda n: noise(3, 4, 4), 5))
    assert "it returned list" in refusal(Generator(lambda n: [1], 5))


def test_functions_are_found_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["/nowhere"])
    (tmp_path / "my_own_generator.py").write_text("class A:\n    def make(n): return n\nnumber = 3\n")
    assert named_function("my_own_generator:A.make")(4) == 4
    for text, message in (
        ("my_own_generator", "not of the form module:function"),
        ("my_own_generator:b", "has no 'b'"),
        ("my_own_generator:number", "is a int, which cannot be called"),
        ("no_such_module:b", "cannot be imported"),
    ):
        with pytest.raises(DataError, match=message):
            named_function(text)


# URLs


@pytest.fixture
def memory():
    """fsspec's file system in memory, empty before and after."""
    fsspec = pytest.importorskip("fsspec")
    system = fsspec.filesystem("memory")
    for store in (system.store, system.pseudo_dirs):
        store.clear()
    yield system
    system.store.clear()


def test_everything_can_lie_behind_a_url(memory, tmp_path):
    images, labels = noise(6, 5, 4, 3), np.arange(6) % 2
    folder = save_pngs(tmp_path / "f", images, labels)
    expected = open_images(folder, "real")
    memory.put(str(folder), "/bucket/f", recursive=True)
    np.savez(tmp_path / "a.npz", images)
    np.save(tmp_path / "a.npy", images)
    for half in range(2):
        with tarfile.open(tmp_path / f"s-{half}.tar", "w") as archive:
            for i in range(half * 3, half * 3 + 3):
                archive.add(folder / str(i % 2) / f"{i:05d}.png", f"{i}.png")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for file in folder.rglob("*.png"):
            archive.write(file, file.relative_to(folder))
    for file in ("a.npz", "a.npy", "s-0.tar", "s-1.tar", "a.zip"):
        memory.put(str(tmp_path / file), f"/bucket/{file}")
    by_class = np.stack(list(expected.stream()))
    for url in ("memory://bucket/f", "memory://bucket/f/", "memory://bucket/a.zip"):
        opened = open_images(url, "real")
        np.testing.assert_array_equal(np.stack(list(opened.stream())), by_class)
        assert opened.digest == expected.digest
        assert opened.classes == ("0", "1")
        assert opened.origin == url.rstrip("/")
    for url in ("memory://bucket/a.npz", "memory://bucket/a.npy", "memory://bucket/s-{0..1}.tar"):
        np.testing.assert_array_equal(stack(url), images)


def test_urls_that_cannot_be_read_are_refused_in_one_sentence(memory):
    memory.pipe("/bucket/x.png", b"x")
    assert "memory://nothing/here does not exist" in refusal("memory://nothing/here")
    assert "memory://nothing/a.zip does not exist" in refusal("memory://nothing/a.zip")
    assert "memory://bucket/x.png is one image" in refusal("memory://bucket/x.png")
    assert "x.png is not an image" in refusal("memory://bucket")
    assert "cannot be read (Protocol not known: nosuch" in refusal("nosuch://x/y")


def test_a_missing_package_for_a_protocol_is_named(monkeypatch):
    def missing(url):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("fsspec.core.url_to_fs", missing)
    assert (
        refusal("s3://bucket/x")
        == "real: s3://bucket/x needs a package that is not installed (Install s3fs to access S3)"
    )


# Data sets by name


def idx(array):
    """An array in MNIST's own format."""
    return struct.pack(f">I{array.ndim}I", 0x0800 | array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def data_root(tmp_path):
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, n in (("train", 12), ("t10k", 7)):
        (raw / f"{part}-images-idx3-ubyte").write_bytes(idx(noise(n, 28, 28)))
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(idx(np.arange(n, dtype=np.uint8) % 10))
    return tmp_path / "data"


def test_a_known_data_set_is_read_from_its_folder(data_root, monkeypatch):
    opened = open_images("mnist:test", "real", data_root=data_root)
    np.testing.assert_array_equal(np.stack(list(opened.stream()))[..., 0], noise(7, 28, 28))
    assert opened.labels is not None
    assert opened.labels.tolist() == list(range(7))
    assert opened.origin == "mnist:test"
    monkeypatch.setenv("GENMETRICS_DATA", str(data_root))
    assert open_images("MNIST:train", "real").n == 12


def test_a_data_set_that_is_not_there_says_where_and_what_to_do(tmp_path):
    message = refusal("mnist:test", data_root=tmp_path)
    assert f"mnist:test is not in {tmp_path}" in message
    assert "--data-root" in message
    assert "--download" in message


def test_a_download_that_fails_is_said(tmp_path, monkeypatch):
    def offline(*arguments, **settings):
        raise OSError("no network")

    monkeypatch.setattr("torchvision.datasets.MNIST", offline)
    assert "cannot be downloaded to" in refusal("mnist:test", data_root=tmp_path, download=True)


def test_a_split_that_is_not_there_is_refused(data_root):
    assert "mnist has the splits train, test; write mnist:train" in refusal("mnist", data_root=data_root)
    with pytest.raises(UnknownNameError, match="split of mnist"):
        open_images("mnist:validation", "real", data_root=data_root)


def test_a_folder_called_like_a_data_set_is_that_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_pngs(tmp_path / "mnist", noise(3, 4, 4))
    assert open_images("mnist", "real").n == 3


def test_compressed_bytes_are_not_mistaken(tmp_path):
    (tmp_path / "x.gz").write_bytes(gzip.compress(io.BytesIO(b"x").getvalue()))
    assert "is of an unknown type" in refusal(tmp_path / "x.gz")
