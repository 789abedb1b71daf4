"""What the thesis's experiments share: images, embeddings, the error of a DDM, tables and pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import csv_tables
import numpy as np
import packs
from claim import REPO, RESULTS, RUNS, Finding, Row, all_of
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

import genmetrics as gm
from genmetrics.intervals import student
from genmetrics.records import Z95

EMBEDDER = {"mnist": "mnist-cnn", "cifar10": "resnet20", "imagenet": "squeezenet"}  # whose logits are the default
NAMES = {"mnist": "MNIST", "cifar10": "CIFAR-10", "imagenet": "ImageNet"}
KEPT = RUNS / "thesis"
HALF = 500  # test images, and as many others to be corrupted
CUTS = 50  # random cuts into halves that an error is averaged over
STRENGTHS = {  # of 0-255 pixels: standard deviation, half-width; blur in pixels
    "gaussian noise": (10, 25, 50, 100),
    "uniform noise": (20, 50, 100, 200),
    "gaussian blur": (0.5, 1.0, 1.5, 2.5),
}
PICTURES = REPO / "docs" / "pictures"

Table = list[dict[str, Any]]


def embedded(images: NDArray[np.uint8], network: str, *outputs: str) -> dict[str, NDArray[np.float32]]:
    """Outputs of a network, "logits" unless others are named; prelogits are called features. From the cache if kept."""
    import networks  # and torch with it: whoever reads tables needs neither

    outputs = outputs or ("logits",)
    extractor: Any = networks.Classifier(network, outputs=outputs) if network in networks.NETWORKS else network
    return gm.extract(images, extractor, outputs, device="cpu")


def train_and_test(data: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """All training images, and the test images."""
    if data == "mnist":
        return packs.mnist("train").images, packs.mnist("test").images
    return packs.cifar10_train().images, packs.cifar10_test().images


def test_and_clean(data: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """500 test images, of ImageNet one a class, and 500 others."""
    if data == "imagenet":
        images = packs.imagenet1k().images
    else:
        images = packs.mnist("test").images if data == "mnist" else packs.cifar10_test().images
    return images[:HALF], images[HALF : 2 * HALF]


def corrupted(images: NDArray[np.uint8], kind: str, strength: float, seed: int = 0) -> NDArray[np.uint8]:
    """Images with noise of this standard deviation (uniform: half-width), or blurred; an image at a time, float32."""
    rng, result = np.random.default_rng(seed), np.empty_like(images)
    for i, image in enumerate(images):
        x = image.astype(np.float32)
        if kind == "gaussian blur":
            x = gaussian_filter(x, (strength, strength, 0)[: x.ndim])
        elif kind == "gaussian noise":
            x = x + strength * rng.standard_normal(x.shape, np.float32)
        else:
            x = x + strength * (2 * rng.random(x.shape, np.float32) - 1)
        result[i] = np.clip(np.rint(x), 0, 255)
    return result


def corruptions_of(clean: NDArray[np.uint8]) -> dict[tuple[str, float], NDArray[np.uint8]]:
    """The clean images, under ("none", 0), and twelve corrupted sets of them, one at a time."""
    some = {(kind, float(s)): corrupted(clean, kind, s) for kind, strengths in STRENGTHS.items() for s in strengths}
    return {("none", 0.0): clean, **some}


def errors_by_halves(
    statistic: Callable[[NDArray[np.intp], NDArray[np.intp]], Sequence[float]],
    n_test: int,
    n_samples: int,
    cuts: int = CUTS,
    seed: int = 0,
) -> NDArray[np.float64]:
    """How far k numbers, found on these test images and samples, lie from those of other draws: (cuts, k) deviations.

    `statistic(test rows, sample rows)` gives the k numbers. Test images and samples are both cut at random into
    halves; half the difference between the numbers of the halves has the variance of the number of the whole, where
    variances fall as 1/n. The square root of their mean square is a standard error, of any combination of the k.

    Source: subsampling, Politis, Romano & Wolf (1999), chapter 3.
    """
    rng, found = np.random.default_rng(seed), []
    for _ in range(cuts):
        tests, samples = (np.array_split(rng.permutation(n)[: n - n % 2], 2) for n in (n_test, n_samples))
        first, second = (np.asarray(statistic(t, s)) for t, s in zip(tests, samples, strict=True))
        found.append((first - second) / 2)
    return np.stack(found)


def size(errors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard errors from deviations, along the first axis."""
    return np.sqrt(np.square(errors).mean(axis=0))


def row(what: str, value: float, error: float, published: str = "") -> Row:
    """A number with the 95% interval of its standard error."""
    return Row(what, value, value - Z95 * error, value + Z95 * error, published)


def over_draws(what: str, values: Iterable[float], published: str = "") -> Row:
    """The mean of a number over independent draws, with Student's 95% interval."""
    x = np.asarray(list(values), float)
    return Row(what, float(x.mean()), *student(x), published)


def tried_on(experiment: Any) -> Finding:
    """One finding of all data sets an experiment was made on, from its tables."""
    name = experiment.__name__.rpartition(".")[2]
    tried = [data for data in experiment.DATA if file_of(f"{name}_{data}").exists()] or experiment.DATA[:1]
    return joined({NAMES[data]: experiment.finding(data, read(f"{name}_{data}")) for data in tried})


def joined(findings: Mapping[str, Finding]) -> Finding:
    """One finding of several, whose names go before their numbers and sentences."""
    rows = [r._replace(what=f"{name}: {r.what}") for name, finding in findings.items() for r in finding.rows]
    sentence = " ".join(f"{name}: {finding.sentence}" for name, finding in findings.items())
    return Finding(rows, all_of(finding.verdict for finding in findings.values()), sentence)


def file_of(name: str) -> Path:
    return RESULTS / f"thesis_{name}.csv"


def write(name: str, rows: Iterable[dict[str, Any]]) -> None:
    """The table benchmarks/results/thesis_NAME.csv, each row as it comes, printed too."""
    written = []
    for found in rows:
        written.append({key: f"{value:.7g}" if isinstance(value, float) else value for key, value in found.items()})
        csv_tables.write(file_of(name), written)
        print("  ".join(f"{key} {text}" for key, text in written[-1].items()), flush=True)


def read(name: str) -> Table:
    """The rows of a table, numbers as numbers.

    Raises:
        SystemExit: it is not there.
    """
    if not file_of(name).exists():
        raise SystemExit(f"{file_of(name)} is missing; `python benchmarks/thesis/density.py` makes it")
    return [{key: number(value) for key, value in found.items()} for found in csv_tables.read(file_of(name))]


def number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def grouped(rows: Table, *keys: str) -> dict[tuple[Any, ...], Table]:
    """Rows by the values of some columns, in order of appearance."""
    groups: dict[tuple[Any, ...], Table] = {}
    for found in rows:
        groups.setdefault(tuple(found[key] for key in keys), []).append(found)
    return groups


@contextmanager
def picture(name: str, panels: int, width: float = 3.4, height: float = 2.8) -> Any:
    """Panels side by side, saved as docs/pictures/thesis_NAME.png."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, panels, figsize=(width * panels, height), squeeze=False, layout="constrained")
    for axis in axes[0]:
        axis.tick_params(labelsize=8)
        axis.grid(color="#ddd")
        axis.set_axisbelow(True)
    yield axes[0]
    PICTURES.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURES / f"thesis_{name}.png", dpi=90)
    plt.close(figure)
