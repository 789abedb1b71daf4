"""The literal table of metrics. Adding one is a function, a row and a test file."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from genmetrics._checks import unknown_name

if TYPE_CHECKING:
    from genmetrics.records import Estimate

INF = math.inf
INCEPTION = "inception-v3-tf2015"  # the one network whose scores bear the names FID, KID and IS


@dataclass(frozen=True)
class Metric:
    """What a metric is called, what it needs, and what the common tests check of it."""

    function: str  # public name of the pure function
    estimate: str  # module:function, called with what `needs` names, and with seed= and intervals=
    needs: tuple[str, ...]  # side.output, in the order of the arguments; "embedding" is logits, else features
    better: str  # "lower", "higher", or "closer to real": to the same number for real images
    bounds: tuple[float, float]
    symmetric: bool  # f(a, b) = f(b, a)
    prefix: str  # printed as prefix_extractor; "": as inception_name on every network
    inception_name: str  # printed so on INCEPTION
    paper: str
    summary: str  # one line for a person who asks why this number is what it is
    cost: str = "nmd"  # operations, for n real and m generated images of d features
    panel: bool = False  # taken when no metric is named
    stand_in: str = "train"  # real images put in the samples' place for the 'real data' column; "": none
    of_moments: bool = False  # a side may be `Moments`
    excess: bool = False  # how far it lies above the 'real data' column is what counts: said in details and words
    null: float | None = None  # what real images get, where that is known beforehand
    revision: int = 1  # goes up when the same inputs would give another value

    @property
    def sides(self) -> tuple[str, ...]:
        """Which of "train", "real" and "generated" it looks at."""
        return tuple(dict.fromkeys(need.split(".")[0] for need in self.needs))

    def printed(self, extractor: str) -> str:
        """The name that goes beside the number: never `fid` on anything but the FID's own network."""
        plain = extractor == INCEPTION or not self.prefix
        return self.inception_name if plain else f"{self.prefix}_{extractor}"

    def compute(self) -> Callable[..., Estimate]:
        """The function behind `estimate`."""
        module, name = self.estimate.split(":")
        return getattr(import_module(f"genmetrics.{module}"), name)


