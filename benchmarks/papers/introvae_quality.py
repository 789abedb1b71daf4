"""IntroVAE's samples are better than the same network's as a VAE."""

from __future__ import annotations

import numpy as np
from claim import Claim, Finding, all_of, decided, floats, main, over_seeds, read

CLAIM = Claim(
    "IntroVAE, arXiv:1807.06358",
    "Section 4, Tables 2 and 3",
    "Samples of IntroVAE are nearer to real images than those of a VAE of the same size, and as sharp as a GAN's.",
    "CelebA faces of 32 pixels, quick preset, seeds 0, 1, 2; 2,000 samples each; Frechet distance on features of a "
    "ResNet-20, and sharpness, the mean gradient energy over that of real faces (`benchmarks/introvae_faces.py`). "
    "Published: FID 5.19 against 7.30 of PGGAN at 1024 pixels.",
    "The quick preset ends where the paper's training begins; a GAN of equal size on these faces waits for a GPU.",
)


def measure() -> Finding:
    found = read("introvae_faces.csv")
    of = {
        name: sorted((r for r in found if r["model"] == name), key=lambda r: int(r["seed"]))
        for name in ("introvae", "vae")
    }
    rows = [
        over_seeds(f"{title}, {name}", floats(some, column))
        for column, title in (("frechet", "Frechet distance"), ("sharpness", "sharpness"))
        for name, some in of.items()
    ]
    nearer = over_seeds(
        "Frechet distance, VAE less IntroVAE",
        np.subtract(floats(of["vae"], "frechet"), floats(of["introvae"], "frechet")),
    )
    sharper = over_seeds(
        "sharpness, IntroVAE less VAE", np.subtract(floats(of["introvae"], "sharpness"), floats(of["vae"], "sharpness"))
    )
    return Finding(
        [*rows, nearer, sharper],
        all_of([decided(nearer.low, nearer.high), decided(sharper.low, sharper.high)]),
        f"The VAE is farther by {nearer.value:+.2f} [{nearer.low:.2f}, {nearer.high:.2f}]; IntroVAE is sharper by "
        f"{sharper.value:+.3f} [{sharper.low:.3f}, {sharper.high:.3f}] of the real faces' gradient energy.",
    )


if __name__ == "__main__":
    main(__file__, CLAIM, measure)
