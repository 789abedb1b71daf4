"""DDM orders DCGAN before its small and weak variants, over training."""

from __future__ import annotations

import itertools
from collections import defaultdict

import numpy as np
from claim import PRESET, Claim, Finding, Row, all_of, decided, floats, main, over_seeds, read, save

from genmetrics.intervals import student

ORDER = ("dcgan", "dcgan-small", "dcgan-weak")
PUBLISHED = {"dcgan": (257, 18), "dcgan-small": (346, 347.5), "dcgan-weak": (560, 537)}  # digitised: start, end
PRINTED = {"dcgan": "17-19", "dcgan-small": "330-365", "dcgan-weak": "537"}

CLAIM = Claim(
    "Basart (2017), thesis",
    "Section 3.4.2, Figure 3.6",
    "Over training DDM orders DCGAN before a generator with a layer less, and that before one without batch norm.",
    f"MNIST, {PRESET} preset, seeds 0, 1, 2; DDM on logits of mnist-cnn, while they train of 2,000 samples against "
    "2,000 test images, at the end of 10,000 against 10,000 (`benchmarks/mnist_models.py`). A half of the order "
    "holds if it is seen at more than half of the looks, by the interval over seeds. Published: digitised, per epoch "
    "of some 280, in the relative form.",
)


def measure() -> Finding:
    shares, by_frechet = shares_of_looks("ddm"), shares_of_looks("frechet")
    rows, gaps = at_the_end()
    verdicts = [decided(share.low, share.high, 0.5) for share in shares]
    sentence = "; ".join(
        f"{b} is above {a} at {share.value:.0%} [{share.low:.0%}, {share.high:.0%}] of the looks, at the end by "
        f"{gap.value:+.2f} [{gap.low:.2f}, {gap.high:.2f}]"
        for (a, b), share, gap in zip(itertools.pairwise(ORDER), shares, gaps, strict=True)
    )
    beside = " and ".join(f"{share.value:.0%} [{share.low:.0%}, {share.high:.0%}]" for share in by_frechet)
    sentence += f". By the Frechet distance it is so at {beside} of them"
    by_frechet = [share._replace(what=f"by the Frechet distance: {share.what}") for share in by_frechet]
    return Finding([*shares, *by_frechet, *rows, *gaps], all_of(verdicts), f"{sentence}.")


def shares_of_looks(metric: str) -> list[Row]:
    """Of each two neighbours of the order: at how many of the looks the first is below the second."""
    seen = curves(metric)
    steps = sorted({step for of_model in seen.values() for of_seed in of_model.values() for step in of_seed})
    return [
        over_seeds(
            f"share of {len(steps)} looks at which {a} is below {b}",
            [np.mean([seen[a][seed][s] < seen[b][seed][s] for s in steps]) for seed in seen[a]],
            share=True,
        )
        for a, b in itertools.pairwise(ORDER)
    ]


def curves(metric: str = "ddm") -> dict[str, dict[str, dict[int, float]]]:
    """Model -> seed -> step -> value; of the seeds that all three models have."""
    found: dict[str, dict[str, dict[int, float]]] = {name: defaultdict(dict) for name in ORDER}
    for row in read("mnist_models_training.csv"):
        if row["model"] in ORDER:
            found[row["model"]][row["seed"]][int(row["step"])] = float(row[metric])
    shared = sorted(set.intersection(*(set(by_seed) for by_seed in found.values())))
    return {name: {seed: by_seed[seed] for seed in shared} for name, by_seed in found.items()}


def at_the_end() -> tuple[list[Row], list[Row]]:
    """DDM of each model, and of DCGAN before training; and what neighbours differ by."""
    found = read("mnist_models.csv")
    values = {
        (model, state): floats([r for r in found if (r["model"], r["state"]) == (model, state)], "ddm")
        for model, state in [*((m, "trained") for m in ORDER), (ORDER[0], "untrained")]
    }
    rows = [over_seeds("DDM, dcgan before training", values[ORDER[0], "untrained"], f"{PUBLISHED[ORDER[0]][0]}")]
    rows += [over_seeds(f"DDM at the end, {model}", values[model, "trained"], PRINTED[model]) for model in ORDER]
    gaps = [
        over_seeds(f"DDM at the end, {b} less {a}", np.subtract(values[b, "trained"], values[a, "trained"]))
        for a, b in itertools.pairwise(ORDER)
    ]
    return rows, gaps


def draw(name: str) -> None:
    """DDM over steps, with the range of the seeds' mean; beside it what the thesis's figure starts and ends with."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (here, there) = plt.subplots(1, 2, figsize=(8.4, 3.4), width_ratios=(2, 1), layout="constrained")
    for (model, by_seed), colour in zip(curves().items(), ("#1f5fa8", "#c2571a", "#3a8a4d"), strict=True):
        steps = sorted(next(iter(by_seed.values())))
        values = np.array([[of_seed[step] for step in steps] for of_seed in by_seed.values()])
        low, high = np.transpose([student(column) for column in values.T])
        here.plot(steps, values.mean(axis=0), color=colour, label=model)
        if len(values) > 1:
            here.fill_between(steps, low.clip(min=values.min() / 2), high, color=colour, alpha=0.2, linewidth=0)
        there.plot([0, 1], PUBLISHED[model], "o-", color=colour)
    whose = f"mean of {len(values)} seeds, 95% interval" if len(values) > 1 else "one seed"
    here.set(title=f"here: {whose}", xlabel="steps", ylabel="DDM", yscale="log")
    there.set(
        title="Figure 3.6, digitised", xticks=(0, 1), xticklabels=("start", "end"), yscale="log", xlim=(-0.2, 1.2)
    )
    here.legend(fontsize=8)
    for axis in (here, there):
        axis.title.set_fontsize(9)
        axis.grid(axis="y", color="#ddd")
    save(figure, name)
    plt.close(figure)


if __name__ == "__main__":
    main(__file__, CLAIM, measure, draw)
