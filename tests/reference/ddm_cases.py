"""Random sets for DDM that are hard on purpose: scales from 1e-6 to 1e3, duplicates, clusters, far outliers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Case(NamedTuple):
    test: NDArray[np.float64]
    generated: NDArray[np.float64]
    distance: str
    scale: float
    tol: float


def random_case(seed: int) -> Case:
    rng = np.random.default_rng(seed)
    n, m, d = int(rng.integers(1, 30)), int(rng.integers(1, 400)), int(rng.integers(1, 12))
    scale = 10 ** rng.uniform(-3, 3)
    spread = scale * 10 ** rng.uniform(-1.5, 2)
    centres = 10 ** rng.uniform(-1, 2) * spread * rng.normal(size=(int(rng.integers(1, 8)), d))

    def drawn(count: int) -> NDArray[np.float64]:
        return centres[rng.integers(0, len(centres), count)] + spread * rng.normal(size=(count, d))

    test, generated = drawn(n), drawn(m)
    if rng.random() < 0.3:  # duplicates, within and between
        generated[rng.integers(0, m, m // 2)] = generated[0]
        test[rng.integers(0, n, n // 2)] = generated[rng.integers(0, m)]
    if rng.random() < 0.3:  # far outliers
        generated[rng.integers(0, m, max(1, m // 50))] += 1e6
    if rng.random() < 0.2:
        test[rng.integers(0, n)] -= 1e6
    if rng.random() < 0.1:
        test, generated = test + 1e6, generated + 1e6
    if rng.random() < 0.3:
        test, generated = test.astype(np.float32), generated.astype(np.float32)
    distance = ("half_sq", "sq", "l2")[rng.integers(0, 3)]
    tol = float(10 ** rng.uniform(-6, -1))
    if rng.random() < 0.1:  # nothing but duplicates of a few points
        generated = generated[rng.integers(0, min(m, 3), m)]
    if rng.random() < 0.1:  # each sum is its nearest term
        scale /= 1000
    return Case(test, generated, distance, float(scale), tol)
