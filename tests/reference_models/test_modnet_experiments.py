"""ModNet's experiments: numbers with known answers, and the commands end to end."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from genmetrics._checks import DataError
from genmetrics.extractors import wide_resnet
from reference_models import data, given, training
from reference_models import modnet_augment as study
from reference_models.__main__ import main
from reference_models.data import Images
from reference_models.modnet_augment import ALL_REAL, FROM_ALL, FROM_FEW, GENERATED, REAL, Trial
from reference_models.modnet_pictures import fooling_sheet, triple
from reference_models.modnet_studies import Fooling, Mean, classify_by, copies, fooling
from reference_models.monitor import suitable_extractor

SMALL = ("--width", 4, "--depth", 2, "--steps", 2, "--batch-size", 8, "--device", "cpu")


def run(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of two steps on the digits."""
    out = tmp_path_factory.mktemp("runs") / "modnet"
    assert run("train", "modnet", "--dataset", "digits", "--out", out, *SMALL).exit_code == 0
    return out


@pytest.fixture
def modnet(build, digits):
    model = build("modnet", digits, width=4, depth=2)
    torch.nn.init.zeros_(model.generator.unet.up[-1][1].weight)
    return model  # whose delta is 0


def some_fooling(n=6):
    images = np.zeros((n, 1, 2, 2), np.uint8)
    changed = images + np.array([0, 4], np.uint8).repeat(n // 2)[:, None, None, None]
    labels, targets = np.zeros(n, int), np.ones(n, int)
    return Fooling(images, changed, labels, targets, np.array([0, 0, 0, 0, 0, 1]), np.array([0, 1, 1, 2, 2, 1]))


# --- interpret


def test_shares_and_the_mean_change_by_hand():
    found = some_fooling().numbers
    values = {name: mean.value for name, mean in found.items()}
    assert values == pytest.approx(
        {"accuracy_before": 5 / 6, "target_seen": 3 / 6, "label_changed": 4 / 6, "mean_change": 2.0}
    )
    assert found["mean_change"].low == 0  # Student's would be -0.30, which no change is
    assert found["mean_change"].high == pytest.approx(2 + 2.5706 * (4.8 / 6) ** 0.5, abs=1e-3)
    assert found["target_seen"].low == pytest.approx(1.6354 / 2 / 6, abs=1e-4)  # 3 in 6 are few: chi2 of 6 degrees, 5%


def test_a_mean_has_students_interval():
    """1, 2, 3: standard error 1 / sqrt(3), t of two degrees of freedom 4.3027."""
    mean = Mean.of([1.0, 2.0, 3.0])
    assert (mean.value, mean.n) == (2, 3)
    assert mean.high - 2 == pytest.approx(4.3027 / 3**0.5, abs=1e-4)
    assert 2 - mean.low == pytest.approx(mean.high - 2)
    cut = Mean.of([1.0, 2.0, 3.0], (0.0, 4.0))
    assert (cut.low, cut.high) == (0, 4)


def test_images_that_do_not_change_fool_nobody(modnet, digits):
    classify = classify_by(given.classifier("digits-cnn", digits.shape, 10), modnet.device)
    found = fooling(modnet, classify, digits.test, seed=0)
    assert (found.original == found.changed).all()
    assert found.numbers["label_changed"].value == 0
    assert found.numbers["mean_change"].value == 0
    assert found.numbers["accuracy_before"].value > 0.97
    assert found.numbers["target_seen"].value < 0.03
    assert (found.targets != digits.test.labels).all()


def test_a_delta_is_drawn_grey_where_nothing_changes():
    original, changed = (np.array([[[0, 255, 100]]], np.uint8), np.array([[[255, 0, 100]]], np.uint8))
    assert triple(original, changed).tolist() == [[0, 255, 100, 255, 255, 0, 128, 255, 255, 0, 100]]
    assert triple(*np.zeros((2, 3, 4, 4), np.uint8)).shape == (4, 14, 3)


def test_the_picture_is_the_same_every_time():
    first, second = (fooling_sheet(some_fooling(), 5, "title") for _ in range(2))
    assert first == second
    assert first[:4] == b"\x89PNG"


def test_interpret_prints_shares_with_intervals_and_keeps_a_picture(trained, tmp_path):
    result = run("interpret", trained, "--classifier", "digits-cnn", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    for words in ("digits-cnn, 390 test images of digits", "sees the target in the result", "95% ["):
        assert words in result.stdout
    kept = json.loads((tmp_path / "out" / "interpret.json").read_text())
    assert kept["target_seen"]["n"] == 390
    with Image.open(tmp_path / "out" / "fooling.png") as picture:
        assert picture.width > 800
    as_json = run("interpret", trained, "--classifier", "digits-cnn", "--json")
    assert json.loads(as_json.stdout) == kept


def test_interpret_takes_the_own_classifier_or_one_of_a_run(trained, tmp_path):
    own = json.loads(run("interpret", trained, "--n", 50, "--json").stdout)
    assert own["classifier"] == "its own classifier"
    shallow = tmp_path / "digits-cnn"
    assert run("train", "digits-cnn", "--dataset", "digits", "--out", shallow, "--steps", 1).exit_code == 0
    other = run("interpret", trained, "--n", 50, "--classifier", shallow, "--json")
    assert json.loads(other.stdout)["accuracy_before"]["n"] == 50


def test_a_run_can_be_trained_against_the_classifier_of_a_run(trained, tmp_path):
    shallow, out = tmp_path / "digits-cnn", tmp_path / "against"
    assert run("train", "digits-cnn", "--dataset", "digits", "--out", shallow, "--steps", 1).exit_code == 0
    against = ("--pretrained", shallow, "--freeze")
    assert run("train", "modnet", "--dataset", "digits", "--out", out, *SMALL, *against).exit_code == 0
    own, given_again = (
        json.loads(run("interpret", out, *more, "--json").stdout) for more in ((), ("--classifier", shallow))
    )
    assert own["target_seen"] == given_again["target_seen"]


# --- memorisation


def test_without_a_change_every_image_is_nearest_to_itself(modnet, digits):
    found = copies(modnet, digits.train, 100, 0, lambda items, *_: items)
    assert (found.nearest == found.sources).all()
    assert found.numbers["own_source"].value == 1
    assert found.numbers["own_source"].low == pytest.approx(0.963, abs=1e-3)
    assert found.numbers["of_target_label"].value == 0
    assert len(set(found.sources)) == 100


def test_an_image_as_near_as_the_source_does_not_count_against_it(modnet, digits):
    """Every training image stands there twice; which of two copies the search returns is no matter."""
    twice = Images(np.repeat(digits.train.images[:40], 2, axis=0), np.repeat(digits.train.labels[:40], 2))
    assert copies(modnet, twice, 80, 0, lambda items, *_: items).numbers["own_source"].value == 1


def test_images_that_become_another_image_are_found_there(modnet, digits, monkeypatch):
    """Every changed image is training image 7."""
    seventh = digits.train.images[7]
    monkeypatch.setattr(modnet, "modify", lambda images, targets: np.repeat(seventh[None], len(images), axis=0))
    found = copies(modnet, digits.train, 60, 0, lambda items, *_: items)
    assert (found.nearest == 7).all()
    assert found.numbers["own_source"].value == (found.sources == 7).mean()
    assert found.numbers["of_target_label"].value == (found.targets == digits.train.labels[7]).mean()


def test_memorisation_prints_the_share_with_its_interval(trained):
    text = run("memorisation", trained, "--n", 30).stdout
    assert "30 changed images among 1,017 training images of digits" in text
    assert "nearest to their own source" in text
    assert json.loads(run("memorisation", trained, "--n", 30, "--json").stdout)["own_source"]["n"] == 30


# --- augment


def test_an_image_gets_every_label_but_its_own(modnet, digits):
    some = Images(digits.train.images[:3], digits.train.labels[:3])
    made = study.other_versions(modnet, some)
    assert made.images.shape == (27, 1, 8, 8)
    for i, label in enumerate(some.labels):
        assert sorted(made.labels[9 * i : 9 * i + 9]) == sorted(set(range(10)) - {label})
        assert (made.images[9 * i : 9 * i + 9] == some.images[i]).all()  # a delta of 0


def test_few_images_are_spread_over_the_classes(digits):
    for n in (10, 100):
        labels = study.subset(digits.train, n, seed=1).labels
        assert np.abs(np.bincount(labels, minlength=10) - n / 10).max() <= 1
    first, second = (study.subset(digits.train, 10, seed).images for seed in (0, 1))
    assert (first != second).any()


@pytest.fixture
def experiment(modnet, digits, tmp_path):
    plan = study.Plan(classifier_steps=3, classifier_width=4, few_steps=2, generated_only=50)
    return study.Augmentation([modnet], digits, plan, tmp_path)


def test_what_each_classifier_learns_from(experiment):
    sizes = {name: len(experiment.images(Trial(name, n, 0))) for name, n in
             ((REAL, 20), (FROM_ALL, 20), (FROM_FEW, 20), (ALL_REAL, 0), (GENERATED, 0))}  # fmt: skip
    assert sizes == {REAL: 20, FROM_ALL: 200, FROM_FEW: 200, ALL_REAL: 50, GENERATED: 50}
    real, generated = (experiment.images(Trial(name, 0, 0)) for name in (ALL_REAL, GENERATED))
    assert (real.images == generated.images).all()  # a delta of 0, so the sources are the same
    assert (real.labels != generated.labels).all()
    few = experiment.images(Trial(FROM_FEW, 20, 0))
    assert (few.images[:20] == experiment.images(Trial(REAL, 20, 0)).images).all()


def test_a_modnet_of_few_images_sees_no_others(experiment, monkeypatch):
    seen = []
    train = training.train
    monkeypatch.setattr(
        training, "train", lambda model, dataset, *a, **k: (seen.append(dataset.train), train(model, dataset, *a, **k))
    )
    experiment.images(Trial(FROM_FEW, 20, 3))
    assert (seen[0].images == experiment.images(Trial(REAL, 20, 3)).images).all()


def test_a_fresh_classifier_learns_the_digits(experiment, digits):
    plan = dataclasses.replace(experiment.plan, classifier_steps=120, classifier_width=16, generated_only=1000)
    experiment = study.Augmentation(experiment.runs, digits, plan, experiment.out)
    assert experiment.accuracy(Trial(ALL_REAL, 0, 0)) > 0.9


def test_trials_are_not_done_twice_and_other_settings_are_refused(experiment, monkeypatch):
    done = []
    monkeypatch.setattr(study.Augmentation, "accuracy", lambda self, trial: done.append(trial) or 0.5)
    wanted = study.trials([10], 2)
    assert len(wanted) == len(set(wanted)) == 2 * 5
    first = dict(experiment.run(wanted[:4], {"a": 1}))
    again = dict(experiment.run(wanted, {"a": 1}))
    assert len(done) == 10
    assert first.items() <= again.items()
    with pytest.raises(study.DataError, match="other settings or runs"):
        list(experiment.run(wanted, {"a": 2}))


def made_up():
    """Real only 0.1 and 0.2, with generated images 0.3 and 0.4, 0.1 and 0.3 (two seeds, one n)."""
    values = {
        REAL: (0.1, 0.2),
        FROM_ALL: (0.3, 0.4001),
        FROM_FEW: (0.0, 0.3),
        ALL_REAL: (1.0, 1.0),
        GENERATED: (0.7, 0.9),
    }
    return {Trial(name, 0 if name in (ALL_REAL, GENERATED) else 10, seed): pair[seed]
            for name, pair in values.items() for seed in (0, 1)}  # fmt: skip


def test_gains_are_paired_by_seed_and_judged_by_their_interval():
    found = made_up()
    gain = study.gains(found, FROM_ALL)[10]
    assert gain.value == pytest.approx(0.20005)
    assert gain.low == pytest.approx(0.20005 - 12.7062 * 0.00005, abs=1e-6)
    assert study.verdict(gain) == "confirmed"
    assert study.verdict(study.gains(found, FROM_FEW)[10]) == "undecided"
    assert study.verdict(Mean(-0.2, -0.3, -0.1, 5)) == "denied"
    assert study.sentences(found)[0].endswith("over 2 seeds: confirmed")
    assert study.curves(found)[FROM_FEW][10].low == 0  # an accuracy is not below 0


def test_augment_goes_on_where_it_was_and_shows_a_table(trained, tmp_path):
    small = ("--n", 10, "--n", 20, "--seeds", 2, "--classifier-steps", 2, "--classifier-width", 4, "--few-steps", 1)
    out = ("--generated-only", 30, "--device", "cpu", "--out", tmp_path / "out")
    result = run("augment", trained, *small, *out)
    assert result.exit_code == 0, result.stderr
    for words in ("20 real images", "generated only:", "over 2 seeds"):
        assert words in result.stdout
    assert (tmp_path / "out" / "augment.svg").read_bytes().startswith(b"<svg")
    rows = json.loads((tmp_path / "out" / "augment.json").read_text())["rows"]
    assert len(rows) == 2 * (2 + 2 * 3)
    found = json.loads(run("augment", trained, *small, *out, "--json").stdout)
    assert set(found["verdict"]["with ModNet of all images"]) == {"10", "20"}
    other = run("augment", trained, *small, *out, "--learning-rate", 1)
    assert (other.exit_code, "other settings" in other.stderr) == (1, True)


# --- what goes wrong


def test_what_is_wrong_is_said_in_one_sentence(trained, tmp_path):
    vae = tmp_path / "vae"
    assert run("train", "vae", "--dataset", "digits", "--out", vae, "--steps", 1, "--device", "cpu").exit_code == 0
    other = tmp_path / "other.npz"
    np.savez(other, x=np.zeros((40, 8, 8), np.uint8), y=np.arange(40) % 10)
    assert run("train", "modnet", "--dataset", other, "--out", tmp_path / "other", *SMALL).exit_code == 0
    for arguments, code, message in (
        (["interpret", vae], 1, "needs a run of `train modnet`"),
        (["interpret", tmp_path / "none"], 1, "holds no run"),
        (["interpret", trained, "--classifier", "digit-cnn"], 2, "did you mean 'digits-cnn'"),
        (["interpret", trained, "--classifier", vae], 1, "holds a vae, which is no classifier"),
        (["interpret", trained, "--classifier", "mnist-cnn"], 1, "mnist-cnn takes grey images of 28 x 28"),
        (["memorisation", vae], 1, "needs a run of `train modnet`"),
        (["augment", trained, "--n", 5000, "--out", tmp_path / "a"], 1, "there are 1017 training images"),
        (["augment", trained, tmp_path / "other", "--out", tmp_path / "a"], 1, "other images than"),
        (["augment", "--out", tmp_path / "a"], 2, "RUNS"),
        (["interprett", trained], 2, "interpret"),
    ):  # fmt: skip
        result = run(*arguments)
        assert result.exit_code == code, (arguments, result.stderr)
        assert message in result.stderr, arguments
        assert result.stdout == "", arguments


def test_char74k_as_a_folder_of_classes_of_any_size(tmp_path):
    """Its English characters stand in folders Sample001, Sample002, ... as colour images of many sizes."""
    rng = np.random.default_rng(0)
    for i in range(24):
        folder = tmp_path / "chars" / f"Sample{i % 3 + 1:03d}"
        folder.mkdir(parents=True, exist_ok=True)
        shape = (*rng.integers(30, 60, 2), 3)
        Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(folder / f"img{i:03d}.png")
    out = tmp_path / "run"
    result = run("train", "modnet", "--dataset", tmp_path / "chars", "--side", 32, "--out", out, *SMALL)
    assert result.exit_code == 0, result.stderr
    assert json.loads(run("interpret", out, "--part", "train", "--json").stdout)["target_seen"]["n"] == 20
    images = data.load(str(tmp_path / "chars"), None, 32)
    assert images.classes == 3
    assert images.shape == (3, 32, 32)


@pytest.mark.parametrize("name", given.SHIPPED)
def test_shipped_classifiers_are_found_by_name_and_suit_their_images(name):
    shape = given.SHIPPED[name][1]
    assert given.classifier(name, shape, 10)(torch.rand(2, *shape))["logits"].shape == (2, 10)
    assert suitable_extractor(shape) == name
    colours = "grey" if shape[0] == 1 else "colour"
    with pytest.raises(DataError, match=f"takes {colours} images of {shape[1]} x {shape[1]}, not of shape"):
        given.classifier(name, (2, *shape[1:]), 10)
    assert suitable_extractor((2, *shape[1:])) == "pixels"


def test_every_shipped_extractor_of_a_classifier_is_known_to_the_trainers():
    shipped = {path.stem for path in Path(wide_resnet.__file__).parent.glob("*.safetensors")} - {"digits_vae"}
    assert {name.replace("-", "_") for name in given.SHIPPED} == shipped
