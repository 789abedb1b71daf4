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
    from genmetrics.metrics.frechet import Moments as Moments
    from genmetrics.metrics.frechet import frechet_distance as frechet_distance
    from genmetrics.metrics.inception_score import inception_score as inception_score
    from genmetrics.metrics.kernel import kernel_distance as kernel_distance
    from genmetrics.metrics.manifold import density_coverage as density_coverage
    from genmetrics.metrics.manifold import precision_recall as precision_recall
    from genmetrics.metrics.manifold import realism as realism
    from genmetrics.metrics.memorisation import auth_pct as auth_pct
    from genmetrics.metrics.memorisation import ct_score as ct_score
    from genmetrics.metrics.memorisation import near_duplicates as near_duplicates
    from genmetrics.metrics.memorisation import share_nearer as share_nearer
    from genmetrics.metrics.neighbours import nearest_neighbours as nearest_neighbours
    from genmetrics.metrics.two_sample import classifier_two_sample as classifier_two_sample
    from genmetrics.records import Record as Record
    from genmetrics.sources import open_images as open_images

PUBLIC = {
    "METRICS": "metrics",
    "Moments": "metrics.frechet",
    "Record": "records",
    "auth_pct": "metrics.memorisation",
    "classifier_two_sample": "metrics.two_sample",
    "compare": "comparison",
    "ct_score": "metrics.memorisation",
    "ddm": "metrics.ddm",
    "density_coverage": "metrics.manifold",
    "evaluate": "evaluation",
    "extract": "features",
    "frechet_distance": "metrics.frechet",
    "inception_score": "metrics.inception_score",
    "kernel_distance": "metrics.kernel",
    "ms_ssim": "analyses.ms_ssim",
    "ms_ssim_diversity": "analyses.ms_ssim",
    "near_duplicates": "metrics.memorisation",
    "nearest_neighbours": "metrics.neighbours",
    "open_images": "sources",
    "precision_recall": "metrics.manifold",
    "realism": "metrics.manifold",
    "share_nearer": "metrics.memorisation",
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
