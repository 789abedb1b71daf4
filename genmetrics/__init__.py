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
    from genmetrics.metrics.frechet import frechet_distance as frechet_distance
    from genmetrics.metrics.inception_score import inception_score as inception_score
    from genmetrics.metrics.kernel import kernel_distance as kernel_distance
    from genmetrics.metrics.moments import Moments as Moments
    from genmetrics.metrics.neighbours import nearest_neighbours as nearest_neighbours
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
    "frechet_distance": "metrics.frechet",
    "inception_score": "metrics.inception_score",
    "kernel_distance": "metrics.kernel",
    "ms_ssim": "analyses.ms_ssim",
    "ms_ssim_diversity": "analyses.ms_ssim",
    "nearest_neighbours": "metrics.neighbours",
    "open_images": "sources",
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
