"""genmetrics diversity: mean MS-SSIM of random pairs, class by class, beside real images."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genmetrics._checks import DataError
from genmetrics._console import shown, speaking_errors
from genmetrics.commands._analyses import class_names, common_options, deliver, opened, ordered, record_of

if TYPE_CHECKING:
    from genmetrics.analyses.collapse import BelowLargestReal, Joint
    from genmetrics.extractors import Extractor
    from genmetrics.records import Estimate, Picture, Score
    from genmetrics.reports.analysis import Section, Table
    from genmetrics.sides import Side
    from genmetrics.sources import ImageSet

EXTREMES = 3  # classes shown as the most and the least diverse
A_ROW = 10  # images of a class shown
TITLE = "Diversity: MS-SSIM of random pairs"


@click.command()
@click.argument("samples")
@click.option("--test-set", required=True, help="Real images of the same size: the number to compare with.")
@click.option(
    "--pairs", type=click.IntRange(min=1), help="Pairs in each class [100], or in all without classes [10,000]."
)
@click.option(
    "--per-class/--overall", default=None, help="Pairs within each class, or of all images; by default as labels allow."
)
@click.option(
    "--protocol", type=click.Choice(["msssim-google", "msssim-channel"]), default="msssim-google", show_default=True
)
@click.option(
    "--classifier", help="An extractor with logits: adds each class's accuracy, and the two beside each other."
)
@click.option(
    "--classes",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --classifier: file of class names, one a line, in the order of the logits.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    help="With --classifier: MS-SSIM from which a class has collapsed; by default the largest real one.",
)
@common_options
@speaking_errors
def diversity(
    samples: str,
    test_set: str,
    pairs: int | None,
    per_class: bool | None,
    protocol: str,
    classifier: str | None,
    classes: Path | None,
    threshold: float | None,
    out: Path | None,
    as_json: bool,
    seed: int,
    device: str,
    value_range: str | None,
) -> None:
    """How alike are random pairs of SAMPLES, beside pairs of real images?

    MS-SSIM is 1 for equal images. Samples above real images are less diverse; class folders give a table of classes.
    """
    from genmetrics.analyses.diversity import ms_ssim_estimate
    from genmetrics.asked import writable_folder
    from genmetrics.extractors import find_extractor

    if classifier is None and (classes is not None or threshold is not None):
        raise click.UsageError("--classes and --threshold belong to the analysis that --classifier adds; pass it too")
    names = None if classes is None else class_names(classes)
    folder = writable_folder(out) if out is not None else None
    sets = {"samples": opened(samples, "samples", value_range), "real": opened(test_set, "real", value_range)}
    labelled = all(images.labels is not None for images in sets.values())
    if (per_class or classifier) and not labelled:
        without = next(name for name, images in sets.items() if images.labels is None)
        raise DataError(f"{without}: no labels, which --per-class and --classifier need; give each class a folder")
    if set(sets["samples"].sizes) != set(sets["real"].sizes):
        raise DataError("samples and real images have different sizes; MS-SSIM depends on the size, so resize one set")
    network = None if classifier is None else find_extractor(classifier, device)
    per_class = labelled if per_class is None else per_class
    sides = {name: ordered(images, shown) for name, images in sets.items()}
    found = {}
    for name in shown(sides, "MS-SSIM of pairs", len(sides)):
        found[name] = ms_ssim_estimate(sides[name], seed=seed, pairs=pairs, per_class=per_class, protocol=protocol)
    tables = {name: estimate.details.get("per_class") or {} for name, estimate in found.items()}
    below = below_largest(tables)
    joint, accuracy = (None, {})
    if network is not None:
        joint, accuracy = with_accuracy(network, names, sets["samples"], tables, below, threshold, seed)
    score = score_of(found, sides, below, joint, accuracy)
    record = record_of([score], sets, seed, warnings=tuple(apart(tables)))
    sections = sections_of(found, sides, below, joint, accuracy) if folder is not None else []
    lead = (
        f"{found['samples'].details['pairs']:,} random pairs of samples and {found['real'].details['pairs']:,} of real "
        f"images, {'within each class' if per_class else 'of all images'}. 1 is a pair of equal images; what lies "
        "above real images is less diverse than they are, and much below them is often noise."
    )
    shown_tables = [class_table(found, accuracy)] if tables["samples"] else []
    deliver(record, TITLE, lead, sections, tables=shown_tables, out=folder, as_json=as_json)


def below_largest(tables: Mapping[str, Mapping[str, Any]]) -> BelowLargestReal | None:
    """Share of classes under the largest real mean; None without classes."""
    from genmetrics.analyses.collapse import share_below_largest_real

    if not tables["samples"] or not tables["real"]:
        return None
    return share_below_largest_real(means(tables["samples"]), means(tables["real"]))


def apart(tables: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Whether samples and real images name their classes differently."""
    samples, real = tables["samples"], tables["real"]
    if samples and real and not set(samples) & set(real):
        yield (
            f"no class has both samples ({next(iter(samples))}, ...) and real images ({next(iter(real))}, ...), so "
            "classes are not shown beside each other; give the folders of a class one name"
        )


