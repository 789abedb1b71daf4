"""Log-sum-exp of negative distances over all pairs, streamed: float64, with a certified rounding bound.

Every query first takes the fast path (`tiles`). One whose certificate is too wide, because it and the references that
matter lie far from the centre for their distance, is computed again on the slow one (`careful`). On a CUDA device one
kernel does it all (`fused`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genmetrics._checks import DataError, pick_device
from genmetrics.kernels.careful import careful_log_sum_exp
from genmetrics.kernels.geometry import DISTANCES as DISTANCES
from genmetrics.kernels.geometry import LogMeanExp, centre_of, in_threads, split, usable_cores
from genmetrics.kernels.tiles import QUERIES, Space, outward, sorted_references, tiled_log_sum_exp

SURE = 4e-11  # the fast path's certificate, relative to max(1, |value|), that is good enough


def log_mean_exp(
    queries: NDArray[Any],
    references: NDArray[Any],
    *,
    distance: str,
    scale: float,
    log_weights: NDArray[np.float64] | None = None,
    device: str = "cpu",
    progress: Callable[[Iterable[Any], str, int], Iterable[Any]] = lambda items, label, total: items,
) -> LogMeanExp:
    """log sum_j w_j e^-D(x_i, y_j) for each query, by an online log-sum-exp over blocks of references.

    Args:
        queries: (n, d) float.
        references: (m, d) float.
        distance: "half_sq" |x-y|^2 / (2 h^2), "sq" |x-y|^2 / h^2, "l2" |x-y| / h.
        scale: h > 0.
        log_weights: (m,) log w_j, finite; None: all 1 / m.
        device: "cpu", a CUDA device ("cuda", "cuda:1"), which must hold the references in float64, or "auto".
        progress: called as progress(blocks of queries, label, how many).

    Raises:
        DataError: no such device, or one that the kernel of `fused` does not run on.
    Source: Milakov & Gimelshein (2018), arXiv:1805.02867 (online normaliser).
    """
    place = "cpu" if device == "cpu" else pick_device(device)
    if place != "cpu":
        how = {"distance": distance, "scale": scale, "log_weights": log_weights, "progress": progress}
        sums, errors = fused(place).fused_log_sum_exp(queries, references, device=place, **how)
        return LogMeanExp(sums - norm(references, log_weights), errors)
    centre = centre_of(references)
    space = Space.of(centre, distance, scale)
    with np.errstate(all="ignore"):
        order = outward(references, centre)

    def one_block(block: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        with np.errstate(all="ignore"):  # the caller looks at the result; each thread has its own
            return tiled_log_sum_exp(block, sorted_references(references, order, space, log_weights), space)

    blocks = split(queries, min(QUERIES, max(256, -(-len(queries) // (4 * usable_cores())))))
    parts = progress(in_threads(one_block, blocks), "distances", len(blocks))
    sums, errors = (np.concatenate(column) for column in zip(*parts, strict=True))
    unsure = ~(errors <= SURE * np.maximum(1.0, np.abs(sums - norm(references, log_weights))))
    if unsure.any():
        sums[unsure], errors[unsure] = careful_log_sum_exp(
            queries[unsure], references, centre, distance, scale, log_weights
        )
    return LogMeanExp(sums - norm(references, log_weights), errors)


def fused(device: str) -> Any:
    """The module of the CUDA kernel.

    Raises:
        DataError: it is another device, or Triton is not here.
    """
    if not device.startswith("cuda"):
        raise DataError(f"device '{device}': all pairs are summed on 'cpu' or 'cuda' only")
    try:
        from genmetrics.kernels import fused as module
    except ModuleNotFoundError:
        raise DataError(
            f"device '{device}' needs Triton, which comes with torch on Linux: pip install triton"
        ) from None
    return module


def norm(references: NDArray[Any], log_weights: NDArray[np.float64] | None) -> float:
    """log m where the weights are not given: the sum becomes a mean."""
    return float(np.log(len(references))) if log_weights is None else 0.0
