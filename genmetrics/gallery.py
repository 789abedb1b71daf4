"""The pictures of a report: contact sheets, nearest neighbours, plots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from genmetrics.analyses.copies import by_cosine, by_pixels
from genmetrics.features import Progress
from genmetrics.records import Picture, Record, Score
from genmetrics.reports import pictures, plots
from genmetrics.sides import Side

SHEET = 80  # images in a contact sheet
ROWS, NEAREST = 8, 3  # samples in the neighbour sheet, neighbours of each


def pictures_of(record: Record, sides: Mapping[str, Side], seed: int, progress: Progress) -> Iterator[Picture]:
    """Every picture that can be drawn of this record."""
    for name in ("generated", "real"):
        if sides[name].has_images:
            yield contact_sheet(name, sides[name], seed)
    if all(sides[name].has_images for name in ("generated", "train" if "train" in sides else "real")):
        yield neighbour_sheet(sides, seed, progress)
    for score in record.scores:
        yield from class_scatter(score)


def contact_sheet(name: str, side: Side, seed: int) -> Picture:
    """Some images of a set, drawn at random."""
    some = side.subset(SHEET, seed)
    caption = f"{len(some)} of {len(side):,} {name} images, drawn at random."
    images = some.take(range(len(some)))
    return Picture(f"{name.capitalize()} images", caption, "image/png", pictures.contact_sheet(images))


def neighbour_sheet(sides: Mapping[str, Side], seed: int, progress: Progress) -> Picture:
    """A few samples beside their nearest images of the training set (of the test set, if no other is given)."""
    name = "train" if "train" in sides else "real"
    reference, samples = sides[name], sides["generated"].subset(ROWS, seed)
    queries = samples.take(range(len(samples)))
    k = min(NEAREST, len(reference))
    found = {"cosine": by_cosine(samples.output("features"), reference.output("features"), k)}
    if same_shape(samples, reference):
        found = {**by_pixels(samples, reference, k, progress), **found}
    rows = [[reference.take(near.indices[i]) for near in found.values()] for i in range(len(queries))]
    headings = [{"l2": "L2 on pixels", "l1": "L1 on pixels", "cosine": "cosine on features"}[key] for key in found]
    what = "training" if name == "train" else "test"
    caption = f"Each sample and its {k} nearest {what} images, nearest first. A near-copy shows at once."
    sheet = pictures.neighbour_sheet(queries, rows, headings)
    return Picture("Nearest neighbours", caption, "image/png", sheet)


def same_shape(a: Side, b: Side) -> bool:
    """All images of both sets have one size and the same channels."""
    return set(a.images.sizes) == set(b.images.sizes) and len(a.images.sizes) == 1


def class_scatter(score: Score) -> Iterator[Picture]:
    """Per class, real images against samples, for a score that has both tables."""
    generated = score.details.get("per_class")
    real = ((score.baseline or {}).get("details") or {}).get("per_class")
    if not generated or not real or not set(real) & set(generated):
        return
    svg = plots.class_scatter(
        {name: row["value"] for name, row in real.items()},
        {name: row["value"] for name, row in generated.items()},
        "Diversity within classes",
    )
    caption = "Mean MS-SSIM of pairs within a class. Above the line the samples are less diverse than real images."
    yield Picture("Diversity of each class", caption, "image/svg+xml", svg)
