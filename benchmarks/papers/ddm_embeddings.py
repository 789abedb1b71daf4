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
    "Of sets that differ in strength alone none is turned, but that to SGAN's encoder, a shallow one, the weakest "
    "noise is nearer than clean images; and on MNIST no pair of models is, though seeds of one model are too near to "
    "be told apart. What turns is mostly noise against blur, which networks and layers weigh in their own way. "
    "Hypercolumns stack early layers on late ones, and these disagree (`density.py layers`, "
    "[density.md](density.md#why-hypercolumns-order-noise-and-blur-otherwise)): to the first group of layers noise "
    "is worse, and blur, which draws activations together, can even bring images nearer than clean ones are; to the "
    "last group blur is worse, as it is to the logits. Where nearly all of the variance lies in the last group, as "
    "in ResNet-20, hypercolumns follow the logits; where less than half does, as in the wide network, they turn four "
    "pairs. SqueezeNet's prelogits put blur of up to 1.5 pixels no farther than clean images. The thesis compared "
    "two curves whose ends lie 5 to 28 times apart.",
)


def measure() -> Finding:
    return tried_on(embeddings)


if __name__ == "__main__":
    main(__file__, CLAIM, measure)
