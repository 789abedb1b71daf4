"""What is wrong with this input: one sentence, the number that shows it, what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class DataError(ValueError):
    """The data cannot be used; the message says which, why, and what to do."""


class UnsuitableError(DataError):
    """A metric has no meaning for these images (their sizes, say); a panel of metrics goes on without it."""


class UnknownNameError(DataError):
    """A name that is not in a table; the message suggests the nearest one."""


def unknown_name(kind: str, name: str, known: Iterable[str], meant: str | None = None) -> UnknownNameError:
    """The error for a `name` that is not among the `known` ones, with what is `meant` or the nearest of them."""
    known = sorted(known)
    begun = [meant] if meant else [each for each in known if name.startswith(each)]
    near = sorted(begun, key=len)[-1:] or difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"; did you mean '{near[0]}'?" if near else ";"
    return UnknownNameError(f"unknown {kind} '{name}'{hint} known: {', '.join(known)}")


def to_numpy(array: Any) -> NDArray[Any]:
    """A NumPy view of an array-like or a torch tensor (on any device, with or without gradient)."""
    if hasattr(array, "detach"):
        array = array.detach().cpu()
        array = (array.float() if str(array.dtype) == "torch.bfloat16" else array).numpy()
    return np.asarray(array)


def as_features(array: Any, name: str, *, at_least: int = 1) -> NDArray[Any]:
    """`array` as finite features, (n, d), float32 or float64 as given (anything else as float64); n >= `at_least`.

    No copy is made of float32 or float64 input: the metrics convert block by block.

    Raises:
        DataError: wrong number of dimensions, too few rows, no columns, or NaN/Inf (how many rows, and the first).
        TypeError: the array does not hold real numbers.
    """
    x = to_numpy(array)
    if x.dtype.kind not in "fiub":
        raise TypeError(f"{name}: expected an array of real numbers, got dtype {x.dtype}")
    if x.ndim != 2:
        raise DataError(f"{name}: expected features of shape (n, d), got shape {x.shape}")
    n, d = x.shape
    if d == 0:
        raise DataError(f"{name}: features have no columns, shape {x.shape}")
    if n < at_least:
        raise DataError(f"{name}: {count(n, 'image')}, but at least {at_least} are needed")
    if x.dtype not in (np.float32, np.float64):
        x = x.astype(np.float64)
    bad = ~np.concatenate([np.isfinite(block).all(axis=1) for block in blocks(x)])
    if bad.any():
        raise DataError(f"{name}: {bad.sum()} of {n} rows hold NaN or inf, first is row {int(bad.argmax())}")
    return x


def blocks(x: NDArray[Any], rows: int = 4096) -> Iterator[NDArray[Any]]:
    """Views of up to `rows` consecutive rows of `x`."""
    return (x[i : i + rows] for i in range(0, len(x), rows))


def same_width(first: int, second: int, names: tuple[str, str] = ("real", "generated")) -> None:
    """Two feature sets compared with each other have the same width.

    Raises:
        DataError: they do not.
    """
    if first != second:
        raise DataError(
            f"{names[0]} features are {first}-wide but {names[1]} are {second}-wide; "
            "were they made by different extractors, or from images of different sizes?"
        )


def count(n: int, noun: str) -> str:
    """'1 image', '2 images'."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def positive(value: Any, name: str) -> None:
    """`value` is a finite number above 0.

    Raises:
        ValueError: it is not.
    """
    number = value.item() if getattr(value, "ndim", None) == 0 else value  # of an array or a tensor
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not 0 < number < np.inf:
        raise ValueError(f"{name} must be a finite number above 0, got {value!r}")


def one_of(value: str, name: str, allowed: Iterable[str]) -> None:
    """`value` is one of the `allowed` names.

    Raises:
        UnknownNameError: it is not; the nearest is suggested.
    """
    allowed = tuple(allowed)
    if value not in allowed:
        raise unknown_name(name, value, allowed)


def pick_device(device: str) -> str:
    """ "auto" as "cuda" where there is one, else "cpu"; any other name as it is, if torch knows and has it.

    Raises:
        DataError: torch cannot use that device here.
    """
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise DataError(f"device '{device}' cannot be used here: {str(error).splitlines()[0]}") from None
    return device
