"""Do the parts of Stacked GAN do on MNIST what its paper (arXiv:1612.04357) found on CIFAR-10?

Needs the MNIST packs in ../shared/data. Section 4.5's six models, (a) to (f), and (a) without the entropy loss of its
bottom generator (Figure 2, d), each with three seeds that were chosen before any was trained, on one encoder: trained
in the quick preset (a run that was stopped goes on) so that every generator gets the same number of updates, then
2,000 samples judged by the classifier `mnist-cnn` beside the test images.

    OMP_NUM_THREADS=1 python benchmarks/mnist_sgan.py [--runs runs/sgan] [--only adv --seed 0] [--report]

Writes results/mnist_sgan.csv, docs/pictures/mnist_sgan.png (samples) and mnist_sgan_figure2.png, and its part of
docs/stacked-gan.md; prints whether the paper's order holds. `--report` only writes what the runs that are there say.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import csv_tables
import figures
import lengths
import numpy as np
import packs
import sgan_runs

import genmetrics as gm
from genmetrics.intervals import student
from genmetrics.records import write_atomically
from genmetrics.reports.plots import figure
from reference_models import data
from reference_models.__main__ import main as reference_models
from reference_models.__main__ import trained
from reference_models.monitor import grid
from reference_models.sgan_sampling import rows

REPO = Path(__file__).resolve().parents[1]
CSV, PAGE = lengths.RESULTS / "mnist_sgan.csv", REPO / "docs" / "stacked-gan.md"
MARKS = "<!-- written by benchmarks/mnist_sgan.py -->", "<!-- end -->"
MNIST = ("--dataset", f"{packs.DATA}/mnist_train.npz", "--test-set", f"{packs.DATA}/mnist_test.npz")
SEEDS = (0, 1, 2)  # declared before the first run; what is quick was chosen with seed 100
UPDATES = 100_000 if lengths.FULL else 600  # of every generator; the code: 200 epochs of 500 batches
ENCODER: tuple[str, ...] = () if lengths.FULL else ("--steps", "500", "--batch-size", "64")
SMALLER: tuple[str, ...] = ()  # settings of every GAN besides the quick preset
N = 2000
NETWORK = "mnist-cnn"


class Model(NamedTuple):
    letter: str  # in Section 4.5
    stages: int
    own: int  # stages in which a generator takes part
    settings: tuple[str, ...]

    @property
    def steps(self) -> int:
        return self.stages * UPDATES // self.own


WITHOUT, REAL = "sgan without ent", "test images"
MODELS = {
    "sgan": Model("a", 3, 2, ()),
    "no-joint": Model("b", 2, 1, ("--variant", "no-joint")),
    "adv-cond-ent": Model("c", 1, 1, ("--variant", "adv-cond-ent")),
    "adv-cond": Model("d", 1, 1, ("--variant", "adv-cond")),
    "adv-ent": Model("e", 1, 1, ("--variant", "adv-ent")),
    "adv": Model("f", 1, 1, ("--variant", "adv")),
    WITHOUT: Model("", 3, 2, ("--no-bottom-entropy",)),
}
BETTER = (("sgan", "no-joint"), ("no-joint", "adv-cond-ent"), ("adv-cond-ent", "adv"), ("adv", "adv-cond"),
          ("adv", "adv-ent"))  # fmt: skip  # Table 1: 8.59, 8.37, 7.16, 6.16, and 5.40 twice
MEASURES = {  # column -> title, and better
    "accuracy": "class seen",
    "classifier_score": "classifier score",
    "ms_ssim": "MS-SSIM in a class",
    "ms_ssim_held": "MS-SSIM of one condition",
    "frechet": "FD",
    "ddm": "DDM",
}


# --- runs


def run(out: Path, model: str, seed: int, *settings: str) -> Path:
    """The folder of a finished run."""
    loop = (*lengths.LOOP, "--seed", str(seed), "--checkpoint-every", "100")
    arguments = ["train", model, *MNIST, *loop, "--out", str(out), *settings]
    reference_models.main(arguments, standalone_mode=False, prog_name="reference_models")
    return out


def folder(runs: Path, name: str, seed: int) -> Path:
    return runs / f"{name.replace(' ', '-')}-{seed}"


def scored(runs: Path, name: str, seed: int) -> None:
    """Train, draw, judge; what is found is kept in the run's folder, and not looked for again."""
    out = folder(runs, name, seed)
    if (out / "scores.json").exists():
        return
    encoder, wanted = run(runs / "encoder", "sgan-encoder", 0, *ENCODER), MODELS[name]
    shared = ("--channels-last", "--encoder", str(encoder), "--steps", str(wanted.steps), *SMALLER)
    run(out, "sgan", seed, *shared, *wanted.settings)
    model, dataset = trained(out, "cpu")
    found = sgan_runs.scores(model, dataset, NETWORK, N)
    np.savez_compressed(out / "shown.npz", x=rows(model, 10, 10, 0, hold=False))
    write_atomically(out / "scores.json", json.dumps(found).encode())
    print(name, seed, json.dumps(found), flush=True)


