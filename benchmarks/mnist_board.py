"""Records for MNIST's leaderboard of the models that mnist_models.py and mnist_acgan.py do not put there.

Needs the MNIST packs in ../shared/data and the runs of mnist_sgan.py, mnist_modnet.py, acgan_resolutions.py and GAN-10;
trains nothing. 10,000 samples a run are scored as mnist_models.py scores its own: Fréchet distance and DDM on the
features of `mnist-cnn` against MNIST's 10,000 test images. Samples of 14 pixels are enlarged by the extractor's resize.
ModNet makes its samples of training images.

    OMP_NUM_THREADS=1 python benchmarks/mnist_board.py [--runs runs]

Writes a record a run to leaderboards/mnist/, from which `make leaderboards` makes the board; ten seconds a run.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import lengths
from mnist_models import DATA, RECORDS, SEEDS, N, score

from genmetrics.records import write_atomically
from reference_models import data
from reference_models.__main__ import trained
from reference_models.checkpoints import CHECKPOINT

RUNS = {  # name on the board -> folder of the run, but for the seed
    "sgan": "sgan/sgan",
    "sgan-without-ent": "sgan/sgan-without-ent",
    **{f"sgan-{name}": f"sgan/{name}" for name in ("no-joint", "adv-cond-ent", "adv-cond", "adv-ent", "adv")},
    "acgan-side14": "acgan/mnist-side14",
    "modnet": "mnist-modnet/modnet",
    "modnet-literal": "mnist-modnet/modnet-literal",
    "gan-10": "mnist/gan-10",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=lengths.RUNS, help="folder of sgan, acgan, mnist-modnet and mnist")
    parser.add_argument("--only", choices=RUNS, action="append", metavar="NAME")
    asked = parser.parse_args()
    dataset = data.load([f"{DATA / 'mnist_train.npz'}"], f"{DATA / 'mnist_test.npz'}")
    for name, seed in itertools.product(asked.only or RUNS, SEEDS):
        run = asked.runs / f"{RUNS[name]}-{seed}"
        if not (run / CHECKPOINT).exists():
            print(f"{name}, seed {seed}: no run in {run}")
            continue
        record = score(trained(run, "cpu")[0].sample(N, seed=0), dataset, seed)
        write_atomically(RECORDS / f"{name}-seed{seed}.json", record.to_json().encode())
        found = (f"{s.name} {s.value:.4g} [{s.low:.4g}, {s.high:.4g}]" for s in record.scores)
        print(f"{name}, seed {seed}:", *found, flush=True)


if __name__ == "__main__":
    main()
