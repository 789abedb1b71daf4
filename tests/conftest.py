"""What every test shares: a cache of its own, real image files, the shared data where it is present."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

REPO = Path(__file__).resolve().parents[1]
SHARED_DATA = REPO.parent / "shared" / "data"


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads or writes the user's cache."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("GENMETRICS_CACHE", str(folder))
    return folder


@pytest.fixture
def shared_data() -> Path:
    """The folder of real images; a test that needs it is skipped, visibly, where it is missing."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"needs the image packs in {SHARED_DATA.relative_to(REPO.parent)}")
    return SHARED_DATA


def save_pngs(folder: Path, images: np.ndarray, labels: np.ndarray | None = None) -> Path:
    """Images as folder/00000.png, or folder/label/00000.png."""
    for i, image in enumerate(images):
        place = folder if labels is None else folder / str(labels[i])
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{i:05d}.png")
    return folder
