"""The page of an analysis: harmless strings, in Chromium at desktop and phone width."""

import dataclasses

import pytest
from report_material import HOSTILE

from genmetrics.reports import analysis
from genmetrics.reports.analysis import Section, Table


def page_of(record, words="Some words"):
    table = Table(["class", "samples", "a rather long heading"], [[words, "0.123 [0.100, 0.146]", "–"]] * 20)
    sections = [
        Section(words, [words], table, record.pictures),
        Section("Nothing but pictures", pictures=record.pictures),
    ]
    return analysis.render(words, words, sections, record)


def test_no_string_reaches_the_page_unescaped(hostile):
    assert HOSTILE not in page_of(hostile, HOSTILE)


def test_a_table_of_many_rows_scrolls():
    assert Table(["a"], [["1"]] * 15).tall
    assert not Table(["a"], [["1"]] * 14).tall


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(375, "dark"), (1400, "light")])
def test_page_is_quiet_alone_and_fits(open_page, record, width, scheme):
    with open_page(page_of(record), width, scheme) as page:
        assert page.said == []
        assert [url for url in page.asked if not url.startswith(("file:", "data:"))] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0)")


@pytest.mark.browser
def test_hostile_strings_do_nothing(open_page, hostile):
    with open_page(page_of(dataclasses.replace(hostile), HOSTILE), 375) as page:
        assert page.said == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 375
