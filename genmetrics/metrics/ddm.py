"""Distribution Divergence Measure: how well generated images cover real test images, in an embedding.

Equation 3.4 of the thesis that proposed it: the variational approximation of the KL divergence between two
mixtures with one isotropic Gaussian on each embedded image (Goldberger et al. 2003; Hershey & Olsen 2007),
without its numerator, which does not depend on the generated images. `mixtures.py` has the divergence with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genmetrics._checks import DataError, as_features, one_of, positive, same_width
from genmetrics.kernels.geometry import DISTANCES, EPS, Bracket
from genmetrics.kernels.pairwise import log_mean_exp
from genmetrics.metrics.jackknife import log_means_without_samples
from genmetrics.metrics.scales import likeliest_scale
from genmetrics.records import Estimate

BACKENDS = ("exact", "faiss", "clustered")
PILOT = 64  # test images that tell how wide the interval may be

Progress = Callable[[Iterable[Any], str, int], Iterable[Any]]


def silent(items: Iterable[Any], label: str, total: int) -> Iterable[Any]:
    """No progress shown."""
    return items


@dataclass(frozen=True)
class Ddm:
    """A DDM value in nats, with certified bounds and its error over `test`."""

    value: float
    lower: float
    upper: float
    std_error: float | None  # over test images, the generated ones held fixed
    scale: float  # h
    certified: bool = True  # False: `lower` and `upper` rest on an approximate index
    details: dict[str, float] = field(default_factory=dict)  # of the backend: share refined, ...
    baseline: Ddm | None = None  # of as many training images in the generated ones' place

    @property
    def excess(self) -> float | None:
        """What it exceeds the baseline by: the thesis's black line is at 0."""
        return None if self.baseline is None else self.value - self.baseline.value

    @property
    def ratio(self) -> float | None:
        """The value over the baseline."""
        return None if self.baseline is None or self.baseline.value == 0 else self.value / self.baseline.value


def ddm(
    test: Any,
    generated: Any,
    distance: str = "half_sq",
    scale: float | str = 1.0,
    backend: str = "exact",
    tol: float = 1e-4,
    *,
    train: Any = None,
    thesis_sign: bool = False,
    index: str = "flat",
    seed: int = 0,
    device: str = "cpu",
    progress: Progress = silent,
) -> Ddm:
    """DDM(T, G) = -mean over t of log( mean over g of e^-D(t, g) ).

    Args:
        test: (n, d) embedded real test images.
        generated: (m, d) embedded generated images. DDM falls as m grows: compare equal m only.
        distance: D. "half_sq": |t-g|^2 / (2 h^2), the KL divergence between two Gaussians of covariance h^2 I,
            the only choice under which the approximation is that of the mixtures; "sq": |t-g|^2 / h^2;
            "l2": |t-g| / h (it saturates: it separates mode counts poorly).
        scale: h, in the embedding's units; "auto": the h at which the mixture on `train` makes `test` likeliest.
        backend: all three certify `lower` <= exact value <= `upper`; no n x m array is ever held.
            "exact": every pair, streamed. "faiss": the nearest generated images of each test image, the others bounded;
            for scales small against the spread. "clustered": generated images replaced by weighted centroids, and
            computed exactly where their bounds are too wide; for large sets in clusters.
        tol: how wide the certified interval may be, relative to the value (or to 1, if that is more); "exact" is
            far below any sensible one.
        train: (k, d) embedded training images: for "auto", and for the baseline, DDM of as many of them as there are
            generated images, drawn by `seed` (all of them if there are fewer).
        thesis_sign: -mean log mean e^+D instead: negative and falling with spread, as the thesis's figures are. Only
            the shape and order of its curves are to be compared with it; it is no divergence.
        index: of "faiss": "flat", or "ivf", which is faster and not certified.
        seed: of the baseline's training images and of k-means.
        device: of "exact": "cpu", a CUDA device ("cuda", "cuda:1"), where float64 differences are summed by one fused
            kernel (Triton), or "auto" of the two. The scale "auto" is searched for on the CPU.
        progress: called as progress(items, label, total); yields the items.

    Returns:
        Nats, >= 0; lower is better; 0 only if every generated image lies on the one test image.

    Raises:
        DataError: empty sets, different widths, NaN or inf, distances that overflow, "auto" without `train`, no such
            device.
        ValueError: `scale` or `tol` is no finite number above 0.
    Source: S. Basart, "Analysis of Generative Adversarial Models", University of Chicago (2017), eq. 3.4;
        Hershey & Olsen (2007), section 7.
    Differs: the thesis prints negative values (-163 ... -289), which equation 3.4 cannot give for any D >= 0; a
        flipped sign on a squared distance fits its figure best. Only the order of models is comparable with it.
    """
    one_of(backend, "backend", BACKENDS)
    one_of(distance, "distance", DISTANCES)
    one_of(index, "index", ("flat", "ivf"))
    positive(tol, "tol")
    device = str(device)
    if device != "cpu" and (backend != "exact" or thesis_sign):
        raise ValueError(f'device="{device}" is of backend="exact" without thesis_sign only; the rest runs on the CPU')
    t, g = as_features(test, "test"), as_features(generated, "generated")
    same_width(t.shape[1], g.shape[1], ("test", "generated"))
    r = None if train is None else as_features(train, "train")
    if r is not None:
        same_width(r.shape[1], g.shape[1], ("train", "generated"))
    h = scale_of(scale, t, r, distance)

    def against(samples: NDArray[Any]) -> Ddm:
        if thesis_sign:
            return flipped(t, samples, distance, h)
        return summarised(bracketed(t, samples, distance, h, backend, tol, index, seed, progress, device), h, tol)

    result = against(g)
    return result if r is None else replace(result, baseline=against(subset(r, len(g), seed)))


