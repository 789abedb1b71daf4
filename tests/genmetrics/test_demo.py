"""The demo: four sets ranked as they should be, each place explained by numbers that are worked out."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from report_material import score as material_score
from rich.console import Console

from genmetrics import demo_text, features
from genmetrics.comparison import difference
from genmetrics.demo import SETS, Demo, demo_sets, print_demo, ranking, run_demo, summary
from genmetrics.digits import splits
from genmetrics.metrics.kernel import kernel_distance
from genmetrics.records import Record
from genmetrics.reports import wording

METRICS = ("frechet", "kernel", "inception-score", "ddm", "ms-ssim")


@dataclass(frozen=True)
class Run:
    demo: Demo
    seconds: float
    cache: Path


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    """One whole run, with an empty cache."""
    cache, out = tmp_path_factory.mktemp("cache"), tmp_path_factory.mktemp("demo") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENMETRICS_CACHE", str(cache))
        start = time.perf_counter()
        demo = run_demo(out, 0, features.silent)
        return Run(demo, time.perf_counter() - start, cache)


@pytest.fixture(scope="module")
def demo(run) -> Demo:
    return run.demo


def printed(demo: Demo, width: int, encoding: str = "utf-8") -> str:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="\n")
    print_demo(demo, Console(file=file, width=width))
    file.seek(0)
    return file.read()


@pytest.mark.parametrize("metric", METRICS)
def test_held_out_digits_come_first(demo, metric):
    place, name = ranking(demo, metric)[0]
    assert (place.rstrip("="), name) == ("1", "held-out")


@pytest.mark.parametrize("metric", ["ddm", "frechet", "kernel"])
def test_missing_digits_come_last(demo, metric):
    assert ranking(demo, metric)[-1] == ("4", "4-digits")


def test_inception_score_cannot_tell_missing_digits_from_blur(demo):
    assert [(place, name) for place, name in ranking(demo, "inception-score") if "=" in place] == [
        ("3=", "4-digits"),
        ("3=", "blurred"),
    ]
    assert "cannot tell 4-digits and blurred apart" in summary(demo, "inception-score")


@pytest.mark.parametrize("metric", METRICS)
def test_equal_places_are_those_whose_difference_may_be_0(demo, metric):
    order = ranking(demo, metric)
    assert sorted(name for _, name in order) == sorted(SETS)
    for i in range(1, len(order)):
        (above, first), (place, second) = order[i - 1], order[i]
        found = difference(demo.records[first][metric], demo.records[second][metric])
        if found.low is not None and found.low <= 0 <= found.high:
            assert above == place
            assert place.endswith("=")
        else:
            assert place.rstrip("=") == str(i + 1)


def test_every_set_and_metric_has_its_evidence(demo):
    assert list(demo.evidence) == list(demo.records) == list(SETS)
    for sentences in demo.evidence.values():
        assert tuple(sentences) == METRICS
        assert all(sentence.endswith(".") and "nan" not in sentence for sentence in sentences.values())


def test_evidence_says_what_was_done_to_each_set(demo):
    evidence = demo.evidence
    assert "Nearly all are taken for 0–3" in evidence["4-digits"]["inception-score"]
    assert "Test digits 4–9 lie far from any sample" in evidence["4-digits"]["ddm"]
    assert evidence["held-out"]["ddm"].startswith("All ten digits have samples near them")
    assert evidence["held-out"]["kernel"].startswith("No difference seen")
    assert "25% show the same digit (real: 10%)" in evidence["4-digits"]["ms-ssim"]
    assert "about as alike as" in evidence["held-out"]["ms-ssim"]
    assert "more alike than" in evidence["blurred"]["ms-ssim"]


def test_every_file_is_where_the_text_says(demo):
    assert (demo.out / "index.html").is_file()
    for name, record in demo.records.items():
        assert Record.from_json(demo.out / name / "record.json") == record
        page = (demo.out / name / "report.html").read_text(encoding="utf-8")
        assert f"{name}.npz <span>against</span> test.npz" in page
        assert f'href="{name}/report.html"' in (demo.out / "index.html").read_text(encoding="utf-8")
    assert f"Overview: {demo.out / 'index.html'}" in printed(demo, 80)


def test_images_are_written_as_they_were_scored(demo):
    for name, images in demo_sets(splits(), 0).items():
        with np.load(demo.out / "images" / f"{name}.npz") as stored:
            assert (stored["x"] == images).all()


def test_page_and_terminal_say_the_same_sentences(demo):
    page = (demo.out / "index.html").read_text(encoding="utf-8").replace("&#39;", "'")
    terminal = " ".join(printed(demo, 120).split())
    for sentences in demo.evidence.values():
        for sentence in sentences.values():
            assert sentence in page
            assert sentence in terminal


@pytest.mark.parametrize("width", [80, 100, 120])
def test_text_fits_the_console_and_no_number_is_cut(demo, width):
    text = printed(demo, width)
    copied = ("Overview:", "Reports:", "Yourself:")
    assert max(len(line) for line in text.splitlines() if not line.startswith(copied)) <= width
    assert "…" not in text
    for record in demo.records.values():
        for score in record:
            number = wording.score_number(score)
            assert f"{number.value} (" in text
            assert str(number) in text


def test_text_is_readable_without_unicode(demo):
    text = printed(demo, 80, encoding="ascii")
    assert "\\u" not in text
    assert "fd_digits-cnn (lower)" in text


def test_a_run_takes_less_than_a_minute(run):
    assert run.seconds < 60


def test_a_second_run_needs_no_network_and_gives_the_same(run, monkeypatch, tmp_path):
    monkeypatch.setenv("GENMETRICS_CACHE", str(run.cache))
    monkeypatch.setattr(features, "run_network", lambda *_: pytest.fail("the cache was not used"))
    again = run_demo(tmp_path, 0, features.silent)
    assert again.evidence == run.demo.evidence
    assert [record.scores for record in again.records.values()] == [
        record.scores for record in run.demo.records.values()
    ]


# --- the sentences


def test_kernel_orders_add_up_to_the_kernel_distance():
    x, y = np.random.default_rng(0).normal(size=(2, 40, 5)).astype(np.float32)
    expected = kernel_distance(x, y, subsets=None).value
    assert sum(demo_text.kernel_orders(x, y)) == pytest.approx(expected, rel=1e-9)  # rounding of float64 sums


def test_frechet_parts_by_hand():  # means 1 and 0; sample variances 2 and 0, so variance 0 of it
    test, generated = np.array([[0.0], [2.0]], np.float32), np.zeros((2, 1), np.float32)
    score = material_score("fd", (3.0, None, None), (0.5, None, None))
    said = demo_text.frechet_parts(score, test, generated)
    assert said.startswith("1.00 from the features' means and 2.00 from their covariances")
    assert said.endswith("Real training digits get 0.500.")
    assert "vary 0% as much" in said


def test_a_sure_classifier_of_four_digits_scores_four():
    logits = np.full((40, 10), -50, np.float32)
    logits[np.arange(40), np.arange(40) % 4] = 50
    said = demo_text.score_parts(4.0, logits)
    assert said.startswith("Nearly all are taken for 0–3; the classifier's answers are as varied as 4.00 equally")
    assert "4.00 / 1.00 ≈ 4.00" in said


def test_a_classifier_in_doubt_is_said_to_be():
    assert "in doubt, as if between 10.0 digits" in demo_text.score_parts(1.0, np.zeros((40, 10), np.float32))


@pytest.mark.parametrize(
    ("digits", "text"),
    [([3], "3"), ([1, 2], "1 and 2"), ([0, 1, 2], "0–2"), ([0, 3, 4, 5, 9], "0, 3–5 and 9"), (range(10), "0–9")],
)
def test_digits_are_listed_in_runs(digits, text):
    assert demo_text.listed(digits) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.0731, "0.0731"), (0.68, "0.680"), (10, "10.0"), (123, "123"), (1e4, "10000")]
)
def test_numbers_have_three_digits_and_no_exponent(value, text):
    assert demo_text.short(value) == text
