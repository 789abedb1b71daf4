"""An honest sample record, a hostile one, and headless Chromium."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from report_material import HOSTILE, diversity, score, source, tiles

from genmetrics.records import Picture, Record
from genmetrics.reports import pictures, plots


@pytest.fixture(scope="session")
def record() -> Record:
    """Three scores with a baseline, one without, one without an interval; warnings, notes, pictures."""
    real, generated = diversity(1, 0.0), diversity(2, 0.05, classes=8)
    near = "fewer images (899) than 10 x features (128): the covariance is weak"
    diverse = score("ms_ssim", (0.271, 0.259, 0.284), (0.2101, 0.2005, 0.2197), n_real=0, metric="ms-ssim")
    diverse.details["per_class"], diverse.baseline["details"] = generated, {"per_class": real}
    scores = (
        score("fd_digits-cnn", baseline=(1.02, 0.91, 1.13), notes=(near,)),
        score("kd_digits-cnn", (0.01234, 0.01107, 0.01361), (-0.00012, -0.00061, 0.00037), notes=(near,)),
        diverse,
        score("is_digits-cnn", (8.713, 8.591, 8.835), (9.402, None, None), better="higher", n_real=0),
        score("precision", (0.9132, None, None), better="higher", interval="no interval: its coverage was low"),
        score("mine", (12.5, None, None), better="", interval="no interval: a metric of your own"),
    )
    queries, found = tiles(4, 8, seed=3), [[tiles(3, 8, seed=10 * i + j) for j in range(3)] for i in range(4)]
    means = [{c: row["value"] for c, row in classes.items()} for classes in (real, generated)]
    base = Record(
        scores=scores,
        inputs={
            "real": source("/data/digits/test", 899),
            "generated": source("runs/vae-2024-03-01/samples.npz", 5000, kind="npz"),
            "train": source("/data/digits/train", 898),
        },
        extractor={"name": "digits-cnn", "width": 128, "weights_sha256": "3b7c" * 16, "resize": "none"},
        seed=0,
        warnings=(
            "12 of 5000 generated images are exact duplicates of one another",
            "899 real images: fid-50k needs 50000, so this is not comparable with published values",
        ),
        environment={"genmetrics": "0.1.0", "versions": {"torch": "2.4.1"}, "platform": "Linux x86_64"},
        created="2025-01-31T12:00:00+00:00",
    )
    sheet, caption = pictures.contact_sheet(tiles(64, 8)), "64 samples in file order, 8 px."
    neighbours, nearest = pictures.neighbour_sheet(queries, found), "Nearest under three distances."
    scatter = plots.class_scatter(*means, "Diversity within each class", measure="MS-SSIM")
    shown = (
        Picture("Generated", caption, "image/png", sheet),
        Picture("Nearest training images", nearest, "image/png", neighbours),
        Picture("Diversity", "Below the line, samples differ more than real images.", "image/svg+xml", scatter),
    )
    return dataclasses.replace(base, pictures=shown)


@pytest.fixture(scope="session")
def hostile(record: Record) -> Record:
    """The record with a script in every string that a user's files could set."""
    rows = {HOSTILE: {"value": 0.2, "low": 0.1, "high": 0.3, "n": 5, HOSTILE: HOSTILE}}
    bad = score(HOSTILE, interval=HOSTILE, signature=HOSTILE, notes=(HOSTILE,), details={"per_class": rows})
    return dataclasses.replace(
        record,
        scores=(bad, *record.scores),
        inputs={HOSTILE: {"origin": HOSTILE, "n": 1, "digest": HOSTILE, HOSTILE: HOSTILE}, **record.inputs},
        extractor={"name": HOSTILE, HOSTILE: {HOSTILE: [HOSTILE]}},
        environment={HOSTILE: HOSTILE},
        warnings=(HOSTILE,),
        created=HOSTILE,
        pictures=(dataclasses.replace(record.pictures[0], title=HOSTILE, caption=HOSTILE),),
    )


@pytest.fixture(scope="session")
def browser() -> Iterator:
    """Headless Chromium, the system's own."""
    names = ("chromium", "chromium-browser", "google-chrome")
    executable = next(filter(None, map(shutil.which, names)), None)
    if executable is None:
        pytest.skip("no Chromium on this machine")
    api = pytest.importorskip("playwright.sync_api")
    flags = "no-sandbox disable-gpu disable-quic no-first-run disable-background-networking"
    flags += " disable-component-update disable-sync"
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=executable, headless=True, args=[f"--{flag}" for flag in flags.split()]
        )
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser, tmp_path: Path) -> Callable:
    """open_page(html, width=, scheme=): the page from file://, with what it said and asked for."""

    @contextmanager
    def opened(html: str, width: int = 1400, scheme: str = "light") -> Iterator:
        (tmp_path / "report.html").write_text(html, encoding="utf-8")
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page = context.new_page()
        page.said, page.asked = [], []
        page.on("console", lambda message: page.said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on("dialog", lambda dialog: (page.said.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto((tmp_path / "report.html").as_uri(), wait_until="load")
        yield page
        context.close()

    return opened
