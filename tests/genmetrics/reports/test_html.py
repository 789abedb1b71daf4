"""The page: what is on it, and what cannot happen on it."""

import base64
import dataclasses
import math

import pytest
from report_material import Page

from genmetrics.records import Record
from genmetrics.reports import html, wording


@pytest.fixture(scope="module")
def page(record) -> Page:
    return Page(html.render(record))


@pytest.fixture(scope="module")
def hostile_page(hostile) -> Page:
    return Page(html.render(hostile))


def test_nothing_is_loaded_from_outside(page, hostile_page):
    for _, attributes in page.elements + hostile_page.elements:
        for name in ("src", "href", "data", "action", "srcset", "xlink:href"):
            assert attributes.get(name, "data:").startswith("data:")


def test_styles_load_nothing(record):
    text = html.render(record)
    assert "@import" not in text
    assert "url(" not in text


def test_hostile_strings_stay_text(page, hostile_page, hostile):
    assert {tag for tag, _ in hostile_page.elements} == {tag for tag, _ in page.elements}
    assert len(hostile_page.all("img")) == 1  # the picture, none from a string
    assert not any(name.startswith("on") for _, attributes in hostile_page.elements for name in attributes)
    assert [a["type"] for a in hostile_page.all("script")] == ["application/json"]
    assert hostile.warnings[0] in hostile_page.texts("td")
    assert hostile.warnings[0] in hostile_page.texts("dt")


def test_record_inside_reads_back_equal(page, hostile_page, record, hostile):
    for shown, expected in ((page, record), (hostile_page, hostile)):
        (text,) = shown.texts("script")
        assert Record.from_json(text) == expected


def test_download_is_the_record(page, record):
    link = next(a for a in page.all("a") if "download" in a)
    assert base64.b64decode(link["href"].partition("base64,")[2]).decode() == record.to_json()


def test_every_score_is_on_the_page(page, record):
    said = [text for _, text in page.text]
    for score in record:
        assert score.signature in page.texts("pre")
        assert f"= {wording.score_number(score)}" in page.texts("span")
        assert wording.score_number(score).value in said
        assert wording.images(score) in said


def test_what_numbers_mean_is_said_apart_from_what_intervals_are(record):
    ct = dataclasses.replace(record.scores[0], metric="ct-score", name="ct_score", value=-4.2, low=-6.0, high=-2.0)
    text = html.render(dataclasses.replace(record, scores=(ct, *record.scores)))
    meaning, intervals = text.index("What the numbers say of these samples"), text.index("What the intervals are")
    assert meaning < text.index("than test images do (z = -4.2): copies") < intervals
    assert "What the numbers say" not in html.render(record)


def test_per_class_table_has_every_class_of_samples_or_real_data(page, record):
    table = html.class_table(record["ms-ssim"])
    assert [row.name for row in table.rows] == list("0123456789")
    assert [row.name for row in table.rows if row.number is None] == ["8", "9"]  # dropped by the samples
    assert all(row.baseline and row.real_whisker for row in table.rows)
    assert table.columns == ["pairs"]
    assert "ms_ssim by class" in page.texts("h2")
    assert set("0123456789") <= set(page.texts("th"))


def test_per_class_table_without_real_data(record):
    bare = dataclasses.replace(record["ms-ssim"], baseline=None)
    table = html.class_table(bare)
    assert len(table.rows) == 8
    assert not table.has_real
    Page(html.render(dataclasses.replace(record, scores=(bare,))))


def test_pictures_are_data_with_captions(page, record):
    assert len(page.all("img")) == len(record.pictures)
    for image, picture in zip(page.all("img"), record.pictures, strict=True):
        assert image["src"].startswith(f"data:{picture.media};base64,")
        assert picture.caption in image["alt"]
        assert picture.caption in page.texts("figcaption")


def test_inputs_show_short_digests_and_keep_the_whole(page, record):
    digest = record.inputs["real"]["digest"]
    assert digest in [cell.get("title") for cell in page.all("td")]
    assert digest[:12] in page.texts("td")


def test_weights_digest_and_seed_are_shown(page, record):
    assert {record.extractor["weights_sha256"], "2.4.1", "0"} <= set(page.texts("dd"))


