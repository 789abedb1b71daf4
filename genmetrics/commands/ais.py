"""genmetrics ais: how likely are images under a decoder?"""

from __future__ import annotations

import dataclasses
import json
import warnings
from pathlib import Path
from typing import Any

import click

from genmetrics._console import shown, speaking_errors


@click.command()
@click.argument("images", required=False)
@click.option(
    "--decoder", "named", required=True, help="module:function or file.py:function, latents to images in [0, 1]."
)
@click.option("--latent-dim", type=click.IntRange(min=1), required=True, help="Width of the latents.")
@click.option(
    "--obs-var", required=True, help="VARIANCE of the observation noise; several, comma-separated, are a sweep."
)
@click.option("--temperatures", type=click.IntRange(min=2), default=1000, show_default=True)
@click.option("--chains", type=click.IntRange(min=1), default=16, show_default=True, help="For each image.")
@click.option("--n", type=click.IntRange(min=1), default=100, show_default=True, help="Images used, or simulated.")
@click.option(
    "--bdmc", is_flag=True, help="Bounds from both sides on images simulated from the model; needs no IMAGES."
)
@click.option(
    "--checkpoint", type=click.Path(path_type=Path, dir_okay=False), help="Go on from this file, and keep it."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Fixes every random choice.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, ...")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else, on stdout.")
@speaking_errors
def ais(
    images: str | None,
    named: str,
    latent_dim: int,
    obs_var: str,
    temperatures: int,
    chains: int,
    n: int,
    bdmc: bool,
    checkpoint: Path | None,
    seed: int,
    device: str,
    as_json: bool,
) -> None:
    """Log-likelihood of IMAGES (folder, .zip, .npz or .npy) under p(z) = N(0, I), p(x|z) = N(G(z), obs_var).

    Pixels are dequantised as (x + u) / 256, u uniform in [0, 1), so values are nats a density in those units.
    """
    variances = numbers(obs_var)
    if images is None and not bdmc:
        raise click.UsageError("name IMAGES, or pass --bdmc")
    if images is not None and bdmc:
        raise click.UsageError("--bdmc simulates its images: leave IMAGES out")
    if checkpoint is not None and (bdmc or len(variances) > 1):
        raise click.UsageError("--checkpoint keeps one forward run: pass one --obs-var, and no --bdmc")
    from genmetrics._checks import pick_device
    from genmetrics.analyses.ais_chains import can_be_kept

    if checkpoint is not None:
        can_be_kept(checkpoint)
    pick_device(device)
    decoder = find_decoder(named)
    settings: dict[str, Any] = {"temperatures": temperatures, "chains": chains, "seed": seed, "device": device}
    from genmetrics.analyses.ais import ais_bdmc, ais_log_likelihood

    rows: list[dict[str, Any]] = []
    pixels = None if images is None else dequantised(images, n, seed)
    for variance in variances:
        if pixels is None:
            found = ais_bdmc(decoder, latent_dim, variance, n, progress=shown, **settings)
            row = {"lower": found.lower, "upper": found.upper, "gap": found.gap}
            row |= {"lower_std_error": found.lower_std_error, "upper_std_error": found.upper_std_error, "n": n}
        else:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=".* carry the weight")  # printed below, of the notes
                likelihood = ais_log_likelihood(
                    decoder, pixels, latent_dim, variance, checkpoint=checkpoint, progress=shown, **settings
                )
            row = dataclasses.asdict(likelihood) | {"per_image": likelihood.per_image.tolist(), "n": len(pixels)}
            row["effective_chains"] = float(likelihood.effective_chains.mean())
        rows.append({"obs_var": variance, **{key: value for key, value in row.items() if key != "obs_var"}, **settings})
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo(sentence(row))
        for note in row.get("notes", ()):
            click.echo(f"  note: {note}")


def sentence(row: dict[str, Any]) -> str:
    """One result in words."""
    if "gap" in row:
        return (
            f"obs_var {row['obs_var']:g}: {row['lower']:.2f} to {row['upper']:.2f} nats on {row['n']} simulated images "
            f"(gap {row['gap']:.2f}; standard errors {shown_error(row['lower_std_error'])}, "
            f"{shown_error(row['upper_std_error'])})"
        )
    return (
        f"obs_var {row['obs_var']:g}: {row['value']:.2f} nats on {row['n']} images, standard error "
        f"{shown_error(row['std_error'])}, acceptance {row['acceptance']:.2f}, "
        f"{row['effective_chains']:.1f} of {row['chains']} chains effective"
    )


def shown_error(error: float | None) -> str:
    return "none" if error is None else f"{error:.2f}"


def numbers(text: str) -> list[float]:
    """Comma-separated numbers above 0."""
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or not all(0 < value < float("inf") for value in found):
        raise click.UsageError(f"--obs-var must be numbers above 0, got '{text}'")
    return found


def find_decoder(named: str) -> Any:
    """The function that `module:function` or `file.py:function` names; its module may lie in the working folder.

    Raises:
        DataError: there is none.
    """
    import importlib
    import importlib.util
    import sys

    from genmetrics._checks import DataError

    module, _, function = named.rpartition(":")
    if not module or not function:
        raise click.UsageError(f"--decoder is module:function or file.py:function, got '{named}'")
    try:
        if module.endswith(".py"):
            spec = importlib.util.spec_from_file_location(Path(module).stem, module)
            assert spec is not None
            assert spec.loader is not None
            loaded = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(loaded)
        else:
            sys.path.insert(0, "")
            loaded = importlib.import_module(module)
    except (ImportError, OSError) as error:
        raise DataError(f"--decoder: cannot import {module}: {error}") from None
    if not callable(getattr(loaded, function, None)):
        raise DataError(f"--decoder: {module} has no function '{function}'")
    return getattr(loaded, function)


def dequantised(images: str, n: int, seed: int) -> Any:
    """The first n images, (n, channels, height, width), as (x + u) / 256."""
    import numpy as np

    from genmetrics._checks import DataError
    from genmetrics.sources import open_images

    opened = open_images(images, "images")
    if len(opened.sizes) > 1:
        raise DataError(f"images have {len(opened.sizes)} sizes; a decoder makes one")
    pixels = np.stack(opened.take(range(min(n, len(opened)))))
    noise = np.random.default_rng(seed).random(pixels.shape)
    return ((pixels + noise) / 256).astype(np.float32).transpose(0, 3, 1, 2)
