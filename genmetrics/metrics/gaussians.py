"""Gaussians fitted to features: factors of their covariances, and what rounding does to products of these."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genmetrics._checks import DataError, as_features, blocks
from genmetrics.metrics.moments import Moments

LARGEST = 1e140  # of a feature: sums of its squares are still float64
LEAST = np.finfo(float).tiny / np.finfo(float).eps ** 2  # of an eigenvalue: what rounding leaves of it is still float64


class Gaussian:
    """The Gaussian fitted to features or moments; what it takes to compare it is made when first asked for."""

    def __init__(self, features: Any, name: str) -> None:
        self.x: NDArray[Any] | None = None
        if isinstance(features, Moments):
            self.moments = features
        else:
            self.x = not_too_large(as_features(features, name, at_least=2), name)

    @cached_property
    def moments(self) -> Moments:
        assert self.x is not None
        return Moments.of(self.x)

    @property
    def width(self) -> int:
        return len(self.moments.mean) if self.x is None else self.x.shape[1]

    @property
    def few(self) -> bool:
        """No more images than features, so that the centred sample itself is the smallest factor."""
        return self.x is not None and len(self.x) <= self.width

    @cached_property
    def mean(self) -> NDArray[np.float64]:
        return self.moments.mean if self.x is None else self.x.mean(axis=0, dtype=np.float64)

    @cached_property
    def covariance(self) -> NDArray[np.float64]:
        return self.moments.covariance

    @cached_property
    def factor(self) -> NDArray[np.float64]:
        """F (d, rank) with F F^T the covariance; from the data where they are known, so that no digits are lost."""
        return covariance_factor(self.covariance) if self.x is None else data_factor(self.x, self.mean)

    @cached_property
    def whitened(self) -> Whitened:
        return Whitened.of(self)

    @property
    def total_variance(self) -> float:
        return float(np.einsum("ij,ij->", self.factor, self.factor) if self.few else np.trace(self.covariance))

    @property
    def largest_rank(self) -> int:
        return self.width if self.x is None else min(len(self.x) - 1, self.width)


def identical(a: Gaussian, b: Gaussian) -> bool:
    """Are both of the very same images, in whatever order, or of the very same moments?"""
    if a.x is None or b.x is None:
        return np.array_equal(a.mean, b.mean) and np.array_equal(a.covariance, b.covariance)
    return a.x.shape == b.x.shape and row_hashes(a.x) == row_hashes(b.x)


def row_hashes(x: NDArray[Any]) -> list[int]:
    """Of each row's numbers, in float64 and without -0; ascending."""
    return sorted(hash(row.tobytes()) for block in blocks(x) for row in block.astype(np.float64) + 0.0)


@np.errstate(over="ignore", invalid="ignore")
def squared_singular_values(a: Gaussian, b: Gaussian) -> NDArray[np.float64] | None:
    """Squares of those singular values of F1^T F2 that are not known to be 0; None where it cannot be told.

    That is where a covariance is singular, or where the squares of the features' squares leave float64.

    They are the eigenvalues of F1^T S2 F1, symmetric and, with F1 the Cholesky factor or the centred sample, no wider
    than the smaller set's rank.
    """
    if b.few and not (a.few and a.largest_rank <= b.largest_rank):
        a, b = b, a
    if b.few:
        cross = a.factor.T @ b.factor
        return largest_eigenvalues(cross @ cross.T, a.largest_rank)
    both = b.moments.varying if a.few else a.moments.varying & b.moments.varying
    rank = min(a.largest_rank, b.largest_rank, int(both.sum()))
    if rank == 0:
        return None
    if a.few:
        return largest_eigenvalues(a.factor.T @ (b.covariance @ a.factor), rank)
    root, kept = a.moments.root, a.moments.varying
    covariance = b.covariance if kept.all() else b.covariance[np.ix_(kept, kept)]
    return None if root is None else largest_eigenvalues(between(root, covariance), rank)


def largest_eigenvalues(product: NDArray[np.float64], rank: int) -> NDArray[np.float64] | None:
    """So many of F1^T S2 F1, of which only the lower triangle counts, and none below 0; None out of float64's range."""
    return np.linalg.eigvalsh(product)[-rank:].clip(min=0) if in_range(product) else None


def in_range(product: NDArray[np.float64]) -> bool:
    """Is F1^T S2 F1, which goes with the fourth power of the features, neither overflown nor rounded to 0?"""
    return LEAST < np.diag(product).max() < np.inf


def between(root: NDArray[np.float64], covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """L^T S L of a lower triangular L and a symmetric S, in its lower triangle; what is above that is left as it was.

    In half the time of two products, since LAPACK knows that L is a triangle and the result symmetric.
    """
    from scipy.linalg.lapack import dsygst  # pyright: ignore[reportAttributeAccessIssue]

    product, failed = dsygst(covariance.T, root, itype=2, lower=1)
    assert not failed
    return product


def rounding_of_roots(squared: NDArray[np.float64]) -> float:
    """By how much rounding may move twice the sum of the roots of these eigenvalues of F1^T S2 F1.

    Each eigenvalue holds rounding of the order of eps times the largest, which its root divides by itself: a direction
    in which a set hardly varies loses its digits. Roots that are known add up their errors at random; those that are
    all rounding, in full. True errors were a third of this or less, on spectra of 0 to 14 decades
    (`tests/genmetrics/metrics/test_frechet.py`).
    """
    error = np.finfo(float).eps * float(squared.max(initial=0.0))
    lost = all_rounding(squared)
    known = float(np.sqrt((1 / squared[~lost]).sum()))
    return error * known + float(np.sqrt(np.maximum(squared[lost], error)).sum())


def all_rounding(squared: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of these eigenvalues hold nothing but rounding, of the order of eps times the largest."""
    return squared <= 10 * np.finfo(float).eps * float(squared.max(initial=0.0))


def not_too_large(x: NDArray[Any], name: str) -> NDArray[Any]:
    """x, if sums of its squares are still numbers.

    Raises:
        DataError: they are not.
    """
    largest = max(float(max(block.max(), -block.min())) for block in blocks(x))
    if largest > LARGEST:
        raise DataError(f"{name}: features of up to {largest:.3g}, whose squares overflow float64; scale them down")
    return x


def data_factor(x: NDArray[Any], mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """F (d, min(n, d)) with F F^T the covariance of x, from the data themselves.

    Of n <= d images F is the centred sample; of more, the triangle of its QR decomposition, block after block. No
    product X^T X is formed, so a direction in which a set hardly varies keeps its digits.
    """
    n, d = x.shape
    if n <= d:
        centred = x - mean
        centred *= 1 / np.sqrt(n - 1)
        return centred.T
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
    def of(cls, gaussian: Gaussian) -> Whitened:
        assert gaussian.x is not None
        x, mean = gaussian.x, gaussian.mean
        if gaussian.few:
            return cls(x, mean, gaussian.factor, None)
        axes, spread, _ = singular(gaussian.factor)
        keep = spread > max(gaussian.factor.shape) * np.finfo(float).eps * spread[0]
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
