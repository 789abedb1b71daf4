"""The thesis's experiments: errors are those of fresh draws, verdicts follow from tables, the page from verdicts."""

import importlib
import sys

import numpy as np
import pytest
import torch

import genmetrics as gm
from genmetrics.extractors.hypercolumns import hypercolumns
from tests.conftest import REPO


@pytest.fixture
def thesis(monkeypatch):
    """The modules of benchmarks/thesis, by name."""
    monkeypatch.setattr(sys, "path", [str(REPO / "benchmarks"), str(REPO / "benchmarks" / "papers"), *sys.path])
    return lambda name: importlib.import_module(f"thesis.{name}")


def test_the_section_of_the_docs_is_made_from_the_tables(thesis):
    page = thesis("page")
    assert page.PAGE.read_text(encoding="utf-8") == page.page()


def test_the_table_of_linear_decoders_in_the_docs_is_made_of_its_results(thesis):
    assert importlib.import_module("ais_linear").table() in thesis("page").PAGE.read_text(encoding="utf-8")


def test_every_table_belongs_to_an_experiment_and_has_its_picture(thesis):
    page, experiment = thesis("page"), thesis("experiment")
    known = {f"{name}_{data}" for name in page.EXPERIMENTS for data in thesis(name).DATA}
    tables = {file.stem.removeprefix("thesis_") for file in experiment.RESULTS.glob("thesis_*.csv")}
    assert tables <= known
    assert all((experiment.PICTURES / f"thesis_{name}.png").exists() for name in tables)


def test_errors_by_halves_are_those_of_fresh_draws(thesis):
    """The standard error of the excess of a shifted set, n = 120 and 120, against 200 fresh draws of both sets.

    Halves of one draw know their own error to some 20%, the spread of 200 draws its own to 5%.
    """
    errors_by_halves, size = thesis("experiment").errors_by_halves, thesis("experiment").size
    rng = np.random.default_rng(0)

    def drawn():
        return rng.normal(size=(120, 3)), rng.normal(size=(120, 3))

    def excess(test, samples):
        return gm.ddm(test, samples + 1.0).value - gm.ddm(test, samples).value

    true = np.std([excess(*drawn()) for _ in range(200)])
    by_halves = []
    for seed in range(8):
        test, samples = drawn()
        found = errors_by_halves(
            lambda t, s, test=test, samples=samples: [excess(test[t], samples[s])], 120, 120, cuts=20, seed=seed
        )
        by_halves.append(float(size(found)[0]))
    assert np.mean(by_halves) == pytest.approx(true, rel=0.2)


def test_halves_are_disjoint_and_leave_the_odd_one_out(thesis):
    seen = []
    thesis("experiment").errors_by_halves(lambda t, s: seen.append((t, s)) or [0.0], 7, 4, cuts=1)
    (t1, s1), (t2, s2) = seen
    assert (len(t1), len(t2), len(s1), len(s2)) == (3, 3, 2, 2)
    assert not set(t1) & set(t2)
    assert sorted([*s1, *s2]) == [0, 1, 2, 3]


def test_the_error_of_a_mean_is_its_standard_error(thesis):
    experiment = thesis("experiment")
    x = np.random.default_rng(0).normal(size=1000)
    errors = experiment.errors_by_halves(lambda t, _: [x[t].mean()], 1000, 2, cuts=400)
    assert experiment.size(errors)[0] == pytest.approx(x.std() / np.sqrt(1000), rel=0.15)  # 5 sigma of 400 cuts


def test_blur_keeps_the_mean_and_noise_has_its_deviation(thesis):
    corrupted = thesis("experiment").corrupted
    grey, colour = np.full((4, 64, 64), 128, np.uint8), np.full((2, 32, 32, 3), 128, np.uint8)
    assert (corrupted(grey, "gaussian blur", 1.0) == 128).all()
    assert corrupted(grey, "gaussian noise", 20).std() == pytest.approx(20, rel=0.05)
    assert corrupted(colour, "uniform noise", 30).std() == pytest.approx(30 / np.sqrt(3), rel=0.05)
    stripes = np.zeros((1, 8, 8, 3), np.uint8)
    stripes[..., 0] = 255
    assert (corrupted(stripes, "gaussian blur", 2.0) == stripes).all()  # channels do not run into each other


def test_the_first_corrupted_set_is_the_clean_one(thesis):
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8), np.uint8)
    sets = thesis("experiment").corruptions_of(images)
    assert len(sets) == 13
    assert next(iter(sets)) == ("none", 0.0)
    assert np.array_equal(sets["none", 0.0], images)


