"""The main job on data that comes with the package: four sets of digits, scored and ranked against real ones.

Real digits (scikit-learn's) are split into a training, a test and a held-out part. Scored against the test part:
the held-out digits (what a perfect generator would get), samples of a small VAE, real digits of 4 classes only, and
real digits that were blurred.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from genmetrics.comparison import difference
from genmetrics.digits import Splits, splits
from genmetrics.evaluation import evaluate
from genmetrics.features import Progress, extract
from genmetrics.metrics import METRICS
from genmetrics.metrics.ddm import ddm
from genmetrics.metrics.inception_score import distributions
from genmetrics.records import Record, Score, write_atomically
from genmetrics.reports.wording import ARROWS

if TYPE_CHECKING:
    from rich.console import Console

KEPT_DIGITS = (0, 1, 2, 3)
BLUR = 0.8  # pixels, standard deviation

SETS = {
    "held-out": "real digits that no model has seen: the ceiling",
    "vae": "samples of a small variational autoencoder",
    "4-digits": f"real training digits, but only {', '.join(map(str, KEPT_DIGITS))}: modes are missing",
    "blurred": f"real training digits, blurred by {BLUR} pixels",
}


EXTRACTOR = "digits-cnn"


@dataclass(frozen=True)
class Demo:
    """The four records, what each number is made of, and where the reports lie."""

    records: dict[str, Record]
    evidence: dict[str, dict[str, str]]  # set -> metric -> parts of the number
    out: Path


def run_demo(out: Path, seed: int, progress: Progress) -> Demo:
    """Score the four sets: a report for each below `out`, and an overview in `out`/index.html."""
    parts = splits()
    features_of_test = extract(parts.test.images, EXTRACTOR, ("features", "logits"))
    records, evidence = {}, {}
    for name, images in demo_sets(parts, seed).items():
        records[name] = evaluate(
            real=parts.test.images,
            generated=images,
            train=parts.train.images,
            extractor=EXTRACTOR,
            seed=seed,
            out=out / name,
            progress=lambda items, label, total, name=name: progress(items, f"{name}: {label}", total),
        )
        features = extract(images, EXTRACTOR, ("features", "logits"))
        evidence[name] = parts_of(records[name], features_of_test, features, parts.test.labels)
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


# --- the ranking, and why


def ranking(demo: Demo, metric: str) -> list[tuple[str, str]]:
    """(place, set) by this metric, best first; "2=" where the samples are too few to tell it from the place above."""
    sign = 1 if METRICS[metric].better == "lower" else -1
    order = sorted(demo.records, key=lambda name: sign * demo.records[name][metric].value)
    places: list[tuple[str, str]] = []
    for i, name in enumerate(order):
        place = str(i + 1)
        if i and tied(demo.records[order[i - 1]][metric], demo.records[name][metric]):
            above = places[-1][0].rstrip("=")
            places[-1] = (f"{above}=", places[-1][1])
            place = f"{above}="
        places.append((place, name))
    return places


def tied(a: Score, b: Score) -> bool:
    """The interval of the difference holds 0."""
    found = difference(a, b)
    return found.low is not None and found.verdict == "cannot tell"


def parts_of(
    record: Record,
    test: dict[str, NDArray[np.float32]],
    generated: dict[str, NDArray[np.float32]],
    labels: NDArray[np.int64],
) -> dict[str, str]:
    """For each metric, what its value is made of, worked out from the same features.

    Args:
        test: features and logits of the test digits, which show `labels`.
        generated: features and logits of the samples.
    """
    return {
        "frechet": frechet_parts(record["frechet"].value, test["features"], generated["features"]),
        "kernel": kernel_parts(record["kernel"]),
        "inception-score": score_parts(generated["logits"]),
        "ddm": ddm_parts(test["logits"], generated["logits"], labels),
        "ms-ssim": similarity_parts(record["ms-ssim"]),
    }


def frechet_parts(value: float, test: NDArray[np.float32], generated: NDArray[np.float32]) -> str:
    shift = test.mean(axis=0, dtype=np.float64) - generated.mean(axis=0, dtype=np.float64)
    moved = float(shift @ shift)
    return f"{short(moved)} because the mean moved, {short(value - moved)} because the spread differs"


def kernel_parts(score: Score) -> str:
    baseline = score.baseline or {}
    within = score.low is not None and score.low <= 0
    verdict = "0 is within its interval: no difference seen" if within else "its interval excludes 0"
    return f"{verdict}; real training digits get {short(baseline['value'])}"


def score_parts(logits: NDArray[np.float32]) -> str:
    """Diversity over ambiguity: exp H(mean p) classes named, exp(mean H(p)) in doubt for each image."""
    p = distributions(logits, None)
    named = np.exp(entropy(p.mean(axis=0)))
    doubt = np.exp(np.mean([entropy(row) for row in p]))
    return f"the samples name {short(named)} of 10 digits, each wavers between {short(doubt)}"


def ddm_parts(test: NDArray[np.float32], generated: NDArray[np.float32], labels: NDArray[np.int64]) -> str:
    """The test digits farthest from any sample and nearest to them."""
    far = [ddm(test[labels == digit], generated).value for digit in range(10)]
    worst, best = int(np.argmax(far)), int(np.argmin(far))
    return f"farthest are the test digits {worst} ({short(far[worst])}), nearest {best} ({short(far[best])})"


def similarity_parts(score: Score) -> str:
    baseline = (score.baseline or {})["value"]
    direction = "more alike than" if score.value > baseline else "as varied as"
    return f"random pairs are {direction} real digits' ({short(baseline)})"


def entropy(p: NDArray[np.float64]) -> float:
    """In nats."""
    held = p[p > 0]
    return float(-(held * np.log(held)).sum())


def short(value: float) -> str:
    """Three significant digits, never an exponent for numbers of this size."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


# --- what a person sees


def print_demo(demo: Demo, console: Console) -> None:
    """The table of the four sets, and for each metric why they stand in this order."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    first = next(iter(demo.records.values()))
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("samples")
    for score in first:
        table.add_column(f"{score.name} {ARROWS[score.better]}", justify="right")
    places = {score.metric: {name: place for place, name in ranking(demo, score.metric)} for score in first}
    for name, record in demo.records.items():
        table.add_row(name, *(f"{short(s.value)}  [{places[s.metric][name]}]" for s in record))
    console.print(table)
    console.print("In brackets the place; = where the difference's 95% interval holds 0.", style="dim", highlight=False)
    for name, description in SETS.items():
        console.print(f"  {name}: {description}", style="dim", highlight=False)
    for score in first:
        console.print()
        console.print(f"[bold]{score.name}[/bold]: {METRICS[score.metric].summary}", highlight=False)
        for place, name in ranking(demo, score.metric):
            value = short(demo.records[name][score.metric].value)
            console.print(
                f"  {place:<2} {name:<9}{value:>7}  {demo.evidence[name][score.metric]}", highlight=False
            )
    console.print()
    console.print(f"Report: {demo.out / 'index.html'}", highlight=False, soft_wrap=True)
