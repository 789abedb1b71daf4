"""The order that DDM gives does not depend on the embedding or the network."""

from __future__ import annotations

import numpy as np
from claim import RUNS, Claim, Finding, Row, main, packs
from samples import drawn, features
from scipy.stats import kendalltau

import genmetrics as gm

MODELS, SEEDS, N = ("dcgan", "dcgan-small", "dcgan-weak", "wgan-gp", "vae"), (0, 1, 2), 2000
EMBEDDINGS = {
    "logits": ("mnist-cnn", "logits"),
    "prelogits": ("mnist-cnn", "features"),
    "hypercolumns": ("mnist-cnn", "hypercolumns"),
    "logits of another network": ("digits-cnn", "logits"),
    "prelogits of another network": ("digits-cnn", "features"),
}

CLAIM = Claim(
    "Basart (2017), thesis",
    "Sections 3.4.3 and 3.4.4, Figure 3.4",
    "Logits, prelogits and hypercolumns, and networks of other architectures, put models into the same order by DDM.",
    f"Fifteen runs on MNIST (five models, three seeds, quick preset), {N:,} samples each; DDM at the scale h under "
    "which as many training images make the test images likeliest; Kendall's tau with the order by logits of "
    "mnist-cnn. The other network is digits-cnn, which sees 8 x 8 pixels.",
    "Where the order changes it is among DCGAN and its variants, which are near each other; those that are far apart "
    "keep their places.",
)


def measure() -> Finding:
    test = packs.mnist("test").images[:N]
    sets = {f"{m}-{s}": drawn(RUNS / "mnist" / f"{m}-{s}", N) for m in MODELS for s in SEEDS}
    train = packs.mnist("train").images[:N]
    values = {}
    for name, (extractor, output) in EMBEDDINGS.items():

        def embedded(images: np.ndarray, extractor: str = extractor, output: str = output) -> np.ndarray:
            return features(images, output, extractor=extractor)[output]

        t, r = embedded(test), embedded(train)
        h = gm.ddm(t, r, train=r, scale="auto").scale
        values[name] = [gm.ddm(t, embedded(images), scale=h).value for images in sets.values()]
    first = np.array(values["logits"])
    means = {name: order(np.array(v)) for name, v in values.items()}
    rows = []
    for name, found in list(values.items())[1:]:
        tau = float(kendalltau(first, found).statistic)
        low, high = by_jackknife(first, np.array(found))
        rows.append(Row(f"Kendall's tau with the order by logits: {name}", tau, low, high))
    same = [name for name in means if means[name] == means["logits"]]
    lowest = min(rows, key=lambda row: row.value)
    apart = [name for name, found in values.items() if far_apart_in_order(np.array(found))]
    holds = len(same) == len(means)
    return Finding(
        rows,
        "holds" if holds else "does not hold",
        f"The five models' means have the same order under {len(same)} of {len(means)} embeddings; over the fifteen "
        f"runs tau is {lowest.value:.2f} at the least ({lowest.what.partition(': ')[2]}). Every run of DCGAN and its "
        f"variants comes before every one of WGAN-GP, and those before every one of the VAE, under {len(apart)} of "
        f"{len(values)}.",
    )


def order(values: np.ndarray) -> tuple[int, ...]:
    """Models by their mean over seeds, best first."""
    return tuple(int(i) for i in np.argsort(values.reshape(len(MODELS), len(SEEDS)).mean(axis=1)))


def far_apart_in_order(values: np.ndarray) -> bool:
    """Every run of DCGAN and its variants before every one of WGAN-GP, those before every one of the VAE."""
    near, middle, far = np.split(values, [3 * len(SEEDS), 4 * len(SEEDS)])
    return bool(near.max() < middle.min() and middle.max() < far.min())


def by_jackknife(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """95% interval of tau, leaving out one run at a time."""
    n = len(a)
    kept = [np.delete(np.arange(n), i) for i in range(n)]
    taus = np.array([kendalltau(a[i], b[i]).statistic for i in kept])
    error = float(np.sqrt((n - 1) / n * ((taus - taus.mean()) ** 2).sum()))
    tau = float(kendalltau(a, b).statistic)
    return max(-1.0, tau - 1.96 * error), min(1.0, tau + 1.96 * error)


if __name__ == "__main__":
    main(__file__, CLAIM, measure)
