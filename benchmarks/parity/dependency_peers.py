"""Do our metrics give what their definitions give, written out with NumPy, SciPy and scikit-learn over all pairs?

The table below was fixed first, as in feature_peers.py, and for metrics that few packages have it is all there is to
compare with. The features are those of neighbour_peers.py. Distances are scikit-learn's, all pairs held; the training
images of metrics with three sets are the first half of the real ones, the test images the second.

    OMP_NUM_THREADS=1 python benchmarks/parity/dependency_peers.py [--n 256 2000 10000] [--d 10 64 2048]

No package is needed that genmetrics does not need itself, so `tests/benchmarks/test_parity.py` runs the table at
n = 256 and d = 10 each time. At n = 10,000 all pairs take 4 GiB.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from cells import RESULTS, Cell, Sets, once, run
from feature_peers import logits
from neighbour_peers import parts, with_copies

import genmetrics as gm

TABLE_FILE = RESULTS / "parity_dependencies.csv"
DISTANCES = "scikit-learn, distances"
RUNS = 2  # of the clusterings of PRD


@once
def all_squares(sets: Sets) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Squared distances within the real images, within the generated ones, and from real to generated."""
    from sklearn.metrics.pairwise import euclidean_distances

    real, generated = (x.astype(np.float64) for x in sets)
    pairs = ((real,), (generated,), (real, generated))
    return tuple(euclidean_distances(*pair, squared=True) for pair in pairs)


def kth(squares: np.ndarray, k: int) -> np.ndarray:
    """From each image of a set to its k-th nearest other one."""
    return np.partition(squares, k, axis=1)[:, k]


def density_coverage(sets: Sets) -> tuple[float, float]:
    within, _, between = all_squares(sets)
    inside = between < kth(within, 5)[:, None]
    return inside.sum(axis=0).mean() / 5, inside.any(axis=1).mean()


def realism(sets: Sets) -> np.ndarray:
    within, _, between = all_squares(sets)
    squares = kth(within, 3)
    small = squares <= np.median(squares)
    return np.sqrt((squares[small][:, None] / between[small]).max(axis=0))


def auth_pct(sets: Sets) -> float:
    within, _, between = all_squares(sets)
    return 100 * float((kth(within, 1)[between.argmin(axis=0)] < between.min(axis=0)).mean())


def mmd2(sets: Sets) -> float:
    """With a Gaussian kernel whose sigma is the root of d, over all pairs."""
    of_real, of_generated, both = (np.exp(-squares / (2 * sets[0].shape[1])) for squares in all_squares(sets))
    within = [(k.sum() - len(k)) / (len(k) * (len(k) - 1)) for k in (of_real, of_generated)]
    return float(sum(within) - 2 * both.mean())


def log_mean_exp(squares: np.ndarray) -> np.ndarray:
    """log mean e^(-square / 2) of each row."""
    from scipy.special import logsumexp

    return logsumexp(-squares / 2, axis=1) - np.log(squares.shape[1])


def ddm(sets: Sets) -> float:
    return -float(log_mean_exp(all_squares(sets)[2]).mean())


def ddm_relative(sets: Sets) -> float:
    within, _, between = all_squares(sets)
    half = len(within) // 2
    return float((log_mean_exp(within[:half, half:]) - log_mean_exp(between[:half])).mean())


def ddm_variational_kl(sets: Sets) -> float:
    within, _, between = all_squares(sets)
    return float((log_mean_exp(within) - log_mean_exp(between)).mean())


def ct_score(sets: Sets) -> float:
    """The paper's: z of the Mann-Whitney test in each cell, by how many test images it holds."""
    from scipy.stats import mannwhitneyu
    from sklearn.cluster import KMeans

    train, test, generated = (x.astype(np.float64) for x in parts(sets))
    within, _, between = all_squares(sets)
    nearest = within[: len(train), len(train) :].min(axis=0), between[: len(train)].min(axis=0)
    clusters = KMeans(3, n_init=10, random_state=0).fit(train)
    cells = [clusters.predict(x) for x in (test, generated)]
    z, weights = [], []
    for cell in range(3):
        of_test, of_generated = (squares[labels == cell] for squares, labels in zip(nearest, cells, strict=True))
        n, m = len(of_test), len(of_generated)
        if n and m > 20:
            u = mannwhitneyu(of_generated, of_test).statistic
            z.append((u - n * m / 2) / np.sqrt(n * m * (n + m + 1) / 12))
            weights.append(n)
    return float(np.average(z, weights=weights))


def frechet(sets: Sets) -> float:
    from scipy.linalg import eigvals

    x, y = (part.astype(np.float64) for part in sets)
    of_x, of_y, shift = np.cov(x.T), np.cov(y.T), x.mean(axis=0) - y.mean(axis=0)
    cross = np.sqrt(eigvals(of_x @ of_y).astype(complex)).real.sum()
    return float(shift @ shift + np.trace(of_x) + np.trace(of_y) - 2 * cross)


def two_classes(sets: Sets) -> tuple[np.ndarray, np.ndarray]:
    """A label for each image."""
    return np.arange(len(sets[0])) % 2, np.arange(len(sets[1])) % 2


def intra_class(sets: Sets) -> float:
    return float(np.mean([frechet(tuple(x[start::2] for x in sets)) for start in (0, 1)]))


def mifid(sets: Sets) -> float:
    from sklearn.metrics.pairwise import cosine_similarity

    train, generated = (x.astype(np.float64) for x in sets)
    apart = float((1 - np.abs(cosine_similarity(generated, train)).max(axis=1)).mean())
    return frechet(sets) / (apart if apart < 0.1 else 1.0)


