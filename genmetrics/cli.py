"""The command line: parse, call one function, print. Results on stdout; progress and messages on stderr.

Exit status: 0 done, 1 the data cannot be used, 2 the command line cannot.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import genmetrics
from genmetrics._checks import DataError, UnknownNameError

if TYPE_CHECKING:
    from rich.console import Console

    from genmetrics.records import Record

RANGES = {"0,1": (0.0, 1.0), "-1,1": (-1.0, 1.0), "0,255": (0.0, 255.0)}


def speaking_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Bad data: one sentence on stderr and status 1. An unknown name: likewise, status 2."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            if sys.stdout is None:
                raise DataError("standard output is closed")
            command(*args, **kwargs)
            sys.stdout.flush()
        except DataError as error:
            click.echo(f"Error: {error}", err=True)
            sys.exit(2 if isinstance(error, UnknownNameError) else 1)
        except BrokenPipeError:
            raise
        except OSError as error:
            click.echo(f"Error: cannot write the result: {error.strerror or error}", err=True)
            os._exit(1)  # what is still buffered for standard output cannot be written either

    return run


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(genmetrics.__version__, prog_name="genmetrics")
def main() -> None:
    """How good are these generated images, and can you trust the number?"""


@main.command()
@click.argument("samples")
@click.option("--test-set", required=True, help="Held-out real images: the reference.")
@click.option("--train-set", help="Real images the generator was trained on: give each number its real-data baseline.")
@click.option("--metrics", help="Comma-separated names; by default all that the extractor serves.")
@click.option(
    "--extractor",
    help="inception-v3-tf2015 (the default, if its weights are there; @clean, @torch-bilinear: resized otherwise), "
    "digits-cnn, pixels, or module:PATH of your own exported torch network.",
)
@click.option("--weights", type=click.Path(path_type=Path), help="File of the weights of inception-v3-tf2015.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for record.json and report.html.")
@click.option("--json", "as_json", is_flag=True, help="Print the record as JSON, and nothing else, on stdout.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Fixes every random choice.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
@click.option("--value-range", type=click.Choice(list(RANGES)), help="Black and white of float images.")
@click.option("--no-intervals", is_flag=True, help="Leave out the 95% intervals; faster.")
@click.option("--no-cache", is_flag=True, help="Neither read nor write cached features.")
@speaking_errors
def score(
    samples: str,
    test_set: str,
    train_set: str | None,
    metrics: str | None,
    extractor: str | None,
    weights: Path | None,
    out: Path | None,
    as_json: bool,
    seed: int,
    device: str,
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
        weights=weights,
        seed=seed,
        intervals=not no_intervals,
        device=device,
        out=out,
        value_range=None if value_range is None else RANGES[value_range],
        cache=not no_cache,
        progress=shown,
    )
    show(record, as_json, out)


@main.command()
@click.argument("record_a", type=click.Path(exists=True, dir_okay=False))
@click.argument("record_b", type=click.Path(exists=True, dir_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else, on stdout.")
@speaking_errors
def compare(record_a: str, record_b: str, as_json: bool) -> None:
    """Is one set of samples better? Difference A - B of every metric that two record.json files share."""
    from genmetrics.records import Record

    found = genmetrics.compare(Record.from_json(record_a), Record.from_json(record_b))
    if as_json:
        import dataclasses
        import json

        click.echo(json.dumps([dataclasses.asdict(row) for row in found], indent=2))
        return
    from genmetrics.reports.text import print_differences

    print_differences(found, stdout())


@main.command()
@click.option("--out", type=click.Path(path_type=Path), default="demo-report", show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the records as JSON, and nothing else, on stdout.")
@speaking_errors
def demo(out: Path, seed: int, as_json: bool) -> None:
    """Score four sets of digits that come with the package, and say what each metric saw."""
    from genmetrics.demo import print_demo, run_demo

    results = run_demo(out, seed, shown)
    if as_json:
        import json

        click.echo(json.dumps({name: record.as_dict() for name, record in results.records.items()}, indent=2))
        return
    print_demo(results, stdout())


def show(record: Record, as_json: bool, out: Path | None) -> None:
    """The record on stdout, and where its report lies."""
    if as_json:
        click.echo(record.to_json(), nl=False)
    else:
        from genmetrics.reports.text import print_record

        print_record(record, stdout())
    if out is not None:
        click.echo(f"Report: {out / 'report.html'}   Record: {out / 'record.json'}", err=True)


def stdout() -> Console:
    """Where results are printed; a pipe gets plain text of 100 columns."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 100)


def shown(items: Iterable[Any], label: str, total: int) -> Iterable[Any]:
    """The items, with a progress bar on stderr where a person is looking."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(
        items,
        description=label,
        total=total,
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


if __name__ == "__main__":
    main()
