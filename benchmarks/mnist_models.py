"""How good are the reference models of MNIST after a few minutes on a CPU, and does DCGAN < small < weak hold?

Needs the MNIST packs in ../shared/data. Five models, each with three seeds that were chosen before any was trained, in
the quick preset: trained (a run that was stopped goes on), 10,000 samples drawn from the trained and the untrained
generator, and scored against MNIST's 10,000 test images on the features of `mnist-cnn`: Fréchet distance and DDM.

    OMP_NUM_THREADS=1 python benchmarks/mnist_models.py [--runs runs/mnist] [--only dcgan]

Writes results/mnist_models.csv, one record a run to leaderboards/mnist/, and docs/pictures/mnist_models.png. About 20
minutes of one core for training, and a few for scoring.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from reference_models.__main__ import main as reference_models

REPO = Path(__file__).resolve().parents[1]
DATA = REPO.parent / "shared" / "data"
SEEDS = (0, 1, 2)  # declared before the first run
N = 10_000
MODELS = {  # name -> model and settings besides the quick preset
    "dcgan": ("dcgan", "--channels-last"),
    "dcgan-small": ("dcgan", "--channels-last", "--small"),
    "dcgan-weak": ("dcgan", "--channels-last", "--weak"),
    "wgan-gp": ("wgan-gp", "--channels-last"),
    "vae": ("vae",),
}


def trained(name: str, seed: int, runs: Path) -> Path:
    """The folder of a finished run."""
    out = runs / f"{name}-{seed}"
    model, *settings = MODELS[name]
    data = ["--dataset", f"{DATA / 'mnist_train.npz'}", "--test-set", f"{DATA / 'mnist_test.npz'}"]
    loop = ["--preset", "quick", "--seed", f"{seed}", "--device", "cpu", "--resume", "--checkpoint-every", "100"]
    reference_models.main(
        ["train", model, *data, "--out", str(out), *loop, *settings],
        standalone_mode=False,
        prog_name="reference_models",
    )
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=REPO / "runs" / "mnist")
    parser.add_argument("--only", choices=MODELS, action="append")
    arguments = parser.parse_args()
    {(name, seed): trained(name, seed, arguments.runs) for seed in SEEDS for name in arguments.only or MODELS}


if __name__ == "__main__":
    main()
