"""What importing costs, and which way imports point."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import genmetrics

PACKAGE = Path(genmetrics.__file__).parent
# A module may import what stands on a later line, and its own family; never what stands above it.
FLOORS = (
    ("__main__",),
    ("cli",),
    ("commands",),
    ("demo", "demo_text", "panel", "parts"),
    ("evaluation",),
    ("gallery", "cautions", "asked", "leaderboard"),
    ("reports",),
    ("ranking",),
    ("precomputed",),
    ("comparison", "sides"),
    ("features", "feature_cache"),
    ("sources", "damage", "_decode", "_arrays", "extractors", "analyses", "metrics", "digits"),
    ("kernels", "protocols", "intervals", "resizing"),
    ("records", "_console"),
    ("_checks",),
)


OF_IMAGES = ("ms_ssim", "ms_ssim_diversity", "ais_bdmc", "ais_log_likelihood", "ais_sweep")


def fresh(code: str) -> str:
    """Standard output of `code` in a new interpreter."""
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def floor(module: str) -> int:
    """The line of FLOORS that a module of the package stands on."""
    family = module.split(".")[0]
    return next(i for i, families in enumerate(FLOORS) if family in families)


def imports_of(file: Path) -> set[str]:
    """Modules of the package that a file imports when it runs (not only for type checking)."""
    tree = ast.parse(file.read_text())
    checking = [
        node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    ]
    skipped = {id(inner) for node in checking for inner in ast.walk(node)}
    found = set()
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("genmetrics."):
            found.add(node.module.removeprefix("genmetrics."))
        if isinstance(node, ast.ImportFrom) and node.module == "genmetrics.reports":
            found |= {f"reports.{name.name}" for name in node.names}
    return found


def test_importing_the_package_costs_less_than_300_ms_of_cpu():
    code = "import time; t = time.process_time(); import genmetrics; print(time.process_time() - t)"
    assert min(float(fresh(code)) for _ in range(3)) < 0.3


@pytest.mark.parametrize("heavy", ["torch", "scipy", "sklearn", "matplotlib", "PIL", "faiss", "numpy"])
def test_importing_the_package_imports_nothing_heavy(heavy):
    assert fresh(f"import sys, genmetrics; print('{heavy}' in sys.modules)").strip() == "False"


@pytest.mark.parametrize("name", [n for n in genmetrics.PUBLIC if n not in OF_IMAGES])
def test_no_public_name_needs_torch_until_an_image_is_read(name):
    assert fresh(f"import sys, genmetrics; genmetrics.{name}; print('torch' in sys.modules)").strip() == "False"


@pytest.mark.parametrize("name", genmetrics.__all__)
def test_every_public_name_exists(name):
    assert getattr(genmetrics, name) is not None


def test_an_unknown_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'frechet_distnace'"):
        genmetrics.frechet_distnace  # noqa: B018


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda f: str(f.relative_to(PACKAGE)))
def test_imports_point_one_way(file):
    module = ".".join(file.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
    if module == "__init__":
        return
    for imported in imports_of(file):
        same_family = imported.split(".")[0] == module.split(".")[0]
        assert same_family or floor(imported) >= floor(module), f"{module} imports {imported}, which stands above it"


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda f: str(f.relative_to(PACKAGE)))
def test_the_package_never_imports_the_trainers(file):
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
    assert "reference_models" not in found


@pytest.mark.parametrize("folder", ["metrics", "kernels"])
def test_metrics_know_nothing_of_images_and_the_cuda_kernel_alone_knows_torch(folder):
    for file in (PACKAGE / folder).glob("*.py"):
        text = file.read_text()
        assert ("import torch" in text) == (file.name == "fused.py")
        assert "genmetrics.sources" not in text
