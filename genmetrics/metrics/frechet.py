"""Frechet distance between Gaussians fitted to two sets of features.

On the 2015-12-05 Inception features this is the FID of Heusel et al. (2017), arXiv:1706.08500, eq. 6; on any other
features it is a Frechet distance (`fd_<extractor>`), never an FID.
"""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from genmetrics._checks import DataError, as_features, blocks, same_width
from genmetrics.intervals import random_halves, second_order_corrected, variance_of_mean
from genmetrics.records import Estimate

LARGEST = 1e140  # of a feature: sums of its squares are still float64
FEWEST_FOR_INTERVAL = 20  # images on each side


@dataclass(frozen=True, eq=False)
class Moments:
    """First two moments of n feature vectors of width d. Add two to pool their images."""

    n: int  # images
    mean: NDArray[np.float64]  # (d,)
    scatter: NDArray[np.float64]  # (d, d), sum over images of (x - mean)(x - mean)^T

    @classmethod
    def of(cls, features: Any, name: str = "features") -> Moments:
        """Moments of features of shape (n, d), accumulated in float64, block by block."""
        x = as_features(features, name)
        mean = x.mean(axis=0, dtype=np.float64)
        scatter = np.zeros((x.shape[1], x.shape[1]))
        for block in blocks(x):
            centred = block - mean
            scatter += centred.T @ centred
        return cls(len(x), mean, scatter)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Moments:
        """Read `mu` and `sigma` (pytorch-fid's and clean-fid's files) and, where present, our `n`.

        Raises:
            DataError: no such file, or it lacks `mu` or `sigma`, or their shapes disagree.
        """
        try:
            with Path(path).open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                content = {key: file[key] for key in file.files}
        except (OSError, ValueError, EOFError, TypeError, AttributeError, zipfile.BadZipFile) as error:
            raise DataError(f"{path}: not a readable .npz of statistics ({error})") from None
        missing = {"mu", "sigma"} - set(content)
        if missing:
            raise DataError(f"{path}: holds {sorted(content)}, but {sorted(missing)} are missing")
        mean, covariance, n = np.atleast_1d(content["mu"]), np.atleast_2d(content["sigma"]), content.get("n", 0)
        if any(value.dtype.kind not in "fiu" for value in (mean, covariance, np.asarray(n))):
            raise DataError(f"{path}: mu, sigma and n should be numbers, got {mean.dtype} and {covariance.dtype}")
        if mean.ndim != 1 or covariance.shape != (len(mean), len(mean)):
            raise DataError(f"{path}: mu is {mean.shape} but sigma is {covariance.shape}")
        if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
            raise DataError(f"{path}: mu or sigma hold NaN or inf")
        if np.size(n) != 1 or ("n" in content and np.ravel(n)[0] < 2):
            raise DataError(f"{path}: n should be one number of images, at least 2, got {n}")
        images = int(np.ravel(n)[0])
        return cls(images, mean.astype(np.float64), covariance.astype(np.float64) * max(1, images - 1))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write `mu`, `sigma` and, where known, `n` to an `.npz` that the other packages read too."""
        known = {"n": np.asarray(self.n)} if self.n else {}
        np.savez(Path(path), mu=self.mean, sigma=self.covariance, **known)  # pyright: ignore[reportArgumentType]

    @property
    def covariance(self) -> NDArray[np.float64]:
        """(d, d), with ddof = 1."""
        if self.n == 1:
            raise DataError("a covariance needs at least 2 images, got 1")
        return self.scatter / max(1, self.n - 1)  # n = 0: read from a file that does not say n

    def __add__(self, other: Moments) -> Moments:
        # Pairwise update of Chan, Golub & LeVeque (1983): no large sums to subtract.
        same_width(len(self.mean), len(other.mean), ("the first", "the second"))
        if 0 in (self.n, other.n):
            raise DataError("moments read from a file without 'n' cannot be pooled: how many images are they of?")
        n, shift = self.n + other.n, other.mean - self.mean
        between = np.outer(shift, shift) * (self.n * other.n / n)
        return Moments(n, self.mean + shift * (other.n / n), self.scatter + other.scatter + between)


def frechet_distance(real: Any, generated: Any) -> float:
    """Squared Frechet (2-Wasserstein) distance between the two fitted Gaussians.

    Args:
        real: features (n, d) of real images, or their `Moments`.
        generated: features (m, d) of generated images from the same extractor, or their `Moments`.

    Returns:
        |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2), >= 0; lower is better.
        Units: those of the features, squared. Biased upwards, the more so the fewer the images.

    Raises:
        DataError: the widths differ, a set holds fewer than 2 images, or features hold NaN or inf.
    Source: Dowson & Landau (1982); arXiv:1706.08500, eq. 6.
    Differs: tr (S1 S2)^(1/2) is the nuclear norm of F1^T F2 for any factors S = F F^T, so no matrix square root is
        taken, nothing becomes complex, and a set is at distance 0 from itself even with fewer images than features.
    """
    a, b = fitted(real, "real"), fitted(generated, "generated")
    same_width(len(a.mean), len(b.mean))
    cross = singular_values(a.factor.T @ b.factor).sum()
    shift = a.mean - b.mean
    return max(0.0, float(shift @ shift + (a.factor**2).sum() + (b.factor**2).sum() - 2 * cross))


class Fitted(NamedTuple):
    """A fitted Gaussian: its mean, and a factor F of its covariance F F^T."""

    mean: NDArray[np.float64]  # (d,)
    factor: NDArray[np.float64]  # (d, rank)


def fitted(features: Any, name: str) -> Fitted:
    """The Gaussian of features or moments."""
    if isinstance(features, Moments):
        return Fitted(features.mean, covariance_factor(features.covariance))
    x = as_features(features, name, at_least=2)
    largest = max(float(np.abs(block).max()) for block in blocks(x))
    if largest > LARGEST:
        raise DataError(f"{name}: features of up to {largest:.3g}, whose squares overflow float64; scale them down")
    mean = x.mean(axis=0, dtype=np.float64)
    return Fitted(mean, data_factor(x, mean))


def data_factor(x: NDArray[Any], mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """F (d, min(n, d)) with F F^T the covariance of x, from the data themselves.

    Of n <= d images F is the centred sample; of more, the triangle of its QR decomposition, block after block. No
    product X^T X is formed, so a direction in which a set hardly varies keeps its digits.
    """
    n, d = x.shape
    if n <= d:
        return (x - mean).T / np.sqrt(n - 1)
    triangle = np.empty((0, d))
    for block in blocks(x, max(4096, 2 * d)):
        triangle = np.asarray(np.linalg.qr(np.concatenate([triangle, block - mean]), mode="r"))
    return triangle.T / np.sqrt(n - 1)


def singular_values(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """s alone, which takes a fraction of the time."""
    try:
        return np.linalg.svd(matrix, compute_uv=False).astype(np.float64, copy=False)
    except np.linalg.LinAlgError:
        return singular(matrix)[1]


def singular(matrix: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """P, s, Q^T of a matrix; by QR iteration where LAPACK's faster divide and conquer does not converge."""
    try:
        return np.linalg.svd(matrix, full_matrices=False)
    except np.linalg.LinAlgError:
        from scipy.linalg import svd

        return svd(matrix, full_matrices=False, lapack_driver="gesvd")


