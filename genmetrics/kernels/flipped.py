"""Log-mean-exp of *positive* distances over all pairs, streamed: what the thesis's printed signs point to."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from genmetrics.kernels.careful import COLUMNS, ROWS, centred, squared_distances
from genmetrics.kernels.geometry import centre_of, in_threads, split, to_scaled


def log_mean_exp_of_distances(
    queries: NDArray[Any], references: NDArray[Any], *, distance: str, scale: float
) -> NDArray[np.float64]:
    """log (1/m) sum_j e^+D(x_i, y_j) for each query, (n,); the farthest reference dominates."""
    centre = centre_of(references)

    def one_block(block: NDArray[Any]) -> NDArray[np.float64]:
        x, total = centred(block, centre), np.full(len(block), -np.inf)
        with np.errstate(over="ignore", invalid="ignore"):  # the caller looks at the result
            for part in split(references, COLUMNS):
                exponent = squared_distances(x, centred(part, centre))
                to_scaled(exponent, distance, scale)
                most = exponent.max(axis=1)
                exponent -= most[:, None]
                total = np.logaddexp(total, most + np.log(np.exp(exponent, out=exponent).sum(axis=1)))
        return total

    return np.concatenate(list(in_threads(one_block, split(queries, ROWS)))) - np.log(len(references))
