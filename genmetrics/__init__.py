"""How good are these generated images, and can you trust the number?

Public names are loaded on first use, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from genmetrics.analyses.ais import ais_bdmc as ais_bdmc
    from genmetrics.analyses.ais import ais_log_likelihood as ais_log_likelihood
    from genmetrics.analyses.ais import ais_sweep as ais_sweep
    from genmetrics.analyses.discriminability import resolution_discriminability as resolution_discriminability
    from genmetrics.analyses.diversity import ms_ssim_diversity as ms_ssim_diversity
    from genmetrics.analyses.ms_ssim import ms_ssim as ms_ssim
    from genmetrics.comparison import compare as compare
    from genmetrics.evaluation import evaluate as evaluate
    from genmetrics.features import extract as extract
    from genmetrics.metrics import METRICS as METRICS
    from genmetrics.metrics.ddm import ddm as ddm
    from genmetrics.metrics.ddm import ddm_relative as ddm_relative
    from genmetrics.metrics.ddm import ddm_sum as ddm_sum
    from genmetrics.metrics.extrapolated import frechet_distance_infinity as frechet_distance_infinity
    from genmetrics.metrics.extrapolated import inception_score_infinity as inception_score_infinity
    from genmetrics.metrics.fls import fls as fls
    from genmetrics.metrics.frechet import frechet_distance as frechet_distance
    from genmetrics.metrics.inception_score import inception_score as inception_score
    from genmetrics.metrics.inception_score import select_by_inception_score as select_by_inception_score
    from genmetrics.metrics.intra_class import intra_class_frechet_distance as intra_class_frechet_distance
    from genmetrics.metrics.kernel import kernel_distance as kernel_distance
    from genmetrics.metrics.manifold import density_coverage as density_coverage
    from genmetrics.metrics.manifold import precision_recall as precision_recall
    from genmetrics.metrics.manifold import realism as realism
    from genmetrics.metrics.memorisation import auth_pct as auth_pct
    from genmetrics.metrics.memorisation import ct_score as ct_score
    from genmetrics.metrics.memorisation import near_duplicates as near_duplicates
    from genmetrics.metrics.memorisation import share_nearer as share_nearer
    from genmetrics.metrics.mifid import mifid as mifid
    from genmetrics.metrics.mixtures import Mixture as Mixture
    from genmetrics.metrics.mixtures import ddm_single_gaussian as ddm_single_gaussian
    from genmetrics.metrics.mixtures import ddm_variational_kl as ddm_variational_kl
    from genmetrics.metrics.moments import Moments as Moments
    from genmetrics.metrics.neighbours import nearest_neighbours as nearest_neighbours
    from genmetrics.metrics.parzen import parzen_log_likelihood as parzen_log_likelihood
    from genmetrics.metrics.prd import prd as prd
    from genmetrics.metrics.sliced import sliced_wasserstein as sliced_wasserstein
    from genmetrics.metrics.two_sample import classifier_two_sample as classifier_two_sample
    from genmetrics.metrics.vendi import rke as rke
    from genmetrics.metrics.vendi import vendi_score as vendi_score
    from genmetrics.panel import sensitivity as sensitivity
    from genmetrics.records import Record as Record
    from genmetrics.sources import open_images as open_images

PUBLIC = {
    "METRICS": "metrics",
    "Mixture": "metrics.mixtures",
    "Moments": "metrics.moments",
    "Record": "records",
    "ais_bdmc": "analyses.ais",
    "ais_log_likelihood": "analyses.ais",
    "ais_sweep": "analyses.ais",
    "auth_pct": "metrics.memorisation",
    "classifier_two_sample": "metrics.two_sample",
    "compare": "comparison",
    "ct_score": "metrics.memorisation",
    "ddm": "metrics.ddm",
    "ddm_relative": "metrics.ddm",
    "ddm_single_gaussian": "metrics.mixtures",
    "ddm_sum": "metrics.ddm",
    "ddm_variational_kl": "metrics.mixtures",
    "density_coverage": "metrics.manifold",
    "evaluate": "evaluation",
    "extract": "features",
    "fls": "metrics.fls",
    "frechet_distance": "metrics.frechet",
    "frechet_distance_infinity": "metrics.extrapolated",
    "inception_score": "metrics.inception_score",
    "inception_score_infinity": "metrics.extrapolated",
    "intra_class_frechet_distance": "metrics.intra_class",
    "kernel_distance": "metrics.kernel",
    "mifid": "metrics.mifid",
    "ms_ssim": "analyses.ms_ssim",
    "ms_ssim_diversity": "analyses.diversity",
    "near_duplicates": "metrics.memorisation",
    "nearest_neighbours": "metrics.neighbours",
    "open_images": "sources",
    "parzen_log_likelihood": "metrics.parzen",
    "prd": "metrics.prd",
    "precision_recall": "metrics.manifold",
    "realism": "metrics.manifold",
    "resolution_discriminability": "analyses.discriminability",
    "rke": "metrics.vendi",
    "select_by_inception_score": "metrics.inception_score",
    "sensitivity": "panel",
    "share_nearer": "metrics.memorisation",
    "sliced_wasserstein": "metrics.sliced",
    "vendi_score": "metrics.vendi",
}

__all__ = ["__version__", *PUBLIC]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in PUBLIC:
        raise AttributeError(f"module 'genmetrics' has no attribute '{name}'")
    value = getattr(import_module(f"genmetrics.{PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
