import csv
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

import genmetrics as gm
from genmetrics import digits
from genmetrics._checks import DataError, UnknownNameError
from genmetrics.cli import main
from genmetrics.damage import DAMAGES, Pool
from genmetrics.features import features_of
from genmetrics.panel import Measured, Panel, answer_of, answers_of, reach_of
from genmetrics.parts import Network, Parts
from genmetrics.reports.panel import Scale, curves_of, picture
from genmetrics.sources import open_images

METRICS = ("frechet", "inception-score", "vendi", "frechet-intra-class")


@pytest.fixture(scope="module")
def pool():
    images, labels = digits.load()
    images = images[:300, :, :, None]
    return Pool(images[:200], labels[:200], images[200:], labels[200:300])


@pytest.fixture(scope="module")
def panel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("panel")
    images, labels = digits.load()
    found = gm.sensitivity(
        images[:, :, :, None],
        METRICS,
        "digits-cnn",
        damages=("gaussian-noise", "modes-dropped", "class-collapse", "memorised"),
        n_images=250,
        labels=labels,
        intervals=True,
        out=folder,
    )
    return found, folder


# damage


@pytest.mark.parametrize("name", DAMAGES)
def test_strength_0_is_no_damage_and_strengths_rise(name, pool):
    images, labels = DAMAGES[name].apply(pool, 0.0, np.random.default_rng(0))
    np.testing.assert_array_equal(images, pool.images)
    np.testing.assert_array_equal(labels, pool.labels)
    assert DAMAGES[name].strengths[0] == 0
    assert list(DAMAGES[name].strengths) == sorted(set(DAMAGES[name].strengths))


@pytest.mark.parametrize("name", sorted(set(DAMAGES) - {"small-n"}))
def test_damage_keeps_the_number_of_images_and_their_classes_and_its_input(name, pool):
    before = pool.images.copy()
    images, labels = DAMAGES[name].apply(pool, DAMAGES[name].strengths[-1], np.random.default_rng(0))
    assert images.shape == pool.images.shape
    assert images.dtype == np.uint8
    assert len(labels) == len(images)
    assert (images != before).any()
    np.testing.assert_array_equal(pool.images, before)


def damaged(name, strength, pool):
    return DAMAGES[name].apply(pool, strength, np.random.default_rng(0))


def distinct(images):
    return len(np.unique(images.reshape(len(images), -1), axis=0))


def test_damage_is_what_it_says(pool):
    images, labels = damaged("modes-dropped", 0.7, pool)
    assert set(labels) == {0, 1, 2}
    images, labels = damaged("class-imbalance", 0.5, pool)
    assert (labels[:100] == 0).all()
    images, _ = damaged("duplication", 0.9, pool)
    assert distinct(images) == 20
    images, labels = damaged("class-collapse", 1.0, pool)
    assert distinct(images) == 10
    np.testing.assert_array_equal(labels, pool.labels)
    images, labels = damaged("memorised", 0.4, pool)
    np.testing.assert_array_equal(images[:80], pool.train[:80])
    np.testing.assert_array_equal(labels[:80], pool.train_labels[:80])
    np.testing.assert_array_equal(images[80:], pool.images[80:])
    assert len(damaged("small-n", 0.7, pool)[0]) == 60


def test_noise_has_the_strength_it_is_given():
    grey = Pool(np.full((50, 20, 20, 1), 128, np.uint8), None, np.zeros((1, 20, 20, 1), np.uint8), None)
    images, _ = damaged("gaussian-noise", 20, grey)
    assert images.astype(float).std() == pytest.approx(20, rel=0.03)
    images, _ = damaged("uniform-noise", 0.2, grey)
    assert (images != 128).mean() == pytest.approx(0.2, abs=0.01)


# the panel


def test_each_metric_says_of_each_damage_what_its_definition_says(panel):
    verdicts = {(answer.metric, answer.damage): answer.verdict for answer in panel[0].answers}
    assert {verdicts[name, "gaussian-noise"] for name in METRICS[:2]} == {"worse"}
    assert verdicts["frechet", "modes-dropped"] == verdicts["vendi", "modes-dropped"] == "worse"
    assert verdicts["inception-score", "class-collapse"] != "worse"
    assert verdicts["frechet", "class-collapse"] == verdicts["frechet-intra-class", "class-collapse"] == "worse"
    assert verdicts["frechet", "memorised"] == "blind"


def test_a_metric_that_a_damage_leaves_without_meaning_is_left_out_and_why(panel):
    assert any(
        reason.startswith("frechet-intra-class at modes-dropped from 0.1: class 9 has 0 generated images")
        for reason in panel[0].left_out
    )


