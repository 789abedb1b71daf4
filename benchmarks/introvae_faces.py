"""Does IntroVAE train without diverging on faces of 32 x 32, and is it better than a VAE and a GAN of its size?

Needs the pack of 10,000 CelebA faces in ../shared/data, cropped to squares and resized: 8,000 to train on. IntroVAE,
the plain VAE (`--vae`: the same networks, optimisers and steps) and a DCGAN with as many parameters, each with three
seeds that were chosen before any was trained, in the quick preset (a run that was stopped goes on). 2,000 samples a run
are scored against the 2,000 faces that no model was trained on, 2,000 training faces being the "real data": Fréchet
distance, precision and recall on the features of a ResNet-20 for CIFAR-10; sharpness, the mean gradient energy over
that of the real faces; and MS-SSIM of pairs of samples, beside that of real faces.

    OMP_NUM_THREADS=1 python benchmarks/introvae_faces.py [--runs runs/introvae] [--only introvae]

Writes results/introvae_faces.csv and results/introvae_faces_differences.csv, one record a run to leaderboards/faces32/,
and docs/pictures/introvae_*.png: samples of all runs, and of seed 0 paths between latents of faces, and curves.
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path
from typing import Any

import csv_tables
import lengths
import networks
import numpy as np
import packs
from PIL import Image

import genmetrics as gm
from genmetrics.intervals import student
from genmetrics.records import write_atomically
from reference_models.__main__ import main as reference_models
from reference_models.__main__ import trained
from reference_models.autoencoding import gradient_energy, ratio_of_means
from reference_models.models import parameter_counts
from reference_models.monitor import LOG, grid, last_channel, png
from reference_models.monitor import rows as rows_of
from reference_models.readers import all_square

REPO = Path(__file__).resolve().parents[1]
RESULTS, RECORDS, PICTURES = lengths.RESULTS, lengths.records("faces32"), lengths.PICTURES
SEEDS = (0, 1, 2)  # declared before the first run; settings were tried with seed 100
N, SHOWN, SIDE, PAIRS = 2_000, 16, 32, 1_000
WIDTH = "101" if lengths.FULL else "21"  # of DCGAN: as many parameters as IntroVAE, to 1%
STEPS = () if lengths.FULL else ("--steps", "1500")  # found on seed 100
MODELS = {  # name -> model and settings besides the quick preset
    "introvae": ("introvae",),
    "vae": ("introvae", "--vae"),
    "dcgan": ("dcgan", "--width", WIDTH, *STEPS),
}
METRICS = ("frechet", "precision", "recall")
SUMMED_UP = ("frechet", "ms_ssim", "sharpness", "precision", "recall", "squared_error_test", "share_below_margin")
EXTRACTOR = "resnet20"
EVERY = {"checkpoint": "100", "log": "1", "grid": "100"}  # steps
if lengths.FULL:
    EVERY = {"checkpoint": "1000", "log": "10", "grid": "20000"}


def faces(runs: Path) -> Path:
    """The faces of the pack as squares, in an .npz file."""
    path = runs / f"faces{SIDE}.npz"
    if not path.exists():
        runs.mkdir(parents=True, exist_ok=True)
        np.savez(path, x=all_square(packs.celeba().transpose(0, 3, 1, 2), SIDE))
    return path


def train(name: str, seed: int, runs: Path) -> Path:
    """The folder of a finished run."""
    out = runs / f"{name}-{seed}"
    loop = [*lengths.LOOP, "--seed", f"{seed}", "--flip", "--channels-last"]
    every = [word for what, steps in EVERY.items() for word in (f"--{what}-every", steps)]
    model, *settings = MODELS[name]
    if lengths.brought(out, model, seed):
        return out
    run("train", model, "--dataset", faces(runs), "--out", out, *loop, *every, *settings)
    return out


def run(*arguments: Any) -> None:
    """A command of `python -m reference_models`."""
    reference_models.main([str(a) for a in arguments], standalone_mode=False, prog_name="reference_models")


def scored(run_folder: Path, seed: int, extractor: Any) -> tuple[gm.Record, dict[str, float], np.ndarray]:
    """Record, other numbers and shown samples of a run; kept in its folder."""
    record, numbers, shown = (run_folder / name for name in ("record.json", "numbers.json", "shown.npz"))
    if not shown.exists():
        model, dataset = trained(run_folder, "cpu")
        samples = model.sample(N, seed=0)
        real = np.concatenate([dataset.test.images, dataset.held_out.images])
        gm.evaluate(
            last_channel(real),
            last_channel(samples),
            last_channel(dataset.train.images[: len(real)]),
            metrics=list(METRICS),
            extractor=extractor,
            seed=seed,
        ).to_json(record)
        found = model.evaluate(dataset, seed) if hasattr(model, "evaluate") else {}
        found |= {"parameters": sum(parameter_counts(model).values()), **alike(samples, real)}
        found |= {**sharpness(samples, real), **stability(run_folder)}
        write_atomically(numbers, json.dumps(found, indent=2).encode())
        np.savez(shown, x=samples[:SHOWN])
    return gm.Record.from_json(record), json.loads(numbers.read_text()), np.load(shown)


def sharpness(samples: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """Mean gradient energy of the samples over that of the real images."""
    value, low, high = ratio_of_means(gradient_energy(samples), gradient_energy(real))
    return {"sharpness": value, "sharpness_low": low, "sharpness_high": high}


def alike(samples: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """Mean MS-SSIM of pairs of samples, and of pairs of real images."""
    found, of_real = (gm.ms_ssim_diversity(images, pairs=PAIRS) for images in (samples, real))
    return {"ms_ssim": found.value, "ms_ssim_low": found.low, "ms_ssim_high": found.high, "ms_ssim_real": of_real.value}


def stability(run_folder: Path) -> dict[str, float]:
    """Of the adversarial steps: the share in which the KL of real images was below m, and the KLs of the last tenth."""
    rows = [row for row in rows_of(run_folder / LOG) if "margin" in row]
    if not rows:
        return {}
    last = rows[-max(1, len(rows) // 10) :]
    names = ("kl_real", "kl_reconstruction", "kl_sample", "squared_error")
    return {
        "adversarial_steps": len(rows),
        "share_below_margin": float(np.mean([row["kl_real"] < row["margin"] for row in rows])),
        "most_kl_real_over_margin": max(row["kl_real"] / row["margin"] for row in rows),
        **{f"{name}_at_the_end": float(np.mean([row[name] for row in last])) for name in names},
    }


def row(name: str, seed: int, record: gm.Record, numbers: dict[str, float]) -> dict[str, object]:
    found: dict[str, object] = {"model": name, "seed": seed}
    for metric in METRICS:
        score = record[metric]
        found |= {metric: score.value, f"{metric}_low": score.low, f"{metric}_high": score.high}
    return {**found, "frechet_of_real": (record["frechet"].baseline or {}).get("value"), **numbers}


def differences(records: dict[tuple[str, int], gm.Record]) -> list[dict[str, object]]:
    """IntroVAE and each of the others, for every seed: is the first better?"""
    first, *others = MODELS
    return [
        {"first": first, "second": other, "seed": seed, "metric": d.metric, "difference": d.value,
         "low": d.low, "high": d.high, "verdict": d.verdict}
        for other, seed in itertools.product(others, SEEDS)
        if (first, seed) in records and (other, seed) in records
        for d in gm.compare(records[first, seed], records[other, seed])
    ]  # fmt: skip


def save(name: str, rows: list[dict[str, object]]) -> None:
    csv_tables.write(RESULTS / name, rows, ".5g")


def summary(rows: list[dict[str, object]]) -> None:
    """Means over seeds, with their 95% intervals by Student's t."""
    for name in dict.fromkeys(row["model"] for row in rows):
        own = [row for row in rows if row["model"] == name]
        print(f"\n{name}, {len(own)} seeds: mean [95% over seeds]")
        for key in SUMMED_UP:
            if key in own[0]:
                values = np.array([float(str(row[key])) for row in own])
                low, high = student(values)
                print(f"  {key:<20}{values.mean():10.4g} [{low:.4g}, {high:.4g}]")


