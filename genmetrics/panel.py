"""Which metric sees what: metrics run over controlled damage to real images, value against strength."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genmetrics._checks import DataError, UnsuitableError, count, unknown_name
from genmetrics.asked import lacking, refuse_what_it_lacks, wanted_outputs, writable_folder
from genmetrics.damage import DAMAGES, Pool
from genmetrics.evaluation import estimate_of
from genmetrics.extractors import DEFAULT, Extractor, find_extractor
from genmetrics.features import Progress, features_of, silent
from genmetrics.metrics import METRICS, find_metric
from genmetrics.records import write_together
from genmetrics.sides import Side
from genmetrics.sources import ImageSet, open_images

PARTS = ("real", "train", "generated")  # disjoint thirds of the images
MOST = 2000  # images in each part, unless asked otherwise
FEWEST = 60
NOISE = 3.0  # an answer: a value that moves by this many standard errors (of the undamaged value)
MOVED = 0.1  # or, without a standard error, by this share of itself


@dataclass(frozen=True)
class Measured:
    """One metric's value on images damaged so much."""

    metric: str
    damage: str
    strength: float
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Answer:
    """What one metric makes of one kind of damage."""

    metric: str
    damage: str
    verdict: str  # "worse", "better" or "blind": does not move
    monotone: bool  # each step in the direction of the verdict, but for the noise of the values
    undamaged: float
    at_most: float  # value at the greatest strength


@dataclass(frozen=True)
class Panel:
    """All values, what follows from them, and how they were made."""

    values: tuple[Measured, ...]
    answers: tuple[Answer, ...]
    made_with: dict[str, Any]
    left_out: tuple[str, ...]  # metrics that could not be computed, and why

    def of(self, metric: str, damage: str) -> list[Measured]:
        """Values in order of strength."""
        return [each for each in self.values if (each.metric, each.damage) == (metric, damage)]

    @property
    def metrics(self) -> list[str]:
        return list(dict.fromkeys(each.metric for each in self.values))

    @property
    def damages(self) -> list[str]:
        return list(dict.fromkeys(each.damage for each in self.values))

    def as_csv(self) -> str:
        file = io.StringIO()
        writer = csv.DictWriter(file, fieldnames=list(asdict(self.values[0])))
        writer.writeheader()
        writer.writerows(asdict(each) for each in self.values)
        return file.getvalue()

    def as_json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"


def sensitivity(
    real: Any,
    metrics: Iterable[str] | None = None,
    extractor: str | Extractor | None = None,
    damages: Iterable[str] | None = None,
    n_images: int | None = None,
    labels: Any = None,
    seed: int = 0,
    intervals: bool = True,
    device: str = "auto",
    out: str | Path | None = None,
    *,
    weights: str | Path | None = None,
    progress: Progress = silent,
) -> Panel:
    """Run metrics over damage of rising strength to real images.

    The images are cut at random into three disjoint parts: a reference, a training set, and the part that is damaged
    and stands for generated images. At strength 0 it is real data, so each curve starts at what perfect samples get.

    Args:
        real: at least 180 real images of one size, with classes where damage by class is wanted; see `open_images`.
        metrics: names from METRICS; None takes all that the extractor and the images serve.
        extractor: as for `evaluate`.
        damages: names from DAMAGES; None takes all (without classes: all that need none).
        n_images: images in each part; None takes a third of all, at most 2,000.
        labels: class of each image, replacing those of the source.
        seed: fixes the parts, the damage and every other random choice.
        intervals: give 95% intervals where the metrics have them.
        device, weights: for the network.
        out: a folder for sensitivity.html, .csv, .json and a picture of each metric.
        progress: called as progress(items, label, total); yields the items.

    Returns:
        The panel: `.values`, `.answers` (worse, better or blind), `.left_out`.

    Raises:
        DataError: an input cannot be used; the message says which, and what to do.
    """
    chosen = None if metrics is None else [name for name in dict.fromkeys(metrics) if find_metric(name)]
    folder = None if out is None else writable_folder(out)
    network = find_extractor(
        DEFAULT if extractor is None else extractor, device, weights, outputs=wanted_outputs(chosen or [])
    )
    refuse_what_it_lacks(chosen, network)
    opened = open_images(real, "real", labels=labels)
    kinds = chosen_damages(damages, opened)
    pool, sides = parts_of(opened, network, n_images, seed)
    if chosen is None:
        outputs = sides["real"].features.outputs
        chosen = [name for name, row in METRICS.items() if not lacking(row, outputs)]
    steps = [(kind, strength) for kind in kinds for strength in DAMAGES[kind].strengths]
    values, left_out, undamaged = [], {}, {}
    for kind, strength in progress(steps, "damage", len(steps)):
        random = np.random.default_rng((seed, list(DAMAGES).index(kind)))
        if strength == 0 and undamaged:
            found = undamaged
        else:
            images, of_images = DAMAGES[kind].apply(pool, strength, random)
            found, why = measured({**sides, "generated": side_of(images, of_images, network)}, chosen, seed, intervals)
            left_out.update({(name, kind): reason for name, reason in why.items()})
            undamaged = undamaged or found
        values += [Measured(name, kind, float(strength), *numbers) for name, numbers in found.items()]
    if not values:
        raise DataError("no metric could be computed: " + "; ".join(dict.fromkeys(left_out.values())))
    panel = Panel(
        tuple(values),
        tuple(answers_of(values)),
        {
            "images": opened.summary(),
            "images_in_each_part": len(pool.images),
            "extractor": network.name,
            "weights_sha256": network.weights_sha256,
            "seed": seed,
        },
        tuple(f"{name} at {kind}: {reason}" for (name, kind), reason in left_out.items()),
    )
    if folder is not None:
        write(panel, folder)
    return panel


