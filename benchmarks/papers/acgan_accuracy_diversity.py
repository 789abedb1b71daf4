"""Classes that a classifier recognises are also the diverse ones."""

from __future__ import annotations

import numpy as np
from claim import Claim, Finding, decided, floats, main, over_seeds, read

CLAIM = Claim(
    "AC-GAN, arXiv:1610.09585",
    "Section 4.3, Figure 6",
    "Accuracy and MS-SSIM of classes are anti-correlated: a model does not buy discriminability with diversity.",
    "AC-GAN on MNIST, quick preset, seeds 0, 1, 2; Pearson's r over the ten classes, 1,000 samples each "
    "(`benchmarks/mnist_acgan.py`). The paper prints r2 = -0.16, which no square can be.",
    "The interval is over three models of the same ten digits, and ten classes make r uncertain by some 0.6. MS-SSIM "
    "depends on the digit more than on the model: a 1 is like every other 1, and easy to read. With the real class's "
    "MS-SSIM taken off r has the paper's sign, and an interval that holds 0.",
)


def measure() -> Finding:
    found = read("mnist_acgan_classes.csv")
    seeds = sorted({row["seed"] for row in found})
    of_seed = {s: [row for row in found if row["seed"] == s] for s in seeds}
    r = [float(np.corrcoef(floats(rows, "accuracy"), floats(rows, "ms_ssim"))[0, 1]) for rows in of_seed.values()]
    excess = [
        float(
            np.corrcoef(floats(rows, "accuracy"), np.subtract(floats(rows, "ms_ssim"), floats(rows, "real_ms_ssim")))[
                0, 1
            ]
        )
        for rows in of_seed.values()
    ]
    mean = over_seeds("r of accuracy and MS-SSIM", r, "-0.16")
    above = over_seeds("r of accuracy and MS-SSIM above the real class's", excess)
    return Finding(
        [mean, above],
        both if (both := decided(-mean.high, -mean.low)) == decided(-above.high, -above.low) else "cannot tell here",
        f"r is {mean.value:.2f} [{mean.low:.2f}, {mean.high:.2f}]; with the real class's MS-SSIM taken off "
        f"{above.value:.2f} [{above.low:.2f}, {above.high:.2f}].",
    )


if __name__ == "__main__":
    main(__file__, CLAIM, measure)