def scale_of(scale: float | str, test: NDArray[Any], train: NDArray[Any] | None, distance: str) -> float:
    """h as a number.

    Raises:
        DataError: "auto" without training images.
        ValueError: neither "auto" nor a finite number above 0.
    """
    if isinstance(scale, str):
        one_of(scale, "scale", ("auto",))
        if train is None:
            raise DataError('scale="auto" makes test images likeliest under the training set: pass train=')
        return likeliest_scale(test, train, distance)
    positive(scale, "scale")
    return float(scale)


def subset(train: NDArray[Any], n: int, seed: int) -> NDArray[Any]:
    """`n` training images drawn without replacement (all, if there are no more)."""
    if n >= len(train):
        return train
    return train[np.sort(np.random.default_rng(seed).choice(len(train), n, replace=False))]


def bracketed(
    test: NDArray[Any],
    generated: NDArray[Any],
    distance: str,
    scale: float,
    backend: str,
    tol: float,
    index: str,
    seed: int,
    progress: Progress,
    device: str = "cpu",
) -> Bracket:
    """Bounds on each test image's log mean e^-D, narrow enough for `tol` where rounding permits."""
    if backend == "exact":
        exact = log_mean_exp(test, generated, distance=distance, scale=scale, device=device, progress=progress)
        return Bracket(exact.values - exact.error, exact.values + exact.error)
    few = test[np.linspace(0, len(test) - 1, min(len(test), PILOT)).astype(np.intp)]
    size = abs(float(log_mean_exp(few, generated, distance=distance, scale=scale).values.mean()))
    if not np.isfinite(size):
        raise overflow(scale)
    found = None
    for caution in (0.9, 0.5, 0.1):  # the pilot may overrate the value, and so the width allowed
        width = caution * tol * max(1.0, size)
        found = by_backend(test, generated, distance, scale, backend, width, index, seed)
        if found.narrow_enough(tol):
            break
        size = abs(float(found.upper.mean()))
    assert found is not None
    return found