def chosen_damages(damages: Iterable[str] | None, opened: ImageSet) -> list[str]:
    """Names from DAMAGES that these images allow.

    Raises:
        UnknownNameError: no such damage.
        DataError: one that needs classes is asked for by name, and there are none.
    """
    asked = list(DAMAGES) if damages is None else list(dict.fromkeys(damages))
    for name in asked:
        if name not in DAMAGES:
            raise unknown_name("damage", name, DAMAGES)
        if damages is not None and DAMAGES[name].by_class and opened.labels is None:
            raise DataError(f"{name} needs classes; put each class into a sub-folder of its own, or give labels")
    return [name for name in asked if opened.labels is not None or not DAMAGES[name].by_class]


def parts_of(opened: ImageSet, network: Extractor, n: int | None, seed: int) -> tuple[Pool, dict[str, Side]]:
    """The images to damage, and the reference and the training set as sides."""
    if len(opened.sizes) > 1:
        raise DataError(f"real: images have {len(opened.sizes)} sizes, but damage needs one; resize them first")
    n = min(opened.n // 3, MOST) if n is None else n
    if n < FEWEST or 3 * n > opened.n:
        raise DataError(
            f"real: {count(opened.n, 'image')} cannot make three parts of {max(n, FEWEST)}; "
            f"at least {3 * FEWEST} images are needed"
        )
    order = np.random.default_rng(seed).permutation(opened.n)
    rows = {name: np.sort(order[i * n : (i + 1) * n]) for i, name in enumerate(PARTS)}
    images = {name: np.stack(opened.take(rows[name])) for name in PARTS}
    labels = {name: None if opened.labels is None else opened.labels[rows[name]] for name in PARTS}
    sides = {name: side_of(images[name], labels[name], network) for name in ("real", "train")}
    return Pool(images["generated"], labels["generated"], images["train"], labels["train"]), sides


def side_of(images: NDArray[np.uint8], labels: NDArray[np.int64] | None, network: Extractor) -> Side:
    opened = open_images(images, "images", labels=labels)
    return Side.of(opened, features_of(opened, network, cache=False))


def measured(
    sides: dict[str, Side], chosen: Sequence[str], seed: int, intervals: bool
) -> tuple[dict[str, tuple[float, float | None, float | None]], dict[str, str]]:
    """metric -> value, low, high; and metric -> why it could not be computed."""
    found, left_out = {}, {}
    for name in chosen:
        try:
            estimate = estimate_of(METRICS[name], sides, seed, intervals)
        except (UnsuitableError, DataError) as error:
            left_out[name] = str(error)
            continue
        found[name] = (estimate.value, estimate.low, estimate.high)
    return found, left_out


def answers_of(values: Sequence[Measured]) -> Iterable[Answer]:
    """What each metric makes of each damage."""
    curves: dict[tuple[str, str], list[Measured]] = {}
    for each in values:
        curves.setdefault((each.metric, each.damage), []).append(each)
    for (metric, damage), curve in curves.items():
        start, end = curve[0], curve[-1]
        reach = noise_of(start)
        moves = badness([each.value for each in curve], METRICS[metric].better)
        verdict = "blind" if np.abs(moves).max() <= reach else "worse" if moves[-1] > 0 else "better"
        signed = moves if verdict == "worse" else -moves
        steps = np.diff(signed) if verdict != "blind" else np.zeros(1)
        yield Answer(metric, damage, verdict, bool((steps >= -reach).all()), start.value, end.value)


def noise_of(undamaged: Measured) -> float:
    """By how much a value may differ from the undamaged one without meaning anything."""
    if undamaged.low is None or undamaged.high is None:
        return MOVED * abs(undamaged.value)
    return NOISE * (undamaged.high - undamaged.low) / (2 * 1.96)


def badness(values: Sequence[float], better: str) -> NDArray[np.float64]:
    """How much worse each value is than the first; where the value should be real data's, any distance from it."""
    moved = np.asarray(values, dtype=np.float64) - values[0]
    if better == "closer to real":
        return np.abs(moved)
    return -moved if better == "higher" else moved


def write(panel: Panel, folder: Path) -> None:
    """sensitivity.html, .csv, .json, and METRIC.svg for each metric, all or none."""
    from genmetrics.reports import panel as report

    curves = report.curves_of(panel, METRICS, DAMAGES)
    pictures = {f"{name}.svg": report.picture(drawn) for name, drawn in curves.items()}
    page = report.render(panel, curves, METRICS)
    write_together(
        folder,
        {
            "sensitivity.html": page.encode(errors="replace"),
            "sensitivity.csv": panel.as_csv().encode(),
            "sensitivity.json": panel.as_json().encode(),
            **pictures,
        },
    )
