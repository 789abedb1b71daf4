"""Real image files for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def save_pngs(folder: Path, images: np.ndarray, labels: np.ndarray | None = None) -> Path:
    """Images as folder/00000.png, or folder/label/00000.png."""
    for i, image in enumerate(images):
        place = folder if labels is None else folder / str(labels[i])
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{i:05d}.png")
    return folder
