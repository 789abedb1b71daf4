"""Images that ModNet makes help a classifier that has few real ones."""

from __future__ import annotations

from claim import Claim, Finding, Row, all_of, decided, main, read

CLAIM = Claim(
    "Basart (2017), thesis",
    "Section 2.5, Figure 2.7",
    "Adding images that ModNet makes of n real ones raises the accuracy of a classifier over the n real ones alone.",
    "MNIST, n = 10, 100, 1,000, five seeds; ModNet trained on all images or on the n alone; accuracy on the test "
    "images (`benchmarks/mnist_modnet_augment.py`). Published: SVHN, gains of 0.019, -0.056, 0.400 at 10, 100, 1,000.",
    "A ModNet that has seen only the n images cannot know what another digit looks like; one that has seen all of them "
    "brings that knowledge from images which the comparison denies the classifier.",
)


def measure() -> Finding:
    found = read("mnist_modnet_gains.csv")
    rows = [
        Row(
            f"gain in accuracy, n = {r['real_images']}, {r['images']}", *(float(r[k]) for k in ("value", "low", "high"))
        )
        for r in found
    ]
    verdicts = [decided(row.low, row.high) for row in rows]
    helps = [row.what.removeprefix("gain in accuracy, ") for row, v in zip(rows, verdicts, strict=True) if v == "holds"]
    return Finding(
        rows, all_of(verdicts), f"It helps, by the intervals, in {len(helps)} of {len(rows)} cases: {'; '.join(helps)}."
    )


if __name__ == "__main__":
    main(__file__, CLAIM, measure)
