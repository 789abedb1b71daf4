"""Insensitivity to embedding and architecture, sections 3.4.3 and 3.4.4: the order that other embeddings give.

On MNIST the sets are samples of fifteen trained models; on CIFAR-10 and ImageNet 500 images, clean and corrupted in
twelve ways. h is that under which as many real images make the test images likeliest.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from claim import RUNS, Finding, Row, Verdict, all_of
from numpy.typing import NDArray
from samples import drawn
from scipy.special import logsumexp
from scipy.stats import kendalltau, norm
from thesis.experiment import (
    Table,
    corruptions_of,
    embedded,
    errors_by_halves,
    picture,
    size,
    test_and_clean,
    train_and_test,
)

import genmetrics as gm
from genmetrics.metrics.scales import likeliest_scale

DATA = ("mnist", "cifar10", "imagenet")
MODELS, SEEDS, N = ("dcgan", "dcgan-small", "dcgan-weak", "wgan-gp", "vae"), (0, 1, 2), 2000
ALL = ("logits", "features", "hypercolumns")
OUTPUTS = {  # networks -> outputs; the first network's first output is what the others are compared with
    "mnist": {"mnist-cnn": ALL, "digits-cnn": ALL[:2]},
    "cifar10": {"resnet20": ALL, "resnet32": ALL, "resnet56": ALL, "cifar10-wrn": ALL, "sgan-encoder": ALL[:2]},
    "imagenet": {"squeezenet": ALL[:2]},
}
SAID = {"features": "prelogits"}
CUTS = 20
ENOUGH = 0.9  # share of the pairs that both embeddings must tell apart


class Values(NamedTuple):
    """DDM of the sets under one embedding."""

    ddm: NDArray[np.float64]  # (k,)
    errors: NDArray[np.float64]  # (cuts, k), deviations by halves

    @classmethod
    def of(cls, test: NDArray[Any], sets: list[NDArray[Any]], h: float) -> Values:
        """Deviations one set after another, from its distances: the cuts are the same for all of equal size."""
        errors = []
        for samples in sets:
            far = distances(test, samples, h)
            errors.append(errors_by_halves(lambda t, s, far=far: [ddm_of(far[np.ix_(t, s)])], *far.shape, CUTS))
        return cls(np.array([gm.ddm(test, samples, scale=h).value for samples in sets]), np.concatenate(errors, axis=1))

    def signs(self, pairs: list[tuple[int, int]]) -> NDArray[np.int64]:
        """Which of each pair is the higher; 0 where its interval, which holds for all pairs at once, holds 0."""
        i, j = np.array(pairs).T
        apart = self.ddm[j] - self.ddm[i]
        reach = norm.isf(0.025 / len(pairs)) * size(self.errors[:, j] - self.errors[:, i])
        return np.where(np.abs(apart) > reach, np.sign(apart), 0).astype(int)


def distances(test: NDArray[Any], samples: NDArray[Any], h: float) -> NDArray[np.float64]:
    """|t - g|^2 / (2 h^2), (n, m), by one product of centred features."""
    centre = samples.mean(axis=0, dtype=np.float64)
    t, g = (test - centre) / h, (samples - centre) / h
    return np.maximum(np.square(t).sum(axis=1)[:, None] / 2 + np.square(g).sum(axis=1) / 2 - t @ g.T, 0)


def ddm_of(far: NDArray[np.float64]) -> float:
    """DDM from all distances: `gm.ddm` where halves of both sets are taken again and again."""
    return float(np.mean(np.log(far.shape[1]) - logsumexp(-far, axis=1)))


class Order(NamedTuple):
    """How one embedding orders pairs of sets, beside another."""

    tau: float  # Kendall's
    low: float
    high: float
    same: int  # pairs that both tell apart, in the same order
    reversed: int
    pairs: int
    turned: str  # the reversed ones, by name


def sets_of(data: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8], dict[str, NDArray[np.uint8]]]:
    """Test images, as many real images that set the scale, and the sets to be ordered."""
    if data == "mnist":
        train, test = train_and_test("mnist")
        runs = {f"{model}-{seed}": RUNS / "mnist" / f"{model}-{seed}" for model in MODELS for seed in SEEDS}
        return test[:N], train[:N], {name: drawn(run, N) for name, run in runs.items()}
    test, clean = test_and_clean(data)
    return (
        test,
        clean,
        {f"{kind} {s:g}" if s else "clean": images for (kind, s), images in corruptions_of(clean).items()},
    )


def measure(data: str) -> Iterator[dict[str, Any]]:
    """A row for each embedding: how it orders pairs of sets beside the first one, and the sets' DDM."""
    test, real, sets = sets_of(data)
    first = None
    for network, outputs in OUTPUTS[data].items():
        t, r, *found = (embedded(images, network, *outputs) for images in (test, real, *sets.values()))
        for output in outputs:
            h = likeliest_scale(t[output], r[output], "half_sq")

            here = Values.of(t[output], [g[output] for g in found], h)
            first = first or here
            order = compared(first, here, list(sets))._asdict()
            ddm = {f"ddm, {name}": float(value) for name, value in zip(sets, here.ddm, strict=True)}
            yield {"network": network, "embedding": SAID.get(output, output), "h": h, **order, **ddm}


