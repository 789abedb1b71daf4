"""The command line, end to end."""

import json
import subprocess
import sys
import tarfile

import numpy as np
import pytest
import safetensors.torch
from click.testing import CliRunner
from PIL import Image

from genmetrics.extractors.digits_cnn import DigitsCNN
from reference_models import saving
from reference_models.__main__ import main, trained
from reference_models.models import MODELS, find

SMALLER = {
    "wgan-gp": ("--architecture", "resnet"),
    "dcgan": ("--ema", 0.5),
    "wrn": ("--flip",),
    "sgan": ("--encoder-steps", 0),
    "introvae": ("--margin", 5, "--pretrain-steps", 1, "--log-every", 1, "--grid-every", 2, "--narrow", 16),
}


OUT_OF_RANGE = [  # data, model, flag, value, exit code, message
    ("digits", "dcgan", "--width", 0, 2, "'--width': 0 is not in the range x>=1"),
    ("digits", "dcgan", "--latent-dim", 0, 2, "0 is not in the range x>=1"),
    ("digits", "dcgan", "--decay-from", 1.5, 2, "1.5 is not in the range 0<=x<=1"),
    ("digits", "dcgan", "--metrics-every", 0, 2, "0 is not in the range x>=1"),
    ("digits", "dcgan", "--metrics-images", 1, 2, "1 is not in the range x>=2"),
    ("digits", "dcgan", "--grid-every", -1, 2, "-1 is not in the range x>=0"),
    ("digits", "dcgan", "--log-every", -1, 2, "-1 is not in the range x>=0"),
    ("digits", "dcgan", "--ms-ssim-every", -1, 2, "-1 is not in the range x>=0"),
    ("digits", "dcgan", "--checkpoint-every", 0, 2, "0 is not in the range x>=1"),
    ("digits", "wrn", "--width", 0, 2, "0 is not in the range x>=1"),
    ("digits", "wrn", "--crop", -1, 2, "-1 is not in the range x>=0"),
    ("digits", "wrn", "--crop", 8, 1, "crop must be below the side of the images, 8, which are padded by reflection"),
    ("digits", "wrn", "--factor", -1, 2, "-1.0 is not in the range x>=0"),
    ("digits", "improved-gan", "--labels-per-class", -1, 2, "-1 is not in the range x>=0"),
    ("digits", "vae", "--metrics", "frechett", 2, "unknown metric 'frechett'; did you mean 'frechet'?"),
]


def run(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments])


