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
    "2,000 test images, at the end of 10,000 against 10,000 (`benchmarks/mnist_models.py`). Each half of the order "
    "is judged by the difference of the two over the later half of the looks, a mean for each seed, by the interval "
    "over seeds; to hold, both must. Published: digitised, per epoch of some 280, in the relative form.",
    "The generator without batch norm is behind the small one early in training, and towards the end as near to it "
    "as seeds differ; by the Frechet distance neither is seen to be ahead there. In the thesis it is behind to the "
    "end. Whether it falls behind again after a training of that length waits for a GPU (`make papers GPU=1`).",
)


def measure() -> Finding:
    late, by_frechet = later_half("ddm"), later_half("frechet")
    rows, ends = at_the_end()
    verdicts = [decided(gap.low, gap.high) for gap in late]
    shares = shares_of_looks("ddm")
    sentence = "; ".join(
        f"{b} less {a}: {verdict}, {gap.value:+.2f} [{gap.low:.2f}, {gap.high:.2f}] over the later half of training, "
        f"{end.value:+.2f} [{end.low:.2f}, {end.high:.2f}] at the end (above 0 at {whole.value:.0%} of all looks, at "
        f"{last.value:.0%} of the later ones)"
        for (a, b), verdict, gap, end, (whole, last) in zip(
            itertools.pairwise(ORDER), verdicts, late, ends, shares, strict=True
        )
    )
    by_frechet = [gap._replace(what=f"by the Frechet distance: {gap.what}") for gap in by_frechet]
    looks = [share for of_pair in shares for share in of_pair]
    return Finding([*late, *by_frechet, *looks, *rows, *ends], all_of(verdicts), f"{sentence}.")


def later_half(metric: str) -> list[Row]:
    """Of each two neighbours of the order: by how much the second is above the first, over the later looks."""
    seen = curves(metric)
    steps = looks_of(seen)
    late = steps[len(steps) // 2 :]
    return [
        over_seeds(
            f"{b} less {a}, mean of the last {len(late)} of {len(steps)} looks",
            [np.mean([seen[b][seed][s] - seen[a][seed][s] for s in late]) for seed in seen[a]],
        )
        for a, b in itertools.pairwise(ORDER)
    ]


def shares_of_looks(metric: str) -> list[tuple[Row, Row]]:
    """Of each two neighbours of the order: at how many of the looks, and of the later ones, the second is above."""
    seen = curves(metric)
    steps = looks_of(seen)

    def share(a: str, b: str, steps: list[int], which: str) -> Row:
        above = [np.mean([seen[a][seed][s] < seen[b][seed][s] for s in steps]) for seed in seen[a]]
        return over_seeds(f"share of {which} {len(steps)} looks at which {a} is below {b}", above, share=True)

    return [
        (share(a, b, steps, "all"), share(a, b, steps[len(steps) // 2 :], "the last"))
        for a, b in itertools.pairwise(ORDER)
    ]


def looks_of(seen: dict[str, dict[str, dict[int, float]]]) -> list[int]:
    return sorted({step for of_model in seen.values() for of_seed in of_model.values() for step in of_seed})


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
