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

from genmetrics.kernels.geometry import EPS, SIGNIFICANT, square_unit

ROWS, COLUMNS, WARPS = 64, 64, 8  # of a tile
SLICE = 64 * 1024  # references of one program, at most
PROGRAMS = 1024  # keep a device busy
FAR = -1e300  # stands for an exponent of minus infinity, which has no differences
QUERIES = 16 * 1024  # of one launch, at most: progress is shown between launches
HELD = 1 << 27  # coordinates of one launch's queries, at most: 1 GiB


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
    span,
    per_unit,  # (1,): a scalar argument would be rounded to float32
    ROOTED: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    FAR: tl.constexpr,
):
    """The largest log w - D of each query in a slice of the references, and its sum of e^(log w - D - largest)."""
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    slice_of = tl.program_id(1)
    last = tl.minimum((slice_of + 1) * span, m)
    x = queries + tl.minimum(rows, n - 1)
    largest = tl.full((ROWS, COLUMNS), FAR, tl.float64)
    total = tl.zeros((ROWS, COLUMNS), tl.float64)
    to_unit = tl.load(per_unit)
    for first in range(slice_of * span, last, COLUMNS):
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

    All references and three blocks of queries lie on the device in float64, 8 (m + 3 QUERIES) d bytes; w is 1 where no
    weights are given.

    With u = EPS / 2, a squared difference errs by 3 u of itself, their sum by d u more, its unit by 4 u and the
    exponent by u: 2 (d + 8) u of D covers them, and the terms that matter have D within log m and SIGNIFICANT of
    log w less the sum. An exponential costs 2 u (CUDA's documentation: 1 ulp), a sum COLUMNS u within tiles and 4 u for
    each tile, and shifts the span of the exponents that matter.
    """
    halvings, per_unit = power_of_two(square_unit(distance, scale))
    d, m = references.shape[1], len(references)
    y = on_device(references, halvings, device)
    weights = np.zeros(m) if log_weights is None else log_weights
    w, to_unit = (torch.tensor(values, dtype=torch.float64, device=device) for values in (weights, [per_unit]))
    rows = min(QUERIES, max(ROWS, HELD // d))
    span = columns_each(min(rows, len(queries)), m)
    slices = -(-m // span)
    starts = range(0, len(queries), rows)
    found = []
    with torch.cuda.device_of(y):
        for start in progress(starts, "distances", len(starts)):
            x = on_device(queries[start : start + rows], halvings, device)
            n = x.shape[1]
            largest, total = torch.empty((2, slices, n), dtype=torch.float64, device=device)
            sums_of_slices[(triton.cdiv(n, ROWS), slices)](
                *(x, y, w, largest, total, n, m, d, span, to_unit),
                *(distance == "l2", ROWS, COLUMNS, FAR),
                num_warps=WARPS,  # pyright: ignore[reportCallIssue]
            )
            found.append(torch.logsumexp(largest + total.log(), dim=0).cpu().numpy())
    sums = np.concatenate(found)
    size = np.abs(sums)
    sums[sums < FAR / 2] = -np.inf  # every distance overflows
    reach = size + np.log(m) + SIGNIFICANT + max(float(weights.max()), 0.0)  # of D, where it matters
    adding = COLUMNS + 4 * -(-span // COLUMNS) + slices + 16
    return sums, EPS * ((d + 8) * reach + 2 * np.abs(weights).max() + adding)


def columns_each(n: int, m: int) -> int:
    """References of one program: few enough that n queries make PROGRAMS of them, and whole tiles."""
    slices = max(-(-m // SLICE), PROGRAMS // -(-n // ROWS))
    tiles = -(-m // COLUMNS)
    return COLUMNS * -(-tiles // min(slices, tiles))


def power_of_two(unit: float) -> tuple[int, float]:
    """k, so that coordinates times 2^-k have squares in range of float64, and what those are multiplied by."""
    k = int(np.frexp(np.sqrt(unit))[1])
    fraction, exponent = np.frexp(unit)
    return k, float(np.ldexp(1 / fraction, 2 * k - exponent))


def on_device(points: NDArray[Any], halvings: int, device: str) -> torch.Tensor:
    """(n, d) points as (d, n) float64 on the device, times 2^-halvings, which is exact."""
    n, d = points.shape
    there = torch.empty((d, n), dtype=torch.float64, device=device)
    rows = min(QUERIES, max(ROWS, HELD // d))
    for i in range(0, n, rows):
        there[:, i : i + rows] = torch.tensor(np.ascontiguousarray(points[i : i + rows]), device=device).T
    return there.mul_(2.0**-halvings)
