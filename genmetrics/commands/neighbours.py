"""genmetrics neighbours: samples beside the images that they may have been copied from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from genmetrics._checks import DataError, count
from genmetrics._console import shown, speaking_errors
from genmetrics.commands._analyses import common_options, deliver, opened, record_of
from genmetrics.metrics.memorisation import NEAR_DUPLICATE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from genmetrics.analyses.copies import Found
    from genmetrics.records import Picture, Score
    from genmetrics.reports.analysis import Section, Table
    from genmetrics.sides import Side

NEAR = 10.0  # grey levels
ROWS = 12  # samples on one picture
LISTED = 50  # rows of the table of the nearest
TITLE = "Nearest neighbours"
MEASURES = {"l2": "L2 on pixels", "l1": "L1 on pixels", "cosine": "cosine on features"}


@click.command()
@click.argument("samples")
@click.option("--train-set", required=True, help="The images that the generator was trained on.")
@click.option("--test-set", help="Real images not trained on: their distances say what is near for a copy.")
@click.option("--extractor", default="pixels", show_default=True, help="Features whose cosine is taken; as in score.")
@click.option("--weights", type=click.Path(path_type=Path), help="File of the weights of inception-v3-tf2015.")
@click.option("-k", type=click.IntRange(min=1), default=4, show_default=True, help="Neighbours of each sample.")
@click.option("--shown", "shown_rows", type=click.IntRange(min=1), default=36, show_default=True, help="Samples drawn.")
@click.option(
    "--near",
    type=click.FloatRange(min=0),
    help="Grey levels, root mean square over pixels, up to which a neighbour is a near-duplicate. By default what lies "
    f"nearer than all but {NEAR_DUPLICATE:.1%} of --test-set; without that set, {NEAR:g}.",
)
@click.option(
    "--sources",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Of a conditional generator: .npy or text file with the number, in the order of the training set's files, of "
    "the image that each sample was made from.",
)
@common_options
@speaking_errors
def neighbours(
    samples: str,
    train_set: str,
    test_set: str | None,
    extractor: str,
    weights: Path | None,
    k: int,
    shown_rows: int,
    near: float | None,
    sources: Path | None,
    out: Path | None,
    as_json: bool,
    seed: int,
    device: str,
    value_range: str | None,
) -> None:
    """Which training images are nearest to SAMPLES, and are some of the samples copies of them?

    Neighbours are exact: by L2 and L1 on pixels, and by the cosine of features.
    """
    from genmetrics.analyses.copies import read_sources
    from genmetrics.asked import same_image_size, writable_folder
    from genmetrics.extractors import find_extractor
    from genmetrics.features import features_of
    from genmetrics.gallery import same_shape
    from genmetrics.sides import Side
    from genmetrics.sources import refuse_missing

    if near is not None and test_set is not None:
        raise click.UsageError("--near and --test-set both say what is near; give one")
    folder = writable_folder(out) if out is not None else None
    for name, source in (("samples", samples), ("train", train_set), ("test", test_set)):
        refuse_missing(source, name)
    network = find_extractor(extractor, device, weights)
    sets = {"samples": opened(samples, "samples", value_range), "train": opened(train_set, "train", value_range)}
    if test_set is not None:
        sets["test"] = opened(test_set, "test", value_range)
    made_from = None if sources is None else read_sources(sources, sets["samples"].n, sets["train"].n)
    same_image_size(sets, network)
    channels = max(images.channels for images in sets.values())
    sides = {
        name: Side.of(images, features_of(images, network, channels=channels, progress=shown))
        for name, images in sets.items()
    }
    k = min(k, sets["train"].n)
    found = found_of(sides, k, same_shape(sides["samples"], sides["train"]))
    within = Within.of(near, sides)
    scores = scores_of(found, sides, within, made_from, network.name)
    record = record_of(scores, sets, seed, network)
    sections = sections_of(found, sides, within, shown_rows, seed) if folder is not None else []
    lead = (
        f"{len(sides['samples']):,} samples and their nearest of {len(sides['train']):,} training images. A generator "
        "that has learned images by heart shows them here: the sample and its neighbour are then one picture."
    )
    tables = [nearest_table(found, sides, 10)]
    deliver(record, TITLE, lead, sections, tables=tables, out=folder, as_json=as_json)


@dataclass(frozen=True)
class Within:
    """How near to a training image a sample is a near-duplicate, by L2 on pixels."""

    limit: float  # grey levels, root mean square over pixels
    of_test: bool = False  # the distance under which a few of the test images lie; else a fixed one

    @classmethod
    def of(cls, near: float | None, sides: Mapping[str, Side]) -> Within:
        """The distance given; or that of the test images; or a fixed one.

        Raises:
            DataError: the test images have another size than the training images.
        """
        from genmetrics.analyses.copies import by_pixels
        from genmetrics.gallery import same_shape

        if "test" not in sides:
            return cls(NEAR if near is None else near)
        if not same_shape(sides["test"], sides["train"]):
            raise DataError("test: its images have another size than the training images; resize one set")
        distances = by_pixels(sides["test"], sides["train"], 1, shown)["l2"].distances[:, 0]
        return cls(float(np.quantile(distances, NEAR_DUPLICATE, method="lower")), of_test=True)

    def holds(self, distances: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of the distances are so near; an exact copy always is."""
        return (distances < self.limit) | (distances == 0) if self.of_test else distances <= self.limit

    @property
    def option(self) -> dict[str, Any]:
        """What the signature says of it."""
        return {"within": f"test-quantile-{NEAR_DUPLICATE:g}" if self.of_test else self.limit}

    @property
    def words(self) -> str:
        how = f", nearer than all but {NEAR_DUPLICATE:.1%} of the test images," if self.of_test else ""
        return f"{self.limit:.4g} grey levels (root mean square){how}"


