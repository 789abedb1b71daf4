"""Do other packages give the same numbers on the same features?

The table below was fixed first: metric, peer, tolerance. 1e-6 relative, or 1e-4 where the peer computes in float32;
where a peer computes something else the cell says what. Features are skewed, correlated, float32, n of them on each
side and d wide, so that every package is given the same numbers.

Peers are imported from folders of their own, never from the project's environment:

    pip install --target PEERS --no-deps torch-fidelity vendi-score torchmetrics lightning-utilities
    git clone https://github.com/layer6ai-labs/dgm-eval https://github.com/marcojira/fls  (their packages into PEERS)
    OMP_NUM_THREADS=1 python benchmarks/parity/feature_peers.py --peers PEERS [--n 256 2000 10000] [--d 10 64 2048]

A cell that stands in the table is not measured again, unless with --again; --only names metrics. A peer that is not
there is said to be missing. torch-fidelity has MIND only after release 0.4.0. At n = 10,000 the cells together take
an hour of one core and 3 GiB, most of it in peers: square roots, eigensolves of n x n, pairs in a tree.
"""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import numpy as np
from cells import RESULTS, Cell, Difference, Sets, features, once, run

import genmetrics as gm

TABLE_FILE = RESULTS / "parity_features.csv"
TESTED = 2000  # real images under the Parzen windows


def logits(x: np.ndarray) -> np.ndarray:
    return 2 * x[:, : min(10, x.shape[1])]


def softmax(x: np.ndarray) -> np.ndarray:
    from scipy.special import softmax

    return softmax(logits(x).astype(np.float64), axis=1)