def modes_table(ddm, score, spread=0.01):
    """Five draws around given curves; the last point is all images, of one draw."""
    n = (10, 20, 100, 1000, 10_000, 50_000)
    rows = []
    for i, count in enumerate(n):
        for repeat in range(5 if count < n[-1] else 1):
            off = spread * (repeat - 2) if count < n[-1] else 0.0
            values = {"ddm": ddm[i] + off, "ddm_auto": ddm[i], "ddm_prelogits": ddm[i], "thesis_sign": ddm[i]}
            rows.append({"network": "net", "n": float(count), "repeat": repeat, "score": score[i], **values})
    return rows


FALLING, SATURATING = (60, 50, 40, 30, 20, 10), (2, 5, 8, 9.9, 10, 10)


@pytest.mark.parametrize(
    ("ddm", "score", "verdict"),
    [
        (FALLING, SATURATING, "holds"),
        ((60, 50, 55, 30, 20, 10), SATURATING, "does not hold"),  # a step up
        ((60, 50, 40, 30, 30, 10), SATURATING, "cannot tell here"),  # a step of no length
        (FALLING, (2, 4, 5, 6, 8, 10), "does not hold"),  # half of the score's rise is left
        ((60, 20, 11, 10.03, 10.02, 10), SATURATING, "does not hold"),  # less of DDM's is left than of the score's
    ],
)
def test_missing_modes_hold_if_ddm_falls_and_only_the_score_saturates(thesis, ddm, score, verdict):
    assert thesis("modes").finding("mnist", modes_table(ddm, score, spread=0.001)).verdict == verdict


def test_what_is_left_at_a_thousand_images(thesis):
    modes = thesis("modes")
    values = modes.curve(modes_table(FALLING, SATURATING), "ddm")
    assert values.shape == (5, 6)
    assert modes.left(values).mean() == pytest.approx((30 - 10) / (60 - 10))
    assert modes.left(modes.curve(modes_table(FALLING, SATURATING), "score")) == pytest.approx(0.1 / 8)
    assert [step.value for step in modes.falls(values)] == pytest.approx([10] * 5)


def corruption_table(steps, error):
    """Twelve steps in nats, those of blur last."""
    kinds = [
        (k, s) for k, some in (("gaussian noise", 4), ("uniform noise", 4), ("gaussian blur", 4)) for s in range(some)
    ]
    rows = []
    for (kind, i), step in zip(kinds, steps, strict=True):
        before = rows[-1]["excess"] if i else 0.0
        values = {"step": step, "step_error": error, "excess": before + step, "excess_error": error}
        rows.append({"network": "net", "kind": kind, "strength": float(i + 1), **values})
    return rows


BLUR = 10 * np.log(2)  # ten bits a pixel


@pytest.mark.parametrize(
    ("data", "steps", "verdict"),
    [
        ("imagenet", [1.0] * 8 + [BLUR] * 4, "holds"),
        ("imagenet", [1.0] * 8 + [BLUR / 5] * 4, "does not hold"),  # two bits a pixel
        ("cifar10", [1.0] * 8 + [BLUR / 5] * 4, "holds"),  # no number was published
        ("cifar10", [-1.0] + [1.0] * 7 + [BLUR] * 4, "does not hold"),
        (
            "cifar10",
            [0.25] + [1.0] * 7 + [BLUR] * 4,
            "cannot tell here",
        ),  # 2.5 errors: too few for all twelve
    ],
)
def test_corruptions_hold_if_every_step_rises(thesis, data, steps, verdict):
    assert thesis("corruptions").finding(data, corruption_table(steps, error=0.1)).verdict == verdict


@pytest.mark.parametrize(
    ("steps", "rises", "by_ten"),
    [
        ([1.0] * 8 + [BLUR / 5] * 4, "holds", "does not hold"),
        ([-1.0] + [1.0] * 7 + [BLUR] * 4, "does not hold", "holds"),
        ([0.25] + [1.0] * 7 + [BLUR] * 4, "cannot tell here", "holds"),
    ],
)
def test_the_halves_of_the_claim_on_corruptions_are_judged_apart(thesis, steps, rises, by_ten):
    found = thesis("corruptions").finding("imagenet", corruption_table(steps, error=0.1)).sentence
    assert found.startswith(f"Rising: {rises}. ")
    assert f"Ten bits a pixel of blur: {by_ten}. " in found


