"""Latent-space checks: images along a path, classes by styles, and how evenly an image changes along the way.

A generator is any function of latents (n, d), float32 NumPy, and of class numbers (n,) where it has classes; it
returns images as uint8 (n, h, w) or (n, h, w, 1 or 3), or as floats in [0, 1]. A class whose images jump from one to
another along a smooth path has been learned by heart (Odena et al., 2017, section 4.5).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from genmetrics._checks import DataError, as_features, one_of, to_numpy
from genmetrics.intervals import student, variance_of_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

KINDS = ("linear", "spherical")
Generator = Callable[..., Any]


@dataclass(frozen=True)
class Evenness:
    """How evenly features change along paths: the largest step over the mean step."""

    value: float  # mean over paths that change; 1 is perfectly even, steps (all change in one step) is the worst
    low: float | None  # 95% interval over paths
    high: float | None
    std_error: float | None
    paths: tuple[float | None, ...]  # None where nothing changes along the path


def interpolate(start: Any, end: Any, steps: int, kind: str = "linear") -> NDArray[np.float64]:
    """Latents from `start` (d,) to `end` (d,), both included: (steps, d).

    "linear": (1 - t) start + t end. "spherical": sin((1 - t) w) / sin w start + sin(t w) / sin w end, w the angle
    between them, which keeps the length of normal latents where the straight line passes near 0.

    Raises:
        DataError: fewer than 2 steps, an unknown kind, different widths; opposite or zero ends for "spherical".
    Source: Shoemake (1985), "Animating rotation with quaternion curves"; White (2016), arXiv:1609.04468.
    """
    one_of(kind, "kind", KINDS)
    a, b = np.asarray(start, np.float64), np.asarray(end, np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise DataError(f"ends of a path: expected two vectors of one width, got {a.shape} and {b.shape}")
    if steps < 2:
        raise DataError(f"steps must be at least 2, got {steps}")
    t = np.linspace(0, 1, steps)[:, None]
    if kind == "linear":
        return (1 - t) * a + t * b
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    if lengths == 0:
        raise DataError("ends of a path: a latent of length 0 has no direction; take kind='linear'")
    angle = np.arccos(np.clip(a @ b / lengths, -1, 1))
    if np.sin(angle) < 1e-7:
        if a @ b < 0:
            raise DataError("ends of a path: they are opposite, so the arc between them is not defined")
        return (1 - t) * a + t * b
    return (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)


def class_style_grid(latents: Any, classes: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Every class (rows) with every latent (columns): (classes * n, d) latents and (classes * n,) class numbers.

    Odena et al. (2017), figure 9: a column that shows one style in every class says that style and class are apart.
    """
    z = np.asarray(latents, np.float32)
    return np.tile(z, (classes, 1)), np.repeat(np.arange(classes), len(z))


def evenness(features: Any) -> float:
    """Largest step over mean step, max |f(i+1) - f(i)| / mean |f(i+1) - f(i)|, along one path of features (steps, d).

    Returns:
        At least 1 (every step alike), at most steps - 1 (all change at once). Lower is smoother.

    Raises:
        DataError: fewer than 3 points, or features that never change.
    Differs: ours; a number for what AC-GAN's figure 8 shows.
    """
    x = as_features(features, "features", at_least=3).astype(np.float64)
    steps = np.linalg.norm(np.diff(x, axis=0), axis=1)
    if steps.max() == 0:
        raise DataError("features do not change along the path: the generator ignores its latents")
    return float(steps.max() / steps.mean())


def evenness_of_paths(features: Any) -> Evenness:
    """`evenness` of each path of features (paths, steps, d), their mean and its interval over paths (Student's t).

    Paths along which nothing changes have no evenness and no part in the mean: both ends may be one image that was
    learned by heart.

    Raises:
        DataError: fewer than 3 points, or features that change along no path.
    """
    features = [as_features(path, "features", at_least=3) for path in features]
    moving = [bool((path != path[0]).any()) for path in features]
    if not any(moving):
        raise DataError("features change along no path: the generator ignores its latents")
    each = [evenness(path) if moves else None for path, moves in zip(features, moving, strict=True)]
    values = np.array([value for value in each if value is not None])
    if len(values) < 2:
        return Evenness(float(values.mean()), None, None, None, tuple(each))
    low, high = student(values)
    return Evenness(float(values.mean()), max(1.0, low), high, float(np.sqrt(variance_of_mean(values))), tuple(each))


