"""The page of the papers' claims is what its tables say, and verdicts follow from intervals."""

import csv
import importlib
import runpy
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from reference_models.__main__ import main as reference_models
from tests.conftest import REPO

PAPERS = REPO / "benchmarks" / "papers"


@pytest.fixture
def papers(monkeypatch):
    """The modules of benchmarks/papers, by name."""
    monkeypatch.setattr(sys, "path", [str(PAPERS), *sys.path])
    return importlib.import_module


def test_the_page_is_made_from_the_tables(papers):
    page = papers("page")
    assert page.PAGE.read_text(encoding="utf-8") == page.page()


def test_every_script_is_on_the_page_and_every_table_has_a_script(papers):
    page = papers("page")
    scripts = {file.stem for file in PAPERS.glob("*.py")} - {"claim", "page", "samples"}
    assert scripts == set(page.names())
    assert {file.stem for file in page.FOUND.glob("*.csv")} <= scripts


def test_every_claim_says_where_it_stands_and_how_it_is_tried(papers):
    page = papers("page")
    for name in page.names():
        claim = page.claim_of(name)
        assert all((claim.paper, claim.where, claim.says, claim.protocol)), name
        assert claim.says.endswith(".")


def test_a_claim_that_is_not_confirmed_says_why(papers):
    page = papers("page")
    for name in page.names():
        if (page.FOUND / f"{name}.csv").exists() and page.kept(name).verdict != "holds":
            assert page.claim_of(name).why, name


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.1, 2.0, "holds"),
        (-2.0, -0.1, "does not hold"),
        (-1.0, 1.0, "cannot tell here"),
        (0.0, 1.0, "cannot tell here"),
    ],
)
def test_a_verdict_follows_from_the_interval(papers, low, high, verdict):
    assert papers("claim").decided(low, high) == verdict


def test_one_part_that_fails_fails_the_claim(papers):
    all_of = papers("claim").all_of
    assert all_of(["holds", "holds"]) == "holds"
    assert all_of(["holds", "cannot tell here"]) == "cannot tell here"
    assert all_of(["cannot tell here", "does not hold", "holds"]) == "does not hold"


def test_the_interval_over_seeds_is_students(papers):
    row = papers("claim").over_seeds("x", [1.0, 2.0, 3.0])
    assert row.value == 2
    assert row.high - row.value == pytest.approx(4.302652729911275 / np.sqrt(3))  # deviation 1


def test_the_interval_of_a_share_stays_one(papers):
    row = papers("claim").over_seeds("x", [0.0, 1.0, 1.0], share=True)
    assert (row.low, row.high) == (0, 1)


def test_numbers_of_another_size_get_a_panel_of_their_own(papers):
    claim = papers("claim")
    rows = [claim.Row(name, value) for name, value in (("a", 0.2), ("b", 25.0), ("c", 0.5), ("d", 0.0), ("e", -30.0))]
    groups = [[row.what for row in group] for group in claim.of_one_size(rows)]
    assert groups == [["a", "c", "d"], ["b", "e"]]


def test_the_interval_of_a_correlation_is_fishers(papers):
    """r = 0.5 of 28 pairs: tanh(0.5493 -+ 1.96 / 5)."""
    low, high = papers("acgan_accuracy_diversity").over_classes(0.5, 28)
    assert (low, high) == pytest.approx((0.156, 0.736), abs=1e-3)


def test_what_was_found_comes_back(papers, tmp_path, monkeypatch):
    claim = papers("claim")
    monkeypatch.setattr(claim, "FOUND", tmp_path)
    finding = claim.Finding([claim.Row("a, b", 1.5, 1.0, 2.0, "~3"), claim.Row("c", 0.25)], "holds", 'It "does", here.')
    claim.write("x", finding)
    again = claim.kept("x")
    assert again.rows[0] == finding.rows[0]
    assert again.rows[1][:2] == ("c", 0.25)
    assert np.isnan(again.rows[1].low)
    assert again.verdict == "holds"
    assert again.sentence.startswith('It "does", here. (')


# --- over training


def looks(papers, monkeypatch, values):
    """The claim's finding where the looks at three seeds of each model saw these DDMs."""
    order = papers("ddm_order")
    rows = [
        {"model": model, "seed": str(seed), "step": str(200 * (k + 1)), "ddm": str(ddm), "frechet": "1"}
        for model, of_model in zip(order.ORDER, values, strict=True)
        for seed in range(3)
        for k, ddm in enumerate(of_model)
    ]
    monkeypatch.setattr(order, "read", lambda _: rows)
    monkeypatch.setattr(order, "at_the_end", lambda: ([], [order.Row("small", 1.0), order.Row("weak", 1.0)]))
    return order.measure()