def found_of(sides: Mapping[str, Side], k: int, same_shape: bool) -> dict[str, Found]:
    """Neighbours under each measure; those on pixels where all images have one size."""
    from genmetrics.analyses.copies import by_cosine, by_pixels

    samples, train = sides["samples"], sides["train"]
    found = by_pixels(samples, train, k, shown) if same_shape else {}
    return found | {"cosine": by_cosine(samples.output("features"), train.output("features"), k)}


def scores_of(
    found: Mapping[str, Found],
    sides: Mapping[str, Side],
    within: Within,
    made_from: NDArray[np.int64] | None,
    name: str,
) -> list[Score]:
    """Share of near-duplicates; with known sources, the share of samples nearest to their own."""
    from genmetrics.analyses.copies import in_file_order, share

    scores = []
    if "l2" in found:
        close = within.holds(found["l2"].distances[:, 0])
        listed = [
            {"sample": int(sides["samples"].features.order[i]), **nearest_of(found["l2"], sides, int(i))}
            for i in np.flatnonzero(close)[np.argsort(found["l2"].distances[close, 0])]
        ]
        details = {"within": within.limit, "list": listed}
        scores.append(row("near-duplicates", share(close), sides, "pixels", within.option, details))
    if made_from is not None:
        for measure, neighbours_ in found.items():
            own = in_file_order(neighbours_.indices, sides["samples"], sides["train"]) == made_from[:, None]
            of = "pixels" if measure != "cosine" else name
            details = {"among_nearest": float(own.any(axis=1).mean()), "k": own.shape[1]}
            scores.append(row(f"nearest-is-source-{measure}", share(own[:, 0]), sides, of, {"by": measure}, details))
    if not scores:
        raise DataError(
            "samples and training images have different sizes, so pixels cannot be compared; resize one set, "
            "or pass --sources to ask about features alone"
        )
    return scores


