"""How long does a step of IntroVAE take at each resolution, as its Table 1 asks?

Whole networks (`narrow` 1), black images, and the same network as a plain VAE beside it. The median of a few steps
after one that pays for memory; CPU time, so that what else the machine does matters little, and the clock on a GPU.

    OMP_NUM_THREADS=1 python benchmarks/introvae_speed.py [--sides 32 64 128 256] [--steps 2]
    python benchmarks/introvae_speed.py --device cuda --amp --sides 128 256 512 1024 --steps 20 --paper-batches

Writes results/introvae_speed.csv, or where --out says.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path

import csv_tables
import numpy as np
import torch

from reference_models import data, models, training

RESULTS = Path(__file__).parent / "results" / "introvae_speed.csv"
BATCHES = {32: 8, 64: 4, 128: 4, 256: 2, 512: 1, 1024: 1}  # for a CPU
PAPER = {32: 64, 64: 64, 128: 64, 256: 32, 512: 12, 1024: 8}  # Table 1, and as at 128 below it
LATENTS = {32: 128, 64: 128, 128: 256, 256: 512, 512: 512, 1024: 512}


def seconds(model, resident, loop: training.Loop, steps: int) -> list[float]:
    """The time of each step but the first."""
    found, clock = [], time.perf_counter if model.device.type == "cuda" else time.process_time
    for _ in range(steps + 1):
        start = clock()
        with training.autocast(loop, model.device):
            model.step(training.batches(resident, model.config.batch_size))
        if model.device.type == "cuda":
            torch.cuda.synchronize()
        found.append(clock() - start)
    return found[1:]


def measured(side: int, batch: int, arguments: argparse.Namespace) -> dict[str, object]:
    """One row, for IntroVAE and the same network as a plain VAE."""
    device = training.choose_device(arguments.device)
    dataset = data.blank((3, side, side), 0, batch)
    resident = training.to_device(dataset.train, device)
    loop = training.Loop(amp=arguments.amp, channels_last=True)
    common = {"batch_size": batch, "latent_dim": LATENTS[side], "margin": 100.0, "pretrain_steps": 0}
    times, counts = {}, {}
    for name, vae in (("introvae", False), ("vae", True)):
        config = dataclasses.replace(models.find("introvae").Config(), **common, vae=vae)
        model = models.build("introvae", config, dataset, device, 0)
        training.prepare(model, loop)
        times[name] = float(np.median(seconds(model, resident, loop, arguments.steps)))
        counts = models.parameter_counts(model)
    return {
        "side": side,
        "batch": batch,
        "encoder_parameters": counts["encoder"],
        "generator_parameters": counts["generator"],
        "seconds_a_step": f"{times['introvae']:.4g}",
        "images_a_second": f"{batch / times['introvae']:.4g}",
        "images_a_second_vae": f"{batch / times['vae']:.4g}",
        "device": torch.cuda.get_device_name() if device.type == "cuda" else f"cpu, {torch.get_num_threads()} thread",
        "amp": arguments.amp,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sides", type=int, nargs="+", choices=sorted(BATCHES), default=(32, 64, 128, 256))
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--amp", action="store_true")
    parser.add_argument("--paper-batches", action="store_true")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    rows = []
    for side in arguments.sides:
        rows.append(measured(side, (PAPER if arguments.paper_batches else BATCHES)[side], arguments))
        print(*(f"{name} {value}" for name, value in rows[-1].items()), flush=True)
        csv_tables.write(arguments.out, rows)


if __name__ == "__main__":
    main()
