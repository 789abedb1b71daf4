"""Images that ModNet makes help a classifier that has few real ones."""

from __future__ import annotations

from claim import Claim, Finding, Row, all_of, decided, main, over_seeds, read

PUBLISHED = {10: "0.019", 100: "-0.056", 1000: "0.400"}
REAL_ALONE = {10: "0.081", 100: "0.196", 1000: "0.175"}
MADE_ALONE = "0.88 (of which data is not said)"

CLAIM = Claim(
    "Basart (2017), thesis",
    "Section 2.5, Figure 2.7",
    "Adding images that ModNet makes of n real ones raises the accuracy of a classifier over the n real ones alone.",
    "MNIST, n = 10, 100, 1,000, five seeds; ModNet trained on all images or on the n alone; accuracy on the test "
    "images (`benchmarks/mnist_modnet_augment.py`). Published: SVHN.",
    "The made images are worth a few real ones and no more. A classifier that sees nothing but them, made by a "
    "ModNet of all images, is right more often than after ten real images, and less than after a hundred. Nine are "
    "added to each real one, and in many of them (the last row says in how many it does) mnist-cnn does not see the "
    "digit that they are labelled with; what helps ten real images drowns a thousand. A ModNet that has seen the n "
    "images alone cannot know what another digit looks like. The thesis's own gains change sign between n = 10 and "
    "100, and its 0.400 is over a classifier that learned no more from a thousand real images than from a hundred "
    "(0.175 and 0.196).",
)


def measure() -> Finding:
    gains = [
        Row(
            f"gain in accuracy, n = {r['real_images']}, {r['images']}",
            *(float(r[k]) for k in ("value", "low", "high")),
            PUBLISHED[int(r["real_images"])],
        )
        for r in read("mnist_modnet_gains.csv")
    ]
    found = read("mnist_modnet_augment.csv")
    accuracies = {
        title: [float(r["accuracy"]) for r in found if (r["images"], r["n"]) == key]
        for title, key in {
            **{f"accuracy, {n} real images alone": ("real only", str(n)) for n in PUBLISHED},
            "accuracy, images made by ModNet of all images alone": ("generated only", "0"),
        }.items()
    }
    published = [*REAL_ALONE.values(), MADE_ALONE]
    rows = [
        over_seeds(title, values, told, share=True)
        for (title, values), told in zip(accuracies.items(), published, strict=True)
    ]
    seen = [float(r["value"]) for r in read("mnist_modnet.csv") if r["number"] == "target_seen"]
    rows.append(over_seeds("made images that mnist-cnn sees as labelled", seen, share=True))
    verdicts = [decided(row.low, row.high) for row in gains]
    helping = [row.what for row, verdict in zip(gains, verdicts, strict=True) if verdict == "holds"]
    helps = [what.removeprefix("gain in accuracy, ") for what in helping]
    return Finding(
        [*gains, *rows],
        all_of(verdicts),
        f"It helps, by the intervals, in {len(helps)} of {len(gains)} cases: {'; '.join(helps)}. A classifier of made "
        f"images alone reaches {rows[-2].value:.0%}; of ten, a hundred and a thousand real ones "
        f"{', '.join(f'{row.value:.0%}' for row in rows[:3])}; {1 - rows[-1].value:.0%} of the made images do not look "
        "like their label to mnist-cnn.",
    )


if __name__ == "__main__":
    main(__file__, CLAIM, measure)