def test_the_order_over_training_is_decided_by_the_later_half_of_it(papers, monkeypatch):
    found = looks(papers, monkeypatch, [(9, 9, 3, 2), (1, 1, 4, 4), (0, 0, 6, 5)])  # early on the other way round
    assert [row.value for row in found.rows[:2]] == [1.5, 1.5]
    assert [row.value for row in found.rows[4:8]] == [0.5, 1, 0.5, 1]
    assert found.verdict == "holds"
    assert looks(papers, monkeypatch, [(5, 4), (6, 5), (7, 1)]).verdict == "does not hold"
    assert looks(papers, monkeypatch, [(5, 4), (6, 5), (7, 5)]).verdict == "cannot tell here"  # no difference


def test_one_half_of_the_order_that_seeds_leave_open_leaves_it_open(papers, monkeypatch):
    late = {"dcgan": (1, 1, 1), "dcgan-small": (2, 2.1, 2.2), "dcgan-weak": (3, 1.5, 2.3)}  # of three seeds
    rows = [
        {"model": model, "seed": str(seed), "step": str(step), "ddm": str(ddm), "frechet": "1"}
        for model, of_seeds in late.items()
        for seed, ddm in enumerate(of_seeds)
        for step in (1, 2)
    ]
    order = papers("ddm_order")
    monkeypatch.setattr(order, "read", lambda _: rows)
    monkeypatch.setattr(order, "at_the_end", lambda: ([], [order.Row("small", 1.0), order.Row("weak", 1.0)]))
    found = order.measure()
    assert found.verdict == "cannot tell here"
    assert "dcgan-small less dcgan: holds" in found.sentence


def test_the_score_is_blind_only_if_it_is_the_same_and_the_noise_ignored(papers):
    claim, verdict = papers("claim"), papers("sgan_score_blind").verdict

    def of(low, high, ignores="holds"):
        return verdict(claim.Row("d less e", (low + high) / 2, low, high), ignores)

    assert of(-0.4, 0.3) == "holds"
    assert of(-0.4, 0.3, "cannot tell here") == of(-0.4, 0.6) == of(-0.6, 0.4) == "cannot tell here"
    assert of(0.6, 2.0) == of(-2.0, -0.6) == of(0.6, 2.0, "cannot tell here") == "does not hold"


# --- tables of several models


def test_the_table_asks_for_the_order_of_all_three(papers, monkeypatch):
    table = papers("ddm_table")
    monkeypatch.setattr(table, "looked_again", lambda of: [])  # of stored runs

    def verdict(**ddm):
        rows = [
            {"model": name.replace("_", "-"), "state": "trained", "ddm": value + seed / 100, "frechet": 1.0}
            for name, value in ddm.items()
            for seed in range(3)
        ]
        monkeypatch.setattr(table, "read", lambda _: rows)
        return table.measure()

    assert verdict(improved_gan=1.0, wgan_gp=2.0, dcgan=3.0).verdict == "holds"
    assert verdict(improved_gan=2.0, wgan_gp=1.0, dcgan=3.0).verdict == "does not hold"
    untried = verdict(wgan_gp=2.0, dcgan=3.0)
    assert untried.verdict == "cannot tell here"
    assert "improved-gan was not tried" in untried.sentence
    assert verdict(wgan_gp=3.0, dcgan=2.0).verdict == "does not hold"  # which a third model cannot mend


def test_introvae_must_be_better_than_both_by_each_number(papers, monkeypatch):
    quality = papers("introvae_quality")
    monkeypatch.setattr(quality, "looked_again", lambda seeds: [])  # of stored runs

    def verdict(gan, **more):
        """IntroVAE at 1 in all; the VAE worse in all; the GAN, if one is given, at these."""
        others = {"introvae": {}, "vae": {"frechet": 2.0, "ms_ssim": 2.0, "sharpness": 0.5} | more}
        others |= {"dcgan": gan} if gan else {}
        usual = {"frechet": 1.0, "ms_ssim": 1.0, "sharpness": 1.0, "parameters": 9, "ms_ssim_real": 0.1}
        rows = [{"model": name, "seed": seed, **usual, **own} for name, own in others.items() for seed in range(3)]
        for row in rows:  # seeds differ a little
            row["frechet"] += row["seed"] / 100
        monkeypatch.setattr(quality, "read", lambda _: rows)
        return quality.measure()

    assert verdict({"frechet": 2.0, "ms_ssim": 2.0}).verdict == "holds"
    assert verdict({"frechet": 0.5, "ms_ssim": 2.0}).verdict == "does not hold"
    assert verdict({"frechet": 2.0, "ms_ssim": 0.5}).verdict == "does not hold"
    assert verdict({"frechet": 2.0, "ms_ssim": 2.0}, sharpness=1.5).verdict == "does not hold"
    assert verdict({"frechet": 2.0, "ms_ssim": 2.0, "sharpness": 9.0}).verdict == "holds"  # a GAN's noise is sharp
    assert verdict(None).verdict == "cannot tell here"


