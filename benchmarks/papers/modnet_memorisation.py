"""What ModNet makes is always nearest to its own source."""

from __future__ import annotations

from claim import Claim, Finding, decided, main, over_seeds, read

CLAIM = Claim(
    "Basart (2017), thesis",
    "Chapter 2, memorisation",
    "The training image nearest to an image that ModNet made is always the one that it was made from.",
    "ModNet on MNIST, quick preset, seeds 0, 1, 2; 2,000 training images changed towards another label, each looked up "
    "among all training images in L2 on pixels (`benchmarks/mnist_modnet.py`). More than 99% is taken as always.",
    "To change the label under a classifier that it was not trained against ModNet must redraw the digit, and a "
    "redrawn digit may be nearer to another one. The thesis judged by looking at a figure.",
)


def measure() -> Finding:
    found = read("mnist_modnet.csv")
    of = {
        name: [float(r["value"]) for r in found if r["number"] == name]
        for name in dict.fromkeys(r["number"] for r in found)
    }
    share = over_seeds("share nearest to its own source", of["own_source"], "all", share=True)
    rows = [share, over_seeds("share of test digits whose label changes (mnist-cnn)", of["label_changed"], share=True)]
    return Finding(
        rows,
        decided(share.low, share.high, 0.99),
        f"{share.value:.1%} [{share.low:.1%}, {share.high:.1%}] of them are.",
    )


if __name__ == "__main__":
    main(__file__, CLAIM, measure)
