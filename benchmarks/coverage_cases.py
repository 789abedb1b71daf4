"""Which intervals `coverage.py` tries, and on what: a row here for each metric that offers one.

A set is drawn anew in each repetition unless the metric's interval calls itself conditional on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from coverage_worlds import GaussianAnswers, GaussianClasses, GaussianImages, Gaussians, Mnist, World
from numpy.typing import NDArray

import genmetrics as gm
from genmetrics.analyses.discriminability import quality_curve
from genmetrics.metrics import METRICS
from genmetrics.metrics.frechet import frechet_distance
from genmetrics.metrics.inception_score import distributions, divergences
from genmetrics.records import Estimate

AWAY = ("near", "apart", "narrow")


@dataclass(frozen=True)
class Study:
    """A metric as it is studied."""

    needs: tuple[str, ...]  # side.output, as in METRICS
    estimate: Callable[..., Estimate]
    held: tuple[str, ...] = ()  # sides that stand fixed
    limit: Callable[..., float] | None = None  # of the held sides and the whole population; None: the mean is the truth
    held_between: tuple[str, ...] = ()  # sides that stand fixed where two sets of samples are compared

    @property
    def sides(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(need.split(".")[0] for need in self.needs))


@dataclass(frozen=True)
class Case:
    """One row of the result."""

    metric: str
    world: World
    situation: str
    n: int  # images on each side
    repetitions: int
    of: str = "value"  # or "difference": of two sets of samples against one reference, as `compare` takes it
    other: str = ""  # the second set's situation

    @property
    def samples(self) -> str:
        return f"{self.situation} - {self.other}" if self.of == "difference" else self.situation

    @property
    def key(self) -> tuple[str, ...]:
        return self.metric, self.of, self.world.name, self.samples, str(self.n)


def table_row(
    metric: str, *held: str, limit: Callable[..., float] | None = None, between: tuple[str, ...] = ()
) -> Study:
    row = METRICS[metric]
    return Study(row.needs, row.compute(), held, limit, between)


def ms_ssim(images: NDArray[np.uint8], labels: NDArray[np.int64]) -> Estimate:
    """`ms-ssim` of arrays, 100 pairs a class."""
    found = gm.ms_ssim_diversity(images, labels)
    return Estimate(found.value, found.std_error, found.std_error, found.low, found.high)


def accuracy(logits: NDArray[Any], labels: NDArray[np.int64]) -> Estimate:
    """One point of the resolution curve: the classifier's accuracy."""
    right = (logits.argmax(axis=1) == labels).astype(float)
    (found,) = quality_curve(right, lambda items: items, lambda items, _: items, ["native"])
    return Estimate(found.value, found.std_error, found.std_error, found.low, found.high)


def score_limit(whole: NDArray[Any]) -> float:
    """Inception score of the population, in one split."""
    return float(np.exp(divergences(distributions(whole, None)).mean()))


STUDIES = {
    "frechet": table_row("frechet"),
    "frechet-intra-class": table_row("frechet-intra-class"),
    "frechet-infinity": table_row("frechet-infinity", "real", limit=frechet_distance),
    "kernel": table_row("kernel"),
    "kernel-rbf": table_row("kernel-rbf"),
    "inception-score": table_row("inception-score"),
    "inception-score-infinity": table_row("inception-score-infinity", limit=score_limit),
    "ddm": table_row("ddm", "generated"),
    "ddm-relative": table_row("ddm-relative", "real", "generated"),
    "parzen": table_row("parzen", "train", "generated"),
    "fls": table_row("fls", "train", "generated"),
    "vendi": table_row("vendi"),
    "rke": table_row("rke"),
    "ms-ssim": Study(("generated.images", "generated.labels"), ms_ssim),
    "accuracy": Study(("generated.logits", "generated.labels"), accuracy),
    "precision": table_row("precision", "real"),
    "recall": table_row("recall", "generated"),
    "density": table_row("density", "real"),
    "coverage": table_row("coverage"),
    "two-sample": table_row("two-sample"),
    "auth-pct": table_row("auth-pct", "train", between=("train",)),
    "ct-score": table_row("ct-score", "train", between=("train",)),
}
HEAVY = Gaussians(10, freedom=5)
D10, D64, MNIST, MNIST_LOGITS = Gaussians(10), Gaussians(64), Mnist(), Mnist("logits")
MANY, MORE = 400, 1600  # repetitions