def row(
    name: str,
    found: tuple[float, float, float, float],
    sides: Mapping[str, Side],
    features: str,
    options: Mapping[str, Any],
    details: dict[str, Any],
) -> Score:
    """One share as a row of the record."""
    from genmetrics.protocols import Protocol
    from genmetrics.records import Score

    value, error, low, high = found
    train = sides["train"]
    signature = Protocol(
        name=name,
        n_generated=len(sides["samples"]),
        features=features,
        sizes=sides["samples"].size_text,
        references={
            side: f"{len(sides[side])}@{sides[side].features.digest[:8]}"
            for side in ("train", *(("test",) if "test" in sides and name == "near-duplicates" else ()))
        },
        options=dict(options),
    ).signature
    return Score(
        metric=name,
        name=name,
        value=value,
        low=low,
        high=high,
        std_error=error,
        std_error_generated=error,
        interval="of a share of samples (Wilson), conditional on the training set",
        better="lower" if name == "near-duplicates" else "",
        n_real=len(train),
        n_generated=len(sides["samples"]),
        signature=signature,
        details=details,
        summary="share of samples that are near-copies of training images"
        if name == "near-duplicates"
        else "share of samples whose nearest training image is the one they were made from",
    )


def nearest_of(found: Found, sides: Mapping[str, Side], i: int) -> dict[str, Any]:
    """The nearest training image of one sample: its number in the order of the files, and how far it is."""
    return {
        "train": int(sides["train"].features.order[found.indices[i, 0]]),
        "distance": float(found.distances[i, 0]),
    }


# --- what is shown


def nearest_table(found: Mapping[str, Found], sides: Mapping[str, Side], most: int) -> Table:
    """The samples that lie nearest to a training image, nearest first; numbers are places in the files' order."""
    from genmetrics.reports.analysis import Table

    measure = "l2" if "l2" in found else "cosine"
    unit = "grey levels (RMS)" if measure == "l2" else "1 - cosine"
    order = np.argsort(found[measure].distances[:, 0], kind="stable")[:most]
    rows = []
    for i in order.tolist():
        nearest = nearest_of(found[measure], sides, i)
        sample = int(sides["samples"].features.order[i])
        rows.append([f"{sample}", f"{nearest['train']}", f"{nearest['distance']:.{2 if measure == 'l2' else 4}f}"])
    return Table(["sample", "train", unit], rows)


def sections_of(
    found: Mapping[str, Found], sides: Mapping[str, Side], within: Within, shown_rows: int, seed: int
) -> list[Section]:
    """What the page shows: the nearest samples of all, then samples drawn at random."""
    from genmetrics.reports.analysis import Section

    measure = "l2" if "l2" in found else "cosine"
    nearest = np.argsort(found[measure].distances[:, 0], kind="stable")[:ROWS]
    random = np.random.default_rng(seed).permutation(len(sides["samples"]))[:shown_rows]
    sections = [
        Section(
            "The nearest of all",
            [f"The {count(len(nearest), 'sample')} that lie nearest to a training image by {MEASURES[measure]}."],
            nearest_table(found, sides, LISTED),
            [sheet("Nearest of all", nearest, found, sides)],
        )
    ]
    pages = [random[start : start + ROWS] for start in range(0, len(random), ROWS)]
    drawn = [sheet(f"Samples drawn at random, {i}", rows, found, sides) for i, rows in enumerate(pages, 1)]
    sections.append(Section("Samples drawn at random", pictures=drawn))
    if "l2" in found:
        close = int(within.holds(found["l2"].distances[:, 0]).sum())
        told = f"{count(close, 'sample')} within {within.words} of a training image; the record "
        sections.insert(0, Section("Near-duplicates", [told + "lists them all."]))
    return sections


def sheet(title: str, rows: NDArray[np.int64], found: Mapping[str, Found], sides: Mapping[str, Side]) -> Picture:
    """Samples, each beside its neighbours under every measure."""
    from genmetrics.records import Picture
    from genmetrics.reports.pictures import neighbour_sheet

    groups = [[sides["train"].take(f.indices[i]) for f in found.values()] for i in rows]
    png = neighbour_sheet(sides["samples"].take(rows), groups, [MEASURES[name] for name in found])
    caption = "A sample on the left, its nearest training images beside it, nearest first."
    return Picture(title, caption, "image/png", png)
