"""Images that a program hands over one by one: a torch data set, an iterator, a generator network.

They are taken once, checked, and written to a temporary file (in TMPDIR) as uint8; from there they stream.
"""

from __future__ import annotations

import hashlib
import tempfile
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import IO, Any

import numpy as np

from genmetrics._arrays import layout_of, outside, range_of, to_uint8, undeclared
from genmetrics._checks import DataError, count, to_numpy
from genmetrics._decode import COLOUR_MODES, GREY_MODES, refuse_transparency
from genmetrics.sources.files import copies
from genmetrics.sources.image_set import ImageSet, Kind, Options, as_labels

IMAGE_KEYS = ("image", "images", "img", "pixel_values", "x")  # of items that are mappings
LABEL_KEYS = ("label", "labels", "y")


@dataclass
class Spool:
    """uint8 images one after another in a file without a name."""

    file: IO[bytes]
    shapes: list[tuple[int, int, int]] = field(default_factory=list)
    offsets: list[int] = field(default_factory=lambda: [0])
    digests: list[bytes] = field(default_factory=list)
    decoder: str = ""

    def __post_init__(self) -> None:
        weakref.finalize(self, self.file.close)

    def add(self, image: np.ndarray) -> None:
        self.file.write(image.data)
        self.shapes.append(image.shape)
        self.offsets.append(self.offsets[-1] + image.size)
        self.digests.append(hashlib.sha256(repr(image.shape).encode() + image.tobytes()).digest())

    @cached_property
    def mapped(self) -> np.ndarray:
        self.file.flush()
        return np.memmap(self.file, np.uint8, "r")

    def stream(self, rows: Iterable[int]) -> Iterator[np.ndarray]:
        for i in rows:
            yield np.array(self.mapped[self.offsets[i] : self.offsets[i + 1]]).reshape(self.shapes[i])

    def take(self, rows: Iterable[int]) -> list[np.ndarray]:
        return list(self.stream(rows))


def open_iterable(source: Any, name: str, options: Options) -> ImageSet:
    """The set of all images that `source` hands over."""
    what = type(source).__name__
    kind: Kind = "dataset" if hasattr(source, "__getitem__") and hasattr(source, "__len__") else "iterator"
    labels: list[Any] = []
    grey_batches = False
    spool = Spool(tempfile.TemporaryFile())  # noqa: SIM115
    for i, item in enumerate(items_of(source)):
        where = f"{name}: item {i} of {what}"
        images, its_labels = parts_of(item)
        found = uint8_images(images, grey_batches, where, options)
        grey_batches |= np.ndim(images) == 3 and len(found) > 1
        for image in found:
            written(spool, image, name)
        labels += labels_of(its_labels, len(spool.shapes) - len(labels), where)
    n = len(spool.shapes)
    if not n:
        raise DataError(f"{name}: {what} holds no images")
    given = labels_for(labels, getattr(source, "classes", None), name) if options.labels is None else options.labels
    indexes, classes = as_labels(given, n, name)
    grey = [shape[2] == 1 for shape in spool.shapes]
    sizes = Counter((height, width) for height, width, _ in spool.shapes)
    warnings = list(copies(spool.digests))
    if len(sizes) > 1:
        (height, width), many = sizes.most_common(1)[0]
        warnings.append(f"images of {len(sizes)} sizes, {many} of {n} are {height}x{width}")
    if 0 < sum(grey) < n:
        warnings.append(f"{count(sum(grey), 'grey image')} among colour ones repeated to RGB")
    return ImageSet(
        name=name,
        origin=f"{what} of {count(n, 'image')}",
        kind=kind,
        n=n,
        channels=1 if all(grey) else 3,
        sizes=dict(sizes),
        digest=hashlib.sha256(b"spool" + b"".join(spool.digests)).hexdigest(),
        labels=indexes,
        classes=classes,
        warnings=tuple(f"{name}: {warning}" for warning in warnings),
        pixels=spool,
    )


def items_of(source: Any) -> Iterator[Any]:
    """Its items: by index where it has a length, so that a torch data set ends."""
    if hasattr(source, "__getitem__") and hasattr(source, "__len__") and not isinstance(source, Mapping):
        return (source[i] for i in range(len(source)))
    return iter(source)


def parts_of(item: Any) -> tuple[Any, Any]:
    """Images and labels (None: without) of an item: images alone, a pair, or a mapping."""
    if isinstance(item, Mapping):
        images = next((item[key] for key in IMAGE_KEYS if key in item), None)
        return images, next((item[key] for key in LABEL_KEYS if key in item), None)
    if isinstance(item, tuple | list):
        return (item[0], item[1] if len(item) > 1 else None) if len(item) else (None, None)
    return item, None


