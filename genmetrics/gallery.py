"""The pictures of a report: contact sheets, nearest neighbours, plots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from genmetrics.features import Progress, batches
from genmetrics.metrics.neighbours import nearest_neighbours
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
    found = {"cosine": by_features(samples, reference, k)}
    if same_shape(samples, reference):
        found = {**by_pixels(queries, reference, k, progress), **found}
    rows = [[reference.take(nearest[i]) for nearest in found.values()] for i in range(len(queries))]
    headings = [{"l2": "L2 on pixels", "l1": "L1 on pixels", "cosine": "cosine on features"}[key] for key in found]
    what = "training" if name == "train" else "test"
    caption = f"Each sample and its {k} nearest {what} images, nearest first. A near-copy shows at once."
    sheet = pictures.neighbour_sheet(queries, rows, headings)
    return Picture("Nearest neighbours", caption, "image/png", sheet)


def same_shape(a: Side, b: Side) -> bool:
    """All images of both sets have one size and the same channels."""
    return set(a.images.sizes) == set(b.images.sizes) and len(a.images.sizes) == 1


def by_features(samples: Side, reference: Side, k: int) -> NDArray[np.int64]:
    """Nearest by cosine of features (n, k); features of length 0 are left pointing along the first axis."""
    x, y = samples.output("features").astype(np.float64), reference.output("features").astype(np.float64)
    for z in (x, y):
        z[~z.any(axis=1), 0] = 1.0
    return nearest_neighbours(x, y, k, "cosine").indices


def by_pixels(
    queries: list[NDArray[np.uint8]], reference: Side, k: int, progress: Progress
) -> dict[str, NDArray[np.int64]]:
    """Nearest by L2 and by L1 on pixels (n, k) each; the reference set streams past in blocks."""
    channels = max(queries[0].shape[2], reference.images.channels)
    flat = flattened(queries, channels)
    best = {metric: (np.empty((len(flat), 0), np.int64), np.empty((len(flat), 0))) for metric in ("l2", "l1")}
    rows = progress(range(len(reference)), "neighbours on pixels", len(reference))
    for block in batches(rows, max(k, 50_000_000 // (8 * flat.shape[1] * len(flat)))):
        pixels = flattened(reference.take(block), channels)
        for metric, (indices, distances) in best.items():
            near = nearest_neighbours(flat, pixels, min(k, len(block)), metric)
            indices = np.concatenate([indices, np.asarray(block)[near.indices]], axis=1)
            distances = np.concatenate([distances, near.distances], axis=1)
            order = np.argsort(distances, axis=1, kind="stable")[:, :k]
            best[metric] = (np.take_along_axis(indices, order, 1), np.take_along_axis(distances, order, 1))
    return {metric: indices for metric, (indices, _) in best.items()}


def flattened(images: list[NDArray[np.uint8]], channels: int) -> NDArray[np.float32]:
    """Images as rows of pixels in [0, 1]."""
    stacked = np.stack([np.broadcast_to(image, (*image.shape[:2], channels)) for image in images])
    return np.divide(stacked.reshape(len(images), -1), 255, dtype=np.float32)


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