def test_ddm_from_distances_is_ddm(thesis):
    embeddings = thesis("embeddings")
    rng = np.random.default_rng(0)
    test, samples = (rng.normal(5.0, 1.0, (n, 6)).astype(np.float32) for n in (30, 20))
    found = embeddings.ddm_of(embeddings.distances(test, samples, 0.5))
    assert found == pytest.approx(gm.ddm(test, samples, scale=0.5).value, rel=1e-10)


def test_two_identical_sets_have_the_same_errors(thesis):
    rng = np.random.default_rng(0)
    test, samples = rng.normal(size=(40, 3)), rng.normal(size=(30, 3))
    found = thesis("embeddings").Values.of(test, [samples, samples.copy(), samples + 2.0], 1.0)
    assert np.array_equal(found.errors[:, 0], found.errors[:, 1])
    assert list(found.signs([(0, 1), (0, 2)])) == [0, 1]


def test_a_reversed_pair_counts_where_both_embeddings_are_sure(thesis):
    embeddings = thesis("embeddings")
    sure, unsure = np.full((20, 3), 0.01) * [[1, -1, 1]], np.full((20, 3), 10.0) * [[1, -1, 1]]
    names = ["a", "b", "c"]
    one = embeddings.Values(np.array([1.0, 2.0, 3.0]), sure)
    turned = embeddings.Values(np.array([20.0, 10.0, 30.0]), sure)
    found = embeddings.compared(one, turned, names)
    assert (found.same, found.reversed, found.pairs, found.turned) == (2, 1, 3, "a and b")
    assert found.tau == pytest.approx(1 / 3)
    vague = embeddings.compared(one, embeddings.Values(turned.ddm, unsure), names)
    assert (vague.same, vague.reversed) == (1, 0)  # a and c move together: their difference is sure
    assert vague.low <= vague.tau < vague.high  # moved the other way, b comes after a


@pytest.mark.parametrize(
    ("same", "turned", "verdict"), [(78, 0, "holds"), (60, 0, "cannot tell here"), (77, 1, "does not hold")]
)
def test_an_order_holds_without_reversed_pairs_if_nearly_all_are_told_apart(thesis, same, turned, verdict):
    assert thesis("embeddings").verdict_of({"same": same, "reversed": turned, "pairs": 78}) == verdict


def layers_table(first, last, error=1.0):
    """One network, one pair: by how much blur is above noise in each group."""
    of_all = {"network": "net", "noise": "noise 10", "blur": "blur 1", "error": error, "share_of_variance": 0.5}
    of_all |= {"noise_spread": 1.5, "blur_spread": 0.5}
    return [
        of_all | {"group": g, "difference": d}
        for g, d in zip(("first", "second", "last"), (first, 0.0, last), strict=True)
    ]


@pytest.mark.parametrize(
    ("first", "last", "verdict"),
    [(-9.0, 9.0, "holds"), (9.0, 9.0, "does not hold"), (-9.0, -9.0, "does not hold"), (-1.0, 9.0, "cannot tell here")],
)
def test_layers_disagree_if_early_ones_mind_noise_and_late_ones_blur(thesis, first, last, verdict):
    assert thesis("layers").finding("cifar10", layers_table(first, last)).verdict == verdict


def test_a_group_of_hypercolumns_is_that_of_the_network(thesis):
    """The maps of three groups above the same 16 places, together and each alone."""
    maps = [torch.rand(2, channels, 4, 4) for channels in (2, 3, 4)]
    together = hypercolumns(maps, 4).numpy()
    for which, alone in enumerate(maps):
        assert np.array_equal(thesis("layers").group(together, (2, 3, 4), which), hypercolumns([alone], 4).numpy())


def parzen_table(poor, real, ddm):
    """Five draws of training images and of one poor set: its Parzen log-likelihood and DDM."""
    sets = (("training images", real, 1.0), ("poor", poor, ddm))
    return [
        {"set": name, "draw": i, "parzen": value + 0.1 * i, "parzen_pca": value + 0.1 * i, "ddm": d + 0.01 * i}
        for name, value, d in sets
        for i in range(5)
    ]


@pytest.mark.parametrize(
    ("poor", "ddm", "verdict"),
    [(20.0, 2.0, "holds"), (5.0, 2.0, "does not hold"), (20.0, 0.5, "does not hold")],  # neither, DDM prefers it too
)
def test_parzen_windows_are_fooled_by_what_ddm_sees(thesis, poor, ddm, verdict):
    assert thesis("parzen").finding("mnist", parzen_table(poor, 10.0, ddm)).verdict == verdict