def as_batch(array: np.ndarray, grey_batches: bool, layout: str | None, where: str) -> tuple[np.ndarray, str]:
    """One image or a batch of them as (k, h, w, c) or (k, c, h, w), and which.

    (3, h, w) is a colour image, unless `grey_batches`: items before it were grey images (k, h, w), and it is the rest.
    """
    if array.ndim == 3 and array.shape[2] == 4:
        raise DataError(f"{where}: shape {array.shape} has 4 channels, so one is alpha; composite the image first")
    if array.ndim == 2:
        return array[None, :, :, None], "nhwc"
    if array.ndim == 3 and (grey_batches or not {array.shape[0], array.shape[2]} & {1, 3}):
        return array[..., None], "nhwc"
    batch = array[None] if array.ndim == 3 else array
    return batch, layout_of(batch.shape, layout, where)


def uint8_images(images: Any, grey_batches: bool, where: str, options: Options) -> np.ndarray | list[np.ndarray]:
    """One image or a batch of them, as uint8 (k, h, w, c).

    Raises:
        DataError: they are no images, or hold values that are no pixels.
    """
    if hasattr(images, "getbands"):
        return [from_pillow(images, where)]
    if not hasattr(images, "__array__"):
        raise DataError(
            f"{where} is a {type(images).__name__}; give images (arrays, tensors, Pillow images), batches of them, "
            "or pairs (images, labels)"
        )
    array, layout = as_batch(to_numpy(images), grey_batches, options.layout, where)
    value_range = range_of(array.dtype, options.value_range, where)
    if not np.isfinite(array).all():
        raise DataError(f"{where} holds NaN or inf")
    if value_range is None:
        raise undeclared(float(array.min()), float(array.max()), where)
    beyond = outside(array, value_range) if array.dtype != np.uint8 else 0
    if beyond:
        raise DataError(
            f"{where}: {count(beyond, 'value')} outside {value_range}, the values go from {array.min():.6g} to "
            f"{array.max():.6g}; clip them, or declare another value_range"
        )
    return to_uint8(array, layout, value_range)


def from_pillow(image: Any, where: str) -> np.ndarray:
    """A Pillow image as uint8 (h, w, c).

    Raises:
        DataError: it is deeper than 8 bits, of another colour mode, or transparent.
    """
    if image.mode not in GREY_MODES + COLOUR_MODES:
        raise DataError(f"{where} has colour mode {image.mode}; convert it to grey or RGB of 8 bits")
    if image.mode.endswith("A") or "transparency" in image.info:
        refuse_transparency(image, where)
    pixels = np.array(image.convert("L" if image.mode in GREY_MODES else "RGB"))
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def written(spool: Spool, image: np.ndarray, name: str) -> None:
    """Add an image to the spool.

    Raises:
        DataError: there is no room.
    """
    try:
        spool.add(np.ascontiguousarray(image))
    except OSError as error:
        raise DataError(
            f"{name}: image {len(spool.shapes)} cannot be kept in {tempfile.gettempdir()} "
            f"({error.strerror}); set TMPDIR to a folder with room"
        ) from None


def labels_of(labels: Any, n: int, where: str) -> list[Any]:
    """One label for each of n images that were handed over together; None where there are none.

    Raises:
        DataError: there are more or fewer.
    """
    if labels is None:
        return [None] * n
    values = np.atleast_1d(to_numpy(labels))
    if values.ndim != 1 or len(values) != n or values.dtype.kind not in "iubU":
        raise DataError(
            f"{where}: {count(n, 'image')}, but the labels are {values.dtype} of shape {values.shape}; "
            "give pairs (images, labels) with one integer or string for each image"
        )
    return values.tolist()


def labels_for(labels: list[Any], classes: Any, name: str) -> Any:
    """All labels, by the names of the classes where a data set tells them; None if no image has one.

    Raises:
        DataError: some images have one and others have none.
    """
    without = sum(label is None for label in labels)
    if without == len(labels):
        return None
    if without:
        raise DataError(f"{name}: {count(without, 'image')} of {len(labels)} have no label")
    numbers = all(isinstance(label, int) for label in labels)
    if numbers and isinstance(classes, list | tuple) and all(0 <= label < len(classes) for label in labels):
        return np.array([str(classes[label]) for label in labels])
    return np.array(labels)
