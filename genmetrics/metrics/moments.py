"""First two moments of a set of features: all that the Frechet distance needs of it, and mergeable."""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genmetrics._checks import DataError, as_features, blocks, same_width

ROUNDING = 1e-4  # of the largest covariance: by so much a covariance from a float32 file may miss being one


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
            DataError: no such file, or it lacks `mu` or `sigma`, or their shapes disagree, or sigma is no covariance.
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
        if not is_covariance(covariance.astype(np.float64)):
            raise DataError(f"{path}: sigma is no covariance matrix: it is not symmetric, or has negative eigenvalues")
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

    @cached_property
    def varying(self) -> NDArray[np.bool_]:
        """(d,), which features are not constant."""
        return np.diag(self.scatter) > 0

    @cached_property
    def root(self) -> NDArray[np.float64] | None:
        """Lower triangle L with L L^T the covariance of the varying features; None where rounding makes it indefinite.

        Made once: each further set that is compared with this one then costs two products and one eigensolve.
        """
        from scipy.linalg import cholesky

        kept = self.varying
        covariance = self.covariance if kept.all() else self.covariance[np.ix_(kept, kept)]
        try:
            return cholesky(covariance, lower=True, overwrite_a=True, check_finite=False)
        except np.linalg.LinAlgError:
            return None

    def __add__(self, other: Moments) -> Moments:
        # Pairwise update of Chan, Golub & LeVeque (1983): no large sums to subtract.
        same_width(len(self.mean), len(other.mean), ("the first", "the second"))
        if 0 in (self.n, other.n):
            raise DataError("moments read from a file without 'n' cannot be pooled: how many images are they of?")
        n, shift = self.n + other.n, other.mean - self.mean
        between = np.outer(shift, shift) * (self.n * other.n / n)
        return Moments(n, self.mean + shift * (other.n / n), self.scatter + other.scatter + between)


def is_covariance(x: NDArray[np.float64]) -> bool:
    """Symmetric and without negative eigenvalues, up to the rounding of a float32 file."""
    largest = np.abs(x).max(initial=0)
    if np.abs(x - x.T).max(initial=0) > ROUNDING * largest:
        return False
    try:
        np.linalg.cholesky(x + max(ROUNDING * largest, np.finfo(float).tiny) * np.eye(len(x)))
    except np.linalg.LinAlgError:
        return False
    return True
