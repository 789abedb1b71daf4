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

from genmetrics._checks import DataError, UnsuitableError, one_of
from genmetrics.asked import lacking, refuse_what_it_lacks, wanted_outputs, writable_folder
from genmetrics.damage import DAMAGES
from genmetrics.evaluation import estimate_of
from genmetrics.extractors import DEFAULT, Extractor, find_extractor
from genmetrics.features import Progress, silent
from genmetrics.metrics import METRICS, find_metric
from genmetrics.parts import Network, Parts, refuse_few
from genmetrics.records import write_together
from genmetrics.sides import Side
from genmetrics.sources import ImageSet, open_images, refuse_missing

DRAWS = 10  # other parts of the undamaged images: how far a value moves for no reason
NOISE = 4.0  # an answer: a value that moves by so many of their standard deviations, 2.8 of a difference of two


@dataclass(frozen=True)
class Measured:
    """One metric's value on images damaged so much."""

    metric: str
    damage: str
    strength: float
    value: float
    low: float | None  # 95% interval of the metric's own
    high: float | None
    noise: float | None  # standard deviation of the value of as many undamaged images, over other draws


@dataclass(frozen=True)
class Answer:
    """What one metric makes of one kind of damage.

    The verdict is "worse" or "better" where the value moves by more than its noise; "blind" where it does not;
    "cannot tell" where it moves by more than the noise of all undamaged images, but not of as few as are left.
    """

    metric: str
    damage: str
    verdict: str
    seen_at: tuple[float, ...]  # strengths at which it moves so
    lasting: bool  # the strongest of all, and each one from the weakest of them on
    monotone: bool  # each step in the direction of the verdict, but for the noise of the values
    undamaged: float
    at_most: float  # value at the greatest strength

    @property
    def where(self) -> str:
        """'from 3.5', where every stronger damage is seen too; else 'at 2, 3.5'; '' where none is."""
        if not self.seen_at:
            return ""
        return f"from {self.seen_at[0]:g}" if self.lasting else f"at {', '.join(f'{s:g}' for s in self.seen_at)}"


@dataclass(frozen=True)
class Panel:
    """All values, what follows from them, and how they were made."""

    values: tuple[Measured, ...]
    answers: tuple[Answer, ...]
    made_with: dict[str, Any]
    left_out: tuple[str, ...]  # metrics and damages that there are no values of, and why

    def of(self, metric: str, damage: str) -> list[Measured]:
        """Values in order of strength."""
        return [each for each in self.values if (each.metric, each.damage) == (metric, damage)]

    def reach(self, metric: str, damage: str) -> list[float]:
        """How far each of these values may lie from the undamaged one for no reason."""
        return reach_of(self.of(metric, damage)).tolist()

    @property
    def metrics(self) -> list[str]:
        return list(dict.fromkeys(each.metric for each in self.values))

    @property
    def better(self) -> dict[str, str]:
        """metric -> "lower", "higher" or "closer to real"."""
        return {metric: METRICS[metric].better for metric in self.metrics}

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
    draws: int = DRAWS,
    progress: Progress = silent,
) -> Panel:
    """Run metrics over damage of rising strength to real images.

    The images are cut at random into three disjoint parts: a reference, a training set, and the part that is damaged
    and stands for generated images. At strength 0 it is real data, so each curve starts at what perfect samples get.
    How far a value moves for no reason is measured on other cuts of the same images, undamaged.

    Args:
        real: at least 180 real images of one size, with classes where damage by class is wanted; see `open_images`.
        metrics: names from METRICS; None takes all that the extractor and the images serve.
        extractor: as for `evaluate`.
        damages: names from DAMAGES; None takes all (without classes: all that need none).
        n_images: images in each part, at least 60; None takes a third of all, at most 2,000.
        labels: class of each image, replacing those of the source.
        seed: fixes the parts, the damage and every other random choice.
        intervals: give 95% intervals where the metrics have them.
        device, weights: for the network.
        out: a folder for sensitivity.html, .csv, .json and a picture of each metric.
        draws: other cuts that the noise is measured on, at least 2.
        progress: called as progress(items, label, total); yields the items.

    Returns:
        The panel: `.values`, `.answers` (worse, better, blind or cannot tell, at which strengths), `.left_out`.

    Raises:
        DataError: an input cannot be used; the message says which, and what to do.
    """
    if draws < 2:
        raise ValueError(f"draws must be at least 2, got {draws}")
    chosen = None if metrics is None else [name for name in dict.fromkeys(metrics) if find_metric(name)]
    folder = None if out is None else writable_folder(out)
    refuse_missing(real, "real")
    refuse_few(n_images)
    asked = known_damages(damages)
    found = DEFAULT if extractor is None else extractor
    network = Network(find_extractor(found, device, weights, outputs=wanted_outputs(chosen or [])))
    refuse_what_it_lacks(chosen, network.extractor)
    opened = open_images(real, "real", labels=labels)
    kinds = allowed_damages(asked, damages is not None, opened)
    parts = Parts.of(opened, network, n_images, seed)
    chosen = served(chosen, parts, network)
    values, left_out = curves(kinds, chosen, parts, network, seed, intervals, draws, progress)
    if not values:
        raise DataError("no metric could be computed: " + "; ".join(left_out))
    panel = Panel(
        tuple(values),
        tuple(answers_of(values)),
        {
            "images": opened.summary(),
            "images_in_each_part": len(parts.pool.images),
            "extractor": network.extractor.name,
            "weights_sha256": network.extractor.weights_sha256,
            "seed": seed,
            "draws": draws,
        },
        (*without_classes(damages, opened), *left_out),
    )
    if folder is not None:
        write(panel, folder)
    return panel


