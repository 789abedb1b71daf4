"""Frechet distance within each class, and its mean: sees a collapse within classes that the whole set may hide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genmetrics._checks import DataError, UnsuitableError, as_features, count, same_width, to_numpy
from genmetrics.metrics.frechet import frechet_distance, frechet_estimate
from genmetrics.records import Estimate

FEWEST = 2  # images of a class on each side


@dataclass(frozen=True)
class IntraClassDistance:
    """Mean over classes, and each class's distance."""

    value: float
    per_class: dict[str, float]


def intra_class_frechet_distance(
    real: Any, generated: Any, real_labels: Any, generated_labels: Any
) -> IntraClassDistance:
    """Mean over classes of the Frechet distance between the real and the generated images of that class.

    Args:
        real: features (n, d) of real images.
        generated: features (m, d) of generated images, from the same extractor.
        real_labels: (n,) class of each real image: numbers or names.
        generated_labels: (m,) class that each generated image was asked to show.

    Returns:
        value: >= 0; lower is better. per_class: class -> distance. Units: those of the features, squared.

    Raises:
        DataError: a class is missing from one side, or has fewer than 2 images there; widths differ, NaN or inf.
    Source: Miyato & Koyama (2018), arXiv:1802.05637, section 6.1 ("intra FID").
    """
    classes = by_class(real, generated, real_labels, generated_labels)
    distances = {name: frechet_distance(x, y) for name, (x, y) in classes.items()}
    return IntraClassDistance(float(np.mean(list(distances.values()))), distances)


def by_class(
    real: Any, generated: Any, real_labels: Any, generated_labels: Any
) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
    """class -> its real and its generated features, in order of class."""
    x, y = as_features(real, "real"), as_features(generated, "generated")
    same_width(x.shape[1], y.shape[1])
    of_real, of_generated = labels_of(real_labels, x, "real"), labels_of(generated_labels, y, "generated")
    names = sorted({*of_real.tolist(), *of_generated.tolist()})
    classes = {}
    for name in names:
        parts = x[of_real == name], y[of_generated == name]
        for side, part in zip(("real", "generated"), parts, strict=True):
            if len(part) < FEWEST:
                raise UnsuitableError(
                    f"class {name} has {count(len(part), side + ' image')}, but at least {FEWEST} are needed"
                )
        classes[str(name)] = parts
    return classes


def labels_of(labels: Any, x: NDArray[Any], side: str) -> NDArray[Any]:
    """One label for each image.

    Raises:
        DataError: there are not as many.
    """
    found = to_numpy(labels)
    if found.shape != (len(x),):
        raise DataError(f"{side}: labels of shape {found.shape} for {count(len(x), 'image')}")
    return found


def intra_class_estimate(
    real: Any, generated: Any, real_labels: Any, generated_labels: Any, *, seed: int = 0, intervals: bool = True
) -> Estimate:
    """`intra_class_frechet_distance` with an interval: classes are independent, so their variances add."""
    classes = by_class(real, generated, real_labels, generated_labels)
    found = {name: frechet_estimate(x, y, seed=seed, intervals=intervals) for name, (x, y) in classes.items()}
    value = float(np.mean([each.value for each in found.values()]))
    table = {
        name: {"value": each.value, "low": each.low, "high": each.high, "n": len(classes[name][1])}
        for name, each in found.items()
    }
    notes = tuple(f"class {name}: {note}" for name, each in found.items() for note in each.notes)[:1]
    rest: dict[str, Any] = {"details": {"per_class": table}, "notes": notes}
    without = next((each for each in found.values() if each.low is None), None)
    if without is not None:
        return Estimate(value, interval=without.interval, **rest)

    def std_error(errors: list[float | None]) -> float:
        return float(np.linalg.norm([error or 0.0 for error in errors]) / len(errors))

    named = np.array([str(label) for label in to_numpy(real_labels).tolist()])
    of_reference = np.zeros((2, len(named)))
    for name, each in found.items():  # n_c of n images, of weight 1 / classes: n / n_c / classes times their influence
        assert each.of_reference is not None
        own = named == name
        of_reference[:, own] = each.of_reference * (len(named) / own.sum() / len(found))
    return Estimate.log_normal(
        value,
        std_error([each.std_error for each in found.values()]),
        std_error_generated=std_error([each.std_error_generated for each in found.values()]),
        interval="for the expectation at these numbers of images in each class",
        of_reference=of_reference,
        **rest,
    )