def score_of(p: np.ndarray) -> float:
    from scipy.special import rel_entr

    return float(np.exp(rel_entr(p, p.mean(axis=0)).sum(axis=1).mean()))


def softmax(sets: Sets) -> np.ndarray:
    from scipy.special import softmax

    return softmax(logits(sets[1]).astype(np.float64), axis=1)


def inception_score(sets: Sets) -> float:
    p = softmax(sets)
    cuts = np.arange(11) * len(p) // 10
    return float(np.mean([score_of(p[start:end]) for start, end in pairwise(cuts)]))


def inception_score_infinity(sets: Sets) -> float:
    p, random = softmax(sets), np.random.default_rng(0)
    sizes = np.linspace(min(5000, len(p) // 10), len(p), 15).astype(int)
    scores = [score_of(p[random.choice(len(p), size, replace=False)]) for size in sizes]
    return float(np.polyfit(1 / sizes, scores, 1)[1])


def unit(x: np.ndarray) -> np.ndarray:
    from sklearn.preprocessing import normalize

    return normalize(x.astype(np.float64))


def vendi(sets: Sets) -> float:
    p = np.linalg.svd(unit(sets[1]), compute_uv=False) ** 2 / len(sets[1])
    p = p[p > 0]
    return float(np.exp(-(p * np.log(p)).sum()))


def rke(sets: Sets) -> float:
    x = unit(sets[1])
    return float(1 / np.square(x @ x.T).mean())


def directions(sets: Sets) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(200, sets[0].shape[1]))


def sliced(sets: Sets) -> float:
    """Of as many images on both sides: the i-th smallest is moved to the i-th smallest."""
    real, generated = (np.sort(x.astype(np.float64) @ unit(directions(sets)).T, axis=0) for x in sets)
    return float(3 * sets[0].shape[1] * np.square(real - generated).mean())


def prd(sets: Sets) -> tuple[float, float]:
    """F_8 and F_1/8 of the mean curve."""
    from sklearn.cluster import MiniBatchKMeans

    n, union = len(sets[0]), np.concatenate(sets).astype(np.float64)
    angles = np.linspace(1e-10, np.pi / 2 - 1e-10, 1001)
    curves = []
    for seed in range(RUNS):
        found = MiniBatchKMeans(20, n_init=10, random_state=seed).fit_predict(union)
        real, generated = (np.bincount(side, minlength=20) / n for side in (found[:n], found[n:]))
        curves.append([np.minimum(np.tan(angle) * real, generated).sum() for angle in angles])
    precision = np.mean(curves, axis=0)
    recall = precision / np.tan(angles)
    squares = 64.0, 1 / 64
    return tuple(float(((1 + b) * precision * recall / (b * precision + recall)).max()) for b in squares)


def our_prd(sets: Sets) -> tuple[float, float]:
    found = gm.prd(*sets, runs=RUNS)
    return found.f8, found.f1_8


def our_density_coverage(sets: Sets) -> tuple[float, float]:
    found = gm.density_coverage(*sets)
    return found.density, found.coverage


TABLE = (
    Cell("frechet", "SciPy, eigenvalues", lambda s: gm.frechet_distance(*s), frechet),
    Cell(
        "frechet-intra-class",
        "SciPy, eigenvalues",
        lambda s: gm.intra_class_frechet_distance(*s, *two_classes(s)).value,
        intra_class,
        alike="two classes by turns",
    ),
    Cell("mifid", "scikit-learn, cosines", lambda s: gm.mifid(*s).value, mifid),
    Cell(
        "kernel-rbf",
        DISTANCES,
        lambda s: gm.kernel_distance(*s, subsets=None, kernel="rbf", sigma=s[0].shape[1] ** 0.5).value,
        mmd2,
        alike="all pairs; sigma the root of d",
    ),
    Cell(
        "inception-score", "SciPy, entropies", lambda s: gm.inception_score(logits=logits(s[1])).value, inception_score
    ),
    Cell(
        "inception-score-infinity",
        "SciPy, entropies",
        lambda s: gm.inception_score_infinity(logits=logits(s[1])).value,
        inception_score_infinity,
        alike="one seed",
    ),
    Cell(
        "sliced-wasserstein",
        "NumPy, sorted",
        lambda s: gm.sliced_wasserstein(*s, projections=directions(s)).value,
        sliced,
        alike="200 directions given to both",
    ),
    Cell("vendi", "NumPy, singular values", lambda s: gm.vendi_score(s[1]), vendi),
    Cell("rke", "NumPy, all pairs", lambda s: gm.rke(s[1]), rke),
    Cell("prd-f8, prd-f1-8", "scikit-learn, k-means", our_prd, prd, alike="two runs; one seed each"),
    Cell("ddm", f"{DISTANCES}; SciPy", lambda s: gm.ddm(*s).value, ddm),
    Cell("ddm-relative", f"{DISTANCES}; SciPy", lambda s: gm.ddm_relative(*parts(s)).value, ddm_relative),
    Cell("ddm-variational-kl", f"{DISTANCES}; SciPy", lambda s: gm.ddm_variational_kl(*s).value, ddm_variational_kl),
    Cell("density, coverage", DISTANCES, our_density_coverage, density_coverage),
    Cell("realism", DISTANCES, lambda s: gm.realism(*s), realism, alike="every sample's"),
    Cell("AuthPct", DISTANCES, lambda s: gm.auth_pct(*s), auth_pct),
    Cell("C_T", f"{DISTANCES}; SciPy", lambda s: gm.ct_score(*parts(s)).value, ct_score, alike="one seed of k-means"),
)


if __name__ == "__main__":
    run(TABLE, with_copies, TABLE_FILE, __doc__)
