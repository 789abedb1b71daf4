import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

import genmetrics as gm
from genmetrics import digits, protocols
from genmetrics._checks import DataError, UnknownNameError
from genmetrics.cli import main
from genmetrics.extractors import EXTRACTORS, TIMM_PREFIX
from genmetrics.metrics import METRICS
from genmetrics.protocols import PROTOCOLS, Named, joined


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    parts = digits.splits(0)
    for name in ("test", "held_out"):
        part = getattr(parts, name)
        np.savez(folder / f"{name}.npz", x=part.images, y=part.labels)
    return folder


@pytest.fixture
def small_protocol(monkeypatch):
    """A protocol that the digits can serve."""
    monkeypatch.setitem(protocols.PROTOCOLS, "fd-300", Named(("frechet", "kernel"), "digits-cnn", 300))
    monkeypatch.setitem(protocols.PROTOCOLS, "fd-1k", Named(("frechet",), "digits-cnn", 1000))


def network_of(extractor):
    return "timm:NAME" if extractor.startswith(TIMM_PREFIX) else extractor.partition("@")[0]


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocol_names_metrics_and_an_extractor_that_exist(name):
    named = PROTOCOLS[name]
    assert set(named.metrics) <= set(METRICS)
    assert set(named.options) <= set(named.metrics)
    assert named.extractor is None or network_of(named.extractor) in EXTRACTORS
    if named.n_images is not None:
        assert name.endswith(f"-{named.n_images // 1000}k")


def test_protocols_on_one_extractor_are_joined():
    assert joined(["fid-50k", "kid-50k", "fid-50k"]) == Named(("frechet", "kernel"), "inception-v3-tf2015", 50_000)
    assert joined(["msssim-google-100", "kid-50k"]).extractor == "inception-v3-tf2015"
    assert joined(["msssim-google-100"]) == Named(("ms-ssim",), "pixels", None, {"ms-ssim": {"pairs": 100}})


def test_protocols_that_differ_cannot_share_a_run():
    with pytest.raises(DataError, match="fid-50k on inception-v3-tf2015, fid-clean-50k on inception-v3-tf2015@clean"):
        joined(["fid-50k", "fid-clean-50k"])
    with pytest.raises(DataError, match="fid-50k over 50000, fid-10k over 10000"):
        joined(["fid-50k", "fid-10k"])
    with pytest.raises(DataError, match="msssim-google-100 takes ms-ssim with pairs 100, msssim-google-10k with pairs"):
        joined(["msssim-google-100", "msssim-google-10k"])
    with pytest.raises(DataError, match="fid-50k says which metric"):
        joined(["fid-50k"], ["kernel"])
    with pytest.raises(UnknownNameError, match="unknown protocol 'fid-5k'; did you mean 'fid-50k'"):
        joined(["fid-5k"])


def test_as_many_images_as_the_protocol_says_are_scored(sets, small_protocol):
    record = gm.evaluate(sets / "test.npz", sets / "held_out.npz", protocols=["fd-300"])
    assert [score.n_generated for score in record] == [300, 300]
    assert record["frechet"].signature.startswith("fd_digits-cnn-300|")
    again = gm.evaluate(sets / "test.npz", sets / "held_out.npz", protocols=["fd-300"])
    assert again["frechet"].value == record["frechet"].value


def test_the_network_of_fd_dinov2_is_timms_fed_by_pillow():
    from genmetrics.extractors.timm_network import configuration
    from genmetrics.resizing import RESIZES

    name, _, resize = PROTOCOLS["fd-dinov2-50k"].extractor.removeprefix(TIMM_PREFIX).partition("@")
    assert configuration(name)["hf_hub_id"] == "timm/vit_large_patch14_dinov2.lvd142m"
    assert resize in RESIZES


def test_prdc_takes_the_same_k_for_all_four(sets, monkeypatch):
    monkeypatch.setitem(protocols.PROTOCOLS, "prdc", replace(PROTOCOLS["prdc-10k"], extractor="pixels", n_images=None))
    given = {name: np.load(sets / f"{name}.npz")["x"] for name in ("test", "held_out")}
    record = gm.evaluate(given["test"], given["held_out"], protocols=["prdc"])
    assert all("|k:5|" in score.signature for score in record)
    by_content = [gm.extract(given[name], "pixels")["features"] for name in ("test", "held_out")]
    expected = gm.precision_recall(*by_content, k=5)
    assert (record["precision"].value, record["recall"].value) == (expected.precision, expected.recall)
    assert gm.evaluate(given["test"], given["held_out"], metrics=["recall"], extractor="pixels")["recall"].value != (
        record["recall"].value
    )


