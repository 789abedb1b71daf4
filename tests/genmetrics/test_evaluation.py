"""The main path from Python: one record whatever the container, and what it says of its inputs."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
from image_files import save_pngs

import genmetrics as gm
from genmetrics._checks import DataError, UnknownNameError
from genmetrics.digits import splits
from genmetrics.features import features_of
from genmetrics.metrics import METRICS
from genmetrics.records import Record
from genmetrics.sources import open_images


@pytest.fixture(scope="module")
def digits():
    return splits()


@pytest.fixture(scope="module")
def record(digits, tmp_path_factory) -> Record:
    out = tmp_path_factory.mktemp("out")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENMETRICS_CACHE", str(out / "cache"))
        return gm.evaluate(
            digits.test.images, digits.held_out.images, digits.train.images, extractor="digits-cnn", out=out
        )


def test_the_panel_as_far_as_the_extractor_serves_it_is_the_default(record):
    assert [score.metric for score in record] == [name for name, row in METRICS.items() if row.panel]


def test_pixels_have_no_logits_so_no_inception_score(digits):
    record = gm.evaluate(digits.test.images, digits.held_out.images, extractor="pixels", intervals=False)
    assert "inception-score" not in record
    assert "frechet" in record


def test_a_number_is_only_called_fid_on_the_fids_own_network():
    assert METRICS["frechet"].printed("inception-v3-tf2015") == "fid"
    assert METRICS["frechet"].printed("digits-cnn") == "fd_digits-cnn"
    assert METRICS["kernel"].printed("inception-v3-tf2015") == "kid"
    assert METRICS["inception-score"].printed("pixels") == "is_pixels"


def test_the_record_holds_the_same_values_as_the_pure_functions(record, digits):
    real, generated = (
        gm.extract(part.images, "digits-cnn", ("features", "logits")) for part in (digits.test, digits.held_out)
    )
    assert record["frechet"].value == pytest.approx(
        gm.frechet_distance(real["features"], generated["features"]), rel=1e-9
    )
    assert record["kernel"].value == pytest.approx(
        gm.kernel_distance(real["features"], generated["features"], subsets=None).value, rel=1e-9
    )
    assert record["ddm"].value == pytest.approx(gm.ddm(real["logits"], generated["logits"]).value, rel=1e-9)


def test_the_inception_score_takes_the_images_in_canonical_order(record, digits):
    images = open_images(digits.held_out.images, "x")
    from genmetrics.extractors import find_extractor

    logits = features_of(images, find_extractor("digits-cnn")).outputs["logits"]
    shuffled = gm.inception_score(logits=logits, shuffle=True, seed=0)
    assert record["inception-score"].value == pytest.approx(shuffled.value, rel=1e-12)
    assert "order:content-shuffled-0" in record["inception-score"].signature


def test_every_score_has_an_interval_around_its_value(record):
    for score in record:
        assert score.low <= score.value <= score.high


def test_every_score_says_what_it_gives_real_data(record):
    assert {score.metric: score.baseline["of"] for score in record} == {
        "frechet": "train",
        "kernel": "train",
        "inception-score": "real",
        "ddm": "train",
        "ms-ssim": "real",
    }
    assert record["frechet"].baseline["n"] == record["frechet"].n_generated


def test_ddm_alone_says_how_far_it_lies_above_real_data(record):
    ddm = record["ddm"]
    assert ddm.details["excess_over_real_data"] == ddm.value - ddm.baseline["value"]
    assert ddm.details["ratio_to_real_data"] == ddm.value / ddm.baseline["value"]
    assert not any("excess_over_real_data" in score.details for score in record if score.metric != "ddm")


def test_the_record_survives_json(record, tmp_path):
    record.to_json(tmp_path / "record.json")
    assert Record.from_json(tmp_path / "record.json") == record
    assert json.loads((tmp_path / "record.json").read_text())["schema"] == 1


@pytest.mark.parametrize("metrics", [["frechet", "kernel", "inception-score", "ddm"], ["ms-ssim"]])
def test_container_and_order_do_not_change_a_number(digits, tmp_path, metrics):
    images, labels = digits.held_out
    shuffled = np.random.default_rng(0).permutation(len(images))
    folder = save_pngs(tmp_path / "pngs", images[shuffled], labels[shuffled])
    np.savez(tmp_path / "images.npz", x=images, y=labels)
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        for file in sorted(folder.rglob("*.png"), key=lambda f: f.name):
            archive.write(file, str(file.relative_to(tmp_path)))
    records = [
        gm.evaluate(digits.test.images, source, metrics=metrics, extractor="digits-cnn")
        for source in (folder, tmp_path / "images.npz", tmp_path / "images.zip")
    ]
    for score, *others in zip(*records, strict=True):
        for other in others:
            assert other.value == pytest.approx(score.value, rel=1e-9)
            assert other.low == pytest.approx(score.low, rel=1e-9)
            assert other.signature == score.signature


def test_class_folders_give_ms_ssim_within_classes(digits, tmp_path):
    folder = save_pngs(tmp_path / "pngs", *digits.held_out)
    score = gm.evaluate(digits.test.images, folder, metrics=["ms-ssim"], extractor="pixels")["ms-ssim"]
    assert list(score.details["per_class"]) == [str(digit) for digit in range(10)]
    assert "pairs:100-a-class" in score.signature


def test_labels_can_be_given_beside_an_array(digits):
    images, labels = digits.held_out
    record = gm.evaluate(digits.test.images, images, labels=labels, metrics=["ms-ssim"], extractor="pixels")
    score = record["ms-ssim"]
    assert len(score.details["per_class"]) == 10


def test_the_seed_changes_what_is_random_and_says_so(digits):
    a, b = (
        gm.evaluate(digits.test.images, digits.held_out.images, metrics=["ms-ssim"], extractor="pixels", seed=seed)
        for seed in (0, 1)
    )
    assert a["ms-ssim"].value != b["ms-ssim"].value
    assert a["ms-ssim"].signature.replace("seed:0", "seed:1") == b["ms-ssim"].signature


def test_without_intervals_the_values_are_the_same(record, digits):
    plain = gm.evaluate(digits.test.images, digits.held_out.images, extractor="digits-cnn", intervals=False)
    for score in plain:
        assert score.value == pytest.approx(record[score.metric].value, rel=1e-9)
        assert score.low is None
        assert score.interval == "no interval: intervals were switched off"


def test_a_metric_of_your_own_is_a_row_like_any_other(digits):
    record = gm.evaluate(
        digits.test.images,
        digits.held_out.images,
        metrics={"mean-shift": lambda real, generated: abs(real.mean() - generated.mean())},
        extractor="pixels",
    )
    assert record["mean-shift"].name == "mean-shift_pixels"
    assert record["mean-shift"].better == ""


def test_a_metric_of_your_own_that_returns_nan_is_refused(digits):
    with pytest.raises(DataError, match="your metric 'mine' returned nan"):
        gm.evaluate(digits.test.images, digits.held_out.images, metrics={"mine": lambda *_: np.nan}, extractor="pixels")


def test_an_unknown_metric_suggests_the_nearest_before_anything_is_read():
    with pytest.raises(UnknownNameError, match="unknown metric 'frechet_distnace'; did you mean 'frechet'"):
        gm.evaluate("nowhere", "nowhere", metrics=["frechet_distnace"], extractor="pixels")


def test_no_extractor_and_no_weights_is_an_error_that_names_the_choices(digits):
    named = r"the default extractor, needs its weights.*pixels, digits-cnn, mnist-cnn, cifar10-wrn, module:PATH"
    with pytest.raises(DataError, match=named):
        gm.evaluate(digits.test.images, digits.held_out.images)


def test_a_metric_that_needs_a_classifier_is_refused_before_anything_is_read(tmp_path):
    (tmp_path / "damaged.png").write_bytes(b"no image")
    with pytest.raises(DataError, match="inception-score needs logits, but pixels gives none"):
        gm.evaluate(tmp_path, tmp_path, metrics=["inception-score"], extractor="pixels")


def test_the_same_set_twice_is_a_warning(digits):
    record = gm.evaluate(digits.test.images, digits.test.images, extractor="digits-cnn", metrics=["frechet"])
    assert "generated and real are the same 390 images" in record.warnings
    assert record["frechet"].value == pytest.approx(0, abs=1e-9)


def test_copies_of_training_images_are_a_warning(digits):
    copied = np.concatenate([digits.held_out.images[:100], digits.train.images[:7]])
    record = gm.evaluate(digits.test.images, copied, digits.train.images, extractor="digits-cnn", metrics=["frechet"])
    assert any("7 of 107 generated images are also among the train images" in w for w in record.warnings)


def test_resized_images_are_a_warning(digits):
    large = digits.test.images.repeat(3, axis=1).repeat(3, axis=2)
    record = gm.evaluate(large, digits.held_out.images, extractor="digits-cnn", metrics=["frechet"])
    assert "real: 390 images resized to 8x8 (area-8x8)" in record.warnings


def test_fewer_images_than_features_is_a_note(digits):
    score = gm.evaluate(digits.test.images, digits.held_out.images[:50], extractor="digits-cnn", metrics=["frechet"])[
        "frechet"
    ]
    assert any("generated: 50 images for 64-wide features" in note for note in score.notes)


def test_different_image_sizes_are_refused_where_nothing_resizes(digits):
    large = digits.test.images.repeat(2, axis=1).repeat(2, axis=2)
    with pytest.raises(DataError, match=r"different sizes \(real 16x16, generated 8x8\)"):
        gm.evaluate(large, digits.held_out.images, extractor="pixels", metrics=["frechet"])


def test_grey_against_colour_is_compared_in_colour_with_a_warning(digits):
    colour = np.repeat(digits.held_out.images[..., None], 3, axis=3)
    record = gm.evaluate(digits.test.images, colour, extractor="pixels", metrics=["frechet"], intervals=False)
    assert record.extractor["outputs"] == {"features": 192}
    assert any(warning.startswith("real: grey images are compared with colour") for warning in record.warnings)


def test_a_default_metric_that_cannot_be_had_is_left_out_with_its_reason(digits, tmp_path):
    folder = save_pngs(tmp_path / "pngs", digits.held_out.images)
    save_pngs(folder, np.zeros((1, 20, 20), np.uint8))
    record = gm.evaluate(digits.test.images, folder, extractor="digits-cnn", intervals=False)
    assert "ms-ssim" not in record
    assert any(warning.startswith("ms-ssim left out: generated: images have 2 sizes") for warning in record.warnings)


def test_fewer_images_than_a_metric_needs_is_an_error(digits):
    with pytest.raises(DataError, match="frechet: generated: 1 image, but at least 2 are needed"):
        gm.evaluate(digits.test.images, digits.test.images[:1], extractor="pixels")


def test_an_unwritable_folder_is_found_out_before_anything_is_read(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot write into .*file.*; choose another --out"):
        gm.evaluate("nowhere", "nowhere", extractor="pixels", out=tmp_path / "file")


def test_the_report_folder_holds_exactly_the_record_and_the_report(digits, tmp_path):
    gm.evaluate(digits.test.images, digits.held_out.images, extractor="pixels", intervals=False, out=tmp_path / "out")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["record.json", "report.html"]


def test_with_intervals_it_holds_what_compare_pairs_by_and_a_folder_is_read_as_its_record(digits, tmp_path):
    made = gm.evaluate(digits.test.images, digits.held_out.images, extractor="pixels", out=tmp_path / "out")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["paired.npz", "record.json", "report.html"]
    read = gm.Record.from_json(tmp_path / "out")
    assert read == made
    assert {score.metric for score in read if score.of_reference is not None} == {"frechet", "kernel", "ddm"}
    for score in read:
        if score.of_reference is not None:
            assert score.of_reference.shape == (2, len(digits.test.images))
            assert np.array_equal(score.of_reference, made[score.metric].of_reference)


def test_pictures_show_samples_real_images_neighbours_and_plots(record):
    assert [picture.title for picture in record.pictures][:3] == [
        "Generated images",
        "Real images",
        "Nearest neighbours",
    ]


def diversity(digits, *, real_labels=None, labels=None):
    real = open_images(digits.test.images, "real", labels=real_labels)
    return gm.evaluate(real, digits.held_out.images, labels=labels, metrics=["ms-ssim"], extractor="pixels")["ms-ssim"]


def test_renaming_the_classes_does_not_change_ms_ssim(digits):
    names = np.array(["nine", "one", "x", "b", "a", "two", "z", "q", "0", "five"])
    plain = diversity(digits, labels=digits.held_out.labels)
    renamed = diversity(digits, labels=names[digits.held_out.labels].tolist())
    assert (renamed.value, renamed.signature) == (plain.value, plain.signature)


def test_real_data_are_paired_as_the_samples_are_or_not_at_all(digits):
    labels, real_labels = digits.held_out.labels, digits.test.labels
    both, none = diversity(digits, labels=labels, real_labels=real_labels), diversity(digits)
    assert len(both.baseline["details"]["per_class"]) == 10
    assert diversity(digits, real_labels=real_labels).baseline["value"] == none.baseline["value"]
    assert diversity(digits, labels=labels).baseline is None


def test_fewer_training_images_than_samples_is_a_note(digits):
    record = gm.evaluate(
        digits.test.images, digits.held_out.images, digits.train.images[:99], metrics=["frechet"], extractor="pixels"
    )
    assert any("real data are 99 images, fewer than the samples" in note for note in record["frechet"].notes)


def test_a_grey_copy_in_three_channels_is_known_as_a_copy(digits):
    colour = np.repeat(digits.test.images[..., None], 3, axis=3)
    record = gm.evaluate(digits.test.images, colour, metrics=["ddm"], extractor="pixels")
    assert "generated and real are the same 390 images" in record.warnings


@pytest.mark.parametrize(
    "answer", [{}, None, {"logits": 0}, {"features": np.zeros(16)}, {"features": np.zeros((17, 2))}]
)
def test_an_extractor_that_breaks_its_promise_is_told(digits, answer):
    class Broken:
        name, channels, size, resize, outputs = "broken", None, None, "none", ("features",)
        weights_sha256, batch_size = None, 16

        def __call__(self, images):
            return answer

    with pytest.raises(DataError, match="broken"):
        gm.evaluate(digits.test.images, digits.held_out.images, metrics=["ddm"], extractor=Broken())


def test_a_report_that_cannot_be_written_leaves_no_record_without_it(digits, tmp_path):
    (tmp_path / "report.html").mkdir()
    with pytest.raises(DataError, match="cannot write into"):
        gm.evaluate(
            digits.test.images,
            digits.held_out.images,
            metrics=["ddm"],
            extractor="pixels",
            intervals=False,
            out=tmp_path,
        )
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
