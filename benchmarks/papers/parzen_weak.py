"""Parzen windows rank the weak model above the normal one."""

from __future__ import annotations

import numpy as np
from claim import RUNS, Claim, Finding, Row, all_of, decided, main, over_seeds, packs
from samples import drawn, features

import genmetrics as gm

SEEDS, N = (0, 1, 2), 2000

CLAIM = Claim(
    "Basart (2017), thesis",
    "Section 3.4.1, Figures 3.1 to 3.3",
    "Parzen windows rank a model without batch norm in its generator above the normal one; DDM ranks them rightly.",
    f"DCGAN and its weak variant on MNIST, quick preset, seeds 0, 1, 2: {N:,} samples each; Parzen log-likelihood of "
    "1,000 test images on pixels and on principal components, width by validation; DDM on logits of mnist-cnn. "
    "Published: Improved GAN on CIFAR-10.",
    "At this length Parzen windows and DDM agree that the weak model is worse. In the thesis its weak model overtook "
    "the normal one only after some thirty passes over CIFAR-10, with a kernel so wide that it is nearly flat (some "
    "210 grey levels) and differences of ten nats in nineteen thousand.",
)


def measure() -> Finding:
    train, test = packs.mnist("train").images, packs.mnist("test").images
    flat = {
        "test": test[:1000].reshape(1000, -1) / 255,
        "validation": train[50_000:51_000].reshape(1000, -1) / 255,
        "train": train[:10_000].reshape(10_000, -1) / 255,
    }
    logits = features(test)["logits"]
    found: dict[str, dict[str, list[float]]] = {}
    for model in ("dcgan", "dcgan-weak"):
        for seed in SEEDS:
            images = drawn(RUNS / "mnist" / f"{model}-{seed}", N)
            x = images.reshape(N, -1) / 255
            values = {
                "Parzen, pixels": gm.parzen_log_likelihood(flat["test"], x, validation=flat["validation"]).value,
                "Parzen, PCA": gm.parzen_log_likelihood(
                    flat["test"], x, validation=flat["validation"], pca=True, train=flat["train"]
                ).value,
                "DDM": gm.ddm(logits, features(images)["logits"]).value,
            }
            for name, value in values.items():
                found.setdefault(name, {}).setdefault(model, []).append(value)
    rows, differences = [], {}
    for name, by_model in found.items():
        rows += [over_seeds(f"{name}, {model}", values) for model, values in by_model.items()]
        apart = np.subtract(by_model["dcgan-weak"], by_model["dcgan"])
        differences[name] = over_seeds(f"{name}, weak less normal", apart)
        rows.append(differences[name])
    above = all_of(decided(differences[name].low, differences[name].high) for name in list(found)[:2])
    worse = decided(differences["DDM"].low, differences["DDM"].high)
    return Finding(
        rows,
        all_of([above, worse]),
        f"Weak less normal: {said(differences['Parzen, pixels'])} nats by Parzen windows on pixels, "
        f"{said(differences['Parzen, PCA'])} on principal components, {said(differences['DDM'])} by DDM.",
    )


def said(row: Row) -> str:
    return f"{row.value:+.2f} [{row.low:.2f}, {row.high:.2f}]"


if __name__ == "__main__":
    main(__file__, CLAIM, measure)
