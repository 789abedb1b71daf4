"""Features and statistics that were computed before, in the place of images.

A file of features (`genmetrics features`) says by which network they were made, and serves every metric of features.
A file of statistics (`mu`, `sigma`: pytorch-fid's, clean-fid's, ADM's, ours) serves the Frechet distance alone.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

import genmetrics
from genmetrics._checks import DataError, UnsuitableError, as_features
from genmetrics.extractors import Extractor
from genmetrics.feature_cache import Shard, digest_of, write_whole
from genmetrics.features import DIGEST_BYTES, Features, features_of
from genmetrics.metrics.moments import Moments
from genmetrics.sides import Side
from genmetrics.sources import ImageSet

ABOUT = "about"  # the array of an npz that holds, as JSON, what its features are
FORMAT = 1


@dataclass(frozen=True, eq=False)
class Stored:
    """What stands in the place of pixels: features, or moments, and what is known of their network."""

    origin: str
    network: Mapping[str, Any]  # as `described_network` gives it; empty: the file does not say
    features: Features | None = None
    moments: Moments | None = None
    decoder: str = field(default="")

    def stream(self, rows: Iterable[int]) -> NoReturn:
        held = "features" if self.features else "statistics"
        raise UnsuitableError(f"{self.origin} holds {held}, but images are needed")

    take = stream


def open_precomputed(source: Any, name: str) -> ImageSet | None:
    """The set behind a file of features or statistics, or `Moments`; None if `source` is something else.

    Raises:
        DataError: it is such a file, but damaged.
    """
    if isinstance(source, Moments):
        return of_statistics(source, {}, name, f"moments of width {len(source.mean)}")
    if not isinstance(source, str | os.PathLike) or not os.fspath(source).lower().endswith(".npz"):
        return None
    path = Path(source)
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            keys = set(file.files)
            about = json.loads(str(file[ABOUT])) if ABOUT in keys else None
    except (OSError, ValueError, EOFError, TypeError, AttributeError, KeyError, zipfile.BadZipFile):
        return None  # `open_images` says what is wrong
    if about is not None and "digests" in keys:
        return of_features(path, about, name)
    if {"mu", "sigma"} <= keys and not keys & {"arr_0", "x", "images", "samples", "data"}:
        network = (about or {}).get("network", {})
        return of_statistics(Moments.load(path), network, name, str(path))
    return None


def of_statistics(moments: Moments, network: Mapping[str, Any], name: str, origin: str) -> ImageSet:
    """The set that moments are of; no image of it is known."""
    content = hashlib.sha256(np.ascontiguousarray(moments.mean).data)
    content.update(np.ascontiguousarray(moments.covariance).data)
    warnings = []
    if not network:
        warnings.append(
            f"{name}: {origin} does not say by which network, weights and resizing its statistics were made; "
            "the number means something only if they are those of the other set"
        )
    if not moments.n:
        warnings.append(f"{name}: {origin} does not say how many images its statistics are of")
    return ImageSet(
        name=name,
        origin=origin,
        kind="statistics",
        n=moments.n,
        channels=1,
        sizes={},
        digest=content.hexdigest(),
        labels=None,
        classes=None,
        warnings=tuple(warnings),
        pixels=Stored(origin, network, moments=moments),
    )


def of_features(path: Path, about: Mapping[str, Any], name: str) -> ImageSet:
    """The set that the features in a file are of.

    Raises:
        DataError: the file is damaged, or of another version.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            held = {key: file[key] for key in file.files if key != ABOUT}
        if about["format"] != FORMAT:
            raise ValueError(f"format {about['format']}, not {FORMAT}; write it again")
        if about["sha256"] != digest_of(held, ""):
            raise ValueError("its content does not have the digest it was written with")
        digests = held.pop("digests")
        labels = held.pop("labels", None)
        images, network = about["images"], about["network"]
        sizes = {size_of(text): many for text, many in images["sizes"].items()}
        if digests.shape != (images["n"], DIGEST_BYTES) or "features" not in held:
            raise ValueError(f"not features of {images['n']} images")
        outputs = {key: np.asarray(as_features(value, key), np.float32) for key, value in held.items()}
    except (OSError, ValueError, EOFError, TypeError, AttributeError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{name}: {path} is damaged ({error}); make it again with genmetrics features") from None
    order = np.lexsort(digests.T[::-1])
    features = Features({key: value[order] for key, value in outputs.items()}, digests[order], order, cached=True)
    return ImageSet(
        name=name,
        origin=str(path),
        kind="features",
        n=images["n"],
        channels=images["channels"],
        sizes=sizes,
        digest=images["digest"],
        labels=labels,
        classes=None if images["classes"] is None else tuple(images["classes"]),
        warnings=tuple(f"{name}: {warning.partition(': ')[2]}" for warning in about["warnings"]),
        pixels=Stored(str(path), network, features=features),
    )


def size_of(text: str) -> tuple[int, int]:
    """Height and width of '28x30'."""
    height, width = text.split("x")
    return int(height), int(width)


def side_of(images: ImageSet, network: Extractor, **how: Any) -> Side:
    """A side of a comparison: what `network` says of the images, or what a file says that it said.

    Raises:
        DataError: the file's features are those of another network; or as `features_of`.
    """
    stored = images.pixels
    if not isinstance(stored, Stored):
        return Side.of(images, features_of(images, network, **how))
    check_network(images.name, stored, network)
    if stored.moments is not None:
        nothing = Features({}, np.empty((0, DIGEST_BYTES), np.uint8), np.empty(0, np.intp), cached=True)
        return Side(images, nothing, np.empty(0, np.intp), stored.moments)
    assert stored.features is not None
    return Side.of(images, stored.features)


def check_network(name: str, stored: Stored, network: Extractor) -> None:
    """What a file holds was made by this network, with these weights, resizing and precision.

    Raises:
        DataError: it was not.
    """
    asked = described_network(network)
    for key in ("extractor", "weights_sha256", "resize", "precision") if stored.network else ():
        if stored.network.get(key) != asked[key]:
            raise DataError(
                f"{name}: {stored.origin} was made with {key} {stored.network.get(key)}, "
                f"but {asked[key]} is asked for; make it again with the same network"
            )


def described_network(network: Extractor) -> dict[str, Any]:
    """What tells networks apart, as JSON values."""
    details = getattr(network, "details", None) or {}
    return {
        "extractor": network.name,
        "weights_sha256": network.weights_sha256,
        "resize": network.resize,
        "precision": details.get("precision"),
        "details": details,
        "size": network.size,
    }


@dataclass(frozen=True)
class Recorded:
    """The network that files say they were made by; it cannot see new images."""

    name: str
    weights_sha256: str | None
    resize: str
    outputs: tuple[str, ...]
    details: dict[str, Any]
    size: tuple[int, int] | None
    channels: int | None = None
    batch_size: int = 1

    def __call__(self, images: list[NDArray[np.uint8]]) -> NoReturn:
        raise DataError(f"{self.name} is known by its features alone; name an extractor")


def opened_before(given: Mapping[str, Any]) -> dict[str, ImageSet]:
    """Those of the sources that are features or statistics."""
    found = {name: open_precomputed(source, name) for name, source in given.items()}
    return {name: images for name, images in found.items() if images is not None}


def recorded_network(given: Iterable[ImageSet]) -> Extractor:
    """The network that these precomputed sets are of: what the first that says so says."""
    stored = [images.pixels for images in given if isinstance(images.pixels, Stored)]
    network = next((each.network for each in stored if each.network), {})
    outputs = next((tuple(each.features.outputs) for each in stored if each.features), ("features",))
    size = network.get("size")
    return Recorded(
        name=network.get("extractor", "statistics"),
        weights_sha256=network.get("weights_sha256"),
        resize=network.get("resize", "unknown"),
        outputs=outputs,
        details=network.get("details", {}),
        size=tuple(size) if size else None,
    )


def save_features(path: Path, images: ImageSet, features: Features, network: Extractor) -> None:
    """Write features, in the order of the images, and what they are of and by, to an npz.

    Raises:
        DataError: it cannot be written.
    """
    back = np.argsort(features.order)
    held: Shard = {name: np.ascontiguousarray(value[back]) for name, value in features.outputs.items()}
    held["digests"] = features.digests[back]
    if images.labels is not None:
        held["labels"] = images.labels
    about = {
        "format": FORMAT,
        "genmetrics": genmetrics.__version__,
        "network": described_network(network),
        "images": images.summary(),
        "warnings": images.warnings,
        "content": features.digest,
        "sha256": digest_of(held, ""),
    }
    save(path, {**held, ABOUT: np.array(json.dumps(about))})


def save_statistics(path: Path, images: ImageSet, features: Features, network: Extractor) -> None:
    """Write `mu`, `sigma` and `n` of the features, and what they are of and by, to an npz that other tools read too.

    Raises:
        DataError: one image alone; or it cannot be written.
    """
    moments = Moments.of(features.outputs["features"])
    about = {
        "format": FORMAT,
        "genmetrics": genmetrics.__version__,
        "network": described_network(network),
        "images": images.summary(),
        "content": features.digest,
    }
    save(
        path,
        {
            "mu": moments.mean,
            "sigma": moments.covariance,
            "n": np.asarray(moments.n),
            ABOUT: np.array(json.dumps(about)),
        },
    )


def save(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write an npz, whole or not at all.

    Raises:
        DataError: it cannot be written.
    """
    data = io.BytesIO()
    np.savez(data, **arrays)  # pyright: ignore[reportArgumentType]
    try:
        write_whole(path, data.getvalue())
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror or error}; choose another --out") from None