def known_damages(damages: Iterable[str] | None) -> list[str]:
    """Names from DAMAGES; None takes all.

    Raises:
        UnknownNameError: no such damage.
    """
    asked = list(DAMAGES) if damages is None else list(dict.fromkeys(damages))
    for name in asked:
        one_of(name, "damage", DAMAGES)
    return asked


def allowed_damages(asked: Sequence[str], by_name: bool, opened: ImageSet) -> list[str]:
    """Those that these images allow.

    Raises:
        DataError: one that needs classes is asked for by name, and there are none.
    """
    for name in asked:
        if by_name and DAMAGES[name].by_class and opened.labels is None:
            raise DataError(f"{name} needs classes; put each class into a sub-folder of its own, or give labels")
    return [name for name in asked if opened.labels is not None or not DAMAGES[name].by_class]


def without_classes(damages: Iterable[str] | None, opened: ImageSet) -> list[str]:
    """The damages that were not asked for by name and cannot be done, in a sentence."""
    if damages is not None or opened.labels is not None:
        return []
    listed = ", ".join(name for name, damage in DAMAGES.items() if damage.by_class)
    return [f"{listed}: the images have no classes; put each class into a sub-folder of its own, or give labels"]


def served(chosen: list[str] | None, parts: Parts, network: Network) -> list[str]:
    """The metrics asked for, or all that the network and the images serve.

    Raises:
        DataError: the network lacks an output that one asked for needs.
    """
    outputs = parts.union.features.outputs
    if chosen is not None:
        refuse_what_it_lacks(chosen, network.extractor, outputs)
        return chosen
    return [name for name, row in METRICS.items() if not lacking(row, outputs)]


def curves(
    kinds: Sequence[str],
    chosen: Sequence[str],
    parts: Parts,
    network: Network,
    seed: int,
    intervals: bool,
    draws: int,
    progress: Progress,
) -> tuple[list[Measured], list[str]]:
    """Every value; and what there is none of, and why."""
    n = len(parts.pool.images)
    steps = [(kind, strength) for kind in kinds for strength in DAMAGES[kind].strengths]
    values: list[tuple[str, float, int, Values]] = []
    left_out: dict[tuple[str, str], str] = {}
    undamaged: Values | None = None
    for kind, strength in progress(steps, "damage", len(steps)):
        if strength == 0 and undamaged is not None:
            values.append((kind, 0.0, n, undamaged))
            continue
        random = np.random.default_rng((seed, list(DAMAGES).index(kind)))
        side = network.side(*DAMAGES[kind].apply(parts.pool, strength, random))
        found, why = measured({**parts.sides, "generated": side}, chosen, seed, intervals)
        if undamaged is None:
            undamaged, chosen = found, list(found)
            left_out |= {(name, ""): f"{name}: {reason}" for name, reason in why.items()}
            if not chosen:
                break
        else:
            where = f"at {kind} from {strength:g}"
            left_out = {(name, kind): f"{name} {where}: {reason}" for name, reason in why.items()} | left_out
        values.append((kind, float(strength), len(side), found))
    noise = noises(sorted({m for _, _, m, _ in values}), chosen, parts, seed, draws, progress)
    return [
        Measured(name, kind, strength, *numbers, noise[m].get(name))
        for kind, strength, m, found in values
        for name, numbers in found.items()
    ], list(left_out.values())


