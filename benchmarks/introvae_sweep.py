"""How do m, alpha and beta change IntroVAE? The sweep of its Appendix D, one setting at a time about the usual ones.

For every setting a run (one that was stopped goes on): how far reconstructions of test images are, how sharp and how
different from each other samples are beside test images, whether the KL of real images stayed below m.

    python benchmarks/introvae_sweep.py faces.npz --runs runs/sweep --steps 600 --pretrain-steps 200   # a CPU
    python benchmarks/introvae_sweep.py folder/ --side 128 --runs runs/sweep --preset paper --device cuda

m is a multiple of the KL of pretraining (`--margins`), or given (`--absolute-margins`). The first of each grid is the
usual one. Other flags go to `train introvae`. Writes results/introvae_sweep.csv and, a row of samples for each setting,
docs/pictures/introvae_sweep.png; or where --out says.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import click
import csv_tables
import numpy as np

from genmetrics.records import write_atomically
from reference_models.__main__ import main as reference_models
from reference_models.__main__ import trained
from reference_models.autoencoding import gradient_energy
from reference_models.monitor import LOG, grid, png, spread
from reference_models.monitor import rows as rows_of

HERE = Path(__file__).parent
SHOWN = 16
DIVERGED = "training stopped"  # what the loop says of a loss or weight that is no number


def settings(arguments: argparse.Namespace) -> list[dict[str, float]]:
    """The usual ones, the first of each grid, then each with one of them changed."""
    given = arguments.absolute_margins
    grids = {"margin" if given else "margin_ratio": given or arguments.margins}
    grids |= {"alpha": arguments.alphas, "beta": arguments.betas}
    usual = {name: values[0] for name, values in grids.items()}
    return [usual, *({**usual, name: value} for name, values in grids.items() for value in values[1:])]


def train(chosen: dict[str, float], arguments: argparse.Namespace, more: list[str]) -> Path:
    """The folder of a finished run."""
    out = arguments.runs / "_".join(f"{name}-{value:g}" for name, value in chosen.items())
    flags = [word for name, value in chosen.items() for word in (f"--{name.replace('_', '-')}", f"{value:g}")]
    words = ["train", "introvae", "--dataset", arguments.dataset, "--out", str(out), "--resume", "--log-every", "1"]
    reference_models.main([*words, "--preset", arguments.preset, *flags, *more], standalone_mode=False)
    return out


def measured(run: Path, device: str) -> tuple[dict[str, float], np.ndarray]:
    """What a run ended with, and samples."""
    model, dataset = trained(run, device)
    test = dataset.test.images
    samples = model.sample(len(test), seed=0)
    rows = [row for row in rows_of(run / LOG) if "margin" in row]
    return {
        "m": model.margin.m.item(),
        "squared_error_test": float(model.squared_errors(test).mean()),
        "sharpness": float(gradient_energy(samples).mean() / gradient_energy(test).mean()),
        "spread": spread(samples) / spread(test),
        "kl_real": float(np.mean([row["kl_real"] for row in rows[-max(1, len(rows) // 10) :]])),
        "share_below_margin": float(np.mean([row["kl_real"] < row["margin"] for row in rows])),
    }, samples[:SHOWN]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("dataset")
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--margins", type=float, nargs="+", default=[1.15, 0.8, 2.0], help="times the pretraining KL")
    parser.add_argument("--absolute-margins", type=float, nargs="+", default=None, help="m itself")
    parser.add_argument("--alphas", type=float, nargs="+", default=[0.25, 0.1, 1.0])
    parser.add_argument("--betas", type=float, nargs="+", default=[1.0, 0.25, 4.0])
    parser.add_argument("--out", type=Path, default=None, help="PATH.csv and PATH.png instead")
    arguments, more = parser.parse_known_args()
    rows, pictures = [], []
    for chosen in settings(arguments):
        try:
            run = train(chosen, arguments, [*more, "--device", arguments.device])
        except click.ClickException as error:
            if DIVERGED not in error.format_message():
                raise
            print(f"{chosen}: {error.format_message()}", file=sys.stderr)
            rows.append({**chosen, "ended": "diverged"})
            continue
        found, samples = measured(run, arguments.device)
        rows.append({**chosen, "ended": "", **{name: f"{value:.4g}" for name, value in found.items()}})
        pictures.append(samples)
        print(*(f"{name} {value}" for name, value in rows[-1].items()), flush=True)
    table = (arguments.out or HERE / "results" / "introvae_sweep").with_suffix(".csv")
    csv_tables.write(table, rows)
    picture = arguments.out or HERE.parent / "docs" / "pictures" / "introvae_sweep"
    if pictures:
        write_atomically(picture.with_suffix(".png"), png(grid(np.concatenate(pictures), SHOWN)))


if __name__ == "__main__":
    main()
