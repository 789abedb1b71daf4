"""What tests of reports are made of: scores, inputs, images, and a page as a test reads it."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np

from genmetrics.records import Score

VOID = {"meta", "link", "img", "br"}
HOSTILE = "</script><img src=x onerror=alert(1)>'\"&{{ 7*7 }}"
SIGNATURE = "{}|features:digits-cnn/penultimate@3b7c|resize:none|real:digits-test@9f2c|seed:0|revision:1"


def score(name: str, numbers: tuple = (4.213, 4.104, 4.322), baseline: tuple | None = None, **rest) -> Score:
    """A score of (value, low, high), with sensible values for what is not given."""
    value, low, high = numbers
    defaults = {
        "metric": name,
        "std_error": None,
        "std_error_generated": None,
        "interval": "normal, both sides drawn",
        "better": "lower",
        "n_real": 899,
        "n_generated": 5000,
        "signature": SIGNATURE.format(name),
        "baseline": baseline and dict(zip(("value", "low", "high", "n"), (*baseline, 898), strict=True)),
    }
    return Score(name=name, value=value, low=low, high=high, **{**defaults, **rest})


def source(origin: str, n: int, kind: str = "folder") -> dict:
    """One input as a record describes it."""
    return {
        "origin": origin,
        "kind": kind,
        "n": n,
        "sizes": {"8x8": n},
        "digest": f"{n:08x}" * 8,
        "classes": list("0123456789"),
    }


def tiles(n: int, side: int, seed: int = 0, channels: int = 1) -> list[np.ndarray]:
    """Smooth random gradients, uint8 (side, side, channels)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : 1 : side * 1j, 0 : 1 : side * 1j][..., None]
    waves = [np.sin(6 * (a * x + b * y) + c) for a, b, c in rng.normal(size=(n, 3, channels))]
    return [np.uint8(127.5 * (wave + 1)) for wave in waves]


def diversity(seed: int, shift: float, classes: int = 10) -> dict[str, dict]:
    """Per-class MS-SSIM as an analysis would report it."""
    rng = np.random.default_rng(seed)
    means, halves = rng.uniform(0.12, 0.3, 10) + shift, rng.uniform(0.01, 0.03, 10)
    return {
        str(c): {"value": m, "std_error": h / 2, "low": m - h, "high": m + h, "n": 180, "pairs": 100}
        for c, (m, h) in enumerate(zip(means.tolist()[:classes], halves.tolist(), strict=False))
    }


class Page(HTMLParser):
    """Elements with their attributes, text by element, and whether every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements, self.text, self.open = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append((self.open[-1] if self.open else "", data.strip()))

    def texts(self, tag: str) -> list[str]:
        return [text for element, text in self.text if element == tag and text]

    def all(self, tag: str) -> list[dict]:
        return [attributes for element, attributes in self.elements if element == tag]
