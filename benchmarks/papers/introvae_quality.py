"""IntroVAE's samples are better than those of a VAE and of a GAN of its size."""

from __future__ import annotations

import numpy as np
from claim import PRESET, Claim, Finding, Row, Verdict, all_of, decided, floats, main, over_seeds, read

TITLES = {"introvae": "IntroVAE", "vae": "VAE", "dcgan": "DCGAN"}
DECIDE = (("frechet", "vae"), ("frechet", "dcgan"), ("ms_ssim", "vae"), ("ms_ssim", "dcgan"), ("sharpness", "vae"))
COLUMNS = {"frechet": "Frechet distance", "ms_ssim": "MS-SSIM", "sharpness": "sharpness"}
PUBLISHED = {  # of PGGAN where the column says a GAN
    ("frechet", "introvae"): "5.19 (1024 px)",
    ("frechet", "dcgan"): "PGGAN 7.30",
    ("ms_ssim", "introvae"): "0.2719 (128 px)",
    ("ms_ssim", "dcgan"): "PGGAN 0.2828, WGAN-GP 0.2854",
}

CLAIM = Claim(
    "IntroVAE, arXiv:1807.06358",
    "Section 4, Tables 2 and 3",
    "Samples of IntroVAE are nearer to real images and more varied, by MS-SSIM, than those of a VAE and of a GAN of "
    "its size, and sharper than the VAE's.",
    f"CelebA faces of 32 pixels, {PRESET} preset, seeds 0, 1, 2; IntroVAE, the same network as a VAE, and a DCGAN with "
    "as many parameters; 2,000 samples each; Frechet distance on features of a ResNet-20, MS-SSIM of 1,000 pairs, and "
    "sharpness, the mean gradient energy over that of real faces (`benchmarks/introvae_faces.py`). Published: CelebA.",
    "After so short a training samples are blurred. Against the same network as a VAE IntroVAE gains in sharpness, "
    "which is what its adversarial terms are for; by MS-SSIM neither is seen to be the more varied, and the Frechet "
    "distance of the VAE differs between seeds by more than the gain. Samples of both are more alike than real faces "
    "are. The paper's lengths and sizes wait for a GPU.",
)


def measure() -> Finding:
    found = read("introvae_faces.csv")
    of = {name: sorted((r for r in found if r["model"] == name), key=lambda r: int(r["seed"])) for name in TITLES}
    tried = {name: some for name, some in of.items() if some}
    rows = [Row(f"parameters, {TITLES[name]}", float(some[0]["parameters"])) for name, some in tried.items()]
    for column, title in COLUMNS.items():
        rows += [
            over_seeds(f"{title}, {TITLES[name]}", floats(some, column), PUBLISHED.get((column, name), ""))
            for name, some in tried.items()
        ]
    rows.append(Row("MS-SSIM, real faces", float(found[0]["ms_ssim_real"])))

    def better(column: str, other: str) -> Row:
        """By how much IntroVAE is better than the other one."""
        first, second = (floats(tried[name], column) for name in ("introvae", other))
        if column == "sharpness":
            return over_seeds(f"{COLUMNS[column]}, IntroVAE less {TITLES[other]}", np.subtract(first, second))
        return over_seeds(f"{COLUMNS[column]}, {TITLES[other]} less IntroVAE", np.subtract(second, first))

    gaps = [better(column, other) for column, other in DECIDE if other in tried]
    verdicts: list[Verdict] = [decided(gap.low, gap.high) for gap in gaps]
    sentence = "; ".join(f"{g.what.partition(' (')[0]}: {g.value:+.3g} [{g.low:.3g}, {g.high:.3g}]" for g in gaps)
    sentence += "; IntroVAE is better where the number is above 0"
    if missing := [TITLES[name] for name in TITLES if name not in tried]:
        verdicts.append("cannot tell here")
        sentence += f"; {', '.join(missing)} was not tried"
    beside = [better("sharpness", "dcgan")] if "dcgan" in tried else []
    return Finding([*rows, *gaps, *beside], all_of(verdicts), f"{sentence}.")


if __name__ == "__main__":
    main(__file__, CLAIM, measure)
