"""Annealed importance sampling over the observation variance, section 3.1.2 and figure 3.5, on a trained GAN-10.

AIS bounds a likelihood from below. A bound from above is the likelihood at the best latent, log p(x) <=
max_z log N(x; G(z), v I): it needs the image of the generator that is nearest to x, sought by descents from the prior
and from where the annealed chains ended. What is said of two variances rests on the lower bound of one and the upper
bound of the other. Bounds from both sides on images that the generator made itself (BDMC) stand beside them: they say
nothing of test images, which lie off the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import packs
from claim import RUNS, Finding
from numpy.typing import NDArray
from thesis.experiment import KEPT, Table, grouped, over_draws, picture

from reference_models.gan10 import VARIANCES

DATA = ("mnist",)
SWEEP = (0.2, 0.1, *VARIANCES)  # wider than the thesis's range, in which a poor generator has no best variance
IMAGES, CHAINS, TEMPERATURES, FEWER, LATENT = 8, 8, 2000, 600, 10
FEW = 2  # chains of the lower bound on simulated images
DESCENT, RANDOM = 400, 64  # steps of Adam; starts from the prior, beside those where chains ended
SLACK = 0.8  # the upper bound takes this share of the least squared distance: descents may miss a nearer image
PIXELS = 28 * 28
PUBLISHED = {0.05: "227", 0.025: "297 (Wu et al.: 329)", 0.01: "63"}

Numbers = NDArray[np.float64]


def measure(data: str) -> Iterator[dict[str, Any]]:
    """A row for each variance and image: what few and many temperatures say of the test image, the nearest image."""
    import torch

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
    for variance in SWEEP:
        found, ends = {}, []
        for temperatures in (FEWER, TEMPERATURES):
            file = KEPT / f"ais_{variance}_{temperatures}.pt"
            setup: dict[str, Any] = {"temperatures": temperatures, "device": "cpu"}
            found[temperatures] = ais_log_likelihood(
                decoder, pixels, LATENT, variance, chains=CHAINS, checkpoint=file, **setup
            )
            ends.append(torch.load(file, weights_only=True)["z"])
        many, fewer = found[TEMPERATURES], found[FEWER]
        bounds = ais_bdmc(decoder, LATENT, variance, n=IMAGES, temperatures=FEWER, chains=FEW, device="cpu")
        numbers = {
            "nats": many.per_image,
            "effective_chains": many.effective_chains,
            "nats_fewer": fewer.per_image,
            "effective_chains_fewer": fewer.effective_chains,
            "nearest_square": nearest(decoder, torch.as_tensor(pixels), with_random(torch.cat(ends), variance)),
            "simulated_lower": bounds.per_image_lower,
            "simulated_upper": bounds.per_image_upper,
        }
        settings = {"temperatures": TEMPERATURES, "fewer": FEWER, "chains": CHAINS}
        for i in range(IMAGES):
            yield {"obs_var": variance, "image": i, **settings, **{k: float(x[i]) for k, x in numbers.items()}}


def with_random(starts: Any, variance: float) -> Any:
    """The starts (s, n, k), and RANDOM more of each image from the prior, others for each variance."""
    import torch

    random = torch.Generator().manual_seed(SWEEP.index(variance))
    return torch.cat([starts, torch.randn(RANDOM, *starts.shape[1:], generator=random)])


def nearest(decoder: Any, x: Any, starts: Any) -> Numbers:
    """The least squared distance of each image (n, d) from what descents from its starts (s, n, k) end at, (n,)."""
    import torch

    z = starts.clone().requires_grad_()
    optimiser = torch.optim.Adam([z], 0.05)
    slower = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.02, DESCENT)
    best = torch.full((len(x),), float("inf"))
    for _ in range(DESCENT):
        square = (decoder(z.flatten(0, 1)).view(*z.shape[:2], -1) - x).square().sum(dim=2)
        best = torch.minimum(best, square.detach().min(dim=0).values)
        (z.grad,) = torch.autograd.grad(square.sum(), z)
        optimiser.step()
        slower.step()
    return best.double().numpy()


def columns(rows: Table, key: str) -> dict[float, Numbers]:
    """A column's values over images, by variance."""
    return {float(v): np.array([r[key] for r in some]) for (v,), some in grouped(rows, "obs_var").items()}


def ceiling(square: Any, variance: float) -> Any:
    """log N(x; G(z), variance I) at a squared distance: at the least one, no likelihood is above it."""
    return -square / (2 * variance) - PIXELS / 2 * np.log(2 * np.pi * variance)


def spread(squares: dict[float, Numbers]) -> float:
    """How much farther the second best variance's descents end than the best one's, of the worst image; a share."""
    least, second = np.sort(list(squares.values()), axis=0)[:2]
    return float((second / least).max() - 1)


