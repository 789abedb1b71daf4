"""The pairwise engine on a CUDA device: one kernel from coordinates to sums, which holds nothing of size n x m.

Each program takes a few queries and a slice of the references, tile by tile: squared distances as sums of squared
differences in float64, so that nothing cancels wherever the points lie, then an online log-sum-exp. A tile lives in
registers; what is written is one maximum and one sum for each query and slice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import triton
import triton.language as tl
from numpy.typing import NDArray

from genmetrics._checks import DataError
from genmetrics.kernels.geometry import EPS, SIGNIFICANT, square_unit

ROWS, COLUMNS, WARPS = 64, 64, 8  # of a tile
SLICE = 64 * 1024  # references of one program
FAR = -1e300  # stands for an exponent of minus infinity, which has no differences
QUERIES = 16 * 1024  # of one launch: progress is shown between launches


@triton.jit
def sums_of_slices(
    queries,  # (d, n): programs read neighbours side by side
    references,  # (d, m)
    log_weights,  # (m,)
    largest_out,  # (slices, n)
    total_out,  # (slices, n)
    n,
    m,
    d,
    per_unit,  # (1,): a scalar argument would be rounded to float32
    ROOTED: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    SLICE: tl.constexpr,
    FAR: tl.constexpr,
):
    """The largest log w - D of each query in a slice of the references, and its sum of e^(log w - D - largest)."""
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    slice_of = tl.program_id(1)
    last = tl.minimum((slice_of + 1) * SLICE, m)
    x = queries + tl.minimum(rows, n - 1)
    largest = tl.full((ROWS, COLUMNS), FAR, tl.float64)
    total = tl.zeros((ROWS, COLUMNS), tl.float64)
    to_unit = tl.load(per_unit)
    for first in range(slice_of * SLICE, last, COLUMNS):
        columns = first + tl.arange(0, COLUMNS)
        inside = columns < last
        columns = tl.minimum(columns, m - 1)
        x_k, y_k = x, references + columns
        square = tl.zeros((ROWS, COLUMNS), tl.float64)
        for _ in range(d):
            difference = tl.expand_dims(tl.load(x_k), 1) - tl.expand_dims(tl.load(y_k), 0)
            square += difference * difference
            x_k += n
            y_k += m
        scaled = square * to_unit
        if ROOTED:
            scaled = tl.sqrt(scaled)
        exponent = tl.maximum(tl.expand_dims(tl.load(log_weights + columns), 0) - scaled, FAR)
        exponent = tl.where(tl.expand_dims(inside, 0), exponent, FAR)
        apart = exponent - largest
        smaller = tl.exp(-tl.abs(apart))  # of the two, over the larger
        total = tl.where(apart > 0, total * smaller + 1, total + smaller)
        largest = tl.maximum(largest, exponent)
    row_largest = tl.max(largest, axis=1)
    row_total = tl.sum(total * tl.exp(largest - tl.expand_dims(row_largest, 1)), axis=1)
    at = slice_of.to(tl.int64) * n + rows
    tl.store(largest_out + at, row_largest, mask=rows < n)
    tl.store(total_out + at, row_total, mask=rows < n)


def fused_log_sum_exp(
    queries: NDArray[Any],
    references: NDArray[Any],
    *,
    distance: str,
    scale: float,
    log_weights: NDArray[np.float64] | None = None,
    device: str = "cuda",
    progress: Callable[[Iterable[Any], str, int], Iterable[Any]] = lambda items, label, total: items,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """log sum_j w_j e^-D(x_i, y_j) and the bound on its rounding error, as `careful.careful_log_sum_exp`.

    The references and a block of queries lie on the device in float64, 8 (m + QUERIES) d bytes; w is 1 where no
    weights are given.

    With u = EPS / 2, a squared difference errs by 3 u of itself, their sum by d u more, its unit by 4 u and the
    exponent by u: 2 (d + 8) u of D covers them, and all terms that matter have D within SIGNIFICANT of the nearest (and
    what weights differ by). An exponential costs 2 u (CUDA's documentation: 1 ulp), a sum COLUMNS u within tiles and
    4 u for each tile, and shifts the span of the exponents that matter.
    """
    halvings, per_unit = power_of_two(square_unit(distance, scale))
    y = on_device(references, halvings, device)
    weights = np.zeros(len(references)) if log_weights is None else log_weights
    w, to_unit = (torch.tensor(values, dtype=torch.float64, device=device) for values in (weights, [per_unit]))
    slices = -(-len(references) // SLICE)
    starts = range(0, len(queries), QUERIES)
    found = []
    with torch.cuda.device_of(y):
        for start in progress(starts, "distances", len(starts)):
            x = on_device(queries[start : start + QUERIES], halvings, device)
            d, n = x.shape
            largest, total = torch.empty((2, slices, n), dtype=torch.float64, device=device)
            sums_of_slices[(triton.cdiv(n, ROWS), slices)](
                *(x, y, w, largest, total, n, len(references), d, to_unit),
                *(distance == "l2", ROWS, COLUMNS, SLICE, FAR),
                num_warps=WARPS,  # pyright: ignore[reportCallIssue]
            )
            found.append(torch.logsumexp(largest + total.log(), dim=0).cpu().numpy())
    sums = np.concatenate(found)
    size = np.abs(sums)
    sums[sums < FAR / 2] = -np.inf  # every distance overflows
    lightest, heaviest = float(weights.min()), float(weights.max())
    reach = size + np.log(len(references)) + SIGNIFICANT + 2 * (heaviest - lightest)  # of D, where it matters
    tiles = -(-min(SLICE, len(references)) // COLUMNS)
    adding = COLUMNS + 4 * tiles + slices + 16
    return sums, EPS * ((queries.shape[1] + 8) * reach + 2 * np.abs(weights).max() + adding)


def require_cuda(device: str) -> None:
    """
    Raises:
        DataError: `device` is no CUDA device, or not here.
    """
    try:
        there = torch.device(device)
    except RuntimeError:
        raise DataError(f"device '{device}' is none that torch knows; use 'cpu', 'cuda' or 'cuda:1'") from None
    if there.type != "cuda":
        raise DataError(f"device '{device}': all pairs are summed on 'cpu' or 'cuda' only")
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if (there.index or 0) >= found:
        raise DataError(f"device '{device}' is not here: torch finds {found} CUDA devices; use device='cpu'")


def power_of_two(unit: float) -> tuple[int, float]:
    """k, so that coordinates times 2^-k have squares in range of float64, and what those are multiplied by."""
    k = int(np.frexp(np.sqrt(unit))[1])
    fraction, exponent = np.frexp(unit)
    return k, float(np.ldexp(1 / fraction, 2 * k - exponent))


def on_device(points: NDArray[Any], halvings: int, device: str) -> torch.Tensor:
    """(n, d) points as (d, n) float64 on the device, times 2^-halvings, which is exact."""
    n, d = points.shape
    there = torch.empty((d, n), dtype=torch.float64, device=device)
    for i in range(0, n, QUERIES):
        there[:, i : i + QUERIES] = torch.tensor(np.ascontiguousarray(points[i : i + QUERIES]), device=device).T
    return there.mul_(2.0**-halvings)
