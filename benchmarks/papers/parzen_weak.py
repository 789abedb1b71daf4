"""Parzen windows rank the weak model above the normal one."""

from __future__ import annotations

from claim import PRESET, Claim, Finding, main
from thesis import parzen
from thesis.experiment import read

CLAIM = Claim(
    "Basart (2017), thesis",
    "Section 3.4.1, Figures 3.1 to 3.3",
    "Parzen windows rank a model without batch norm in its generator above the normal one; DDM ranks them rightly.",
    f"DCGAN and its weak variant on MNIST, {PRESET} preset, seeds 0, 1, 2: {parzen.SAMPLES['mnist']:,} samples each; "
    "Parzen log-likelihood of 1,000 test images on pixels and on principal components, width by validation; DDM on "
    "logits of mnist-cnn (`benchmarks/thesis/density.py parzen`). Published: Improved GAN on CIFAR-10.",
    "After so short a training Parzen windows and DDM agree that the weak model is worse. In the thesis its weak "
    "model overtook the normal one only after some thirty passes over CIFAR-10, with a kernel so wide that it is "
    "nearly flat (some 210 grey levels) and differences of ten nats in nineteen thousand.",
)


def measure() -> Finding:
    return parzen.weak(read("parzen_mnist"))


if __name__ == "__main__":
    main(__file__, CLAIM, measure)
