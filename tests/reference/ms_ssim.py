"""MS-SSIM from its definition: one window at a time, in float64, nothing separable, nothing shared.

Wang, Simoncelli & Bovik (2003); `genmetrics.analyses.ms_ssim` says what each protocol takes from whom.
"""

from __future__ import annotations

import math

import numpy as np

WEIGHTS = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333]
C1 = 2.55**2
C2 = 7.65**2


def window(size):
    """Gaussian over a size x size grid centred on its middle, summing to 1; sigma 1.5 at size 11."""
    sigma = 1.5 * size / 11
    weights = np.zeros((size, size))
    for y in range(size):
        for x in range(size):
            distance2 = (y - (size - 1) / 2) ** 2 + (x - (size - 1) / 2) ** 2
            weights[y, x] = math.exp(-distance2 / (2 * sigma**2))
    return weights / weights.sum()


def mean_terms(a, b):
    """Mean over places of ssim and of its contrast-structure factor, per channel; a, b: (c, h, w) float64."""
    _, h, w = a.shape
    size = min(11, h, w)
    g = window(size)
    ssim, contrast, places = 0.0, 0.0, 0
    for y in range(h - size + 1):
        for x in range(w - size + 1):
            pa, pb = a[:, y : y + size, x : x + size], b[:, y : y + size, x : x + size]
            mean_a, mean_b = (pa * g).sum((1, 2)), (pb * g).sum((1, 2))
            da, db = pa - mean_a[:, None, None], pb - mean_b[:, None, None]
            var_a, var_b, cov = (
                (da * da * g).sum((1, 2)),
                (db * db * g).sum((1, 2)),
                (da * db * g).sum((1, 2)),
            )
            cs = (2 * cov + C2) / (var_a + var_b + C2)
            contrast = contrast + cs
            ssim = ssim + cs * (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
            places += 1
    return ssim / places, contrast / places


def halve_repeating_edges(x):
    """Mean of pixels 2i and 2i + 1 along both axes; beyond the last pixel is the last pixel again."""
    c, h, w = x.shape
    out = np.zeros((c, (h + 1) // 2, (w + 1) // 2))
    for i in range(out.shape[1]):
        for j in range(out.shape[2]):
            for y in (2 * i, 2 * i + 1):
                for z in (2 * j, 2 * j + 1):
                    out[:, i, j] += x[:, min(y, h - 1), min(z, w - 1)] / 4
    return out


def halve_padding_zeros(x):
    """Mean of pixels 2i and 2i + 1; an odd axis first gets a zero before it and a zero after it."""
    _, h, w = x.shape
    x = np.pad(x, ((0, 0), (h % 2, h % 2), (w % 2, w % 2)))
    return (x[:, :-1:2, :-1:2] + x[:, 1::2, :-1:2] + x[:, :-1:2, 1::2] + x[:, 1::2, 1::2]) / 4


def terms(a, b, halve):
    """(5, c): contrast-structure at scales 1-4, ssim at scale 5."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    rows = []
    for scale in range(5):
        if scale:
            a, b = halve(a), halve(b)
        ssim, contrast = mean_terms(a, b)
        rows.append(ssim if scale == 4 else contrast)
    return np.array(rows)


def power(x, weight):
    return 0.0 if x <= 0 else x**weight


def google(a, b):
    """MS-SSIM of two (c, h, w) images, terms averaged over channels before the product."""
    means = terms(a, b, halve_repeating_edges).mean(axis=1)
    return math.prod(power(x, weight) for x, weight in zip(means, WEIGHTS, strict=True))


def channel(a, b):
    """MS-SSIM of two (c, h, w) images, mean over channels of each channel's product."""
    each = terms(a, b, halve_padding_zeros)
    products = [math.prod(power(x, weight) for x, weight in zip(column, WEIGHTS, strict=True)) for column in each.T]
    return sum(products) / len(products)


def dyadic_variance(values, pairs):
    """Variance of the mean of pairwise values: sum of e_p e_q over pairs p, q that share an image."""
    mean = sum(values) / len(values)
    total = 0.0
    for p, (i, j) in zip(values, pairs, strict=True):
        for q, (k, l) in zip(values, pairs, strict=True):
            if {i, j} & {k, l}:
                total += (p - mean) * (q - mean)
    return total / len(values) ** 2
