"""DDM orders GANs as their samples look."""

from __future__ import annotations

import numpy as np
from claim import Claim, Finding, decided, floats, main, over_seeds, read

CLAIM = Claim(
    "Basart (2017), thesis",
    "Section 3.4.7, Table 3.1",
    "DDM puts Improved GAN before WGAN-GP, and that before DCGAN.",
    "WGAN-GP and DCGAN on MNIST, quick preset, seeds 0, 1, 2; 10,000 samples a run; DDM on logits of mnist-cnn "
    "(`benchmarks/mnist_models.py`). Published: CIFAR-10, 5,000 samples each, in the thesis's sign; Improved GAN "
    "-232.74.",
    "WGAN-GP needs tens of thousands of steps and gets a few hundred in the quick preset, so at equal minutes DCGAN "
    "is ahead. CIFAR-10 with all three at length waits for a GPU (`benchmarks/gpu/QUEUE.md`).",
)


def measure() -> Finding:
    found = [row for row in read("mnist_models.csv") if row["state"] == "trained"]
    of = {name: floats([r for r in found if r["model"] == name], "ddm") for name in ("wgan-gp", "dcgan")}
    gap = over_seeds("DDM, dcgan less wgan-gp", np.subtract(of["dcgan"], of["wgan-gp"]))
    rows = [over_seeds("DDM, wgan-gp", of["wgan-gp"], "-227.66"), over_seeds("DDM, dcgan", of["dcgan"], "-163.14"), gap]
    found_here = decided(gap.low, gap.high)
    return Finding(
        rows,
        "cannot tell here" if found_here == "holds" else found_here,  # a third of the claim was not tried
        f"DCGAN less WGAN-GP is {gap.value:+.2f} [{gap.low:.2f}, {gap.high:.2f}]; Improved GAN was not tried.",
    )


if __name__ == "__main__":
    main(__file__, CLAIM, measure)