def by_backend(
    test: NDArray[Any],
    generated: NDArray[Any],
    distance: str,
    scale: float,
    backend: str,
    width: float,
    index: str,
    seed: int,
) -> Bracket:
    """One pass of "faiss" or "clustered"."""
    if backend == "faiss":
        from genmetrics.kernels.topk import top_k_log_mean_exp

        return top_k_log_mean_exp(test, generated, distance=distance, scale=scale, width=width, index=index)
    from genmetrics.kernels.clustered import clustered_log_mean_exp

    return clustered_log_mean_exp(test, generated, distance=distance, scale=scale, width=width, seed=seed)


def summarised(found: Bracket, scale: float, tol: float) -> Ddm:
    """The mean over test images, its bounds, and its standard error."""
    if not (np.isfinite(found.lower).all() and np.isfinite(found.upper).all()):
        raise overflow(scale)
    lower, upper = -float(found.upper.mean()), -float(found.lower.mean())
    slack = 4 * EPS * (abs(lower) + abs(upper))  # of the means
    terms = (found.lower + found.upper) / 2
    value = max(0.0, -float(terms.mean()))
    if not found.narrow_enough(tol):
        raise DataError(f"float64 certifies no more than +-{(upper - lower) / 2:.1e} here, but tol is {tol:g}")
    return Ddm(
        value=value,
        lower=lower - slack,
        upper=upper + slack,
        std_error=std_error_of_mean(terms),
        scale=scale,
        certified=found.certified,
        details=found.details,
    )


def flipped(test: NDArray[Any], generated: NDArray[Any], distance: str, scale: float) -> Ddm:
    """-mean log mean e^+D, to the rounding of float64: no certificate."""
    from genmetrics.kernels.flipped import log_mean_exp_of_distances

    terms = -log_mean_exp_of_distances(test, generated, distance=distance, scale=scale)
    value = float(terms.mean())
    if not np.isfinite(value):
        raise overflow(scale)
    return Ddm(value, value, value, std_error_of_mean(terms), scale, certified=False)


def overflow(scale: float) -> DataError:
    return DataError(f"distances over scale {scale} overflow float64; use a larger scale")


def std_error_of_mean(terms: NDArray[np.float64]) -> float | None:
    """Of the mean of independent terms; None for a single one."""
    return float(terms.std(ddof=1) / np.sqrt(len(terms))) if len(terms) > 1 else None


def ddm_relative(
    train: Any,
    test: Any,
    generated: Any,
    distance: str = "half_sq",
    scale: float | str = 1.0,
    backend: str = "exact",
    tol: float = 1e-4,
) -> Ddm:
    """DDM(R, G) - DDM(R, T): how much farther training images lie from the generated ones than from the test images.

    Args:
        train: (n, d) embedded training images, R.
        test: (k, d) embedded test images, T.
        generated: (m, d) embedded generated images. Compare equal m only; m = k is 0 on average for perfect samples.
        distance, backend, tol: as in `ddm`. Each of the two is bracketed to half of `tol`.
        scale: as in `ddm`; "auto": the h at which the mixture on `train` makes `test` likeliest.

    Returns:
        Nats; about 0 for samples from the data's distribution, lower is better; below 0 where samples lie nearer to
        the training images than test images do: look for copies. The standard error is of the paired differences.

    Raises:
        DataError: as `ddm`.
    Source: Basart (2017), eq. 3.5; the thesis's figures 3.4 and 3.6 ("Relative Divergence") fit it best.
    """
    one_of(backend, "backend", BACKENDS)
    one_of(distance, "distance", DISTANCES)
    r, t, g = as_features(train, "train"), as_features(test, "test"), as_features(generated, "generated")
    same_width(r.shape[1], t.shape[1], ("train", "test"))
    same_width(t.shape[1], g.shape[1], ("test", "generated"))
    h = scale_of(scale, t, r, distance)
    to_generated, to_test = (
        bracketed(r, samples, distance, h, backend, tol / 2, "flat", 0, silent) for samples in (g, t)
    )
    far, near = summarised(to_generated, h, tol / 2), summarised(to_test, h, tol / 2)
    terms = (to_test.lower + to_test.upper - to_generated.lower - to_generated.upper) / 2
    return Ddm(
        value=float(terms.mean()),
        lower=far.lower - near.upper,
        upper=far.upper - near.lower,
        std_error=std_error_of_mean(terms),
        scale=h,
        details={"ddm_train_generated": far.value, "ddm_train_test": near.value},
    )