def test_ms_ssim_protocols_differ_in_which_pairs_they_draw(sets):
    found = {}
    for name in ("msssim-google-100", "msssim-google-10k"):
        score = gm.evaluate(sets / "test.npz", sets / "held_out.npz", protocols=[name])["ms-ssim"]
        found[name] = score.details["pairs"], "|pairs:" + score.signature.split("|pairs:")[1].split("|")[0]
    assert found == {"msssim-google-100": (1000, "|pairs:100-a-class"), "msssim-google-10k": (10_000, "|pairs:10000")}


def test_too_few_images_are_refused_with_what_can_be_reported(sets, small_protocol):
    with pytest.raises(DataError, match=r"fd-1k needs 1000 images, .*held_out\.npz holds 390; "):
        gm.evaluate(sets / "test.npz", sets / "held_out.npz", protocols=["fd-1k"])
    with pytest.raises(DataError, match="pass --images 390 to report fd-390"):
        gm.evaluate(sets / "test.npz", sets / "held_out.npz", protocols=["fd-1k"])
    record = gm.evaluate(sets / "test.npz", sets / "held_out.npz", protocols=["fd-1k"], n_images=390)
    assert record["frechet"].n_generated == 390
    with pytest.raises(DataError, match="500 images are asked for"):
        gm.evaluate(sets / "test.npz", sets / "held_out.npz", metrics=["frechet"], extractor="digits-cnn", n_images=500)


def test_metrics_of_several_sides_and_labels_run_on_the_command_line(sets):
    arguments = ["score", str(sets / "held_out.npz"), "--test-set", str(sets / "test.npz"), "--extractor", "digits-cnn"]
    found = CliRunner().invoke(main, [*arguments, "--metrics", "frechet-intra-class,vendi,kernel-rbf", "--json"])
    assert found.exit_code == 0, found.stderr
    scores = {score["metric"]: score for score in json.loads(found.stdout)["scores"]}
    assert scores["frechet-intra-class"]["details"]["per_class"]["7"]["n"] > 10
    assert "sigma:10" in scores["kernel-rbf"]["signature"]
    lacking = CliRunner().invoke(main, [*arguments, "--metrics", "sfid"])
    assert lacking.exit_code == 1
    assert "sfid needs sfid, but digits-cnn gives none; choose inception-v3-tf2015" in lacking.stderr
    clash = CliRunner().invoke(main, [*arguments, "--protocol", "fid-50k"])
    assert clash.exit_code == 1
    assert "either it or --metrics/--extractor" in clash.stderr


def test_intra_class_without_labels_says_what_to_do(sets):
    images = np.load(sets / "held_out.npz")["x"]
    with pytest.raises(DataError, match="images have no labels; put each class into a sub-folder"):
        gm.evaluate(sets / "test.npz", images, metrics=["frechet-intra-class"], extractor="digits-cnn")


def test_the_list_of_metrics_has_every_row():
    as_json = json.loads(CliRunner().invoke(main, ["metrics", "--json"]).stdout)
    assert [row["metric"] for row in as_json] == list(METRICS)
    assert all(row["cost"] and row["paper"] and row["needs"] for row in as_json)
    text = CliRunner().invoke(main, ["metrics"]).stdout
    assert all(name in text for name in METRICS)
    assert "-∞ to ∞" in text
    said = " ".join(text.split())
    for names in ("fd_EXTRACTOR, or fid;", "printed ddm_EXTRACTOR;", "printed 1nn_accuracy;", "sw_EXTRACTOR, or mind;"):
        assert names in said
    named = {row["metric"]: (row["printed"], row["printed_on_inception"]) for row in as_json}
    assert named["kernel"] == ("kd_EXTRACTOR", "kid")
    listed = CliRunner().invoke(main, ["metrics", "--protocols"]).stdout
    assert all(name in listed for name in PROTOCOLS)
