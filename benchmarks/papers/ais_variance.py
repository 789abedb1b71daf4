"""The AIS log-likelihood of one generator swings with the variance that is chosen for its pixels."""

from __future__ import annotations

from claim import PRESET, Claim, Finding, main
from thesis import ais
from thesis.experiment import read

CLAIM = Claim(
    "Basart (2017), thesis",
    "Section 3.1.2, Figure 3.5",
    "The log-likelihood that annealed importance sampling gives a GAN depends on the variance of the pixels, which the "
    "generator does not define.",
    f"GAN-10 on MNIST, {PRESET} preset, seed 0; AIS on {ais.IMAGES} test images, {ais.CHAINS} chains, "
    f"{ais.TEMPERATURES} temperatures and {ais.FEWER}, and on as many images that the generator made, from both sides "
    "(`benchmarks/thesis/density.py ais`). To hold, the lower bound at one variance of the thesis's range lies above "
    "the upper bound at another: the likelihood at the nearest image of the generator that descents found, at "
    f"{ais.SLACK:.0%} of its squared distance.",
)


def measure() -> Finding:
    return ais.finding("mnist", read("ais_mnist"))


if __name__ == "__main__":
    main(__file__, CLAIM, measure)
