"""Corruptions, section 3.4.6: DDM of 500 images under noise and blur of rising strength, against 500 others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from claim import Finding, Verdict, all_of, decided
from scipy.stats import norm
from thesis.experiment import (
    EMBEDDER,
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

DATA = ("mnist", "cifar10", "imagenet")
PUBLISHED = {"gaussian blur": 10.0, "gaussian noise": 12.0, "uniform noise": 12.0}  # bits; noise of unstated strength
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
    """Whether DDM rises at every step, by intervals that hold for all steps at once, and how many bits a unit it is."""
    some = [r for r in rows if r["kind"] != "none"]
    wide = float(norm.isf(0.025 / len(some)))
    shown, verdicts = [], {}
    for r in some:
        name, unit = f"{r['kind']} {r['strength']:g}", UNIT[r["kind"]]
        shown.append(row(f"excess in bits, {name}", r["excess"] / BIT, r["excess_error"] / BIT))
        if r["kind"] == "gaussian blur":
            bits, error = (r[key] / BIT / r["strength"] for key in ("excess", "excess_error"))
            shown.append(row(f"bits per {unit}, {name}", bits, error, f"{PUBLISHED[r['kind']]:g}"))
        verdicts[name] = decided(r["step"] - wide * r["step_error"], r["step"] + wide * r["step_error"])
    return Finding(shown, all_of(verdicts.values()), said(some, verdicts))


def said(rows: Table, verdicts: dict[str, Verdict]) -> str:
    steps = {f"{r['kind']} {r['strength']:g}": r for r in rows}
    rising = sum(v == "holds" for v in verdicts.values())
    parts = [f"DDM rises at {rising} of {len(verdicts)} steps, by intervals that hold for all at once"]
    for verdict, how in (("does not hold", "it falls"), ("cannot tell here", "it cannot be told")):
        names = [
            f"{name} ({steps[name]['step'] / BIT:+.2f} ± {1.96 * steps[name]['step_error'] / BIT:.2f} bits)"
            for name, found in verdicts.items()
            if found == verdict
        ]
        parts += [f"{how} at {', '.join(names)}"] if names else []
    blur = [f"{r['excess'] / BIT / r['strength']:.3g}" for r in rows if r["kind"] == "gaussian blur"]
    strengths = ", ".join(f"{r['strength']:g}" for r in rows if r["kind"] == "gaussian blur")
    return "; ".join(parts) + f". Bits per pixel of blur, at {strengths}: {', '.join(blur)} (published: 10)."


def draw(data: str, rows: Table) -> None:
    """The excess in bits against the strength, with 95% intervals."""
    groups = {kind: some for (kind,), some in grouped(rows, "kind").items() if kind != "none"}
    with picture(f"corruptions_{data}", len(groups)) as panels:
        for axis, (kind, some) in zip(panels, groups.items(), strict=True):
            values = [0.0, *(r["excess"] / BIT for r in some)]
            reach = [0.0, *(1.96 * r["excess_error"] / BIT for r in some)]
            axis.errorbar([0.0, *(r["strength"] for r in some)], values, yerr=reach, fmt="o-", ms=3, capsize=2)
            axis.set_title(f"{kind}, {some[0]['network']}", fontsize=9)
            axis.set_xlabel(f"strength, {UNIT[kind]}s", fontsize=8)
        panels[0].set_ylabel("DDM over clean images, bits", fontsize=8)
