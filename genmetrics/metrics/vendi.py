"""How many different images there are: Vendi score and RKE, from the spectrum of the images' similarities.

Both are exponentials of the entropy of the eigenvalues of K/n, K the similarities of all pairs. With a cosine or linear
kernel these are also the eigenvalues of the d x d matrix X^T X / n, so K is never made.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from genmetrics._checks import DataError, as_features, blocks, count, one_of
from genmetrics.intervals import random_halves, second_order_corrected, variance_of_mean
from genmetrics.records import Estimate

KERNELS = ("cosine", "linear")
FEWEST_FOR_INTERVAL = 20


def vendi_score(features: Any, q: float = 1.0, kernel: str = "cosine") -> float:
    """exp of the Renyi entropy of order q of the eigenvalues of K/n: the effective number of different images.

    Args:
        features: (n, d) of one set of images, real or generated.
        q: order: 1 Shannon's entropy; larger orders look at frequent images more; inf: only at the most frequent.
        kernel: "cosine" x.y / |x||y|; "linear" x.y, the eigenvalues divided by their sum.

    Returns:
        From 1, all images alike, to min(n, d); higher is more diverse. Noise is diverse too: compare with real images.

    Raises:
        DataError: no images, NaN or inf; an image whose features are all 0, which has no direction.
    Source: Friedman & Dieng (2023), arXiv:2210.02410, eq. 3 and appendix C; orders: Pasarkar & Dieng (2023),
        arXiv:2310.12952.
    """
    if not q > 0:
        raise ValueError(f"q must be above 0, got {q}")
    return float(np.exp(entropy(spectrum(directions(features, kernel))[0], q)))


def rke(features: Any, kernel: str = "cosine") -> float:
    """1 / |K/n|_F^2, the Renyi kernel entropy of order 2 as a number of modes: `vendi_score` of order 2.

    Args:
        features: (n, d) of one set of images.
        kernel: "cosine" or "linear", as for `vendi_score`.

    Returns:
        From 1 to min(n, d); higher is more diverse.

    Raises:
        DataError: as `vendi_score`.
    Source: Jalali, Li & Farnia (2023), arXiv:2306.11074, eq. 5 (RKE-MC).
    Differs: the paper's kernel is Gaussian, its bandwidth chosen for each data set; this one has none to choose.
    """
    return vendi_score(features, 2.0, kernel)


def directions(features: Any, kernel: str) -> NDArray[np.float64]:
    """Rows scaled so that their mean squared length is 1 (linear) or each length is 1 (cosine), float64."""
    one_of(kernel, "kernel", KERNELS)
    x = as_features(features, "features").astype(np.float64)
    largest = np.abs(x).max(axis=1)
    if (largest == 0).any() and (kernel == "cosine" or not largest.any()):
        row = int((largest == 0).argmax())
        raise DataError(f"features: {count(int((largest == 0).sum()), 'row')} all zeros, first is row {row}")
    if kernel == "cosine":
        x /= largest[:, None]  # whose squares neither overflow nor underflow
        x /= np.sqrt(np.einsum("ij,ij->i", x, x))[:, None]
        return x
    x /= largest.max()
    x /= np.sqrt(np.einsum("ij,ij->", x, x) / len(x))
    return x


def spectrum(x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Eigenvalues of K/n, at least 0, summing to 1, and the axes (d, rank) that they belong to; None where n < d."""
    n, d = x.shape
    if n < d:
        values = np.linalg.eigvalsh(x @ x.T / n)
        return values.clip(min=0) / values.clip(min=0).sum(), None
    second = np.zeros((d, d))
    for block in blocks(x):
        second += block.T @ block
    values, axes = np.linalg.eigh(second / n)
    return values.clip(min=0) / values.clip(min=0).sum(), axes.astype(np.float64, copy=False)


def entropy(p: NDArray[np.float64], q: float) -> float:
    """Renyi's entropy of order q, in nats."""
    p = p[p > 0]
    if q == 1:
        return float(-(p * np.log(p)).sum())
    if np.isinf(q):
        return float(-np.log(p.max()))
    return float(np.log((p**q).sum()) / (1 - q))


def entropy_influence(x: NDArray[np.float64], q: float) -> NDArray[np.float64]:
    """Influence of each image (n,) on the entropy: its derivative in the second moments C, at x x^T - C.

    -x^T log C x - H at q = 1; q / (1 - q) (x^T C^(q-1) x / tr C^q - 1) at another.
    """
    p, axes = spectrum(x)
    assert axes is not None
    kept = p > len(p) * np.finfo(float).eps * p.max()
    p, axes = p[kept], axes[:, kept]
    weights = -np.log(p) if q == 1 else q / (1 - q) * p ** (q - 1) / (p**q).sum()
    values = np.concatenate([(block @ axes) ** 2 @ weights for block in blocks(x)])
    return values - values.mean()


def diversity_estimate(features: Any, q: float, intervals: bool) -> Estimate:
    """The score of order q with an interval for its expectation at this n, normal for the logarithm."""
    x = directions(features, "cosine")
    value = float(np.exp(entropy(spectrum(x)[0], q)))
    options = {"kernel": "cosine"}
    n, d = x.shape
    why = "" if intervals else "intervals were switched off"
    if intervals and n < max(FEWEST_FOR_INTERVAL, 4 * d):
        why = f"{count(n, 'image')} for {d}-wide features; the influence of an image holds for n of several times d"
    if why:
        return Estimate(value, interval=f"no interval: {why}", options=options)
    at_half = [variance_of_mean(entropy_influence(x[rows], q)) for rows in random_halves(n, 0)]
    variance = second_order_corrected(variance_of_mean(entropy_influence(x, q)), np.mean(at_half))
    std_error = value * float(np.sqrt(variance))
    return Estimate.log_normal(
        value,
        std_error,
        std_error_generated=std_error,
        interval=f"for the expectation at n = {n}",
        options=options,
    )


def vendi_estimate(features: Any, *, seed: int = 0, intervals: bool = True) -> Estimate:
    """`vendi_score` of order 1."""
    return diversity_estimate(features, 1.0, intervals)


def rke_estimate(features: Any, *, seed: int = 0, intervals: bool = True) -> Estimate:
    """`rke`."""
    return diversity_estimate(features, 2.0, intervals)
