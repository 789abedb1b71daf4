"""The page in Chromium, opened from a file."""

import pytest

from genmetrics.reports import html

pytestmark = pytest.mark.browser

VIEWS = [(375, "dark"), (800, "light"), (1400, "light"), (1400, "dark")]


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_page_is_quiet_alone_and_fits(open_page, record, width, scheme):
    with open_page(html.render(record), width, scheme) as page:
        assert page.said == []
        assert [url for url in page.asked if not url.startswith(("file:", "data:"))] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0)")


@pytest.mark.parametrize("width", [375, 1400])
def test_hostile_strings_do_nothing(open_page, hostile, width):
    with open_page(html.render(hostile), width) as page:
        assert page.said == []
        assert page.locator("img").count() == len(hostile.pictures)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_record_downloads_without_a_network(open_page, record, tmp_path):
    with open_page(html.render(record)) as page:
        page.context.set_offline(True)
        with page.expect_download() as download:
            page.get_by_text("Download the record").click()
        download.value.save_as(tmp_path / "record.json")
    assert (tmp_path / "record.json").read_text() == record.to_json()


def test_dark_and_light_differ(open_page, record):
    colours = []
    for scheme in ("light", "dark"):
        with open_page(html.render(record), scheme=scheme) as page:
            colours.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert colours == ["rgb(252, 251, 248)", "rgb(21, 23, 27)"]


def test_page_prints_whole(open_page, record):
    with open_page(html.render(record), width=794) as page:
        page.emulate_media(media="print")
        assert page.pdf(format="A4").startswith(b"%PDF")
        assert page.evaluate("getComputedStyle(document.querySelector('.tall')).overflow") == "visible"
