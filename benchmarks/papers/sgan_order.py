"""Every part of Stacked GAN raises the Inception score."""

from __future__ import annotations

import numpy as np
from claim import PRESET, Claim, Finding, Row, all_of, decided, main, over_seeds, read

PUBLISHED = {
    "sgan": "8.59",
    "no-joint": "8.37",
    "adv-cond-ent": "7.16",
    "adv": "6.16",
    "adv-cond": "5.40",
    "adv-ent": "5.40",
}
BETTER = (
    ("sgan", "no-joint"),
    ("no-joint", "adv-cond-ent"),
    ("adv-cond-ent", "adv"),
    ("adv", "adv-cond"),
    ("adv", "adv-ent"),
)

CLAIM = Claim(
    "Stacked GAN, arXiv:1612.04357",
    "Section 4.5, Table 1",
    "By Inception score the stack comes first, then without joint training, then the single generator with all "
    "losses, with the adversarial loss alone, and last with that and one more.",
    f"MNIST, {PRESET} preset, seeds 0, 1, 2, every generator with the same number of updates; classifier score of "
    "2,000 samples by mnist-cnn (`benchmarks/mnist_sgan.py`). Published: CIFAR-10.",
    "What decides is that the generator with the adversarial loss alone, (f), collapses: its samples show few of the "
    "ten digits, so that the score, which counts classes, is low whatever they look like. (d), which is told the "
    "digit, shows all ten and is far above it, where the paper has it below; on CIFAR-10 at length (f) does not "
    "collapse so. The other differences lie within what three seeds of 600 updates a generator leave open: the deep "
    "stacks learn slowest and vary most. At the paper's length it waits for a GPU.",
)


def values(column: str) -> dict[str, list[float]]:
    """Model -> a value a seed, in the order of seeds."""
    found = sorted((r for r in read("mnist_sgan.csv") if r["seed"]), key=lambda r: int(r["seed"]))
    return {
        name: [float(r[column]) for r in found if r["model"] == name and r[column]]
        for name in dict.fromkeys(r["model"] for r in found)
    }


def measure() -> Finding:
    score = values("classifier_score")
    rows = [over_seeds(f"classifier score, {name}", score[name], published) for name, published in PUBLISHED.items()]
    gaps = {(a, b): over_seeds(f"{a} less {b}", np.subtract(score[a], score[b])) for a, b in BETTER}
    classes = values("classes")
    seen = [Row(f"digits seen in 2,000 samples, {name} (mean)", float(np.mean(classes[name]))) for name in PUBLISHED]
    sure = [pair for pair, gap in gaps.items() if gap.low > 0]
    against = [pair for pair, gap in gaps.items() if gap.high < 0]
    return Finding(
        [*rows, *gaps.values(), *seen],
        all_of(decided(gap.low, gap.high) for gap in gaps.values()),
        f"Of the {len(gaps)} differences {len(sure)} are as in the paper and {len(against)} against it, by their "
        "intervals" + (f" (against: {'; '.join(f'{a}, {b}' for a, b in against)})." if against else "."),
    )


if __name__ == "__main__":
    main(__file__, CLAIM, measure)
