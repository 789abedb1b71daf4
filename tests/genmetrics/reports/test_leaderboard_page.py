"""A leaderboard's page in Chromium."""

import pytest
from report_material import HOSTILE, score

from genmetrics.leaderboard import table
from genmetrics.reports.leaderboard import page as page_of

pytestmark = pytest.mark.browser

STANDINGS = {
    "held-out": (1.2, 0.5, 2.7),
    "a-model-with-a-very-long-name_" * 3: (7.2, 5.6, 9.2),
    HOSTILE: (26.1, 24.0, 28.4),
}


@pytest.mark.parametrize("width", [375, 1400])
def test_it_fits_and_asks_for_nothing(open_page, width):
    scores = {name: (score("fd_pixels", numbers, (0.7, 0.3, 1.5)), "0" * 64) for name, numbers in STANDINGS.items()}
    with open_page(page_of([table("fd_pixels-390|" + "x" * 200, scores)], "Digits"), width) as page:
        assert page.said == []
        assert [url for url in page.asked if not url.startswith(("file:", "data:"))] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator(".model").all_inner_texts() == [*STANDINGS, "real data"]
