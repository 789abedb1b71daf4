"""The Frechet distance between fitted Gaussians in 50-digit arithmetic, from its definition.

    |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2),    S with the divisor n - 1

tr (S1 S2)^(1/2) = tr (R S2 R)^(1/2) with R the symmetric square root of S1, so it is the sum of the square roots of
the eigenvalues of a symmetric matrix. Rank-deficient sets give eigenvalues of the order of 1e-50, off by 1e-25 in
the root.
"""

from __future__ import annotations

from mpmath import mp, mpf

DIGITS = 50


def mean_and_covariance(rows, weights=None):
    """Mean and covariance of rows with the given weights (default 1/n each), times n / (n - 1)."""
    n, d = len(rows), len(rows[0])
    rows = [[mpf(float(value)) for value in row] for row in rows]
    weights = [mpf(1) / n] * n if weights is None else weights
    mean = [mp.fsum(w * row[k] for w, row in zip(weights, rows, strict=True)) for k in range(d)]
    covariance = mp.matrix(d, d)
    for i in range(d):
        for j in range(i, d):
            terms = (w * (row[i] - mean[i]) * (row[j] - mean[j]) for w, row in zip(weights, rows, strict=True))
            covariance[i, j] = covariance[j, i] = mp.fsum(terms) * n / (n - 1)
    return mean, covariance


def square_root(matrix):
    """The symmetric square root of a positive semi-definite matrix."""
    values, vectors = mp.eigsy(matrix)
    roots = mp.diag([mp.sqrt(max(value, mpf(0))) for value in values])
    return vectors * roots * vectors.T


def distance_of_moments(mean1, covariance1, mean2, covariance2):
    root = square_root(covariance1)
    product = root * covariance2 * root
    eigenvalues = mp.eigsy((product + product.T) / 2, eigvals_only=True)
    trace = mp.fsum(mp.sqrt(max(value, mpf(0))) for value in eigenvalues)
    apart = mp.fsum((a - b) ** 2 for a, b in zip(mean1, mean2, strict=True))
    d = len(mean1)
    traces = mp.fsum(covariance1[k, k] + covariance2[k, k] for k in range(d))
    return apart + traces - 2 * trace


def frechet_distance(real, generated):
    """The distance between two sets of rows, as a float."""
    with mp.workdps(DIGITS):
        return float(distance_of_moments(*mean_and_covariance(real), *mean_and_covariance(generated)))


def influence(real, generated, side, image, step="1e-12"):
    """Derivative of the distance as image `image` of `side` (0 real, 1 generated) gains weight e: 1/n -> (1-e)/n + e.

    A central difference; its error is of the order of step^2 = 1e-24.
    """
    with mp.workdps(DIGITS):
        sets, e, values = (real, generated), mpf(step), []
        for sign in (1, -1):
            moments = []
            for which, rows in enumerate(sets):
                n, weights = len(rows), None
                if which == side:
                    weights = [(1 - sign * e) / n + (sign * e if i == image else 0) for i in range(n)]
                moments += mean_and_covariance(rows, weights)
            values.append(distance_of_moments(*moments))
        return float((values[0] - values[1]) / (2 * e))
