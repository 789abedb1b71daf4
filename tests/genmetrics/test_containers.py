"""One number whatever the images come in, their order, the workers and the batch size."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from image_files import save_pngs
from PIL import Image

import genmetrics as gm
from genmetrics.digits import splits
from genmetrics.sources.generators import Generator

N = 90
METRICS = ["frechet", "kernel", "ddm", "inception-score"]


def values(real, generated, **settings) -> np.ndarray:
    record = gm.evaluate(
        real, generated, metrics=METRICS, extractor="digits-cnn", intervals=False, cache=False, **settings
    )
    return np.array([score.value for score in record])


@pytest.fixture(scope="module")
def images():
    digits = splits()
    return digits.test.images[:N], digits.held_out.images[:N]


@pytest.fixture(scope="module")
def expected(images):
    return values(*images)


@pytest.fixture(scope="module")
def place(images, tmp_path_factory) -> Path:
    """The same images as every kind of file; the files of the folder are named in another order."""
    place = tmp_path_factory.mktemp("containers")
    for name, some in zip(("real", "generated"), images, strict=True):
        side = place / name
        shuffled = np.random.default_rng(1).permutation(N)
        folder = save_pngs(side / "folder", some[shuffled])
        np.save(side / "a.npy", some)
        np.savez(side / "a.npz", some)
        np.savez_compressed(side / "packed.npz", images=some)
        with zipfile.ZipFile(side / "a.zip", "w") as archive:
            for file in sorted(folder.iterdir()):
                archive.write(file, f"x/{file.name}")
        for suffix, mode in (("tar", "w"), ("tgz", "w:gz")):
            with tarfile.open(side / f"a.{suffix}", mode) as archive:
                archive.add(folder, "x")
        for shard in range(3):
            with tarfile.open(side / f"s-{shard}.tar", "w") as archive:
                for file in sorted(folder.iterdir())[shard::3]:
                    archive.add(file, file.name)
    return place


FILES = ["folder", "a.npy", "a.npz", "packed.npz", "a.zip", "a.tar", "a.tgz", "s-{0..2}.tar"]


@pytest.mark.parametrize("file", FILES)
def test_every_kind_of_file_gives_the_same_numbers(place, expected, file):
    found = values(f"{place}/real/{file}", f"{place}/generated/{file}")
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_every_kind_of_object_gives_the_same_numbers(images, expected):
    def pairs(some):
        return [(Image.fromarray(image), 0) for image in some]

    def batches(some):
        return (torch.from_numpy(some[i : i + 7])[:, None] for i in range(0, N, 7))

    for convert in (
        torch.from_numpy,
        lambda some: some[:, None],
        lambda some: some[..., None].repeat(3, axis=3),
        pairs,
        batches,
        lambda some: Generator(cut(some), N),
    ):
        np.testing.assert_allclose(values(*map(convert, images)), expected, rtol=1e-6)


def cut(some):
    """A generator that makes these images."""
    calls = []

    def generate(n):
        calls.append(n)
        return np.resize(some[n * (len(calls) - 1) :], (n, *some.shape[1:]))

    return generate


@pytest.mark.parametrize("batch_size", [1, 7, 64])
@pytest.mark.parametrize("workers", [0, 1, 2])
def test_neither_batch_size_nor_workers_change_a_number(place, expected, batch_size, workers):
    found = values(place / "real" / "folder", place / "generated" / "folder", batch_size=batch_size, workers=workers)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
