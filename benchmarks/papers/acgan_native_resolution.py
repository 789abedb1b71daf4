"""A model trained at a higher native resolution makes images that can be told apart better."""

from __future__ import annotations

import numpy as np
from claim import PRESET, Claim, Finding, Row, decided, main, over_seeds, read

CLAIM = Claim(
    "AC-GAN, arXiv:1610.09585",
    "Section 4.1, Figure 2",
    "A model of larger images puts more of the class into them than a model of smaller ones, enlarged.",
    f"AC-GAN on MNIST at 28 and at 14 pixels, {PRESET} preset, seeds 0, 1, 2; 10,000 samples each, those of 14 pixels "
    "enlarged; accuracy of mnist-cnn (`benchmarks/acgan_resolutions.py`).",
)


def measure() -> Finding:
    found = read("acgan_resolutions.csv")
    at_28 = {(r["images"], r["seed"]): float(r["accuracy"]) for r in found if int(float(r["resolution"])) == 28}
    large, small = (
        [at_28[f"{side} px model", seed] for seed in sorted({s for name, s in at_28 if name == f"{side} px model"})]
        for side in (28, 14)
    )
    real = {int(float(r["resolution"])): float(r["accuracy"]) for r in found if r["images"] == "real"}
    gap = over_seeds("28 px model less 14 px model", np.subtract(large, small))
    rows = [
        over_seeds("accuracy, 28 px model", large),
        over_seeds("accuracy, 14 px model enlarged", small),
        gap,
        Row("real images at 28 px less at 14 px", real[28] - real[14]),
    ]
    return Finding(
        rows, decided(gap.low, gap.high), f"The difference is {gap.value:+.4f} [{gap.low:.4f}, {gap.high:.4f}]."
    )


if __name__ == "__main__":
    main(__file__, CLAIM, measure)