def train(name, out, *more, dataset="digits"):
    return run("train", name, "--dataset", dataset, "--out", out, "--steps", 3, "--device", "cpu", *more)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Five steps of every model, on images of the shape that its paper has."""
    folder = tmp_path_factory.mktemp("runs")
    rng = np.random.default_rng(0)
    for name in MODELS:
        shape = find(name).images
        if shape != (1, 8, 8):
            images = rng.integers(0, 256, (40, *shape), dtype=np.uint8)
            np.savez(folder / f"{name}.npz", x=images, y=np.arange(40) % 10)
        small = ("--batch-size", 8, "--preset", "quick", *SMALLER.get(name, ()))
        dataset, more = ("digits", ()) if shape == (1, 8, 8) else (folder / f"{name}.npz", small)
        result = train(name, folder / name, *more, dataset=dataset)
        assert result.exit_code == 0, result.stderr
    return folder


def test_list_gives_every_model_with_its_paper_and_parameters():
    rows = {row["name"]: row for row in json.loads(run("list", "--json").stdout)}
    assert set(rows) == set(MODELS)
    assert "arXiv:1312.6114" in rows["vae"]["paper"]
    assert rows["digits-cnn"]["parameters"] == {"classifier": 45162}
    assert "45,162" in run("list").stdout


def test_the_settings_of_a_run_are_kept(runs):
    settings = json.loads((runs / "vae" / "run.json").read_text())
    assert settings["config"]["steps"] == 3
    assert settings["model"] == "vae"


def test_the_quick_preset_is_shorter_and_flags_go_before_it(tmp_path):
    assert train("vae", tmp_path / "run", "--preset", "quick", "--latent-dim", 4).exit_code == 0
    config = json.loads((tmp_path / "run" / "run.json").read_text())["config"]
    assert (config["steps"], config["latent_dim"]) == (3, 4)


def test_help_of_a_model_shows_its_citation_and_the_sources_of_its_settings():
    text = run("train", "vae", "--help").stdout
    assert "arXiv:1312.6114" in text
    assert "Section 2.3" in text


@pytest.mark.parametrize(("name", "key"), [("digits-cnn", "accuracy_held_out"), ("vae", "elbo_test")])
def test_evaluate_prints_numbers_and_only_json_when_asked(runs, name, key):
    assert key in run("evaluate", runs / name).stdout
    assert key in json.loads(run("evaluate", runs / name, "--json").stdout)


def test_samples_are_the_same_in_an_npz_file_and_a_folder(runs, tmp_path):
    assert run("sample", runs / "vae", "--n", 3, "--out", tmp_path / "s.npz").exit_code == 0
    assert run("sample", runs / "vae", "--n", 5, "--out", tmp_path / "folder").exit_code == 0
    images = np.load(tmp_path / "s.npz")["x"]
    files = sorted((tmp_path / "folder").iterdir())
    assert [f.name for f in files] == [f"{i:05d}.png" for i in range(5)]
    assert images.shape == (3, 8, 8)
    assert all((np.asarray(Image.open(file)) == image).all() for file, image in zip(files, images, strict=False))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "s.npz"]


def test_samples_are_the_same_in_tar_files(runs, tmp_path):
    assert run("sample", runs / "vae", "--n", 3, "--out", tmp_path / "s.npz").exit_code == 0
    assert run("sample", runs / "vae", "--n", 3, "--out", tmp_path / "tars", "--format", "tar").exit_code == 0
    with tarfile.open(tmp_path / "tars" / "00000.tar") as archive:
        names = archive.getnames()
        images = [np.asarray(Image.open(archive.extractfile(name))) for name in names]
    assert names == ["00000.png", "00001.png", "00002.png"]
    assert (np.load(tmp_path / "s.npz")["x"] == images).all()


def test_tar_files_hold_so_many_images_each(monkeypatch, tmp_path):
    monkeypatch.setattr(saving, "IN_A_TAR", 4)
    images = np.zeros((10, 1, 2, 2), np.uint8)
    saving.save(iter([(images[:6], np.arange(6)), (images[6:], np.arange(4))]), tmp_path / "tars", "tar", True)
    names = []
    for file in sorted((tmp_path / "tars").iterdir()):
        with tarfile.open(file) as archive:
            names.append(archive.getnames())
    assert [len(part) for part in names] == [4, 4, 2]
    assert names[1][:3] == ["4/00004.png", "5/00005.png", "0/00006.png"]


def test_labels_are_kept_where_a_model_knows_classes(npz, tmp_path):
    path = npz(x=np.zeros((40, 28, 28), np.uint8), y=np.arange(40) % 10)
    small = ("--conditional", "--width", 2, "--batch-size", 4)
    assert train("dcgan", tmp_path / "run", *small, dataset=path).exit_code == 0
    assert run("sample", tmp_path / "run", "--n", 12, "--out", tmp_path / "s.npz", "--labels").exit_code == 0
    assert np.load(tmp_path / "s.npz")["y"].tolist() == [*range(10), 0, 1]
    assert run("sample", tmp_path / "run", "--n", 12, "--out", tmp_path / "folder", "--labels").exit_code == 0
    assert sorted(p.name for p in (tmp_path / "folder").iterdir()) == list("0123456789")


def test_a_generator_is_scored_on_test_images(runs):
    text = run("evaluate", runs / "vae", "--n", 100).stdout
    for part in ("elbo_test", "fd_digits-cnn", "real data"):
        assert part in text
    record = json.loads(run("evaluate", runs / "vae", "--n", 100, "--json").stdout)["record"]
    assert record["inputs"]["generated"]["n"] == 100


def test_what_is_watched_is_kept(tmp_path):
    out = tmp_path / "run"
    looks = ("--log-every", 1, "--grid-every", 2, "--metrics", "frechet", "--metrics-every", 2, "--metrics-images", 80)
    assert train("vae", out, *looks).exit_code == 0
    rows = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2, 3]
    assert "elbo" in rows[0]
    assert "fd_digits-cnn" not in rows[0]
    assert rows[1]["fd_digits-cnn"] > 0
    assert 0 < rows[1]["spread"] < 1
    assert sorted(p.name for p in (out / "grids").iterdir()) == ["00000002.png", "00000003.png"]
    with Image.open(out / "grids" / "00000002.png") as picture:
        assert picture.size == (71, 71)  # 8 images of 8 pixels, 7 lines


def test_export_writes_weights_that_the_network_loads(runs, tmp_path):
    assert run("export", runs / "digits-cnn", tmp_path / "w.safetensors").exit_code == 0
    DigitsCNN().load_state_dict(safetensors.torch.load_file(tmp_path / "w.safetensors"), strict=True)


def test_reconstructions_stand_below_test_images_and_their_error_is_that_of_all_of_them(runs, tmp_path):
    picture = tmp_path / "pairs.png"
    found = json.loads(run("reconstruct", runs / "introvae", "--out", picture, "--n", 3, "--json").stdout)
    assert found["images"] == 4
    value, low, high = found["squared_error"]["mean"]
    assert low < value < high
    model, dataset = trained(runs / "introvae", "cpu")
    assert value == pytest.approx(model.squared_errors(dataset.test.images).mean())
    rows = np.asarray(Image.open(picture))
    assert rows.shape == (2 * 33 - 1, 3 * 33 - 1, 3)
    shown = [rows[:32, 33 * i : 33 * i + 32].transpose(2, 0, 1) for i in range(3)]
    places = [next(k for k, image in enumerate(dataset.test.images) if (image == x).all()) for x in shown]
    below = [rows[33:, 33 * i : 33 * i + 32].transpose(2, 0, 1) for i in range(3)]
    assert (model.decode(model.encode(dataset.test.images[places])[0]) == np.stack(below)).all()
    assert "squared error of 4 test images" in run("reconstruct", runs / "introvae", "--out", picture).stdout


def test_paths_lead_from_one_test_image_to_another(runs, tmp_path):
    picture = tmp_path / "paths.png"
    arguments = ("interpolate", runs / "introvae", "--out", picture, "--pairs", 2, "--steps", 3)
    assert run(*arguments).exit_code == 0
    rows = np.asarray(Image.open(picture)).transpose(2, 0, 1)
    model, dataset = trained(runs / "introvae", "cpu")
    cells = [[rows[:, 33 * i : 33 * i + 32, 33 * j : 33 * j + 32] for j in range(5)] for i in range(2)]
    test = dataset.test.images
    ends = [[next(k for k, x in enumerate(test) if (x == row[j]).all()) for j in (0, 4)] for row in cells]
    assert len({*ends[0], *ends[1]}) == 4
    latents, _ = model.encode(test[ends[0]])
    expected = model.decode(np.stack([latents[0], latents.mean(0), latents[1]]))
    assert np.abs(np.stack(cells[0][1:4]).astype(int) - expected).max() <= 1


def test_curves_draw_what_was_logged(runs, tmp_path):
    assert run("curves", runs / "introvae", "--out", tmp_path / "c.svg").exit_code == 0
    text = (tmp_path / "c.svg").read_text()
    assert all(name in text for name in ("squared error", "KL real", "KL sample", "margin"))
    assert text.count("<image") == 2  # samples after steps 2 and 3
    assert run("curves", runs / "introvae", "--out", tmp_path / "c.png").exit_code == 0
    with Image.open(tmp_path / "c.png") as picture:
        assert picture.width > picture.height


def test_a_trained_classifier_is_the_same_after_reading_it_back(runs):
    first, second = (run("evaluate", runs / "digits-cnn", "--json").stdout for _ in range(2))
    assert first == second


def wrong(runs, tmp_path):
    """Arguments, exit code and what the message says."""
    not_empty = tmp_path / "full"
    not_empty.mkdir()
    (not_empty / "file").touch()
    new = tmp_path / "new"
    return [
        (
            ["train", "vea", "--dataset", "digits", "--out", new],
            2,
            "unknown model 'vea'; did you mean 'vae'?",
        ),
        (["train", "vae", "--dataset", "digist", "--out", new], 2, "did you mean 'digits'?"),
        (["train", "vae", "--dataset", "digits"], 2, "Missing option '--out'"),
        (["train", "vae", "--dataset", "digits", "--out", new, "--latent-dims", 2], 2, "--latent-dim"),
        (["train", "vae", "--dataset", "digits", "--out", new, "--steps", 0], 1, "steps must be at least 1"),
        (
            ["train", "vae", "--dataset", "digits", "--out", new, "--batch-size", 1018],
            1,
            "1017 training images",
        ),
        (
            ["train", "vae", "--dataset", "digits", "--out", new, "--learning-rate", -1],
            1,
            "learning rate: -1",
        ),
        (["train", "vae", "--dataset", "digits", "--out", new, "--seed", -1], 2, "not in the range"),
        (["train", "vae", "--dataset", "gone.npz", "--out", new], 1, "gone.npz: no such file"),
        (["train", "vae", "--dataset", "digits", "--out", new, "--device", "none"], 1, "device 'none'"),
        (["train", "vae", "--dataset", "digits", "--out", not_empty / "file" / "run"], 1, "cannot write"),
        (["train", "vae", "--dataset", "digits", "--out", runs / "vae"], 1, "continue it with --resume"),
        (["train", "vae", "--dataset", "digits", "--out", runs / "vae", "--resume"], 1, "steps 3, not 6000"),
        *(
            (["train", model, "--dataset", data, "--out", new, flag, value], code, message)
            for data, model, flag, value, code, message in OUT_OF_RANGE
        ),
        (
            ["train", "digits-cnn", "--dataset", "digits", "--out", runs / "vae", "--resume"],
            1,
            "holds a run of vae, not of digits-cnn",
        ),
        (["sample", new, "--n", 1, "--out", "s.npz"], 1, "holds no run"),
        (["sample", runs / "vae", "--n", 0, "--out", "s.npz"], 2, "not in the range"),
        (["sample", runs / "vae", "--n", 1, "--out", not_empty], 1, "not an empty folder"),
        (["sample", runs / "vae", "--n", 1, "--out", new, "--labels"], 1, "knows no classes; leave --labels out"),
        (["train", "digits-cnn", "--dataset", "digits", "--out", new, "--grid-every", 1], 1, "makes no samples"),
        (["train", "digits-cnn", "--dataset", "digits", "--out", new, "--ema", 0.9], 1, "this model has none"),
        (["train", "vae", "--dataset", "digits", "--out", new, "--ema", 1.5], 1, "below 1, got 1.5"),
        (["sample", runs / "digits-cnn", "--n", 1, "--out", "s.npz"], 1, "generates no images"),
        (["evaluate", new], 1, "holds no run"),
        (["reconstruct", runs / "dcgan", "--out", tmp_path / "new.png"], 1, "without an encoder"),
        (
            ["interpolate", runs / "introvae", "--out", tmp_path / "new.png"],
            1,
            "8 pairs need 16 test images, and there are 4",
        ),
        (["curves", new, "--out", "c.svg"], 1, "holds no run"),
        (["curves", runs / "introvae", "--out", tmp_path / "new.pdf"], 2, "should end in .svg or .png"),
        (["reconstruct", runs / "introvae", "--out", tmp_path / "new.jpg"], 2, "should end in .png"),
        (["curves", runs / "wrn", "--out", "c.svg"], 1, "train with --log-every"),
        (["evalute", new], 2, "evaluate"),
        (["export", runs / "vae", not_empty / "file" / "w.safetensors"], 1, "cannot write"),
    ]


def test_what_is_wrong_is_said_in_one_sentence_with_its_exit_code(runs, tmp_path):
    for arguments, code, message in wrong(runs, tmp_path):
        result = run(*arguments)
        assert result.exit_code == code, arguments
        assert message in result.stderr, arguments
        assert result.stdout == "", arguments
    assert not (tmp_path / "new").exists()


def test_a_run_whose_data_changed_is_not_evaluated(npz, tmp_path):
    path = npz(x=np.zeros((20, 8, 8), np.uint8))
    out = tmp_path / "run"
    short = ("--steps", 1, "--batch-size", 8, "--device", "cpu")
    assert run("train", "vae", "--dataset", path, "--out", out, *short).exit_code == 0
    npz(x=np.ones((20, 8, 8), np.uint8))
    result = run("evaluate", out)
    assert result.exit_code == 1
    assert "no longer the data" in result.stderr


def test_asking_for_help_does_not_import_torch():
    code = "import sys; from reference_models.__main__ import main; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_run_that_stopped_before_its_first_checkpoint_is_begun_anew(tmp_path):
    out = tmp_path / "run"
    failed = train("vae", out, "--learning-rate", 1e30)
    assert failed.exit_code == 1
    assert [p.name for p in out.iterdir()] == ["run.json"]
    assert train("vae", out).exit_code == 0
    assert json.loads((out / "run.json").read_text())["config"]["learning_rate"] == 1e-3
