"""What a run is asked for, checked before any long work: metrics, what they need of the network, sizes, the output."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from genmetrics._checks import DataError
from genmetrics.extractors import Extractor
from genmetrics.metrics import METRICS, Metric, find_metric
from genmetrics.protocols import PROTOCOLS
from genmetrics.sources import ImageSet

NO_OUTPUT = {"embedding", "images", "labels"}  # what a metric may need that is no output's name
ADVICE = {"logits": "choose a classifier", "sfid": "choose inception-v3-tf2015"}


def chosen_metrics(
    metrics: Iterable[str] | Mapping[str, Callable[..., float]] | None,
) -> tuple[list[str] | None, dict[str, Callable[..., float]]]:
    """Names from METRICS (None: all that can be had), and the caller's own functions."""
    if metrics is None:
        return None, {}
    if isinstance(metrics, Mapping):
        return [], dict(metrics)
    names = [metrics] if isinstance(metrics, str) else list(dict.fromkeys(metrics))
    if not names:
        raise DataError(f"no metric asked for; known: {', '.join(METRICS)}")
    for name in names:
        find_metric(name)
    return names, {}


def lacking(metric: Metric, outputs: Iterable[str]) -> str | None:
    """The network output that a metric needs and `outputs` do not hold."""
    wanted = {need.split(".")[1] for need in metric.needs} - NO_OUTPUT
    return next(iter(sorted(wanted - set(outputs))), None)


def wanted_outputs(chosen: Iterable[str]) -> tuple[str, ...]:
    """What the chosen metrics ask of a network beyond features and logits, which it gives anyway."""
    wanted = {need.split(".")[1] for name in chosen for need in METRICS[name].needs}
    return tuple(sorted(wanted - NO_OUTPUT - {"features", "logits"}))


def enough_images(generated: ImageSet, n: int | None, protocols: Iterable[str] | None) -> None:
    """As many generated images as are asked for.

    Raises:
        DataError: there are fewer.
    """
    if n is None or generated.n >= n:
        return
    name = next((name for name in protocols or () if PROTOCOLS[name].n_images == n), None)
    if name is None:
        raise DataError(
            f"{n} images are asked for, {generated.origin} holds {generated.n}; pass --images {generated.n}"
        )
    raise DataError(
        f"{name} needs {n} images, {generated.origin} holds {generated.n}; "
        f"pass --images {generated.n} to report {name.rpartition('-')[0]}-{generated.n}"
    )


def refuse_what_it_lacks(chosen: list[str] | None, network: Extractor, outputs: Iterable[str] | None = None) -> None:
    """Every chosen metric finds the output it needs; a `module:` network's outputs are known once it has run.

    Raises:
        DataError: one does not.
    """
    if outputs is None and network.name.startswith("module:"):
        return
    for name in chosen or []:
        output = lacking(METRICS[name], network.outputs if outputs is None else outputs)
        if output:
            raise DataError(
                f"{name} needs {output}, but {network.name} gives none; {ADVICE.get(output, 'choose another')}"
            )


def same_image_size(opened: Mapping[str, ImageSet], network: Extractor) -> None:
    """Where the network does not resize, all sets have one image size.

    Raises:
        DataError: they do not.
    """
    sizes = {name: next(iter(images.sizes)) for name, images in opened.items() if len(images.sizes) == 1}
    if network.size is None and len(set(sizes.values())) > 1:
        listed = ", ".join(f"{name} {h}x{w}" for name, (h, w) in sizes.items())
        raise DataError(
            f"images have different sizes ({listed}), but {network.name} does not resize; "
            "resize one set, or choose an extractor that does"
        )


def writable_folder(out: str | Path) -> Path:
    """`out`, if a folder can be made and written there; found out before any long work, and nothing is made yet.

    Raises:
        DataError: it is empty or a file, or cannot be written.
    """
    if not str(out):
        raise DataError("the path of --out is empty; is a variable unset?")
    folder = Path(out)
    standing = next((place for place in (folder, *folder.absolute().parents) if place.exists()), folder)
    try:
        with tempfile.TemporaryFile(dir=standing):
            return folder
    except OSError as error:
        raise DataError(f"cannot write into {out}: {error.strerror or error}; choose another --out") from None