def cases() -> Iterator[Case]:
    """Every case, metric by metric."""
    for world, n in ((D10, 500), (D64, 200), (Gaussians(200), 100)):
        yield from over("frechet", world, n, "null", "near", "apart")
    yield from over("frechet", MNIST, 500, "null", "apart")
    yield from over("frechet", MNIST, 500, "near", repetitions=MORE)
    yield from over("frechet-intra-class", GaussianClasses(), 450, "null", "apart")
    yield from over("frechet-intra-class", Mnist(by_class=True), 600, "null", "apart")
    for world in (D10, replace(MNIST_LOGITS, replacement=True)):
        yield from over("frechet-infinity", world, 2000, "null", "apart")
    for metric in ("kernel", "kernel-rbf"):
        for world in (D10, D64, MNIST):
            yield from over(metric, world, 300, "null", "near", "apart")
    for world in (GaussianAnswers(), MNIST):
        yield from over("inception-score", world, 500, "null", "near", "apart", "narrow")
    for world in (GaussianAnswers(), replace(MNIST, replacement=True)):
        yield from over("inception-score-infinity", world, 2000, "null", "apart")
    for metric in ("ddm", "ddm-relative"):
        yield from over(metric, D10, 300, "null", "apart")
        yield from over(metric, MNIST, 300, "null", "apart", "narrow")
    for metric in ("parzen", "fls"):
        for world in (D10, MNIST):
            yield from over(metric, world, 200, "null", "apart")
    for metric in ("vendi", "rke"):
        yield from over(metric, D10, 200, "null", "apart")
        yield from over(metric, MNIST, 600, "null", "apart", "narrow")
    for world in (GaussianImages(), MNIST):
        yield from over("ms-ssim", world, 200, "null", "apart")
    for world in (GaussianAnswers(4.0), MNIST):
        yield from over("accuracy", world, 300, "null", "near", "apart")
    for metric in ("precision", "recall", "density", "auth-pct", "ct-score"):
        yield from over(metric, D10, 300, "null", "near", "apart")
        yield from over(metric, D64, 300, "apart")
        yield from over(metric, MNIST, 300, "null", "apart", "narrow")
    for metric in ("coverage", "two-sample"):
        yield from over(metric, D10, 300, "null", "apart")
        yield from over(metric, D64, 300, "apart")
        yield from over(metric, MNIST, 300, "null", "apart")
    yield from differences()


def differences() -> Iterator[Case]:
    """What `compare` says of two sets of samples, drawn alike and not, for metrics that it can say it of."""
    near, far, apart = ("null", "near"), ("near", "apart"), ("null", "apart")
    narrow, null = ("null", "narrow"), ("null", "null")
    for metric in ("frechet", "kernel"):
        yield from between(metric, D10, 300, null, near, far, ("apart", "apart"))
        yield from between(metric, MNIST, 500, null, near, far, narrow)
    yield from between("frechet-intra-class", GaussianClasses(), 450, null, apart)
    yield from between("inception-score", GaussianAnswers(), 500, null, far)
    yield from between("inception-score", MNIST, 500, null, ("near", "null"), narrow)
    yield from between("vendi", MNIST, 600, null, narrow)
    yield from between("ddm", D10, 300, null, apart)
    yield from between("ddm", MNIST, 300, null, near, far, ("narrow", "narrow"), ("narrow", "apart"))
    yield from between("ddm-relative", D10, 300, null, apart)
    yield from between("frechet-infinity", D10, 1000, null, near, apart)
    yield from between("frechet-infinity", D64, 300, null, apart)
    yield from between("frechet-infinity", replace(MNIST_LOGITS, replacement=True), 1000, null, apart)
    for metric in ("precision", "density"):
        yield from between(metric, D10, 300, null, near, apart)
        yield from between(metric, D10, 1000, narrow)
        yield from between(metric, D64, 300, apart, narrow)
        yield from between(metric, MNIST, 300, null, far, narrow)
    for metric in ("frechet", "kernel", "precision", "recall", "density", "coverage"):
        yield from between(metric, HEAVY, 300, narrow, ("null", "far"))
    for metric in ("precision", "recall", "density"):
        yield from between(metric, Gaussians(2, freedom=5), 200, ("null", "far"))
    for world in (D10, MNIST):
        yield from between("kernel-rbf", world, 300, null, apart)
    yield from between("rke", MNIST, 600, null, narrow)
    yield from between("ms-ssim", GaussianImages(), 200, null, apart)
    yield from between("inception-score-infinity", GaussianAnswers(), 1000, null, far)
    for world in (D10, MNIST):
        yield from between("parzen", world, 200, null, apart)
    for metric in ("auth-pct", "ct-score"):
        yield from between(metric, D10, 300, null, apart)
    for metric in ("recall", "coverage"):
        yield from between(metric, D10, 300, null, apart)
        yield from between(metric, MNIST, 300, null, narrow)
    yield from between("two-sample", D10, 300, null, apart)


def over(metric: str, world: World, n: int, *situations: str, repetitions: int = MANY) -> Iterator[Case]:
    return (Case(metric, world, situation, n, repetitions) for situation in situations)


def between(metric: str, world: World, n: int, *pairs: tuple[str, str], repetitions: int = MANY) -> Iterator[Case]:
    return (Case(metric, world, first, n, repetitions, "difference", other) for first, other in pairs)
