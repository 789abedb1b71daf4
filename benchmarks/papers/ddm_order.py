"""DDM orders DCGAN before its small and weak variants."""

from __future__ import annotations

import itertools

import numpy as np
from claim import Claim, Finding, all_of, decided, floats, main, over_seeds, read

ORDER = ("dcgan", "dcgan-small", "dcgan-weak")
PUBLISHED = {"dcgan": "17-19", "dcgan-small": "330-365", "dcgan-weak": "537"}

CLAIM = Claim(
    "Basart (2017), thesis",
    "Section 3.4.2, Figure 3.6",
    "DDM orders DCGAN before a generator with a layer less, and that before one without batch norm.",
    "MNIST, quick preset, seeds 0, 1, 2; 10,000 samples a run; DDM on logits of mnist-cnn against the test images "
    "(`benchmarks/mnist_models.py`). Published: digitised, after 280 passes and more, in the relative form.",
    "The first half holds for every seed. The second cannot be told: after 2,000 steps of 28 pixels the generator "
    "without batch norm is no worse than the one that lacks a layer, by Fréchet distance it is better "
    "(`benchmarks/leaderboards/mnist.md`). The thesis trained a hundred times as long, where training without batch "
    "norm may come apart; those lengths wait for a GPU.",
)


def measure() -> Finding:
    found = read("mnist_models.csv")
    values = {
        (model, state): floats([r for r in found if (r["model"], r["state"]) == (model, state)], "ddm")
        for model, state in [*((m, "trained") for m in ORDER), (ORDER[0], "untrained")]
    }
    rows = [over_seeds("DDM, dcgan before training", values[ORDER[0], "untrained"], "257")]
    rows += [over_seeds(f"DDM, {model}", values[model, "trained"], PUBLISHED[model]) for model in ORDER]
    gaps = [
        over_seeds(f"DDM, {b} less {a}", np.subtract(values[b, "trained"], values[a, "trained"]))
        for a, b in itertools.pairwise(ORDER)
    ]
    sentence = "; ".join(f"{g.what.partition(' (')[0]}: {g.value:+.2f} [{g.low:.2f}, {g.high:.2f}]" for g in gaps)
    return Finding([*rows, *gaps], all_of(decided(g.low, g.high) for g in gaps), f"{sentence}.")


if __name__ == "__main__":
    main(__file__, CLAIM, measure)
