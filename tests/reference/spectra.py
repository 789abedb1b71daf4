"""Vendi score and RKE from the n x n matrix of similarities itself."""

from __future__ import annotations

import math

from mpmath import mp


def cosine(x, y):
    return math.fsum(a * b for a, b in zip(x, y, strict=True)) / math.sqrt(
        math.fsum(a * a for a in x) * math.fsum(b * b for b in y)
    )


def vendi_score(rows, q=1.0):
    """exp of the entropy of the eigenvalues of K / n, in 30 digits."""
    n = len(rows)
    with mp.workdps(30):
        k = mp.matrix([[cosine(a, b) / n for b in rows] for a in rows])
        values = [value for value in mp.eigsy(k, eigvals_only=True) if value > mp.mpf(10) ** -14]
        if q == 1:
            return float(mp.exp(-mp.fsum(p * mp.log(p) for p in values)))
        return float(mp.exp(mp.log(mp.fsum(p**q for p in values)) / (1 - q)))


def rke(rows):
    """1 / mean of the squared similarities of all pairs: no eigenvalues."""
    n = len(rows)
    return n * n / math.fsum(cosine(a, b) ** 2 for a in rows for b in rows)