def pictures(shown: dict[tuple[str, int], Any], runs: Path) -> None:
    """Samples of every run; and of seed 0 paths and curves. The faces themselves may not be passed on: what shows them
    stays in the runs' folders, and paths are cut out between them."""
    order = itertools.product(("vae", "dcgan", "introvae"), SEEDS)
    ordered = [shown[key]["x"] for key in order if key in shown]
    write_atomically(PICTURES / "introvae_samples.png", png(twice(grid(np.concatenate(ordered), SHOWN))))
    paths = []
    for name in ("introvae", "vae"):
        if (name, 0) in shown:
            folder = runs / f"{name}-0"
            run("reconstruct", folder, "--out", folder / "reconstructed.png")
            run("interpolate", folder, "--out", folder / "paths.png", "--pairs", 4)
            with Image.open(folder / "paths.png") as picture:
                paths.append(np.asarray(picture)[:, SIDE + 1 : -SIDE - 1])
    write_atomically(PICTURES / "introvae_paths.png", png(twice(np.concatenate(paths))))
    if ("introvae", 0) in shown:
        run("curves", runs / "introvae-0", "--out", PICTURES / "introvae_curves.png")


def twice(picture: np.ndarray) -> np.ndarray:
    """Twice as large, pixel by pixel."""
    return picture.repeat(2, 0).repeat(2, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=lengths.RUNS / "introvae")
    parser.add_argument("--only", choices=MODELS, action="append")
    arguments = parser.parse_args()
    rows, records, shown, extractor = [], {}, {}, networks.Classifier(EXTRACTOR)
    for seed in SEEDS:
        for name in arguments.only or MODELS:
            record, numbers, images = scored(train(name, seed, arguments.runs), seed, extractor)
            records[name, seed], shown[name, seed] = record, images
            rows.append(row(name, seed, record, numbers))
            write_atomically(RECORDS / f"{name}-seed{seed}.json", record.to_json().encode())
            print(name, seed, *(f"{k} {v:.4g}" for k, v in rows[-1].items() if isinstance(v, float)), flush=True)
    save("introvae_faces.csv", rows)
    if found := differences(records):
        save("introvae_faces_differences.csv", found)
    pictures(shown, arguments.runs)
    summary(rows)


if __name__ == "__main__":
    main()
