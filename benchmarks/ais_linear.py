"""How far annealed importance sampling lies below the exact likelihood of linear decoders, at its defaults.

    python benchmarks/ais_linear.py

writes results/ais_linear.csv and prints the table of docs/density.md. G(z) = W z + b with normal W and b, so that
log p(x) = log N(x; b, W W^T + obs_var I). The images are drawn from the model.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import csv_tables
import numpy as np

RESULTS = Path(__file__).parent / "results" / "ais_linear.csv"
SETTINGS = ((2, 8, 0.1), (5, 20, 0.05), (10, 64, 0.025))  # latents, pixels, variance
TEMPERATURES, IMAGES = (300, 1000), 20


def measure() -> Iterator[dict[str, Any]]:
    """A row for each decoder and number of temperatures."""
    import torch
    from scipy.stats import multivariate_normal

    import genmetrics as gm

    torch.set_num_threads(1)
    for seed, (k, d, variance) in enumerate(SETTINGS):
        rng = np.random.default_rng(seed)
        w, b = rng.normal(size=(d, k)), rng.normal(size=d)
        weight, bias = torch.tensor(w, dtype=torch.float32), torch.tensor(b, dtype=torch.float32)
        x = rng.normal(size=(IMAGES, k)) @ w.T + b + np.sqrt(variance) * rng.normal(size=(IMAGES, d))
        exact = multivariate_normal(b, w @ w.T + variance * np.eye(d)).logpdf(x)
        for temperatures in TEMPERATURES:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=".* carry the weight")
                found = gm.ais_log_likelihood(
                    lambda z, weight=weight, bias=bias: z @ weight.T + bias, x, k, variance, temperatures, device="cpu"
                )
            off = found.per_image - exact
            yield {
                "latents": k,
                "pixels": d,
                "obs_var": variance,
                "temperatures": temperatures,
                "nats_off": f"{off.mean():.2f}",
                "std_error": f"{off.std(ddof=1) / np.sqrt(IMAGES):.2f}",
                "effective_chains": f"{np.median(found.effective_chains):.1f}",
            }


def table() -> str:
    """The rows of results/ais_linear.csv as Markdown."""
    lines = ["| latents | pixels | variance | temperatures | nats off (standard error) | effective chains, median |"]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    for r in csv_tables.read(RESULTS):
        found = f"{r['nats_off']} ({r['std_error']}) | {r['effective_chains']}"
        lines.append(f"| {r['latents']} | {r['pixels']} | {r['obs_var']} | {int(r['temperatures']):,} | {found} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    rows = []
    for row in measure():
        rows.append(row)
        csv_tables.write(RESULTS, rows)
    print(table(), end="")


if __name__ == "__main__":
    main()
