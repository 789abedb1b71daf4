"""Without the entropy loss a generator ignores its noise."""

from __future__ import annotations

import numpy as np
from claim import PRESET, Claim, Finding, decided, main, over_seeds
from sgan_order import values

PAIRS = {
    "one label and one fc3": ("sgan", "sgan without ent"),
    "one label, single generator": ("adv-cond-ent", "adv-cond"),
}

CLAIM = Claim(
    "Stacked GAN, arXiv:1612.04357",
    "Section 3.4, Figure 2 (c) and (d)",
    "The conditional entropy loss keeps samples of one condition varied; without it the noise is ignored.",
    f"MNIST, {PRESET} preset, seeds 0, 1, 2; MS-SSIM of pairs of samples that share label and representation (the "
    "stack), or the label (the single generator), with and without the loss (`benchmarks/mnist_sgan.py`). The stack "
    "is what the figure shows, and decides.",
    "Where even the model without the loss keeps its samples varied, there is nothing for it to prevent.",
)


def measure() -> Finding:
    alike = values("ms_ssim_held")
    rows, gaps = [], {}
    for condition, (with_it, without) in PAIRS.items():
        rows += [
            over_seeds(f"MS-SSIM of {condition}, with", alike[with_it]),
            over_seeds(f"MS-SSIM of {condition}, without", alike[without]),
        ]
        gaps[condition] = over_seeds(f"without less with, {condition}", np.subtract(alike[without], alike[with_it]))
    of_figure = gaps["one label and one fc3"]
    said = "; ".join(f"{name}: {g.value:+.3f} [{g.low:.3f}, {g.high:.3f}]" for name, g in gaps.items())
    return Finding(
        [*rows, *gaps.values()],
        decided(of_figure.low, of_figure.high),
        f"What leaving the loss out adds to the MS-SSIM of {said}.",
    )


if __name__ == "__main__":
    main(__file__, CLAIM, measure)
