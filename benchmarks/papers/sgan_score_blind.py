"""The Inception score does not see that a model ignores its noise."""

from __future__ import annotations

import numpy as np
from claim import Claim, Finding, main, over_seeds
from sgan_order import values

CLAIM = Claim(
    "Stacked GAN, arXiv:1612.04357",
    "Section 4.5, Table 1",
    "Models (d), which ignores its noise, and (e), which does not, have the same Inception score: it is blind to a "
    "collapse within classes.",
    "MNIST, quick preset, seeds 0, 1, 2; the single generator with and without the entropy loss, both with labels: "
    "classifier score by mnist-cnn beside MS-SSIM of samples of one class and Frechet distance "
    "(`benchmarks/mnist_sgan.py`). Published: (d) and (e) on CIFAR-10, 5.40 both.",
    "Where (d) is no less varied than (c), there is no collapse for the score to miss.",
)


def measure() -> Finding:
    gaps = {
        column: over_seeds(f"{title}, (d) less (c)", np.subtract(found["adv-cond"], found["adv-cond-ent"]))
        for column, title in (
            ("classifier_score", "classifier score"),
            ("ms_ssim_held", "MS-SSIM of one class"),
            ("frechet", "Frechet distance"),
        )
        if (found := values(column))
    }
    score, alike = gaps["classifier_score"], gaps["ms_ssim_held"]
    collapsed, unseen = alike.low > 0, score.high > -0.5
    verdict = "holds" if collapsed and unseen else "does not hold" if collapsed else "cannot tell here"
    return Finding(
        list(gaps.values()),
        verdict,
        f"Without the loss MS-SSIM changes by {alike.value:+.3f} [{alike.low:.3f}, {alike.high:.3f}], the score by "
        f"{score.value:+.2f} [{score.low:.2f}, {score.high:.2f}] of at most 10; a fall of 0.5 would be seen.",
    )


if __name__ == "__main__":
    main(__file__, CLAIM, measure)
