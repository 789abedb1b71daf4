"""The section "The thesis's claims" of docs/density.md, from the tables of the experiments."""

from __future__ import annotations

EXPERIMENTS = ("modes", "corruptions", "embeddings", "parzen", "ais")


def write() -> None: ...
