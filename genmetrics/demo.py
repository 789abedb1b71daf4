"""The main job on data that comes with the package: four sets of digits, scored and ranked against real ones.

Real digits (scikit-learn's) are split into a training, a test and a held-out part. Scored against the test part:
the held-out digits (what a perfect generator would get), samples of a small VAE, real digits of 4 classes only, and
real digits that were blurred.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from genmetrics import demo_text
from genmetrics.demo_text import Seen, joined, listed
from genmetrics.digits import Splits, splits
from genmetrics.evaluation import evaluate
from genmetrics.features import Progress, extract
from genmetrics.metrics import METRICS
from genmetrics.ranking import places, tied
from genmetrics.records import Record, Score, write_atomically
from genmetrics.reports import wording

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

EXTRACTOR = "digits-cnn"
KEPT_DIGITS = (0, 1, 2, 3)
BLUR = 0.8  # pixels, standard deviation
TITLE = "Four sets of digits, ranked"
LEGEND = "↓ lower is better, ↑ higher is better. In brackets the place; = is too close to a neighbour to tell apart."
SETS = {
    "held-out": "real digits that no model has seen: what a perfect generator would get",
    "vae": "samples of a small variational autoencoder",
    "4-digits": f"real training digits, but only {listed(KEPT_DIGITS)}: six of ten classes are missing",
    "blurred": f"real training digits, blurred (Gaussian, {BLUR} pixels)",
}


@dataclass(frozen=True)
class Demo:
    """The four records, what each number is made of, and where the reports lie."""

    records: dict[str, Record]
    evidence: dict[str, dict[str, str]]  # set -> metric -> what its value is made of
    out: Path


def run_demo(out: Path, seed: int, progress: Progress) -> Demo:
    """Score the four sets: a report for each below `out`, all images in `out`/images, `out`/index.html above them."""
    parts = splits()
    sets = demo_sets(parts, seed)
    files = {
        name: write_images(out / "images" / f"{name}.npz", images)
        for name, images in {"train": parts.train.images, "test": parts.test.images, **sets}.items()
    }
    test = seen(parts.test.images)
    records, evidence = {}, {}
    for name, images in sets.items():
        records[name] = evaluate(
            real=files["test"],
            generated=files[name],
            train=files["train"],
            extractor=EXTRACTOR,
            seed=seed,
            out=out / name,
            progress=lambda items, label, total, name=name: progress(items, f"{name}: {label}", total),
        )
        evidence[name] = demo_text.evidence(records[name], test, seen(images), parts.test.labels)
    demo = Demo(records, evidence, out)
    write_atomically(out / "index.html", overview(demo).encode())
    return demo


def demo_sets(parts: Splits, seed: int) -> dict[str, NDArray[np.uint8]]:
    """Images of the four sets, as many in each as in the test set."""
    from scipy.ndimage import gaussian_filter

    from genmetrics.extractors.digits_vae import sample

    n = len(parts.test.images)
    random = np.random.default_rng(seed)
    kept = np.flatnonzero(np.isin(parts.train.labels, KEPT_DIGITS))
    some = random.choice(len(parts.train.images), n, replace=False)
    blurred = gaussian_filter(parts.train.images[some].astype(float), (0, BLUR, BLUR))
    return {
        "held-out": parts.held_out.images,
        "vae": sample(n, seed),
        "4-digits": parts.train.images[random.choice(kept, n, replace=False)],
        "blurred": np.round(blurred).astype(np.uint8),
    }


def seen(images: NDArray[np.uint8]) -> Seen:
    """The images with what the network says of them."""
    return Seen(images, **extract(images, EXTRACTOR, ("features", "logits")))


def write_images(path: Path, images: NDArray[np.uint8]) -> Path:
    """Images as an .npz, so that the demo's numbers can be had again with `genmetrics score`."""
    file = io.BytesIO()
    np.savez_compressed(file, x=images)
    write_atomically(path, file.getvalue())
    return path


# --- the ranking, and what is said of it


def ranking(demo: Demo, metric: str) -> list[tuple[str, str]]:
    """(place, set) by this metric, best first."""
    return places({name: record[metric] for name, record in demo.records.items()})