def whole_splits(x: np.ndarray) -> np.ndarray:
    """As many images as ten splits of equal size hold."""
    return x[: len(x) // 10 * 10]


def ragged(x: np.ndarray) -> np.ndarray:
    """A number of images that ten splits do not divide."""
    return whole_splits(x)[:-1]


def few_copied(sets: Sets) -> Sets:
    """Real images, and samples that are eight copies of each of a few of them, hardly altered."""
    real = sets[0]
    copies = np.repeat(real[: len(real) // 8], 8, axis=0)
    noise = np.random.default_rng(0).normal(size=copies.shape) * real.std() * 0.01
    return real, (copies + noise).astype(np.float32)


def fidelity_fid(sets: Sets) -> float:
    from torch import from_numpy
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    stats = [fid_features_to_statistics(from_numpy(x)) for x in sets]
    return fid_statistics_to_metric(*stats, verbose=False)["frechet_inception_distance"]


def fidelity_kid(sets: Sets, **options: Any) -> float:
    from torch import from_numpy
    from torch_fidelity.metric_kid import kid_features_to_metric

    real, generated = map(from_numpy, sets)
    settings = {"kid_subsets": 20, "kid_subset_size": 200, "rng_seed": 0, "verbose": False, **options}
    # its input 1 are the samples, drawn first
    return kid_features_to_metric(generated, real, **settings)["kernel_inception_distance_mean"]


def fidelity_rbf(sets: Sets, sigma: float) -> float:
    return fidelity_kid(sets, kid_kernel="rbf", kid_kernel_rbf_sigma=sigma)


def fidelity_rbf_without_diagonal(sets: Sets) -> float:
    """The same, but that nothing is added to what lies off the diagonal."""
    from torch_fidelity import metric_kid

    mmd2 = metric_kid.mmd2

    def without_diagonals(k_11: np.ndarray, k_12: np.ndarray, k_22: np.ndarray) -> float:
        for k in (k_11, k_22):
            np.fill_diagonal(k, 0)
        return mmd2(k_11, k_12, k_22)

    with patch.object(metric_kid, "mmd2", without_diagonals):
        return fidelity_rbf(sets, 10.0)


def fidelity_is(sets: Sets) -> float:
    from torch import from_numpy
    from torch_fidelity.metric_isc import isc_features_to_metric

    found = isc_features_to_metric(from_numpy(logits(sets[1])), splits=10, shuffle=False)
    return found["inception_score_mean"]


def fidelity_mind(sets: Sets) -> float:
    from torch import from_numpy
    from torch_fidelity.defaults import DEFAULTS
    from torch_fidelity.metric_mind import mind_features_to_metric

    DEFAULTS.setdefault("mind_num_projections", 1000)

    real, generated = map(from_numpy, sets)
    settings = {"mind_num_projections": 200, "cuda": False, "rng_seed": 0, "verbose": False}
    return mind_features_to_metric(generated, real, **settings)["monge_inception_distance"]


def our_mind(sets: Sets) -> float:
    import torch

    drawn = torch.randn(200, sets[0].shape[1], generator=torch.Generator().manual_seed(0))
    return gm.sliced_wasserstein(*sets, projections=drawn).value


def our_kid(sets: Sets, **options: Any) -> float:
    return gm.kernel_distance(*sets, subsets=20, subset_size=200, seed=0, **options).value


def dgm_fd(sets: Sets) -> float:
    from dgm_eval.metrics.fd import compute_FD_with_reps

    return float(compute_FD_with_reps(*(x.astype(np.float64) for x in sets)))


def dgm_fd_infinity(sets: Sets) -> float:
    from dgm_eval.metrics.fd import compute_FD_infinity

    seeded = np.random.default_rng(0)
    with patch.object(np.random, "default_rng", lambda: seeded):
        return float(compute_FD_infinity(*(x.astype(np.float64) for x in sets)))


def dgm_mmd(sets: Sets) -> float:
    from dgm_eval.metrics.mmd import compute_mmd

    real, generated = (x.astype(np.float64) for x in sets)
    np.random.seed(0)  # noqa: NPY002 - the state that the peer draws from
    return float(compute_mmd(generated, real, n_subsets=20, subset_size=200).mean())


def sklearn_mmd2(sets: Sets) -> float:
    """All pairs, one kernel matrix after the other."""
    from sklearn.metrics.pairwise import polynomial_kernel

    def within(x: np.ndarray) -> float:
        k = polynomial_kernel(x)
        return (k.sum() - np.trace(k)) / (len(x) * (len(x) - 1))

    x, y = (part.astype(np.float64) for part in sets)
    return float(within(x) + within(y) - 2 * polynomial_kernel(x, y).mean())


def dgm_is(x: np.ndarray) -> float:
    from dgm_eval.metrics.inception_score import calculate_score

    return float(calculate_score(softmax(x), splits=10, N=len(x), shuffle=False)[0])


def our_is(x: np.ndarray) -> float:
    return gm.inception_score(probabilities=softmax(x)).value


def dgm_vendi(sets: Sets) -> float:
    from dgm_eval.metrics.vendi import compute_vendi_score

    return float(compute_vendi_score(sets[1].astype(np.float64)))


def vendi_dual(sets: Sets, q: int) -> float:
    from vendi_score import vendi

    return float(vendi.score_dual(sets[1].astype(np.float64), q=q))


def vendi_from_features(sets: Sets, q: int) -> float:
    from vendi_score import vendi

    return float(vendi.score_X(sets[1].astype(np.float64), q=q))


def thirds(sets: Sets) -> Sets:
    """Training, baseline, test and generated features."""
    real, generated = sets
    third = len(real) // 3
    return real[:third], real[third : 2 * third], real[2 * third :], generated


def on_cpu(compute: Any, sets: Any) -> float:
    """`compute` of code that asks for a GPU, without one."""
    import torch

    ones = torch.ones
    with (
        patch.object(torch.Tensor, "cuda", lambda self: self),
        patch.object(torch, "ones", lambda *size, device=None, **rest: ones(*size, **rest)),
    ):
        return float(compute(*sets))


def fls_of_authors(sets: Sets) -> float:
    from fls.metrics.FLS import FLS
    from torch import from_numpy

    return on_cpu(FLS().compute_metric, map(from_numpy, thirds(sets)))


def dgm_fls(sets: Sets) -> float:
    from dgm_eval.metrics.fls import compute_fls

    return on_cpu(compute_fls, thirds(sets))


@once
def our_fls(sets: Sets) -> float:
    train, baseline, test, generated = thirds(sets)
    return gm.fls(train, test, generated, baseline=baseline).value


def torchmetrics_mifid(sets: Sets) -> float:
    import torch
    from torchmetrics.image.mifid import _mifid_compute

    real, generated = (torch.from_numpy(x).double() for x in sets)
    moments = [(x.mean(0), torch.cov(x.T), x) for x in (real, generated)]
    return float(_mifid_compute(*moments[0], *moments[1]))


def tested(sets: Sets) -> Sets:
    """At most TESTED real images: the peer takes 7 microseconds a pair of 2,048 features."""
    return sets[0][:TESTED], sets[1]


def sklearn_parzen(sets: Sets) -> float:
    from sklearn.neighbors import KernelDensity

    real, generated = (x.astype(np.float64) for x in tested(sets))
    return float(KernelDensity(bandwidth=real.shape[1] ** 0.5).fit(generated).score_samples(real).mean())


def our_parzen(sets: Sets) -> float:
    return gm.parzen_log_likelihood(*tested(sets), sigma=sets[0].shape[1] ** 0.5).value


def wide(n: int, d: int) -> bool:
    """Are the features so far apart that a Gaussian of sigma 10 vanishes?"""
    return d == 2048


TABLE = (
    Cell("frechet", "torch-fidelity", lambda s: gm.frechet_distance(*s), fidelity_fid, single="the means"),
    Cell("frechet", "dgm-eval", lambda s: gm.frechet_distance(*s), dgm_fd),
    Cell(
        "frechet-infinity",
        "dgm-eval",
        lambda s: gm.frechet_distance_infinity(*s).value,
        dgm_fd_infinity,
        alike="its generator, which is not seeded, seeded as ours",
    ),
    Cell(
        "kernel",
        "torch-fidelity",
        our_kid,
        fidelity_kid,
        single="everything",
        alike="20 subsets of 200, one seed",
    ),
    Cell(
        "kernel",
        "dgm-eval",
        our_kid,
        dgm_mmd,
        alike="20 subsets of 200; NumPy's state, from which it draws, seeded; its two sets exchanged, as ours draw",
    ),
    Cell(
        "kernel",
        "scikit-learn",
        lambda s: gm.kernel_distance(*s, subsets=None).value,
        sklearn_mmd2,
        alike="its kernel, averaged over all pairs by us",
    ),
    Cell(
        "kernel-rbf",
        "torch-fidelity",
        lambda s: our_kid(s, kernel="rbf", sigma=s[0].shape[1] ** 0.5),
        lambda s: fidelity_rbf(s, s[0].shape[1] ** 0.5),
        single="everything",
        alike="20 subsets of 200, one seed; sigma the root of d",
    ),
    Cell(
        "kernel-rbf, sigma 10",
        "torch-fidelity",
        lambda s: our_kid(s, kernel="rbf", sigma=10.0),
        lambda s: fidelity_rbf(s, 10.0),
        single="everything",
        alike="20 subsets of 200, one seed",
        differs=Difference(
            "it sums rows with the diagonal's ones and takes them off again: kernels below 1e-16 are lost",
            "its sums, the diagonal set to 0 before",
            theirs=fidelity_rbf_without_diagonal,
            at=wide,
        ),
    ),
    Cell(
        "inception-score",
        "torch-fidelity",
        lambda s: gm.inception_score(logits=logits(s[1])).value,
        fidelity_is,
        alike="shuffle=False, our default, not its",
    ),
    Cell(
        "inception-score",
        "dgm-eval",
        lambda s: our_is(whole_splits(s[1])),
        lambda s: dgm_is(whole_splits(s[1])),
        alike="shuffle=False, our default, not its; n a multiple of the ten splits; the softmax given to both",
    ),
    Cell(
        "inception-score, n no multiple of 10",
        "dgm-eval",
        lambda s: our_is(ragged(s[1])),
        lambda s: dgm_is(ragged(s[1])),
        alike="shuffle=False; the softmax given to both",
        differs=Difference(
            "it leaves out the n mod 10 last images, and cuts elsewhere than OpenAI's code does",
            "ours without these images",
            ours=lambda s: our_is(whole_splits(ragged(s[1]))),
        ),
    ),
    Cell(
        "sliced-wasserstein",
        "torch-fidelity",
        our_mind,
        fidelity_mind,
        single="everything",
        alike="its 200 directions given to ours",
    ),
    Cell("vendi", "vendi-score", lambda s: gm.vendi_score(s[1]), lambda s: vendi_dual(s, 1)),
    Cell("vendi", "dgm-eval", lambda s: gm.vendi_score(s[1]), dgm_vendi),
    Cell("rke", "vendi-score", lambda s: gm.rke(s[1]), lambda s: vendi_dual(s, 2), alike="score_dual of order 2"),
    Cell(
        "rke by score_X",
        "vendi-score",
        lambda s: gm.rke(s[1]),
        lambda s: vendi_from_features(s, 2),
        differs=Difference(
            "its score_X takes an order q and does not hand it on: order 1 comes back",
            "ours of order 1",
            ours=lambda s: gm.vendi_score(s[1]),
        ),
    ),
    Cell("fls", "fls", our_fls, fls_of_authors, single="everything", alike="the baseline set given to ours"),
    Cell(
        "fls",
        "dgm-eval",
        our_fls,
        dgm_fls,
        single="everything",
        alike="the baseline set given to ours",
    ),
    Cell(
        "mifid, sets exchanged",
        "torchmetrics",
        lambda s: gm.mifid(s[1], s[0]).value,
        torchmetrics_mifid,
        alike="our sets exchanged",
    ),
    Cell(
        "mifid of copies of a few",
        "torchmetrics",
        lambda s: gm.mifid(*few_copied(s)).value,
        lambda s: torchmetrics_mifid(few_copied(s)),
        differs=Difference(
            "it averages over real images, the paper over samples: who copies a few of them is hardly penalised",
            "ours of the sets exchanged",
            ours=lambda s: gm.mifid(*few_copied(s)[::-1]).value,
        ),
    ),
    Cell(
        "parzen",
        "scikit-learn",
        our_parzen,
        sklearn_parzen,
        alike=f"sigma the root of d; of real images the first {TESTED:,}",
    ),
)


if __name__ == "__main__":
    run(TABLE, features, TABLE_FILE, __doc__)
