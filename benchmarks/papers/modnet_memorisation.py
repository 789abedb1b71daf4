"""What ModNet makes is always nearest to its own source."""

from __future__ import annotations

from claim import PRESET, Claim, Finding, decided, main, over_seeds, read

SETTINGS = {"the thesis's own losses": "mnist_modnet_literal.csv", f"{PRESET} preset": "mnist_modnet.csv"}

CLAIM = Claim(
    "Basart (2017), thesis",
    "Section 2.5.5, memorisation",
    "The training image nearest to an image that ModNet made is always the one that it was made from.",
    "ModNet on MNIST with the thesis's own losses, seeds 0, 1, 2; 2,000 training images changed towards another "
    "label, each looked up among all training images in L2 on pixels (`benchmarks/mnist_modnet.py --literal`). More "
    f"than 99% is taken as always. Beside it the {PRESET} preset.",
    "To change the label under a classifier that it was not trained against ModNet must redraw the digit, and a "
    "redrawn digit may be nearer to another one.",
)


def measure() -> Finding:
    rows = []
    for setting, file in SETTINGS.items():
        found = read(file)
        for title, number in (
            ("nearest to its own source", "own_source"),
            ("mnist-cnn sees the target", "target_seen"),
            ("its own classifier sees the target", "own_classifier_target_seen"),
        ):
            values = [float(r["value"]) for r in found if r["number"] == number]
            rows.append(over_seeds(f"{title}, {setting}", values, "all" if number == "own_source" else "", share=True))
    own, fooled, _, own_quick, fooled_quick, _ = rows
    return Finding(
        rows,
        decided(own.low, own.high, 0.99),
        f"With its own losses {own.value:.1%} of the images are nearest to their source, but mnist-cnn sees the "
        f"target in {fooled.value:.1%} of them: generator and classifier agree on a mark that others do not see. "
        f"Where mnist-cnn sees it in {fooled_quick.value:.0%}, {own_quick.value:.2%} are nearest to their source.",
    )


if __name__ == "__main__":
    main(__file__, CLAIM, measure)
