"""Missing modes, section 3.4.5 and figure 3.7: n distinct training images, the score beside DDM.

Replicating n images to 50,000 changes no mean over them, so DDM and score are taken over the n distinct ones. The draws
of one repeat are nested: its 20 images hold its 10.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from claim import Finding, Row, all_of, decided
from numpy.typing import NDArray
from thesis.experiment import Table, embedded, grouped, over_draws, picture, train_and_test

import genmetrics as gm
from genmetrics.metrics.scales import likeliest_scale

DATA = ("mnist", "cifar10")
DISTINCT, REPEATS = (10, 20, 100, 1000, 10_000), 5
NETWORKS = {"mnist": ("mnist-cnn",), "cifar10": ("resnet20",)}
SATURATED = 0.05  # of a curve's way: where less is left, it is said to saturate
COLUMNS = {  # of the table -> what they are
    "score": "classifier score",
    "ddm": "DDM",
    "ddm_auto": "DDM at the likeliest h",
    "ddm_prelogits": "DDM on prelogits at the likeliest h",
    "thesis_sign": "DDM in the thesis's sign",
}
PUBLISHED = {  # digitised from figure 3.7: CIFAR-10, a wide residual network
    "thesis_sign": (-177.2, -181.8, -215.4, -240.5, -269.4, -289.2),
    "score": ("", 6.2, 9.49, 11.39, 11.51, 11.53),  # the first lies outside the figure
}


FALLS = {"holds": "falls", "does not hold": "does not fall", "cannot tell here": "may not fall"}
SATURATES = {"holds": "saturates", "does not hold": "does not saturate", "cannot tell here": "may saturate or not"}
HAS = {"holds": "has more", "does not hold": "has less", "cannot tell here": "may have more or less"}


def measure(data: str) -> Iterator[dict[str, Any]]:
    """A row for each network, n and repeat."""
    train, test = train_and_test(data)
    for network in NETWORKS[data]:
        t, r = (embedded(images, network, "logits", "features") for images in (test, train))
        h, h_prelogits = (likeliest_scale(t[key], r[key], "half_sq") for key in ("logits", "features"))
        for n in (*DISTINCT, len(train)):
            for repeat in range(REPEATS if n < len(train) else 1):
                chosen = np.random.default_rng(repeat).permutation(len(train))[:n]
                logits, prelogits = r["logits"][chosen], r["features"][chosen]
                yield {
                    "network": network,
                    "n": n,
                    "repeat": repeat,
                    "score": gm.inception_score(logits=logits, splits=1).value,
                    "ddm": gm.ddm(t["logits"], logits).value,
                    "h": h,
                    "ddm_auto": gm.ddm(t["logits"], logits, scale=h).value,
                    "h_prelogits": h_prelogits,
                    "ddm_prelogits": gm.ddm(t["features"], prelogits, scale=h_prelogits).value,
                    "thesis_sign": gm.ddm(t["logits"], logits, thesis_sign=True).value,
                }


def curve(rows: Table, column: str) -> NDArray[np.float64]:
    """Values (repeats, n); those of all training images, the last, are the same in every repeat."""
    columns = [[found[column] for found in some] for some in grouped(rows, "n").values()]
    return np.stack([values * (REPEATS // len(values)) for values in columns], axis=1)


def falls(values: NDArray[np.float64]) -> list[Row]:
    """How far the curve falls from each n to the next, over draws."""
    return [over_draws("", values[:, i] - values[:, i + 1]) for i in range(values.shape[1] - 1)]


def left(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of the curve's way, from 10 images to all, that is left at 1,000; one a repeat."""
    return (values[:, DISTINCT.index(1000)] - values[:, -1]) / (values[:, 0] - values[:, -1])


def finding(data: str, rows: Table) -> Finding:
    """Whether DDM falls at every step, and less of the score's way is left at 1,000 images, under 5%, than of DDM's."""
    shown, verdicts, sentences = [], [], []
    for (network,), some in grouped(rows, "network").items():
        published = PUBLISHED if network == "resnet20" else {}
        curves = {column: curve(some, column) for column in COLUMNS}
        counts = [int(n) for (n,) in grouped(some, "n")]
        for column in ("ddm", "score"):
            old = published.get("thesis_sign" if column == "ddm" else column, ("",) * len(counts))
            for n, values, text in zip(counts, curves[column].T, old, strict=True):
                shown.append(over_draws(f"{COLUMNS[column]} by {network}, {n:,} distinct", values, text))
        steps = falls(curves["ddm"])
        shares = {column: over_draws(f"left at 1,000 of {COLUMNS[column]}", left(v)) for column, v in curves.items()}
        shown += [r._replace(what=f"{r.what}, {network}") for r in shares.values()]
        more = over_draws("", left(curves["ddm"]) - left(curves["score"]))
        strictly = all_of(decided(r.low, r.high) for r in steps)
        saturates = decided(SATURATED - shares["score"].high, SATURATED - shares["score"].low)
        verdicts += [strictly, saturates, decided(more.low, more.high)]
        late = " and ".join(f"{r.value:.3g} [{r.low:.3g}, {r.high:.3g}]" for r in steps[-2:])
        sentences.append(
            f"By {network} DDM {FALLS[strictly]} at every step, by {late} nats in the last two. The score "
            f"{SATURATES[saturates]}, and DDM {HAS[verdicts[-1]]} left at 1,000 images: "
            + ", ".join(f"{percent(share)} of {COLUMNS[column]}" for column, share in shares.items())
            + "."
        )
    return Finding(shown, all_of(verdicts), " ".join(sentences))


def percent(share: Row) -> str:
    return f"{100 * share.value:.1f}% [{100 * share.low:.1f}, {100 * share.high:.1f}]"


def draw(data: str, rows: Table) -> None:
    """Means over draws against n, with the smallest and largest; the range of published curves is not shown."""
    columns = ("score", "ddm", "ddm_auto", "thesis_sign")
    with picture(f"modes_{data}", len(columns), width=3.0) as panels:
        for axis, column in zip(panels, columns, strict=True):
            for (network,), some in grouped(rows, "network").items():
                values, n = curve(some, column), [float(n) for (n,) in grouped(some, "n")]
                middle = values.mean(axis=0)
                around = np.abs(np.stack([values.min(axis=0), values.max(axis=0)]) - middle)
                axis.errorbar(n, middle, yerr=around, fmt="o-", ms=3, capsize=2, label=network)
            axis.set_title(COLUMNS[column], fontsize=9)
            axis.set_xlabel("distinct training images", fontsize=8)
            axis.set_xscale("log")
        panels[0].legend(fontsize=8)