Values = dict[str, tuple[float, float | None, float | None]]  # metric -> value, low, high


def measured(
    sides: dict[str, Side], chosen: Sequence[str], seed: int, intervals: bool
) -> tuple[Values, dict[str, str]]:
    """The values; and metric -> why it could not be computed."""
    found, left_out = {}, {}
    for name in chosen:
        try:
            estimate = estimate_of(METRICS[name], sides, seed, intervals)
        except (UnsuitableError, DataError) as error:
            left_out[name] = str(error)
            continue
        found[name] = (estimate.value, estimate.low, estimate.high)
    return found, left_out


def noises(
    sizes: Sequence[int], chosen: Sequence[str], parts: Parts, seed: int, draws: int, progress: Progress
) -> dict[int, dict[str, float]]:
    """Number of generated images -> metric -> standard deviation of its value over other cuts of the images."""
    steps = [(m, draw) for m in sizes for draw in range(draws)]
    drawn: dict[int, dict[str, list[float]]] = {m: {} for m in sizes}
    for m, draw in progress(steps, "noise", len(steps)):
        sides = parts.redrawn(m, np.random.default_rng((seed, len(DAMAGES), draw)))
        for name, (value, _, _) in measured(sides, chosen, seed, intervals=False)[0].items():
            drawn[m].setdefault(name, []).append(value)
    return {
        m: {name: float(np.std(values, ddof=1)) for name, values in of_size.items() if len(values) > 1}
        for m, of_size in drawn.items()
    }


def answers_of(values: Sequence[Measured]) -> Iterable[Answer]:
    """What each metric makes of each damage."""
    by_curve: dict[tuple[str, str], list[Measured]] = {}
    for each in values:
        by_curve.setdefault((each.metric, each.damage), []).append(each)
    return [answer_of(curve) for curve in by_curve.values() if len(curve) > 1]


def answer_of(curve: Sequence[Measured]) -> Answer:
    """What a metric makes of one damage."""
    start, end = curve[0], curve[-1]
    values = np.array([each.value for each in curve])
    reach = reach_of(curve)
    moves = badness(values, METRICS[start.metric].better)
    beyond = np.abs(moves) > reach
    verdict, seen, monotone = "blind", np.zeros(len(curve), bool), True
    if (np.abs(moves) > reach[0]).any():
        verdict = "cannot tell"
    if beyond.any():
        telling = len(moves) - 1 if beyond[-1] else int(np.where(beyond, np.abs(moves), 0).argmax())
        sign = np.sign(moves[telling])
        verdict = "worse" if sign > 0 else "better"
        seen = beyond & (np.sign(moves) == sign)
        monotone = bool((np.diff(sign * moves) >= -reach[1:]).all())
    seen_at = tuple(each.strength for each, here in zip(curve, seen, strict=True) if here)
    lasting = bool(seen.any() and seen[seen.argmax() :].all())
    return Answer(start.metric, start.damage, verdict, seen_at, lasting, monotone, start.value, end.value)


def reach_of(curve: Sequence[Measured]) -> NDArray[np.float64]:
    """How far each value may lie from the first for no reason: NOISE standard deviations, the mean variance of both."""
    variances = np.square([each.noise or 0.0 for each in curve])
    return NOISE * np.sqrt((variances + variances[0]) / 2)


def badness(values: NDArray[np.float64], better: str) -> NDArray[np.float64]:
    """How much worse each value is than the first; where the value should be real data's, any distance from it."""
    moved = values - values[0]
    if better == "closer to real":
        return np.abs(moved)
    return -moved if better == "higher" else moved


def write(panel: Panel, folder: Path) -> None:
    """sensitivity.html, .csv, .json, and METRIC.svg for each metric, all or none."""
    from genmetrics.reports import panel as report

    drawn_curves = report.curves_of(panel, METRICS, DAMAGES)
    pictures = {name: report.picture(drawn) for name, drawn in drawn_curves.items()}
    page = report.render(panel, METRICS, DAMAGES, pictures)
    write_together(
        folder,
        {
            "sensitivity.html": page.encode(errors="replace"),
            "sensitivity.csv": panel.as_csv().encode(),
            "sensitivity.json": panel.as_json().encode(),
            **{f"{name}.svg": drawn for name, drawn in pictures.items()},
        },
    )
