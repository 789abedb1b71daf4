"""The images of a sensitivity panel: three disjoint parts, their features computed once."""

from __future__ import annotations

from collections import ChainMap
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from genmetrics._checks import DataError, count
from genmetrics.damage import Pool
from genmetrics.extractors import Extractor
from genmetrics.features import Features, content_digest, features_of
from genmetrics.sides import Side
from genmetrics.sources import ImageSet, open_images

NAMES = ("real", "train", "generated")  # disjoint thirds of the images
MOST = 2000  # images in each part, unless asked otherwise
FEWEST = 60

Labels = NDArray[np.int64]
Row = dict[str, NDArray[np.float32]]  # what the network says of one image


class Network:
    """An extractor that remembers the images of the parts: damage that only picks among them costs no pass."""

    def __init__(self, extractor: Extractor) -> None:
        self.extractor = extractor
        self.known: dict[bytes, Row] = {}

    def side(self, images: NDArray[np.uint8], labels: Labels | None, *, keep: bool = False) -> Side:
        """Images (n, h, w, c) and their features; `keep`: they are images of the parts."""
        digests = [content_digest(image) for image in images]
        first = {digest: i for i, digest in reversed(list(enumerate(digests))) if digest not in self.known}
        new = self.passed(images[sorted(first.values())]) if first else {}
        if keep:
            self.known |= new
        rows = ChainMap(new, self.known)
        outputs = {name: np.stack([rows[digest][name] for digest in digests]) for name in rows[digests[0]]}
        table = np.frombuffer(b"".join(digests), np.uint8).reshape(len(digests), -1)
        order = np.lexsort(table.T[::-1])
        features = Features({name: value[order] for name, value in outputs.items()}, table[order], order)
        return Side.of(open_images(images, "real", labels=labels), features)

    def passed(self, images: NDArray[np.uint8]) -> dict[bytes, Row]:
        """digest -> outputs."""
        found = features_of(open_images(images, "real"), self.extractor, cache=False)
        return {
            digest.tobytes(): {name: value[i] for name, value in found.outputs.items()}
            for i, digest in enumerate(found.digests)
        }


@dataclass(frozen=True, eq=False)
class Parts:
    """The images to damage, the reference and the training set, and all three together."""

    pool: Pool
    sides: dict[str, Side]  # real, train
    union: Side

    @classmethod
    def of(cls, opened: ImageSet, network: Network, n: int | None, seed: int) -> Parts:
        """Parts of n images each, drawn by `seed`.

        Raises:
            DataError: images of several sizes, or too few.
        """
        if len(opened.sizes) > 1:
            raise DataError(f"real: images have {len(opened.sizes)} sizes, but damage needs one; resize them first")
        n = size_of_part(opened, n)
        order = np.random.default_rng(seed).permutation(opened.n)
        rows = {name: np.sort(order[i * n : (i + 1) * n]) for i, name in enumerate(NAMES)}
        images = {name: np.stack(opened.take(rows[name])) for name in NAMES}
        labels = {name: None if opened.labels is None else opened.labels[rows[name]] for name in NAMES}
        of_all = None if opened.labels is None else opened.labels[np.concatenate(list(rows.values()))]
        union = network.side(np.concatenate(list(images.values())), of_all, keep=True)
        return cls(
            Pool(images["generated"], labels["generated"], images["train"], labels["train"]),
            {name: network.side(images[name], labels[name]) for name in ("real", "train")},
            union,
        )

    def redrawn(self, m: int, random: np.random.Generator) -> dict[str, Side]:
        """Other disjoint parts of the same images, nothing damaged; m generated images."""
        n = len(self.pool.images)
        order = random.permutation(3 * n)
        sizes = {"real": n, "train": n, "generated": m}
        starts = dict(zip(NAMES, (0, n, 2 * n), strict=True))
        return {
            name: replace(self.union, rows=np.sort(order[starts[name] : starts[name] + sizes[name]])) for name in NAMES
        }


def refuse_few(n: int | None) -> None:
    """So many images in each part show damage.

    Raises:
        DataError: they are too few.
    """
    if n is not None and n < FEWEST:
        raise DataError(f"{n} images in each part are too few to see damage; ask for at least {FEWEST}")


def size_of_part(opened: ImageSet, n: int | None) -> int:
    """How many images a part has.

    Raises:
        DataError: too few to be worth a panel, or fewer than asked for.
    """
    if n is None and opened.n < 3 * FEWEST:
        raise DataError(
            f"real: {count(opened.n, 'image')} cannot make three parts of {FEWEST}; "
            f"at least {3 * FEWEST} images are needed"
        )
    if n is None:
        return min(opened.n // 3, MOST)
    refuse_few(n)
    if 3 * n > opened.n:
        raise DataError(
            f"real: {count(opened.n, 'image')} cannot make three parts of {n}; at most {opened.n // 3} each"
        )
    return n