def summary(demo: Demo, metric: str) -> str:
    """What the metric measures, and which sets it cannot tell apart."""
    order = ranking(demo, metric)
    said = [f"{capitalised(METRICS[metric].summary)}."]
    for group in groups(demo, metric, [name for _, name in order]):
        names = joined(group)
        among = f"{names}" if names.count(" ") == 2 else f"neighbours among {names}"
        said.append(f"It cannot tell {among} apart: the 95% interval of their difference holds 0.")
    if any(record[metric].std_error_generated is None for record in demo.records.values()):
        said.append("Places go by the value alone: it offers no interval over the samples drawn.")
    return " ".join(said)


def groups(demo: Demo, metric: str, order: Sequence[str]) -> list[list[str]]:
    """Neighbours in this order that cannot be told apart, two or more together."""
    found = [[order[0]]]
    for above, name in pairwise(order):
        if tied(demo.records[above][metric], demo.records[name][metric]):
            found[-1].append(name)
        else:
            found.append([name])
    return [group for group in found if len(group) > 1]


def lead(demo: Demo) -> str:
    """What was compared with what."""
    inputs = next(iter(demo.records.values())).inputs
    return (
        f"{len(demo.records)} sets of {inputs['generated']['n']} images of 8 × 8 pixels, each scored against the same "
        f"{inputs['real']['n']} real digits. Features and classes are those of {EXTRACTOR}, a small classifier. "
        "No metric sees everything: below stands what each one saw."
    )


def overview(demo: Demo) -> str:
    """The page that ranks the four sets, with links to their reports."""
    from genmetrics.reports.overview import Entry, render

    entries = [
        Entry(name, capitalised(SETS[name]) + ".", record, f"{name}/report.html", demo.evidence[name])
        for name, record in demo.records.items()
    ]
    metrics = [score.metric for score in entries[0].record]
    return render(
        TITLE,
        lead(demo),
        entries,
        {metric: ranking(demo, metric) for metric in metrics},
        {metric: summary(demo, metric) for metric in metrics},
    )


def capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


# --- on the terminal


def print_demo(demo: Demo, console: Console) -> None:
    """The table of the four sets, and for each metric why they stand in this order."""
    from genmetrics.reports.text import as_text, say

    say(console, lead(demo))
    console.print()
    console.print(standings(demo, console), crop=False)
    say(console, LEGEND, style="dim")
    console.print()
    for name, description in SETS.items():
        say(console, description, indent=f"  {name:<10}")
    for score in next(iter(demo.records.values())):
        console.print()
        console.print(as_text(console, heading_of(score), style="bold"))
        say(console, summary(demo, score.metric), style="dim")
        for place, name in ranking(demo, score.metric):
            number = wording.score_number(demo.records[name][score.metric])
            console.print(as_text(console, f"  {place:<3}{name:<10}{number}", style="bold"))
            say(console, demo.evidence[name][score.metric], indent=" " * 5)
    console.print()
    images = demo.out / "images"
    for line in (
        f"Overview: {demo.out / 'index.html'}",
        f"Reports:  {demo.out / 'SET' / 'report.html'} for each set",
        f"Yourself: genmetrics score {images / 'vae.npz'} --test-set {images / 'test.npz'} --extractor {EXTRACTOR}",
    ):
        console.print(as_text(console, line), soft_wrap=True)


def standings(demo: Demo, console: Console) -> Table:
    """One row a metric, one column a set: value and place."""
    from genmetrics.reports.text import aligned, least_width

    rows = []
    for score in next(iter(demo.records.values())):
        places = {name: place for place, name in ranking(demo, score.metric)}
        cells = [(heading_of(score), "")]
        for name, record in demo.records.items():
            place = f"({places[name]})"
            style = "bold" if places[name] in ("1", "1=") else ""
            cells.append((f"{wording.score_number(record[score.metric]).value} {place:<4}", style))
        rows.append(cells)
    table = aligned(console, ["metric", *demo.records], rows, right=range(1, 1 + len(demo.records)))
    least_width(table, console)
    return table


def heading_of(score: Score) -> str:
    """'fd_digits-cnn ↓'."""
    return f"{score.name} {wording.ARROWS[score.better]}"
