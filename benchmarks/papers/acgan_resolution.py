"""Images lose their class as they are made smaller."""

from __future__ import annotations

import numpy as np
from claim import PRESET, Claim, Finding, Row, decided, main, over_seeds, read

CLAIM = Claim(
    "AC-GAN, arXiv:1610.09585",
    "Section 4.1, Figure 2",
    "Samples at their native resolution are more discriminable than the same samples made smaller: the model makes "
    "more than enlarged small images.",
    f"AC-GAN on MNIST at 28 pixels, {PRESET} preset, seeds 0, 1, 2; 10,000 samples made 14 and 7 pixels small and "
    "enlarged; accuracy of mnist-cnn (`benchmarks/acgan_resolutions.py`). Published: ImageNet, 128, 64 and 32 pixels.",
)
PUBLISHED = {28: "0.101 (128 px)", 14: "0.070 (64 px)", 7: "0.050 (32 px)"}
OF_REAL = {28: "0.81 (128 px)", 14: "0.54 (64 px)", 7: "0.24 (32 px)"}
BETTER = "0.844 (128 over 32 px)"


def measure() -> Finding:
    table = read("acgan_resolutions.csv")
    found = [r for r in table if r["images"] == "28 px model"]
    levels = {
        side: [
            float(r["accuracy"]) for r in sorted(found, key=lambda r: r["seed"]) if int(float(r["resolution"])) == side
        ]
        for side in PUBLISHED
    }
    rows = [over_seeds(f"accuracy at {side} px", values, PUBLISHED[side]) for side, values in levels.items()]
    real = [
        Row(f"accuracy of real images at {side} px", *(float(r[k]) for k in ("accuracy", "low", "high")), OF_REAL[side])
        for r in table
        if r["images"] == "real" and (side := int(float(r["resolution"]))) in OF_REAL
    ]
    better = [float(r["classes_better_at_native"]) for r in found if int(float(r["resolution"])) == 7]
    rows.append(over_seeds("share of classes more accurate at 28 px than at 7", better, BETTER, share=True))
    half = over_seeds("28 px less 14 px", np.subtract(levels[28], levels[14]))
    quarter = over_seeds("28 px less 7 px", np.subtract(levels[28], levels[7]))
    return Finding(
        [*rows, half, quarter, *real],
        decided(quarter.low, quarter.high),
        f"A quarter of the side costs {quarter.value:.3f} [{quarter.low:.3f}, {quarter.high:.3f}] of accuracy, half "
        f"of it {half.value:.4f} [{half.low:.4f}, {half.high:.4f}].",
    )


if __name__ == "__main__":
    main(__file__, CLAIM, measure)