def ais_table(nats, square=60.0, climb=30.0, effective=1.0):
    """Four images at each variance: their lower bounds, and one squared distance of the nearest image."""
    return [
        {"obs_var": v, "image": i, "nats": x + 5.0 * i, "nats_fewer": x + 5.0 * i - climb}
        | {"effective_chains": effective, "chains": 8.0, "temperatures": 2000.0, "fewer": 600.0}
        | {"nearest_square": square, "simulated_lower": 0.0, "simulated_upper": 1 + 0.01 * i}
        for v, x in nats.items()
        for i in range(4)
    ]


def test_a_swing_of_ais_is_a_lower_bound_above_an_upper_one(thesis):
    ais = thesis("ais")
    nats = {0.1: -300.0, 0.05: -200.0, 0.025: -900.0, 0.01: -3000.0}
    far, near = (ais.finding("mnist", ais_table(nats, square)) for square in (80.0, 20.0))
    assert far.verdict == "holds"  # at 0.01 no likelihood is above 1085 - 0.8 * 80 / 0.02 = -2115
    assert f"{-192.5 - ais.ceiling(np.float64(64), 0.01):.0f} [" in far.sentence
    assert near.verdict == "cannot tell here"  # lower bounds 2,800 nats apart, which establish nothing
    assert "median of effective chains is 1.0 of 8" in near.sentence
    assert "climb by 30 to 30 nats" in near.sentence
    assert "one of 0.1, 0.05, 0.025, 0.01: bounds cannot tell" in near.sentence


def test_the_upper_bound_is_a_normal_density(thesis):
    from scipy.stats import norm

    offsets = np.linspace(-1, 1, 784)
    found = thesis("ais").ceiling((offsets**2).sum(), 0.05)
    assert found == pytest.approx(norm.logpdf(offsets, scale=0.05**0.5).sum())


def test_chains_that_agree_on_a_bad_place_are_told(thesis):
    ais = thesis("ais")
    rows = ais_table({0.05: -680.0, 0.01: -4450.0}, square=55.0, climb=0.0, effective=7.0)
    assert "Image 0, 1, 2, 3 has" in ais.finding("mnist", [*rows, *ais_table({0.025: -600.0})]).sentence
    assert ais.stuck(ais_table({0.05: -680.0}, square=55.0, climb=30.0)) == ""


def test_descents_find_the_nearest_image(thesis):
    """Of a linear decoder: the least-squares residual."""
    import torch

    rng = np.random.default_rng(0)
    w, x = rng.normal(size=(6, 2)), rng.normal(size=(3, 6))
    weight = torch.tensor(w)
    starts = torch.randn(4, 3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = thesis("ais").nearest(lambda z: z @ weight.T, torch.tensor(x), starts)
    np.testing.assert_allclose(found, np.linalg.lstsq(w, x.T, rcond=None)[1], rtol=1e-3)


def test_means_of_kmeans_are_images(thesis):
    images = np.repeat(np.array([10, 200], np.uint8), 50)[:, None, None] * np.ones((1, 4, 4), np.uint8)
    found = thesis("parzen").means(images, 2, 0)
    assert found.dtype == np.uint8
    assert sorted(found.reshape(2, -1).mean(axis=1)) == [10, 200]


def test_joined_findings_say_where_numbers_are_from(thesis):
    experiment = thesis("experiment")
    one, other = (experiment.Finding([experiment.Row("x", 1.0)], v, "So.") for v in ("holds", "cannot tell here"))
    found = experiment.joined({"A": one, "B": other})
    assert [row.what for row in found.rows] == ["A: x", "B: x"]
    assert (found.verdict, found.sentence) == ("cannot tell here", "A: So. B: So.")


def test_tables_come_back_as_numbers(thesis, tmp_path, monkeypatch):
    experiment = thesis("experiment")
    monkeypatch.setattr(experiment, "RESULTS", tmp_path)
    experiment.write("x", iter([{"name": "a, b", "value": 0.5}, {"name": "c", "value": float("nan")}]))
    rows = experiment.read("x")
    assert rows[0] == {"name": "a, b", "value": 0.5}
    assert np.isnan(rows[1]["value"])
    with pytest.raises(SystemExit, match="missing"):
        experiment.read("y")
