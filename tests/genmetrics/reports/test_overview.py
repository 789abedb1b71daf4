"""The page that ranks several records: what is on it, and what cannot happen on it."""

import dataclasses
import io
import struct

import numpy as np
import pytest
from PIL import Image
from report_material import HOSTILE, Page, score, tiles

from genmetrics.records import Picture, Record
from genmetrics.reports import overview, pictures, wording
from genmetrics.reports.overview import Entry

VIEWS = [(375, "dark"), (800, "light"), (1400, "light"), (1400, "dark")]
PLACES = {
    "fd_x": [("1", "held-out"), ("2=", "vae"), ("2=", "blurred")],
    "precision": [("1=", "vae"), ("1=", "held-out")],
}
SUMMARIES = {"fd_x": "Distance of Gaussians.", "precision": "Share of samples among real images."}
VALUES = {"held-out": (0.62, 0.17, 1.07), "vae": (7.4, 5.5, 9.3), "blurred": (8.1, 7.0, 9.2)}


def sheet(n: int = 32) -> Picture:
    """A contact sheet of samples."""
    data = pictures.contact_sheet(tiles(n, 8), columns=8)
    return Picture("Generated images", "32 of 390.", "image/png", data)


def entry(base: Record, name: str) -> Entry:
    """A set with a Frechet distance and, but for the last one, a precision without interval."""
    scores = [score("fd_x", VALUES[name], baseline=(0.5, 0.1, 0.9))]
    if name != "blurred":
        scores.append(score("precision", (0.9, None, None), better="higher"))
    record = dataclasses.replace(base, scores=tuple(scores), pictures=(base.pictures[1], sheet()))
    evidence = {s.metric: f"{s.metric} of {name} because" for s in scores}
    return Entry(name, f"What {name} is.", record, f"{name}/report.html", evidence)


@pytest.fixture(scope="module")
def entries(record) -> list[Entry]:
    return [entry(record, name) for name in VALUES]


@pytest.fixture(scope="module")
def text(entries) -> str:
    return overview.render("Three sets", "Against one reference.", entries, PLACES, SUMMARIES)


@pytest.fixture(scope="module")
def page(text) -> Page:
    return Page(text)


@pytest.fixture(scope="module")
def hostile_text(record) -> str:
    bad = score(HOSTILE, (1.0, 0.5, 1.5))
    entries = [
        Entry(HOSTILE, HOSTILE, dataclasses.replace(record, scores=(bad,), pictures=()), HOSTILE, {HOSTILE: HOSTILE})
    ]
    return overview.render(HOSTILE, HOSTILE, entries, {HOSTILE: [(HOSTILE, HOSTILE)]}, {HOSTILE: HOSTILE})


def test_only_links_to_the_reports_lead_out_of_the_page(page, entries):
    assert {a["href"] for a in page.all("a")} == {e.link for e in entries}
    assert all(image["src"].startswith("data:image/png;base64,") for image in page.all("img"))
    assert page.all("script") == []


def test_policy_and_styles_are_those_of_the_report(text, record):
    from genmetrics.reports import html

    report = html.render(record)
    policy = Page(text).all("meta")[1]
    assert policy["http-equiv"] == "Content-Security-Policy"
    assert policy == Page(report).all("meta")[1]
    shared = text[text.index(":root") : text.index("@media print")]
    assert shared in report
    assert "url(" not in text
    assert "@import" not in text


def test_hostile_strings_stay_text(hostile_text):
    hostile = Page(hostile_text)
    assert hostile.all("img") == []
    assert hostile.all("script") == []
    assert not any(name.startswith("on") for _, attributes in hostile.elements for name in attributes)
    assert HOSTILE in hostile.texts("h1")
    assert HOSTILE in hostile.texts("p")


def test_table_has_every_set_with_value_interval_and_place(page, entries):
    cells = [text for tag, text in page.text if tag == "span" and text]
    for e in entries:
        assert e.name in page.texts("a")
        for s in e.record:
            number = wording.score_number(s)
            assert cells.count(number.value) >= 2  # in the table and in the ranking
            assert number.interval is None or number.interval in cells
    assert cells.count("2=") >= 4


def test_best_are_marked_and_nobody_else(text):
    assert text.count('<li class="best">') == 3  # held-out; vae and held-out tied
    assert text.count('<td class="best"') == 3


def test_rankings_come_in_the_given_order_with_their_sentences(page):
    said = [text for _, text in page.text if text]
    for metric, order in PLACES.items():
        start = said.index(SUMMARIES[metric])
        found = [said.index(f"{metric} of {name} because") for _, name in order]
        assert [start, *found] == sorted([start, *found])


def test_a_record_without_the_metric_shows_a_dash(page):
    assert page.texts("td").count("–") == 1


def test_real_data_stand_below_where_they_are_one_number(page, entries, record):
    assert page.texts("span").count("real images") == 1  # precision has no baseline
    other = score("fd_x", VALUES["vae"], baseline=(0.6, 0.1, 0.9))
    apart = dataclasses.replace(entries[1], record=dataclasses.replace(record, scores=(other,)))
    ranking = overview.ranking("fd_x", [("1", "held-out"), ("2", "vae")], [entries[0], apart], "")
    assert ranking.real is None


def test_one_axis_holds_all_sets_of_a_metric(entries):
    ranking = overview.ranking("fd_x", PLACES["fd_x"], entries, "")
    positions = [place.whisker.value for place in ranking.places]
    assert positions == sorted(positions)
    assert ranking.real_whisker.value < positions[0]


def test_strip_is_the_first_two_rows_of_the_contact_sheet(entries):
    first, second = overview.strip(entries[0].record)
    whole = np.asarray(Image.open(io.BytesIO(sheet().data)))
    for i, row in enumerate((first, second)):
        pixels = np.asarray(Image.open(io.BytesIO(row.data)))
        height = pixels.shape[0]
        assert pixels.shape[1] == whole.shape[1] - 2 * pictures.GAP
        top = pictures.GAP + i * (height + pictures.GAP)
        assert (pixels == whole[top : top + height, pictures.GAP : -pictures.GAP]).all()


def test_a_sheet_of_one_row_is_one_strip():
    (row,) = overview.first_rows(sheet(8))
    width, height = struct.unpack(">II", row.data[16:24])
    assert width > 7 * height


def test_without_a_contact_sheet_there_is_no_strip(record):
    assert overview.strip(dataclasses.replace(record, pictures=())) == []


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_page_is_quiet_alone_and_fits(open_page, text, width, scheme):
    with open_page(text, width, scheme) as page:
        assert page.said == []
        assert [url for url in page.asked if not url.startswith(("file:", "data:"))] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0)")


@pytest.mark.browser
@pytest.mark.parametrize("width", [375, 1400])
def test_hostile_strings_do_nothing(open_page, hostile_text, width):
    with open_page(hostile_text, width) as page:
        assert page.said == []
        assert page.locator("img").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= width
