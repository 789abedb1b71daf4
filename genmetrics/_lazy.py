"""Optional packages, imported in the function that needs them, with an install hint when missing."""

from __future__ import annotations

import importlib
from types import ModuleType


def require(package: str, *, install: str, why: str) -> ModuleType:
    """Import `package`, or say what needs it and what to install.

    Raises:
        ModuleNotFoundError: `why` needs `package`: pip install `install`.
    """
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package.split(".")[0]:
            raise
        raise ModuleNotFoundError(f"{why} needs '{package}': pip install '{install}'") from None
