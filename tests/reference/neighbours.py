"""Nearest neighbours by comparing a query with every reference, in exact rational arithmetic where ties are decided."""

from __future__ import annotations

import math
from fractions import Fraction


def rank_key(x, y, metric):
    """An exact number that orders references y by their distance from the query x."""
    x, y = [Fraction(float(v)) for v in x], [Fraction(float(v)) for v in y]
    if metric == "l1":
        return sum(abs(a - b) for a, b in zip(x, y, strict=True))
    if metric == "l2":
        return sum((a - b) ** 2 for a, b in zip(x, y, strict=True))
    dot = sum(a * b for a, b in zip(x, y, strict=True))  # -cos |cos| rises with 1 - cos, without a square root
    return -dot * abs(dot) / (sum(a * a for a in x) * sum(b * b for b in y))


def distance(x, y, metric):
    key = rank_key(x, y, metric)
    if metric == "l1":
        return float(key)
    if metric == "l2":
        return math.sqrt(key)
    return 1 + math.copysign(math.sqrt(abs(key)), key)


def k_nearest(queries, references, k, metric):
    """Lists of indices and of distances; exactly equal distances in order of index."""
    indices, distances = [], []
    for x in queries:
        keys = [rank_key(x, y, metric) for y in references]
        nearest = sorted(range(len(references)), key=lambda j: (keys[j], j))[:k]
        indices.append(nearest)
        distances.append([distance(x, references[j], metric) for j in nearest])
    return indices, distances
