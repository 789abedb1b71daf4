"""Annealed importance sampling over the observation variance, section 3.1.2 and figure 3.5, on a trained GAN-10.

Each variance also has bounds from both sides on images that the generator made itself (BDMC): they say how far from
converged the chains are where the truth is within reach.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import packs
from claim import RUNS, Finding, all_of, decided
from numpy.typing import NDArray
from thesis.experiment import KEPT, Table, grouped, over_draws, picture

from reference_models.gan10 import VARIANCES

DATA = ("mnist",)
SWEEP = (0.2, 0.1, *VARIANCES)  # wider than the thesis's range, in which a poor generator has no best variance
IMAGES, CHAINS, TEMPERATURES, LATENT = 16, 4, 300, 10
FEW = 2  # chains of the lower bound on simulated images: fewer make it looser, and the claim harder to meet
PUBLISHED = {0.05: "227", 0.025: "297 (Wu et al.: 329)", 0.01: "63"}


def measure(data: str) -> Iterator[dict[str, Any]]:
    """A row for each variance and image: of the test image `nats`, of a simulated one both bounds."""
    from genmetrics.analyses.ais import ais_bdmc, ais_log_likelihood
    from reference_models.__main__ import trained

    run = RUNS / data / "gan-10-0"
    if not (run / "checkpoint.safetensors").exists():
        raise SystemExit(f"{run} holds no trained model; `make papers-train` trains it")
    generator = trained(run, "cpu")[0].generator.eval()

    def decoder(z: Any) -> Any:
        return generator(z).flatten(1)

    noise = np.random.default_rng(0).random((IMAGES, 28, 28))
    pixels = ((packs.mnist("test").images[:IMAGES] + noise) / 256).astype(np.float32).reshape(IMAGES, -1)
    KEPT.mkdir(parents=True, exist_ok=True)
    setup: dict[str, Any] = {"temperatures": TEMPERATURES, "device": "cpu"}
    for variance in SWEEP:
        file = KEPT / f"ais_{variance}.pt"
        found = ais_log_likelihood(decoder, pixels, LATENT, variance, chains=CHAINS, checkpoint=file, **setup)
        bounds = ais_bdmc(decoder, LATENT, variance, n=IMAGES, chains=FEW, **setup)
        per_image = (found.per_image, found.effective_chains, bounds.per_image_lower, bounds.per_image_upper)
        for i, (nats, chains, lower, upper) in enumerate(zip(*per_image, strict=True)):
            numbers = {"nats": nats, "effective_chains": chains, "simulated_lower": lower, "simulated_upper": upper}
            yield {"obs_var": variance, "image": i, **{k: float(v) for k, v in numbers.items()}}


def columns(rows: Table, key: str) -> dict[float, NDArray[np.float64]]:
    """A column's values over images, by variance."""
    return {float(v): np.array([r[key] for r in some]) for (v,), some in grouped(rows, "obs_var").items()}


def finding(data: str, rows: Table) -> Finding:
    """Whether, within the thesis's range, the log-likelihood varies by more than the chains' own looseness."""
    nats = columns(rows, "nats")
    lower, upper = columns(rows, "simulated_lower"), columns(rows, "simulated_upper")
    name = "upper less lower bound on simulated images, variance"
    gaps = {v: over_draws(f"{name} {v:g}", upper[v] - lower[v]) for v in nats}
    shown = [over_draws(f"log-likelihood, variance {v:g}", x, PUBLISHED.get(v, "")) for v, x in nats.items()]
    mean = {v: float(x.mean()) for v, x in nats.items()}
    best, worst = (f(VARIANCES, key=lambda v: mean[v]) for f in (max, min))
    swing = over_draws(f"log-likelihood, variance {best:g} less {worst:g}, same images", nats[best] - nats[worst])
    loose = max(gap.high for gap in gaps.values())
    peak = max(mean, key=lambda v: mean[v])
    inside = min(VARIANCES) < peak < max(VARIANCES)
    where = "inside" if inside else "at the end of" if peak in VARIANCES else "outside"
    neighbours = [over_draws("", nats[peak] - nats[v]) for v in beside(peak, list(mean))]
    sure = all_of(decided(r.low, r.high) for r in neighbours) == "holds"
    return Finding(
        [*shown, *gaps.values(), swing],
        decided(swing.low - max(loose, 0.0), swing.high),
        f"Within the thesis's range of variances the same generator's log-likelihood on the same images moves by "
        f"{swing.value:.0f} [{swing.low:.0f}, {swing.high:.0f}] nats, from {mean[worst]:.0f} at {worst:g} to "
        f"{mean[best]:.0f} at {best:g}; the bounds on simulated images lie up to {loose:.0f} apart. It is highest, "
        f"{mean[peak]:.0f}, at {peak:g}, {where} that range{'' if sure else ' (not told apart from those beside it)'}.",
    )


def beside(value: float, among: list[float]) -> list[float]:
    """The next smaller and the next larger, where there are such."""
    ordered = sorted(among)
    at = ordered.index(value)
    return [*ordered[max(0, at - 1) : at], *ordered[at + 1 : at + 2]]


def draw(data: str, rows: Table) -> None:
    """Log-likelihood against the variance, the thesis's range shaded; and the bounds on simulated images."""
    with picture(f"ais_{data}", 2, width=4.0) as panels:
        found = {v: over_draws("", x) for v, x in columns(rows, "nats").items()}
        reach = [r.high - r.value for r in found.values()]
        panels[0].errorbar(list(found), [r.value for r in found.values()], yerr=reach, fmt="o-", ms=4, capsize=2)
        panels[0].axvspan(min(VARIANCES), max(VARIANCES), color="#eee")
        panels[0].set_title("16 test images; shaded: the thesis's range", fontsize=9)
        for key, style in (("simulated_lower", "v-"), ("simulated_upper", "^-")):
            values = columns(rows, key)
            panels[1].plot(list(values), [x.mean() for x in values.values()], style, ms=4, label=key.partition("_")[2])
        panels[1].set_title("16 images the generator made: bounds", fontsize=9)
        panels[1].legend(fontsize=8)
        for axis in panels:
            axis.set_xscale("log")
            axis.set_xlabel("variance of the pixels", fontsize=8)
        panels[0].set_ylabel("log-likelihood, nats", fontsize=8)
