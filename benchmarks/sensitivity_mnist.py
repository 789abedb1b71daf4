"""What does each metric see on MNIST? The values, pictures and verdicts behind docs/metrics.md.

Needs the MNIST pack in ../shared/data. Four panels (`genmetrics sensitivity`), each on 2,000 test images of its own cut
into a reference, a training set and a part that is damaged, 500 images each; the values are means over the panels, and
how far a mean may be off is Student's t over them. What a metric's definition says of a damage stands in
sensitivity_definitions.py, written before the values; here it is held against them.

Panels are kept in runs/sensitivity/ and not measured again: only metrics that are missing there are.

    python benchmarks/sensitivity_mnist.py            # what is missing, then the results, and what holds
    python benchmarks/sensitivity_mnist.py --check    # the results that are there: what holds
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import csv_tables
import numpy as np
import packs
from numpy.typing import NDArray
from scipy.special import stdtrit
from sensitivity_definitions import CONTRADICTED, HOLDS, UNDECIDED, says, verdict

from genmetrics.damage import DAMAGES
from genmetrics.extractors.mnist import MnistExtractor
from genmetrics.metrics import METRICS
from genmetrics.panel import Measured, Panel, answers_of, sensitivity
from genmetrics.reports.panel import curves_of, picture

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pictures" / "metrics"
RESULTS = Path(__file__).parent / "results" / "sensitivity_mnist.csv"
RUNS = ROOT / "runs" / "sensitivity"
PANELS = (0, 1, 3, 4)  # each on its own 2,000 images; 2 was not done in time
SLICE, IMAGES, DRAWS = 2000, 500, 4
AGAINST, END = 0.995, 0.975  # what contradicts a definition is one of hundreds of steps: 99%; the end of a curve: 95%
CHANNELS = 7  # of the map that sfid reads, as of the Inception's


@dataclass(frozen=True)
class Point:
    """A metric's value at one strength, over the panels."""

    metric: str
    damage: str
    strength: float
    panels: int
    value: float  # mean
    error: float  # standard error of the mean
    noise: float  # standard deviation of the value of one undamaged set of as many images
    move: float  # mean of the value less that without damage
    move_error: float
    step: float  # mean of the value less that at the strength before
    step_error: float


class MnistPlaces(MnistExtractor):
    """`mnist-cnn` with features that keep their place: 7 channels of its third layer at 7 x 7, in place of Inception's.

    The Inception's own map (17 x 17 of images of 299 x 299) says little of images of 28 x 28, and takes hours here.
    """

    name = "mnist-cnn-places"

    def __init__(self, device: str = "auto") -> None:
        super().__init__((), device)
        self.outputs = ("features", "sfid")

    def __call__(self, images: list[NDArray[np.uint8]]) -> dict[str, NDArray[np.float32]]:
        held: list[Any] = []
        hook = self.network.layers[2].register_forward_hook(lambda _module, _inputs, output: held.append(output))
        try:
            features = super().__call__(images)["features"]
        finally:
            hook.remove()
        places = held[0][:, :CHANNELS].permute(0, 2, 3, 1).flatten(1).cpu().numpy()
        return {"features": features, "sfid": np.ascontiguousarray(places)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="measure nothing")
    if not parser.parse_args().check:
        for panel in PANELS:
            measure(panel)
        write(over_panels([stored(panel) for panel in PANELS]))
    points = read()
    print_checks(points)
    draw(points)


def measure(panel: int) -> None:
    """Measure what is missing of one panel, and keep it."""
    images, labels = packs.mnist("test")
    rows = slice(panel * SLICE, (panel + 1) * SLICE)
    have = {value.metric for value in stored(panel)}
    for some, extractor in (([name for name in METRICS if name != "sfid"], "mnist-cnn"), (["sfid"], MnistPlaces())):
        missing = [name for name in some if name not in have]
        if not missing:
            continue
        found = sensitivity(
            images[rows],
            missing,
            extractor,
            n_images=IMAGES,
            labels=labels[rows],
            seed=panel,
            intervals=False,
            draws=DRAWS,
            progress=spoken(panel),
        )
        keep(panel, found)


def spoken(panel: int) -> Any:
    def progress(items: Iterable[Any], label: str, total: int) -> Iterator[Any]:
        for i, item in enumerate(items):
            print(f"panel {panel}: {label} {i + 1}/{total} {item}", flush=True)
            yield item

    return progress


def stored(panel: int) -> list[Measured]:
    """The values of one panel that are kept."""
    return [
        Measured(
            row["metric"],
            row["damage"],
            float(row["strength"]),
            float(row["value"]),
            None,
            None,
            float(row["noise"]) if row["noise"] else None,
        )
        for row in csv_tables.read(RUNS / f"{panel}.csv")
    ]


