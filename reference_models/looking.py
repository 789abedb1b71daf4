"""What a run looks like: reconstruct and interpolate real images through a model's latents; curves of its numbers."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from genmetrics._checks import DataError
from genmetrics.records import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Z95 = 1.959964
FAR = 5  # a number that has been so many times its median is drawn on a logarithmic axis
INK = "#23272e"
SHOWN_AT = 6  # steps at which `curves` shows samples
COLOURS = ("#0f6e78", "#b5651d", "#7a4fa3", "#8a8f98", "#a23b3b", "#3b6ea2")

run_argument = click.argument("run", type=click.Path(path_type=Path))


def of_kind(*suffixes: str) -> Callable[[click.Context, click.Parameter, Path], Path]:
    """A callback: a file of another kind is refused before anything is computed."""

    def check(_: click.Context, __: click.Parameter, path: Path) -> Path:
        if path.suffix.lower() not in suffixes:
            raise click.BadParameter(f"{path} should end in {' or '.join(suffixes)}")
        return path

    return check


picture_option = click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    callback=of_kind(".png"),
    help="The picture, a PNG file.",
)

seed_option = click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True)
device_option = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")


def autoencoder(run: Path, device: str) -> tuple[Any, Any]:
    """The model of a run and its data.

    Raises:
        DataError: the model has no encoder.
    """
    from reference_models.__main__ import trained

    model, dataset = trained(run, device)
    if not hasattr(model, "encode"):
        raise DataError(f"{run} holds a model without an encoder; vae, vae-10, vae-50, vae-conv and introvae have one")
    return model, dataset


@click.command()
@run_argument
@picture_option
@click.option("--n", type=click.IntRange(min=1), default=16, show_default=True, help="Images shown.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
@seed_option
@device_option
def reconstruct(run: Path, out: Path, n: int, as_json: bool, seed: int, device: str) -> None:
    """Encode and decode the test images of RUN: the picture has images above their reconstructions.

    The squared error, summed over the pixels of an image, is that of all test images, with its 95% interval.
    """
    from reference_models.monitor import grid, png

    model, dataset = autoencoder(run, device)
    images = dataset.test.images
    errors = {"mean": model.squared_errors(images), "sample": model.squared_errors(images, seed)}
    some = np.random.default_rng(seed).permutation(len(images))[:n]
    rebuilt = model.decode(model.encode(images[some])[0])
    pairs = zip(in_rows(images[some]), in_rows(rebuilt), strict=True)
    rows = [part for pair in pairs for part in pair]
    write_atomically(out, png(grid(np.concatenate(rows), len(rows[0]))))
    found = {name: interval(values) for name, values in errors.items()}
    if as_json:
        click.echo(json.dumps({"images": len(images), "squared_error": found}, indent=2))
        return
    for name, (value, low, high) in found.items():
        z = {"mean": "the mean", "sample": "a sample"}[name]
        click.echo(f"squared error of {len(images)} test images, z {z} of q(z|x): {value:.4g} [{low:.4g}, {high:.4g}]")


def in_rows(images: np.ndarray, columns: int = 16) -> list[np.ndarray]:
    """Rows of at most so many images, the last one filled with black."""
    columns = min(columns, len(images))
    missing = -len(images) % columns
    filled = np.concatenate([images, np.zeros((missing, *images.shape[1:]), np.uint8)])
    return list(filled.reshape(-1, columns, *images.shape[1:]))


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Their mean with its 95% interval."""
    reach = Z95 * values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else np.inf
    return float(values.mean()), float(values.mean() - reach), float(values.mean() + reach)


@click.command()
@run_argument
@picture_option
@click.option("--pairs", type=click.IntRange(min=1), default=8, show_default=True, help="Pairs of test images joined.")
@click.option("--steps", type=click.IntRange(min=2), default=9, show_default=True, help="Images on each path.")
@click.option(
    "--kind", type=click.Choice(["linear", "spherical"]), default="linear", show_default=True, help="Of path."
)
@seed_option
@device_option
def interpolate(run: Path, out: Path, pairs: int, steps: int, kind: str, seed: int, device: str) -> None:
    """Paths between the latents of real images: each row a test image, the images on the way, another test image.

    Latents are the means of q(z|x); the paths are those of `genmetrics latent`.
    """
    from genmetrics.analyses import latent
    from reference_models.monitor import grid, png

    model, dataset = autoencoder(run, device)
    images = dataset.test.images
    if len(images) < 2 * pairs:
        raise DataError(f"{pairs} pairs need {2 * pairs} test images, and there are {len(images)}; ask for fewer")
    ends = images[np.random.default_rng(seed).permutation(len(images))[: 2 * pairs]]
    latents, _ = model.encode(ends)
    rows = []
    for i in range(0, len(ends), 2):
        on_the_way = model.decode(latent.interpolate(latents[i], latents[i + 1], steps, kind))
        rows += [ends[i : i + 1], on_the_way, ends[i + 1 : i + 2]]
    write_atomically(out, png(grid(np.concatenate(rows), steps + 2)))
    click.echo(f"{pairs} paths of {steps} images between test images saved in {out}", err=True)


