"""Classes that a classifier recognises are also the diverse ones."""

from __future__ import annotations

import math

import numpy as np
from claim import PRESET, Claim, Finding, Row, decided, floats, main, read

CLAIM = Claim(
    "AC-GAN, arXiv:1610.09585",
    "Section 4.3, Figure 6",
    "Accuracy and MS-SSIM of classes are anti-correlated: a model does not buy discriminability with diversity.",
    f"AC-GAN on MNIST, {PRESET} preset, seeds 0, 1, 2; Pearson's r over the ten classes, 1,000 samples each, a mean "
    "over seeds with Fisher's interval for a sample of ten classes (`benchmarks/mnist_acgan.py`). The paper prints "
    "r2 = -0.16, which no square can be.",
    "Ten classes are too few. MS-SSIM depends on the digit more than on the model: a 1 is like every other 1, and "
    "easy to read. With the real class's MS-SSIM taken off r has the paper's sign.",
)


def measure() -> Finding:
    found = read("mnist_acgan_classes.csv")
    seeds = sorted({row["seed"] for row in found})
    plain, excess = [], []
    for own in ([row for row in found if row["seed"] == seed] for seed in seeds):
        accuracy, alike, real = (np.array(floats(own, key)) for key in ("accuracy", "ms_ssim", "real_ms_ssim"))
        plain.append(np.corrcoef(accuracy, alike)[0, 1])
        excess.append(np.corrcoef(accuracy, alike - real)[0, 1])
    classes = len(found) // len(seeds)
    rows = [
        Row(what, float(np.mean(r)), *over_classes(float(np.mean(r)), classes), published)
        for what, r, published in (
            ("r of accuracy and MS-SSIM", plain, "-0.16"),
            ("r of accuracy and MS-SSIM above the real class's", excess, ""),
        )
    ]
    first, above = rows
    return Finding(
        rows,
        decided(-first.high, -first.low),
        f"r is {first.value:.2f} [{first.low:.2f}, {first.high:.2f}]; with the real class's MS-SSIM taken off "
        f"{above.value:.2f} [{above.low:.2f}, {above.high:.2f}].",
    )


def over_classes(r: float, n: int) -> tuple[float, float]:
    """95% interval of a correlation found in n classes; Fisher (1921), Metron 1, 3-32."""
    reach = 1.96 / math.sqrt(n - 3)
    return math.tanh(math.atanh(r) - reach), math.tanh(math.atanh(r) + reach)


if __name__ == "__main__":
    main(__file__, CLAIM, measure)
