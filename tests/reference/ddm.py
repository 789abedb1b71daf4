"""DDM in loops over pairs, from equation 3.4: minus the mean over t of log( mean over g of e^-D(t, g) )."""

from __future__ import annotations

import math

from mpmath import mp, mpf


def scaled_distance(t, g, distance, scale):
    square = math.fsum((float(a) - float(b)) ** 2 for a, b in zip(t, g, strict=True))
    if distance == "half_sq":
        return square / (2 * scale**2)
    if distance == "sq":
        return square / scale**2
    return math.sqrt(square) / scale


def log_mean(exponents):
    """log of the mean of e^-D, the largest term taken out."""
    nearest = min(exponents)
    return -nearest + math.log(math.fsum(math.exp(nearest - e) for e in exponents) / len(exponents))


def ddm(test, generated, distance="half_sq", scale=1.0):
    """In float64."""
    terms = [log_mean([scaled_distance(t, g, distance, scale) for g in generated]) for t in test]
    return -math.fsum(terms) / len(terms)


def ddm_precise(test, generated, distance="half_sq", scale=1.0):
    """In 60 digits, as an mpf; the coordinates and the scale are the float64 numbers exactly."""
    with mp.workdps(60):
        h, total = mpf(float(scale)), mpf(0)
        for t in test:
            terms = []
            for g in generated:
                square = mp.fsum((mpf(float(a)) - mpf(float(b))) ** 2 for a, b in zip(t, g, strict=True))
                exponent = {"half_sq": square / (2 * h**2), "sq": square / h**2, "l2": mp.sqrt(square) / h}
                terms.append(mp.exp(-exponent[distance]))
            total += mp.log(mp.fsum(terms) / len(terms))
        return -total / len(test)
