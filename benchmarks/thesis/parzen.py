"""Parzen windows, raw and on principal components, beside DDM: sections 3.1.2 and 3.4.1, figures 3.1 to 3.3.

Sets of falling quality made from training images, five draws each, on MNIST and CIFAR-10; on MNIST also the samples of
DCGAN and of its weak variant, three seeds each.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from claim import RUNS, Finding, Row, Verdict, all_of, decided
from numpy.typing import NDArray
from samples import drawn
from thesis.experiment import EMBEDDER, Table, corrupted, embedded, grouped, over_draws, picture, train_and_test

import genmetrics as gm
from genmetrics.metrics.parzen import principal_components

DATA = ("mnist", "cifar10")
DRAWS, SEEDS, DISTINCT, TEST = 5, (0, 1, 2), 100, 1000
SAMPLES = {"mnist": 2000, "cifar10": 1000}
REAL = "training images"
NORMAL, WEAK = "samples of dcgan", "samples of dcgan-weak"
KINDS = {"parzen": "Parzen, pixels", "parzen_pca": "Parzen, PCA", "ddm": "DDM"}


def sets_of(images: NDArray[np.uint8], pool: NDArray[np.uint8], draw: int) -> dict[str, NDArray[np.uint8]]:
    """Sets as large as `images`; k-means is taken over `pool`."""
    repeated = np.arange(len(images)) % DISTINCT
    return {
        REAL: images,
        "training images, blur 0.5": corrupted(images, "gaussian blur", 0.5),
        "training images, blur 1.5": corrupted(images, "gaussian blur", 1.5),
        "training images, noise 50": corrupted(images, "gaussian noise", 50, draw),
        f"{DISTINCT} training images, repeated": images[repeated],
        f"{DISTINCT} means of k-means, repeated": means(pool, DISTINCT, draw)[repeated],
    }


def means(images: NDArray[np.uint8], k: int, seed: int) -> NDArray[np.uint8]:
    """Centroids of k-means on pixels: what fools Parzen windows (Theis et al. 2016)."""
    from sklearn.cluster import MiniBatchKMeans

    found = MiniBatchKMeans(k, n_init=1, random_state=seed).fit(images.reshape(len(images), -1).astype(np.float32))
    return np.rint(found.cluster_centers_).clip(0, 255).astype(np.uint8).reshape(k, *images.shape[1:])


def all_sets(data: str, train: NDArray[np.uint8]) -> Iterator[tuple[str, int, NDArray[np.uint8]]]:
    """Name, draw and images of every set; the last 10,000 training images are for validation."""
    n = SAMPLES[data]
    for draw in range(DRAWS):
        order = np.random.default_rng(draw).permutation(len(train) - 10_000)
        for name, images in sets_of(train[order[:n]], train[order[: 10 * n]], draw).items():
            yield name, draw, images
    if data == "mnist":
        for name in (NORMAL, WEAK):
            for seed in SEEDS:
                yield name, seed, drawn(RUNS / "mnist" / f"{name.removeprefix('samples of ')}-{seed}", n)


def measure(data: str) -> Iterator[dict[str, Any]]:
    """A row for each set and draw: both likelihoods in nats, their widths, and DDM."""
    train, test = train_and_test(data)
    test = test[:TEST]
    logits = embedded(test, EMBEDDER[data])["logits"]
    project = principal_components(flat(train[:10_000]))
    spaces = {"parzen": lambda x: x, "parzen_pca": project}
    held = {key: (space(flat(test)), space(flat(train[-10_000 : 1000 - 10_000]))) for key, space in spaces.items()}
    for name, draw, images in all_sets(data, train):
        found: dict[str, Any] = {"set": name, "draw": draw}
        for key, space in spaces.items():
            points, validation = held[key]
            with warnings.catch_warnings(record=True):
                warnings.simplefilter("always")  # the best width may lie outside the grid; it is in the table
                parzen = gm.parzen_log_likelihood(points, space(flat(images)), validation=validation)
            found |= {key: parzen.value, f"{key}_sigma": parzen.sigma, f"{key}_dimensions": parzen.dimensions}
        yield found | {"ddm": gm.ddm(logits, embedded(images, EMBEDDER[data])["logits"]).value}


def flat(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Pixels in [0, 1], an image a row."""
    return images.reshape(len(images), -1) / 255


