"""How much faster is a second run, and what does a killed run lose?

Needs the CelebA pack in ../shared/data; random weights in the published layout stand in for the Inception's
(parity/random_inception.py). Two questions:

1. N images a side as JPEG files: the seconds of `evaluate(..., metrics=["frechet"])` with an empty cache, and again.
   Acceptance: at 5,000 a side the second is at least 50 times faster, interpreter start and imports excluded.
2. M images a side: a run is ended with SIGKILL when half of the features are in the cache, and started again.
   Acceptance: the same number, in less than 60% of the time of an undisturbed run.

    python benchmarks/cache.py [--images 5000] [--killed 768] [--skip speed|kill]

Each run is a process of its own that times itself after importing.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[1] / "shared" / "data"
RESULTS = HERE / "results" / "cache.csv"
RUN = """
import json, sys, time
import torch, torchvision, PIL.Image
import genmetrics as gm
import genmetrics.evaluation, genmetrics.extractors.inception, scipy.linalg
wall, cpu = time.perf_counter(), time.process_time()
record = gm.evaluate(*sys.argv[1:3], metrics=["frechet"], intervals=False, weights=sys.argv[3])
print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu, record["frechet"].value.hex()]))
"""


def started(real: Path, generated: Path, weights: Path, cache: Path) -> subprocess.Popen[str]:
    """A run in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(real), str(generated), str(weights)],
        env={**os.environ, "GENMETRICS_CACHE": str(cache)},
        stdout=subprocess.PIPE,
        text=True,
    )


def finished(run: subprocess.Popen[str]) -> tuple[float, float, str]:
    """Wall seconds, CPU seconds, the number."""
    out, _ = run.communicate()
    if run.returncode:
        raise SystemExit(f"a run ended with status {run.returncode}")
    wall, cpu, value = json.loads(out)
    return wall, cpu, value


def images_kept(cache: Path) -> int:
    """Images whose features are in the cache."""
    bounds = (file.stem.split("-") for file in cache.glob("features/*/*.safetensors"))
    return sum(int(stop) - int(start) for start, stop in bounds)


def written(folder: Path, first: int, n: int) -> Path:
    """n images of the pack as files."""
    folder.mkdir(parents=True)
    with np.load(DATA / "celeba10k_jpeg.npz") as pack:
        data, offsets = pack["bytes"], pack["offsets"]
    for i in range(first, first + n):
        (folder / f"{i:05d}.jpg").write_bytes(data[offsets[i] : offsets[i + 1]].tobytes())
    return folder


def speed(place: Path, weights: Path, n: int) -> list[list[object]]:
    """Rows for the first question."""
    sides = written(place / "real", 0, n), written(place / "generated", n, n)
    first = finished(started(*sides, weights, place / "cache"))
    again = min(finished(started(*sides, weights, place / "cache")) for _ in range(3))
    assert first[2] == again[2]
    return [
        ["first run", n, *seconds(first), ""],
        ["from the cache", n, *seconds(again), f"{first[0] / again[0]:.0f}x faster, {first[1] / again[1]:.0f}x in CPU"],
    ]


def kill(place: Path, weights: Path, n: int) -> list[list[object]]:
    """Rows for the second question."""
    sides = written(place / "real", 0, n), written(place / "generated", n, n)
    whole = finished(started(*sides, weights, place / "whole"))
    run = started(*sides, weights, place / "killed")
    while images_kept(place / "killed") < n:
        if run.poll() is not None:
            raise SystemExit("the run ended before half of it was done")
        time.sleep(0.05)
    run.send_signal(signal.SIGKILL)
    run.communicate()
    resumed = finished(started(*sides, weights, place / "killed"))
    assert whole[2] == resumed[2]
    share = f"{resumed[0] / whole[0]:.0%} of the time, {resumed[1] / whole[1]:.0%} of the CPU; the same number"
    return [["undisturbed", n, *seconds(whole), ""], ["after SIGKILL at 50%", n, *seconds(resumed), share]]


def seconds(run: tuple[float, float, str]) -> list[str]:
    return [f"{run[0]:.2f}", f"{run[1]:.2f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--killed", type=int, default=768)
    parser.add_argument("--skip", choices=("speed", "kill"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        weights = place / "random.pth"
        subprocess.run([sys.executable, str(HERE / "parity" / "random_inception.py"), str(weights)], check=True)
        rows = [] if arguments.skip == "speed" else speed(place / "speed", weights, arguments.images)
        rows += [] if arguments.skip == "kill" else kill(place / "kill", weights, arguments.killed)
    made = f"{date.today()}, {os.cpu_count()} cores"
    kept = []
    if RESULTS.exists() and arguments.skip:
        with RESULTS.open() as file:
            kept = [row for row in list(csv.reader(file))[1:] if row[0] not in {row[0] for row in rows}]
    with RESULTS.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["run", "images a side", "wall seconds", "CPU seconds", "compared", "made"])
        table.writerows([*kept, *([*row, made] for row in rows)])
    print(RESULTS.read_text())


if __name__ == "__main__":
    main()
