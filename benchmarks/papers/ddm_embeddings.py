"""The order that DDM gives does not depend on the embedding or the network."""

from __future__ import annotations

from claim import PRESET, Claim, Finding, all_of, main
from thesis import embeddings
from thesis.experiment import NAMES, file_of, joined, read

MODELS = "mnist"  # the data whose sets are samples of models

CLAIM = Claim(
    "Basart (2017), thesis",
    "Sections 3.4.3 and 3.4.4, Figure 3.4",
    "Logits, prelogits and hypercolumns, and networks of other architectures, put models into the same order by DDM.",
    "Models decide, as in the claim; corrupted images, which it does not name, ask for more and stand beside them. "
    f"MNIST: fifteen runs (five models, three seeds, {PRESET} preset), {embeddings.N:,} samples each, by mnist-cnn and "
    "digits-cnn, which sees 8 x 8 pixels. CIFAR-10 and ImageNet: 500 images, clean and corrupted in twelve ways; by "
    "three ResNets, a wide one and SGAN's encoder; by SqueezeNet. DDM at the h under which as many real images make "
    "the test images likeliest (`benchmarks/thesis/density.py embeddings`). Intervals are over test images and "
    "samples, by halves. Two embeddings disagree on a pair that both tell apart, by intervals for all pairs at once, "
    "if it is the other way round; to hold there is no such pair, and both tell nine pairs in ten apart.",
    "Of models no pair is turned, but seeds of one model are too near to be told apart. Of corrupted images pairs "
    "are, though of sets that differ in strength alone none but that to SGAN's encoder, a shallow one, the weakest "
    "noise is nearer than clean images. What turns is mostly noise against blur, which networks and layers weigh in "
    "their own way. Hypercolumns stack early layers on late ones, and these disagree (`density.py layers`, "
    "[density.md](density.md#why-hypercolumns-order-noise-and-blur-otherwise)): to the first group of layers noise "
    "is worse, and blur, which draws activations together, can even bring images nearer than clean ones are; to the "
    "last group blur is worse, as it is to the logits. Where most of the variance lies in the last group, as in "
    "ResNet-20, hypercolumns follow the logits; where less than half does, as in the wide network, they turn the "
    "most pairs. SqueezeNet's prelogits put mild blur no farther than clean images. The thesis compared two curves "
    "whose ends lie 5 to 28 times apart.",
)


def measure() -> Finding:
    """The verdict is that of models, which the claim is about; that of corrupted images is told beside it."""
    found = {
        data: embeddings.finding(data, read(f"embeddings_{data}"))
        for data in embeddings.DATA
        if data == MODELS or file_of(f"embeddings_{data}").exists()
    }
    everything = joined({NAMES[data]: one for data, one in found.items()})
    models, corrupted = found[MODELS].verdict, [one.verdict for data, one in found.items() if data != MODELS]
    halves = f"Models: {models}." + (f" Corrupted images: {all_of(corrupted)}." if corrupted else "")
    return Finding(everything.rows, models, f"{halves} {everything.sentence}")


if __name__ == "__main__":
    main(__file__, CLAIM, measure)
