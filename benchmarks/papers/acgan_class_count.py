"""More classes for one model make each less diverse."""

from __future__ import annotations

import numpy as np
from claim import Claim, Finding, decided, main, over_seeds, read

CLAIM = Claim(
    "AC-GAN, arXiv:1610.09585",
    "Section 4.6, Figure 10",
    "The more classes a model of fixed size is trained on, the less diverse its samples of each.",
    "The same AC-GAN for the same 500 steps on the first 2, 4, 6, 8, 10 digits of MNIST at 14 pixels, seeds 0, 1, 2; "
    "MS-SSIM of pairs of the digits 0 and 1 (`benchmarks/acgan_classes.py`). Published: ImageNet, 10 to 100 classes.",
    "Ten digits are fewer classes than the paper starts from, and 500 steps few: a model of two classes sees five "
    "times as many images of each.",
)


def measure() -> Finding:
    found = [r for r in read("acgan_classes.csv") if r["class"] in ("0", "1")]
    seeds = sorted({row["seed"] for row in found})
    alike = {
        name: [np.mean([float(r["ms_ssim"]) for r in found if (r["models"], r["seed"]) == (name, s)]) for s in seeds]
        for name in ("1", "2", "4", "6", "8", "10", "10-wide")
    }
    rows = [
        over_seeds(f"MS-SSIM, classes a model: {name.replace('-wide', ', twice the maps')}", values)
        for name, values in alike.items()
    ]
    counts = np.array([2, 4, 6, 8, 10])
    slopes = [float(np.polyfit(counts, [alike[str(n)][i] for n in counts], 1)[0]) for i in range(len(seeds))]
    slope = over_seeds("change of MS-SSIM for each class more", slopes)
    return Finding(
        [*rows, slope],
        decided(slope.low, slope.high),
        f"Each class more changes the MS-SSIM of the first two by {slope.value:+.4f} [{slope.low:.4f}, "
        f"{slope.high:.4f}].",
    )


if __name__ == "__main__":
    main(__file__, CLAIM, measure)
