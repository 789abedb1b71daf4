"""What the commands of the analyses share: their options, sets in canonical order, and where results go."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from genmetrics._console import RANGES, stdout
from genmetrics.records import Record, Score, write_record

if TYPE_CHECKING:
    from genmetrics.reports.analysis import Section, Table
    from genmetrics.sides import Side
    from genmetrics.sources import ImageSet

OPTIONS = (
    click.option("--out", type=click.Path(path_type=Path), help="Folder for record.json and report.html."),
    click.option("--json", "as_json", is_flag=True, help="Print the record as JSON, and nothing else, on stdout."),
    click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Fixes every random choice."),
    click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ..."),
    click.option("--value-range", type=click.Choice(list(RANGES)), help="Black and white of float images."),
)


def common_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--out, --json, --seed, --device and --value-range."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def class_names(path: Path) -> list[str]:
    """Names of the classes in the order of the logits, one a line."""
    return [name.strip() for name in path.read_text(encoding="utf-8").split("\n") if name.strip()]


def opened(source: str, name: str, value_range: str | None) -> ImageSet:
    """The images of one set, checked."""
    from genmetrics.sources import open_images

    return open_images(source, name, value_range=None if value_range is None else RANGES[value_range])


def ordered(images: ImageSet, progress: Callable[..., Any]) -> Side:
    """A set in canonical order, by content digest, as `genmetrics score` sees it; without features."""
    from genmetrics.features import DIGEST_BYTES, Features, content_digest
    from genmetrics.sides import Side

    digests = np.empty((images.n, DIGEST_BYTES), np.uint8)
    for i, image in enumerate(progress(images.stream(), f"{images.name}: digests", images.n)):
        digests[i] = np.frombuffer(content_digest(image), np.uint8)
    order = np.lexsort(digests.T[::-1])
    return Side.of(images, Features({}, digests[order], order))


def record_of(
    scores: Sequence[Score],
    inputs: Mapping[str, ImageSet],
    seed: int,
    network: Any = None,
    warnings: Sequence[str] = (),
) -> Record:
    """The record of an analysis."""
    from genmetrics.evaluation import environment

    extractor = {}
    machine: Any = network or SimpleNamespace(device="cpu")
    if network is not None:
        extractor = {"name": network.name, "weights_sha256": network.weights_sha256, "resize": network.resize}
    return Record(
        scores=tuple(scores),
        inputs={name: images.summary() for name, images in inputs.items()},
        extractor=extractor,
        seed=seed,
        warnings=(*(note for images in inputs.values() for note in images.warnings), *warnings),
        environment=environment(machine),
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )


def deliver(
    record: Record,
    title: str,
    lead: str,
    sections: Sequence[Section],
    *,
    tables: Sequence[Table],
    out: Path | None,
    as_json: bool,
) -> None:
    """The record on stdout, as tables or as JSON; page and record in the folder `out`."""
    if out is not None:
        from genmetrics.reports.analysis import render

        shown = tuple(picture for section in sections for picture in section.pictures)
        page = render(title, lead, sections, replace(record, pictures=shown)).encode(errors="replace")
        write_record(out, record, page)
    if as_json:
        click.echo(record.to_json(), nl=False)
    else:
        print_tables(record, tables)
    if out is not None:
        click.echo(f"Report: {out / 'report.html'}   Record: {out / 'record.json'}", err=True)


def print_tables(record: Record, tables: Sequence[Table]) -> None:
    """Tables, then what to keep in mind and the signatures."""
    from genmetrics.reports.text import aligned, least_width, print_record

    console = stdout()
    for table in tables:
        cells = [[(cell, "") for cell in row] for row in table.rows]
        drawn = aligned(console, list(table.headings), cells)
        least_width(drawn, console)
        console.print(drawn, crop=False)
        console.print()
    print_record(record, console)
