"""Why hypercolumns order noise and blur otherwise than logits do: DDM by each group of layers that they are made of.

500 images of CIFAR-10, clean and corrupted; a group's activations at the 16 places of the hypercolumns, h as in
embeddings.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from claim import Finding, Row, Verdict, all_of, decided
from numpy.typing import NDArray
from thesis.embeddings import Values
from thesis.experiment import Table, corrupted, embedded, grouped, picture, row, size, test_and_clean

from genmetrics.extractors.hypercolumns import PLACES
from genmetrics.metrics.scales import likeliest_scale

DATA = ("cifar10",)
CHANNELS = {"cifar10-wrn": (32, 64, 128), "resnet20": (16, 32, 64)}  # of the three groups, fine to coarse
PAIRS = {  # the milder noise and the stronger blur, by logits
    ("gaussian noise", 10.0): ("gaussian blur", 1.0),
    ("uniform noise", 20.0): ("gaussian blur", 1.0),
    ("gaussian noise", 25.0): ("gaussian blur", 2.5),
    ("uniform noise", 50.0): ("gaussian blur", 2.5),
}
ORDINAL = ("first", "second", "last")
KINDS = ("noise", "blur")


def group(hypercolumns: NDArray[Any], channels: tuple[int, ...], which: int) -> NDArray[Any]:
    """One group's channels at every place, (n, 16 * its channels), of hypercolumns (n, 16 * all channels)."""
    start = sum(channels[:which])
    at_places = hypercolumns.reshape(len(hypercolumns), PLACES, sum(channels))
    return at_places[:, :, start : start + channels[which]].reshape(len(hypercolumns), -1)


def measure(data: str) -> Iterator[dict[str, Any]]:
    """A row for each network, group and pair: DDM of noise and of blur, and what either does to the variance."""
    test, clean = test_and_clean(data)
    kinds = list(dict.fromkeys([*PAIRS, *PAIRS.values()]))
    for network, channels in CHANNELS.items():
        t, real, *sets = (
            embedded(images, network, "hypercolumns")["hypercolumns"]
            for images in (test, clean, *(corrupted(clean, *kind) for kind in kinds))
        )
        for which in range(len(channels)):
            own, *others = (group(columns, channels, which) for columns in (t, real, *sets))
            h = likeliest_scale(own, others[0], "half_sq")
            found = Values.of(own, others, h)
            clean_spread, *spreads = (spread(x) for x in others)
            for noise, blur in PAIRS.items():
                i, j = (1 + kinds.index(kind) for kind in (noise, blur))
                yield {
                    "network": network,
                    "group": ORDINAL[which],
                    "share_of_variance": spread(own) / spread(t),
                    "h": h,
                    "noise": "{} {:g}".format(*noise),
                    "blur": "{} {:g}".format(*blur),
                    "noise_excess": float(found.ddm[i] - found.ddm[0]),
                    "blur_excess": float(found.ddm[j] - found.ddm[0]),
                    "difference": float(found.ddm[j] - found.ddm[i]),
                    "error": float(size(found.errors[:, j] - found.errors[:, i])),
                    "noise_spread": spreads[i - 1] / clean_spread,
                    "blur_spread": spreads[j - 1] / clean_spread,
                }


def spread(features: NDArray[Any]) -> float:
    """The variance of all columns together."""
    return float(features.var(axis=0, dtype=np.float64).sum())


def difference(found: dict[str, Any]) -> Row:
    what = f"{found['network']}, {found['group']} group: DDM of {found['blur']} less {found['noise']}"
    return row(what, found["difference"], found["error"])


def finding(data: str, rows: Table) -> Finding:
    """Whether for every pair noise is above blur in the first group, and below it in the last."""
    shown, verdicts, shares = [], [], []
    for (network, where), some in grouped(rows, "network", "group").items():
        found = [difference(r) for r in some]
        shown += found
        verdicts += [sided(r, where) for r in found if where != ORDINAL[1]]
        shares += [f"{some[0]['share_of_variance']:.0%} of {network}"] if where == ORDINAL[-1] else []
    sentence = " ".join(said(where, [r for r in rows if r["group"] == where]) for where in (ORDINAL[0], ORDINAL[-1]))
    sentence += f" Share of the hypercolumns' variance that lies in the last group: {', '.join(shares)}."
    return Finding(shown, all_of(verdicts), sentence)


def said(where: str, rows: Table) -> str:
    """How many pairs have noise above blur, and what both do to the variance."""
    above = sum(r["difference"] < 0 for r in rows)
    noise, blur = (f"{min(x):.2f} to {max(x):.2f}" for x in ([r[f"{k}_spread"] for r in rows] for k in KINDS))
    return (
        f"By the {where} group noise is above blur in {above} of {len(rows)} cases; it leaves {noise} of the variance "
        f"of clean images, blur {blur}."
    )


def sided(found: Row, where: str) -> Verdict:
    """Whether the difference is below 0 in the first group, above it in the last."""
    return decided(-found.high, -found.low) if where == ORDINAL[0] else decided(found.low, found.high)


def draw(data: str, rows: Table) -> None:
    """DDM over clean images of every kind, by group."""
    with picture(f"layers_{data}", len(CHANNELS), width=4.2) as panels:
        for axis, ((network,), some) in zip(panels, grouped(rows, "network").items(), strict=True):
            for kind, colour in zip(KINDS, ("#c2571a", "#1f5fa8"), strict=True):
                for (name,), of_kind in grouped(some, kind).items():
                    excess = [of_group[0][f"{kind}_excess"] for of_group in grouped(of_kind, "group").values()]
                    strong = name in {"gaussian noise 25", "uniform noise 50", "gaussian blur 2.5"}
                    axis.plot(ORDINAL, excess, "o-", ms=3, color=colour, alpha=1 if strong else 0.5, label=name)
            axis.set_title(f"hypercolumns of {network}", fontsize=9)
            axis.set_yscale("symlog", linthresh=30)
            axis.set_xlabel("group of layers", fontsize=8)
        panels[-1].legend(fontsize=7, loc="center left", bbox_to_anchor=(1.02, 0.5))
        panels[0].set_ylabel("DDM over clean images", fontsize=8)
