"""genmetrics discriminability: does a classifier need the resolution that the samples have?"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genmetrics._console import shown, speaking_errors
from genmetrics.commands._analyses import class_names, common_options, deliver, opened, record_of

if TYPE_CHECKING:
    from genmetrics.analyses.discriminability import QualityCurve
    from genmetrics.records import Picture, Score
    from genmetrics.reports.analysis import Section, Table
    from genmetrics.sources import ImageSet

REAL = "real images"
STRIPS = 4  # images shown at each resolution, of each set
TITLE = "Accuracy against resolution"


@click.command()
@click.argument("samples", nargs=-1, required=True)
@click.option("--test-set", required=True, help="Real images of the same classes: the curve to compare with.")
@click.option(
    "--classifier", required=True, help="An extractor with logits: digits-cnn, inception-v3-tf2015, module:PATH."
)
@click.option("--weights", type=click.Path(path_type=Path), help="File of the weights of inception-v3-tf2015.")
@click.option("--resolutions", default="16,32,64,128,256", show_default=True, help="Pixels of the shorter side.")
@click.option(
    "--resize",
    type=click.Choice(["tf1-bilinear", "torch-bilinear", "clean"]),
    default="tf1-bilinear",
    show_default=True,
    help="How images are made smaller and larger; tf1-bilinear has no antialias.",
)
@click.option(
    "--classes",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File of class names, one a line, in the order of the logits; by default folder names in sorted order.",
)
@common_options
@speaking_errors
def discriminability(
    samples: tuple[str, ...],
    test_set: str,
    classifier: str,
    weights: Path | None,
    resolutions: str,
    resize: str,
    classes: Path | None,
    out: Path | None,
    as_json: bool,
    seed: int,
    device: str,
    value_range: str | None,
) -> None:
    """How much does a classifier lose when the images of SAMPLES... are made smaller and enlarged again?

    Each set has a folder for each class. A flat curve says that the resolution holds no more than a smaller one does.
    """
    from genmetrics.analyses.discriminability import resolution_discriminability
    from genmetrics.asked import writable_folder
    from genmetrics.extractors import find_extractor
    from genmetrics.sources import refuse_missing

    levels = numbers(resolutions)
    folder = writable_folder(out) if out is not None else None
    names = None if classes is None else class_names(classes)
    given = named(samples, test_set)
    for name, source in given.items():
        refuse_missing(source, name)
    network = find_extractor(classifier, device, weights)
    sets = {name: opened(source, name, value_range) for name, source in given.items()}
    curves = {
        name: resolution_discriminability(
            images, None, network, levels, resize=resize, classes=names, seed=seed, progress=shown
        )
        for name, images in sets.items()
    }
    scores = [score_of(name, curves[name], sets, network, resize, seed) for name in sets]
    record = record_of(scores, sets, seed, network)
    sections = sections_of(curves, sets, resize) if folder is not None else []
    lead = (
        f"Images are made smaller, enlarged to their size again ({resize}), and shown to {network.name}: how often "
        "does it see the intended class? Where the curve is flat, the larger size holds nothing that the smaller lacks."
    )
    deliver(record, TITLE, lead, sections, tables=[curve_table(curves)], out=folder, as_json=as_json)


def numbers(text: str) -> list[int]:
    """'16,32' as [16, 32].

    Raises:
        UsageError: it is something else.
    """
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise click.UsageError(f"--resolutions: expected whole numbers and commas, got '{text}'") from None


def named(samples: Sequence[str], test_set: str) -> dict[str, str]:
    """Sets by name: the last part of each path, or the whole path where two share it."""
    last = [Path(source).stem for source in samples]
    alone = [name for name in last if last.count(name) == 1 and name != REAL]
    return {REAL: test_set} | {
        name if name in alone else source: source for name, source in zip(last, samples, strict=True)
    }


def score_of(
    name: str, found: QualityCurve, sets: Mapping[str, ImageSet], network: Any, resize: str, seed: int
) -> Score:
    """Accuracy at native size as a row of the record, with the whole curve in its details."""
    from genmetrics.protocols import Protocol
    from genmetrics.records import Score

    best, images = found.best, sets[name]
    weights = f"@{network.weights_sha256[:8]}" if network.weights_sha256 else ""
    height, width = next(iter(images.sizes))
    signature = Protocol(
        name="discriminability",
        n_generated=found.n,
        features=f"{network.name}/logits{weights}",
        resize=resize,
        sizes=f"{height}x{width}",
        options={"resolutions": ",".join(str(row.level) for row in found), "seed": seed},
    ).signature
    curve = [{k: v for k, v in dataclasses.asdict(row).items() if k != "per_class"} for row in found]
    by_class = {label: {str(row.level): row.per_class[label]["value"] for row in found} for label in best.per_class}
    return Score(
        metric="discriminability" if name != REAL else "discriminability-real",
        name=f"accuracy of {name}",
        value=best.value,
        low=best.low,
        high=best.high,
        std_error=best.std_error,
        std_error_generated=best.std_error,
        interval="of the accuracy at native size, over images (Wilson)",
        better="higher",
        n_real=0,
        n_generated=found.n,
        signature=signature,
        details={"curve": curve, "classes": by_class, "per_class": best.per_class},
        notes=found.notes,
        summary="how often the classifier sees the intended class, at native size",
    )


def curve_table(curves: Mapping[str, QualityCurve]) -> Table:
    """One row a set and resolution."""
    from genmetrics.reports.analysis import Table
    from genmetrics.reports.wording import number

    headings = ["images", "px", "accuracy", "95% interval", "±10", "±cl", "loss", "better"]
    rows = []
    for name, found in curves.items():
        for row in found:
            shown_number = number(row.value, row.low, row.high)
            last = row is found.best
            rows.append(
                [
                    name,
                    str(row.level),
                    shown_number.value,
                    shown_number.interval or "",
                    f"{row.std:.3f}",
                    "" if row.std_classes is None else f"{row.std_classes:.3f}",
                    "" if last or row.loss is None else f"{row.loss:.0%}",
                    "" if last or row.better_at_best is None else f"{row.better_at_best:.1%}",
                ]
            )
    return Table(headings, rows)


def class_table(found: QualityCurve) -> Table:
    """Accuracy of each class at each resolution."""
    from genmetrics.reports.analysis import Table

    rows = [
        [str(label), *(f"{row.per_class[label]['value']:.3f}" for row in found), str(entry["n"])]
        for label, entry in found.best.per_class.items()
    ]
    return Table(["class", *(f"{row.level} px" for row in found), "n"], rows)


def sections_of(curves: Mapping[str, QualityCurve], sets: Mapping[str, ImageSet], resize: str) -> list[Section]:
    """What the page shows."""
    from genmetrics.records import Picture
    from genmetrics.reports.analysis import Section
    from genmetrics.reports.curves import quality_curves

    svg = quality_curves({name: found.rows for name, found in curves.items()}, TITLE, real=REAL)
    caption = "Bars are 95% intervals of the accuracy, shades ± one standard deviation over 10 subsets of the images."
    told = (
        "±10 is the standard deviation over 10 subsets of the images, ±cl over classes. Loss is the share of the "
        "native size's accuracy that is lost; better is the share of classes whose accuracy is higher at native size."
    )
    sections = [Section("The curve", [told], curve_table(curves), [Picture(TITLE, caption, "image/svg+xml", svg)])]
    strips = [strip(name, images, [row.level for row in curves[name]], resize) for name, images in sets.items()]
    sections.append(Section("What the classifier is shown", pictures=strips))
    sections += [Section(f"Classes: {name}", table=class_table(found)) for name, found in curves.items()]
    return sections


def strip(name: str, images: ImageSet, levels: Sequence[int], resize: str) -> Picture:
    """A few images of a set at each resolution, one row each."""
    import numpy as np

    from genmetrics.analyses.discriminability import degraded
    from genmetrics.records import Picture
    from genmetrics.reports.pictures import contact_sheet

    rows = np.linspace(0, images.n - 1, min(STRIPS, images.n)).astype(int)
    some = images.take(rows.tolist())
    shown_levels = [degraded(some, level, resize) for level in levels]
    sheet = contact_sheet([level[i] for i in range(len(some)) for level in shown_levels], columns=len(levels))
    caption = f"From left to right: {', '.join(map(str, levels))} px, enlarged to {levels[-1]}."
    return Picture(name.capitalize(), caption, "image/png", sheet)
