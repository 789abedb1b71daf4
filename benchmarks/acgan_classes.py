"""Does one AC-GAN learn a few classes better than many? The paper's figure 10 and section 4.6, in small.

The same network for the same steps on the first 2, 4, ... 10 digits of MNIST at 14 pixels, three restarts each, seeds
chosen before any was trained; judged on the first two digits alone: MS-SSIM of pairs within a class (how alike), and
how often `mnist-cnn` sees the digit. Beside them: a split size of 1, which is a plain GAN for each digit; twice the
maps for all ten; and six digits in three splits, of similar (4 9, 3 5, 1 7) or of mixed ones (4 5, 3 7, 1 9).

    OMP_NUM_THREADS=1 python benchmarks/acgan_classes.py [--runs runs/acgan] [--steps 500] [--only 10] [--seed 0]

Writes results/acgan_classes.csv (a row a class) and docs/pictures/acgan_class_count.svg. Twenty-five minutes of one
core. With --cifar10, the same on CIFAR-10 at the paper's length for a GPU, judged by ResNet-56.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import figures
import lengths
import numpy as np
from acgan_runs import CIFAR10, MNIST, QUICK, RESULTS, classifier, run_of, scores, write_csv

from genmetrics.records import write_atomically
from genmetrics.reports.curves import COLOURS
from genmetrics.reports.plots import REAL, RULE, figure, svg
from reference_models.conditional import labelled_samples

SEEDS = (0, 1, 2)  # declared before the first run
A_CLASS = 500  # samples
COUNTS = {str(n): (" ".join(map(str, range(n))),) for n in (2, 4, 6, 8, 10)}
MODELS = {  # name -> the classes of each model
    "1": ("0", "1"),
    **COUNTS,
    "10-wide": COUNTS["10"],
    "similar": ("4 9", "3 5", "1 7"),
    "mixed": ("4 5", "3 7", "1 9"),
}
CIFAR10_GROUPS = {"similar": ("1 9", "3 5", "4 7"), "mixed": ("1 3", "5 4", "7 9")}  # cars, pets, hoofed animals


def place_of(asked: argparse.Namespace) -> Path:
    return asked.runs / ("classes-cifar10" if asked.cifar10 else "classes")


def trained_models(name: str, seed: int, asked: argparse.Namespace) -> tuple[Any, Any]:
    """The models of a row of MODELS, as one, and the data."""
    place = place_of(asked)
    file = place / f"{name}.txt"
    lines = CIFAR10_GROUPS.get(name, MODELS[name]) if asked.cifar10 else MODELS[name]
    write_atomically(file, ("\n".join(lines) + "\n").encode())
    settings = [*CIFAR10, "--channels-last", "--compile"] if asked.cifar10 else [*MNIST, "--side", 14, *QUICK]
    settings += ["--steps", asked.steps] if asked.steps else []
    if name == "10-wide":
        settings += ["--width", 2.0 if asked.cifar10 else 0.5]
    return run_of(place / f"{name}-{seed}", *settings, "--seed", seed, "--splits", file)


def rows_of(name: str, seed: int, asked: argparse.Namespace, network: Any) -> list[dict[str, Any]]:
    """A row a class of one run; kept in its folder."""
    file = place_of(asked) / f"{name}-{seed}" / "scores.json"
    if not file.exists():
        model, dataset = trained_models(name, seed, asked)
        found = scores(labelled_samples(model, A_CLASS * model.classes, 0), dataset.test, network, resolutions=())
        each = len(MODELS[name][0].split())
        rows = [{"models": name, "classes_a_model": each, "seed": seed, **row} for row in found.rows()]
        write_atomically(file, json.dumps(rows).encode())
    return json.loads(file.read_text())


def of_first_two(table: list[dict[str, Any]], name: str, key: str) -> np.ndarray:
    """Mean over the first two classes, a value a restart."""
    own = [row for row in table if row["models"] == name and row["class"] in ("0", "1")]
    return np.array([np.mean([row[key] for row in own if row["seed"] == seed]) for seed in SEEDS])


def picture(table: list[dict[str, Any]]) -> bytes:
    """MS-SSIM and accuracy of the first two classes against the number of classes: every restart, and their mean."""
    names = ["1", *COUNTS]
    with figure(8.4, 3.6) as drawn:
        for axes, (key, label) in zip(
            drawn.subplots(1, 2), (("ms_ssim", "MS-SSIM within a class"), ("accuracy", "class accuracy")), strict=True
        ):
            values = np.array([of_first_two(table, name, key) for name in names])
            counts = [int(name) for name in names]
            axes.plot(counts, values, "o", color=COLOURS[0], alpha=0.6, markersize=4)
            axes.plot(counts, values.mean(axis=1), color=COLOURS[0], linewidth=1.6)
            axes.plot([10] * len(SEEDS), of_first_two(table, "10-wide", key), "^", color=COLOURS[1], markersize=5)
            axes.axhline(of_first_two(table, "2", f"real_{key}").mean(), color=REAL, linewidth=1, linestyle=(0, (4, 3)))
            axes.set_xticks(counts)
            axes.set_xlabel("classes")
            axes.set_ylabel(label)
            axes.grid(axis="y", color=RULE, linewidth=0.6)
        return svg(drawn)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=lengths.RUNS / "acgan")
    parser.add_argument("--steps", type=int, help="by default 500 on MNIST, the paper's on CIFAR-10")
    parser.add_argument("--only", choices=MODELS, action="append", help="these alone; no table is written")
    parser.add_argument("--seed", type=int, choices=SEEDS, action="append")
    parser.add_argument("--cifar10", action="store_true")
    asked = parser.parse_args()
    asked.steps = asked.steps or (None if asked.cifar10 or lengths.FULL else 500)
    network = classifier("resnet56" if asked.cifar10 else "mnist-cnn")
    table = []
    for seed in asked.seed or SEEDS:
        for name in asked.only or MODELS:
            rows = rows_of(name, seed, asked, network)
            table += rows
            means = ", ".join(f"{key} {np.mean([r[key] for r in rows]):.3f}" for key in ("accuracy", "ms_ssim"))
            print(f"{name}, seed {seed}: {means}", flush=True)
    if asked.only or asked.seed:
        return
    end = "_cifar10" if asked.cifar10 else ""
    write_csv(RESULTS / f"acgan_classes{end}.csv", table)
    figures.save(f"acgan_class_count{end}.svg", picture(table))
    for name in ("1", *COUNTS, "10-wide"):
        alike, seen = (of_first_two(table, name, key) for key in ("ms_ssim", "accuracy"))
        print(
            f"{name:<8} MS-SSIM {alike.mean():.3f} ({alike.min():.3f} to {alike.max():.3f}), accuracy {seen.mean():.1%}"
        )
    for name in ("similar", "mixed"):
        own = [row for row in table if row["models"] == name]
        alike, seen = (np.mean([row[key] for row in own]) for key in ("ms_ssim", "accuracy"))
        print(f"{name:<8} MS-SSIM {alike:.3f}, accuracy {seen:.1%}")


if __name__ == "__main__":
    main()
