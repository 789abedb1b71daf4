"""Tar archives and WebDataset shards: the images of a folder, their classes, and what damage costs."""

from __future__ import annotations

import gzip
import io
import pickle
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from image_files import save_pngs
from PIL import Image

from genmetrics._checks import DataError
from genmetrics.sources import open_images


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def encoded(image, kind="PNG"):
    data = io.BytesIO()
    Image.fromarray(image).save(data, kind)
    return data.getvalue()


def tar_of(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def samples(images, first=0, classes=None):
    """Members of a WebDataset."""
    members = {}
    for i, image in enumerate(images, first):
        members[f"{i:06d}.png"] = encoded(image)
        if classes is not None:
            members[f"{i:06d}.cls"] = str(classes[i]).encode()
    return members


def stack(source, **options):
    return np.stack(list(open_images(source, "real", **options).stream()))


def refusal(source, **options):
    with pytest.raises(DataError) as error:
        open_images(source, "real", **options)
    assert str(error.value).startswith("real: ")
    return str(error.value)


def test_a_tar_holds_the_images_and_classes_of_its_folder(tmp_path):
    images, labels = noise(12, 6, 5, 3), np.arange(12) % 3
    folder = save_pngs(tmp_path / "f", images, labels)
    for suffix, mode in ((".tar", "w"), (".tar.gz", "w:gz"), (".tgz", "w:gz")):
        with tarfile.open(tmp_path / f"a{suffix}", mode) as archive:
            archive.add(folder, "./")
        opened, expected = open_images(tmp_path / f"a{suffix}", "real"), open_images(folder, "real")
        np.testing.assert_array_equal(stack(tmp_path / f"a{suffix}"), stack(folder))
        np.testing.assert_array_equal(opened.labels, expected.labels)
        assert opened.digest == expected.digest
        assert opened.classes == ("0", "1", "2")
        assert opened.warnings == ()
        np.testing.assert_array_equal(opened.take([7, 0])[0], expected.take([7])[0])


def test_shards_by_a_pattern_are_one_set(tmp_path):
    images, classes = noise(30, 4, 4), np.arange(30) % 4
    for shard in range(3):
        tar_of(tmp_path / f"s-{shard:03d}.tar", samples(images[shard * 10 :][:10], shard * 10, classes))
    opened = open_images(f"{tmp_path}/s-{{000..002}}.tar", "real")
    np.testing.assert_array_equal(np.stack(list(opened.stream()))[..., 0], images)
    assert opened.labels is not None
    assert opened.labels.tolist() == classes.tolist()
    assert opened.kind == "tar"
    assert opened.warnings == ()
    np.testing.assert_array_equal(np.stack(list(opened.stream(workers=2)))[..., 0], images)
    np.testing.assert_array_equal(stack(f"{tmp_path}/s-{{000,002}}.tar")[..., 0], images[[*range(10), *range(20, 30)]])
    np.testing.assert_array_equal(np.stack(list(pickle.loads(pickle.dumps(opened)).stream()))[..., 0], images)
    assert "s-003.tar does not exist" in refusal(f"{tmp_path}/s-{{000..003}}.tar")


def test_more_shards_than_are_open_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("genmetrics.sources.tars.OPEN_AT_ONCE", 2)
    images = noise(5, 4, 4)
    for i, image in enumerate(images):
        tar_of(tmp_path / f"s-{i}.tar", samples([image], i))
    opened = open_images(f"{tmp_path}/s-{{0..4}}.tar", "real")
    np.testing.assert_array_equal(np.stack(opened.take([4, 0, 3, 1, 4]))[..., 0], images[[4, 0, 3, 1, 4]])


def test_a_pattern_that_names_nothing_of_use_is_refused(tmp_path):
    assert "only .tar files can be given by a pattern" in refusal(f"{tmp_path}/{{a,b}}.zip")
    assert "its braces do not match" in refusal(f"{tmp_path}/a{{b.tar")


@pytest.mark.parametrize("protocol", ["", "file://"])
def test_shards_of_one_name_in_different_folders_are_all_read(tmp_path, protocol):
    images = noise(6, 4, 4)
    for i, folder in enumerate("ab"):
        (tmp_path / folder).mkdir()
        tar_of(tmp_path / folder / "s.tar", samples(images[3 * i :][:3]))
    found = stack(f"{protocol}{tmp_path}/{{a,b}}/s.tar")
    np.testing.assert_array_equal(found[..., 0], images)


def test_a_shard_named_twice_is_refused(tmp_path):
    tar_of(tmp_path / "a.tar", samples(noise(2, 4, 4)))
    assert "a.tar twice" in refusal(f"{tmp_path}/{{a,a}}.tar")


def test_links_are_the_files_that_they_lead_to(tmp_path):
    folder = save_pngs(tmp_path / "f", noise(3, 4, 4))
    (folder / "x").mkdir()
    (folder / "x" / "hard.png").hardlink_to(folder / "00001.png")
    (folder / "x" / "soft.png").symlink_to("../00002.png")
    (folder / "softer.png").symlink_to("x/soft.png")
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(folder, "./f")
    np.testing.assert_array_equal(stack(tmp_path / "a.tar"), stack(folder))
    assert open_images(tmp_path / "a.tar", "real").digest == open_images(folder, "real").digest


def test_links_that_lead_nowhere_are_counted(tmp_path):
    folder = save_pngs(tmp_path / "f", noise(3, 4, 4))
    (folder / "round.png").symlink_to("about.png")
    (folder / "about.png").symlink_to("round.png")
    (folder / "away.png").symlink_to("/nowhere/1.png")
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(folder, "f")
    opened = open_images(tmp_path / "a.tar", "real")
    assert opened.n == 3
    assert "3 links to what the archive does not hold left out (first: f/" in opened.warnings[0]
    assert "which the archive does not hold" in refusal(tmp_path / "a.tar", skip_damaged=False)


def test_labels_need_a_cls_for_every_image(tmp_path):
    members = samples(noise(4, 4, 4), classes=[0, 1, 0, 1])
    del members["000002.cls"]
    opened = open_images(tar_of(tmp_path / "a.tar", members), "real")
    assert opened.labels is None
    assert "real: no labels, because 1 image of 4 have no .cls beside them" in opened.warnings


def test_samples_of_several_images_are_refused(tmp_path):
    members = {"1.png": encoded(noise(4, 4)), "1.mask.png": encoded(noise(4, 4)), "1.json": b"{}"}
    assert "sample 1 holds 2 images" in refusal(tar_of(tmp_path / "a.tar", members))


# Damage


@pytest.fixture
def damaged(tmp_path):
    """Of 6 members one is a text and one half a JPEG."""
    members = {f"{i}.png": encoded(image) for i, image in enumerate(noise(4, 8, 8, 3))}
    members["2a.png"] = b"not an image"
    members["3a.jpg"] = encoded(noise(40, 40, 3), "JPEG")[:-500]
    return tar_of(tmp_path / "a.tar", members)


def test_damaged_members_are_left_out_and_counted(damaged):
    opened = open_images(damaged, "real", labels=list("abcdef"))
    assert opened.n == 4
    (warning,) = opened.warnings
    assert warning.startswith(f"real: 2 of 6 images damaged and left out (first: {damaged}/2a.png is not an image")
    assert opened.labels is not None
    assert [opened.classes[i] for i in opened.labels] == ["a", "b", "c", "e"]
    assert len(list(opened.stream())) == 4


def test_a_caller_can_refuse_damage(damaged):
    assert "2a.png is not an image" in refusal(damaged, skip_damaged=False)


def test_damaged_files_of_a_folder_are_left_out_on_request_only(tmp_path):
    folder = save_pngs(tmp_path / "f", noise(4, 8, 8, 3))
    (folder / "5.jpg").write_bytes(encoded(noise(40, 40, 3), "JPEG")[:-500])
    (folder / "6.png").write_bytes(b"")
    opened = open_images(folder, "real", skip_damaged=True)
    assert opened.n == 4
    assert "real: 2 of 6 images damaged and left out (first: " in opened.warnings[0]
    assert "6.png is empty" in refusal(folder)


def test_what_is_whole_but_of_no_use_is_never_left_out(tmp_path):
    transparent = Image.fromarray(np.zeros((4, 4, 4), np.uint8))
    data = io.BytesIO()
    transparent.save(data, "PNG")
    path = tar_of(tmp_path / "a.tar", {"1.png": encoded(noise(4, 4, 3)), "2.png": data.getvalue()})
    assert "2.png has 16 transparent pixels" in refusal(path)


def test_a_tar_of_nothing_but_damage_is_refused(tmp_path):
    assert "all 1 image are damaged; first: real: " in refusal(tar_of(tmp_path / "a.tar", {"1.png": b"x"}))


@pytest.mark.parametrize("keep", ["in a member", "in a header", "between members"])
def test_a_tar_that_ends_too_early_is_said(tmp_path, keep):
    path = tar_of(tmp_path / "a.tar", {f"{i}.png": encoded(noise(16, 16, 3, seed=i)) for i in range(5)})
    with tarfile.open(path) as archive:
        third = archive.getmembers()[3]
    end = {"in a member": third.offset_data + 50, "in a header": third.offset + 100, "between members": third.offset}
    path.write_bytes(path.read_bytes()[: end[keep]])
    opened = open_images(path, "real")
    assert opened.n == 3
    assert f"real: {path} is damaged after" in opened.warnings[0]
    assert "what comes after is left out" in opened.warnings[0]
    assert "a.tar is damaged after" in refusal(path, skip_damaged=False)


def test_a_tar_with_a_damaged_header_is_said(tmp_path):
    path = tar_of(tmp_path / "a.tar", {f"{i}.png": encoded(noise(16, 16, 3, seed=i)) for i in range(5)})
    with tarfile.open(path) as archive:
        third = archive.getmembers()[3]
    data = bytearray(path.read_bytes())
    data[third.offset + 5] ^= 1
    path.write_bytes(data)
    opened = open_images(path, "real")
    assert opened.n == 3
    assert "is damaged after 3 members (what follows is no header)" in opened.warnings[0]


def test_half_a_packed_tar_gives_what_is_left(tmp_path):
    path = tar_of(tmp_path / "a.tar", {f"{i}.png": encoded(noise(64, 64, 3, seed=i)) for i in range(5)})
    packed = gzip.compress(path.read_bytes())
    (tmp_path / "b.tar.gz").write_bytes(packed[: len(packed) // 2])
    opened = open_images(tmp_path / "b.tar.gz", "real")
    assert 0 < opened.n < 5
    assert "is damaged after" in opened.warnings[0]


def test_no_tar_at_all_is_refused(tmp_path):
    (tmp_path / "a.tar").write_bytes(b"not at all")
    (tmp_path / "a.tgz").write_bytes(b"not at all")
    assert "a.tar cannot be read" in refusal(tmp_path / "a.tar")
    assert "a.tgz cannot be read" in refusal(tmp_path / "a.tgz")
    assert "holds no images" in refusal(tar_of(tmp_path / "b.tar", {}))


def test_temporary_files_go_with_the_set(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as archive:
        archive.add(save_pngs(tmp_path / "f", noise(3, 4, 4)), "x")
    opened = open_images(tmp_path / "a.tgz", "real")
    shutil.rmtree(tmp_path / "f")
    (tmp_path / "a.tgz").unlink()
    assert len(list(opened.stream())) == 3
    assert len(list((tmp_path / "scratch").iterdir())) == 1
    del opened
    assert list((tmp_path / "scratch").iterdir()) == []