def real_images() -> dict[str, Any]:
    """The same of N test images, against the others."""
    dataset = data.load([MNIST[1]], MNIST[3])
    images, labels = (x[:N] for x in dataset.test)
    seen = sgan_runs.classes(images, NETWORK, dataset.classes)
    found = {"accuracy": float((seen == labels).mean()), "classes": 10}
    found["ms_ssim"] = gm.ms_ssim_diversity(images, seen).value
    others = sgan_runs.judged(images, dataset.test.images[N:], dataset, NETWORK)
    return {"letter": "", "model": REAL, "seed": "", **found, **others}


# --- what they say


class Mean(NamedTuple):
    value: float
    half: float  # of its 95% interval by Student's t over seeds; infinite of one seed

    def __str__(self) -> str:
        return f"{self.value:.3f} ± {self.half:.3f}" if np.isfinite(self.half) else f"{self.value:.3f}"


def mean(values: list[float]) -> Mean:
    x = np.asarray(values, float)
    return Mean(float(x.mean()), student(x)[1] - float(x.mean()))


def of(table: list[dict[str, Any]], name: str, column: str) -> dict[Any, float]:
    """Seed -> value."""
    return {r["seed"]: float(r[column]) for r in table if r["model"] == name and r.get(column) not in (None, "")}


def difference(table: list[dict[str, Any]], first: str, second: str, column: str) -> Mean | None:
    """Mean over the seeds that both have; None without any."""
    a, b = of(table, first, column), of(table, second, column)
    shared = [a[seed] - b[seed] for seed in a if seed in b]
    return mean(shared) if shared else None


def verdict_on_order(table: list[dict[str, Any]]) -> str:
    """Does the paper's order of Inception scores hold for the classifier score?"""
    found = {pair: difference(table, *pair, "classifier_score") for pair in BETTER}
    known = {pair: d for pair, d in found.items() if d is not None}
    if len(known) < len(BETTER):
        return "Whether the paper's order holds cannot be said yet: runs are missing."
    right, sure = (sum(d.value > bound for d, bound in each) for each in (
        [(d, 0) for d in known.values()], [(d, d.half) for d in known.values()]))  # fmt: skip
    pairs = "; ".join(f"{MODELS[a].letter} − {MODELS[b].letter}: {d}" for (a, b), d in known.items())
    return (
        f"The order of the paper's Inception scores on CIFAR-10, a > b > c > f > d and e, "
        f"{'holds' if right == len(known) else 'does not hold'} here for the classifier score: {right} of its "
        f"{len(known)} differences have the paper's sign, {sure} with an interval that leaves out 0 ({pairs})."
    )