def covariance_factor(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """F with F F^T = covariance, without the directions that are only rounding.

    Features are brought to variance 1 for the decomposition, so that one of small variance is not lost among others.
    """
    spread = np.sqrt(np.diag(covariance).clip(min=0))
    spread[spread == 0] = 1.0
    values, vectors = np.linalg.eigh(covariance / np.outer(spread, spread))
    keep = values > len(values) * np.finfo(float).eps * max(values[-1], 0.0)
    return spread[:, None] * vectors[:, keep] * np.sqrt(values[keep])


@dataclass(frozen=True, eq=False)
class Whitened:
    """A sample, a factor F of its covariance F F^T, and what whitens it."""

    x: NDArray[Any]  # (n, d)
    mean: NDArray[np.float64]  # (d,)
    factor: NDArray[np.float64]  # (d, rank)
    whitener: NDArray[np.float64] | None  # (d, rank), F^+ transposed; None if n <= d: F is the centred sample itself

    @classmethod
    def of(cls, x: NDArray[Any]) -> Whitened:
        mean, factor = fitted(x, "features")
        if len(x) <= x.shape[1]:
            return cls(x, mean, factor, None)
        axes, spread, _ = singular(factor)
        keep = spread > max(factor.shape) * np.finfo(float).eps * spread[0]
        axes, spread = axes[:, keep], spread[keep]
        return cls(x, mean, axes * spread, axes / np.where(spread > 0, spread, 1))

    def pull(
        self, shift: NDArray[np.float64], axes: NDArray[np.float64], s: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """|c|^2 + 2 c.shift - sum_k s_k u_k^2 for each image (n,), less its mean: c centred, u white along `axes`."""
        if self.whitener is None:
            centred = self.x - self.mean
            pull = (centred**2).sum(axis=1) + 2 * centred @ shift - (len(centred) - 1) * axes**2 @ s
        else:
            to_white = self.whitener @ axes
            pull = np.concatenate(
                [
                    (c**2).sum(axis=1) + 2 * c @ shift - (c @ to_white) ** 2 @ s
                    for c in (block - self.mean for block in blocks(self.x))
                ]
            )
        return pull - pull.mean()


def frechet_influence(a: Whitened, b: Whitened) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """The distance between samples a and b, and the influence function of each side at its images.

    The derivative of tr (S1 S2)^(1/2) in S2 is half the optimal map from the second Gaussian to the first. With
    S = F F^T, the singular value decomposition F1^T F2 = P s Q^T, and u = F2^+ (y - m2) the whitened image, its
    quadratic form at a generated image y is the sum over k of s_k (Q^T u)_k^2: no inverse of s appears, so
    rank-deficient sets pose no problem.

    Returns:
        distance, influence of each image of a (n,), of b (m,); each has mean 0.
    """
    left, s, right = singular(a.factor.T @ b.factor)
    shift = b.mean - a.mean
    distance = float(shift @ shift + (a.factor**2).sum() + (b.factor**2).sum() - 2 * s.sum())
    return max(0.0, distance), a.pull(-shift, left, s), b.pull(shift, right.T, s)


def frechet_estimate(real: Any, generated: Any, *, seed: int = 0, intervals: bool = True) -> Estimate:
    """`frechet_distance` with an interval for its expectation at these numbers of images.

    Either side may be `Moments`. They do not tell how much they vary, so there is no interval then; the standard error
    of drawing the generated images is given if those are known.

    The standard error is that of the influence functions of both sides, corrected for the second order, which is
    all there is at the null, from two halves of each set (`intervals.second_order_corrected`). The interval is normal
    for the logarithm, since the standard error of a sample goes with its distance. Its coverage is measured by
    `benchmarks/coverage.py`, at the null and away from it, also with fewer images than features.
    """
    if isinstance(real, Moments) or isinstance(generated, Moments):
        return estimate_from_moments(real, generated, seed, intervals)
    x, y = as_features(real, "real", at_least=2), as_features(generated, "generated", at_least=2)
    same_width(x.shape[1], y.shape[1])
    notes = too_few_notes(x, "real") + too_few_notes(y, "generated")
    why = "intervals were switched off" if not intervals else ""
    if min(len(x), len(y)) < FEWEST_FOR_INTERVAL:
        why = f"fewer than {FEWEST_FOR_INTERVAL} images on a side"
    if why:
        return Estimate(frechet_distance(x, y), interval=f"no interval: {why}", notes=notes)
    a, b = Whitened.of(x), Whitened.of(y)
    halves_a = [Whitened.of(x[i]) for i in random_halves(len(x), seed)]
    halves_b = [Whitened.of(y[i]) for i in random_halves(len(y), seed + 1)]
    value, of_real, of_generated = frechet_influence(a, b)
    both = [frechet_influence(*pair)[1:] for pair in zip(halves_a, halves_b, strict=True)]
    generated_alone = [frechet_influence(a, half)[2] for half in halves_b]
    variance = second_order_corrected(
        variance_of_mean(of_real) + variance_of_mean(of_generated),
        np.mean([variance_of_mean(i) + variance_of_mean(j) for i, j in both]),
    )
    variance_generated = second_order_corrected(
        variance_of_mean(of_generated), np.mean([variance_of_mean(j) for j in generated_alone])
    )
    return Estimate.log_normal(
        value,
        float(np.sqrt(variance)),
        std_error_generated=float(np.sqrt(variance_generated)),
        interval=f"for the expectation at n = {len(x)} real, {len(y)} generated",
        notes=notes,
    )


def estimate_from_moments(real: Any, generated: Any, seed: int, intervals: bool) -> Estimate:
    """`frechet_distance` where of one side or both the moments are all that is known."""
    value = frechet_distance(real, generated)
    which = " and ".join(name for name, side in (("real", real), ("generated", generated)) if isinstance(side, Moments))
    why = f"no interval: of the {which} side only mean and covariance are known"
    if isinstance(generated, Moments) or not intervals or len(generated) < FEWEST_FOR_INTERVAL:
        return Estimate(value, interval=why)
    y = as_features(generated, "generated")
    fixed = fitted(real, "real")
    variance, *of_halves = (
        variance_of_mean(influence_of_second(fixed, Whitened.of(part)))
        for part in (y, *(y[rows] for rows in random_halves(len(y), seed + 1)))
    )
    std_error = float(np.sqrt(second_order_corrected(variance, np.mean(of_halves))))
    return Estimate(value, std_error_generated=std_error, interval=why, notes=too_few_notes(y, "generated"))


def influence_of_second(a: Fitted, b: Whitened) -> NDArray[np.float64]:
    """The influence function of the distance at the images of b, as `frechet_influence` gives it."""
    _, s, right = singular(a.factor.T @ b.factor)
    return b.pull(b.mean - a.mean, right.T, s)


def too_few_notes(x: NDArray[Any], name: str) -> tuple[str, ...]:
    """A warning when the covariance is singular because there are no more images than features."""
    n, d = x.shape
    if n > d:
        return ()
    return (f"{name}: {n} images for {d}-wide features, so the covariance is singular and the distance biased",)