def column(rows: Table, name: str, key: str) -> NDArray[np.float64]:
    return np.array([r[key] for r in rows if r["set"] == name])


def apart(rows: Table, a: str, b: str, key: str) -> Row:
    """`a` less `b`, over draws (or seeds)."""
    return over_draws(f"{KINDS[key]}, {a} less {b}", column(rows, a, key) - column(rows, b, key))


def weak(rows: Table) -> Finding:
    """Whether Parzen windows put the weak model above the normal one, and DDM below it."""
    differences = {key: apart(rows, WEAK, NORMAL, key) for key in KINDS}
    shown = [over_draws(f"{KINDS[key]}, {name}", column(rows, name, key)) for key in KINDS for name in (NORMAL, WEAK)]
    told = ", ".join(f"{said(r)} {'' if key == 'ddm' else 'nats '}by {KINDS[key]}" for key, r in differences.items())
    return Finding(
        [*shown, *differences.values()],
        all_of(decided(r.low, r.high) for r in differences.values()),
        f"The weak model less the normal one: {told}.",
    )


def fooled(data: str, rows: Table) -> Finding:
    """Whether Parzen windows put a poor set above real training images that DDM puts below them."""
    poor = [name for (name,) in grouped(rows, "set") if name not in (REAL, NORMAL, WEAK)]
    worse = {name: apart(rows, name, REAL, "ddm") for name in poor}
    shown, verdicts, told = [*worse.values()], [], []
    for key in ("parzen", "parzen_pca"):
        above = {name: apart(rows, name, REAL, key) for name in poor}
        each = {
            name: all_of([decided(r.low, r.high), decided(worse[name].low, worse[name].high)])
            for name, r in above.items()
        }
        fool = [name for name, verdict in each.items() if verdict == "holds"]
        shown += above.values()
        verdicts.append(any_of(each.values()))
        told.append(
            f"{KINDS[key]}: it puts {len(fool)} of {len(poor)} poor sets above {REAL}"
            + "".join(f"; {name}: {said(above[name])} nats, by DDM {said(worse[name])}" for name in fool)
        )
    return Finding(shown, all_of(verdicts), ". ".join(told) + ".")


def any_of(verdicts: Iterable[Verdict]) -> Verdict:
    """Of a claim that one case is enough for."""
    found = set(verdicts)
    return next((v for v in ("holds", "cannot tell here") if v in found), "does not hold")


def finding(data: str, rows: Table) -> Finding:
    return fooled(data, rows)


def said(found: Row) -> str:
    return f"{found.value:+.2f} [{found.low:+.2f}, {found.high:+.2f}]"


def draw(data: str, rows: Table) -> None:
    """Each set's three numbers, with their intervals over draws."""
    names = [name for (name,) in grouped(rows, "set")][::-1]
    with picture(f"parzen_{data}", len(KINDS), width=3.2, height=0.9 + 0.26 * len(names)) as panels:
        for axis, (key, title) in zip(panels, KINDS.items(), strict=True):
            found = [over_draws("", column(rows, name, key)) for name in names]
            values, reach = [r.value for r in found], [r.high - r.value for r in found]
            axis.errorbar(values, range(len(names)), xerr=reach, fmt="o", ms=4, capsize=2)
            axis.set_title(f"{title}, {'lower' if key == 'ddm' else 'higher'} is better", fontsize=9)
            axis.set_yticks(range(len(names)), names if axis is panels[0] else [""] * len(names), fontsize=8)
