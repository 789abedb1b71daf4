"""Distribution Divergence Measure: how well generated images cover real test images, in an embedding.

Equation 3.4 of the thesis that proposed it: the variational approximation of the KL divergence between two
mixtures with one isotropic Gaussian on each embedded image (Goldberger et al. 2003; Hershey & Olsen 2007),
without its numerator, which does not depend on the generated images.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from genmetrics._checks import DataError, as_features, one_of, positive, same_width
from genmetrics.kernels.pairwise import DISTANCES, log_mean_exp
from genmetrics.records import Estimate

BACKENDS = ("exact",)


@dataclass(frozen=True)
class Ddm:
    """A DDM value in nats, with certified bounds (for the exact backend: of rounding) and its error over `test`."""

    value: float
    lower: float
    upper: float
    std_error: float | None


def ddm(
    test: Any,
    generated: Any,
    distance: str = "half_sq",
    scale: float = 1.0,
    backend: str = "exact",
    tol: float = 1e-4,
) -> Ddm:
    """DDM(T, G) = -mean over t of log( mean over g of e^-D(t, g) ).

    Args:
        test: (n, d) embedded real test images.
        generated: (m, d) embedded generated images. DDM falls as m grows: compare equal m only.
        distance: D. "half_sq": |t-g|^2 / (2 h^2), the KL divergence between two Gaussians of covariance h^2 I,
            the only choice under which the approximation is that of the mixtures; "sq": |t-g|^2 / h^2;
            "l2": |t-g| / h (it saturates: it separates mode counts poorly).
        scale: h, in the embedding's units.
        backend: "exact": every pair, streamed; no n x m array is ever held.
        tol: how wide the certified interval may be, relative to the value (or to 1, if that is more); "exact" is
            far below any sensible one.

    Returns:
        Nats, >= 0; lower is better; 0 only if every generated image lies on the one test image.

    Raises:
        DataError: empty sets, different widths, NaN or inf, distances that overflow.
    Source: S. Basart, "Analysis of Generative Adversarial Models", University of Chicago (2017), eq. 3.4;
        Hershey & Olsen (2007), section 7.
    Differs: the thesis prints negative values (-163 ... -289), which equation 3.4 cannot give for any D >= 0; a
        flipped sign on a squared distance fits its figure best. Only the order of models is comparable with it.
    """
    one_of(backend, "backend", BACKENDS)
    one_of(distance, "distance", DISTANCES)
    positive(scale, "scale")
    t, g = as_features(test, "test"), as_features(generated, "generated")
    same_width(t.shape[1], g.shape[1], ("test", "generated"))
    terms = log_mean_exp(t, g, distance=distance, scale=scale)
    if not np.isfinite(terms.values).all():
        raise DataError(f"distances over scale {scale} overflow float64; use a larger scale")
    value, rounding = abs(float(terms.values.mean())), float(terms.error.mean())
    if 2 * rounding > tol * max(1.0, value):
        raise DataError(f"float64 certifies no more than +-{rounding:.1e} here, but tol is {tol:g}")
    std_error = float(terms.values.std(ddof=1) / np.sqrt(len(t))) if len(t) > 1 else None
    return Ddm(value, value - rounding, value + rounding, std_error)


def ddm_estimate(real: Any, generated: Any, *, seed: int = 0, intervals: bool = True) -> Estimate:
    """`ddm` with the interval over test images (its terms are a mean over them).

    No standard error over the generated images is offered: where single samples dominate a test image's sum, as they
    do when h is small against the spread of the embedding, influence functions are far too small.
    """
    result = ddm(real, generated)
    options = {"distance": "half_sq", "scale": 1}
    details = {"lower": result.lower, "upper": result.upper}
    if not intervals or result.std_error is None:
        why = "one test image has no spread" if intervals else "intervals were switched off"
        return Estimate(result.value, interval=f"no interval: {why}", options=options, details=details)
    return Estimate.normal(
        result.value,
        result.std_error,
        bounds=(0.0, np.inf),
        interval="over test images, conditional on the generated set",
        options=options,
        details=details,
    )
