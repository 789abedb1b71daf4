"""AC-GAN's search over 27 settings: which is best by the Inception score, and what does it score on samples of its own?

Table 2 and section 4.4 of arXiv:1610.09585: learning rates of both networks, 1, 2 and 3e-4, and the noise on
activations, 0, 0.1 and 0.2. The winner has the highest score on 50,000 samples in 10 random groups; what is reported
is its score on 25,000 further ones in 5 groups, since the best of 27 scores is biased upwards.

    python benchmarks/acgan_sweep.py --classifier resnet56 [--only 13] [--runs runs/sweep] -- SETTINGS OF `train acgan`

What comes after -- goes to every training (--dataset FILE --test-set FILE --channels-last; by default CIFAR-10 of the
packs). It goes on where it was stopped, candidate by candidate; --only trains and samples those alone, on a machine of
their own, say, and leaves NN/select.npy and NN/report.npy, their logits. With all there, it prints the table, and
writes it to --out. With a classifier that is not the Inception of 2015 the number is a classifier score.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from acgan_runs import CIFAR10, REPO, RESULTS, classifier, run_of, write_csv

import genmetrics as gm
from reference_models.monitor import last_channel

RATES, NOISES = (1e-4, 2e-4, 3e-4), (0.0, 0.1, 0.2)
GRID = tuple(itertools.product(RATES, RATES, NOISES))  # of the generator, of the discriminator, noise
NAMES = ("generator_rate", "discriminator_rate", "noise")
SELECT, REPORT = 50_000, 25_000  # samples
AT_ONCE = 1_000  # samples classified at a time
SEEDS = {"select": 0, "report": 1}  # of the samples


def logits_of(model: Any, n: int, seed: int, network: Any) -> np.ndarray:
    """Logits (n, classes) of n samples."""
    found, waiting = [], []
    for images, _ in model.samples(n, seed):
        waiting.append(images)
        if sum(map(len, waiting)) >= AT_ONCE:
            found.append(classified(waiting, network))
            waiting = []
    return np.concatenate([*found, *([classified(waiting, network)] if waiting else [])])


def classified(parts: list[np.ndarray], network: Any) -> np.ndarray:
    return gm.extract(last_channel(np.concatenate(parts)), network, ("logits",), cache=False)["logits"]


def kept(run: Path, part: str) -> Path:
    return run / f"{part}.npy"


def held(run: Path, asked: argparse.Namespace) -> bool:
    """Are both parts there, with as many samples as are asked for?"""
    sizes = {"select": asked.select, "report": asked.report}
    return all(
        kept(run, part).exists() and len(np.load(kept(run, part), mmap_mode="r")) == n for part, n in sizes.items()
    )


def candidate(k: int, asked: argparse.Namespace, network: Any, settings: Sequence[str]) -> None:
    """Train candidate k and keep the logits of its samples, if that was not done before."""
    run = asked.runs / f"{k:02d}"
    if held(run, asked):
        return
    own = [word for name, value in zip(NAMES, GRID[k], strict=True) for word in (f"--{name.replace('_', '-')}", value)]
    print(f"candidate {k} of {len(GRID)}:", *own, file=sys.stderr, flush=True)
    model, _ = run_of(run, *settings, *own)
    for part, n in (("select", asked.select), ("report", asked.report)):
        unfinished = run / f"{part}.unfinished.npy"
        np.save(unfinished, logits_of(model, n, SEEDS[part], network))
        unfinished.replace(kept(run, part))


class Candidates(Sequence[Any]):
    """The logits of all candidates, one read at a time."""

    def __init__(self, runs: Path) -> None:
        self.runs = runs

    def __len__(self) -> int:
        return len(GRID)

    def __getitem__(self, k: Any) -> np.ndarray:
        if k >= len(GRID):
            raise IndexError(k)
        return np.load(kept(self.runs / f"{k:02d}", "select"))


def main() -> None:
    words = sys.argv[1:]
    cut = words.index("--") if "--" in words else len(words)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classifier", required=True)
    parser.add_argument("--runs", type=Path, default=REPO / "runs" / "sweep")
    parser.add_argument("--only", type=int, choices=range(len(GRID)), action="append")
    parser.add_argument("--select", type=int, default=SELECT)
    parser.add_argument("--report", type=int, default=REPORT)
    parser.add_argument("--out", type=Path, default=RESULTS / "acgan_sweep.csv")
    asked = parser.parse_args(words[:cut])
    network = classifier(asked.classifier)
    for k in asked.only or range(len(GRID)):
        candidate(k, asked, network, words[cut + 1 :] or CIFAR10)
    missing = [k for k in range(len(GRID)) if not held(asked.runs / f"{k:02d}", asked)]
    if missing:
        print(f"{len(GRID) - len(missing)} of {len(GRID)} candidates are done; left: {', '.join(map(str, missing))}")
        return
    found = gm.select_by_inception_score(
        Candidates(asked.runs), lambda k: np.load(kept(asked.runs / f"{k:02d}", "report"))
    )
    table = []
    for k, score in enumerate(found.selection):
        settings = dict(zip(NAMES, map(str, GRID[k]), strict=True))
        own = (found.report.value, found.report.std) if k == found.index else ("", "")
        table.append({**settings, "selection": score.value, "selection_std": score.std,
                      "report": own[0], "report_std": own[1]})  # fmt: skip
    write_csv(asked.out, table)
    best = ", ".join(f"{name} {value}" for name, value in zip(NAMES, GRID[found.index], strict=True))
    score = "Inception score" if asked.classifier == "inception-v3-tf2015" else f"score by {asked.classifier}"
    print(f"best: {best}; {score} {found.selection[found.index].value:.3f} on the samples that chose it,")
    print(f"{found.report.value:.3f} +- {found.report.std:.3f} on {asked.report} samples of its own")


if __name__ == "__main__":
    main()
