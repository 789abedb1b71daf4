"""The Inception score saturates on missing modes, DDM does not."""

from __future__ import annotations

import numpy as np
from claim import Claim, Finding, Row, floats, main, read

PUBLISHED = {  # digitised from the thesis's figure 3.7: DDM, score
    10: ("-177.2", ""),
    20: ("-181.8", "6.2"),
    100: ("-215.4", "9.49"),
    1000: ("-240.5", "11.39"),
    10_000: ("-269.4", "11.51"),
}

CLAIM = Claim(
    "Basart (2017), thesis",
    "Section 3.4.5, Figure 3.7",
    "The Inception score no longer tells 1,000 distinct images from all of them; DDM improves with every addition.",
    "n distinct MNIST training images, five draws; classifier score and DDM on logits of mnist-cnn against the test "
    "images (`benchmarks/thesis/density.py modes`). Published: CIFAR-10, in the thesis's sign.",
)


def measure() -> Finding:
    found = read("thesis_modes_mnist.csv")
    rows, n = [], [int(row["n"]) for row in found]
    ddm, score = floats(found, "ddm"), floats(found, "score")
    for i, count in enumerate(n):
        published = PUBLISHED.get(count, ("-289.2", "11.53"))
        rows.append(Row(f"DDM, {count:,} distinct", ddm[i], published=published[0]))
        rows.append(Row(f"classifier score, {count:,} distinct", score[i], published=published[1]))
    thousand, last = n.index(1000), n.index(10_000)
    left = (score[last] - score[thousand]) / (score[last] - score[0])
    still = (ddm[thousand] - ddm[last]) / (ddm[0] - ddm[last])
    strictly = bool(np.all(np.diff(ddm[: last + 1]) < 0))
    holds = strictly and left < 0.05
    return Finding(
        rows,
        "holds" if holds else "does not hold",
        f"From 1,000 to 10,000 images the score makes the last {100 * left:.1f}% of its rise, DDM the last "
        f"{100 * still:.1f}% of its fall, and DDM {'falls' if strictly else 'does not fall'} at every step.",
    )


if __name__ == "__main__":
    main(__file__, CLAIM, measure)
