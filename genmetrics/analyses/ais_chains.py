"""Chains of annealed importance sampling: Hamiltonian moves along a schedule of temperatures, kept in a file."""

from __future__ import annotations

import hashlib
import io
import math
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genmetrics._checks import DataError

TARGET, GAIN = 0.65, 0.2  # acceptance aimed at; the logarithm of a step moves by GAIN (rate - TARGET)
SMALLEST, LARGEST = 1e-4, 0.5  # steps
KEEP_EVERY = 30.0  # seconds between checkpoints


@dataclass(frozen=True)
class Schedule:
    """The exponents of p(x|z), from where chains start to where they end."""

    exponents: tuple[float, ...]

    @classmethod
    def sigmoid(cls, temperatures: int, radius: float = 4.0) -> Schedule:
        """From 0 to 1, along 1 / (1 + e^-r) for r from -radius to radius, rescaled."""
        r = torch.linspace(-radius, radius, temperatures, dtype=torch.float64)
        s = torch.sigmoid(r)
        return cls(tuple(((s - s[0]) / (s[-1] - s[0])).tolist()))

    def reversed(self) -> Schedule:
        return Schedule(self.exponents[::-1])


class Chains:
    """chains x n latents, their running log weights, and the log-likelihoods and gradients where they stand.

    Each image has its own step size: posteriors of images off the model differ in width by factors of 40.
    """

    def __init__(
        self,
        decoder: Callable[[Tensor], Tensor],
        x: Tensor,
        z: Tensor,
        obs_var: float,
        seed: int,
        step_size: float | Tensor,
    ) -> None:
        self.decoder, self.x, self.z, self.obs_var = decoder, x, z, obs_var  # x (n, d), z (chains, n, latent_dim)
        self.random = torch.Generator(z.device).manual_seed(seed)
        self.log_weights = torch.zeros(z.shape[:2], dtype=torch.float64, device=z.device)
        self.step_size = torch.ones_like(z[0, :, :1]) * step_size  # (n, 1)
        self.accepted, self.at = 0.0, 0
        self.log_likelihood, self.gradient = self.of(z)

    @classmethod
    def prior(
        cls, decoder: Callable[[Tensor], Tensor], x: Tensor, latent_dim: int, obs_var: float, chains: int, seed: int
    ) -> Chains:
        """`chains` chains for each image, drawn from N(0, I), where the largest step is the right one to begin with.

        From a small one the step would have to grow first, along temperatures at which the chains hardly move.
        """
        random = torch.Generator(x.device).manual_seed(seed)
        z = torch.randn(chains, len(x), latent_dim, generator=random, device=x.device, dtype=x.dtype)
        return cls(decoder, x, z, obs_var, seed + 1, LARGEST)

    @classmethod
    def posterior(
        cls,
        decoder: Callable[[Tensor], Tensor],
        x: Tensor,
        z: Tensor,
        obs_var: float,
        seed: int,
        step_size: float | Tensor,
    ) -> Chains:
        """One chain for each image, at the latent that made it; `step_size` (n, 1) best what others arrive with."""
        return cls(decoder, x, z[None].clone(), obs_var, seed, step_size)

    def of(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """log N(x; G(z), obs_var I), (chains, n) float64, and its gradient in z."""
        z = z.detach().requires_grad_()
        made = self.decoder(z.flatten(0, 1)).flatten(1).view(*z.shape[:2], -1)
        square = (made - self.x).square().sum(dim=2)
        (gradient,) = torch.autograd.grad(square.sum(), z)
        constant = self.x.shape[1] / 2 * math.log(2 * math.pi * self.obs_var)
        return -square.detach().double() / (2 * self.obs_var) - constant, -gradient / (2 * self.obs_var)

    def move(self, exponent: float, leapfrog: int) -> None:
        """One Hamiltonian trajectory under z -> p(z) p(x|z)^exponent, and a change of the step sizes towards TARGET."""
        momentum = torch.randn(self.z.shape, generator=self.random, device=self.z.device, dtype=self.z.dtype)
        z, log_likelihood, gradient = self.z, self.log_likelihood, self.gradient
        start = self.energy(z, momentum, log_likelihood, exponent)
        for _ in range(leapfrog):
            momentum = momentum + self.step_size / 2 * (exponent * gradient - z)
            z = z + self.step_size * momentum
            log_likelihood, gradient = self.of(z)
            momentum = momentum + self.step_size / 2 * (exponent * gradient - z)
        gain = start - self.energy(z, momentum, log_likelihood, exponent)
        dice = torch.rand(gain.shape, generator=self.random, device=gain.device, dtype=torch.float64)
        accept = dice.log() < gain  # never where the energy is NaN
        self.z = torch.where(accept[..., None], z, self.z)
        self.gradient = torch.where(accept[..., None], gradient, self.gradient)
        self.log_likelihood = torch.where(accept, log_likelihood, self.log_likelihood)
        rate = accept.to(z.dtype).mean(dim=0)[:, None]
        self.accepted += float(rate.mean())
        self.step_size = (self.step_size * torch.exp(GAIN * (rate - TARGET))).clamp(SMALLEST, LARGEST)

    @staticmethod
    def energy(z: Tensor, momentum: Tensor, log_likelihood: Tensor, exponent: float) -> Tensor:
        """(chains, n) float64, without constants."""
        return (z.double().square() + momentum.double().square()).sum(dim=2) / 2 - exponent * log_likelihood

    @property
    def acceptance(self) -> float:
        """Mean over the moves so far."""
        return self.accepted / max(1, self.at)

    def state(self) -> dict[str, Any]:
        names = ("z", "log_weights", "step_size", "accepted", "at", "log_likelihood", "gradient")
        return {name: getattr(self, name) for name in names} | {"random": self.random.get_state()}

    def restore(self, state: dict[str, Any]) -> None:
        self.random.set_state(state.pop("random").cpu())
        for name, value in state.items():
            setattr(self, name, value)


def run(
    chains: Chains,
    schedule: Schedule,
    leapfrog: int,
    checkpoint: str | Path | None,
    progress: Callable[[Iterable[Any], str, int], Iterable[Any]],
    label: str,
) -> Chains:
    """Anneal along the schedule, adding (step of the exponent) times the log-likelihood to the log weights.

    Upwards the weight is taken before the move, downwards after it, so that the one is the other in reverse.

    Raises:
        DataError: the decoder gives NaN, or the checkpoint is another run's.
    """
    upwards = schedule.exponents[0] < schedule.exponents[-1]
    steps = list(zip(schedule.exponents[:-1], schedule.exponents[1:], strict=True))
    file = None if checkpoint is None else Kept(Path(checkpoint), chains, schedule, leapfrog)
    for step, (now, following) in enumerate(progress(steps, label, len(steps))):
        if step < chains.at:  # done before the run was taken up again
            continue
        if upwards:
            chains.log_weights += (following - now) * chains.log_likelihood
            chains.move(following, leapfrog)
        else:
            chains.move(now, leapfrog)
            chains.log_weights += (following - now) * chains.log_likelihood
        chains.at = step + 1
        if file is not None:
            file.keep(last=chains.at == len(steps))
    if not torch.isfinite(chains.log_weights).all():
        raise DataError("the log-likelihood became NaN or inf; does the decoder give finite images for all latents?")
    return chains


def can_be_kept(path: Path) -> None:
    """A checkpoint can be written; found out before any long work.

    Raises:
        DataError: there is no such folder, or nothing can be written there.
    """
    folder = path.absolute().parent
    if not folder.is_dir():
        raise DataError(f"checkpoint {path}: there is no folder {folder}; make it first")
    if path.is_dir():
        raise DataError(f"checkpoint {path} is a folder; name a file")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise DataError(f"checkpoint {path} cannot be written: {error.strerror or error}; choose another") from None


class Kept:
    """A run's file: read at the start, written every KEEP_EVERY seconds and at the end."""

    def __init__(self, path: Path, chains: Chains, schedule: Schedule, leapfrog: int) -> None:
        self.path, self.chains, self.written = path, chains, time.monotonic()
        self.identity = identity(chains, schedule, leapfrog)
        if not path.exists():
            return
        try:
            state = torch.load(path, map_location=chains.z.device, weights_only=True)
            same = state.pop("identity") == self.identity
        except Exception as error:
            raise DataError(
                f"{path} is no checkpoint of this program ({type(error).__name__}); choose another file"
            ) from None
        if not same:
            raise DataError(f"{path} is the checkpoint of another run (decoder, images or settings differ); remove it")
        chains.restore(state)

    def keep(self, *, last: bool) -> None:
        if not last and time.monotonic() - self.written < KEEP_EVERY:
            return
        buffer = io.BytesIO()
        torch.save({**self.chains.state(), "identity": self.identity}, buffer)
        part = self.path.with_name(self.path.name + ".part")
        part.write_bytes(buffer.getvalue())
        os.replace(part, self.path)
        self.written = time.monotonic()


def identity(chains: Chains, schedule: Schedule, leapfrog: int) -> str:
    """A digest of all that a run depends on: images, starting latents and where the decoder takes them, settings."""
    digest = hashlib.sha256(repr((schedule.exponents, leapfrog, chains.obs_var, GAIN)).encode())
    for part in (chains.x, chains.z, chains.log_likelihood, chains.step_size):
        digest.update(part.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
