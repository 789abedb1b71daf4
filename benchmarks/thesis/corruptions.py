"""Corruptions, section 3.4.6: DDM of 500 images under noise and blur of rising strength, against 500 others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from claim import Finding, Row, Verdict, all_of, decided
from scipy.stats import norm
from thesis.experiment import (
    EMBEDDER,
    STRENGTHS,
    Table,
    corruptions_of,
    embedded,
    errors_by_halves,
    grouped,
    picture,
    row,
    size,
    test_and_clean,
)

import genmetrics as gm
from genmetrics.records import Z95

DATA = ("mnist", "cifar10", "imagenet")
PUBLISHED = 10.0  # bits "each additive point to the variance, sigma" of blur; "on the order of 12" for noise, of which
# the strength is not stated
WEAKEST, STRONGEST = zip(*((s[0], s[-1]) for kind, s in STRENGTHS.items() if "noise" in kind), strict=True)
UNIT = {"gaussian blur": "pixel", "gaussian noise": "grey level", "uniform noise": "grey level"}
BIT = float(np.log(2))


def measure(data: str) -> Iterator[dict[str, Any]]:
    """A row for each corruption and strength: DDM, its excess over clean images, its step from the last strength."""
    test, clean = test_and_clean(data)
    network = EMBEDDER[data]
    t = embedded(test, network)["logits"]
    sets = {key: embedded(images, network)["logits"] for key, images in corruptions_of(clean).items()}

    def values(tests: Any, samples: Any) -> list[float]:
        return [gm.ddm(t[tests], found[samples]).value for found in sets.values()]

    found = np.array(values(slice(None), slice(None)))
    errors = errors_by_halves(values, len(t), len(clean))
    keys = list(sets)
    for i, (kind, strength) in enumerate(keys):
        before = i - 1 if kind == keys[i - 1][0] else 0
        yield {
            "network": network,
            "kind": kind,
            "strength": strength,
            "ddm": float(found[i]),
            "ddm_error": float(size(errors[:, i])),
            "excess": float(found[i] - found[0]),
            "excess_error": float(size(errors[:, i] - errors[:, 0])),
            "step": float(found[i] - found[before]),
            "step_error": float(size(errors[:, i] - errors[:, before])),
        }


def finding(data: str, rows: Table) -> Finding:
    """Two halves, each with its verdict: DDM rises at every step, by intervals that hold for all at once; it does so by
    some 10 bits a pixel of blur, which the thesis says of ImageNet alone."""
    some = [r for r in rows if r["kind"] != "none"]
    verdicts = {named(r): of_step(r, float(norm.isf(0.025 / len(some)))) for r in some}
    blurs = [slope(r) for r in some if r["kind"] == "gaussian blur"]
    near = [all_of([decided(r.low, r.high, PUBLISHED / 2), decided(-r.high, -r.low, -2 * PUBLISHED)]) for r in blurs]
    bits = ", ".join(f"{r.value:.3g}" for r in blurs)
    rises, by_ten = all_of(verdicts.values()), all_of(near)
    sentence = (
        f"Rising: {rises}. {said(some, verdicts)} Ten bits a pixel of blur"
        f"{'' if data == 'imagenet' else ' (said of ImageNet alone)'}: {by_ten}. As it grows they are {bits}; "
        f"{near.count('holds')} of {len(near)} lie between half and twice the published 10."
    )
    noises = [r for r in some if r["kind"] != "gaussian blur" and r["strength"] in (*WEAKEST, *STRONGEST)]
    shown = [row(f"excess in bits, {named(r)}", r["excess"] / BIT, r["excess_error"] / BIT) for r in noises]
    return Finding([*shown, *blurs], all_of([rises, *([by_ten] if data == "imagenet" else [])]), sentence)


def of_step(found: dict[str, Any], wide: float) -> Verdict:
    """Whether DDM rises, by an interval of so many standard errors."""
    return decided(found["step"] - wide * found["step_error"], found["step"] + wide * found["step_error"])


def named(found: dict[str, Any]) -> str:
    return f"{found['kind']} {found['strength']:g}"


def slope(found: dict[str, Any]) -> Row:
    bits, error = (found[key] / BIT / found["strength"] for key in ("excess", "excess_error"))
    return row(f"bits per pixel, {named(found)}", bits, error, f"{PUBLISHED:g}")


def said(rows: Table, verdicts: dict[str, Verdict]) -> str:
    """How many steps rise, and which do not."""
    steps = {named(r): f"{named(r)} ({r['step'] / BIT:+.2f} ± {Z95 * r['step_error'] / BIT:.2f} bits)" for r in rows}
    rising = [v == "holds" for v in verdicts.values()]
    parts = [f"DDM rises at {'all' if all(rising) else sum(rising)} of {len(rising)} steps"]
    for verdict, how in (("does not hold", "it falls"), ("cannot tell here", "it cannot be told")):
        names = [steps[name] for name, found in verdicts.items() if found == verdict]
        parts += [f"{how} at {', '.join(names)}"] if names else []
    return "; ".join(parts) + "."


def draw(data: str, rows: Table) -> None:
    """The excess in bits against the strength, with 95% intervals."""
    groups = {kind: some for (kind,), some in grouped(rows, "kind").items() if kind != "none"}
    with picture(f"corruptions_{data}", len(groups)) as panels:
        for axis, (kind, some) in zip(panels, groups.items(), strict=True):
            values = [0.0, *(r["excess"] / BIT for r in some)]
            reach = [0.0, *(Z95 * r["excess_error"] / BIT for r in some)]
            axis.errorbar([0.0, *(r["strength"] for r in some)], values, yerr=reach, fmt="o-", ms=3, capsize=2)
            axis.set_title(f"{kind}, {some[0]['network']}", fontsize=9)
            axis.set_xlabel(f"strength, {UNIT[kind]}s", fontsize=8)
        panels[0].set_ylabel("DDM over clean images, bits", fontsize=8)
