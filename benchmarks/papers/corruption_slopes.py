"""DDM rises with the strength of noise and blur."""

from __future__ import annotations

from claim import Claim, Finding, main
from thesis import corruptions
from thesis.experiment import tried_on

CLAIM = Claim(
    "Basart (2017), thesis",
    "Section 3.4.6",
    "DDM rises with the strength of Gaussian noise, uniform noise and blur: some 10 bits per unit of blur, 12 for "
    "noise.",
    "500 images against 500 others, corrupted: test images of MNIST and CIFAR-10, one ImageNet image a class; logits "
    "of mnist-cnn, ResNet-20, SqueezeNet (`benchmarks/thesis/density.py corruptions`). Intervals are over both sets, "
    "by halves; a step rises or falls if its interval for all twelve at once says so. Excess: over the clean images. "
    "Published: ImageNet; noise of unstated strength.",
    "From the second strength on DDM rises at every step. The weakest blur is not told apart from other draws of 500 "
    "images, by intervals for all steps at once, nor is the weakest noise on MNIST and ImageNet; on CIFAR-10 that "
    "noise is. It is not linear in the strength, and bits a pixel depend on how large the logits of a network are, "
    "so the published 10 does not carry over.",
)


def measure() -> Finding:
    return tried_on(corruptions)


if __name__ == "__main__":
    main(__file__, CLAIM, measure)
