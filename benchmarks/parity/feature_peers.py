"""Do other packages give the same numbers on the same features?

The table below was fixed first: metric, peer, tolerance. 1e-6 relative, or 1e-4 where the peer computes in float32;
where a peer computes something else the cell says what. Features are skewed, correlated, float32, n of them on each
side and d wide, so that every package is given the same numbers.

Peers are imported from a folder of their own, never from the project's environment:

    pip install --target PEERS --no-deps torch-fidelity vendi-score torchmetrics lightning-utilities
    git clone https://github.com/layer6ai-labs/dgm-eval https://github.com/marcojira/fls  (their packages into PEERS)
    python benchmarks/parity/feature_peers.py --peers PEERS [--n 256 2000 10000] [--d 10 64 2048]

A peer that is not there is said to be missing. torch-fidelity has MIND only after release 0.4.0.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from cells import EXACT, SINGLE, Cell, Sets, features, run

import genmetrics as gm

RESULTS = Path(__file__).resolve().parents[1] / "results" / "parity_features.csv"
MOST_FOR_SQUARE = 2000  # images for peers that hold n x n in float64, or take a minute for each step


def logits(x: np.ndarray) -> np.ndarray:
    return 2 * x[:, : min(10, x.shape[1])]


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


def sklearn_mmd2(sets: Sets) -> float:
    """dgm-eval's kernels and compare_gan's are scikit-learn's; all pairs instead of its unseeded subsets."""
    from sklearn.metrics.pairwise import polynomial_kernel

    x, y = (part.astype(np.float64) for part in sets)
    n, m = len(x), len(y)
    xx, yy, xy = polynomial_kernel(x), polynomial_kernel(y), polynomial_kernel(x, y)
    within = (xx.sum() - np.trace(xx)) / (n * (n - 1)) + (yy.sum() - np.trace(yy)) / (m * (m - 1))
    return float(within - 2 * xy.mean())


def dgm_vendi(sets: Sets) -> float:
    from dgm_eval.metrics.vendi import compute_vendi_score

    return float(compute_vendi_score(sets[1].astype(np.float64)))


def vendi_dual(sets: Sets) -> float:
    from vendi_score import vendi

    return float(vendi.score_dual(sets[1].astype(np.float64), normalize=True))


def vendi_order_2(sets: Sets) -> float:
    from vendi_score import vendi

    x = sets[1].astype(np.float64)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return float(vendi.score_K(x @ x.T, q=2))


def fls_of_authors(sets: Sets) -> float:
    import torch
    from fls.metrics.FLS import FLS

    real, generated = (torch.from_numpy(x) for x in sets)
    third = len(real) // 3
    ones = torch.ones
    with (
        patch.object(torch.Tensor, "cuda", lambda self: self),
        patch.object(torch, "ones", lambda *size, device=None, **rest: ones(*size, **rest)),
    ):
        return float(FLS().compute_metric(real[:third], real[third : 2 * third], real[2 * third :], generated))


def our_fls(sets: Sets) -> float:
    real, generated = sets
    third = len(real) // 3
    return gm.fls(real[:third], real[2 * third :], generated, baseline=real[third : 2 * third]).value


def torchmetrics_mifid(sets: Sets) -> float:
    import torch
    from torchmetrics.image.mifid import _mifid_compute

    real, generated = (torch.from_numpy(x).double() for x in sets)
    moments = [(x.mean(0), torch.cov(x.T), x) for x in (real, generated)]
    return float(_mifid_compute(*moments[0], *moments[1]))


TABLE = (
    Cell("frechet", "torch-fidelity", SINGLE, lambda s: gm.frechet_distance(*s), fidelity_fid, "means in float32"),
    Cell("frechet", "dgm-eval", EXACT, lambda s: gm.frechet_distance(*s), dgm_fd, "sqrtm", widest=64),
    Cell("kernel", "torch-fidelity", SINGLE, our_kid, fidelity_kid, "float32; the same 20 subsets of 200"),
    Cell(
        "kernel",
        "scikit-learn",
        EXACT,
        lambda s: gm.kernel_distance(*s, subsets=None).value,
        sklearn_mmd2,
        most=MOST_FOR_SQUARE,
    ),
    Cell(
        "kernel-rbf",
        "torch-fidelity",
        SINGLE,
        lambda s: our_kid(s, kernel="rbf"),
        lambda s: fidelity_kid(s, kid_kernel="rbf", kid_kernel_rbf_sigma=10.0),
        "float32",
    ),
    Cell(
        "inception-score",
        "torch-fidelity",
        EXACT,
        lambda s: gm.inception_score(logits=logits(s[1])).value,
        fidelity_is,
        "softmax in float64",
    ),
    Cell("sliced-wasserstein", "torch-fidelity", SINGLE, our_mind, fidelity_mind, "float32; its own directions"),
    Cell("vendi", "vendi-score", EXACT, lambda s: gm.vendi_score(s[1]), vendi_dual),
    Cell("vendi", "dgm-eval", EXACT, lambda s: gm.vendi_score(s[1]), dgm_vendi, most=MOST_FOR_SQUARE),
    Cell("rke", "vendi-score", EXACT, lambda s: gm.rke(s[1]), vendi_order_2, "order 2", most=MOST_FOR_SQUARE),
    Cell("fls", "fls", SINGLE, our_fls, fls_of_authors, "float32, 100 steps of Adam", most=MOST_FOR_SQUARE, widest=64),
    Cell(
        "mifid",
        "torchmetrics",
        EXACT,
        lambda s: gm.mifid(s[1], s[0]).value,
        torchmetrics_mifid,
        "sets exchanged: it averages over real images, see gm.mifid",
        widest=64,
    ),
)


if __name__ == "__main__":
    run(TABLE, features, RESULTS, __doc__)
