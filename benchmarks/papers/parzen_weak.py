"""Parzen windows rank the weak model above the normal one."""

from __future__ import annotations

import numpy as np
from claim import PRESET, RUNS, Claim, Finding, Row, all_of, decided, main, over_seeds, packs
from samples import drawn, features

import genmetrics as gm

SEEDS, N = (0, 1, 2), 2000
MODELS = ("dcgan", "dcgan-weak", "vae")
WIDE = 210  # grey levels: the width of the thesis's kernel, from the level of its values
SCORES = ("Parzen, pixels", "Parzen, PCA", f"Parzen, pixels, {WIDE} grey levels wide", "DDM")
PUBLISHED = {  # digitised from Figure 3.3, at its end
    (SCORES[2], "dcgan"): "-19481.1",
    (SCORES[2], "dcgan-weak"): "-19472.9",
    (SCORES[1], "dcgan"): "-3618.61",
    (SCORES[1], "dcgan-weak"): "-3616.00",
}

CLAIM = Claim(
    "Basart (2017), thesis",
    "Section 3.4.1, Figures 3.1 to 3.3",
    "Parzen windows rank a model without batch norm in its generator above the normal one; DDM ranks them rightly.",
    f"DCGAN and its weak variant on MNIST, {PRESET} preset, seeds 0, 1, 2: {N:,} samples each; Parzen log-likelihood "
    f"of 1,000 test images on pixels and on principal components, width by validation, and on pixels {WIDE} grey "
    "levels wide, as the thesis's values imply; DDM on logits of mnist-cnn. Beside them a VAE and training images. "
    "Published: Improved GAN on CIFAR-10.",
    "The pair is another one. Of Improved GAN without batch norm the thesis shows noise and blur; DCGAN without it "
    "makes digits here whose pixels vary as much as real ones do, and such samples lose at every width, the thesis's "
    "too, which is so flat that it sees little but means and variances. What the thesis used the pair for does "
    "show, in another: the VAE's blurred digits vary least, and Parzen windows put them above DCGAN's and above real "
    "training images, with the narrow kernel and with the wide one, where DDM puts them last.",
)


def measure() -> Finding:
    train, test = packs.mnist("train").images, packs.mnist("test").images
    validation = flat(train[50_000:51_000])
    logits = features(test)["logits"]

    def scores(images: np.ndarray) -> tuple[float, ...]:
        """SCORES."""
        x, t = flat(images), flat(test[:1000])
        narrow = gm.parzen_log_likelihood(t, x, validation=validation)
        components = gm.parzen_log_likelihood(t, x, validation=validation, pca=True, train=flat(train[:10_000]))
        wide = gm.parzen_log_likelihood(t, x, sigma=WIDE / 255)
        return narrow.value, components.value, wide.value, gm.ddm(logits, features(images)["logits"]).value

    found = {m: [scores(drawn(RUNS / "mnist" / f"{m}-{s}", N)) for s in SEEDS] for m in MODELS}
    of_real = scores(train[:N])
    rows, apart = [], {}
    for k, name in enumerate(SCORES):
        values = {model: np.array([row[k] for row in found[model]]) for model in MODELS}
        rows += [over_seeds(f"{name}, {m}", v, PUBLISHED.get((name, m), "")) for m, v in values.items()]
        apart[name] = over_seeds(f"{name}, weak less normal", values["dcgan-weak"] - values["dcgan"])
        apart[name, "vae"] = over_seeds(f"{name}, VAE less real", values["vae"] - of_real[k])
        rows += [Row(f"{name}, training images", of_real[k]), apart[name], apart[name, "vae"]]
    above = [decided(apart[name].low, apart[name].high) for name in SCORES[:3]]
    worse = decided(apart["DDM"].low, apart["DDM"].high)
    return Finding(
        rows,
        all_of([*above, worse]),
        "Weak less normal: "
        + ", ".join(f"{said(apart[name])} ({name.removeprefix('Parzen, ')})" for name in SCORES)
        + ". The VAE's blurred samples less real training images: "
        + ", ".join(f"{said(apart[name, 'vae'])} ({name.removeprefix('Parzen, ')})" for name in SCORES)
        + ".",
    )


def flat(images: np.ndarray) -> np.ndarray:
    """Rows of pixels in [0, 1]."""
    return images.reshape(len(images), -1) / 255


def said(row: Row) -> str:
    return f"{row.value:+.2f} [{row.low:.2f}, {row.high:.2f}]"


if __name__ == "__main__":
    main(__file__, CLAIM, measure)
