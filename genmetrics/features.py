"""Images to features, once: a stream through one feature network, kept in a content-addressed cache.

The network always sees batches of one size (the last is padded), so a feature does not depend on how many images
stand beside it. Each image's content digest is taken on the way. Features are handed on in the order of those
digests, so that nothing computed from them depends on file names or on the container the images came in.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genmetrics._checks import DataError
from genmetrics.extractors import Extractor, find_extractor
from genmetrics.extractors.pixels import Pixels
from genmetrics.sources import ImageSet, open_images

REVISION = 1  # goes up when the same images and network would give other features
DIGEST_BYTES = 32

Progress = Callable[[Iterable[Any], str, int], Iterable[Any]]  # (items, label, how many) -> the same items


def silent(items: Iterable[Any], label: str, total: int) -> Iterable[Any]:
    """No progress shown."""
    return items


@dataclass(frozen=True, eq=False)
class Features:
    """What one network says of one image set, in canonical order (by content digest)."""

    outputs: dict[str, NDArray[np.float32]]  # name -> (n, d)
    digests: NDArray[np.uint8]  # (n, 32), ascending
    order: NDArray[np.intp]  # (n,), canonical position -> position in the source
    cached: bool = field(default=False)

    @property
    def digest(self) -> str:
        """SHA-256 of the images' contents, whatever their order and container."""
        return hashlib.sha256(self.digests.tobytes()).hexdigest()

    @property
    def duplicates(self) -> int:
        """Images whose pixels equal an earlier image's."""
        return len(self.digests) - len(np.unique(self.digests, axis=0))

    def shared_with(self, other: Features) -> int:
        """Images whose pixels equal those of some image of `other`."""
        theirs = {row.tobytes() for row in other.digests}
        return sum(row.tobytes() in theirs for row in self.digests)


def extract(
    images: Any,
    extractor: str | Extractor = "pixels",
    outputs: tuple[str, ...] = ("features",),
    *,
    device: str = "auto",
    weights: str | Path | None = None,
    cache: bool = True,
    value_range: Any = None,
) -> dict[str, NDArray[np.float32]]:
    """Features of images, in the order of the images.

    Args:
        images: anything `open_images` reads: a folder, zip, npz, npy, array or tensor.
        extractor: a name, or an object with the members of `genmetrics.extractors.Extractor`.
        outputs: which of the network's outputs; `inception-v3-tf2015` has more than it gives by default, see
            `genmetrics.extractors.inception_network.OUTPUTS`.
        device: "auto", "cpu", "cuda", ...
        weights: the published weights of `inception-v3-tf2015`, if they are not where they are looked for.
        cache: keep features for the next run.
        value_range: black and white of float images: (0, 1), (-1, 1) or (0, 255).

    Returns:
        name -> float32 (n, d), C-contiguous.

    Raises:
        DataError: images or network cannot be used, or the network lacks an output.
    """
    network = find_extractor(extractor, device, weights, outputs)
    found = features_of(open_images(images, "images", value_range=value_range), network, cache=cache)
    missing = [name for name in outputs if name not in found.outputs]
    if missing:
        raise DataError(f"{network.name} gives {', '.join(found.outputs)}, not {', '.join(missing)}")
    back = np.argsort(found.order)
    return {name: np.ascontiguousarray(found.outputs[name][back]) for name in outputs}


def features_of(
    images: ImageSet,
    extractor: Extractor,
    *,
    channels: int | None = None,
    cache: bool = True,
    progress: Progress = silent,
) -> Features:
    """All outputs of `extractor` for `images`, from the cache if it has them.

    Only a network whose weights have a digest is cached: nothing else tells two of one name apart.

    Raises:
        DataError: sizes the network cannot take, a damaged file, or a network that returns NaN.
    """
    channels = extractor.channels or channels or images.channels
    if extractor.size is None and len(images.sizes) > 1:
        common, many = max(images.sizes.items(), key=lambda item: item[1])
        raise DataError(
            f"{images.name}: images have {len(images.sizes)} sizes ({many} of {images.n} are "
            f"{common[0]}x{common[1]}), but {extractor.name} needs one; resize them, or choose an extractor that does"
        )
    cache = cache and (extractor.weights_sha256 is not None or isinstance(extractor, Pixels))
    file = cache_folder() / f"{cache_key(images, extractor, channels)}.npz" if cache else None
    content = read_cached(file, images.n) if file else None
    cached = content is not None
    if content is None:
        content = run_network(images, extractor, channels, progress)
        if file:
            write_cached(file, content)
    digests = content.pop("digests")
    order = np.lexsort(digests.T[::-1])
    return Features({name: value[order] for name, value in content.items()}, digests[order], order, cached)