METRICS = {
    "frechet": Metric(
        function="frechet_distance",
        estimate="metrics.frechet:frechet_estimate",
        needs=("real.features", "generated.features"),
        better="lower",
        bounds=(0, INF),
        symmetric=True,
        prefix="fd",
        inception_name="fid",
        paper="arXiv:1706.08500",
        summary="distance between Gaussians fitted to the features: sees blur, noise and missing modes alike",
        cost="nd² + d³",
        panel=True,
        of_moments=True,
    ),
    "kernel": Metric(
        function="kernel_distance",
        estimate="metrics.kernel:kernel_estimate",
        needs=("real.features", "generated.features"),
        better="lower",
        bounds=(-INF, INF),
        symmetric=True,
        prefix="kd",
        inception_name="kid",
        paper="arXiv:1801.01401",
        summary="unbiased distance between the features' distributions: about 0 for real images at any n",
        cost="(n + m)²d",
        panel=True,
    ),
    "inception-score": Metric(
        function="inception_score",
        estimate="metrics.inception_score:inception_score_estimate",
        needs=("generated.logits",),
        better="higher",
        bounds=(1, INF),
        symmetric=False,
        prefix="is",
        inception_name="is",
        paper="arXiv:1606.03498",
        stand_in="real",
        summary="how sure the classifier is times how many classes it names: blind to collapse within a class",
        cost="m classes",
        panel=True,
        revision=2,
    ),
    "ddm": Metric(
        function="ddm",
        estimate="metrics.ddm:ddm_estimate",
        needs=("real.embedding", "generated.embedding"),
        better="lower",
        bounds=(0, INF),
        symmetric=False,
        prefix="ddm",
        inception_name="ddm_" + INCEPTION,
        paper="Basart (2017), ch. 3",
        summary="how far test images lie from the generated ones: every real mode that is missing costs",
        cost="nmd",
        panel=True,
        excess=True,
    ),
    "ddm-relative": Metric(
        function="ddm_relative",
        estimate="metrics.ddm:ddm_relative_estimate",
        needs=("train.embedding", "real.embedding", "generated.embedding"),
        better="lower",
        bounds=(-INF, INF),
        symmetric=False,
        prefix="ddm_relative",
        inception_name="ddm_relative_" + INCEPTION,
        paper="Basart (2017), eq. 3.5",
        summary="how much farther training images lie from the generated ones than from test images",
        stand_in="",
    ),
    "ddm-variational-kl": Metric(
        function="ddm_variational_kl",
        estimate="metrics.mixtures:ddm_variational_kl_estimate",
        needs=("real.embedding", "generated.embedding"),
        better="lower",
        bounds=(-INF, INF),
        symmetric=False,
        prefix="ddm_variational_kl",
        inception_name="ddm_variational_kl_" + INCEPTION,
        paper="Basart (2017), eq. 3.3; Hershey & Olsen (2007)",
        summary="DDM less what the test images score on themselves: 0 for the very same images",
    ),
    "parzen": Metric(
        function="parzen_log_likelihood",
        estimate="metrics.parzen:parzen_estimate",
        needs=("train.features", "real.features", "generated.features"),
        better="higher",
        bounds=(-INF, INF),
        symmetric=False,
        prefix="",
        inception_name="parzen",
        paper="arXiv:1406.2661",
        summary="log-likelihood of test images under a Gaussian on each sample: higher is not sharper",
        stand_in="",
    ),
    "frechet-infinity": Metric(
        function="frechet_distance_infinity",
        estimate="metrics.extrapolated:frechet_infinity_estimate",
        needs=("real.features", "generated.features"),
        better="lower",
        bounds=(-INF, INF),
        symmetric=False,
        prefix="fd_inf",
        inception_name="fid_inf",
        paper="arXiv:1911.07023",
        summary="the Frechet distance that infinitely many samples would have: no bias by their number, but more noise",
        cost="15 (nd² + d³)",
    ),
    "sfid": Metric(
        function="frechet_distance",
        estimate="metrics.frechet:frechet_estimate",
        needs=("real.sfid", "generated.sfid"),
        better="lower",
        bounds=(0, INF),
        symmetric=True,
        prefix="sfid",
        inception_name="sfid",
        paper="arXiv:2103.03841",
        summary="Frechet distance of features that keep their place in the picture: sees wrong layout",
        cost="nd² + d³",
    ),
    "frechet-intra-class": Metric(
        function="intra_class_frechet_distance",
        estimate="metrics.intra_class:intra_class_estimate",
        needs=("real.features", "generated.features", "real.labels", "generated.labels"),
        better="lower",
        bounds=(0, INF),
        symmetric=True,
        prefix="fd_intra",
        inception_name="fid_intra",
        paper="arXiv:1802.05637",
        summary="mean over classes of the Frechet distance within a class: sees a collapse that other classes hide",
        cost="nd² + classes d³",
    ),
    "kernel-rbf": Metric(
        function="kernel_distance",
        estimate="metrics.kernel:rbf_estimate",
        needs=("real.features", "generated.features"),
        better="lower",
        bounds=(-INF, INF),
        symmetric=True,
        prefix="kd_rbf",
        inception_name="kd_rbf_" + INCEPTION,
        paper="arXiv:2401.09603",
        summary="distance of distributions with CMMD's Gaussian kernel of sigma 10: about 0 for real images at any n",
        cost="(n + m)²d",
    ),
    "inception-score-infinity": Metric(
        function="inception_score_infinity",
        estimate="metrics.extrapolated:inception_score_infinity_estimate",
        needs=("generated.logits",),
        better="higher",
        bounds=(-INF, INF),
        symmetric=False,
        prefix="is_inf",
        inception_name="is_inf",
        paper="arXiv:1911.07023",
        summary="the Inception score that infinitely many samples would have",
        cost="m classes",
        stand_in="real",
    ),
    "vendi": Metric(
        function="vendi_score",
        estimate="metrics.vendi:vendi_estimate",
        needs=("generated.features",),
        better="closer to real",
        bounds=(1, INF),
        symmetric=False,
        prefix="vendi",
        inception_name="vendi_" + INCEPTION,
        paper="arXiv:2210.02410",
        summary="effective number of different images: below real data's they are less diverse, above it more varied",
        cost="md² + d³",
        stand_in="real",
    ),
    "rke": Metric(
        function="rke",
        estimate="metrics.vendi:rke_estimate",
        needs=("generated.features",),
        better="closer to real",
        bounds=(1, INF),
        symmetric=False,
        prefix="rke",
        inception_name="rke_" + INCEPTION,
        paper="arXiv:2306.11074",
        summary="effective number of modes, frequent ones above all: below real data's, modes are missing",
        cost="md² + d³",
        stand_in="real",
    ),
    "sliced-wasserstein": Metric(
        function="sliced_wasserstein",
        estimate="metrics.sliced:sliced_estimate",
        needs=("real.features", "generated.features"),
        better="lower",
        bounds=(0, INF),
        symmetric=True,
        prefix="sw",
        inception_name="mind",
        paper="arXiv:2605.06797",
        summary="distance of distributions along random directions: no Gaussian is fitted, few images suffice",
        cost="1000 (nd + n log n)",
    ),
    "mifid": Metric(
        function="mifid",
        estimate="metrics.mifid:mifid_estimate",
        needs=("train.features", "generated.features"),
        better="lower",
        bounds=(0, INF),
        symmetric=False,
        prefix="mifd",
        inception_name="mifid",
        paper="arXiv:2106.03062",
        summary="Frechet distance to the training set, many times larger where samples copy its images",
        cost="nmd + d³",
        stand_in="real",
    ),
    "fls": Metric(
        function="fls",
        estimate="metrics.fls:fls_estimate",
        needs=("train.features", "real.features", "generated.features"),
        better="higher",
        bounds=(0, INF),
        symmetric=False,
        prefix="fls",
        inception_name="fls_" + INCEPTION,
        paper="arXiv:2302.04440",
        summary="likelihood of test images under the samples, 100 for half the training set: sees damage, gaps, copies",
        cost="100 nmd",
        stand_in="",  # training images would be perfect copies, and copies are looked for
    ),
    "prd-f8": Metric(
        function="prd",
        estimate="metrics.prd:prd_f8_estimate",
        needs=("real.features", "generated.features"),
        better="higher",
        bounds=(0, 1),
        symmetric=False,
        prefix="prd_f8",
        inception_name="prd_f8_" + INCEPTION,
        paper="arXiv:1806.00035",
        summary="recall over clusters of features: falls where real modes are missing",
        cost="10 runs of k-means",
    ),
    "prd-f1-8": Metric(
        function="prd",
        estimate="metrics.prd:prd_f1_8_estimate",
        needs=("real.features", "generated.features"),
        better="higher",
        bounds=(0, 1),
        symmetric=False,
        prefix="prd_f1-8",
        inception_name="prd_f1-8_" + INCEPTION,
        paper="arXiv:1806.00035",
        summary="precision over clusters of features: falls where samples are unlike any real image",
        cost="10 runs of k-means",
    ),
    "ms-ssim": Metric(
        function="ms_ssim_diversity",
        estimate="analyses.diversity:ms_ssim_estimate",
        needs=("generated.images",),
        better="closer to real",
        bounds=(0, 1),
        symmetric=False,
        prefix="",
        inception_name="ms_ssim",
        paper="arXiv:1610.09585",
        stand_in="real",
        summary="similarity of random pairs of samples: above real data's they are less diverse, below it noisier",
        cost="100 pairs a class",
        panel=True,
    ),
    "precision": Metric(
        function="precision_recall",
        estimate="metrics.manifold:precision_estimate",
        needs=("real.features", "generated.features"),
        better="higher",
        bounds=(0, 1),
        symmetric=False,
        prefix="",
        inception_name="precision",
        paper="arXiv:1904.06991",
        summary="share of samples among the real images: falls with blur and noise, blind to missing modes",
    ),
    "recall": Metric(
        function="precision_recall",
        estimate="metrics.manifold:recall_estimate",
        needs=("real.features", "generated.features"),
        better="higher",
        bounds=(0, 1),
        symmetric=False,
        prefix="",
        inception_name="recall",
        paper="arXiv:1904.06991",
        summary="share of real images among the samples: falls with missing modes; scattered samples raise it",
    ),
    "density": Metric(
        function="density_coverage",
        estimate="metrics.manifold:density_estimate",
        needs=("real.features", "generated.features"),
        better="higher",
        bounds=(0, INF),
        symmetric=False,
        prefix="",
        inception_name="density",
        paper="arXiv:2002.09797",
        summary="how many real images lie around a sample, 1 for real data: above 1 samples crowd where real ones do",
    ),
    "coverage": Metric(
        function="density_coverage",
        estimate="metrics.manifold:coverage_estimate",
        needs=("real.features", "generated.features"),
        better="higher",
        bounds=(0, 1),
        symmetric=False,
        prefix="",
        inception_name="coverage",
        paper="arXiv:2002.09797",
        summary="share of real images with a sample near: falls with missing modes and with blur",
    ),
    "two-sample": Metric(
        function="classifier_two_sample",
        estimate="metrics.two_sample:two_sample_estimate",
        needs=("real.features", "generated.features"),
        better="closer to real",
        bounds=(0, 1),
        symmetric=True,
        prefix="",
        inception_name="1nn_accuracy",
        paper="arXiv:1610.06545",
        summary="how often the nearest other image tells real from generated: 1/2 for real data, 1 if far apart",
        null=0.5,
    ),
    "auth-pct": Metric(
        function="auth_pct",
        estimate="metrics.memorisation:auth_pct_estimate",
        needs=("train.features", "generated.features"),
        better="closer to real",
        bounds=(0, 100),
        symmetric=False,
        prefix="",
        inception_name="auth_pct",
        paper="arXiv:2102.08921",
        stand_in="real",
        summary="percentage of samples that are no copies of a training image: below real data's they copy",
    ),
    "ct-score": Metric(
        function="ct_score",
        estimate="metrics.memorisation:ct_score_estimate",
        needs=("train.features", "real.features", "generated.features"),
        better="closer to real",
        bounds=(-INF, INF),
        symmetric=False,
        prefix="",
        inception_name="ct_score",
        paper="arXiv:2004.05675",
        stand_in="real",
        summary="are samples nearer to the training set than test images are? below 0: copies; above 0: far away",
        null=0.0,
    ),
}


def find_metric(name: str) -> Metric:
    """The row of METRICS called `name`.

    Raises:
        UnknownNameError: there is none; the one printed so, or the nearest is suggested.
    """
    if name not in METRICS:
        raise unknown_name("metric", name, METRICS, meant=printed_so(name.lower()))
    return METRICS[name]


def printed_so(name: str) -> str | None:
    """The metric whose number bears this name, on some extractor: frechet for fid or fd_digits-cnn."""
    exact = next((metric for metric, row in METRICS.items() if name == row.inception_name), None)
    begun = [metric for metric, row in METRICS.items() if row.prefix and f"{name}_".startswith(f"{row.prefix}_")]
    return exact or max(begun, key=lambda metric: len(METRICS[metric].prefix), default=None)
