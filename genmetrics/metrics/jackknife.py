"""How far a metric moves without some of the images: jackknives for metrics that have no influence functions.

Of precision and density each real image is left out in turn. Without image i, its own ball is gone, and the balls
around those images whose k nearest held i reach to the k+1-st. All that this changes is known from the pass over the
pairs (`kernels.close_pairs`): nothing is computed again. Of mean log densities, a twentieth of the samples at a time.

The jackknife's variance is never too small in expectation (Efron & Stein 1981, Annals of Statistics 9, 586-596), and
too large where images act together, as neighbours do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from genmetrics.kernels.close_pairs import Lone, Nearest
from genmetrics.kernels.pairwise import log_mean_exp

GROUPS = 20  # of samples, left out in turn


def precision_moves(
    real: Nearest, lone: Lone | None, covered: NDArray[np.bool_], halves: NDArray[np.int64], k: int
) -> NDArray[np.float64] | None:
    """The influence of each real image on the precision of either half of the generated images, (2, n).

    Only images in one ball or in none can be lost or won: won where a ball grows to hold them, lost where their one
    ball is gone and none does. None: these are too many, or there is no k+1-st neighbour.

    Args:
        real: at least k + 1 neighbours of each real image.
        lone: the pairs of such generated images with balls up to the k+1-st neighbour, or wider ones.
        covered: (m,) which generated images lie in a ball.
        halves: (m,) 0 or 1; 2: in neither.
    """
    n, neighbours = real.squares.shape
    if lone is None or neighbours <= k:
        return None
    inside = lone.squares <= real.squares[lone.x, k - 1]
    grown = ~inside & (lone.squares <= real.squares[lone.x, k])
    held = np.bincount(lone.y[inside], minlength=len(covered))
    within_reach = lone.y[grown, None].astype(np.int64) * n + real.indices[lone.x[grown], :k]
    reached = np.unique(within_reach)  # generated image and real image without which a ball holds it
    only = inside & (held[lone.y] == 1)
    alone = lone.y[only].astype(np.int64) * n + lone.x[only]  # generated image and real image in whose ball alone it is
    won, lost = reached[~covered[reached // n]], np.setdiff1d(alone, reached)
    change = np.zeros((3, n))
    for keys, sign in ((won, 1), (lost, -1)):
        np.add.at(change, (halves[keys // n], keys % n), sign)
    return as_influences(change[:2], halves)


def density_moves(
    real: Nearest, held: NDArray[np.int64], halves: NDArray[np.int64], k: int
) -> NDArray[np.float64] | None:
    """The influence of each real image on the density of either half of the generated images, (2, n).

    None: there is no k+1-st neighbour.

    Args:
        real: at least k + 1 neighbours of each real image.
        held: (balls, groups, n) how many generated images of each half the ball of each real image holds: the first
            up to its k-th neighbour, the second up to its k+1-st.
        halves: (m,) 0 or 1; 2: in neither.
    """
    if real.squares.shape[1] <= k:
        return None
    change = -held[0, :2].astype(np.float64)
    for half, more in zip(change, (held[1] - held[0])[:2], strict=True):
        np.add.at(half, real.indices[:, :k], more[:, None])
    return as_influences(change / k, halves)


def as_influences(change: NDArray[np.float64], halves: NDArray[np.int64]) -> NDArray[np.float64] | None:
    """From the change of each half's sum without each of n images, (2, n); None where a half is empty.

    Their variance over n is the jackknife's.
    """
    per_half = np.bincount(halves, minlength=2)[:2, None]
    return -(change.shape[1] - 1) * change / per_half if per_half.all() else None


def log_means_without_samples(
    queries: NDArray[Any], generated: NDArray[Any], scale: float, seed: int
) -> tuple[float | None, NDArray[np.float64] | None]:
    """How the mean over queries x of log mean over samples y of e^-|x-y|^2/2 scale^2 varies with samples and queries.

    Where single samples dominate a query's sum, as they do when the scale is small against the spread of the sets,
    influence functions are far too small: without such a sample its neighbours step in. So samples are left out in
    earnest, a twentieth of them at a time: the delete-a-group jackknife.

    Returns:
        The standard error over the samples, and each query's term with either half of them, (2, n); None and None of
        fewer than two samples for each group.

    Source: Shao & Tu (1995), The Jackknife and Bootstrap, section 2.3.
    """
    if len(generated) < 2 * GROUPS:
        return None, None
    order = np.random.default_rng(seed).permutation(len(generated))
    groups = [generated[rows] for rows in np.array_split(order, GROUPS)]
    sizes = np.array([len(group) for group in groups])
    means = [log_mean_exp(queries, group, distance="half_sq", scale=scale).values for group in groups]
    sums = np.stack(means) + np.log(sizes)[:, None]

    def terms(kept: NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.logaddexp.reduce(sums[kept], axis=0) - np.log(sizes[kept].sum())

    place = np.arange(GROUPS)
    without = np.array([terms(place != left_out).mean() for left_out in place])
    variance = (GROUPS - 1) * without.var()
    return float(np.sqrt(variance)), np.stack([terms(place < GROUPS // 2), terms(place >= GROUPS // 2)])
