"""What makes the numbers weak: conversions, resizing, duplicates, sets that overlap. One sentence each."""

from __future__ import annotations

from collections.abc import Mapping

from genmetrics._checks import count
from genmetrics.extractors import Extractor
from genmetrics.sides import Side


def warnings_about(sides: Mapping[str, Side], network: Extractor) -> list[str]:
    """Everything to keep in mind of these sets."""
    found = [warning for side in sides.values() for warning in side.images.warnings]
    for name, side in sides.items():
        if network.size is not None and side.moments is None and set(side.images.sizes) != {network.size}:
            height, width = network.size
            n = side.images.n - side.images.sizes.get(network.size, 0)
            found.append(f"{name}: {count(n, 'image')} resized to {height}x{width} ({network.resize})")
            if network.name == "digits-cnn":
                found.append("digits-cnn knows handwritten digits alone: of other images its numbers say little")
    if len({side.images.channels for side in sides.values() if side.moments is None}) > 1 and network.channels is None:
        grey = ", ".join(name for name, side in sides.items() if side.images.channels == 1 and side.moments is None)
        found.append(f"{grey}: grey images are compared with colour ones; grey was repeated to three channels")
    found = list(dict.fromkeys(found))
    for first, second in (("generated", "real"), ("generated", "train"), ("real", "train")):
        if first in sides and second in sides and sides[first].moments is sides[second].moments is None:
            found += overlap(first, sides[first], second, sides[second])
    return found


def overlap(first: str, a: Side, second: str, b: Side) -> list[str]:
    """A warning if two sets hold images that are equal pixel by pixel."""
    if a.features.digest == b.features.digest:
        return [f"{first} and {second} are the same {a.images.n} images"]
    shared = a.features.shared_with(b.features)
    if not shared:
        return []
    return [f"{shared} of {a.images.n} {first} images are also among the {second} images, pixel by pixel"]
