"""The order that DDM gives does not depend on the embedding or the network."""

from __future__ import annotations

from claim import Claim, Finding, main
from thesis import embeddings
from thesis.experiment import tried_on

CLAIM = Claim(
    "Basart (2017), thesis",
    "Sections 3.4.3 and 3.4.4, Figure 3.4",
    "Logits, prelogits and hypercolumns, and networks of other architectures, put models into the same order by DDM.",
    f"MNIST: fifteen runs (five models, three seeds, quick preset), {embeddings.N:,} samples each, by mnist-cnn and "
    "digits-cnn, which sees 8 x 8 pixels. CIFAR-10 and ImageNet: 500 images, clean and corrupted in twelve ways; by "
    "three ResNets, a wide one and SGAN's encoder; by SqueezeNet. DDM at the h under which as many real images make "
    "the test images likeliest (`benchmarks/thesis/density.py embeddings`). Intervals are over test images and "
    "samples, by halves. Two embeddings disagree on a pair that both tell apart, by intervals for all pairs at "
    "once, if it is the other way round; to hold there is no such pair, and both tell nine pairs in ten apart.",
    "Where the order changes it is among DCGAN and its variants, which are near each other; those that are far apart "
    "keep their places.",
)


def measure() -> Finding:
    return tried_on(embeddings)


if __name__ == "__main__":
    main(__file__, CLAIM, measure)
