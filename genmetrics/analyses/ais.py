"""Annealed importance sampling of a decoder's log-likelihood, forward and in reverse (BDMC).

The model is p(z) = N(0, I), p(x|z) = N(x; G(z), obs_var I). Chains go from the prior to the posterior through
p(z) p(x|z)^b, b along a sigmoid, one Hamiltonian trajectory at each. All chains of all images move in one batch.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genmetrics._checks import DataError, count, pick_device, positive, to_numpy
from genmetrics.analyses.ais_chains import Chains, Schedule, can_be_kept, run

TEMPERATURES, CHAINS = 1000, 16
FEW, FEW_SHARE = 2.0, 0.1  # effective chains, absolute and of all: with fewer, for the median image, a bound is noted
OBS_VARS = (0.05, 0.025, 0.01)  # the thesis's figure 3.5

Decoder = Callable[[Tensor], Tensor]
Progress = Callable[[Iterable[Any], str, int], Iterable[Any]]


def silent(items: Iterable[Any], label: str, total: int) -> Iterable[Any]:
    """No progress shown."""
    return items


@dataclass(frozen=True, eq=False)
class AisLogLikelihood:
    """Mean over images of a stochastic lower bound on log p(x), in nats; its standard error is over the images."""

    value: float
    std_error: float | None
    per_image: NDArray[np.float64]  # (n,)
    effective_chains: NDArray[np.float64]  # (n,) of the chains: near 1, one chain outweighs the others
    acceptance: float  # of the Hamiltonian trajectories, averaged over the run
    step_size: float  # at the end, geometric mean over images, whose steps are their own
    obs_var: float
    notes: tuple[str, ...] = ()  # that few chains carry the weight; none does not show that they have converged


@dataclass(frozen=True, eq=False)
class Bdmc:
    """Bounds on the mean log p(x) of images simulated from the model; they hold in expectation."""

    lower: float
    upper: float
    lower_std_error: float | None
    upper_std_error: float | None
    per_image_lower: NDArray[np.float64]  # (n,)
    per_image_upper: NDArray[np.float64]  # (n,)
    images: NDArray[Any]  # (n, d), simulated

    @property
    def gap(self) -> float:
        """upper - lower: how far from converged the forward estimate may be."""
        return self.upper - self.lower


def ais_log_likelihood(
    decoder: Decoder,
    images: Any,
    latent_dim: int,
    obs_var: float,
    temperatures: int = TEMPERATURES,
    chains: int = CHAINS,
    seed: int = 0,
    *,
    leapfrog: int = 10,
    device: str = "auto",
    checkpoint: str | Path | None = None,
    progress: Progress = silent,
) -> AisLogLikelihood:
    """log p(x) of each image by annealed importance sampling, averaged over chains inside the logarithm.

    Args:
        decoder: G, a function or module from latents (b, latent_dim) to images (b, ...); differentiable, and row by
            row: no batch statistics (`.eval()`).
        images: (n, ...) floats in the decoder's range; by custom dequantised, (x + u) / 256 with u uniform in [0, 1).
        latent_dim: of z.
        obs_var: the VARIANCE of the observation noise (what Wu et al.'s code calls sigma).
        temperatures: distributions from prior to posterior; the bound tightens as they grow.
        chains: for each image.
        seed: fixes every random choice (on one device).
        leapfrog: steps of a trajectory; their size adapts to 65% acceptance, image by image.
        device: "auto", "cpu", "cuda", ...
        checkpoint: a file the run is kept in every half minute, and goes on from.
        progress: called as progress(items, label, total); yields the items.

    Returns:
        `.value` in nats (a density: it may have either sign), higher is better; `.per_image` (n, ).

    Warns:
        UserWarning: fewer than 2 chains, or a tenth of them, carry the weight of the median image; also in `.notes`.

    Raises:
        DataError: the decoder fails or its output does not fit the images, NaN or inf, a device that is not here, a
            checkpoint of another run or that cannot be written.
    Source: Neal (2001); Wu, Burda, Salakhutdinov & Grosse (2017), arXiv:1611.04273, section 3 and its code.
    Differs: trajectories begin with the step that suits the prior, not with a small one that grows on the way; each
        image has its own, which moves by up to 12% a temperature, where one for all images moves by 2%.
    """
    check(latent_dim, obs_var, temperatures, chains)
    place = torch.device(pick_device(device))
    if checkpoint is not None:
        can_be_kept(Path(checkpoint))
    x = as_images(images, decoder, latent_dim, place)
    setup = Chains.prior(decoder, x, latent_dim, obs_var, chains, seed)
    done = run(setup, Schedule.sigmoid(temperatures), leapfrog, checkpoint, progress, "AIS")
    weights = done.log_weights.cpu().numpy()  # (chains, n)
    per_image = log_mean_exp(weights)
    effective = np.exp(2 * log_sum_exp(weights) - log_sum_exp(2 * weights))
    notes = loose(effective, chains)
    for note in notes:
        warnings.warn(note, stacklevel=2)
    return AisLogLikelihood(
        value=float(per_image.mean()),
        std_error=std_error(per_image),
        per_image=per_image,
        effective_chains=effective,
        acceptance=done.acceptance,
        step_size=float(done.step_size.log().mean().exp()),
        obs_var=obs_var,
        notes=notes,
    )


def loose(effective: NDArray[np.float64], chains: int) -> tuple[str, ...]:
    """A note where too few chains carry the weight of the median image."""
    median = float(np.median(effective))
    if median >= max(FEW, FEW_SHARE * chains):
        return ()
    return (
        f"about {median:.1f} of {count(chains, 'chain')} carry the weight (effective chains, median over "
        f"{count(len(effective), 'image')}): the bound is loose by an unknown amount; take more temperatures",
    )


def ais_bdmc(
    decoder: Decoder,
    latent_dim: int,
    obs_var: float,
    n: int = 100,
    temperatures: int = TEMPERATURES,
    chains: int = CHAINS,
    seed: int = 0,
    *,
    leapfrog: int = 10,
    device: str = "auto",
    progress: Progress = silent,
) -> Bdmc:
    """Forward and reverse AIS on n images drawn from the model: bounds on their mean log p(x) from both sides.

    The reverse chain starts at the latent that made the image, an exact posterior sample, and anneals to the prior.

    Args:
        decoder, latent_dim, obs_var, temperatures, seed, leapfrog, device, progress: as in `ais_log_likelihood`.
        n: images simulated.
        chains: of the forward run; the reverse run has one.

    Returns:
        `.lower`, `.upper` and `.gap`, in nats; the bounds are stochastic, and hold in expectation.

    Raises:
        DataError: as `ais_log_likelihood`.
    Source: Grosse, Ancha & Roy (2016), arXiv:1606.02275; Wu et al. (2017), arXiv:1611.04273, section 3.2.
    """
    check(latent_dim, obs_var, temperatures, chains)
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    place = torch.device(pick_device(device))
    random = torch.Generator(place).manual_seed(seed)
    kind = dtype_of(decoder)
    tried(decoder, latent_dim, place, kind)
    z = torch.randn(n, latent_dim, generator=random, device=place, dtype=kind)
    with torch.no_grad():
        clean = decoder(z).flatten(1)
    x = clean + math.sqrt(obs_var) * torch.randn(clean.shape, generator=random, device=place, dtype=clean.dtype)
    schedule = Schedule.sigmoid(temperatures)
    forward = Chains.prior(decoder, x, latent_dim, obs_var, chains, seed + 1)
    lower = log_mean_exp(run(forward, schedule, leapfrog, None, progress, "AIS").log_weights.cpu().numpy())
    backward = Chains.posterior(decoder, x, z, obs_var, seed + 2, forward.step_size)
    reverse = run(backward, schedule.reversed(), leapfrog, None, progress, "reverse AIS").log_weights.cpu().numpy()
    upper = -log_mean_exp(reverse)
    return Bdmc(
        lower=float(lower.mean()),
        upper=float(upper.mean()),
        lower_std_error=std_error(lower),
        upper_std_error=std_error(upper),
        per_image_lower=lower,
        per_image_upper=upper,
        images=x.cpu().numpy(),
    )


def ais_sweep(
    decoder: Decoder, images: Any, latent_dim: int, obs_vars: Sequence[float] = OBS_VARS, **options: Any
) -> dict[float, AisLogLikelihood]:
    """`ais_log_likelihood` at each observation variance: the thesis's figure 3.5."""
    return {variance: ais_log_likelihood(decoder, images, latent_dim, variance, **options) for variance in obs_vars}


def check(latent_dim: int, obs_var: float, temperatures: int, chains: int) -> None:
    """The settings make sense."""
    positive(obs_var, "obs_var")
    for name, value, least in (("latent_dim", latent_dim, 1), ("temperatures", temperatures, 2), ("chains", chains, 1)):
        if value < least:
            raise ValueError(f"{name} must be at least {least}, got {value}")


def dtype_of(decoder: Decoder) -> torch.dtype:
    """That of the decoder's parameters; float32 for a function."""
    parameters = decoder.parameters() if isinstance(decoder, torch.nn.Module) else iter(())
    return next((p.dtype for p in parameters if p.is_floating_point()), torch.get_default_dtype())


def as_images(images: Any, decoder: Decoder, latent_dim: int, device: torch.device) -> Tensor:
    """The images as rows, (n, d), of the decoder's type; its output fits them.

    Raises:
        DataError: they hold NaN or inf or are integers, or the decoder gives something else.
    """
    array = to_numpy(images)
    if array.dtype.kind != "f":
        raise DataError(f"images are {array.dtype}; pass floats in the decoder's range, e.g. (x + uniform) / 256")
    if len(array) == 0:
        raise DataError("0 images")
    x = torch.as_tensor(np.ascontiguousarray(array)).to(device, dtype_of(decoder)).flatten(1)
    bad = ~torch.isfinite(x).all(dim=1)
    if bad.any():
        raise DataError(
            f"images: {int(bad.sum())} of {len(x)} hold NaN or inf, first is number {int(bad.int().argmax())}"
        )
    made = tried(decoder, latent_dim, device, x.dtype)
    if made[0].numel() != x.shape[1]:
        raise DataError(
            f"the decoder makes {tuple(made.shape)} of 2 latents of width {latent_dim}, but {count(len(x), 'image')} "
            f"of {x.shape[1]} numbers were given; is it the decoder of these images?"
        )
    return x


def tried(decoder: Decoder, latent_dim: int, device: torch.device, kind: torch.dtype) -> Tensor:
    """What the decoder makes of two latents.

    Raises:
        DataError: it fails, or gives no two images, or none that are finite or have a gradient.
    """
    z = torch.randn(2, latent_dim, generator=torch.Generator().manual_seed(0), dtype=kind).to(device).requires_grad_()
    try:
        made = decoder(z)
    except Exception as error:
        said = str(error).split("\n")[0]
        raise DataError(
            f"the decoder fails on latents of width {latent_dim} ({type(error).__name__}: {said}); is that its width?"
        ) from error
    if not isinstance(made, Tensor) or made.ndim < 2 or len(made) != 2:
        what = tuple(made.shape) if isinstance(made, Tensor) else type(made).__name__
        raise DataError(f"the decoder makes {what} of 2 latents of width {latent_dim}; 2 images, a tensor, are needed")
    if not torch.isfinite(made).all():
        raise DataError("the decoder gives NaN or inf")
    if not made.requires_grad or torch.autograd.grad(made.sum(), z, allow_unused=True)[0] is None:
        raise DataError("the decoder gives no gradient in its latents; is there a no_grad or NumPy inside?")
    return made.detach()


def log_sum_exp(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Over the first axis."""
    most = weights.max(axis=0)
    return most + np.log(np.exp(weights - most).sum(axis=0))


def log_mean_exp(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    return log_sum_exp(weights) - math.log(len(weights))


def std_error(per_image: NDArray[np.float64]) -> float | None:
    return float(per_image.std(ddof=1) / math.sqrt(len(per_image))) if len(per_image) > 1 else None
