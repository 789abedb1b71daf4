"""How good are the reference models of MNIST after a minute or two on a CPU, and does DCGAN < small < weak hold?

Needs the MNIST packs in ../shared/data. Six models, each with three seeds that were chosen before any was trained, in
the quick preset: trained (a run that was stopped goes on), 10,000 samples drawn from the trained and from the untrained
generator, and scored on the features of `mnist-cnn` against MNIST's 10,000 test images: Fréchet distance and DDM. DCGAN
and its variants are looked at while they train, too: 2,000 samples against as many test images.

    OMP_NUM_THREADS=1 python benchmarks/mnist_models.py [--runs runs/mnist] [--only dcgan]

Writes results/mnist_models.csv, mnist_models_differences.csv and mnist_models_training.csv (the looks), one record a
run to leaderboards/mnist/, and docs/pictures/mnist_models.png, 16 samples a run; with --only, none of them. About half
an hour of one core for training, and a few minutes for scoring.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import csv_tables
import lengths
import numpy as np

import genmetrics as gm
from genmetrics.intervals import student
from genmetrics.records import write_atomically
from reference_models import data, models, training
from reference_models.__main__ import main as reference_models
from reference_models.__main__ import trained
from reference_models.monitor import LOG, grid, png
from reference_models.monitor import rows as rows_of

REPO = Path(__file__).resolve().parents[1]
DATA = REPO.parent / "shared" / "data"
RESULTS, RECORDS = lengths.RESULTS, lengths.records("mnist")
SEEDS = (0, 1, 2)  # declared before the first run
N, SHOWN = 10_000, 16
IMPROVED = ("--technique", "feature-matching", "--generator-steps", "1", "--labels-per-class", "10")  # MNIST's, code
IMPROVED += ("--learning-rate", "3e-3", "--batch-size", "100")
IMPROVED += () if lengths.FULL else ("--steps", "2000")  # minutes; settings tried on seed 100
MODELS = {  # name -> model and settings besides the quick preset
    "dcgan": ("dcgan", "--channels-last"),
    "dcgan-small": ("dcgan", "--channels-last", "--small"),
    "dcgan-weak": ("dcgan", "--channels-last", "--weak"),
    "wgan-gp": ("wgan-gp", "--channels-last"),
    "improved-gan": ("improved-gan", *IMPROVED),
    "vae": ("vae",),
}
ORDER = ("dcgan", "dcgan-small", "dcgan-weak")  # the thesis's, best first
EVERY = "2000" if lengths.FULL else "200"  # steps between looks at ORDER
LOOKS = ("--metrics", "frechet,ddm", "--metrics-every", EVERY, "--metrics-images", "2000")


def train(name: str, seed: int, runs: Path) -> Path:
    """The folder of a finished run."""
    out = runs / f"{name}-{seed}"
    model, *settings = MODELS[name]
    if lengths.brought(out, model, seed):
        return out
    packs = ["--dataset", f"{DATA / 'mnist_train.npz'}", "--test-set", f"{DATA / 'mnist_test.npz'}"]
    loop = [*lengths.LOOP, "--seed", f"{seed}", "--checkpoint-every", "100"]
    watched = LOOKS if name in ORDER else ()
    arguments = ["train", model, *packs, "--out", str(out), *loop, *settings, *watched]
    reference_models.main(arguments, standalone_mode=False, prog_name="reference_models")
    return out


def score(samples: np.ndarray, dataset: data.Dataset, seed: int) -> gm.Record:
    """Samples against the test images; held-out images, of which there are 6,000, are the 'real data'."""
    real, train_images = (part.images[:, 0] for part in (dataset.test, dataset.held_out))
    return gm.evaluate(real, samples[:, 0], train_images, metrics=["frechet", "ddm"], extractor="mnist-cnn", seed=seed)


def row(name: str, seed: int, state: str, record: gm.Record) -> dict[str, object]:
    found: dict[str, object] = {"model": name, "seed": seed, "state": state}
    for metric in ("frechet", "ddm"):
        value = record[metric]
        found |= {metric: value.value, f"{metric}_low": value.low, f"{metric}_high": value.high}
    return found


def scored(name: str, seed: int, run: Path) -> tuple[gm.Record, gm.Record | None, np.ndarray]:
    """The records of a run and, of DCGAN, of its start; and the samples that are shown. Kept in the run folder."""
    kept = run / "record.json", run / "untrained.json", run / "shown.npz"
    if not kept[2].exists():
        model, dataset = trained(run, "cpu")
        samples = model.sample(N, seed=0)
        score(samples, dataset, seed).to_json(kept[0])
        if name == ORDER[0]:
            score(untrained(name, seed, dataset, model), dataset, seed).to_json(kept[1])
        np.savez(kept[2], x=samples[:SHOWN])
    start = gm.Record.from_json(kept[1]) if name == ORDER[0] else None
    return gm.Record.from_json(kept[0]), start, np.load(kept[2])["x"]


def untrained(name: str, seed: int, dataset: data.Dataset, example: object) -> np.ndarray:
    """Samples of the model as it was before its first step."""
    model = models.build(MODELS[name][0], example.config, dataset, training.choose_device("cpu"), seed)  # pyright: ignore
    return model.sample(N, seed=0)


def looks(name: str, seed: int, run: Path) -> list[dict[str, object]]:
    """What was seen of a run while it trained; nothing of one that was trained without looks."""
    return [
        {"model": name, "seed": seed, "step": r["step"], "frechet": r["fd_mnist-cnn"], "ddm": r["ddm_mnist-cnn"]}
        for r in (rows_of(run / LOG) if (run / LOG).exists() else ())
        if "ddm_mnist-cnn" in r
    ]


def differences(records: dict[tuple[str, int], gm.Record]) -> list[dict[str, object]]:
    """Every two neighbours of ORDER, for every seed: is the first better?"""
    rows = []
    for first, second in itertools.pairwise(ORDER):
        for seed in SEEDS:
            if (first, seed) in records and (second, seed) in records:
                found = gm.compare(records[first, seed], records[second, seed])
                rows += [
                    {"first": first, "second": second, "seed": seed, "metric": d.metric, "difference": d.value,
                     "low": d.low, "high": d.high, "verdict": d.verdict}
                    for d in found
                ]  # fmt: skip
    return rows


def save(name: str, rows: list[dict[str, object]]) -> None:
    csv_tables.write(RESULTS / name, rows)


def summary(rows: list[dict[str, object]]) -> None:
    """Means over seeds, with their 95% intervals by Student's t; and what training gained, for every seed."""
    print(f"\n{'model':<14}{'FD, 95% over seeds':>28}{'DDM':>28}")
    for name in MODELS:
        fd, ddm = (np.array([float(r[k]) for r in of(rows, name, "trained")]) for k in ("frechet", "ddm"))
        if not len(fd):
            continue
        shown = (f"{x.mean():.3f} [{student(x)[0]:.3f}, {student(x)[1]:.3f}]" for x in (fd, ddm))
        print(f"{name:<14}" + "".join(f"{text:>28}" for text in shown))
    pairs = zip(of(rows, ORDER[0], "untrained"), of(rows, ORDER[0], "trained"), strict=True)
    gains = [float(before["frechet"]) / float(after["frechet"]) for before, after in pairs]
    print(f"{ORDER[0]}: FD at initialisation / after training, by seed: {', '.join(f'{g:.0f}' for g in gains)}")


