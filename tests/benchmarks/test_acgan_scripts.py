"""The AC-GAN scripts at their smallest: the sweep resumes and reports on samples of its own; splits become tables."""

import csv
import sys

import acgan_classes
import acgan_runs
import acgan_sweep
import numpy as np
import pytest
import torch

import genmetrics as gm

TRAIN = ("--dataset", "digits", "--steps", "2", "--width", "0.1", "--batch-size", "8")


def test_the_grid_is_that_of_table_2():
    assert len(set(acgan_sweep.GRID)) == 27
    assert {rate for rate, _, _ in acgan_sweep.GRID} == {rate for _, rate, _ in acgan_sweep.GRID} == {1e-4, 2e-4, 3e-4}
    assert {noise for _, _, noise in acgan_sweep.GRID} == {0.0, 0.1, 0.2}


def test_a_sweep_resumes_chooses_by_one_set_and_reports_on_another(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(acgan_sweep, "GRID", acgan_sweep.GRID[:3])

    def run(*more, select=90):
        own = ("--classifier", "digits-cnn", "--runs", tmp_path, "--out", tmp_path / "t.csv")
        sizes = ("--select", select, "--report", 70)
        monkeypatch.setattr(sys, "argv", [str(word) for word in ("sweep", *own, *sizes, *more, "--", *TRAIN)])
        acgan_sweep.main()
        return capsys.readouterr().out

    assert "1 of 3 candidates are done; left: 0, 2" in run("--only", 1)
    before = (tmp_path / "01" / "select.npy").stat().st_mtime_ns
    text = run()
    assert (tmp_path / "01" / "select.npy").stat().st_mtime_ns == before
    logits = [np.load(tmp_path / f"{k:02d}" / "select.npy") for k in range(3)]
    scores = [gm.inception_score(logits=each, splits=10, shuffle=True).value for each in logits]
    best = int(np.argmax(scores))
    extra = np.load(tmp_path / f"{best:02d}" / "report.npy")
    assert [len(each) for each in (*logits, extra)] == [90, 90, 90, 70]
    assert not (extra == logits[best][:70]).any()
    reported = gm.inception_score(logits=extra, splits=5, shuffle=True).value
    assert f"{reported:.3f} +-" in text
    with (tmp_path / "t.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["selection"]) for row in rows] == pytest.approx(scores, abs=1e-4)
    assert [row["report"] != "" for row in rows] == [k == best for k in range(3)]
    assert [row["noise"] for row in rows] == ["0.0", "0.1", "0.2"]
    run(select=80)  # of another size nothing is kept
    assert [len(np.load(tmp_path / f"{k:02d}" / "select.npy")) for k in range(3)] == [80] * 3


def test_real_images_score_as_real_ones(digits):
    """Samples that are the test images: the same accuracy and MS-SSIM on both sides."""
    images, labels = digits
    found = acgan_runs.scores((images[:, None], labels), (images[:, None], labels), "digits-cnn")
    assert [row.level for row in found.accuracy] == [4, 7, 8]
    assert found.accuracy.best.value == found.real_accuracy.best.value > 0.95
    assert found.diversity == found.real_diversity
    assert found.below.share == 0.9  # the largest is not below itself
    rows = found.rows()
    assert [row["class"] for row in rows] == list("0123456789")
    assert all(row["accuracy"] == row["real_accuracy"] and row["ms_ssim"] == row["real_ms_ssim"] for row in rows)
    assert "class accuracy 9" in acgan_runs.summary(found)


def test_test_images_of_other_classes_are_left_out(digits):
    images, labels = digits
    some = labels < 2
    found = acgan_runs.scores((images[some][:, None], labels[some]), (images[:, None], labels), "digits-cnn")
    assert found.diversity == found.real_diversity


@pytest.fixture
def digits():
    from genmetrics.digits import splits

    return splits().test


class Stripes:
    """Images whose top half shows the class and whose lower half shows the latent."""

    classes, device = 3, torch.device("cpu")

    def latents(self, n, generator):
        return torch.rand(n, 2, generator=generator)

    def generate(self, z, labels):
        pixels = torch.stack([labels.float() * 100, z[:, 0] * 255], dim=1).byte()
        return pixels[:, None, :, None].expand(-1, 1, 2, 2)


def test_pictures_have_a_row_a_class():
    styles, rows, paths = (draw(Stripes()) for draw in acgan_runs.PICTURES.values())
    assert styles.shape == rows.shape == (3 * 3 - 1, 10 * 3 - 1, 1)
    assert paths.shape == (10 * 3 - 1, 10 * 3 - 1, 1)
    assert (styles[0::3, 0::3] == [[[0]], [[100]], [[200]]]).all()
    assert (styles[1::3, 0::3] == styles[1, 0::3]).all()  # one latent a column
    assert (np.diff(rows[1::3, 0::3].astype(int), axis=0) != 0).any(axis=0).all()
    steps = np.diff(paths[1::3, 0::3, 0].astype(int), axis=1)
    assert ((steps >= 0).all(axis=1) | (steps <= 0).all(axis=1)).all()  # one way along a path


def test_the_first_two_classes_are_averaged_for_every_restart():
    table = [
        {"models": "4", "class": str(k), "seed": seed, "ms_ssim": k + 10 * seed}
        for k in range(4)
        for seed in acgan_classes.SEEDS
    ]
    assert acgan_classes.of_first_two(table, "4", "ms_ssim").tolist() == [0.5, 10.5, 20.5]


def test_every_row_of_models_is_a_split_of_different_classes():
    for lines in (*acgan_classes.MODELS.values(), *acgan_classes.CIFAR10_GROUPS.values()):
        classes = " ".join(lines).split()
        assert len(set(classes)) == len(classes)
