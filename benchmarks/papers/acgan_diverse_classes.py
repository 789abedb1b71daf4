"""Most classes are as diverse as real ones."""

from __future__ import annotations

from claim import PRESET, Claim, Finding, decided, floats, main, over_seeds, read

CLAIM = Claim(
    "AC-GAN, arXiv:1610.09585",
    "Section 4.2, Figure 3",
    "Most classes (84.7% of ImageNet's) are more diverse than the least diverse class of the training images, by "
    "MS-SSIM.",
    f"AC-GAN on MNIST, {PRESET} preset, seeds 0, 1, 2; 1,000 samples a class, 100 pairs of each; a class counts if its "
    "mean MS-SSIM is below the largest of any class of test images (`benchmarks/mnist_acgan.py`).",
    "Of ten classes a share is coarse, and three seeds are few.",
)


def measure() -> Finding:
    found = read("mnist_acgan.csv")
    share = over_seeds(
        "share of classes below the largest real one", floats(found, "classes_below_it"), "0.847", share=True
    )
    classes = read("mnist_acgan_classes.csv")
    more = sum(float(row["ms_ssim"]) > float(row["real_ms_ssim"]) for row in classes)
    rows = [
        share,
        over_seeds("MS-SSIM within a class, samples", floats(found, "ms_ssim_within"), "0.18"),
        over_seeds("MS-SSIM within a class, real images", floats(found, "real_ms_ssim"), "0.05"),
        over_seeds("largest of a real class", floats(found, "largest_real"), "0.25"),
    ]
    return Finding(
        rows,
        decided(share.low, share.high, 0.5),
        f"{share.value:.0%} [{share.low:.0%}, {share.high:.0%}] of the classes are; `most` is more than half. It asks "
        f"little: of real classes all but one are. In {more} of {len(classes)} cases samples are more alike than real "
        "images of the same digit.",
    )


if __name__ == "__main__":
    main(__file__, CLAIM, measure)
