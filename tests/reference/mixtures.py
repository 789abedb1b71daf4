"""Variational KL divergence of Gaussian mixtures (Hershey & Olsen 2007, eq. 20) in loops over pairs of components."""

from __future__ import annotations

import math

import numpy as np


def covariance(mixture, i):
    d = np.shape(mixture.means)[1]
    c = np.asarray(mixture.covariances, dtype=float)
    return {0: lambda: c * np.eye(d), 2: lambda: np.diag(c[i]), 3: lambda: c[i]}[c.ndim]()


def kl(m, s, n, u):
    inverse = np.linalg.inv(u)
    apart = np.asarray(n) - np.asarray(m)
    logs = math.log(np.linalg.det(u) / np.linalg.det(s))
    return 0.5 * (np.trace(inverse @ s) + apart @ inverse @ apart - len(apart) + logs)


def log_sum(f, a, g):
    return math.log(
        math.fsum(
            w * math.exp(-kl(f.means[a], covariance(f, a), g.means[b], covariance(g, b)))
            for b, w in enumerate(g.weights)
        )
    )


def variational_kl(f, g):
    return math.fsum(w * (log_sum(f, a, f) - log_sum(f, a, g)) for a, w in enumerate(f.weights))
