"""What every test shares: a cache of its own, the shared data where it is present."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

REPO = Path(__file__).resolve().parents[1]
SHARED_DATA = REPO.parent / "shared" / "data"


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads or writes the user's cache."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("GENMETRICS_CACHE", str(folder))
    return folder


@pytest.fixture(autouse=True)
def no_published_weights(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test depends on what weights the user has."""
    monkeypatch.delenv("GENMETRICS_WEIGHTS_DIR", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path_factory.mktemp("torch_home")))


@pytest.fixture(scope="session")
def random_inception() -> ModuleType:
    """The recipe of benchmarks/parity for random weights."""
    file = REPO / "benchmarks" / "parity" / "random_inception.py"
    spec = importlib.util.spec_from_file_location("random_inception", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def inception_state(random_inception: ModuleType) -> dict[str, Any]:
    """Random weights of the 2015-12-05 Inception, by their published names."""
    return random_inception.random_state(seed=0)


@pytest.fixture(scope="session")
def inception_weights(inception_state: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same in a file."""
    import torch

    file = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.save(inception_state, file)
    return file


@pytest.fixture
def shared_data() -> Path:
    """The folder of real images; a test that needs it is skipped, visibly, where it is missing."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"needs the image packs in {SHARED_DATA.relative_to(REPO.parent)}")
    return SHARED_DATA
