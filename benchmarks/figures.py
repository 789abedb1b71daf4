"""Where the figures of the docs go: docs/pictures, on white, since a reader's page may be dark."""

from __future__ import annotations

from pathlib import Path

from lengths import PICTURES


def save(name: str, data: bytes) -> Path:
    """Write a figure (SVG or PNG bytes) to docs/pictures."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    path = PICTURES / name
    path.write_bytes(data.replace(b"<svg", b'<svg style="background: #fff"', 1) if name.endswith(".svg") else data)
    return path