@click.command()
@run_argument
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    callback=of_kind(".svg", ".png"),
    help="The picture, PATH.svg or PATH.png.",
)
def curves(run: Path, out: Path) -> None:
    """The numbers that RUN logged, against steps; below them samples, where `train` had --grid-every.

    IntroVAE's are those of its paper's Figure 5: the squared error, and the KLs with the margin.
    """
    from genmetrics.reports import plots
    from reference_models import checkpoints, models
    from reference_models.monitor import GRIDS, LOG
    from reference_models.monitor import rows as rows_of

    settings = checkpoints.read_settings(run)
    found = list(rows_of(run / LOG)) if (run / LOG).exists() else []
    if not found:
        raise DataError(f"{run} holds no {LOG}, or an empty one; train with --log-every")
    panels = panels_of(models.find(settings["model"]), found)
    pictures = evenly(sorted((run / GRIDS).glob("*.png")), SHOWN_AT)
    with plots.figure(max(4.5 * len(panels), 6), 3.2 + 1.4 * bool(pictures)) as drawn:
        heights = [3, 1.4] if pictures else [1]
        layout = drawn.add_gridspec(len(heights), len(panels) * SHOWN_AT, height_ratios=heights)
        for i, (title, names) in enumerate(panels.items()):
            draw(drawn.add_subplot(layout[0, i * SHOWN_AT : (i + 1) * SHOWN_AT]), title, names, found)
        for i, picture in enumerate(pictures):
            width = len(panels)
            show(drawn.add_subplot(layout[1, i * width : (i + 1) * width]), picture)
        write_atomically(out, plots.svg(drawn) if out.suffix == ".svg" else as_png(drawn))
    click.echo(f"{len(found)} rows of {run / LOG} drawn in {out}", err=True)


def panels_of(model: Any, rows: list[dict[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Title -> numbers in one plot: the model's choice, else each number alone."""
    names = dict.fromkeys(name for row in rows for name in row if name != "step")
    chosen = getattr(model, "panels", None) or {name: (name,) for name in names}
    kept = {title: tuple(n for n in wanted if n in names) for title, wanted in chosen.items()}
    return {title: wanted for title, wanted in kept.items() if wanted}


def evenly(files: list[Path], n: int) -> list[Path]:
    """At most n of them, the first and the last included."""
    return [files[i] for i in sorted({round(x) for x in np.linspace(0, len(files) - 1, min(n, len(files)))})]


def draw(axes: Axes, title: str, names: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    """Each number against steps, on a logarithmic axis where it falls a long way; a margin as a dashed line on top."""
    for name, colour in zip(names, itertools.cycle(COLOURS), strict=False):
        points = [(row["step"], row[name]) for row in rows if name in row]
        style = {"linestyle": (0, (4, 3)), "color": INK, "zorder": 3} if name == "margin" else {"color": colour}
        axes.plot(*zip(*points, strict=True), linewidth=1, label=name.replace("_", " ").replace("kl", "KL"), **style)
        values = [value for _, value in points]
        if min(values) > 0 and max(values) > FAR * np.median(values):
            axes.set_yscale("log")
    axes.set_title(title)
    axes.set_xlabel("steps")
    if len(names) > 1:
        axes.legend(frameon=False, fontsize=8)


def show(axes: Axes, picture: Path) -> None:
    """The first four by four samples of a grid."""
    from PIL import Image

    with Image.open(picture) as opened:
        pixels = np.asarray(opened.crop((0, 0, opened.width // 2, opened.height // 2)))
    axes.imshow(pixels, cmap="gray" if pixels.ndim == 2 else None)
    axes.set_axis_off()
    axes.set_title(f"{int(picture.stem):,}", fontsize=8)


def as_png(drawn: Any) -> bytes:
    """The figure on white."""
    import io

    file = io.BytesIO()
    drawn.savefig(file, format="png", dpi=110, metadata={"Software": None})
    return file.getvalue()
