"""Squared 2-Wasserstein distance of points on a line from the definition of a quantile, in exact fractions of mass."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise


def one_dimensional(x, y):
    """Integral over levels of the squared difference of the two quantile functions, which are step functions."""
    x, y = sorted(map(float, x)), sorted(map(float, y))
    levels = sorted({Fraction(i, len(x)) for i in range(len(x) + 1)} | {Fraction(j, len(y)) for j in range(len(y) + 1)})
    total = []
    for low, high in pairwise(levels):
        middle = (low + high) / 2
        a, b = x[math.floor(middle * len(x))], y[math.floor(middle * len(y))]
        total.append(float(high - low) * (a - b) ** 2)
    return math.fsum(total)


def sliced_wasserstein(real, generated, directions):
    """3d times the mean over directions."""
    values = []
    for u in directions:
        length = math.sqrt(math.fsum(a * a for a in u))
        projected = [
            [math.fsum(a * b for a, b in zip(row, u, strict=True)) / length for row in x] for x in (real, generated)
        ]
        values.append(one_dimensional(*projected))
    return 3 * len(real[0]) * math.fsum(values) / len(values)
