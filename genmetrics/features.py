"""Images to features, once: a stream through one feature network, kept in a content-addressed cache.

The network always sees batches of one size (the last is padded), so a feature does not depend on how many images
stand beside it. Each image's content digest is taken on the way. Features are handed on in the order of those
digests, so that nothing computed from them depends on file names or on the container the images came in.

Features are computed and kept in shards (`feature_cache`), so that a run that was killed goes on where it was.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genmetrics._checks import DataError
from genmetrics.extractors import MODULE_PREFIX, Extractor, find_extractor
from genmetrics.extractors.pixels import Pixels
from genmetrics.feature_cache import Entry, Shard
from genmetrics.sources import ImageSet, open_images

REVISION = 1  # goes up when the same images and network would give other features
DIGEST_BYTES = 32
SHARD = 256  # images, about: what a killed run loses at most

Progress = Callable[[Iterable[Any], str, int], Iterable[Any]]  # (items, label, how many) -> the same items


def silent(items: Iterable[Any], label: str, total: int) -> Iterable[Any]:
    """No progress shown."""
    return items


@dataclass(frozen=True)
class Ahead:
    """How images are decoded ahead of the network; no number depends on it."""

    workers: int = 0  # processes; 0: in this one, as they are needed
    images: int = 16  # that each decodes at a time

    @classmethod
    def of(cls, workers: int = 0, batch_size: int | None = None) -> Ahead:
        """Settings as they come from outside.

        Raises:
            DataError: they are no such numbers.
        """
        if not isinstance(workers, int) or workers < 0:
            raise DataError(f"workers should be a whole number from 0, got {workers!r}")
        if batch_size is None:
            return cls(workers)
        if not isinstance(batch_size, int) or batch_size < 1:
            raise DataError(f"batch_size should be a whole number from 1, got {batch_size!r}")
        return cls(workers, batch_size)


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
    precision: str = "strict",
    backend: str = "auto",
    cache: bool = True,
    value_range: Any = None,
    workers: int = 0,
    batch_size: int | None = None,
) -> dict[str, NDArray[np.float32]]:
    """Features of images, in the order of the images.

    Args:
        images: anything `open_images` reads: a folder, zip, npz, npy, array or tensor.
        extractor: a name, or an object with the members of `genmetrics.extractors.Extractor`.
        outputs: which of the network's outputs; `inception-v3-tf2015` has more than it gives by default, see
            `genmetrics.extractors.inception_network.OUTPUTS`.
        device: "auto", "cpu", "cuda", ...
        weights: the published weights of `inception-v3-tf2015`, if they are not where they are looked for.
        precision: "strict" (float32), "tf32" or "bf16".
        backend: what runs the network, from `genmetrics.extractors.BACKENDS`.
        cache: keep features for the next run.
        value_range: black and white of float images: (0, 1), (-1, 1) or (0, 255).
        workers: processes that decode image files ahead of the network; changes no number.
        batch_size: images that each of them decodes at a time; changes no number, since the network's own batches
            have one size.

    Returns:
        name -> float32 (n, d), C-contiguous.

    Raises:
        DataError: images or network cannot be used, or the network lacks an output.
    """
    ahead = Ahead.of(workers, batch_size)
    network = find_extractor(extractor, device, weights, outputs, precision, backend)
    found = features_of(open_images(images, "images", value_range=value_range), network, cache=cache, ahead=ahead)
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
    ahead: Ahead = Ahead(),
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
    entry = Entry.of(dependencies(images, extractor, channels), images.n) if cache else None
    wanted = None if extractor.name.startswith(MODULE_PREFIX) else tuple(extractor.outputs)
    shards = dict(entry.find(wanted)) if entry else {}
    missing = gaps(shards, images.n, extractor)
    if missing:
        shards |= computed(images, extractor, channels, missing, entry, wanted, ahead, progress)
    return assembled(shards, images, extractor, wanted, cached=not missing)


def gaps(shards: dict[int, Shard], n: int, extractor: Extractor) -> list[tuple[int, int]]:
    """The shards that are missing among n images: the first image of each, and the one after its last."""
    step = extractor.batch_size * max(1, SHARD // extractor.batch_size)
    bounds = [(start, min(start + step, n)) for start in range(0, n, step)]
    whole = {start: start + len(shard["digests"]) for start, shard in shards.items()}
    for start in whole.keys() - {start for start, stop in bounds if whole.get(start) == stop}:
        del shards[start]  # of another version, whose shards had another size
    return [(start, stop) for start, stop in bounds if start not in shards]


def computed(
    images: ImageSet,
    extractor: Extractor,
    channels: int,
    missing: list[tuple[int, int]],
    entry: Entry | None,
    wanted: tuple[str, ...] | None,
    ahead: Ahead,
    progress: Progress,
) -> dict[int, Shard]:
    """The missing shards, each kept as soon as it is there.

    Where another run fills the same entry, this one begins at the other end, and takes what it finds done.
    """
    shards: dict[int, Shard] = {}
    begun: deque[tuple[int, int]] = deque()
    with entry.at_work(about(images, extractor)) if entry else nullcontext(True) as alone:

        def rows() -> Iterator[int]:
            for start, stop in missing if alone else reversed(missing):
                shard = None if alone or entry is None else entry.get(start, stop, wanted)
                if shard is None:
                    begun.append((start, stop))
                    yield from range(start, stop)
                else:
                    shards[start] = shard

        label = f"{images.name}: {extractor.name}"
        how_many = sum(stop - start for start, stop in missing)
        decoded = images.stream(rows=rows(), workers=ahead.workers, ahead=ahead.images)
        stream = iter(progress(decoded, label, how_many))
        for first in stream:
            start, stop = begun.popleft()
            shard = run_network(chain([first], islice(stream, stop - start - 1)), start, images, extractor, channels)
            shards[start] = shard
            if entry is not None:
                entry.write(start, shard)
    return shards


def run_network(
    shard: Iterable[NDArray[np.uint8]], start: int, images: ImageSet, extractor: Extractor, channels: int
) -> Shard:
    """Outputs (k, d) of k consecutive images, the first of them image `start`, and "digests" (k, 32)."""
    kept: dict[str, list[NDArray[Any]]] = {}
    for image_batch in batches(shard, extractor.batch_size):
        n = len(image_batch)
        digests = np.frombuffer(b"".join(map(content_digest, image_batch)), np.uint8).reshape(n, DIGEST_BYTES)
        kept.setdefault("digests", []).append(digests)
        ready = [with_channels(image, channels) for image in image_batch]
        padded = ready + [ready[-1]] * (extractor.batch_size - n)
        for name, value in checked_outputs(extractor(padded), extractor).items():
            finite = np.isfinite(value[:n]).all(axis=1)
            if not finite.all():
                i = start + int(finite.argmin())
                raise DataError(f"{images.name}: {extractor.name} returns NaN or inf in '{name}' for image {i}")
            kept.setdefault(name, []).append(value[:n])
        start += n
    return {name: np.concatenate(parts) for name, parts in kept.items()}


def assembled(
    shards: dict[int, Shard], images: ImageSet, extractor: Extractor, wanted: tuple[str, ...] | None, *, cached: bool
) -> Features:
    """The features of all shards, in canonical order.

    Raises:
        DataError: the network did not give what it said it gives, or not the same for all images.
    """
    parts = [shards.pop(start) for start in sorted(shards)]
    names = [name for name in parts[0] if name != "digests" and (wanted is None or name in wanted)]
    lost = [name for name in wanted or names if any(name not in part for part in parts)]
    if lost:
        raise DataError(f"{extractor.name} should give {', '.join(wanted or names)}, but gave no {', '.join(lost)}")
    digests = np.concatenate([part["digests"] for part in parts])
    order = np.lexsort(digests.T[::-1])
    place = np.empty(images.n, np.intp)
    place[order] = np.arange(images.n)
    outputs = {name: np.empty((images.n, parts[0][name].shape[1]), np.float32) for name in names}
    at = 0
    for part in parts:
        rows = place[at : at + len(part["digests"])]
        for name, value in outputs.items():
            value[rows] = part.pop(name)
        at += len(rows)
    return Features(outputs, digests[order], order, cached)


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


def dependencies(images: ImageSet, extractor: Extractor, channels: int) -> dict[str, Any]:
    """Everything the features depend on, as JSON values."""
    return {
        "revision": REVISION,
        "images": images.digest,
        "n": images.n,
        "decoder": images.decoder,
        "extractor": extractor.name,
        "weights": extractor.weights_sha256,
        "resize": extractor.resize,
        "details": getattr(extractor, "details", None),
        "batch_size": extractor.batch_size,
        "channels": channels,
        "device": getattr(extractor, "device", "cpu"),
    }


def about(images: ImageSet, extractor: Extractor) -> dict[str, Any]:
    """What a person who lists the cache is told of an entry."""
    return {
        "images": images.origin,
        "extractor": extractor.name,
        "weights_sha256": extractor.weights_sha256,
        "resize": extractor.resize,
    }
