"""How good are these generated images, and can you trust the number?

Public names are loaded on first use, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from genmetrics.analyses.ms_ssim import ms_ssim as ms_ssim
    from genmetrics.analyses.ms_ssim import ms_ssim_diversity as ms_ssim_diversity
    from genmetrics.comparison import compare as compare
    from genmetrics.evaluation import evaluate as evaluate
    from genmetrics.features import extract as extract
    from genmetrics.metrics import METRICS as METRICS
    from genmetrics.metrics.ddm import ddm as ddm
    from genmetrics.metrics.extrapolated import frechet_distance_infinity as frechet_distance_infinity
    from genmetrics.metrics.extrapolated import inception_score_infinity as inception_score_infinity
    from genmetrics.metrics.fls import fls as fls
    from genmetrics.metrics.frechet import frechet_distance as frechet_distance
    from genmetrics.metrics.inception_score import inception_score as inception_score
    from genmetrics.metrics.inception_score import select_by_inception_score as select_by_inception_score
    from genmetrics.metrics.intra_class import intra_class_frechet_distance as intra_class_frechet_distance
    from genmetrics.metrics.kernel import kernel_distance as kernel_distance
    from genmetrics.metrics.mifid import mifid as mifid
    from genmetrics.metrics.moments import Moments as Moments
    from genmetrics.metrics.neighbours import nearest_neighbours as nearest_neighbours
    from genmetrics.metrics.prd import prd as prd
    from genmetrics.metrics.sliced import sliced_wasserstein as sliced_wasserstein
    from genmetrics.metrics.vendi import rke as rke
    from genmetrics.metrics.vendi import vendi_score as vendi_score
    from genmetrics.panel import sensitivity as sensitivity
    from genmetrics.records import Record as Record
    from genmetrics.sources import open_images as open_images

PUBLIC = {
    "METRICS": "metrics",
    "Moments": "metrics.moments",
    "Record": "records",
    "compare": "comparison",
    "ddm": "metrics.ddm",
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
    "ms_ssim_diversity": "analyses.ms_ssim",
    "nearest_neighbours": "metrics.neighbours",
    "open_images": "sources",
    "prd": "metrics.prd",
    "rke": "metrics.vendi",
    "select_by_inception_score": "metrics.inception_score",
    "sensitivity": "panel",
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
