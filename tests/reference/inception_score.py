"""The Inception score in loops: exp of the mean over images of sum over classes of p log(p / mean p), per split."""

from __future__ import annotations

import math
from itertools import pairwise

from mpmath import mp, mpf


def softmax(logits):
    """In 40 digits: the exponentials as they stand, nothing subtracted."""
    with mp.workdps(40):
        powers = [mp.exp(mpf(float(z))) for z in logits]
        total = mp.fsum(powers)
        return [float(power / total) for power in powers]


def score(rows):
    n, classes = len(rows), len(rows[0])
    mean = [math.fsum(row[c] for row in rows) / n for c in range(classes)]
    total = math.fsum(
        row[c] * (math.log(row[c]) - math.log(mean[c])) for row in rows for c in range(classes) if row[c] > 0
    )
    return math.exp(total / n)


def inception_score(rows, splits):
    """Mean and standard deviation (divisor: splits) of the score of contiguous parts."""
    n = len(rows)
    edges = [math.floor(i * n / splits) for i in range(splits + 1)]
    scores = [score(rows[a:b]) for a, b in pairwise(edges)]
    mean = math.fsum(scores) / splits
    return mean, math.sqrt(math.fsum((s - mean) ** 2 for s in scores) / splits)
