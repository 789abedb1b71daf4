"""genmetrics score: two folders of images to numbers with intervals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

import genmetrics
from genmetrics._console import RANGES, shown, speaking_errors, stdout

if TYPE_CHECKING:
    from genmetrics.records import Record


@click.command()
@click.argument("samples")
@click.option("--test-set", required=True, help="Held-out real images: the reference.")
@click.option("--train-set", help="Real images the generator was trained on: give each number its real-data baseline.")
@click.option("--metrics", help="Comma-separated names; by default the usual panel.")
@click.option(
    "--protocol",
    "protocols",
    multiple=True,
    help="Named protocol, as fid-50k: metric, extractor and number of images; comma-separated or repeated.",
)
@click.option("--images", type=click.IntRange(min=1), help="Take this many of the samples, drawn by --seed.")
@click.option(
    "--extractor",
    help="inception-v3-tf2015 (the default, if its weights are there; @clean, @torch-bilinear: resized otherwise), "
    "digits-cnn, mnist-cnn, pixels, or module:PATH of your own exported torch network.",
)
@click.option("--weights", type=click.Path(path_type=Path), help="File of the weights of inception-v3-tf2015.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for record.json and report.html.")
@click.option("--json", "as_json", is_flag=True, help="Print the record as JSON, and nothing else, on stdout.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Fixes every random choice.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
@click.option("--workers", type=click.IntRange(min=0), default=0, help="Processes that decode images ahead.")
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    help="Images that each worker decodes at a time. No number depends on it: the network's own batches have one size.",
)
@click.option("--value-range", type=click.Choice(list(RANGES)), help="Black and white of float images.")
@click.option("--no-intervals", is_flag=True, help="Leave out the 95% intervals; faster.")
@click.option("--no-cache", is_flag=True, help="Neither read nor write cached features.")
@speaking_errors
def score(
    samples: str,
    test_set: str,
    train_set: str | None,
    metrics: str | None,
    protocols: tuple[str, ...],
    images: int | None,
    extractor: str | None,
    weights: Path | None,
    out: Path | None,
    as_json: bool,
    seed: int,
    device: str,
    workers: int,
    batch_size: int | None,
    value_range: str | None,
    no_intervals: bool,
    no_cache: bool,
) -> None:
    """Score the generated images SAMPLES against real ones.

    SAMPLES and the sets are folders (searched recursively; class sub-folders give labels), .zip files, .npz or .npy.
    """
    names = None if metrics is None else [name.strip() for name in metrics.split(",") if name.strip()]
    if names == []:
        raise click.UsageError("--metrics names no metric")
    record = genmetrics.evaluate(
        real=test_set,
        generated=samples,
        train=train_set,
        metrics=names,
        extractor=extractor,
        protocols=[name.strip() for part in protocols for name in part.split(",") if name.strip()] or None,
        n_images=images,
        weights=weights,
        seed=seed,
        intervals=not no_intervals,
        device=device,
        out=out,
        value_range=None if value_range is None else RANGES[value_range],
        cache=not no_cache,
        workers=workers,
        batch_size=batch_size,
        progress=shown,
    )
    show(record, as_json, out)


def show(record: Record, as_json: bool, out: Path | None) -> None:
    """The record on stdout, and where its report lies."""
    if as_json:
        click.echo(record.to_json(), nl=False)
    else:
        from genmetrics.reports.text import print_record

        print_record(record, stdout())
    if out is not None:
        click.echo(f"Report: {out / 'report.html'}   Record: {out / 'record.json'}", err=True)