def test_latents_like_codes_have_their_mean_and_covariance(papers):
    """q(z|x) with means (2x, x), x = -3 or 3, and variances 1 and 4: the covariance is that of the means plus those."""
    x = np.where(np.arange(20_000) % 2, 3.0, -3.0)
    mean, log_variance = np.stack([2 * x, x + 5], axis=1), np.log([[1.0, 4.0]]).repeat(len(x), axis=0)
    found = papers("introvae_quality").latents_like(mean, log_variance)
    assert found.shape == mean.shape
    assert found.mean(axis=0) == pytest.approx([0, 5], abs=0.2)
    assert np.cov(found.T) == pytest.approx(np.array([[37, 18], [18, 13]]), rel=0.05)


# --- at the papers' lengths


def test_long_runs_have_places_of_their_own(monkeypatch):
    script = str(REPO / "benchmarks" / "lengths.py")
    short = runpy.run_path(script)
    monkeypatch.setenv("GENMETRICS_LENGTH", "paper")
    long = runpy.run_path(script)
    assert (short["PRESET"], long["PRESET"]) == ("quick", "paper")
    assert long["LOOP"][:2] == ("--preset", "paper")
    for place in ("RUNS", "RESULTS", "PICTURES", "PAGE"):
        assert long[place] != short[place], place
    assert long["records"]("mnist") != short["records"]("mnist")
    monkeypatch.setenv("GENMETRICS_RUNS", "elsewhere")
    assert str(runpy.run_path(script)["RUNS"]) == "elsewhere"


def test_claims_of_long_runs_are_tried_and_shown_from_their_tables(papers, monkeypatch, tmp_path):
    """Of stand-ins: three models, three seeds, two looks; what the short runs gave is not read."""
    claim, page, order = papers("claim"), papers("page"), papers("ddm_order")
    for module, name, value in (
        (claim, "RESULTS", tmp_path),
        (claim, "FOUND", tmp_path / "papers"),
        (page, "FOUND", tmp_path / "papers"),
        (claim, "PICTURES", tmp_path / "pictures"),
        (page, "FULL", True),
        (page, "APART", "full"),
        (sys, "argv", ["ddm_order.py"]),
    ):
        monkeypatch.setattr(module, name, value)
    with pytest.raises(SystemExit, match=r"mnist_models_training\.csv is missing"):
        order.measure()
    runs = [(m, seed, 10.0 * k + seed) for k, m in enumerate(order.ORDER, start=1) for seed in range(3)]
    ends = [{"model": m, "seed": seed, "state": "trained", "ddm": ddm} for m, seed, ddm in runs]
    ends += [{"model": "dcgan", "seed": seed, "state": "untrained", "ddm": 100.0} for seed in range(3)]
    seen = [
        {"model": m, "seed": seed, "step": s, "ddm": ddm + 9 / s, "frechet": 1.0}
        for m, seed, ddm in runs
        for s in (1, 2)
    ]
    for name, rows in (("mnist_models", ends), ("mnist_models_training", seen)):
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    claim.main(order.__file__, order.CLAIM, order.measure, order.draw)
    text = page.page()
    assert (tmp_path / "pictures" / "papers_ddm_order.png").exists()
    assert text.startswith("# The papers' claims, tried again at the papers' lengths")
    assert "1 holds; 0 does not hold" in text
    assert "pictures/full/papers_ddm_order.png" in text


def test_a_long_run_has_the_reason_of_the_short_ones_only_if_they_end_alike(papers, monkeypatch):
    page, claim = papers("page"), papers("claim")
    monkeypatch.setattr(page, "kept", lambda name, folder: claim.Finding([], "does not hold", "Short."))
    why = page.claim_of("ddm_table").why

    def of(verdict):
        return page.reason("ddm_table", claim.Finding([], verdict, "So."))

    assert (of("does not hold"), of("holds")) == (why, "")
    monkeypatch.setattr(page, "FULL", True)
    assert of("does not hold").endswith(why)
    assert of("cannot tell here") == "Why has not been looked into yet."
    assert of("holds") == ""


def test_a_long_run_that_was_brought_is_not_trained_again(papers, monkeypatch, tmp_path):
    papers("claim")  # puts the folder of lengths.py on the path
    lengths = papers("lengths")
    arguments = [
        "train",
        "vae",
        "--dataset",
        "digits",
        "--device",
        "cpu",
        "--steps",
        "1",
        "--out",
        str(tmp_path / "run"),
    ]
    assert CliRunner().invoke(reference_models, arguments).exit_code == 0
    assert not lengths.brought(tmp_path / "run", "vae", 0)  # a short one
    monkeypatch.setattr(lengths, "FULL", True)
    assert lengths.brought(tmp_path / "run", "vae", 0)
    assert not lengths.brought(tmp_path / "run", "vae", 1)
    assert not lengths.brought(tmp_path / "run", "dcgan", 0)
    assert not lengths.brought(tmp_path / "other", "vae", 0)
    settings = tmp_path / "run" / "run.json"
    settings.write_text(settings.read_text().replace('"steps": 1', '"steps": 2'))
    assert not lengths.brought(tmp_path / "run", "vae", 0)