def test_what_the_images_do_not_allow_is_said_once():
    images = digits.load().images[:180, :, :, None]
    found = gm.sensitivity(images, ["rke", "frechet-intra-class"], Counting(), intervals=False, draws=2)
    classes, labels = found.left_out
    assert classes.startswith("modes-dropped, class-imbalance, class-collapse: the images have no classes")
    assert labels.startswith("frechet-intra-class: real: images have no labels")
    with pytest.raises(DataError, match="no metric could be computed: frechet-intra-class: real"):
        gm.sensitivity(images, ["frechet-intra-class"], Counting())


def test_all_damages_start_from_the_same_images(panel):
    for metric in METRICS:
        starts = {each.value for each in panel[0].values if each.metric == metric and each.strength == 0}
        assert len(starts) == 1


def test_the_files_hold_what_was_found(panel):
    found, folder = panel
    rows = list(csv.DictReader(io.StringIO((folder / "sensitivity.csv").read_text())))
    assert len(rows) == len(found.values)
    assert float(rows[3]["value"]) == found.values[3].value
    assert len(json.loads((folder / "sensitivity.json").read_text())["answers"]) == len(found.answers)
    page = (folder / "sensitivity.html").read_text()
    assert "<script" not in page
    assert "http" not in page.split("data:")[0].replace("http-equiv", "")
    for metric in METRICS:
        assert (folder / f"{metric}.svg").read_bytes().startswith(b"<svg")
        assert f'id="{metric}"' in page


def curve(values, noise, better="lower"):
    name = {"lower": "frechet", "higher": "inception-score", "closer to real": "vendi"}[better]
    return [Measured(name, "blur", float(i), value, None, None, noise) for i, value in enumerate(values)]


@pytest.mark.parametrize(
    ("values", "better", "verdict", "where", "monotone"),
    [
        ([1, 2, 3], "lower", "worse", "from 1", True),
        ([1, 2, 3], "higher", "better", "from 1", True),
        ([1, 3, 2], "lower", "worse", "from 1", False),
        ([1, 1.25, 0.8], "lower", "blind", "", True),
        ([1, 1.25, 1.35], "lower", "worse", "from 2", True),
        ([1, 0.5, 0.2], "closer to real", "worse", "from 1", True),
        ([1, 1.5, 3], "closer to real", "worse", "from 1", True),
        ([1, 2, 0.5], "lower", "better", "from 2", False),
        ([1, 2, 1.1], "lower", "worse", "at 1", False),
        ([1, 2, 1.1, 3], "lower", "worse", "at 1, 3", False),
        ([1, 2, 3, 1.1], "lower", "worse", "at 1, 2", False),
    ],
)
def test_verdicts_by_hand_where_four_times_the_noise_is_0_3(values, better, verdict, where, monotone):
    answer = answer_of(curve(values, 0.075, better))
    assert (answer.verdict, answer.where, answer.monotone) == (verdict, where, monotone)


def test_a_value_of_fewer_images_is_held_against_the_noise_of_as_many():
    few = [*curve([1], 0.1), *curve([1, 2], 0.4)[1:]]  # 4 sqrt((0.1^2 + 0.4^2) / 2) = 1.17
    assert answer_of(few).verdict == "cannot tell"  # not blind: it moves by more than 0.4
    assert answer_of([*curve([1], 0.1), *curve([1, 1.3], 0.4)[1:]]).verdict == "blind"
    assert reach_of(few) == pytest.approx([0.4, 1.1662], rel=1e-4)
    assert answer_of([*curve([1], 0.1), *curve([1, 2], 0.1)[1:]]).verdict == "worse"


def test_pictures_are_logarithmic_beyond_the_band_where_values_leave_it_by_more_than_two_decades():
    assert not Scale(1.0, 0.5, 0.5, 50.0).logarithmic
    assert not Scale(1.0, 0.0, 0.5, 500.0).logarithmic
    scale = Scale(1.0, 0.5, 0.5, 101.0)
    assert scale.logarithmic
    np.testing.assert_allclose(scale.stretched(scale.squeezed([-3, 1, 1.1, 101])), [-3, 1, 1.1, 101], rtol=1e-12)
    np.testing.assert_allclose(scale.squeezed([1.05, 0.95]), [0.1, -0.1], rtol=2e-3)
    assert scale.squeezed(101) - scale.squeezed(11) == pytest.approx(np.log(10), rel=1e-2)
    assert scale.limits[0] < 0.5 < 101 < scale.limits[1]
    assert scale.ticks == ([1.0, 10.0, 100.0], ["1.000", "10", "100"])


