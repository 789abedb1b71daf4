"""What does the shared loop cost? Steps of `reference_models train` against a bare loop of the same networks.

The bare loop is what one would write by hand for DCGAN at 28 x 28: batches, two optimisers, binary cross-entropy; no
seeds, checks, checkpoints or logs. Both train the same networks on random images; short pieces of one and the other
alternate, so that what else the machine does hits both. CPU time is counted, not the clock.

    OMP_NUM_THREADS=1 python benchmarks/training_speed.py [--rounds 10] [--steps 8] [--device cpu]

Writes results/training_speed.csv: one row a round, and prints the median ratio (above 1: the shared loop is slower).
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import csv_tables
import numpy as np
import torch
from torch import nn

from reference_models import data, models, training

RESULTS = Path(__file__).parent / "results" / "training_speed.csv"
IMAGES, BATCH, WIDTH = 5000, 64, 32


def random_images() -> data.Dataset:
    pixels = np.random.default_rng(0).integers(0, 256, (IMAGES, 1, 28, 28), dtype=np.uint8)
    part = data.Images(pixels, np.zeros(IMAGES, np.int64))
    return data.Dataset("random images", part, part, part, 0)


def dcgan(dataset: data.Dataset, steps: int, device: torch.device):
    config = dataclasses.replace(models.find("dcgan").Config(), batch_size=BATCH, width=WIDTH, steps=steps, l2=0.0)
    return models.build("dcgan", config, dataset, device, 0)


def shared_loop(dataset: data.Dataset, steps: int, device: torch.device) -> Callable[[], None]:
    """A run of its own from start to end, one checkpoint included."""

    def run() -> None:
        with tempfile.TemporaryDirectory() as out:
            training.train(dcgan(dataset, steps, device), dataset, Path(out), seed=0, every=10_000, show=False)

    return run


def bare_loop(dataset: data.Dataset, steps: int, device: torch.device) -> Callable[[], None]:
    """The same steps by hand."""

    def run() -> None:
        model = dcgan(dataset, steps, device)
        g, d = model.generator, model.discriminator
        g_adam, d_adam = (torch.optim.Adam(net.parameters(), 2e-4, (0.5, 0.999)) for net in (g, d))
        bce, images = nn.BCEWithLogitsLoss(), torch.from_numpy(dataset.train.images).to(device)
        ones, zeros = torch.ones(BATCH, 1, device=device), torch.zeros(BATCH, 1, device=device)
        for _ in range(steps):
            real = images[torch.randint(len(images), (BATCH,))] / 255
            with torch.no_grad():
                fake = g(torch.rand(BATCH, 100, device=device) * 2 - 1)
            d_adam.zero_grad()
            (bce(d(real), ones) + bce(d(fake), zeros)).backward()
            d_adam.step()
            g_adam.zero_grad()
            bce(d(g(torch.rand(BATCH, 100, device=device) * 2 - 1)), ones).backward()
            g_adam.step()

    return run


def seconds(run: Callable[[], None], device: torch.device) -> float:
    """CPU time of a run; on a GPU, where the CPU waits, the clock."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    start = clock()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return clock() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    device, dataset = training.choose_device(arguments.device), random_images()
    ours, bare = (make(dataset, arguments.steps, device) for make in (shared_loop, bare_loop))
    seconds(ours, device), seconds(bare, device)  # the first of each pays for memory and kernels
    rows = []
    for i in range(arguments.rounds):
        first = {"shared": seconds(ours, device)} if i % 2 == 0 else {"bare": seconds(bare, device)}
        found = first | ({"bare": seconds(bare, device)} if i % 2 == 0 else {"shared": seconds(ours, device)})
        rows.append({"round": i, "shared_s": found["shared"], "bare_s": found["bare"],
                     "ratio": found["shared"] / found["bare"],
                     "images_per_s": arguments.steps * BATCH / found["shared"]})  # fmt: skip
    csv_tables.write(RESULTS, rows, ".4g")
    ratios = np.array([row["ratio"] for row in rows])
    low, high = np.quantile(ratios, (0.25, 0.75))
    print(f"shared loop / bare loop: median {np.median(ratios):.3f}, quartiles {low:.3f} to {high:.3f}, {device}")


if __name__ == "__main__":
    main()
