"""DDM orders GANs as their samples look."""

from __future__ import annotations

import itertools

import numpy as np
from claim import PRESET, Claim, Finding, Verdict, all_of, decided, floats, main, over_seeds, read

PUBLISHED = {"improved-gan": "-232.74", "wgan-gp": "-227.66", "dcgan": "-163.14"}  # best first

CLAIM = Claim(
    "Basart (2017), thesis",
    "Section 3.4.7, Table 3.1",
    "DDM puts Improved GAN before WGAN-GP, and that before DCGAN.",
    f"The three on MNIST, {PRESET} preset, seeds 0, 1, 2; 10,000 samples a run; DDM on logits of mnist-cnn "
    "(`benchmarks/mnist_models.py`), and the Frechet distance beside it. Published: CIFAR-10, 5,000 samples each, in "
    "the thesis's sign.",
    "In minutes on a CPU the table orders how fast models learn, not how well. WGAN-GP needs tens of thousands of "
    "generator updates and gets a few hundred; Improved GAN, with the feature matching of its MNIST code, needs "
    "hundreds of passes. DDM is not at fault: by the Frechet distance, too, DCGAN is far ahead. CIFAR-10 with all "
    "three at length waits for a GPU (`benchmarks/gpu/QUEUE.md`).",
)


def measure() -> Finding:
    found = [row for row in read("mnist_models.csv") if row["state"] == "trained"]
    of = {name: [r for r in found if r["model"] == name] for name in PUBLISHED}
    tried = [name for name, some in of.items() if some]
    ddm = {name: floats(of[name], "ddm") for name in tried}
    rows = [over_seeds(f"DDM, {name}", ddm[name], PUBLISHED[name]) for name in tried]
    rows += [over_seeds(f"Frechet distance, {name}", floats(of[name], "frechet")) for name in tried]
    gaps = [
        over_seeds(f"DDM, {worse} less {better}", np.subtract(ddm[worse], ddm[better]))
        for better, worse in itertools.pairwise(tried)
    ]
    sentence = "; ".join(f"{g.what.partition(' (')[0]}: {g.value:+.2f} [{g.low:.2f}, {g.high:.2f}]" for g in gaps)
    verdicts: list[Verdict] = [decided(gap.low, gap.high) for gap in gaps]
    missing = [name for name in PUBLISHED if name not in tried]
    if missing:
        verdicts.append("cannot tell here")
        sentence += f"; {', '.join(missing)} was not tried"
    return Finding([*rows, *gaps], all_of(verdicts), f"{sentence}.")


if __name__ == "__main__":
    main(__file__, CLAIM, measure)
