"""Do images made by ModNet help a classifier of MNIST that has 10, 100 or 1,000 real ones? The thesis's Figure 2.7.

Needs the MNIST packs in ../shared/data. Five seeds, chosen before any was run: each has its own ModNet of all training
images (quick preset, see mnist_modnet.py), its own few images, its own ModNet of those alone, its own classifiers.

    OMP_NUM_THREADS=1 python benchmarks/mnist_modnet_augment.py [--runs runs/mnist-modnet]

Goes on where it was stopped. Writes results/mnist_modnet_augment.csv, results/mnist_modnet_gains.csv and
docs/pictures/mnist_modnet_augment.svg.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

import lengths
from figures import save as save_picture
from mnist_modnet import save, train

from reference_models import modnet_augment as study
from reference_models.__main__ import trained
from reference_models.modnet_pictures import augmentation_plot

SEEDS = 5  # 0, 1, 2, 3, 4: declared before the first run
SIZES = (10, 100, 1000)


def trials_of(seed: int, runs: Path) -> dict[study.Trial, float]:
    """What one seed gives; kept in the run folder."""
    run = train(seed, runs)
    model, dataset = trained(run, "cpu")
    plan = study.Plan()
    experiment = study.Augmentation([model], dataset, plan, runs / f"augment-{seed}")
    wanted = [trial for trial in study.trials(SIZES, SEEDS) if trial.seed == seed]
    found = {}
    for trial, accuracy in experiment.run(wanted, study.settings([run], dataset.digest(), plan)):
        found[trial] = accuracy
        print(f"seed {seed}  {trial.n:>5} {trial.images:<28}{accuracy:.4f}", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=lengths.RUNS / "mnist-modnet")
    parser.add_argument("--seed", type=int, choices=range(SEEDS), help="only this one: its results are kept in --runs")
    arguments = parser.parse_args()
    if arguments.seed is not None:
        trials_of(arguments.seed, arguments.runs)
        return
    found = {trial: value for seed in range(SEEDS) for trial, value in trials_of(seed, arguments.runs).items()}
    save("mnist_modnet_augment.csv", [{**asdict(trial), "accuracy": value} for trial, value in found.items()])
    save("mnist_modnet_gains.csv", gains(found))
    title = "MNIST: what images made by ModNet add, 5 seeds"
    save_picture("mnist_modnet_augment.svg", augmentation_plot(study.curves(found), title))
    print("\n".join([*study.table(found), "", *study.sentences(found)]))


def gains(found: dict[study.Trial, float]) -> list[dict[str, Any]]:
    """What generated images add, with interval and verdict."""
    return [
        {"images": name, "real_images": n, **asdict(gain), "verdict": study.verdict(gain)}
        for name in (study.FROM_ALL, study.FROM_FEW)
        for n, gain in study.gains(found, name).items()
    ]


if __name__ == "__main__":
    main()