def finding(data: str, rows: Table) -> Finding:
    """Whether a lower bound at one of the thesis's variances lies above the upper bound at another."""
    nats, fewer, squares = (columns(rows, key) for key in ("nats", "nats_fewer", "nearest_square"))
    least = np.min(list(squares.values()), axis=0)
    most = {v: ceiling(SLACK * least, v) for v in nats}
    mean = {v: float(x.mean()) for v, x in nats.items()}
    best = max(VARIANCES, key=lambda v: mean[v])
    worst = min(VARIANCES, key=lambda v: most[v].mean())
    least_swing = over_draws(
        f"lower bound, variance {best:g}, less upper bound, {worst:g}, same images", nats[best] - most[worst]
    )
    climbs = {v: over_draws(f"climb from {rows[0]['fewer']:.0f} temperatures, {v:g}", nats[v] - fewer[v]) for v in nats}
    gaps = {
        v: over_draws(f"upper less lower bound on simulated images, variance {v:g}", x)
        for v, x in minus(columns(rows, "simulated_upper"), columns(rows, "simulated_lower")).items()
    }
    shown = [over_draws(f"lower bound, variance {v:g}", x, PUBLISHED.get(v, "")) for v, x in nats.items()]
    above = [over_draws(f"upper bound, variance {v:g}", x) for v, x in most.items()]
    return Finding(
        [*shown, *above, *climbs.values(), *gaps.values(), least_swing],
        "holds" if least_swing.low > 0 else "cannot tell here",  # bounds that overlap refute nothing
        f"Within the thesis's range the lower bound at {best:g}, {mean[best]:.0f} nats, lies {least_swing.value:.0f} "
        f"[{least_swing.low:.0f}, {least_swing.high:.0f}] above the upper bound at {worst:g}, "
        f"{most[worst].mean():.0f}, of the same images. The upper bound takes {SLACK:.0%} of the least squared "
        f"distance to an image of the generator that any descent found; descents of two variances differ by up to "
        f"{spread(squares):.0%}. {the_best(nats, most)} "
        f"{looseness(rows, climbs)} On images that the generator made the bounds lie up to "
        f"{max(g.value for g in gaps.values()):.1f} nats apart, which says nothing of test images.",
    )


def minus(a: dict[float, Numbers], b: dict[float, Numbers]) -> dict[float, Numbers]:
    return {v: a[v] - b[v] for v in a}


def the_best(nats: dict[float, Numbers], most: dict[float, Numbers]) -> str:
    """Which variances may be the likeliest: all but those whose upper bound lies below the best lower bound."""
    peak = max(nats, key=lambda v: nats[v].mean())
    ruled_out = [v for v in nats if v != peak and over_draws("", nats[peak] - most[v]).low > 0]
    left = [f"{v:g}" for v in nats if v not in ruled_out]
    if len(left) == 1:
        return f"The likeliest variance is {peak:g}, by bounds."
    return f"The likeliest variance is one of {', '.join(left)}: bounds cannot tell which."


def looseness(rows: Table, climbs: dict[float, Any]) -> str:
    """How far the lower bounds are from converged: what more temperatures added, and how many chains count."""
    first = rows[0]
    chains = float(np.median([r["effective_chains"] for r in rows]))
    low, high = (f(climbs.values(), key=lambda r: r.value) for f in (min, max))
    return (
        f"The lower bounds have not converged: from {first['fewer']:.0f} temperatures to {first['temperatures']:.0f} "
        f"they climb by {low.value:.0f} to {high.value:.0f} nats, and the median of effective chains is {chains:.1f} "
        f"of {first['chains']:.0f}; differences of lower bounds are no differences of likelihoods. {stuck(rows)}"
    )


def stuck(rows: Table) -> str:
    """Where the signs of convergence deceive: many chains count, nothing climbs, and a nearer image was found."""
    found = [
        r["image"]
        for r in rows
        if r["effective_chains"] > r["chains"] / 2
        and abs(r["nats"] - r["nats_fewer"]) < 5
        and ceiling(r["nearest_square"], r["obs_var"]) > r["nats"] + 20
    ]
    if not found:
        return ""
    return (
        f"Image {', '.join(f'{i:.0f}' for i in sorted(set(found)))} has most chains effective and no climb at "
        f"{len(found)} of {len(grouped(rows, 'obs_var'))} variances, and yet a latent was found that no chain came "
        f"near: neither is proof of convergence."
    )


def draw(data: str, rows: Table) -> None:
    """Bounds against the variance, the thesis's range shaded; and the bounds on simulated images."""
    nats, fewer = columns(rows, "nats"), columns(rows, "nats_fewer")
    least = SLACK * np.min(list(columns(rows, "nearest_square").values()), axis=0)
    first = rows[0]
    lines = {
        "upper bound: nearest image": {v: ceiling(least, v) for v in nats},
        f"lower bound, {first['temperatures']:.0f} temperatures": nats,
        f"lower bound, {first['fewer']:.0f} temperatures": fewer,
    }
    with picture(f"ais_{data}", 2, width=4.0) as panels:
        for (label, values), style in zip(lines.items(), ("^-", "v-", "v:"), strict=True):
            panels[0].plot(list(values), [x.mean() for x in values.values()], style, ms=4, label=label)
        panels[0].axvspan(min(VARIANCES), max(VARIANCES), color="#eee")
        panels[0].set_title(f"{len(least)} test images; shaded: the thesis's range", fontsize=9)
        for key, style in (("simulated_upper", "^-"), ("simulated_lower", "v-")):
            values = columns(rows, key)
            panels[1].plot(list(values), [x.mean() for x in values.values()], style, ms=4, label=key.partition("_")[2])
        panels[1].set_title(f"{len(least)} images the generator made: bounds", fontsize=9)
        for axis in panels:
            axis.legend(fontsize=8)
            axis.set_xscale("log")
            axis.set_xlabel("variance of the pixels", fontsize=8)
        panels[0].set_ylabel("log-likelihood, nats", fontsize=8)
