"""The commands discriminability, diversity, neighbours and latent: files in, record and page out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import genmetrics as gm
from genmetrics.analyses.copies import in_file_order
from genmetrics.cli import main
from genmetrics.digits import splits
from genmetrics.records import Record


@pytest.fixture(scope="module")
def sets(tmp_path_factory) -> dict[str, Path]:
    """Digits as .npz with labels: real ones, half-size ones enlarged, and training images with a little noise."""
    folder, parts = tmp_path_factory.mktemp("sets"), splits()
    small = parts.held_out.images[:, ::2, ::2].repeat(2, axis=1).repeat(2, axis=2)
    noise = np.random.default_rng(0).integers(-3, 4, (20, 8, 8))
    copies = (parts.train.images[40:60].astype(int) + noise).clip(0, 255).astype(np.uint8)
    content = {
        "test": parts.test,
        "held": parts.held_out,
        "train": parts.train,
        "small": (small, parts.held_out.labels),
        "copies": (copies, parts.train.labels[40:60]),
    }
    for name, (images, labels) in content.items():
        np.savez(folder / f"{name}.npz", x=images, y=labels)
    np.savez(folder / "unlabelled.npz", x=parts.held_out.images)
    np.savez(folder / "larger.npz", x=parts.test.images.repeat(2, axis=1).repeat(2, axis=2), y=parts.test.labels)
    names = [path.stem for path in folder.glob("*.npz")]
    return {name: folder / f"{name}.npz" for name in names}


def as_folders(folder: Path, npz: Path, names: str) -> None:
    """The images of the first classes, each class in a folder of this name."""
    held = np.load(npz)
    for i, (image, label) in enumerate(zip(held["x"], held["y"], strict=True)):
        if label < len(names):
            (folder / names[label]).mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(folder / names[label] / f"{i:04d}.png")


def run(*arguments: object):
    return CliRunner().invoke(main, [str(a) for a in arguments])


def record(result) -> Record:
    assert result.exit_code == 0, result.output
    return Record.from_json(result.stdout)


# --- discriminability


def discriminability(sets, *samples, more=()):
    paths = [sets[name] for name in samples]
    flags = ("--test-set", sets["test"], "--classifier", "digits-cnn", "--resolutions", "2,4")
    return run("discriminability", *paths, *flags, *more)


def test_several_sets_lie_on_one_curve(sets, tmp_path):
    out = tmp_path / "out"
    result = discriminability(sets, "held", "small", more=("--out", out))
    assert result.exit_code == 0, result.output
    assert {"real images", "held", "small"} <= {line.split("  ")[0] for line in result.stdout.splitlines()}
    kept = Record.from_json(out / "record.json")
    values = {score.name: score.value for score in kept}
    assert values["accuracy of real images"] > 0.95
    assert values["accuracy of small"] < 0.7
    curve = [row["value"] for row in kept.scores[2].details["curve"]]
    assert abs(curve[1] - curve[2]) < 0.05  # what was 4 px gains nothing at 8
    page = (out / "report.html").read_text()
    for words in ("Accuracy against resolution", "What the classifier is shown", "Classes: small", "0.05"):
        assert words in page


def test_the_command_says_what_the_function_says(sets):
    found = record(discriminability(sets, "held", more=("--json",)))["discriminability"]
    own = gm.resolution_discriminability(sets["held"], None, "digits-cnn", (2, 4))
    assert [row["value"] for row in found.details["curve"]] == [row.accuracy for row in own]
    assert "resolutions:2,4,8|seed:0" in found.signature
    assert "features:digits-cnn/logits@" in found.signature


def test_classes_in_another_order_are_mapped_by_their_names(sets, tmp_path):
    names = tmp_path / "classes.txt"
    names.write_text("\n".join("0123456789"))
    same = record(discriminability(sets, "held", more=("--json", "--classes", names)))
    names.write_text("\n".join("9876543210"))
    turned = record(discriminability(sets, "held", more=("--json", "--classes", names)))
    assert same["discriminability"].value > 0.95
    assert turned["discriminability"].value < 0.2
    assert any("another order" in note for note in turned["discriminability"].notes)


@pytest.mark.parametrize(
    ("samples", "more", "code", "message"),
    [
        ("unlabelled", (), 1, "unlabelled" "|no labels; put the images of each class into a folder"),
        ("held", ("--classifier", "pixels"), 1, "no logits; choose a classifier"),
        ("held", ("--resolutions", "16,a"), 2, "expected whole numbers and commas, got '16,a'"),
        ("held", ("--classifier", "digits"), 2, "did you mean 'digits-cnn'"),
    ],
)  # fmt: skip
def test_what_discriminability_refuses(sets, samples, more, code, message):
    result = discriminability(sets, samples, more=more)
    assert result.exit_code == code
    assert message.split("|")[-1] in result.stderr


# --- diversity


def test_diversity_is_the_number_and_the_signature_of_score(sets):
    found = record(run("diversity", sets["held"], "--test-set", sets["test"], "--json"))["ms_ssim"]
    flags = ("--test-set", sets["test"], "--metrics", "ms-ssim", "--extractor", "pixels", "--json")
    score = record(run("score", sets["held"], *flags))["ms_ssim"]
    assert (found.value, found.low, found.high, found.signature) == (
        score.value,
        score.low,
        score.high,
        score.signature,
    )


def test_diversity_shows_classes_accuracy_and_both_together(sets, tmp_path):
    out = tmp_path / "out"
    flags = ("--test-set", sets["test"], "--classifier", "digits-cnn", "--out", out)
    result = run("diversity", sets["small"], *flags)
    assert result.exit_code == 0, result.output
    found = Record.from_json(out / "record.json")["ms-ssim"]
    assert set(found.details["per_class"]) == set("0123456789") == set(found.details["accuracy"])
    assert found.details["joint"]["classes"] == 10
    assert 0 <= found.details["below_largest_real"]["share"] <= 1
    page = (out / "report.html").read_text()
    for words in ("Samples against real images", "Most and least diverse", "Diversity and accuracy together"):
        assert words in page


def test_the_accuracy_beside_diversity_takes_names_of_classes(sets, tmp_path):
    as_folders(tmp_path / "eight", sets["held"], "abcdefgh")
    (tmp_path / "names.txt").write_text("\n".join("abcdefghij"))
    flags = (tmp_path / "eight", "--test-set", tmp_path / "eight", "--classifier", "digits-cnn", "--json")
    refused = run("diversity", *flags)
    assert refused.exit_code == 1
    assert "--classes FILE" in refused.stderr
    found = record(run("diversity", *flags, "--classes", tmp_path / "names.txt"))["ms-ssim"]
    assert list(found.details["accuracy"]) == list("abcdefgh")
    assert min(found.details["accuracy"].values()) > 0.8


def test_classes_of_other_names_are_said_to_be_so(sets, tmp_path):
    as_folders(tmp_path / "named", sets["held"], "abcdefghij")
    result = run("diversity", tmp_path / "named", "--test-set", sets["test"], "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    found = Record.from_json(tmp_path / "out" / "record.json")
    assert "no class has both samples (a, ...) and real images (0, ...)" in found.warnings[-1]
    assert "Samples against real images" not in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize("flags", [("--threshold", "0.3"), ("--threshold", "2"), ("--classes", __file__)])
def test_what_belongs_to_the_classifier_needs_it(sets, flags):
    assert run("diversity", sets["held"], "--test-set", sets["test"], *flags).exit_code == 2


def test_ten_thousand_pairs_of_all_images(sets):
    flags = ("--test-set", sets["test"], "--overall", "--pairs", "500", "--json")
    found = record(run("diversity", sets["held"], *flags))["ms_ssim"]
    assert found.details["pairs"] == 500
    assert "pairs:500|" in found.signature
    assert "per_class" not in found.details


@pytest.mark.parametrize(
    ("samples", "more", "message"),
    [
        ("unlabelled", ("--per-class",), "samples: no labels, which --per-class and --classifier need"),
        ("larger", (), "samples and real images have different sizes"),
    ],
)
def test_what_diversity_refuses(sets, samples, more, message):
    result = run("diversity", sets[samples], "--test-set", sets["test"], *more)
    assert result.exit_code == 1
    assert message in result.stderr


# --- neighbours


def test_copies_are_found_with_the_images_they_copy(sets, tmp_path):
    out = tmp_path / "out"
    result = run("neighbours", sets["copies"], "--train-set", sets["train"], "--out", out)
    assert result.exit_code == 0, result.output
    found = Record.from_json(out / "record.json")["near-duplicates"]
    assert found.value == 1
    assert {(row["sample"], row["train"]) for row in found.details["list"]} == {(i, 40 + i) for i in range(20)}
    assert max(row["distance"] for row in found.details["list"]) < 3
    assert "The nearest of all" in (out / "report.html").read_text()


def test_real_images_are_no_near_duplicates(sets):
    found = record(run("neighbours", sets["held"], "--train-set", sets["train"], "--json"))
    assert found["near-duplicates"].value < 0.02


def test_what_is_near_can_come_from_the_test_images(sets):
    """The 0.1% quantile of so few images is their smallest distance."""
    flags = ("--train-set", sets["train"], "--test-set", sets["test"], "--json")
    found = record(run("neighbours", sets["copies"], *flags))["near-duplicates"]
    train, test = (np.load(sets[name])["x"].reshape(-1, 64).astype(float) for name in ("train", "test"))
    apart = np.sqrt(((test[:, None] - train) ** 2).mean(axis=2)).min(axis=1)
    assert found.details["within"] == pytest.approx(apart.min(), rel=1e-9)
    assert found.value == 1
    assert "|test:390@" in found.signature
    assert "|within:test-quantile-0.001|" in found.signature
    assert record(run("neighbours", sets["test"], *flags))["near-duplicates"].value == 0
    assert run("neighbours", sets["copies"], *flags, "--near", 3).exit_code == 2
    resizing = ("--train-set", sets["train"], "--test-set", sets["larger"], "--extractor", "digits-cnn")
    larger = run("neighbours", sets["copies"], *resizing)
    assert larger.exit_code == 1
    assert "test: its images have another size" in larger.stderr


def test_is_a_sample_nearest_to_the_image_it_was_made_from(sets, tmp_path):
    right, wrong = tmp_path / "right.npy", tmp_path / "wrong.txt"
    np.save(right, np.arange(40, 60))
    wrong.write_text("\n".join(str(i) for i in [*range(40, 50), *range(100, 110)]))
    flags = (sets["copies"], "--train-set", sets["train"], "--json", "--sources")
    found = record(run("neighbours", *flags, right))
    assert [found[f"nearest-is-source-{by}"].value for by in ("l2", "l1", "cosine")] == [1, 1, 1]
    half = record(run("neighbours", *flags, wrong))["nearest-is-source-l2"]
    assert half.value == 0.5
    assert half.low < 0.5 < half.high
    assert half.details["among_nearest"] >= 0.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1\n2", "expected 20 whole numbers, one for each sample"),
        ("a", "cannot be read as whole numbers"),
        ("", "expected 20 whole numbers, one for each sample"),
        ("\n".join(["5000"] * 20), "names training images 5000 to 5000, but there are 1017"),
    ],
)
def test_sources_that_fit_nothing_are_refused(sets, tmp_path, text, message):
    (tmp_path / "sources.txt").write_text(text)
    result = run("neighbours", sets["copies"], "--train-set", sets["train"], "--sources", tmp_path / "sources.txt")
    assert result.exit_code == 1
    assert message in result.stderr


def test_one_sample_has_one_source(sets, tmp_path):
    train = np.load(sets["train"])
    np.savez(tmp_path / "one.npz", x=train["x"][3:4])
    (tmp_path / "source.txt").write_text("3\n")
    flags = ("--train-set", sets["train"], "--sources", tmp_path / "source.txt", "--json")
    assert record(run("neighbours", tmp_path / "one.npz", *flags))["nearest-is-source-l2"].value == 1


def test_blocks_of_both_sets_do_not_matter(sets, monkeypatch):
    from genmetrics.analyses import copies

    flags = ("neighbours", sets["held"], "--train-set", sets["train"], "--near", 30, "--json")
    whole = record(run(*flags))["near-duplicates"]
    monkeypatch.setattr(copies, "BLOCK_BYTES", 4 * 64 * 100)
    assert record(run(*flags))["near-duplicates"].details == whole.details
    assert whole.details["list"]


def test_canonical_places_go_back_to_those_of_the_files():
    from types import SimpleNamespace

    samples = SimpleNamespace(features=SimpleNamespace(order=np.array([1, 0])))
    train = SimpleNamespace(features=SimpleNamespace(order=np.array([2, 0, 1])))
    assert in_file_order(np.array([[0], [1]]), samples, train).tolist() == [[0], [2]]


# --- latent


def test_latent_of_the_shipped_decoder(tmp_path):
    out = tmp_path / "out"
    flags = ("--extractor", "digits-cnn", "--paths", 8, "--out", out)
    result = run("latent", "genmetrics.analyses.latent:digits_vae", *flags)
    assert result.exit_code == 0, result.output
    found = Record.from_json(out / "record.json")
    for kind in ("linear", "spherical"):
        assert 1 < found[f"evenness-{kind}"].value < 4
        assert f"Paths, {kind}" in (out / "report.html").read_text()


def test_a_generator_of_classes_gets_a_grid(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n"
        "def fades(z, classes):\n"
        "    return np.clip(0.5 + 0.1 * z[:, :1, None] + 0.1 * classes[:, None, None], 0, 1) * np.ones((1, 8, 8))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    flags = ("--latent-dim", 1, "--classes", 3, "--paths", 6, "--kind", "linear", "--out", tmp_path / "out")
    result = run("latent", "mine:fades", *flags)
    assert result.exit_code == 0, result.output
    assert Record.from_json(tmp_path / "out" / "record.json")["evenness-linear"].value < 2
    assert "Classes and styles" in (tmp_path / "out" / "report.html").read_text()
    refused = run("latent", "mine:fades", "--latent-dim", 1)
    assert refused.exit_code == 1
    assert "takes class numbers: pass --classes" in refused.stderr


def test_paths_that_stand_still_are_counted(tmp_path, monkeypatch):
    (tmp_path / "by_heart.py").write_text(
        "import numpy as np\n"
        "def two(z):\n"
        "    return np.where(z[:, :1, None] > 0, 200, 10).astype(np.uint8) * np.ones((1, 8, 8), np.uint8)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    out = tmp_path / "out"
    result = run("latent", "by_heart:two", "--latent-dim", 4, "--kind", "linear", "--out", out)
    assert result.exit_code == 0, result.output
    found = Record.from_json(out / "record.json")["evenness-linear"]
    still = found.details["paths"].count(None)
    assert 0 < still < 32
    assert found.value == pytest.approx(8)  # one jump
    assert found.notes == (f"nothing changes along {still} paths of 32, left out",)
    assert "no change" in (out / "report.html").read_text()


def test_json_is_all_that_stdout_holds(sets):
    flags = ("--extractor", "digits-cnn", "--paths", 2, "--json")
    assert json.loads(run("latent", "genmetrics.analyses.latent:digits_vae", *flags).stdout)["schema"] == 1


ENCODERS = """
import numpy as np
def flat(images): return images.reshape(len(images), -1) / 255
def nan(images): return np.full((len(images), 64), np.nan)
def short(images): return flat(images)[1:]
def fails(images): raise RuntimeError("no such layer")
def decode(latents): return np.clip(latents, 0, 1).reshape(-1, 8, 8).astype(np.float32)
"""


def test_paths_between_encodings_of_real_images(sets, tmp_path, monkeypatch):
    """Between pixels decoded as they are, linear paths are perfectly even but for rounding to grey levels."""
    (tmp_path / "coder.py").write_text(ENCODERS)
    monkeypatch.syspath_prepend(tmp_path)
    flags = ("latent", "coder:decode", "--kind", "linear", "--paths", 5, "--test-set", sets["test"], "--json")
    found = record(run(*flags, "--encoder", "coder:flat"))
    assert found["evenness-linear"].value == pytest.approx(1, abs=0.05)
    assert "|ends:coder:flat(390@" in found["evenness-linear"].signature
    assert found.inputs["real"]["n"] == 390
    for encoder, message in (
        ("nan", "encoder returned NaN or inf"),
        ("short", "encoder should return latents"),
        ("fails", "encoder failed on images of shape"),
        ("none", "encoder: module coder has no 'none'"),
    ):
        refused = run(*flags, "--encoder", f"coder:{encoder}")
        assert refused.exit_code == 1
        assert message in refused.stderr
    assert run(*flags).exit_code == 2