def run_network(images: ImageSet, extractor: Extractor, channels: int, progress: Progress) -> dict[str, NDArray[Any]]:
    """Outputs (n, d) in the order of the source, and "digests" (n, 32)."""
    kept: dict[str, list[NDArray[Any]]] = {}
    digests = np.empty((images.n, DIGEST_BYTES), np.uint8)
    done = 0
    label = f"{images.name}: {extractor.name}"
    for image_batch in batches(progress(images.stream(), label, images.n), extractor.batch_size):
        n = len(image_batch)
        for i, image in enumerate(image_batch):
            digests[done + i] = np.frombuffer(content_digest(image), np.uint8)
        ready = [with_channels(image, channels) for image in image_batch]
        padded = ready + [ready[-1]] * (extractor.batch_size - n)
        for name, value in checked_outputs(extractor(padded), extractor).items():
            finite = np.isfinite(value[:n]).all(axis=1)
            if not finite.all():
                i = done + int(finite.argmin())
                raise DataError(f"{images.name}: {extractor.name} returns NaN or inf in '{name}' for image {i}")
            kept.setdefault(name, []).append(value[:n])
        done += n
    return {**{name: np.concatenate(parts) for name, parts in kept.items()}, "digests": digests}


def checked_outputs(outputs: Any, extractor: Extractor) -> dict[str, NDArray[Any]]:
    """What a network returned, if it is what an Extractor promises.

    Raises:
        DataError: no dict, no features, or not one row for each image.
    """
    if not isinstance(outputs, dict) or "features" not in outputs or "digests" in outputs:
        held = ", ".join(map(str, outputs)) if isinstance(outputs, dict) else type(outputs).__name__
        raise DataError(
            f"{extractor.name} should return a dict with 'features' (and 'logits'), got {held or 'nothing'}"
        )
    for name, value in outputs.items():
        shape, dtype = np.shape(value), np.asarray(value).dtype
        if len(shape) != 2 or shape[0] != extractor.batch_size or dtype.kind not in "fiu":
            raise DataError(
                f"{extractor.name}: '{name}' should be numbers of shape ({extractor.batch_size}, d) "
                f"for {extractor.batch_size} images, got {dtype} of shape {shape}"
            )
    return {name: np.asarray(value, dtype=np.float32) for name, value in outputs.items()}


def batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Lists of `size` items; the last may be shorter."""
    batch: list[Any] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def content_digest(image: NDArray[np.uint8]) -> bytes:
    """SHA-256 of an image's shape and pixels; an image of three equal channels is the grey image."""
    if image.shape[2] == 3 and (image == image[:, :, :1]).all():
        image = image[:, :, :1]
    content = hashlib.sha256(repr(image.shape).encode())
    content.update(np.ascontiguousarray(image).data)
    return content.digest()


def with_channels(image: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """A grey image repeated to `channels`; any other as it is."""
    return np.repeat(image, channels, axis=2) if image.shape[2] == 1 < channels else image


def cache_folder() -> Path:
    """Where features are kept: $GENMETRICS_CACHE, or the user's cache folder."""
    from platformdirs import user_cache_path

    return Path(os.environ.get("GENMETRICS_CACHE") or user_cache_path("genmetrics")) / "features"


def cache_key(images: ImageSet, extractor: Extractor, channels: int) -> str:
    """SHA-256 of everything the features depend on."""
    made_from = {
        "revision": REVISION,
        "images": images.digest,
        "n": images.n,
        "extractor": extractor.name,
        "weights": extractor.weights_sha256,
        "resize": extractor.resize,
        "outputs": extractor.outputs,
        "details": getattr(extractor, "details", None),
        "batch_size": extractor.batch_size,
        "channels": channels,
        "device": getattr(extractor, "device", "cpu"),
    }
    return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()


def read_cached(file: Path, n: int) -> dict[str, NDArray[Any]] | None:
    """The cached arrays; None if there are none, or if they are damaged (the zip's checksums say so)."""
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as stored:
            content = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, TypeError, AttributeError, zipfile.BadZipFile):
        return None
    whole = {"digests", "features"} <= set(content) and all(np.shape(value)[:1] == (n,) for value in content.values())
    return content if whole and content["digests"].shape == (n, DIGEST_BYTES) else None


def write_cached(file: Path, content: dict[str, NDArray[Any]]) -> None:
    """Keep arrays under `file`, atomically; a cache that cannot be written is no error."""
    temporary = None
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".part", delete=False) as part:
            temporary = part.name
            np.savez(part, **content)  # pyright: ignore[reportArgumentType]
        os.replace(temporary, file)
    except OSError:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
