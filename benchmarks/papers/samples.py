"""Samples of stored runs, drawn once, and their features."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from claim import RUNS
from numpy.typing import NDArray

import genmetrics as gm
from genmetrics.records import write_atomically

KEPT = RUNS / "papers"


def drawn(run: Path, n: int, seed: int = 0) -> NDArray[np.uint8]:
    """n samples of a run, (n, h, w) or (n, h, w, 3); kept for whoever asks again.

    Raises:
        SystemExit: there is no such run.
    """
    import io

    from reference_models.__main__ import trained

    file = KEPT / f"{run.parent.name}_{run.name}_{n}_{seed}.npy"
    if not file.exists():
        if not (run / "checkpoint.safetensors").exists():
            raise SystemExit(f"{run} holds no trained model; `make papers-train` trains it")
        content = io.BytesIO()
        images = trained(run, "cpu")[0].sample(n, seed=seed)
        np.save(content, images[:, 0] if images.shape[1] == 1 else images.transpose(0, 2, 3, 1))
        KEPT.mkdir(parents=True, exist_ok=True)
        write_atomically(file, content.getvalue())
    return np.load(file)


def features(images: NDArray[np.uint8], *outputs: str, extractor: Any = "mnist-cnn") -> dict[str, NDArray[np.float32]]:
    """What a network says of the images; `features` and `logits` unless others are named."""
    return gm.extract(images, extractor, outputs or ("features", "logits"))
