"""genmetrics score: two folders of images to numbers with intervals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import genmetrics
from genmetrics._checks import DataError
from genmetrics._console import shown, speaking_errors, stdout
from genmetrics.commands.options import images_as_python, network_options, reading_options

if TYPE_CHECKING:
    from genmetrics.records import Record


@click.command()
@click.argument("samples", required=False)
@click.option("--test-set", required=True, help="Held-out real images: the reference.")
@click.option("--train-set", help="Real images the generator was trained on: give each number its real-data baseline.")
@click.option("--generator", help="Instead of SAMPLES: module:function that makes them; see docs/inputs.md.")
@click.option("--n", type=click.IntRange(min=1), help="How many images the generator is to make.")
@click.option("--latent-dim", type=click.IntRange(min=1), help="Call the generator with latents of this width.")
@click.option("--classes", type=click.IntRange(min=1), help="Call the generator with latents and this many classes.")
@click.option("--metrics", help="Comma-separated names; by default the usual panel.")
@click.option(
    "--protocol",
    "protocols",
    multiple=True,
    help="Named protocol, as fid-50k: metric, extractor and number of images; comma-separated or repeated.",
)
@click.option("--images", type=click.IntRange(min=1), help="Take this many of the samples, drawn by --seed.")
@network_options
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder for report.html, record.json and what `compare` takes."
)
@click.option("--json", "as_json", is_flag=True, help="Print the record as JSON, and nothing else, on stdout.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Fixes every random choice.")
@reading_options
@click.option("--no-intervals", is_flag=True, help="Leave out the 95% intervals; faster.")
@speaking_errors
def score(
    samples: str | None,
    test_set: str,
    train_set: str | None,
    generator: str | None,
    n: int | None,
    latent_dim: int | None,
    classes: int | None,
    metrics: str | None,
    protocols: tuple[str, ...],
    images: int | None,
    out: Path | None,
    as_json: bool,
    seed: int,
    no_intervals: bool,
    **how: Any,
) -> None:
    """Score the generated images SAMPLES against real ones.

    SAMPLES and the sets are folders (searched recursively; class sub-folders give labels), .zip or .tar files, .npz or
    .npy, WebDataset shards ('shards-{000..009}.tar'), URLs of these, names of data sets (cifar10:test), or features or
    statistics computed before (genmetrics features; any .npz with mu and sigma). See docs/inputs.md.
    """
    names = None if metrics is None else [name.strip() for name in metrics.split(",") if name.strip()]
    if names == []:
        raise click.UsageError("--metrics names no metric")
    if (samples is None) == (generator is None):
        raise click.UsageError("give either SAMPLES or --generator")
    if generator is None and (n or latent_dim or classes):
        raise click.UsageError("--n, --latent-dim and --classes belong to --generator")
    record = genmetrics.evaluate(
        real=test_set,
        generated=samples if generator is None else generated_by(generator, n, latent_dim, classes, seed),
        train=train_set,
        metrics=names,
        protocols=[name.strip() for part in protocols for name in part.split(",") if name.strip()] or None,
        n_images=images,
        seed=seed,
        intervals=not no_intervals,
        out=out,
        progress=shown,
        **images_as_python(how),
    )
    show(record, as_json, out)


def generated_by(text: str, n: int | None, latent_dim: int | None, classes: int | None, seed: int) -> Any:
    """The generator that the options describe.

    Raises:
        DataError: there is none of that name, or the options do not fit.
    """
    from genmetrics.sources.generators import Generator, named_function

    if n is None:
        raise DataError("generator: how many images? pass --n")
    return Generator(named_function(text), n, latent_dim, classes, seed)


def show(record: Record, as_json: bool, out: Path | None) -> None:
    """The record on stdout, and where its report lies."""
    if as_json:
        click.echo(record.to_json(), nl=False)
    else:
        from genmetrics.reports.text import print_record

        print_record(record, stdout())
    if out is not None:
        click.echo(f"Report: {out / 'report.html'}   Record: {out / 'record.json'}", err=True)
