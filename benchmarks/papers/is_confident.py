"""The Inception score is raised by a few confidently classified images among poor ones. So is DDM, far more."""

from __future__ import annotations

import numpy as np
from claim import Claim, Finding, Row, all_of, decided, main, packs
from samples import features

import genmetrics as gm

N, SHARES, SEEDS = 5000, (0.0, 0.01, 0.05, 0.1), range(5)

CLAIM = Claim(
    "Basart (2017), thesis",
    "Section 3.4.1",
    "A few images that are classified with confidence among poor ones raise the Inception score.",
    f"{N:,} MNIST training images under Gaussian noise of standard deviation 150 (poor) of which a share is "
    "replaced by clean ones; classifier score and DDM on logits of mnist-cnn, against 5,000 test images; five draws.",
)


def measure() -> Finding:
    train, test = packs.mnist("train").images, features(packs.mnist("test").images[:N])["logits"]
    scores, ddms = {}, {}
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        chosen = train[rng.permutation(len(train))[: 2 * N]]
        noisy = np.clip(chosen[:N] + rng.normal(0, 150, chosen[:N].shape), 0, 255).astype(np.uint8)
        poor, good = features(noisy)["logits"], features(chosen[N:])["logits"]
        for share in SHARES:
            k = round(share * N)
            mixed = np.concatenate([good[:k], poor[k:]])[rng.permutation(N)]
            scores[share, seed] = gm.inception_score(logits=mixed).value
            ddms[share, seed] = gm.ddm(test, mixed).value
    rows, verdicts = [], []
    for name, found in (("classifier score", scores), ("DDM", ddms)):
        for share in SHARES:
            values = [found[share, seed] for seed in SEEDS]
            rows.append(Row(f"{name}, {100 * share:g}% clean", float(np.mean(values)), min(values), max(values)))
    gains = [scores[SHARES[1], seed] / scores[0.0, seed] for seed in SEEDS]
    verdicts.append(decided(min(gains), max(gains), 1.0))
    falls = [ddms[SHARES[1], seed] / ddms[0.0, seed] for seed in SEEDS]
    return Finding(
        rows,
        all_of(verdicts),
        f"1% clean images multiply the score by {np.mean(gains):.3f}. They move DDM far more, by a factor of "
        f"{np.mean(falls):.3f}: one good image near each test image is all it asks for. (Intervals in the table: the "
        "smallest and largest of five draws.)",
    )


if __name__ == "__main__":
    main(__file__, CLAIM, measure)
