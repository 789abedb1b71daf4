"""What do less exact arithmetics change? Features and scores of the Inception in tf32 and bf16 against float32.

    python benchmarks/precision.py [--device cpu] [--n 64] [--out CSV]

n CIFAR-10 test images against the negatives of n others, random weights (parity/random_inception.py). Writes
benchmarks/results/precision.csv: for each arithmetic that the device has, milliseconds an image (CPU-milliseconds on a
CPU), the relative Frobenius distance of the features, each score and its relative change.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import csv_tables
import numpy as np
import torch

import genmetrics as gm
from genmetrics._checks import DataError
from genmetrics.extractors import PRECISIONS
from genmetrics.extractors.inception import Inception

sys.path.append(str(Path(__file__).parent / "parity"))
import packs
from random_inception import random_state

RESULT = Path(__file__).parent / "results" / "precision.csv"
FIELDS = ["date", "machine", "backend", "precision", "n", "ms_an_image", "features", "quantity", "value", "change"]


def measured(network, sets):
    """Features and logits of both sets, the scores, and milliseconds an image."""
    clock = time.process_time if network.device == "cpu" else time.perf_counter
    gm.extract(sets[0][: network.batch_size], network, cache=False)  # compiled and warm
    start = clock()
    real, generated = (gm.extract(images, network, ("features", "logits"), cache=False) for images in sets)
    spent = 1e3 * (clock() - start) / sum(map(len, sets))
    kid = gm.kernel_distance(real["features"], generated["features"], subset_size=len(sets[0]) // 2)
    scores = {
        "frechet": gm.frechet_distance(real["features"], generated["features"]),
        "kernel": kid.value,
        "inception-score": gm.inception_score(logits=generated["logits"]).value,
    }
    return np.concatenate([real["features"], generated["features"]]), scores, spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--n", type=int, default=64)
    parser.add_argument("--out", type=Path, default=RESULT)
    arguments = parser.parse_args()
    images = packs.cifar10_test().images[: 2 * arguments.n]
    sets = images[: arguments.n], 255 - images[arguments.n :]
    on_gpu = arguments.device.startswith("cuda")
    where = torch.cuda.get_device_name() if on_gpu else f"{os.cpu_count()} cores, {platform.machine()}"
    rows, exact = [], None
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "random.pth"
        torch.save(random_state(), weights)
        for precision in PRECISIONS:
            try:
                network = Inception(device=arguments.device, weights=weights, precision=precision)
            except DataError as error:
                print(error, file=sys.stderr)
                continue
            features, scores, spent = measured(network, sets)
            exact = exact or (features, scores)
            error = np.linalg.norm(features - exact[0]) / np.linalg.norm(exact[0])
            for name, value in scores.items():
                told = [date.today(), where, network.details["backend"], precision, arguments.n, f"{spent:.1f}"]
                told += [f"{error:.1e}", name, value, f"{value / exact[1][name] - 1:.1e}"]
                rows.append(dict(zip(FIELDS, told, strict=True)))
                print(*told, flush=True)
    csv_tables.write(arguments.out, rows)


if __name__ == "__main__":
    main()
