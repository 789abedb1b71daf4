"""The AIS log-likelihood of one generator swings with the variance that is chosen for its pixels."""

from __future__ import annotations

import numpy as np
from claim import RUNS, Claim, Finding, Row, main, packs

from reference_models.gan10 import VARIANCES

IMAGES, CHAINS, TEMPERATURES = 16, 8, 500
PUBLISHED = {0.05: "227", 0.025: "297 (Wu et al.: 329)", 0.01: "63"}

CLAIM = Claim(
    "Basart (2017), thesis",
    "Section 3.1.2, Figure 3.5",
    "The log-likelihood that annealed importance sampling gives a GAN depends on the variance of the pixels, which the "
    "generator does not define.",
    f"GAN-10 on MNIST, quick preset, seed 0; AIS on {IMAGES} test images, {CHAINS} chains, {TEMPERATURES} "
    "temperatures.",
)


def measure() -> Finding:
    from genmetrics.analyses.ais import ais_log_likelihood
    from reference_models.__main__ import trained

    run = RUNS / "mnist" / "gan-10-0"
    if not (run / "checkpoint.safetensors").exists():
        raise SystemExit(f"{run} holds no trained model; `make papers-train` trains it")
    model, _ = trained(run, "cpu")
    generator = model.generator.eval()
    noise = np.random.default_rng(0).random((IMAGES, 28, 28))
    pixels = ((packs.mnist("test").images[:IMAGES] + noise) / 256).astype(np.float32).reshape(IMAGES, -1)
    rows = []
    for variance in VARIANCES:
        found = ais_log_likelihood(
            lambda z: generator(z).flatten(1), pixels, 10, variance, temperatures=TEMPERATURES, chains=CHAINS
        )
        half = 1.96 * (found.std_error or np.nan)
        name = f"log-likelihood, variance {variance}"
        rows.append(Row(name, found.value, found.value - half, found.value + half, PUBLISHED[variance]))
    best = max(rows, key=lambda row: row.value)
    worst = min(rows, key=lambda row: row.value)
    swings = worst.high < best.low
    return Finding(
        rows,
        "holds" if swings else "cannot tell here",
        f"Between variances the same generator's log-likelihood goes from {worst.value:.0f} to {best.value:.0f} nats, "
        f"highest at {best.what.rpartition(' ')[2]}.",
    )


if __name__ == "__main__":
    main(__file__, CLAIM, measure)
