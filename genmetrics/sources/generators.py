"""A generator as a source of images: called batch after batch, seeded, until there are n."""

from __future__ import annotations

import importlib
import os
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from genmetrics._checks import DataError, to_numpy

BATCH = 64  # images asked for at a time: always as many, so that a batch norm sees no short batch


@dataclass(frozen=True)
class Generator:
    """n images from `function`, which is called as

    - `function(64)`, if there are no latents: it returns 64 images;
    - `function(z)` with latents z ~ N(0, 1), a float32 tensor (64, latent_dim);
    - `function(z, y)`, if there are classes: y is an int64 tensor (64,), 0, 1, ..., classes - 1, 0, 1, ... in turn,
      which are also the labels of the images.

    Images are an array or tensor (64, h, w), (64, h, w, c) or (64, c, h, w), uint8 or floats of the declared range.
    A torch module gets its input on its own device, in evaluation mode, and no gradients are kept. torch, NumPy and
    `random` are seeded, and get their own state back.
    """

    function: Callable[..., Any]
    n: int
    latent_dim: int | None = None
    classes: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for value, what, least in ((self.n, "n", 1), (self.latent_dim, "latent_dim", 1), (self.classes, "classes", 1)):
            if value is not None and (not isinstance(value, int) or value < least):
                raise DataError(f"generator: {what} should be a whole number from {least}, got {value!r}")
        if self.classes is not None and self.latent_dim is None:
            raise DataError("generator: one with classes is called with latents; give their width, --latent-dim")
        if not callable(self.function):
            raise DataError(f"generator: a {type(self.function).__name__} cannot be called")

    def __iter__(self) -> Iterator[Any]:
        """Batches of images, or pairs (images, labels)."""
        import torch

        draw = torch.Generator().manual_seed(self.seed)
        device = device_of(self.function)
        if isinstance(self.function, torch.nn.Module):
            self.function.eval()
        with seeded(self.seed):
            for start in range(0, self.n, BATCH):
                keep = min(BATCH, self.n - start)
                labels = None
                arguments: list[Any] = [BATCH]
                if self.latent_dim is not None:
                    arguments = [torch.randn(BATCH, self.latent_dim, generator=draw).to(device)]
                if self.classes is not None:
                    labels = torch.arange(start, start + BATCH) % self.classes
                    arguments.append(labels.to(device))
                with torch.inference_mode():
                    images = self.function(*arguments)
                if not hasattr(images, "__array__") or images.ndim < 3 or len(images) != BATCH:
                    shape = tuple(getattr(images, "shape", ())) or type(images).__name__
                    raise DataError(f"generator: asked for {BATCH} images, it returned {shape}")
                batch = to_numpy(images)[:keep]
                yield batch if labels is None else (batch, labels[:keep].numpy())


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Within it, the global random numbers of torch, NumPy and `random` follow from `seed`; then they go on as ever."""
    import torch

    state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            random.seed(seed)
            np.random.seed(seed % 2**32)  # noqa: NPY002
            yield
    finally:
        random.setstate(state)
        np.random.set_state(numpy_state)  # noqa: NPY002


def named_function(text: str) -> Callable[..., Any]:
    """The object that `module:function` names; modules in the current folder are found.

    Raises:
        DataError: there is none.
    """
    module, colon, path = text.partition(":")
    if not (module and colon and path):
        raise DataError(f"generator: '{text}' is not of the form module:function")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise DataError(
            f"generator: {module} cannot be imported ({error}); is it installed, or in this folder?"
        ) from None
    for part in path.split("."):
        if not hasattr(found, part):
            raise DataError(f"generator: {module} has no '{path}'")
        found = getattr(found, part)
    if not callable(found):
        raise DataError(f"generator: {text} is a {type(found).__name__}, which cannot be called")
    return found


def device_of(function: Any) -> Any:
    """Where the weights of a torch module are; else the CPU."""
    import torch

    weights = next(function.parameters(), None) if isinstance(function, torch.nn.Module) else None
    return torch.device("cpu") if weights is None else weights.device