def test_warnings_come_before_scores(page):
    said = [text for _, text in page.text if text]
    assert said.index("Keep in mind") < said.index("Scores")


def test_a_bare_record_makes_a_page():
    bare = Record((), {}, {}, 0, (), {}, "")
    assert Record.from_json(Page(html.render(bare)).texts("script")[0]) == bare


def test_without_baselines_there_is_no_comparison(record):
    bare = tuple(dataclasses.replace(score, baseline=None) for score in record)
    assert "Against real data" not in Page(html.render(dataclasses.replace(record, scores=bare))).texts("th")


def test_same_record_same_page(record):
    assert html.render(record) == html.render(record)


def test_whiskers_share_an_axis_and_keep_their_order():
    samples, real = html.whiskers([[4.0, 3.0, 5.0], [1.0, 0.0, 2.0]])
    assert real == html.Whisker(html.MARGIN + 17.6, html.MARGIN, html.MARGIN + 35.2)
    assert samples == html.Whisker(html.MARGIN + 70.4, html.MARGIN + 52.8, 100 - html.MARGIN)


def test_without_intervals_the_axis_begins_at_0_which_is_marked(record):
    bare = dataclasses.replace(record.scores[0], value=0.9, low=None, high=None, baseline={"value": 0.95})
    row = html.Row.of(bare)
    assert row.zero == html.MARGIN
    assert row.real_whisker == html.Whisker(100 - html.MARGIN, None, None)
    assert row.samples_whisker.value == pytest.approx(100 - html.MARGIN - 88 * 0.05 / 0.95, abs=0.01)
    assert html.Row.of(dataclasses.replace(bare, low=0.8, high=1.0)).zero is None
    assert html.Row.of(dataclasses.replace(bare, value=-3.0, baseline={"value": -1.0})).zero == 100 - html.MARGIN
    page = html.render(dataclasses.replace(record, scores=(bare,)))
    assert [a["x1"] for a in Page(page).all("line") if a["class"] == "axis zero"] == [f"{html.MARGIN}%"]
    assert "marked at 0" in page
    assert "marked at 0" not in html.render(
        dataclasses.replace(record, scores=(dataclasses.replace(bare, low=0, high=1),))
    )


def test_lines_break_after_underscores_and_not_within_the_parts_of_a_name():
    assert html.parted("ddm_kl_a-cnn") == "".join(f'<span class="part">{x}</span>' for x in ("ddm_", "kl_", "a-cnn"))
    assert (
        html.parted("__<b>")
        == '<span class="part">_</span><span class="part">_</span><span class="part">&lt;b&gt;</span>'
    )
    assert html.parted("") == ""


def test_every_cell_of_the_inputs_names_its_column_where_the_table_is_stacked(page, record):
    cells = [cell.get("data-label") for cell in page.all("td")]
    for column in html.input_columns(record):
        assert cells.count(column) >= len(record.inputs)


def test_whiskers_of_one_number_are_in_the_middle_and_of_none_are_absent():
    assert html.whiskers([[3.0, None, None]]) == [html.Whisker(50.0, None, None)]
    assert html.whiskers([[math.nan, None, None]]) == [None]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"), (True, "yes"), (1797, "1,797"), (0.12345, "0.1235"), ([28, 28], "28, 28"),
        (list(range(20)), "20: 0, 1, 2, … 19"), ({"8x8": 1797}, "8x8: 1,797"), ("x", "x"),
    ],
)  # fmt: skip
def test_values_in_words(value, text):
    assert html.plain(value) == text


def test_title_names_the_last_parts_unless_they_are_equal(record):
    assert html.title(record) == ("samples.npz", "test")
    same = {"real": {"origin": "a/images"}, "generated": {"origin": "b/images"}}
    assert html.title(dataclasses.replace(record, inputs=same)) == ("b/images", "a/images")


def test_only_wide_pictures_take_the_whole_width(record):
    assert [html.is_wide(picture) for picture in record.pictures] == [False, True, False]
    drawn = dataclasses.replace(record.pictures[2], data=b'<svg width="9" viewBox="0 0 130 100">')
    assert html.is_wide(drawn)


def test_times_are_shortened_and_other_strings_kept():
    assert html.moment("2025-01-31T12:00:00+00:00") == "2025-01-31 12:00 UTC"
    assert html.moment("last week") == "last week"