def verdict_on_entropy(table: list[dict[str, Any]]) -> str:
    """Are samples of one condition more varied with the entropy loss?"""
    pairs = {
        "one label and one fc3 (Figure 2, c and d)": ("sgan", WITHOUT),
        "one label by the single generator ((c) and (d) of the table)": ("adv-cond-ent", "adv-cond"),
    }
    sentences = []
    for condition, (with_it, without) in pairs.items():
        a, b = (of(table, name, "ms_ssim_held") for name in (with_it, without))
        d = difference(table, with_it, without, "ms_ssim_held")
        if d is None:
            return "What the entropy loss does cannot be said yet: runs are missing."
        lower = sum(a[seed] < b[seed] for seed in a if seed in b)
        sentences.append(
            f"MS-SSIM of samples of {condition}: {mean(list(a.values()))} with the entropy loss, "
            f"{mean(list(b.values()))} without, difference {d}; lower, so more varied, with it for {lower} of "
            f"{len(a.keys() & b.keys())} seeds."
        )
    return " ".join(sentences)


def section(table: list[dict[str, Any]]) -> str:
    """Table and sentences as Markdown."""
    lines = [
        f"| | model | {' | '.join(MEASURES.values())} |",
        f"| --- | --- | {' | '.join('---' for _ in MEASURES)} |",
    ]
    for name in [*MODELS, REAL]:
        cells = [of(table, name, column) for column in MEASURES]
        if any(cells):
            letter = MODELS[name].letter if name in MODELS else ""
            text = [str(mean(list(cell.values()))) if cell else "–" for cell in cells]
            lines.append(f"| {letter} | {name} | {' | '.join(text)} |")
    seeds = sorted({r["seed"] for r in table if r["seed"] != ""})
    made = f"Seeds {', '.join(map(str, seeds))}; means ± half of their 95% intervals over seeds (Student's t). "
    made += f"`python benchmarks/mnist_sgan.py`, {datetime.date.today()}, {os.cpu_count()} cores."
    return "\n".join([*lines, "", made, "", verdict_on_order(table), "", verdict_on_entropy(table)])


def write_page(text: str, page: Path) -> None:
    """Put the text between the marks of the page."""
    before, rest = page.read_text(encoding="utf-8").split(MARKS[0])
    after = rest.split(MARKS[1], 1)[1]
    write_atomically(page, f"{before}{MARKS[0]}\n\n{text}\n\n{MARKS[1]}{after}".encode())


def samples(runs: Path, seed: int = SEEDS[0]) -> bytes:
    """(a) to (f) of one seed: ten samples of each class a row (label-free: of no class)."""
    found = [(name, folder(runs, name, seed) / "shown.npz") for name in MODELS if MODELS[name].letter]
    with figure(9.6, 6.8) as sheet:
        for axes, (name, file) in zip(sheet.subplots(2, 3).flat, found, strict=True):
            title = f"({MODELS[name].letter}) {name}"
            sgan_runs.show(axes, grid(np.load(file)["x"], 10), title)
        return sgan_runs.png(sheet)


def figure_2(runs: Path, seed: int = SEEDS[0]) -> bytes:
    (model, dataset), (without, _) = (trained(folder(runs, name, seed), "cpu") for name in ("sgan", WITHOUT))
    return sgan_runs.drawn(sgan_runs.panels(model, dataset, without, (10, 10), seed), 10)


def report(runs: Path) -> None:
    """Everything that is written, from the runs that are done."""
    table: list[dict[str, Any]] = []
    for seed, name in itertools.product(SEEDS, MODELS):
        file = folder(runs, name, seed) / "scores.json"
        if file.exists():
            found = json.loads(file.read_text())
            table.append({"letter": MODELS[name].letter, "model": name, "seed": seed, **found})
    table.append(real_images())
    csv_tables.write(CSV, table)
    if not lengths.FULL:
        write_page(section(table), PAGE)
    if all((folder(runs, name, SEEDS[0]) / "scores.json").exists() for name in MODELS):
        figures.save("mnist_sgan.png", samples(runs))
        figures.save("mnist_sgan_figure2.png", figure_2(runs))
    print(section(table))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=lengths.RUNS / "sgan")
    parser.add_argument("--only", choices=MODELS, action="append")
    parser.add_argument("--seed", type=int, choices=SEEDS, action="append")
    parser.add_argument("--report", action="store_true")
    asked = parser.parse_args()
    if not asked.report:
        for seed, name in itertools.product(asked.seed or SEEDS, asked.only or MODELS):
            scored(asked.runs, name, seed)
    report(asked.runs)


if __name__ == "__main__":
    main()
