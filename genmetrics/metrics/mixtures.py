"""Divergences between Gaussian mixtures in closed or nearly closed form: equation 3.3 whole, and one Gaussian a set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genmetrics._checks import DataError, as_features, positive, same_width, to_numpy
from genmetrics.kernels.geometry import EPS
from genmetrics.kernels.pairwise import log_mean_exp
from genmetrics.metrics.ddm import Ddm
from genmetrics.metrics.moments import Moments
from genmetrics.records import Estimate

HELD = 1 << 21  # float64 numbers held at a time
ASYMMETRY = 1e-5  # of a covariance, relative to its largest variance, that is rounding


@dataclass(frozen=True, eq=False)
class Mixture:
    """A mixture of Gaussians: `means` (n, d), `weights` (n,) that sum to 1 (None: equal), and `covariances`: a number
    (that variance in every direction of every component), (n, d) variances, or (n, d, d) symmetric matrices."""

    means: Any
    covariances: Any = 1.0
    weights: Any = None


@dataclass(frozen=True, eq=False)
class Checked:
    """A mixture in float64, components of weight 0 left out."""

    means: NDArray[Any]  # (n, d)
    covariances: NDArray[np.float64]  # (), (n, d) or (n, d, d)
    log_weights: NDArray[np.float64]  # (n,)

    @property
    def d(self) -> int:
        return self.means.shape[1]

    def full(self) -> NDArray[np.float64]:
        """(n, d, d)."""
        if self.covariances.ndim == 3:
            return self.covariances
        return self.diagonal()[:, :, None] * np.eye(self.d)

    def diagonal(self) -> NDArray[np.float64]:
        """(n, d), of a mixture without matrices."""
        return np.broadcast_to(self.covariances, self.means.shape).astype(np.float64)


def checked(mixture: Any, name: str) -> Checked:
    """A Mixture, or features (n, d) as one of unit variances.

    Raises:
        DataError: shapes that do not fit, weights that are no distribution, variances that are not positive, matrices
            that are not symmetric.
    """
    given = mixture if isinstance(mixture, Mixture) else Mixture(mixture)
    means = as_features(given.means, name)
    n, d = means.shape
    covariances = to_numpy(given.covariances).astype(np.float64)
    if covariances.shape not in ((), (n, d), (n, d, d)):
        raise DataError(
            f"{name}: covariances have shape {covariances.shape}; pass a number, ({n}, {d}) or ({n}, {d}, {d})"
        )
    diagonal = covariances if covariances.ndim < 3 else np.einsum("ijj->ij", covariances)
    if not (np.isfinite(covariances).all() and (diagonal > 0).all()):
        raise DataError(f"{name}: variances must be finite and above 0, smallest is {diagonal.min():g}")
    if covariances.ndim == 3:
        symmetric(covariances, name)
    weights = np.full(n, 1 / n) if given.weights is None else to_numpy(given.weights).astype(np.float64)
    if weights.shape != (n,) or not (weights >= 0).all() or abs(weights.sum() - 1) > 1e-6:
        raise DataError(
            f"{name}: weights must be {n} numbers that are not negative and sum to 1, sum {weights.sum():g}"
        )
    kept = weights > 0
    if not kept.all():
        means, weights = means[kept], weights[kept]
        covariances = covariances[kept] if covariances.ndim else covariances
    return Checked(means, covariances, np.log(weights / weights.sum()))


def symmetric(covariances: NDArray[np.float64], name: str) -> None:
    """Matrices equal their transposes, but for what rounding in float32 leaves.

    Raises:
        DataError: one does not.
    """
    apart = np.abs(covariances - covariances.transpose(0, 2, 1))
    largest = np.einsum("ijj->ij", covariances).max(axis=1)
    worst = int((apart.max(axis=(1, 2)) / largest).argmax())
    i, j = divmod(int(apart[worst].argmax()), apart.shape[2])
    if apart[worst, i, j] > ASYMMETRY * largest[worst]:
        raise DataError(
            f"{name}: covariances must be symmetric, but number {worst} has {covariances[worst, i, j]:g} at "
            f"({i}, {j}) and {covariances[worst, j, i]:g} at ({j}, {i}), the largest asymmetry: "
            f"{apart[worst, i, j]:.3g}"
        )


def ddm_variational_kl(f: Any, g: Any, scale: float = 1.0) -> Ddm:
    """KL_var(f || g) = sum_a p_a log( sum_a' p_a' e^-KL(f_a || f_a') / sum_b w_b e^-KL(f_a || g_b) ).

    Args:
        f: a `Mixture`, or (n, d) features of real test images: one unit Gaussian on each.
        g: a `Mixture`, or (m, d) features of generated images. Mixtures may have weights, and covariances that are
            one number, diagonal or full.
        scale: h; all distances are taken in this unit, so that features stand for Gaussians of covariance h^2 I.

    Returns:
        Nats; lower is better; 0 where f is g. It may be negative: it is the difference of two lower bounds. The bounds
        are of rounding, certified where all covariances are one number.

    Raises:
        DataError: different widths, weights that are no distribution, covariances that are not symmetric and positive
            definite.
    Source: Hershey & Olsen (2007), eq. 20; Basart (2017), eq. 3.3, which cites Goldberger et al. (2003).
    Differs: with features on both sides and |T| images it is DDM less a constant of T, about log |T| where h is small.
    """
    positive(scale, "scale")
    a, b = checked(f, "f"), checked(g, "g")
    same_width(a.d, b.d, ("f", "g"))
    weights = np.exp(a.log_weights)
    if a.covariances.ndim == b.covariances.ndim == 0 and a.covariances == b.covariances:
        h = float(scale * np.sqrt(a.covariances))
        within, between = (
            log_mean_exp(a.means, other.means, distance="half_sq", scale=h, log_weights=other.log_weights)
            for other in (a, b)
        )
        value = float(weights @ (within.values - between.values))
        error = float(weights @ (within.error + between.error)) + 4 * EPS * abs(value)
        if not np.isfinite(value):
            raise DataError(f"distances over scale {scale} overflow float64; use a larger scale")
        return Ddm(value, value - error, value + error, None, scale)
    with np.errstate(all="ignore"):  # the result is looked at
        value = float(weights @ (log_sums(a, a, scale) - log_sums(a, b, scale)))
    if not np.isfinite(value):
        raise DataError(f"divergences over scale {scale} overflow float64; bring means and variances nearer to 1")
    return Ddm(value, value, value, None, scale, certified=False)


def log_sums(f: Checked, g: Checked, scale: float) -> NDArray[np.float64]:
    """log sum_b w_b e^-KL(f_a || g_b) for each component of f, (n,)."""
    total = np.full(len(f.means), -np.inf)
    matrices = f.covariances.ndim == 3 or g.covariances.ndim == 3
    for b, divergence in (full_divergences if matrices else diagonal_divergences)(f, g, scale):
        exponent = g.log_weights[b] - divergence
        most = exponent.max(axis=1)
        total = np.logaddexp(total, most + np.log(np.exp(exponent - most[:, None]).sum(axis=1)))
    return total


def diagonal_divergences(f: Checked, g: Checked, scale: float) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Blocks of components of g, and KL(f_a || g_b) of all f with them, (n, block).

    1/2 sum_k ( q - 1 - log q + (difference of means)^2 / s_b^2 ) with q = s_a^2 / s_b^2: no term is negative.
    """
    p, q = f.diagonal(), g.diagonal()
    x, y = f.means.astype(np.float64), g.means.astype(np.float64)
    step = max(1, HELD // (len(x) * f.d))
    for i in range(0, len(y), step):
        b = slice(i, i + step)
        ratio = p[:, None] / q[b]
        excess = ratio - 1  # without the digits of a small ratio
        logs = np.where(ratio < 0.5, np.log(ratio), np.log1p(excess))
        apart = np.square(x[:, None] - y[b]) / (scale**2 * q[b])
        yield b, 0.5 * (excess - logs + apart).sum(axis=2)


def full_divergences(f: Checked, g: Checked, scale: float) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """As `diagonal_divergences`, one component of g at a time, by its Cholesky factor.

    Raises:
        DataError: a covariance is not positive definite.
    """
    from scipy.linalg import solve_triangular

    p, q = f.full(), g.full()
    roots, logs = cholesky(p, "f")
    others, other_logs = cholesky(q, "g")
    for b in range(len(q)):
        whitened = solve_triangular(others[b], roots.transpose(1, 0, 2).reshape(f.d, -1), lower=True)
        apart = solve_triangular(others[b], (f.means - g.means[b]).astype(np.float64).T / scale, lower=True)
        trace = np.square(whitened).reshape(f.d, len(p), f.d).sum(axis=(0, 2))
        divergence = 0.5 * (trace - f.d + other_logs[b] - logs + np.square(apart).sum(axis=0))
        yield slice(b, b + 1), divergence[:, None]


def cholesky(covariances: NDArray[np.float64], name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower factors (n, d, d) and log determinants (n,)."""
    try:
        roots = np.linalg.cholesky(covariances)
    except np.linalg.LinAlgError:
        raise DataError(f"{name}: a covariance is not positive definite") from None
    logs: NDArray[np.float64] = 2 * np.log(np.einsum("ijj->ij", roots)).sum(axis=1)
    return roots.astype(np.float64), logs


def ddm_single_gaussian(test: Any, generated: Any) -> float:
    """KL( N(m_T, S_T) || N(m_G, S_G) ) = (tr S_G^-1 S_T + |m_G - m_T|^2 in S_G^-1 - d + log |S_G| / |S_T|) / 2.

    Args:
        test: (n, d) embedded real test images, n > d.
        generated: (m, d) embedded generated images, m > d.

    Returns:
        Nats, >= 0; lower is better.

    Raises:
        DataError: a covariance is singular (too few images, or columns that depend on each other), different widths.
    Source: Basart (2017), section 3.3: the other choice of model, one multivariate Gaussian a set.
    """
    t, g = as_features(test, "test", at_least=2), as_features(generated, "generated", at_least=2)
    same_width(t.shape[1], g.shape[1], ("test", "generated"))
    for x, name in ((t, "test"), (g, "generated")):
        if len(x) <= x.shape[1]:
            raise DataError(f"{name}: {len(x)} images give no covariance of {x.shape[1]} columns; more are needed")
    p, q = Moments.of(t), Moments.of(g)
    f = Checked(p.mean[None], p.covariance[None], np.zeros(1))
    return float(next(full_divergences(f, Checked(q.mean[None], q.covariance[None], np.zeros(1)), 1.0))[1][0, 0])


def ddm_variational_kl_estimate(real: Any, generated: Any, *, seed: int = 0, intervals: bool = True) -> Estimate:
    """`ddm_variational_kl` of features. No interval: every test image is in every term."""
    f, g = as_features(real, "real"), as_features(generated, "generated")
    same_width(f.shape[1], g.shape[1])
    result = ddm_variational_kl(f, g)
    return Estimate(
        result.value,
        interval="no interval: " + ("its terms share the test images" if intervals else "intervals were switched off"),
        options={"scale": 1},
        details={"lower": result.lower, "upper": result.upper},
    )