def of(rows: list[dict[str, object]], name: str, state: str) -> list[dict[str, object]]:
    return [row for row in rows if (row["model"], row["state"]) == (name, state)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=lengths.RUNS / "mnist")
    parser.add_argument("--only", choices=MODELS, action="append", help="these alone; no table or picture is written")
    arguments = parser.parse_args()
    rows, seen, records, pictures = [], [], {}, []
    for seed in SEEDS:
        for name in arguments.only or MODELS:
            run = train(name, seed, arguments.runs)
            record, start, shown = scored(name, seed, run)
            records[name, seed] = record
            rows.append(row(name, seed, "trained", record))
            rows += [row(name, seed, "untrained", start)] if start else []
            if not arguments.only:
                write_atomically(RECORDS / f"{name}-seed{seed}.json", record.to_json().encode())
            pictures.append(shown)
            seen += looks(name, seed, run)
            print(
                name, seed, *(f"{s.name} {s.value:.4g} [{s.low:.4g}, {s.high:.4g}]" for s in record.scores), flush=True
            )
    if arguments.only:
        print(f"with --only nothing is written; the runs are in {arguments.runs}")
        return
    save("mnist_models.csv", rows)
    if seen:
        save("mnist_models_training.csv", seen)
    write_atomically(lengths.PICTURES / "mnist_models.png", png(grid(np.concatenate(pictures), SHOWN)))
    if found := differences(records):
        save("mnist_models_differences.csv", found)
    summary(rows)


if __name__ == "__main__":
    main()