def means(table: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    return {label: row["value"] for label, row in table.items()}


def with_accuracy(
    network: Extractor,
    names: list[str] | None,
    samples: ImageSet,
    tables: Mapping[str, Mapping[str, Any]],
    below: BelowLargestReal | None,
    threshold: float | None,
    seed: int,
) -> tuple[Joint, dict[str, float]]:
    """The joint analysis, and each class's accuracy at native size."""
    from genmetrics.analyses.collapse import COLLAPSED, joint_analysis
    from genmetrics.analyses.discriminability import resolution_discriminability

    best = resolution_discriminability(samples, None, network, (), classes=names, seed=seed, progress=shown).best
    accuracy = means(best.per_class)
    if threshold is None:
        threshold = below.threshold if below is not None else COLLAPSED
    return joint_analysis(accuracy, means(tables["samples"]), threshold), accuracy


def score_of(
    found: Mapping[str, Estimate],
    sides: Mapping[str, Side],
    below: BelowLargestReal | None,
    joint: Joint | None,
    accuracy: Mapping[str, float],
) -> Score:
    """The row of the record: the same number, under the same signature, as `genmetrics score` gives."""
    from genmetrics.metrics import METRICS
    from genmetrics.protocols import Protocol
    from genmetrics.records import Score

    samples, real, metric = found["samples"], found["real"], METRICS["ms-ssim"]
    details = {**samples.details}
    if below is not None:
        details["below_largest_real"] = {**dataclasses.asdict(below), "collapsed": list(below.collapsed)}
    if joint is not None:
        details |= {"joint": dataclasses.asdict(joint), "accuracy": dict(accuracy)}
    signature = Protocol(
        name=metric.printed(""),
        n_generated=len(sides["samples"]),
        sizes=sides["samples"].size_text,
        options=samples.options,
        revision=metric.revision,
    ).signature
    return Score(
        metric="ms-ssim",
        name=metric.printed(""),
        value=samples.value,
        low=samples.low,
        high=samples.high,
        std_error=samples.std_error,
        std_error_generated=samples.std_error_generated,
        interval=samples.interval,
        better=metric.better,
        n_real=0,
        n_generated=len(sides["samples"]),
        signature=signature,
        details=details,
        notes=samples.notes,
        baseline={
            "value": real.value,
            "low": real.low,
            "high": real.high,
            "n": len(sides["real"]),
            "of": "real",
            "details": real.details,
        },
        summary=metric.summary,
    )


# --- what is shown


def class_table(found: Mapping[str, Estimate], accuracy: Mapping[str, float]) -> Table:
    """One row a class: samples, real images, accuracy; the least diverse class first."""
    from genmetrics.reports.analysis import Table
    from genmetrics.reports.wording import number

    samples, real = (found[name].details["per_class"] for name in ("samples", "real"))

    def cell(row: Mapping[str, Any] | None) -> str:
        return "–" if row is None else str(number(row["value"], row["low"], row["high"]))

    rows = []
    for label in sorted(samples, key=lambda label: -samples[label]["value"]):
        rows.append([label, cell(samples[label]), cell(real.get(label)), str(samples[label]["pairs"])])
        if accuracy:
            rows[-1].append(f"{accuracy[label]:.3f}" if label in accuracy else "–")
    return Table(["class", "samples", "real images", "pairs", *(["accuracy"] if accuracy else [])], rows)


def sections_of(
    found: Mapping[str, Estimate],
    sides: Mapping[str, Side],
    below: BelowLargestReal | None,
    joint: Joint | None,
    accuracy: Mapping[str, float],
) -> list[Section]:
    """What the page shows."""
    from genmetrics.reports.analysis import Section, Table
    from genmetrics.reports.wording import number

    tables = {name: estimate.details.get("per_class") or {} for name, estimate in found.items()}
    rows = [
        [name, str(number(e.value, e.low, e.high)), str(len(sides[name])), str(e.details["pairs"])]
        for name, e in found.items()
    ]
    sections = [Section("Overall", table=Table(["set", "MS-SSIM and 95% interval", "images", "pairs"], rows))]
    if below is not None:
        told = (
            f"{below.share:.1%} of the classes of samples are below {below.threshold:.4f}, the largest mean among real "
        )
        told += "classes" + (f"; above it: {', '.join(map(str, below.collapsed[:12]))}." if below.collapsed else ".")
        drawn = [] if any(apart(tables)) else [scatter(found)]
        sections.append(Section("Classes", [told], class_table(found, accuracy), drawn))
        sections.append(Section("Most and least diverse", pictures=list(extremes(found, sides["samples"]))))
    if joint is not None:
        sections.append(joint_section(joint, found, accuracy))
    return sections


def scatter(found: Mapping[str, Estimate]) -> Picture:
    """Classes: real images against samples, with the line of equality."""
    from genmetrics.records import Picture
    from genmetrics.reports.plots import class_scatter

    real, samples = (means(found[name].details["per_class"]) for name in ("real", "samples"))
    caption = "Mean MS-SSIM of a class's pairs. Above the line samples are less diverse than real images."
    return Picture("Samples against real images", caption, "image/svg+xml", class_scatter(real, samples, TITLE))


def extremes(found: Mapping[str, Estimate], samples: Side) -> list[Picture]:
    """Some images of the most and of the least diverse classes, one row a class."""
    import numpy as np

    from genmetrics.records import Picture
    from genmetrics.reports.pictures import contact_sheet

    table = means(found["samples"].details["per_class"])
    order = sorted(table, key=lambda label: table[label])
    labels, names = samples.labels, samples.classes
    assert labels is not None
    assert names is not None
    drawn = []
    for title, some in (("Most diverse", order[:EXTREMES]), ("Least diverse", order[::-1][:EXTREMES])):
        members = [np.flatnonzero(labels == names.index(label)) for label in some]
        columns = min(A_ROW, *(len(rows) for rows in members)) if len(members) > 1 else min(A_ROW, len(members[0]))
        images = [image for rows in members for image in samples.take(rows[:columns])]
        caption = "From top to bottom: " + ", ".join(f"{label} ({table[label]:.3f})" for label in some) + "."
        drawn.append(Picture(title, caption, "image/png", contact_sheet(images, columns=columns)))
    return drawn


def joint_section(joint: Joint, found: Mapping[str, Estimate], accuracy: Mapping[str, float]) -> Section:
    """Are the collapsed classes those that the classifier does not see?"""
    from genmetrics.records import Picture
    from genmetrics.reports.analysis import Section
    from genmetrics.reports.curves import joint_scatter
    from genmetrics.reports.wording import number

    def share(value: float | None) -> str:
        return "none" if value is None else f"{value:.1%}"

    r = "not defined: one of the two does not vary" if joint.r is None else str(number(joint.r, joint.low, joint.high))
    told = [
        f"Pearson's r of accuracy and MS-SSIM over {joint.classes} classes: {r}.",
        f"{joint.collapsed} classes have an MS-SSIM of {joint.threshold:.3f} or more; "
        f"{share(joint.unseen_of_collapsed)} of them are recognised in at most {joint.unseen:.0%} of their images. "
        f"Of the others {share(joint.seen_of_diverse)} are recognised more often than that.",
    ]
    svg = joint_scatter(
        means(found["samples"].details["per_class"]),
        accuracy,
        "Accuracy against MS-SSIM",
        ("MS-SSIM of samples", "accuracy"),
        (joint.threshold, joint.unseen),
    )
    caption = "One point a class; dashed, the thresholds of a collapsed class and of one that is not recognised."
    picture = Picture("Accuracy against MS-SSIM", caption, "image/svg+xml", svg)
    return Section("Diversity and accuracy together", told, pictures=[picture])
