"""The neighbour metrics by comparing every pair, in exact rational arithmetic."""

from __future__ import annotations

from fractions import Fraction

from tests.reference.neighbours import rank_key


def square(x, y):
    return rank_key(x, y, "l2")


def radii(points, k):
    """Squared distance of each point to its k-th nearest other."""
    return [sorted(square(x, y) for j, y in enumerate(points) if j != i)[k - 1] for i, x in enumerate(points)]


def precision(real, generated, k):
    balls = list(zip(real, radii(real, k), strict=True))
    return Fraction(sum(any(square(x, g) <= r for x, r in balls) for g in generated), len(generated))


def density(real, generated, k):
    balls = list(zip(real, radii(real, k), strict=True))
    return Fraction(sum(square(x, g) < r for g in generated for x, r in balls), k * len(generated))


def coverage(real, generated, k):
    balls = list(zip(real, radii(real, k), strict=True))
    return Fraction(sum(any(square(x, g) < r for g in generated) for x, r in balls), len(real))


def without_each(share, real, generated, k):
    """A share without each of the real images."""
    return [share([x for j, x in enumerate(real) if j != i], generated, k) for i in range(len(real))]


def realism(real, generated, k):
    """Squared scores; None where a generated image is a real one."""
    r = radii(real, k)
    ordered = sorted(r)
    middle = (ordered[(len(r) - 1) // 2] + ordered[len(r) // 2]) / 2
    kept = [(x, own) for x, own in zip(real, r, strict=True) if own <= middle]
    return [
        None if any(square(x, g) == 0 for x, _ in kept) else max(own / square(x, g) for x, own in kept)
        for g in generated
    ]


def authentic(train, generated):
    own = radii(train, 1)
    share = 0
    for g in generated:
        apart = [square(r, g) for r in train]
        nearest = apart.index(min(apart))
        share += own[nearest] < apart[nearest]
    return Fraction(share, len(generated))


def nearest_neighbour_accuracy(real, generated):
    def share(own, other):
        total = Fraction(0)
        for i, x in enumerate(own):
            near = min(square(x, y) for j, y in enumerate(own) if j != i)
            far = min(square(x, y) for y in other)
            total += Fraction(1, 2) if near == far else int(near < far)
        return total / len(own)

    return (share(real, generated) + share(generated, real)) / 2


def mann_whitney_z(test, generated):
    """z of generated against test values, pair by pair."""
    n, m = len(test), len(generated)
    u = sum(1.0 if g > t else 0.5 if g == t else 0.0 for g in generated for t in test)
    return (u - n * m / 2) / (n * m * (n + m + 1) / 12) ** 0.5