def find_generator(name: str, role: str = "generator") -> Generator:
    """The function of `module:function`.

    Raises:
        DataError: there is no such module or function, or the module cannot be imported.
    """
    module, _, function = name.partition(":")
    if not module or not function:
        raise DataError(f"{role}: expected module:function, got '{name}'")
    try:
        imported = import_module(module)
    except ModuleNotFoundError as error:
        raise DataError(f"{role}: {error}; is its folder on PYTHONPATH?") from None
    except Exception as error:  # the caller's own code: no common type
        raise DataError(f"{role}: importing {module} failed: {type(error).__name__}: {error}") from error
    if not hasattr(imported, function):
        raise DataError(f"{role}: module {module} has no '{function}'")
    found = getattr(imported, function)
    if not callable(found):
        raise DataError(f"{role}: {name} is no function but {type(found).__name__}")
    return found


def latent_width(generator: Generator, given: int | None) -> int:
    """Width of the latents: `given`, or what the generator says of itself (`latent_dim`).

    Raises:
        DataError: neither.
    """
    width = given or getattr(generator, "latent_dim", None)
    if not isinstance(width, int):
        raise DataError("generator: how wide are its latents? pass --latent-dim, or give it an attribute latent_dim")
    return width


def takes_classes(generator: Generator) -> bool:
    """Whether the generator has a second argument, the class numbers."""
    try:
        parameters = inspect.signature(generator).parameters.values()
    except (TypeError, ValueError):
        return False
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return len(positional) > 1


def generated(generator: Generator, latents: Any, classes: Any = None) -> NDArray[np.uint8]:
    """Images (n, h, w, c) of the latents.

    Raises:
        DataError: the generator fails, or returns something else than n images.
    """
    z = np.ascontiguousarray(latents, np.float32)
    try:
        images = to_numpy(generator(z) if classes is None else generator(z, np.asarray(classes)))
    except DataError:
        raise
    except Exception as error:  # the caller's own code: no common type
        raise DataError(f"generator failed on latents of shape {z.shape}: {type(error).__name__}: {error}") from error
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or len(images) != len(z) or images.shape[3] not in (1, 3):
        raise DataError(f"generator should return ({len(z)}, h, w), or (..., 1 or 3), got shape {images.shape}")
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind != "f":
        raise DataError(f"generator should return uint8, or floats in [0, 1], got {images.dtype}")
    if not np.isfinite(images).all():
        raise DataError(f"generator returned NaN or inf in {(~np.isfinite(images)).any((1, 2, 3)).sum()} images")
    if images.min() < 0 or images.max() > 1:
        raise DataError(
            f"generator should return uint8, or floats in [0, 1], got {images.min():.4g} to {images.max():.4g}"
        )
    return np.round(images * 255).astype(np.uint8)


def encoded(encoder: Generator, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """Latents (n, d) of images (h, w, c) of one size.

    Raises:
        DataError: their sizes differ; the encoder fails, or returns something else than n finite latents.
    """
    if len({image.shape for image in images}) > 1:
        raise DataError("real: the images have several sizes, but an encoder takes one; resize them")
    batch = np.stack(images)
    try:
        latents = to_numpy(encoder(batch))
    except DataError:
        raise
    except Exception as error:  # the caller's own code: no common type
        raise DataError(f"encoder failed on images of shape {batch.shape}: {type(error).__name__}: {error}") from error
    if latents.ndim != 2 or len(latents) != len(batch) or latents.dtype.kind not in "fiu":
        raise DataError(
            f"encoder should return latents ({len(batch)}, d), got {latents.dtype} of shape {latents.shape}"
        )
    if not np.isfinite(latents).all():
        raise DataError(f"encoder returned NaN or inf for {(~np.isfinite(latents)).any(axis=1).sum()} images")
    return latents.astype(np.float64)


def digits_vae(latents: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The small VAE that ships with the package, as an example of a generator: (n, 16) -> (n, 8, 8)."""
    import torch

    from genmetrics.extractors import digits_vae as vae

    with torch.inference_mode():
        return vae.to_uint8(vae.load()(torch.from_numpy(latents)))[:, 0].numpy()


digits_vae.latent_dim = 16  # type: ignore[attr-defined]
