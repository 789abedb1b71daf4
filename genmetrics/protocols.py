"""What was measured, exactly: a protocol's signature travels beside its number.

Two numbers may be compared only if their signatures are equal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Protocol:
    """Metric, features, resizing, image sets and options behind one number."""

    name: str  # as printed: fid, fd_digits-cnn
    n_generated: int
    features: str | None = None  # extractor/output@first digits of the weights' SHA-256; None: images themselves
    resize: str = "none"
    precision: str = "strict"  # of the network; told where it is less
    sizes: str = ""  # image sizes, where they are not brought to one
    references: dict[str, str] = field(default_factory=dict)  # train, real -> n@first digits of the content digest
    options: dict[str, Any] = field(default_factory=dict)
    revision: int = 1

    @property
    def signature(self) -> str:
        """One line to paste beside the number, as in `fd_pixels-5000|features:pixels/features|...|revision:1`."""
        parts = [f"{self.name}-{self.n_generated}"]
        if self.features is not None:
            parts.append(f"features:{self.features}")
        parts.append(f"resize:{self.resize}" + (f"-{self.sizes}" if self.sizes else ""))
        if self.precision != "strict":
            parts.append(f"precision:{self.precision}")
        parts += [f"{side}:{content}" for side, content in self.references.items()]
        parts += [f"{name}:{value}" for name, value in self.options.items()]
        return "|".join([*parts, f"revision:{self.revision}"])
