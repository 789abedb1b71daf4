"""Do other packages give the same numbers about nearest neighbours on the same features?

The table below was fixed first: metric, peer, tolerance. A share moves by whole images, so that 1e-4 of it is none at
these n. Where a peer computes something else the cell shows the difference, and what makes ours equal to it. Features
are those of feature_peers.py, but of the generated ones a quarter are real ones barely altered and a quarter follow the
real distribution. The training images are the first half of the real ones, the test images the second.

Peers are imported from folders of their own, never from the project's environment:

    pip install --target PEERS --no-deps torch-fidelity prdc
    git clone https://github.com/layer6ai-labs/dgm-eval  (its package into PEERS)
    OMP_NUM_THREADS=1 python benchmarks/parity/neighbour_peers.py --peers PEERS [--n 256 2000 10000] [--d 10 64 2048]

A cell that stands in the table is not measured again, unless with --again; --only names metrics.

ADM's evaluator needs TensorFlow 1; its rule (closed balls, k = 3, squared distances) is written out with scikit-learn's
distances, as is Lopez-Paz & Oquab's leave-one-out 1-NN.
"""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import numpy as np
from cells import RESULTS, Cell, Difference, Sets, features, once, run

import genmetrics as gm
from genmetrics.kernels.close_pairs import largest_ratio, within
from genmetrics.metrics.manifold import terms_of

TABLE_FILE = RESULTS / "parity_neighbours.csv"
CT_MODES = {"copying": "compute_CTscore", "memorised": "compute_CTscore_mem", "collapse": "compute_CTscore_mode"}
AS_AUTHORS = 'search="cell" and, added by the script, 0.5 in every U'
COMPONENTS = "its 64 principal components given to both"
SEEDED = "one seed of k-means, the first with which it does not refuse"
SEEDS = 20  # of the peer's k-means that are tried
ALTERED = 0.05  # of the features' deviation: how far an altered copy lies from its original


def with_copies(n: int, d: int) -> Sets:
    """Real and generated features."""
    real, generated = features(n, d)
    quarter = n // 4
    noise = np.random.default_rng(n * d).normal(size=(quarter, d)) * real.std() * ALTERED
    generated[:quarter] = real[:quarter] + noise
    generated[quarter : 2 * quarter] /= 1.1
    return real, generated