def ddm_sum(
    train: Any,
    test: Any,
    generated: Any,
    distance: str = "half_sq",
    scale: float | str = 1.0,
    backend: str = "exact",
    tol: float = 1e-4,
) -> Ddm:
    """DDM(T, G) + DDM(R, G) - DDM(R, T): equation 3.4 plus equation 3.5.

    Args:
        train, test, generated: (n, d), (k, d), (m, d), embedded.
        distance, scale, backend: as in `ddm_relative`.
        tol: how wide the certified interval of the sum may be, relative to it (or to 1, if that is more).

    Returns:
        Nats; lower is better.

    Raises:
        DataError: as `ddm`.
    Source: Basart (2017), section 3.3.
    """
    positive(tol, "tol")
    part = tol / 3
    while True:  # until float64 certifies no more, which is an error of theirs
        relative = ddm_relative(train, test, generated, distance, scale, backend, 2 * part)
        scale = relative.scale
        plain = ddm(test, generated, distance, scale, backend, part)
        allowed = tol * max(1.0, abs(plain.value + relative.value))
        width = plain.upper - plain.lower + relative.upper - relative.lower
        if width <= allowed:
            break
        part *= 0.5 * allowed / width  # the parts are larger than their sum
    errors = [error for error in (relative.std_error, plain.std_error) if error is not None]
    return Ddm(
        value=plain.value + relative.value,
        lower=plain.lower + relative.lower,
        upper=plain.upper + relative.upper,
        std_error=float(np.linalg.norm(errors)) if len(errors) == 2 else None,
        scale=relative.scale,
        details={"ddm": plain.value, "ddm_relative": relative.value},
    )


def ddm_estimate(real: Any, generated: Any, *, seed: int = 0, intervals: bool = True) -> Estimate:
    """`ddm` with the interval over test images (its terms are a mean over them)."""
    return estimate_of(ddm(real, generated), real, generated, seed, "test image", (0.0, np.inf), intervals)


def ddm_relative_estimate(train: Any, real: Any, generated: Any, *, seed: int = 0, intervals: bool = True) -> Estimate:
    """`ddm_relative` with the interval over training images, the two other sets held fixed."""
    result = ddm_relative(train, real, generated)
    return estimate_of(result, train, generated, seed, "training image", (-np.inf, np.inf), intervals)


def estimate_of(
    result: Ddm, queries: Any, generated: Any, seed: int, over: str, bounds: tuple[float, float], intervals: bool
) -> Estimate:
    """The result with its interval, and what `compare` needs: how its -mean log mean e^-D over `queries` varies."""
    options = {"distance": "half_sq", "scale": 1}
    details = {"lower": result.lower, "upper": result.upper, **result.details}
    if not intervals or result.std_error is None:
        why = f"one {over} has no spread" if intervals else "intervals were switched off"
        return Estimate(result.value, interval=f"no interval: {why}", options=options, details=details)
    sets = as_features(queries, over), as_features(generated, "generated")
    std_error_generated, log_means = log_means_without_samples(*sets, scale=1.0, seed=seed)
    return Estimate.normal(
        result.value,
        result.std_error,
        bounds=bounds,
        std_error_generated=std_error_generated,
        interval=f"over {over}s, conditional on the generated set",
        options=options,
        details=details,
        of_reference=None if log_means is None else -log_means,
    )