def compared(a: Values, b: Values, names: list[str]) -> Order:
    """Kendall's tau of two embeddings, and the pairs that both tell apart by intervals that hold for all at once.

    The interval of tau is that of the values moved by their deviations, both ways.
    """
    pairs = list(itertools.combinations(range(len(names)), 2))
    both = a.signs(pairs) * b.signs(pairs)
    moved = [(a.ddm + s * p, b.ddm + s * q) for s in (-1, 1) for p, q in zip(a.errors, b.errors, strict=True)]
    tau, *others = (float(kendalltau(x, y).statistic) for x, y in [(a.ddm, b.ddm), *moved])
    low, high = np.quantile(others, (0.025, 0.975))
    turned = "; ".join(f"{names[i]} and {names[j]}" for (i, j), way in zip(pairs, both, strict=True) if way < 0)
    counts = int((both > 0).sum()), int((both < 0).sum()), len(pairs)
    return Order(tau, min(float(low), tau), max(float(high), tau), *counts, turned)


def verdict_of(order: dict[str, Any]) -> Verdict:
    """Of one embedding: not the same order if a pair is reversed; the same if nearly all pairs are told apart."""
    if order["reversed"]:
        return "does not hold"
    return "holds" if order["same"] >= ENOUGH * order["pairs"] else "cannot tell here"


def finding(data: str, rows: Table) -> Finding:
    first, *others = rows
    shown = [Row(f"Kendall's tau with {named(first)}: {named(r)}", r["tau"], r["low"], r["high"]) for r in others]
    reversed_pairs = {named(r): r for r in others if r["reversed"]}
    least = min(others, key=lambda r: r["tau"])
    fewest = min(others, key=lambda r: r["same"])
    sentence = (
        f"Of {int(first['pairs'])} pairs of sets the {len(others)} embeddings put those that both they and "
        f"{named(first)} tell apart, at the least {int(fewest['same'])} ({named(fewest)}), in the same order"
    )
    if reversed_pairs:
        told = "; ".join(f"{named(r)} {int(r['reversed'])} ({r['turned']})" for r in reversed_pairs.values())
        pairs = [pair for r in reversed_pairs.values() for pair in r["turned"].split("; ")]
        opposed = sum("noise" in pair and "blur" in pair for pair in pairs)
        sentence += f", but for {told}; {opposed} of these {len(pairs)} set noise against blur"
    sentence += f". Kendall's tau is {least['tau']:.2f} [{least['low']:.2f}, {least['high']:.2f}] at the least."
    return Finding(shown, all_of(verdict_of(r) for r in others), sentence)


def named(found: dict[str, Any]) -> str:
    return f"{found['embedding']} of {found['network']}"


def draw(data: str, rows: Table) -> None:
    """The place of each set under each embedding: where lines cross, the order changes."""
    sets = [key for key in rows[0] if key.startswith("ddm, ")]
    places = np.array([np.argsort(np.argsort([r[key] for key in sets])) + 1 for r in rows])
    with picture(f"embeddings_{data}", 1, width=2.2 + 0.65 * len(rows), height=4.2) as panels:
        for key, line in zip(sets, places.T, strict=True):
            panels[0].plot(range(len(rows)), line, "o-", ms=3, lw=1)
            panels[0].text(len(rows) - 0.9, line[-1], key.removeprefix("ddm, "), fontsize=7, va="center")
        labels = [f"{r['network']}\n{r['embedding']}" for r in rows]
        panels[0].set_xticks(range(len(rows)), labels, rotation=60, fontsize=7)
        panels[0].set_ylabel("place by DDM (1 is best)", fontsize=8)
        panels[0].set_xlim(-0.3, len(rows) + 0.6)
