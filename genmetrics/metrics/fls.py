"""Feature likelihood score: test images under a mixture on the samples whose widths were fitted to the training images.

A sample that copies a training image gets a narrow Gaussian, which is of no use to test images: memorising costs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genmetrics._checks import as_features, count, same_width
from genmetrics.intervals import random_halves, variance_of_mean
from genmetrics.kernels.pairwise import in_threads, split
from genmetrics.records import Estimate

STEPS, RATE, SLOWER_FROM, SLOWER = 100, 0.5, 50, 0.1  # of Adam, as the authors set it
NARROWEST, WIDEST = -100.0, 20.0  # log variance
BUDGET = 256 * 2**20  # bytes of distances that are kept between steps; the rest are made again
ROWS = 512


@dataclass(frozen=True)
class FeatureLikelihood:
    """The score, and the mean log-likelihoods of the test images that it is made of (nats)."""

    value: float
    generated: float
    baseline: float
    std_error: float  # of value, over test images, the mixtures fixed


def fls(train: Any, test: Any, generated: Any, baseline: Any = None, seed: int = 0) -> FeatureLikelihood:
    """100 exp(-2 (NLL_generated - NLL_baseline) / d): test images under a mixture on the samples, against real images'.

    One isotropic Gaussian stands on each sample; their log variances are fitted to the training images by 100 steps of
    Adam, the likelihood taken of the test images. The baseline is the same with real images in the samples' place.
    All features are brought to mean 0 and variance 1 over the union of the sets.

    Args:
        train: features (n, d) of the training images.
        test: features (n_test, d) of held-out real images.
        generated: features (m, d) of generated images.
        baseline: features of real images in the samples' place; None takes a random half of `train` for it and the
            other half to fit to.
        seed: of the halves.

    Returns:
        value: about 100 for new real images where they are as many as the baseline, rather more where
            they are twice as many; higher is better; > 0.

    Raises:
        DataError: a set has fewer than 2 images, widths differ, NaN or inf.
    Source: Jiralerspong et al. (2023), arXiv:2302.04440, eqs. 3-5; the authors' code for the steps of Adam.
    Differs: blocks of pairs where theirs holds all; float64; constant features are left out (theirs gives NaN).
    """
    sets = {"train": train, "test": test, "generated": generated}
    x = {name: as_features(given, name, at_least=2) for name, given in sets.items()}
    if baseline is None:
        first, second = random_halves(len(x["train"]), seed)
        x["train"], x["baseline"] = as_features(x["train"][first], "train", at_least=2), x["train"][second]
    else:
        x["baseline"] = as_features(baseline, "baseline", at_least=2)
    for name in ("test", "generated", "baseline"):
        same_width(x["train"].shape[1], x[name].shape[1], ("train", name))
    x = standardised(x)
    d = x["train"].shape[1]
    likelihoods = [
        log_likelihoods(x["test"], x[name], fitted_log_variances(x["train"], x[name]))
        for name in ("generated", "baseline")
    ]
    ours, theirs = (float(values.mean()) for values in likelihoods)
    value = float(100 * np.exp(2 * (ours - theirs) / d))
    error = 2 / d * value * np.sqrt(variance_of_mean(likelihoods[0] - likelihoods[1]))
    return FeatureLikelihood(value, ours, theirs, float(error))


def standardised(x: dict[str, NDArray[Any]]) -> dict[str, NDArray[np.float64]]:
    """Every set with the mean and the standard deviation (ddof = 1) of their union, without its constant features."""
    n = sum(len(part) for part in x.values())
    mean = np.sum([part.sum(axis=0, dtype=np.float64) for part in x.values()], axis=0) / n
    squares = np.sum([np.square(part - mean).sum(axis=0) for part in x.values()], axis=0)
    deviation = np.sqrt(squares / (n - 1))
    kept = deviation > 0
    if not kept.any():
        return {name: np.zeros((len(part), 1)) for name, part in x.items()}
    return {name: (part[:, kept] - mean[kept]) / deviation[kept] for name, part in x.items()}


def fitted_log_variances(data: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """(m,), from 0 by Adam on the mean log-likelihood of `data` under the mixture on `centres`."""
    log_variances, mean, square = np.zeros(len(centres)), np.zeros(len(centres)), np.zeros(len(centres))
    pairs = Pairs(data, centres)
    for step in range(1, STEPS + 1):
        gradient = pairs.gradient(log_variances)
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        rate = RATE * (SLOWER if step > SLOWER_FROM else 1.0)
        move = mean / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
        log_variances = (log_variances - rate * move).clip(NARROWEST, WIDEST)
    return log_variances


class Pairs:
    """Squared distances of all pairs of data and centres, block after block; as many as fit BUDGET are kept."""

    def __init__(self, data: NDArray[np.float64], centres: NDArray[np.float64]) -> None:
        self.blocks, self.centres = split(data, ROWS), centres
        self.squares = np.einsum("ij,ij->i", centres, centres)
        self.n, self.kept, self.room = len(data), {}, BUDGET

    def distances(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        """|x_i - c_j|^2 of a block of data."""
        key = block.__array_interface__["data"][0]
        if key in self.kept:
            return self.kept[key]
        found = np.einsum("ij,ij->i", block, block)[:, None] + self.squares - 2 * block @ self.centres.T
        np.maximum(found, 0, out=found)
        if self.room >= found.nbytes:
            self.room -= found.nbytes
            self.kept[key] = found
        return found

    def gradient(self, log_variances: NDArray[np.float64]) -> NDArray[np.float64]:
        """Derivative of the mean -log-likelihood in each log variance: E_i w_ij (d/2 - |x_i - c_j|^2 / 2 v_j)."""
        precision, half_width = 0.5 * np.exp(-log_variances), self.centres.shape[1] / 2

        def of_block(block: NDArray[np.float64]) -> NDArray[np.float64]:
            scaled = self.distances(block) * precision
            exponent = -scaled - half_width * log_variances
            exponent -= exponent.max(axis=1, keepdims=True)
            np.exp(exponent, out=exponent)
            exponent /= exponent.sum(axis=1, keepdims=True)
            scaled -= half_width
            return -np.einsum("ij,ij->j", exponent, scaled)

        return np.sum(on_blocks(of_block, self.blocks), axis=0) / self.n


def on_blocks(
    work: Callable[[NDArray[np.float64]], NDArray[np.float64]], blocks: list[NDArray[np.float64]]
) -> list[NDArray[np.float64]]:
    """`work` on every block; threads only where there are several blocks to give them."""
    return [work(blocks[0])] if len(blocks) == 1 else list(in_threads(work, blocks))


def log_likelihoods(
    data: NDArray[np.float64], centres: NDArray[np.float64], log_variances: NDArray[np.float64]
) -> NDArray[np.float64]:
    """log of the mixture's density at each image (n,), without the constant (d/2) log 2 pi, as the authors have it."""
    pairs = Pairs(data, centres)
    precision, half_width = 0.5 * np.exp(-log_variances), centres.shape[1] / 2

    def of_block(block: NDArray[np.float64]) -> NDArray[np.float64]:
        exponent = -pairs.distances(block) * precision - half_width * log_variances
        largest = exponent.max(axis=1)
        return largest + np.log(np.exp(exponent - largest[:, None]).mean(axis=1))

    return np.concatenate(on_blocks(of_block, pairs.blocks))


def fls_estimate(train: Any, real: Any, generated: Any, *, seed: int = 0, intervals: bool = True) -> Estimate:
    """`fls` with an interval over the test images, normal for the logarithm."""
    found = fls(train, real, generated, seed=seed)
    options = {"baseline": "half of train", "seed": seed}
    details = {"log_likelihood": found.generated, "log_likelihood_of_baseline": found.baseline}
    notes = notes_on_sizes(len(generated), len(train) // 2)
    if not intervals:
        return Estimate.bare(found.value, options=options, details=details, notes=notes)
    return Estimate.log_normal(
        found.value,
        found.std_error,
        interval="over test images, conditional on the training and the generated ones",
        options=options,
        details=details,
        notes=notes,
    )


def notes_on_sizes(m: int, baseline: int) -> tuple[str, ...]:
    """What new real images get where they are not as many as the baseline: more centres make a better mixture."""
    if abs(m - baseline) <= baseline / 10:
        return ()
    new = "more new real images score more" if m > baseline else "fewer new real images score less"
    return (
        f"100 is the score of half of the training set, {count(baseline, 'image')}; {new}: "
        f"{m} are scored here, so compare with what {m} new real images get",
    )
