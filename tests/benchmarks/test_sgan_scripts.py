"""The Stacked GAN scripts: what they say of made-up numbers, and a whole small experiment."""

import csv

import mnist_sgan
import numpy as np
import pytest
import sgan_runs
from mnist_sgan import MODELS, REAL, WITHOUT

ORDER = {"sgan": 9.0, "no-joint": 8.0, "adv-cond-ent": 7.0, "adv": 6.0, "adv-cond": 5.0, "adv-ent": 5.0, WITHOUT: 8.5}


def table(scores=ORDER, held=None):
    """Three seeds that differ by 0.01 in every number."""
    held = held or dict.fromkeys(scores, 0.5)
    return [
        {"letter": MODELS[name].letter, "model": name, "seed": seed, "classifier_score": score + seed / 100,
         "ms_ssim_held": held[name] + seed / 100, "accuracy": None if name in ("adv", "adv-ent") else 0.9}
        for name, score in scores.items() for seed in range(3)
    ]  # fmt: skip


def test_every_generator_gets_the_same_number_of_updates():
    assert [m.steps * m.own // m.stages for m in MODELS.values()] == [mnist_sgan.UPDATES] * len(MODELS)
    assert [MODELS[name].steps for name in ("sgan", "no-joint", "adv")] == [900, 1200, 600]


def test_the_mean_has_students_interval():
    found = mnist_sgan.mean([1.0, 2.0, 3.0])
    assert found == pytest.approx((2, 4.302652729911275 / 3**0.5))
    assert str(found) == "2.000 ± 2.484"
    assert str(mnist_sgan.mean([0.25])) == "0.250"


def test_the_papers_order_is_said_to_hold_or_not():
    assert "holds here for the classifier score: 5 of its 5 differences have the paper's sign, 5 with an interval" in (
        mnist_sgan.verdict_on_order(table())
    )
    swapped = mnist_sgan.verdict_on_order(table({**ORDER, "sgan": 7.5}))
    assert "does not hold here for the classifier score: 4 of its 5" in swapped
    assert "a − b: -0.500 ± 0.000" in swapped
    assert "cannot be said yet" in mnist_sgan.verdict_on_order(table({"sgan": 9.0}))


def test_a_difference_within_its_interval_is_not_sure():
    rows = table()
    rows[0]["classifier_score"] += 5  # one seed of (a)
    assert "5 of its 5 differences have the paper's sign, 4 with an interval" in mnist_sgan.verdict_on_order(rows)


def test_what_the_entropy_loss_does():
    held = dict.fromkeys(ORDER, 0.5) | {WITHOUT: 0.9, "adv-cond": 0.4}
    text = mnist_sgan.verdict_on_entropy(table(held=held))
    assert "0.510 ± 0.025 with the entropy loss, 0.910 ± 0.025 without, difference -0.400 ± 0.000" in text
    assert "lower, so more varied, with it for 3 of 3 seeds" in text
    assert text.endswith("with it for 0 of 3 seeds.")
    assert "cannot be said yet" in mnist_sgan.verdict_on_entropy(table({"sgan": 1.0}))


def test_the_page_keeps_what_is_not_between_the_marks(tmp_path):
    page, (first, last) = tmp_path / "page.md", mnist_sgan.MARKS
    page.write_text(f"before\n{first}\n\nold\n\n{last}\nafter\n")
    for _ in range(2):
        mnist_sgan.write_page("new", page)
        assert page.read_text() == f"before\n{first}\n\nnew\n\n{last}\nafter\n"


def test_a_table_has_a_row_a_model_and_a_dash_where_nothing_is_known():
    text = mnist_sgan.section(table())
    assert "| f | adv | – | 6.010 ± 0.025 |" in text
    assert "Seeds 0, 1, 2" in text


@pytest.fixture
def small(tmp_path, monkeypatch):
    """An experiment of two updates on 60 noisy images."""
    rng = np.random.default_rng(0)
    images = np.concatenate([rng.integers(0, 255, (60, 28, 28), dtype=np.uint8)])
    np.savez(tmp_path / "images.npz", x=images, y=np.arange(60) % 10)
    place = str(tmp_path / "images.npz")
    page = tmp_path / "page.md"
    page.write_text("\n".join(mnist_sgan.MARKS))
    for name, value in {"MNIST": ("--dataset", place, "--test-set", place), "UPDATES": 2, "N": 30, "PAGE": page,
                        "CSV": tmp_path / "results" / "found.csv", "SEEDS": (0,),
                        "SMALLER": ("--narrow", "16", "--batch-size", "4")}.items():  # fmt: skip
        monkeypatch.setattr(mnist_sgan, name, value)
    monkeypatch.setattr(mnist_sgan, "ENCODER", ("--steps", "2", "--batch-size", "8"))
    monkeypatch.setattr(mnist_sgan.figures, "PICTURES", tmp_path)
    monkeypatch.setattr(sgan_runs, "CONDITIONS", 3)
    return tmp_path


def test_a_small_experiment_from_training_to_page(small):
    runs = small / "runs"
    for name in MODELS:
        mnist_sgan.scored(runs, name, 0)
    kept = {file: file.read_bytes() for file in runs.glob("*/scores.json")}
    assert len(kept) == len(MODELS)
    mnist_sgan.scored(runs, "adv", 0)  # done: nothing is done again
    mnist_sgan.report(runs)
    assert {file: file.read_bytes() for file in runs.glob("*/scores.json")} == kept
    with (small / "results" / "found.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["model"] for row in rows] == [*MODELS, REAL]
    assert rows[5]["accuracy"] == ""  # (f) is given no label
    assert all(float(row["frechet"]) > 0 for row in rows)
    assert "| a | sgan |" in (small / "page.md").read_text()
    assert (
        (small / "mnist_sgan.png").read_bytes()[:4] == (small / "mnist_sgan_figure2.png").read_bytes()[:4] == b"\x89PNG"
    )


def test_a_classifier_of_other_classes_sees_none():
    class Network:
        name, channels, size, resize, outputs, batch_size = "three", 1, None, "none", ("features", "logits"), 8
        weights_sha256 = "0"

        def __call__(self, images):
            found = np.tile(np.float32([0, 2, 1]), (len(images), 1))
            return {"features": found, "logits": found}

    images = np.zeros((4, 1, 28, 28), np.uint8)
    assert sgan_runs.classes(images, Network(), 3).tolist() == [1, 1, 1, 1]
    assert sgan_runs.classes(images, Network(), 10) is None
