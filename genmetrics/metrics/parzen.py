"""Parzen-window log-likelihood: test images under a Gaussian on each generated image. On the kernel of DDM."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genmetrics._checks import DataError, as_features, positive, same_width
from genmetrics.kernels.pairwise import log_mean_exp
from genmetrics.metrics.jackknife import log_means_without_samples
from genmetrics.metrics.scales import evenly
from genmetrics.records import Estimate

GRID = np.logspace(-1, 0, 10)  # of sigma, for pixels in [0, 1]
EXTENSIONS = 40  # grid points added on one side, at most: a factor of 10^4.4
VARIANCE_KEPT = 0.95
VALIDATION = 1000  # training images that choose sigma in a record


@dataclass(frozen=True)
class ParzenLogLikelihood:
    """Mean log-likelihood in nats, its standard error over test images, and sigma."""

    value: float
    std_error: float | None
    sigma: float
    dimensions: int  # of the space the density lives in: fewer than the images' after PCA
    searched: dict[float, float] | None = None  # sigma -> mean log-likelihood of the validation images


def parzen_log_likelihood(
    test: Any,
    generated: Any,
    sigma: float | None = None,
    validation: Any = None,
    *,
    grid: Any = None,
    pca: bool = False,
    train: Any = None,
    device: str = "cpu",
) -> ParzenLogLikelihood:
    """Mean over t of log( mean over g of N(t; g, sigma^2 I) ).

    Args:
        test: (n, d) test images as rows, pixels in [0, 1] by custom, or features.
        generated: (m, d) samples: the kernel centres, 10,000 by custom.
        sigma: the kernels' width; None: the sigma of `grid` that makes `validation` likeliest.
        validation: (k, d) real images that are neither test images nor, by custom, those trained on; 1,000 by custom.
            They choose sigma only.
        grid: candidates for sigma; None: logspace(-1, 0, 10). Where the best is at an end, the grid is extended at the
            same ratio until it is not, with a warning.
        pca: first project on the principal components of `train` that hold 95% of its variance.
        train: (r, d) images that PCA is fitted to; None: `validation`.
        device: "cpu", or a CUDA device, as in `ddm`.

    Returns:
        Nats; higher is better. A density's units: compare equal d, equal sigma's protocol and equal m only. It ranks
        blurry models above sharp ones and training images below both: report it, do not rely on it.

    Raises:
        DataError: neither sigma nor validation images, different widths, no best sigma on a grid 10^4 times as wide,
            training images for PCA that are all one.
    Source: Breuleux, Bengio & Vincent (2011); Goodfellow et al. (2014), arXiv:1406.2661, section 5, whose code has this
        grid; PCA: Basart (2017), section 3.4.1.
    """
    t, g = as_features(test, "test"), as_features(generated, "generated")
    same_width(t.shape[1], g.shape[1], ("test", "generated"))
    v = None if validation is None else as_features(validation, "validation")
    if v is not None:
        same_width(v.shape[1], g.shape[1], ("validation", "generated"))
    if pca:
        fitted = v if train is None else as_features(train, "train")
        if fitted is None:
            raise DataError("pca=True is fitted to training images: pass train= or validation=")
        name = "validation" if train is None else "train"
        same_width(fitted.shape[1], g.shape[1], (name, "generated"))
        project = principal_components(fitted, name)
        t, g, v = project(t), project(g), None if v is None else project(v)
    searched = None
    if sigma is None:
        if v is None:
            raise DataError("sigma is chosen on validation images: pass validation=, or sigma=")
        sigma, searched = likeliest_sigma(v, g, GRID if grid is None else np.sort(np.asarray(grid, float)), device)
    positive(sigma, "sigma")
    terms = log_densities(t, g, float(sigma), device)
    std_error = float(terms.std(ddof=1) / np.sqrt(len(terms))) if len(terms) > 1 else None
    return ParzenLogLikelihood(float(terms.mean()), std_error, float(sigma), t.shape[1], searched)


def log_densities(
    points: NDArray[Any], centres: NDArray[Any], sigma: float, device: str = "cpu"
) -> NDArray[np.float64]:
    """log of the mean of N(x; centre, sigma^2 I) for each point, (n,)."""
    found = log_mean_exp(points, centres, distance="half_sq", scale=sigma, device=str(device))
    if not np.isfinite(found.values).all():
        raise DataError(f"distances over sigma {sigma} overflow float64; use a larger one")
    return found.values - points.shape[1] / 2 * np.log(2 * np.pi * sigma**2)


def likeliest_sigma(
    validation: NDArray[Any], centres: NDArray[Any], grid: NDArray[np.float64], device: str = "cpu"
) -> tuple[float, dict[float, float]]:
    """The sigma that makes `validation` likeliest, and the mean log-likelihood of each one tried."""
    if grid.ndim != 1 or len(grid) < 2 or not (np.isfinite(grid).all() and (np.diff(grid) > 0).all() and grid[0] > 0):
        raise ValueError(f"grid must be at least two different numbers above 0, got {grid.tolist()}")
    found = {float(s): float(log_densities(validation, centres, float(s), device).mean()) for s in grid}
    ratio = float(grid[1] / grid[0])
    for _ in range(EXTENSIONS):
        best = max(found, key=lambda s: found[s])
        lowest, highest = min(found), max(found)
        if lowest < best < highest:
            break
        beyond = best * ratio if best == highest else best / ratio
        found[beyond] = float(log_densities(validation, centres, beyond, device).mean())
    else:
        raise DataError(f"no best sigma between {min(found):.3g} and {max(found):.3g}; pass sigma= or another grid=")
    if not grid[0] < best < grid[-1]:
        warnings.warn(
            f"the best sigma, {best:.4g}, is outside the grid {grid[0]:.3g} ... {grid[-1]:.3g} or at its end; "
            "the grid was extended",
            stacklevel=3,
        )
    return best, dict(sorted(found.items()))


def principal_components(points: NDArray[Any], name: str = "train") -> Any:
    """The projection (n, d) -> (n, c) on the fewest principal components that hold 95% of the points' variance.

    Raises:
        DataError: they have none.
    """
    from genmetrics.metrics.moments import Moments

    as_features(points, name, at_least=2)
    if (points == points[0]).all():
        raise DataError(f"{name}: all {len(points)} images are one, so PCA has no direction; pass others, or pca=False")
    moments = Moments.of(points)
    values, vectors = np.linalg.eigh(moments.covariance)
    share = np.cumsum(values[::-1]) / max(float(values.sum()), np.finfo(float).tiny)
    kept = vectors[:, ::-1][:, : int(np.searchsorted(share, VARIANCE_KEPT)) + 1]
    return lambda x: (x.astype(np.float64) - moments.mean) @ kept


def parzen_estimate(train: Any, real: Any, generated: Any, *, seed: int = 0, intervals: bool = True) -> Estimate:
    """`parzen_log_likelihood` of features, sigma chosen on up to 1,000 training images."""
    v = as_features(train, "train")
    v = evenly(v, VALIDATION) if len(v) > VALIDATION else v
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = parzen_log_likelihood(real, generated, validation=v)
    options = {"sigma": f"likeliest-of-{len(GRID)}-on-{len(v)}-train"}
    details = {"sigma": result.sigma, "dimensions": result.dimensions}
    notes = tuple(str(w.message) for w in caught)
    if not intervals or result.std_error is None:
        why = "one test image has no spread" if intervals else "intervals were switched off"
        return Estimate(result.value, interval=f"no interval: {why}", options=options, details=details, notes=notes)
    sets = as_features(real, "real"), as_features(generated, "generated")
    std_error_generated, of_reference = log_means_without_samples(*sets, scale=result.sigma, seed=seed)
    return Estimate.normal(
        result.value,
        result.std_error,
        std_error_generated=std_error_generated,
        interval="over test images, conditional on the generated set and sigma",
        options=options,
        details=details,
        notes=notes,
        of_reference=of_reference,
    )