def keep(panel: int, found: Panel) -> None:
    """Add the values to those kept, and say what was left out."""
    file = RUNS / f"{panel}.csv"
    RUNS.mkdir(parents=True, exist_ok=True)
    table = found.as_csv() if not file.exists() else found.as_csv().split("\n", 1)[1]
    with file.open("a", newline="") as rows:
        rows.write(table)
    for reason in found.left_out:
        print(f"panel {panel}: left out: {reason}")


def over_panels(panels: list[list[Measured]]) -> list[Point]:
    """Means over the panels, and how far they may be off; a point that a panel lacks is left out."""
    values = [{(v.metric, v.damage, v.strength): v for v in panel} for panel in panels]
    shared = [key for key in values[0] if all(key in of_panel for of_panel in values)]
    found = []
    for metric in METRICS:
        for damage, kind in DAMAGES.items():
            curve = [(metric, damage, float(s)) for s in kind.strengths if (metric, damage, float(s)) in shared]
            table = np.array([[of_panel[key].value for key in curve] for of_panel in values])  # (panels, strengths)
            for i, key in enumerate(curve):
                value = mean_and_error(table[:, i])
                move = mean_and_error(table[:, i] - table[:, 0])
                step = mean_and_error(table[:, i] - table[:, max(i - 1, 0)])
                noise = float(np.sqrt(np.mean([(of_panel[key].noise or np.nan) ** 2 for of_panel in values])))
                found.append(Point(*key, len(panels), *value, noise, *move, *step))
    return found


def mean_and_error(x: NDArray[np.float64]) -> tuple[float, float]:
    """Mean, and its standard error."""
    return float(x.mean()), float(x.std(ddof=1) / np.sqrt(len(x)))


def t_of(panels: int, confidence: float) -> float:
    """How many standard errors a mean over panels may be off."""
    return float(stdtrit(panels - 1, confidence))


def write(points: list[Point]) -> None:
    csv_tables.write(RESULTS, [vars(point) for point in points], ".6g")


def read() -> list[Point]:
    return [
        Point(
            row.pop("metric"),
            row.pop("damage"),
            panels=int(row.pop("panels")),
            **{name: float(x) for name, x in row.items()},
        )
        for row in csv_tables.read(RESULTS)
    ]


def curve_of(points: list[Point], metric: str, damage: str) -> list[Point]:
    """In order of strength."""
    return [point for point in points if (point.metric, point.damage) == (metric, damage)]


def check(curve: list[Point]) -> str:
    """Whether a curve does what the metric's definition says; "" where it says nothing."""
    moves, move_errors, steps, step_errors = (
        np.array([getattr(point, name) for point in curve]) for name in ("move", "move_error", "step", "step_error")
    )
    against, end = t_of(curve[0].panels, AGAINST), t_of(curve[0].panels, END)
    return verdict(
        says(curve[0].metric, curve[0].damage),
        moves,
        steps[1:],
        against * move_errors,
        against * step_errors[1:],
        end * float(move_errors[-1]),
    )


def panel_of(points: list[Point]) -> Panel:
    """The means as a panel: what its pictures and answers are made from."""
    values = []
    for p in points:
        reach = t_of(p.panels, END) * p.error
        values.append(Measured(p.metric, p.damage, p.strength, p.value, p.value - reach, p.value + reach, p.noise))
    return Panel(tuple(values), tuple(answers_of(values)), {}, ())


def checks(points: list[Point]) -> dict[tuple[str, str], str]:
    """(metric, damage) -> whether what the definition says holds; those it says nothing of are left out."""
    found = {}
    for metric in METRICS:
        for damage in DAMAGES:
            curve = curve_of(points, metric, damage)
            if len(curve) > 1 and (answer := check(curve)):
                found[metric, damage] = answer
    return found


def print_checks(points: list[Point]) -> None:
    found = checks(points)
    for (metric, damage), answer in found.items():
        values = " ".join(f"{point.value:.4g}" for point in curve_of(points, metric, damage))
        print(f"{answer:<14} {metric} {says(metric, damage)} at {damage}: {values}")
    for answer in (HOLDS, UNDECIDED, CONTRADICTED):
        print(f"{list(found.values()).count(answer)} of {len(found)}: {answer}")


def draw(points: list[Point]) -> None:
    panel = panel_of(points)
    PICTURES.mkdir(parents=True, exist_ok=True)
    for metric, curves in curves_of(panel, METRICS, DAMAGES).items():
        (PICTURES / f"{metric}.svg").write_bytes(picture(curves))


if __name__ == "__main__":
    main()