def parts(sets: Sets) -> Sets:
    """Training, test and generated features."""
    real, generated = sets
    return real[: len(real) // 2], real[len(real) // 2 :], generated


def half_repeated(sets: Sets) -> Sets:
    """Half of the real images are eight copies each of a few, which half of the samples copy too.

    All are rounded to eighths, so that distances of 0 are 0 in any arithmetic.
    """
    real, generated = (np.round(x * 8) / 8 for x in sets)
    copies = np.repeat(real[: len(real) // 16], 8, axis=0)
    return tuple(np.concatenate([copies, x[len(copies) :]]) for x in (real, generated))


def without_last(sets: Sets) -> Sets:
    """An odd number of real images, so that one ball has the median radius."""
    return sets[0][: (len(sets[0]) - 1) // 2 * 2 + 1], sets[1]


def realism_below_median(sets: Sets) -> np.ndarray:
    """Ours, but for the ball of median radius."""
    real, generated = without_last(sets)
    squares = within(real, 3).squares[:, -1]
    small = squares < np.median(squares)
    return np.sqrt(largest_ratio(real[small], generated, squares[small]))


def precision_of_open_balls(sets: Sets) -> float:
    """The share of samples that density counts in at least one ball: its balls are open."""
    return float((terms_of(*half_repeated(sets), k=3).density > 0).mean())


def our_precision_recall(sets: Sets) -> tuple[float, float]:
    found = gm.precision_recall(*sets)
    return found.precision, found.recall


def our_density_coverage(sets: Sets) -> tuple[float, float]:
    found = gm.density_coverage(*sets)
    return found.density, found.coverage


def fidelity_prc(sets: Sets) -> tuple[float, float]:
    from torch import from_numpy
    from torch_fidelity.metric_prc import prc_features_to_metric

    real, generated = map(from_numpy, sets)
    settings = {"prc_neighborhood": 3, "prc_batch_size": 10_000, "save_cpu_ram": True, "verbose": False}
    found = prc_features_to_metric(generated, real, **settings)
    return found["precision"], found["recall"]


def adm_rule(sets: Sets) -> tuple[float, float]:
    from sklearn.metrics.pairwise import euclidean_distances
    from sklearn.neighbors import NearestNeighbors

    def share(centres: np.ndarray, points: np.ndarray) -> float:
        own = NearestNeighbors(n_neighbors=3, algorithm="brute").fit(centres).kneighbors()[0]  # without the point
        return float((euclidean_distances(points, centres, squared=True) <= own[:, -1] ** 2).any(axis=1).mean())

    real, generated = (x.astype(np.float64) for x in sets)
    return share(real, generated), share(generated, real)


def prdc_of(sets: Sets, k: int, *names: str) -> list[float]:
    from prdc import compute_prdc

    found = compute_prdc(*sets, nearest_k=k)
    return [float(found[name]) for name in names]


@once
def dgm_prdc(sets: Sets, k: int) -> dict[str, Any]:
    """Precision, recall, density, coverage, and the realism of each sample."""
    from dgm_eval.metrics.prdc import compute_prdc

    return compute_prdc(*(x.astype(np.float64) for x in sets), nearest_k=k, realism=True)


def dgm_shares(sets: Sets, k: int, *names: str) -> list[float]:
    return [dgm_prdc(sets, k)[name] for name in names]


def dgm_auth_pct(sets: Sets) -> float:
    from dgm_eval.metrics.authpct import compute_authpct

    train, _, generated = parts(sets)
    return compute_authpct(train, generated)


def narrowed(train: np.ndarray, test: np.ndarray, generated: np.ndarray) -> list[np.ndarray]:
    """As dgm-eval hands them on: 64 principal components, those of the first set, of what is wider."""
    from dgm_eval.metrics.ct import preprcoess_ct

    np.random.seed(0)  # noqa: NPY002 - the state that the peer's scikit-learn draws from
    return [x.astype(np.float64) for x in preprcoess_ct(train, test, generated)]


def for_ct(sets: Sets, mode: str = "copying") -> Sets:
    """Training, test and generated features, narrowed for what stands for the training set in that mode."""
    train, test, generated = parts(sets)
    if mode == "memorised":
        generated, test, train = narrowed(generated, test, train)
    elif mode == "collapse":
        train, second, generated = narrowed(*np.array_split(test, 2), generated)
        test = np.concatenate([train, second])
    else:
        train, test, generated = narrowed(train, test, generated)
    return train, test, generated


@once
def dgm_ct(sets: Sets, mode: str) -> tuple[float, int]:
    """Its score, and the seed of its k-means: the first with which it does not refuse, every cell holding images."""
    from dgm_eval.metrics import ct
    from scipy.stats import mannwhitneyu

    def flat(x: np.ndarray, y: np.ndarray, **options: Any) -> Any:
        """SciPy tests columns one by one since 1.7, so that the peer's two-dimensional arrays would fail."""
        return mannwhitneyu(x.ravel(), y.ravel(), **options)

    narrow = for_ct(sets, mode)
    with patch.object(ct, "mannwhitneyu", flat):
        for seed in range(SEEDS):
            np.random.seed(seed)  # noqa: NPY002 - its k-means then draws what ours draws
            try:
                return getattr(ct, CT_MODES[mode])(*narrow), seed
            except (IndexError, ValueError) as error:  # a cell holds no test image
                refused = error
    raise refused


def our_ct(sets: Sets, given: Sets, mode: str = "copying", **options: Any) -> Any:
    """Ours of what is given, its k-means seeded as the peer's is for these sets."""
    return gm.ct_score(*given, mode=mode, seed=dgm_ct(sets, mode)[1], **options)


def our_ct_as_authors(sets: Sets, given: Sets, mode: str = "copying") -> float:
    """Nearest within the cell, and half a pair more in every U."""
    found = our_ct(sets, given, mode, search="cell")
    kept = [cell for cell in found.cells if cell.z is not None]
    half = [0.5 / np.sqrt(c.test * c.generated * (c.test + c.generated + 1) / 12) for c in kept]
    return found.value + float(np.average(half, weights=[c.test for c in kept]))


@once
def sklearn_neighbours(sets: Sets, metric: str) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.neighbors import NearestNeighbors

    real, generated = (x.astype(np.float64) for x in sets)
    return NearestNeighbors(n_neighbors=5, algorithm="brute", metric=metric).fit(real).kneighbors(generated)


@once
def our_neighbours(sets: Sets, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Distances and indices, as scikit-learn has them."""
    found = gm.nearest_neighbours(sets[1], sets[0], k=5, metric=metric)
    return found.distances, found.indices


def sklearn_loo(sets: Sets) -> float:
    from sklearn.neighbors import NearestNeighbors

    pooled = np.concatenate(sets).astype(np.float64)
    labels = np.repeat([0, 1], [len(x) for x in sets])
    nearest = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(pooled).kneighbors(return_distance=False)
    return float((labels[nearest[:, 0]] == labels).mean())


def neighbour_cells(ours: str, theirs: str) -> list[Cell]:
    """Indices, which must be the very same, and distances: all of them, one by one."""
    return [
        Cell(
            f"nearest {what}, {ours}",
            "scikit-learn",
            lambda s, part=part: our_neighbours(s, ours)[part],
            lambda s, part=part: sklearn_neighbours(s, theirs)[part],
            alike="k = 5",
        )
        for part, what in enumerate(("distances", "indices"))
    ]


def ct_cells() -> list[Cell]:
    """C_T and the two other questions that it answers with sets exchanged."""
    return [
        Cell(
            f"C_T as the authors', {mode}",
            "dgm-eval",
            lambda s, mode=mode: our_ct_as_authors(s, for_ct(s, mode), mode),
            lambda s, mode=mode: dgm_ct(s, mode)[0],
            alike=f"{AS_AUTHORS}; {COMPONENTS}; {SEEDED}",
        )
        for mode in CT_MODES
    ]


def wide(n: int, d: int) -> bool:
    """Are there more than the 64 components that the peer keeps?"""
    return d > 64


TABLE = (
    Cell(
        "precision, recall", "torch-fidelity", our_precision_recall, fidelity_prc, single="the distances", alike="k = 3"
    ),
    Cell("precision, recall", "scikit-learn, ADM's rule", our_precision_recall, adm_rule, alike="k = 3"),
    Cell(
        "precision, recall",
        "prdc",
        our_precision_recall,
        lambda s: prdc_of(s, 3, "precision", "recall"),
        single="the distances kept",
        alike="k = 3; no two distances equal: its balls are open",
    ),
    Cell(
        "precision, recall",
        "dgm-eval",
        our_precision_recall,
        lambda s: dgm_shares(s, 3, "precision", "recall"),
        alike="k = 3; no two distances equal: its balls are open",
    ),
    Cell(
        "realism",
        "dgm-eval",
        lambda s: gm.realism(*s),
        lambda s: dgm_prdc(s, 3)["realism"],
        alike="k = 3; n even; every sample's",
    ),
    Cell(
        "realism, n odd",
        "dgm-eval",
        lambda s: gm.realism(*without_last(s)),
        lambda s: dgm_prdc(without_last(s), 3)["realism"],
        alike="k = 3; every sample's",
        differs=Difference(
            "it leaves out the ball of median radius, which an odd n has: samples nearest to that one differ",
            "ours without this ball",
            ours=realism_below_median,
        ),
    ),
    Cell(
        "precision of copies",
        "prdc",
        lambda s: gm.precision_recall(*half_repeated(s)).precision,
        lambda s: prdc_of(half_repeated(s), 3, "precision"),
        single="the distances kept",
        alike="k = 3",
        differs=Difference(
            "half of the images are eight copies each: balls of radius 0 are empty if open, and miss the copies",
            "ours of open balls, density's",
            ours=precision_of_open_balls,
        ),
    ),
    Cell(
        "density, coverage",
        "prdc",
        our_density_coverage,
        lambda s: prdc_of(s, 5, "density", "coverage"),
        single="the distances kept",
        alike="k = 5",
    ),
    Cell(
        "density, coverage",
        "dgm-eval",
        our_density_coverage,
        lambda s: dgm_shares(s, 5, "density", "coverage"),
        alike="k = 5",
    ),
    Cell("AuthPct", "dgm-eval", lambda s: gm.auth_pct(parts(s)[0], s[1]), dgm_auth_pct, single="everything"),
    *ct_cells(),
    Cell(
        "C_T",
        "dgm-eval",
        lambda s: our_ct(s, for_ct(s)).value,
        lambda s: dgm_ct(s, "copying")[0],
        alike=f"{COMPONENTS}; {SEEDED}",
        differs=Difference(
            "the authors' code adds 0.5 to every U and searches within the cell, the paper does neither",
            "ours with both",
            ours=lambda s: our_ct_as_authors(s, for_ct(s)),
        ),
    ),
    Cell(
        "C_T of all features",
        "dgm-eval",
        lambda s: our_ct_as_authors(s, parts(s)),
        lambda s: dgm_ct(s, "copying")[0],
        alike=f"{AS_AUTHORS}; {SEEDED}",
        differs=Difference(
            "it keeps 64 principal components of wider features",
            "ours of these components",
            ours=lambda s: our_ct_as_authors(s, for_ct(s)),
            at=wide,
        ),
    ),
    Cell(
        "1-NN accuracy",
        "scikit-learn, leave one out",
        lambda s: gm.classifier_two_sample(*s).accuracy,
        sklearn_loo,
    ),
    *neighbour_cells("l2", "euclidean"),
    *neighbour_cells("l1", "manhattan"),
    *neighbour_cells("cosine", "cosine"),
)


if __name__ == "__main__":
    run(TABLE, with_copies, TABLE_FILE, __doc__)
