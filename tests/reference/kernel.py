"""The kernel distance in plain loops over pairs, and the exact variance of the unbiased estimate.

k(x, y) = (x.y / d + 1)^3
MMD^2 = mean over i != j of k(x_i, x_j) + mean over i != j of k(y_i, y_j) - 2 mean over i, j of k(x_i, y_j)
"""

from __future__ import annotations

import math
from itertools import permutations, product

import numpy as np


def kernel(x, y):
    return (math.fsum(float(a) * float(b) for a, b in zip(x, y, strict=True)) / len(x) + 1) ** 3


def mmd2(real, generated):
    """All pairs of different images within a set, all pairs across."""
    within_real = [kernel(a, b) for a, b in permutations(real, 2)]
    within_generated = [kernel(a, b) for a, b in permutations(generated, 2)]
    across = [kernel(a, b) for a, b in product(real, generated)]
    return (
        math.fsum(within_real) / len(within_real)
        + math.fsum(within_generated) / len(within_generated)
        - 2 * math.fsum(across) / len(across)
    )


def mmd2_over_subsets(real, generated, subsets, subset_size, seed):
    """Mean and standard deviation (divisor: subsets) over random subsets; generated images are drawn first."""
    random = np.random.RandomState(seed)  # the published protocol's generator
    values = []
    for _ in range(subsets):
        of_generated = random.choice(len(generated), subset_size, replace=False)
        of_real = random.choice(len(real), subset_size, replace=False)
        values.append(mmd2([real[i] for i in of_real], [generated[i] for i in of_generated]))
    mean = math.fsum(values) / subsets
    return mean, math.sqrt(math.fsum((v - mean) ** 2 for v in values) / subsets)


def expectation_and_variance(kernel_matrix, p, q, n, m):
    """Mean and variance of MMD^2 from n draws of p and m of q, distributions over the same few points.

    No decomposition is used: the variance is the sum of the covariances of all pairs of terms of the estimate, and
    two terms are correlated only through the draws they share.
    """
    k = np.asarray(kernel_matrix, dtype=float)
    expected = p @ k @ p + q @ k @ q - 2 * p @ k @ q

    def within(p, n):
        pairs = n * (n - 1)
        both = p @ k**2 @ p - (p @ k @ p) ** 2  # the same two draws, in either order
        one = p @ (k @ p) ** 2 - (p @ k @ p) ** 2  # one draw in common
        return (2 * both + 4 * (n - 2) * one) / pairs

    def across():
        both = p @ k**2 @ q - (p @ k @ q) ** 2
        same_x = p @ (k @ q) ** 2 - (p @ k @ q) ** 2
        same_y = q @ (k @ p) ** 2 - (p @ k @ q) ** 2
        return (both + (m - 1) * same_x + (n - 1) * same_y) / (n * m)

    def shared(p, q, n):  # a pair within shares one draw with a pair across: 2 of n
        return 2 / n * (p @ ((k @ p) * (k @ q)) - (p @ k @ p) * (p @ k @ q))

    variance = within(p, n) + within(q, m) + 4 * across() - 4 * shared(p, q, n) - 4 * shared(q, p, m)
    return float(expected), float(variance)


def variance_given_real(kernel_matrix, sample, q, m):
    """Variance of MMD^2 over m draws of q, for one given sample (indices) of the other set."""
    k = np.asarray(kernel_matrix, dtype=float)
    to_sample = k[:, sample].mean(axis=1)
    mean_within, mean_across = q @ k @ q, q @ to_sample
    both = q @ k**2 @ q - mean_within**2
    one = q @ (k @ q) ** 2 - mean_within**2
    within = (2 * both + 4 * (m - 2) * one) / (m * (m - 1))
    across = (q @ to_sample**2 - mean_across**2) / m
    shared = 2 / m * (q @ ((k @ q) * to_sample) - mean_within * mean_across)
    return float(within + 4 * across - 4 * shared)
