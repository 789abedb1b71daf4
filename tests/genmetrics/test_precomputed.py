"""Features and statistics in the place of images."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner
from image_files import save_pngs

import genmetrics as gm
from genmetrics._checks import DataError, UnsuitableError
from genmetrics.cli import main
from genmetrics.digits import splits
from genmetrics.metrics.frechet import Moments, frechet_estimate

QUIET = {"intervals": False, "extractor": "digits-cnn"}


@pytest.fixture(scope="module")
def digits():
    return splits()


@pytest.fixture
def folders(digits, tmp_path):
    return {
        "real": save_pngs(tmp_path / "real", digits.test.images[:120]),
        "generated": save_pngs(tmp_path / "generated", digits.held_out.images[:110], digits.held_out.labels[:110]),
    }


def command(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def written(images, out, *options, extractor="digits-cnn"):
    result = command("features", images, "--extractor", extractor, "--out", out, *options)
    assert result.exit_code == 0, result.stderr
    return out


# Files of features


def test_a_file_of_features_gives_the_numbers_of_its_images(folders, tmp_path):
    files = {name: written(folder, tmp_path / f"{name}.npz") for name, folder in folders.items()}
    of_images = gm.evaluate(folders["real"], folders["generated"], **QUIET)
    for real, generated in ((files["real"], folders["generated"]), (files["real"], files["generated"])):
        record = gm.evaluate(real, generated, **QUIET)
        for name in ("frechet", "kernel", "ddm", "inception-score"):
            assert record[name].value == of_images[name].value
            assert record[name].signature == of_images[name].signature
    assert "ms-ssim" not in record
    assert any(
        "ms-ssim left out: " in warning and "holds features, but images" in warning for warning in record.warnings
    )
    assert record.inputs["real"]["content"] == of_images.inputs["real"]["content"]


def test_features_are_in_the_order_of_the_images(folders, tmp_path):
    with np.load(written(folders["generated"], tmp_path / "f.npz")) as file:
        expected = gm.extract(folders["generated"], "digits-cnn", ("features", "logits"))
        np.testing.assert_array_equal(file["features"], expected["features"])
        np.testing.assert_array_equal(file["logits"], expected["logits"])
        assert len(file["labels"]) == len(file["digests"]) == 110


def test_files_alone_need_no_network(folders, tmp_path, monkeypatch):
    files = [written(folders[name], tmp_path / f"{name}.npz") for name in ("real", "generated")]
    expected = gm.evaluate(*folders.values(), metrics=["kernel"], **QUIET)["kernel"]
    monkeypatch.setattr("genmetrics.evaluation.find_extractor", lambda *_: pytest.fail("looked for a network"))
    found = gm.evaluate(*files, metrics=["kernel"], intervals=False)["kernel"]
    assert found.value == expected.value
    assert found.signature == expected.signature
    assert found.name == "kd_digits-cnn"


def test_a_report_of_files_leaves_out_the_pictures(folders, tmp_path):
    files = [written(folders[name], tmp_path / f"{name}.npz") for name in ("real", "generated")]
    record = gm.evaluate(*files, out=tmp_path / "report", **QUIET)
    assert (tmp_path / "report" / "report.html").exists()
    assert record.pictures == ()


@pytest.mark.parametrize("change", ["extractor", "weights_sha256", "resize", "precision"])
def test_features_of_another_network_are_refused(folders, tmp_path, change):
    file = written(folders["real"], tmp_path / "f.npz")
    with np.load(file) as held:
        arrays = dict(held)
    about = json.loads(str(arrays["about"]))
    about["network"][change] = "other"
    np.savez(file, **{**arrays, "about": np.array(json.dumps(about))})
    with pytest.raises(DataError, match=rf"real: .*f\.npz was made with {change} other, but .* is asked for"):
        gm.evaluate(file, folders["generated"], **QUIET)


@pytest.mark.parametrize("damage", ["value", "rows", "format", "about"])
def test_damaged_files_of_features_are_refused(folders, tmp_path, damage):
    file = written(folders["real"], tmp_path / "f.npz")
    with np.load(file) as held:
        arrays = dict(held)
    about = json.loads(str(arrays["about"]))
    if damage == "value":
        arrays["features"][3, 3] += 1
    elif damage == "rows":
        arrays["features"] = arrays["features"][1:]
    elif damage == "format":
        about["format"] = 99
    else:
        del about["images"]
    np.savez(file, **{**arrays, "about": np.array(json.dumps(about))})
    with pytest.raises(DataError, match=r"real: .*f\.npz is damaged \("):
        gm.evaluate(file, folders["generated"], **QUIET)


def test_a_metric_of_pixels_asked_for_by_name_is_refused(folders, tmp_path):
    file = written(folders["generated"], tmp_path / "f.npz")
    with pytest.raises(UnsuitableError, match="holds features, but images are needed"):
        gm.evaluate(folders["real"], file, metrics=["ms-ssim"], **QUIET)


# Statistics


@pytest.mark.parametrize("keep", ["ours", "pytorch-fid's", "ADM's"])
def test_statistics_give_the_frechet_distance_of_their_images(folders, tmp_path, keep):
    file = written(folders["real"], tmp_path / "s.npz", "--statistics")
    if keep != "ours":
        with np.load(file) as held:
            mu, sigma = held["mu"], held["sigma"]
        spatial = {} if keep != "ADM's" else {"mu_s": mu, "sigma_s": sigma}
        np.savez(file, mu=mu, sigma=sigma, **spatial)
    of_images = gm.evaluate(*folders.values(), **QUIET)
    record = gm.evaluate(file, folders["generated"], **QUIET)
    assert record["frechet"].value == pytest.approx(of_images["frechet"].value, rel=1e-6)
    assert [score.metric for score in record] == ["frechet", "inception-score", "ms-ssim"]
    said = " ".join(record.warnings)
    assert "kernel left out: the real side is statistics alone" in said
    assert "ddm left out" in said
    known = keep == "ours"
    assert ("does not say by which network" in said) is not known
    assert record["frechet"].n_real == (120 if known else 0)
    assert (
        f"|real:{'120' if known else 'statistics'}@{record.inputs['real']['content'][:8]}|"
        in record["frechet"].signature
    )
    with pytest.raises(UnsuitableError, match="the real side is statistics alone"):
        gm.evaluate(file, folders["generated"], metrics=["kernel"], **QUIET)


def test_statistics_on_both_sides_and_moments_in_memory(folders, tmp_path):
    files = [written(folder, tmp_path / f"{name}.npz", "--statistics") for name, folder in folders.items()]
    expected = gm.evaluate(*folders.values(), metrics=["frechet"], **QUIET)["frechet"].value
    score = gm.evaluate(*files)["frechet"]
    assert score.value == pytest.approx(expected, rel=1e-6)
    assert score.name == "fd_digits-cnn"
    moments = [Moments.load(file) for file in files]
    score = gm.evaluate(*moments)["frechet"]
    assert score.value == pytest.approx(expected, rel=1e-6)
    assert score.name == "fd_statistics"


def test_statistics_of_another_width_or_network_are_refused(folders, tmp_path):
    np.savez(tmp_path / "s.npz", mu=np.zeros(5), sigma=np.eye(5))
    with pytest.raises(DataError, match="real features are 5-wide but generated are 64-wide"):
        gm.evaluate(tmp_path / "s.npz", folders["generated"], **QUIET)
    file = written(folders["real"], tmp_path / "p.npz", "--statistics", extractor="pixels")
    with pytest.raises(DataError, match=r"was made with extractor pixels, but digits-cnn is asked for"):
        gm.evaluate(file, folders["generated"], **QUIET)


def test_statistics_beside_images_are_not_used_and_that_is_said(digits, tmp_path):
    images = digits.test.images[:50]
    np.savez(tmp_path / "adm.npz", arr_0=images, mu=np.zeros(64), sigma=np.eye(64))
    record = gm.evaluate(tmp_path / "adm.npz", digits.held_out.images[:50], metrics=["frechet"], **QUIET)
    assert any("also holds statistics (mu, sigma), which are not used" in warning for warning in record.warnings)
    assert record["frechet"].n_real == 50


def test_statistics_of_the_training_set_give_no_baseline(folders, tmp_path):
    file = written(folders["real"], tmp_path / "s.npz", "--statistics")
    record = gm.evaluate(folders["real"], folders["generated"], train=file, metrics=["frechet"], **QUIET)
    assert record["frechet"].baseline is None


def test_the_standard_error_of_the_samples_is_that_of_the_full_estimate():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(400, 6)), rng.normal(size=(300, 6)) + 0.5
    full, fixed = frechet_estimate(x, y), frechet_estimate(Moments.of(x), y)
    assert fixed.value == pytest.approx(full.value, rel=1e-9)
    assert fixed.std_error_generated == pytest.approx(full.std_error_generated, rel=1e-6)
    assert fixed.std_error is fixed.low is fixed.high is None
    assert fixed.interval == "no interval: of the real side only mean and covariance are known"
    assert "of the real and generated side" in frechet_estimate(Moments.of(x), Moments.of(y)).interval


# genmetrics features


def test_features_says_what_it_wrote(folders, tmp_path):
    result = command("features", folders["real"], "--extractor", "digits-cnn", "--out", tmp_path / "f.npz", "--json")
    told = json.loads(result.stdout)
    assert told["n"] == 120
    assert told["outputs"] == {"features": 64, "logits": 10}
    result = command("features", folders["real"], "--extractor", "pixels", "--out", tmp_path / "g.npz", "--statistics")
    assert "mean and covariance of features (64) of 120 images by pixels" in result.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--out", "f.txt"), "should end in .npz"),
        (("--out", "/no/such/folder/f.npz"), "there is no folder"),
        (("--out", "f.npz", "--outputs", "taps"), "digits-cnn gives features, logits, not taps"),
    ],
)
def test_features_refuses_what_it_cannot_do(folders, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    result = command("features", folders["real"], "--extractor", "digits-cnn", *options)
    assert result.exit_code == 1
    assert message in result.stderr
    assert not list(tmp_path.glob("*.npz"))


# score --generator


def test_a_generator_is_scored_from_the_command_line(folders, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_gan_for_score.py").write_text(
        "import torch\ndef make(z, y):\n    return (torch.sigmoid(z.reshape(-1, 8, 8)) * 255).to(torch.uint8)\n"
    )
    arguments = ["--test-set", folders["real"], "--extractor", "digits-cnn", "--metrics", "frechet", "--no-intervals"]
    generator = ["--generator", "my_gan_for_score:make", "--n", 100, "--latent-dim", 64, "--classes", 10]
    values = []
    for seed in (0, 0, 1):
        result = command("score", *generator, *arguments, "--seed", seed, "--json")
        assert result.exit_code == 0, result.stderr
        record = json.loads(result.stdout)
        values.append(record["scores"][0]["value"])
    assert values[0] == values[1] != values[2]
    assert record["inputs"]["generated"]["n"] == 100
    assert len(record["inputs"]["generated"]["classes"]) == 10
    for options, status in (((folders["generated"], *generator), 2), (("--n", 5), 2), (generator[:2], 1)):
        assert command("score", *options, *arguments).exit_code == status
