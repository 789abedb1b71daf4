"""genmetrics latent: how evenly do a generator's images change along its latent space?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from genmetrics._checks import DataError, count
from genmetrics._console import speaking_errors
from genmetrics.commands._analyses import common_options, deliver, opened, record_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from genmetrics.analyses.latent import Evenness
    from genmetrics.records import Score
    from genmetrics.reports.analysis import Section
    from genmetrics.sources import ImageSet

DRAWN = 8  # paths shown
STYLES = 8  # columns of the grid of classes
TITLE = "Latent space"


@click.command()
@click.argument("generator")
@click.option("--latent-dim", type=click.IntRange(min=1), help="Width of the latents; by default the generator says.")
@click.option("--classes", type=click.IntRange(min=2), help="Classes of the generator, if it takes class numbers.")
@click.option("--paths", type=click.IntRange(min=1), default=32, show_default=True, help="Pairs of latents joined.")
@click.option("--steps", type=click.IntRange(min=3), default=9, show_default=True, help="Images on each path.")
@click.option(
    "--kind", type=click.Choice(["linear", "spherical", "both"]), default="both", show_default=True, help="Of path."
)
@click.option("--encoder", help="module:function, uint8 images (n, h, w, c) to latents: paths then join real images.")
@click.option("--test-set", help="With --encoder: the real images, of which pairs are drawn.")
@click.option("--extractor", default="pixels", show_default=True, help="Features in which steps are measured.")
@click.option("--weights", type=click.Path(path_type=Path), help="File of the weights of inception-v3-tf2015.")
@common_options
@speaking_errors
def latent(
    generator: str,
    latent_dim: int | None,
    classes: int | None,
    paths: int,
    steps: int,
    kind: str,
    encoder: str | None,
    test_set: str | None,
    extractor: str,
    weights: Path | None,
    out: Path | None,
    as_json: bool,
    seed: int,
    device: str,
    value_range: str | None,
) -> None:
    """How evenly do the images of GENERATOR change on the way from one latent to another?

    GENERATOR is module:function, of latents (n, d) and, with --classes, class numbers (n,); it returns uint8 images
    or floats in [0, 1]. The package's own: genmetrics.analyses.latent:digits_vae.
    """
    from genmetrics.analyses import latent as latents
    from genmetrics.asked import writable_folder
    from genmetrics.extractors import find_extractor

    if (encoder is None) != (test_set is None):
        raise click.UsageError("--encoder and --test-set go together")
    folder = writable_folder(out) if out is not None else None
    function = latents.find_generator(generator)
    sets = {} if test_set is None else {"real": opened(test_set, "real", value_range)}
    encodings = None if encoder is None else encoded_pairs(encoder, sets["real"], paths, seed)
    width = latents.latent_width(function, latent_dim) if encodings is None else encodings.shape[2]
    if latents.takes_classes(function) != bool(classes):
        takes = "takes class numbers: pass --classes" if not classes else "takes latents alone: leave out --classes"
        raise DataError(f"generator: {generator} {takes}")
    network = find_extractor(extractor, device, weights)
    rng = np.random.default_rng(seed)
    ends = rng.standard_normal((paths, 2, width)) if encodings is None else encodings
    labels = np.arange(paths) % classes if classes else None
    images, found = {}, {}
    for way in ("linear", "spherical") if kind == "both" else (kind,):
        z = np.concatenate([latents.interpolate(a, b, steps, way) for a, b in ends])
        images[way] = latents.generated(function, z, None if labels is None else np.repeat(labels, steps))
        found[way] = latents.evenness_of_paths(features_of_images(images[way], network).reshape(paths, steps, -1))
    options = {"latents": width, "steps": steps, "seed": seed, **({"classes": classes} if classes else {})}
    if encoder is not None:
        options["ends"] = f"{encoder}({sets['real'].n}@{sets['real'].digest[:8]})"
    scores = [score_of(generator, way, found[way], images[way], network, options) for way in found]
    record = record_of(scores, sets, seed, network)
    grid = None
    if classes:
        z, numbers = latents.class_style_grid(rng.standard_normal((STYLES, width)), classes)
        grid = latents.generated(function, z, numbers)
    sections = sections_of(images, found, grid, steps) if folder is not None else []
    ends_are = "random latents" if encodings is None else "encoded real images"
    lead = (
        f"{count(paths, 'path')} of {steps} images from {generator}, each between two {ends_are}. The evenness is the "
        f"largest step over the mean step in the features of {network.name}: 1 if all steps are alike, {steps - 1} if "
        "one step makes the whole change, as where images have been learned by heart."
    )
    deliver(record, TITLE, lead, sections, tables=[], out=folder, as_json=as_json)


def encoded_pairs(encoder: str, real: ImageSet, paths: int, seed: int) -> NDArray[np.float64]:
    """Encodings (paths, 2, d) of pairs of different real images, drawn by the seed.

    Raises:
        DataError: fewer than 2 images; the encoder cannot be found, fails, or returns something else than latents.
    """
    from genmetrics.analyses.latent import encoded, find_generator

    if real.n < 2:
        raise DataError(f"real: {count(real.n, 'image')}, but a path joins two")
    rng = np.random.default_rng(seed)
    pairs = np.stack([rng.choice(real.n, 2, replace=False) for _ in range(paths)])
    drawn, place = np.unique(pairs, return_inverse=True)
    return encoded(find_generator(encoder, "encoder"), real.take(drawn))[place.reshape(paths, 2)]


def features_of_images(images: NDArray[np.uint8], network: Any) -> NDArray[np.float32]:
    """Features (n, d) of generated images, in their order."""
    from genmetrics.features import extract

    return extract(images, network, cache=False)["features"]


def score_of(
    generator: str, way: str, found: Evenness, images: NDArray[np.uint8], network: Any, options: dict[str, Any]
) -> Score:
    """One row of the record."""
    from genmetrics.protocols import Protocol
    from genmetrics.records import Score

    weights = f"@{network.weights_sha256[:8]}" if network.weights_sha256 else ""
    still = found.paths.count(None)
    signature = Protocol(
        name=f"evenness-{way}",
        n_generated=len(images),
        features=f"{network.name}/features{weights}",
        resize=network.resize,
        sizes=f"{images.shape[1]}x{images.shape[2]}" if network.size is None else "",
        options={**options, "paths": len(found.paths)},
    ).signature
    return Score(
        metric=f"evenness-{way}",
        name=f"evenness_{way}",
        value=found.value,
        low=found.low,
        high=found.high,
        std_error=found.std_error,
        std_error_generated=found.std_error,
        interval="over paths" if found.low is not None else "no interval: one path",
        notes=(f"nothing changes along {count(still, 'path')} of {len(found.paths)}, left out",) if still else (),
        better="lower",
        n_real=0,
        n_generated=len(images),
        signature=signature,
        details={"generator": generator, "paths": list(found.paths)},
        summary="largest step over mean step in feature space: 1 is even; far above it images jump",
    )


def sections_of(
    images: dict[str, NDArray[np.uint8]], found: dict[str, Evenness], grid: NDArray[np.uint8] | None, steps: int
) -> list[Section]:
    """What the page shows: some paths of each kind, and the grid of classes."""
    from genmetrics.records import Picture
    from genmetrics.reports.analysis import Section, Table
    from genmetrics.reports.pictures import contact_sheet
    from genmetrics.reports.wording import number

    table = Table(
        ["paths", "evenness and 95% interval", "most even", "least even"],
        [
            [way, str(number(f.value, f.low, f.high)), f"{min(moving(f)):.2f}", f"{max(moving(f)):.2f}"]
            for way, f in found.items()
        ],
    )
    sections = [Section("Evenness", table=table)]
    for way, all_images in images.items():
        evenness = found[way].paths
        order = np.argsort([np.inf if value is None else value for value in evenness], kind="stable")
        chosen = order[np.unique(np.linspace(0, len(order) - 1, DRAWN).astype(int))]
        shown = all_images.reshape(-1, steps, *all_images.shape[1:])[chosen].reshape(-1, *all_images.shape[1:])
        values = ", ".join("no change" if value is None else f"{value:.2f}" for value in (evenness[i] for i in chosen))
        caption = f"One path a row, the most even first: {values}."
        picture = Picture(f"Paths, {way}", caption, "image/png", contact_sheet(list(shown), columns=steps))
        sections.append(Section(f"{way.capitalize()} paths", pictures=[picture]))
    if grid is not None:
        sheet = contact_sheet(list(grid), columns=STYLES)
        caption = "A class a row, a latent a column: what a column shares is style, what a row shares is class."
        sections.append(Section("Classes and styles", pictures=[Picture("Grid", caption, "image/png", sheet)]))
    return sections


def moving(found: Evenness) -> list[float]:
    """Evenness of the paths along which something changes."""
    return [value for value in found.paths if value is not None]
