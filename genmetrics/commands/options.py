"""Options that several commands share: which network, and how images are read."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import click

from genmetrics._console import RANGES
from genmetrics.extractors import BACKENDS, PRECISIONS

Command = TypeVar("Command", bound=Callable[..., Any])

NETWORK = (
    click.option(
        "--extractor",
        help="inception-v3-tf2015 (the default, if its weights are there; @clean, @torch-bilinear: resized otherwise), "
        "timm:NAME, random-vgg16, digits-cnn, mnist-cnn, cifar10-wrn, pixels, or your own: module:PATH, onnx:PATH.",
    ),
    click.option(
        "--weights",
        type=click.Path(path_type=Path),
        help="File of the weights of inception-v3-tf2015 or timm:NAME; by default it is looked for.",
    ),
    click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ..."),
    click.option(
        "--precision",
        type=click.Choice(list(PRECISIONS)),
        default="strict",
        show_default=True,
        help="Arithmetic of the network: float32; or less, which changes the numbers and their signatures.",
    ),
    click.option(
        "--backend",
        type=click.Choice(list(BACKENDS)),
        default="auto",
        show_default=True,
        help="What runs the Inception network. All give the same numbers; auto is the fastest that starts at once.",
    ),
)

READING = (
    click.option("--value-range", type=click.Choice(list(RANGES)), help="Black and white of float images."),
    click.option(
        "--skip-damaged/--strict",
        default=None,
        help="Leave out damaged image files and count them, or stop at the first. By default they are left out of tar "
        "archives, and stop everything else.",
    ),
    click.option("--data-root", type=click.Path(path_type=Path), help="Where data sets known by name are."),
    click.option("--download", is_flag=True, help="Get a data set known by name if it is not there."),
    click.option(
        "--workers", type=click.IntRange(min=0), default=0, help="Processes that decode images ahead of the network."
    ),
    click.option(
        "--batch-size",
        type=click.IntRange(min=1),
        help="Images that each worker decodes at a time. No number depends on it: the network's own batches have one "
        "size.",
    ),
    click.option("--no-cache", is_flag=True, help="Neither read nor write cached features."),
)


def network_options(command: Command) -> Command:
    """--extractor, --weights, and how the network is run."""
    return reduce(lambda inner, option: option(inner), reversed(NETWORK), command)


def reading_options(command: Command) -> Command:
    """--value-range and all that says how images are read."""
    return reduce(lambda inner, option: option(inner), reversed(READING), command)


def images_as_python(how: dict[str, Any]) -> dict[str, Any]:
    """The values of both, as `genmetrics.evaluate` and `extract` take them."""
    how = dict(how)
    chosen = how.pop("value_range")
    no_cache = how.pop("no_cache")
    return {**how, "value_range": None if chosen is None else RANGES[chosen], "cache": not no_cache}
