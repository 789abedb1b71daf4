"""Pictures for docs/diversity.md from the digits that come with scikit-learn and the VAE that ships with the package.

    python benchmarks/digits_pictures.py

Writes resolution_strip.png, latent_paths.png and neighbours.png to docs/pictures.
"""

from __future__ import annotations

import figures
import numpy as np

from genmetrics.analyses.discriminability import degraded
from genmetrics.analyses.latent import digits_vae, evenness, generated, interpolate
from genmetrics.digits import splits
from genmetrics.extractors.digits_vae import sample
from genmetrics.metrics.neighbours import nearest_neighbours
from genmetrics.reports.pictures import contact_sheet, neighbour_sheet


def resolution_strip():
    """Digits at 1, 2, 4 and 8 pixels."""
    some = list(splits().test.images[:6, :, :, None])
    levels = [degraded(some, r, "tf1-bilinear") for r in (1, 2, 4, 8)]
    return contact_sheet([level[i] for level in levels for i in range(6)], columns=6, scale=10)


def latent_paths():
    """Four straight paths between random latents, the most even first."""
    rng = np.random.default_rng(0)
    z = [interpolate(*rng.standard_normal((2, 16)), 9) for _ in range(4)]
    paths = sorted((generated(digits_vae, path) for path in z), key=lambda x: evenness(x.reshape(9, -1) / 255))
    return contact_sheet(list(np.concatenate(paths)), columns=9, scale=8)


def neighbours():
    """Six samples beside their nearest training digits by L2 and L1 on pixels."""
    train, drawn = splits().train.images, sample(6, seed=1)
    found = [
        nearest_neighbours(drawn.reshape(6, -1), train.reshape(len(train), -1), 4, m).indices for m in ("l2", "l1")
    ]
    rows = [[list(train[nearest[i]]) for nearest in found] for i in range(6)]
    return neighbour_sheet(list(drawn), rows, ("L2 on pixels", "L1 on pixels"), scale=8)


def main():
    for draw in (resolution_strip, latent_paths, neighbours):
        figures.save(f"{draw.__name__}.png", draw())


if __name__ == "__main__":
    main()