def test_the_picture_of_a_small_move_beside_a_large_one_is_on_that_scale():
    values = [*curve([1, 1.2, 2], 0.01), *(replace(v, damage="jpeg") for v in curve([1, 200], 0.01))]

    def drawn(values):
        panel = Panel(tuple(values), tuple(answers_of(values)), {}, ())
        return picture(curves_of(panel, gm.METRICS, DAMAGES)["frechet"]).decode()

    assert drawn(values).count("logarithmic beyond the band") == 1
    assert "logarithmic" not in drawn(values[:3])


# features, once


class Counting:
    """An extractor that counts the images it is given."""

    name, channels, size, resize, outputs = "counting", None, None, "none", ("features",)
    weights_sha256, batch_size = None, 1

    def __init__(self):
        self.seen = 0

    def __call__(self, images):
        self.seen += len(images)
        return {"features": np.stack([image.mean(axis=(1, 2))[:3] for image in images]).astype(np.float32)}


def test_damage_that_picks_among_the_images_costs_no_pass_through_the_network():
    images, labels = digits.load()
    extractor = Counting()
    gm.sensitivity(images[:180, :, :, None], ["rke"], extractor, ["memorised", "modes-dropped"], labels=labels[:180])
    assert extractor.seen == distinct(images[:180])
    gm.sensitivity(images[:180, :, :, None], ["rke"], extractor, ["blur"], labels=labels[:180])
    assert extractor.seen > 3 * distinct(images[:180])


def test_a_side_has_the_features_of_its_images_whatever_was_known_before(pool):
    network = Network(Counting())
    network.side(pool.images[:50], None, keep=True)
    rows = np.array([3, 60, 3, 70, 60, 1])
    side = network.side(pool.images[rows], pool.labels[rows])
    fresh = features_of(open_images(pool.images[rows], "images"), Counting(), cache=False)
    np.testing.assert_array_equal(side.features.outputs["features"], fresh.outputs["features"])
    np.testing.assert_array_equal(side.features.digests, fresh.digests)
    np.testing.assert_array_equal(side.class_names(), pool.labels[rows][fresh.order].astype(str))


def test_other_cuts_are_disjoint_parts_of_the_same_images():
    images, labels = digits.load()
    opened = open_images(images[:, :, :, None], "real", labels=labels)
    parts = Parts.of(opened, Network(Counting()), 100, 0)
    sides = parts.redrawn(40, np.random.default_rng(1))
    rows = [set(side.rows.tolist()) for side in sides.values()]
    assert [len(some) for some in rows] == [100, 100, 40]
    assert len(set.union(*rows)) == 240
    assert set.union(*rows) <= set(range(300))


def test_noise_is_what_the_value_moves_by_from_cut_to_cut(panel):
    first = {each.metric: each for each in panel[0].values if each.strength == 0}
    assert 0 < first["frechet"].noise < first["frechet"].value
    assert 0 < first["inception-score"].noise < 0.5
    assert first["frechet-intra-class"].noise > 0


def test_what_cannot_be_done_is_said():
    images = digits.load().images[:, :, :, None]
    with pytest.raises(UnknownNameError, match="unknown damage 'blurr'; did you mean 'blur'"):
        gm.sensitivity(images, ["frechet"], "pixels", damages=["blurr"])
    with pytest.raises(DataError, match="modes-dropped needs classes"):
        gm.sensitivity(images, ["frechet"], "pixels", damages=["modes-dropped"])
    with pytest.raises(DataError, match="150 images cannot make three parts of 60; at least 180"):
        gm.sensitivity(images[:150], ["frechet"], "pixels")
    with pytest.raises(DataError, match="200 images cannot make three parts of 100; at most 66 each"):
        gm.sensitivity(images[:200], ["frechet"], "pixels", n_images=100)
    with pytest.raises(DataError, match="5 images in each part are too few to see damage; ask for at least 60"):
        gm.sensitivity(images, ["frechet"], "pixels", n_images=5)


def test_the_command_prints_a_table_or_json(tmp_path):
    images = digits.load().images[:, :, :, None]
    np.savez(tmp_path / "real.npz", x=images)
    arguments = ["sensitivity", str(tmp_path / "real.npz"), "--extractor", "pixels", "--metrics", "rke"]
    arguments += ["--damages", "blur", "--images", "100"]
    found = CliRunner().invoke(main, [*arguments, "--out", str(tmp_path / "out")])
    assert found.exit_code == 0, found.stderr
    assert re.search(r"sees: blur from \d", found.stdout)
    assert (tmp_path / "out" / "sensitivity.html").exists()
    as_json = json.loads(CliRunner().invoke(main, [*arguments, "--json"]).stdout)
    assert len(as_json["values"]) == len(DAMAGES["blur"].strengths)
    assert CliRunner().invoke(main, [*arguments, "--metrics", ","]).exit_code == 2
