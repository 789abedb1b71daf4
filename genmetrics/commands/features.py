"""genmetrics features: what a network says of images, to a file that `score` takes in their place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from genmetrics._checks import DataError, count
from genmetrics._console import shown, speaking_errors
from genmetrics.commands.options import images_as_python, network_options, reading_options


@click.command()
@click.argument("images")
@network_options
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The .npz to write.")
@click.option("--statistics", is_flag=True, help="Write mean and covariance (mu, sigma, n) and not the features.")
@click.option("--outputs", help="Comma-separated: further outputs of the network.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON, and nothing else, on stdout.")
@reading_options
@speaking_errors
def features(images: str, out: Path, statistics: bool, outputs: str | None, as_json: bool, **how: Any) -> None:
    """Write the features of IMAGES, one row an image in their order, or their statistics, to an .npz.

    `genmetrics score` takes the file in place of the images: of features, for every metric but those of pixels; of
    statistics, for the Frechet distance.
    """
    from genmetrics.extractors import DEFAULT, find_extractor
    from genmetrics.features import Ahead, features_of
    from genmetrics.precomputed import save_features, save_statistics
    from genmetrics.sources import open_images, refuse_missing

    if out.suffix != ".npz":
        raise DataError(f"--out {out} should end in .npz")
    if out.parent != Path() and not out.parent.is_dir():
        raise DataError(f"there is no folder {out.parent}; make it first")
    settings = images_as_python(how)
    ahead = Ahead.of(settings.pop("workers"), settings.pop("batch_size"))
    cache = settings.pop("cache")
    wanted = [name.strip() for name in (outputs or "").split(",") if name.strip()]
    name = settings.pop("extractor") or DEFAULT
    chosen = {key: settings.pop(key) for key in ("device", "weights", "precision", "backend")}
    refuse_missing(images, "images")
    network = find_extractor(name, outputs=wanted, **chosen)
    opened = open_images(images, "images", **settings)
    found = features_of(opened, network, cache=cache, ahead=ahead, progress=shown)
    missing = [name for name in wanted if name not in found.outputs]
    if missing:
        raise DataError(f"{network.name} gives {', '.join(found.outputs)}, not {', '.join(missing)}")
    for warning in opened.warnings:
        click.echo(warning, err=True)
    (save_statistics if statistics else save_features)(out, opened, found, network)
    widths = {name: value.shape[1] for name, value in found.outputs.items()}
    if statistics:
        widths = {"features": widths["features"]}
    if as_json:
        click.echo(json.dumps({"out": str(out), "n": opened.n, "outputs": widths, "content": found.digest}, indent=2))
        return
    what = ", ".join(f"{name} ({width})" for name, width in widths.items())
    held = "mean and covariance of " if statistics else ""
    click.echo(f"{out}: {held}{what} of {count(opened.n, 'image')} by {network.name}")
