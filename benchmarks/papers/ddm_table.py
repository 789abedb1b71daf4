"""DDM orders GANs as their samples look."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
from claim import PRESET, RUNS, Claim, Finding, Row, Verdict, all_of, decided, floats, main, over_seeds, read
from samples import drawn, features

PUBLISHED = {"improved-gan": "-232.74", "wgan-gp": "-227.66", "dcgan": "-163.14"}  # best first
LOG = "log.jsonl"
FOLDED = "improved-gan"  # the one that has collapsed

CLAIM = Claim(
    "Basart (2017), thesis",
    "Section 3.4.7, Table 3.1",
    "DDM puts Improved GAN before WGAN-GP, and that before DCGAN.",
    f"The three on MNIST, {PRESET} preset, seeds 0, 1, 2; 10,000 samples a run; DDM on logits of mnist-cnn "
    "(`benchmarks/mnist_models.py`), and the Frechet distance beside it. Published: CIFAR-10, 5,000 samples each, in "
    "the thesis's sign.",
    "In minutes on a CPU the table orders how fast models learn, not how well. WGAN-GP makes few updates of the "
    "generator and needs tens of thousands; its samples are half drawn, but of all digits. Improved GAN, with the "
    "feature matching of its MNIST code, has collapsed: a few digits, smeared, make up most of its samples, while "
    "the discriminator tells them from real images: its loss, log 2 where it cannot, is far below. Its authors, too, "
    "found samples of feature matching poor and those of minibatch discrimination better (arXiv:1606.03498, Section "
    "6.1). DDM is not at fault: by the Frechet distance the three stand in the same order. CIFAR-10 with all three "
    "at length waits for a GPU (`benchmarks/gpu/QUEUE.md`).",
)


def measure() -> Finding:
    found = [row for row in read("mnist_models.csv") if row["state"] == "trained"]
    of = {name: [r for r in found if r["model"] == name] for name in PUBLISHED}
    tried = [name for name, some in of.items() if some]
    ddm = {name: floats(of[name], "ddm") for name in tried}
    rows = [over_seeds(f"DDM, {name}", ddm[name], PUBLISHED[name]) for name in tried]
    rows += [over_seeds(f"Frechet distance, {name}", floats(of[name], "frechet")) for name in tried]
    gaps = [
        over_seeds(f"DDM, {worse} less {better}", np.subtract(ddm[worse], ddm[better]))
        for better, worse in itertools.pairwise(tried)
    ]
    sentence = "; ".join(f"{g.what.partition(' (')[0]}: {g.value:+.2f} [{g.low:.2f}, {g.high:.2f}]" for g in gaps)
    verdicts: list[Verdict] = [decided(gap.low, gap.high) for gap in gaps]
    missing = [name for name in PUBLISHED if name not in tried]
    if missing:
        verdicts.append("cannot tell here")
        sentence += f"; {', '.join(missing)} was not tried"
    return Finding([*rows, *gaps, *looked_again(of)], all_of(verdicts), f"{sentence}.")


def looked_again(of: dict[str, list[dict[str, str]]]) -> list[Row]:
    """How much of 2,000 samples of each run is one and the same digit, to mnist-cnn: of digits as they come a tenth.

    And how long the runs trained, and how well Improved GAN's discriminator told samples apart in the end.
    """
    runs = {name: [RUNS / "mnist" / f"{name}-{row['seed']}" for row in rows] for name, rows in of.items() if rows}
    shares = [
        over_seeds(f"share of the commonest digit, {name}", [commonest(run) for run in some], share=True)
        for name, some in runs.items()
    ]
    updates = [Row(f"updates of the generator, {name}", updates_of(some[0])) for name, some in runs.items()]
    logged = [run for run in runs.get(FOLDED, []) if (run / LOG).exists()]
    loss = f"loss of the discriminator, last tenth, {FOLDED}"
    return [*shares, *updates, *([over_seeds(loss, map(last_loss, logged))] if logged else [])]


def updates_of(run: Path) -> float:
    """One a step, or as many as the run's settings say."""
    from reference_models.checkpoints import read_settings

    settings = read_settings(run)["config"]
    return float(settings["steps"] * settings.get("generator_steps", 1))


def last_loss(run: Path) -> float:
    from reference_models.monitor import rows

    losses = [row["discriminator"] for row in rows(run / LOG)]
    return float(np.mean(losses[-max(len(losses) // 10, 1) :]))


def commonest(run: Path) -> float:
    logits = features(drawn(run, 2000), "logits")["logits"]
    return float(np.bincount(logits.argmax(axis=1)).max() / len(logits))


if __name__ == "__main__":
    main(__file__, CLAIM, measure)
