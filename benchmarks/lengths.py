"""How long the papers' models are trained, and where what is found goes.

In minutes on a CPU, by the quick presets; or, with GENMETRICS_LENGTH=paper, as long as the papers did, on a GPU if
there is one: the same scripts, runs of the same names in runs/full, and tables, pictures, records and page apart from
those of the short runs; `make papers-train GPU=1` and `make papers GPU=1` set it. GENMETRICS_RUNS names another folder
of runs.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import safetensors

REPO = Path(__file__).resolve().parents[1]
FULL = os.environ.get("GENMETRICS_LENGTH", "quick") == "paper"
APART = "full" if FULL else ""
PRESET, DEVICE = ("paper", "auto") if FULL else ("quick", "cpu")
LOOP = ("--preset", PRESET, "--device", DEVICE, "--resume")  # of `reference_models train`
RUNS = Path(os.environ.get("GENMETRICS_RUNS", REPO / "runs" / APART))
RESULTS = REPO / "benchmarks" / "results" / APART
PICTURES = REPO / "docs" / "pictures" / APART
PAGE = REPO / "docs" / ("papers-full.md" if FULL else "papers.md")


def records(board: str) -> Path:
    """The folder of the records of a leaderboard."""
    return REPO / "benchmarks" / "leaderboards" / (f"{board}-full" if FULL else board)


def brought(run: Path, model: str, seed: int) -> bool:
    """A long run of this model and seed is there and has made its last step, by whatever command it was trained.

    So runs of gpu/train.py serve, whose loop is another. A short run is always trained by the script itself.
    """
    from reference_models.checkpoints import CHECKPOINT, read_settings

    if not FULL or not (run / CHECKPOINT).exists():
        return False
    settings = read_settings(run)
    with safetensors.safe_open(run / CHECKPOINT, framework="pt") as file:
        step = json.loads(file.metadata()["json"])["step"]
    return (settings["model"], settings["seed"]) == (model, seed) and step >= settings["config"]["steps"]
