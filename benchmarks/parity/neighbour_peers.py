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
from cells import RESULTS, Cell, Sets, always, features, once, run

import genmetrics as gm

TABLE_FILE = RESULTS / "parity_neighbours.csv"
CT_MODES = {"copying": "compute_CTscore", "memorised": "compute_CTscore_mem", "collapse": "compute_CTscore_mode"}
COMPONENTS = "its 64 principal components given to both"
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


def repeated(sets: Sets) -> Sets:
    """Few real images, eight copies of each; the samples copy them too."""
    copies = np.repeat(sets[0][: len(sets[0]) // 8], 8, axis=0)
    return copies, copies.copy()


def without_last(sets: Sets) -> Sets:
    """An odd number of real images, so that one ball has the median radius."""
    return sets[0][: (len(sets[0]) - 1) // 2 * 2 + 1], sets[1]


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


def dgm_ct(sets: Sets, mode: str = "copying") -> float:
    from dgm_eval.metrics import ct
    from scipy.stats import mannwhitneyu

    def flat(x: np.ndarray, y: np.ndarray, **options: Any) -> Any:
        """SciPy tests columns one by one since 1.7, so that the peer's two-dimensional arrays would fail."""
        return mannwhitneyu(x.ravel(), y.ravel(), **options)

    narrow = for_ct(sets, mode)
    np.random.seed(0)  # noqa: NPY002 - its k-means then draws what ours draws
    with patch.object(ct, "mannwhitneyu", flat):
        return getattr(ct, CT_MODES[mode])(*narrow)


def our_ct_as_authors(sets: Sets, mode: str) -> float:
    """Nearest within the cell, and half a pair more in every U."""
    found = gm.ct_score(*for_ct(sets, mode), search="cell", mode=mode)
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


def empty_cell(n: int, d: int) -> str:
    return "it refuses: a cell of its k-means holds none of 64 test images" if (n, d) == (256, 2048) else ""


def ct_cells() -> list[Cell]:
    """C_T and the two other questions that it answers with sets exchanged."""
    return [
        Cell(
            f"C_T as the authors', {mode}",
            "dgm-eval",
            lambda s, mode=mode: our_ct_as_authors(s, mode),
            lambda s, mode=mode: dgm_ct(s, mode),
            alike=f'search="cell" and, added by the script, 0.5 in every U; {COMPONENTS}',
            unless=empty_cell if mode == "collapse" else always,
        )
        for mode in CT_MODES
    ]


def narrow(n: int, d: int) -> str:
    return "" if d > 64 else "it keeps all components of features as narrow as this"


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
        differs="it leaves out the ball of median radius, which an odd n has: samples nearest to that one differ",
    ),
    Cell(
        "precision of copies",
        "prdc",
        lambda s: gm.precision_recall(*repeated(s)).precision,
        lambda s: prdc_of(repeated(s), 3, "precision"),
        single="the distances kept",
        alike="k = 3",
        differs="eight copies of every image: balls of radius 0 are empty if open, so that copies get 0",
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
        lambda s: gm.ct_score(*for_ct(s)).value,
        dgm_ct,
        alike=COMPONENTS,
        differs="the authors' code adds 0.5 to every U and searches within the cell, the paper does neither",
    ),
    Cell(
        "C_T of all features",
        "dgm-eval",
        lambda s: gm.ct_score(*parts(s)).value,
        dgm_ct,
        differs="it keeps 64 principal components of wider features",
        unless=narrow,
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
