"""From image sets to a record: the main path. Start reading here.

images --sources--> uint8 --extractor, features--> float32 (n, d) --metrics--> Estimate --> Score --> Record
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

import genmetrics
from genmetrics._checks import DataError, UnsuitableError
from genmetrics.asked import (
    chosen_metrics,
    enough_images,
    lacking,
    refuse_what_it_lacks,
    same_image_size,
    wanted_outputs,
    writable_folder,
)
from genmetrics.cautions import warnings_about
from genmetrics.extractors import DEFAULT, Extractor, find_extractor
from genmetrics.features import Ahead, Progress, silent
from genmetrics.metrics import METRICS, Metric
from genmetrics.precomputed import opened_before, recorded_network, side_of
from genmetrics.protocols import Protocol, joined
from genmetrics.records import Estimate, Record, Score
from genmetrics.sides import Side
from genmetrics.sources import open_images, refuse_missing

PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "pillow")


def evaluate(
    real: Any,
    generated: Any,
    train: Any = None,
    metrics: Iterable[str] | Mapping[str, Callable[..., float]] | None = None,
    extractor: str | Extractor | None = None,
    labels: Any = None,
    seed: int = 0,
    intervals: bool = True,
    device: str = "auto",
    out: str | Path | None = None,
    *,
    weights: str | Path | None = None,
    precision: str = "strict",
    backend: str = "auto",
    value_range: tuple[float, float] | None = None,
    skip_damaged: bool | None = None,
    data_root: str | Path | None = None,
    download: bool = False,
    cache: bool = True,
    workers: int = 0,
    batch_size: int | None = None,
    progress: Progress = silent,
    protocols: Iterable[str] | None = None,
    n_images: int | None = None,
) -> Record:
    """Score generated images against real ones.

    Args:
        real: held-out real images: a folder, archive, array, data set ... (see `genmetrics.open_images`); or their
            features or statistics (a file written by `genmetrics features`, an .npz with mu and sigma, `Moments`).
        generated: the samples, likewise.
        train: the real images that the generator was trained on; they give each number its 'real data' baseline.
        metrics: names from METRICS; None takes the usual panel, as far as the extractor serves it. A mapping
            computes your own instead: name -> function of (real features, generated features).
        extractor: a name (`inception-v3-tf2015`, the default, `digits-cnn`, `pixels`, `module:PATH`) or an object;
            see `genmetrics.extractors`.
        labels: class of each generated image, replacing those of the source.
        seed: fixes every random choice.
        intervals: give 95% intervals; they cost a few times the metric itself.
        device: for the network: "auto", "cpu", "cuda", ...
        out: a folder for record.json, report.html and paired.npz, by which `compare` pairs two records.
        weights: the published weights of `inception-v3-tf2015`, if they are not where they are looked for.
        precision: "strict" (float32), "tf32" or "bf16"; a number from less than float32 has that in its signature.
        backend: what runs the network, from `genmetrics.extractors.BACKENDS`; it changes no number beyond rounding.
        value_range: black and white of float images: (0, 1), (-1, 1) or (0, 255).
        skip_damaged: leave out damaged image files, counted in a warning; see `genmetrics.open_images`.
        data_root: where data sets known by name (`cifar10:test`) are.
        download: get such a data set if it is not there.
        cache: keep features for the next run.
        workers: processes that decode image files ahead of the network; changes no number.
        batch_size: images that each of them decodes at a time; changes no number, since the network's own batches
            have one size.
        progress: called as progress(items, label, total); yields the items.
        protocols: names from `genmetrics.protocols.PROTOCOLS` (`fid-50k`, ...): metrics, extractor and number of images
            in one, in place of `metrics` and `extractor`.
        n_images: how many of the generated images to take, drawn by `seed`; None takes what the protocols ask, or all.

    Returns:
        The record: `record["frechet"].value`, `.low`, `.high`, `.signature`, `record.warnings`, `.to_json(path)`.

    Raises:
        DataError: an input or the output folder cannot be used; the message says which, and what to do.
    """
    options: Mapping[str, Mapping[str, Any]] = {}
    if protocols is not None:
        asked = joined(protocols, metrics, extractor)
        metrics, extractor, n_images = asked.metrics, asked.extractor, n_images or asked.n_images
        options = asked.options
    chosen, own = chosen_metrics(metrics)
    folder = writable_folder(out) if out is not None else None
    ahead = Ahead.of(workers, batch_size)
    reading = {"value_range": value_range, "skip_damaged": skip_damaged, "data_root": data_root, "download": download}
    given = {"real": real, "generated": generated, **({} if train is None else {"train": train})}
    for name, source in given.items():
        refuse_missing(source, name)
    stored = opened_before(given)
    if extractor is None and stored.keys() == given.keys():
        network = recorded_network(stored.values())
    else:
        name = DEFAULT if extractor is None else extractor
        wanted = wanted_outputs(chosen or [])
        network = find_extractor(name, device, weights, wanted, precision, backend)
    refuse_what_it_lacks(chosen, network)
    opened = {
        name: stored.get(name) or open_images(source, name, labels=labels if name == "generated" else None, **reading)
        for name, source in given.items()
    }
    enough_images(opened["generated"], n_images, protocols)
    same_image_size(opened, network)
    channels = max(images.channels for images in opened.values())
    how = {"channels": channels, "cache": cache, "ahead": ahead, "progress": progress}
    sides = {name: side_of(images, network, **how) for name, images in opened.items()}
    if n_images is not None:
        sides["generated"] = sides["generated"].subset(n_images, seed)
    if chosen is None:
        outputs = network.outputs if sides["generated"].moments else sides["generated"].features.outputs
        chosen = [name for name, metric in METRICS.items() if metric.panel and not lacking(metric, outputs)]
    elif sides["generated"].moments is None:
        refuse_what_it_lacks(chosen, network, sides["generated"].features.outputs)
    how_scored = {"seed": seed, "intervals": intervals, "options": options, "progress": progress}
    scores, left_out = scores_of(chosen, sides, network, asked=metrics is not None, **how_scored)
    scores += [own_score(name, function, sides, network) for name, function in own.items()]
    record = Record(
        scores=tuple(scores),
        inputs={name: {**side.images.summary(), "content": side.digest} for name, side in sides.items()},
        extractor=described(network, sides["generated"]),
        seed=seed,
        warnings=(*warnings_about(sides, network), *left_out),
        environment=environment(network),
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )
    if folder is None:
        return record
    return with_report(record, sides, folder, seed, progress)


def scores_of(
    names: Sequence[str],
    sides: Mapping[str, Side],
    network: Extractor,
    *,
    asked: bool,
    seed: int,
    intervals: bool,
    options: Mapping[str, Mapping[str, Any]],
    progress: Progress,
) -> tuple[list[Score], list[str]]:
    """The score of each metric, and a sentence on each that does not suit these sets, unless it was asked for by name.

    Raises:
        DataError: a metric cannot be taken; the message begins with its name.
    """
    scores, left_out = [], []
    for name in progress(names, "metrics", len(names)):
        try:
            scores.append(score_of(name, sides, network, seed, intervals, options.get(name, {})))
        except UnsuitableError as error:
            if asked:
                raise
            left_out.append(f"{name} left out: {error}")
        except DataError as error:
            raise DataError(f"{name}: {error}") from None
    return scores, left_out


def score_of(
    name: str,
    sides: Mapping[str, Side],
    network: Extractor,
    seed: int,
    intervals: bool,
    options: Mapping[str, Any],
) -> Score:
    """One row of the record, with the same number for real data beside it where there is a set to take it from."""
    metric, generated = METRICS[name], sides["generated"]
    estimate = estimate_of(metric, sides, seed, intervals, **options)
    baseline = None
    stand_in = sides.get(metric.stand_in)
    if stand_in is not None and not stand_in.can_be_scored_by(outputs_of(metric, "generated")):
        stand_in = None
    if stand_in is not None and metric.needs == ("generated.images",):
        stand_in = stand_in.grouped_like(generated)
    notes = estimate.notes
    if stand_in is not None:
        if len(stand_in) < len(generated):
            notes += (f"real data are {len(stand_in)} images, fewer than the samples; that alone changes their number",)
        stand_in = stand_in.subset(len(generated), seed)
        at_best = estimate_of(metric, {**sides, "generated": stand_in}, seed, intervals, **options)
        baseline = {
            "value": at_best.value,
            "low": at_best.low,
            "high": at_best.high,
            "n": len(stand_in),
            "of": metric.stand_in,
            "details": at_best.details,
        }
    details = estimate.details
    if metric.excess and baseline is not None:
        details = {**details, **excess(estimate.value, baseline["value"])}
    return Score(
        metric=name,
        name=metric.printed(network.name),
        value=estimate.value,
        low=estimate.low,
        high=estimate.high,
        std_error=estimate.std_error,
        std_error_generated=estimate.std_error_generated,
        interval=estimate.interval,
        better=metric.better,
        n_real=next((len(sides[side]) for side in ("real", "train") if side in metric.sides), 0),
        n_generated=len(generated),
        signature=signature_of(metric, sides, network, estimate),
        details=details,
        notes=notes,
        baseline=baseline,
        summary=metric.summary,
        of_reference=estimate.of_reference,
        of_parts=estimate.of_parts,
    )


def outputs_of(metric: Metric, side: str) -> list[str]:
    """What a metric needs of a side."""
    return [need.split(".")[1] for need in metric.needs if need.split(".")[0] == side]


def excess(value: float, real_data: float) -> dict[str, float]:
    """How far a value lies above that of as many real images: by how much, and how many times."""
    above = {"excess_over_real_data": value - real_data}
    return {**above, "ratio_to_real_data": value / real_data} if real_data > 0 else above


def estimate_of(metric: Metric, sides: Mapping[str, Side], seed: int, intervals: bool, **options: Any) -> Estimate:
    """The metric on the arguments it names in `needs`; `options` as the estimate takes them.

    Raises:
        UnsuitableError: it needs the training set, and none was given.
    """
    arguments = []
    for need in metric.needs:
        side, output = need.split(".")
        if side not in sides:
            raise UnsuitableError(f"{metric.function} needs the {side} set; pass --{side}-set ({side}=)")
        moments = sides[side].moments
        if output == "images":
            arguments.append(sides[side].with_images())
        elif moments is not None and metric.of_moments:
            arguments.append(moments)
        else:
            arguments.append(sides[side].output(output))
    return metric.compute()(*arguments, seed=seed, intervals=intervals, **options)


def signature_of(metric: Metric, sides: Mapping[str, Side], network: Extractor, estimate: Estimate) -> str:
    """The signature of a number: all that it depends on but the generated images themselves."""
    generated = sides["generated"]
    output = metric.needs[-1].split(".")[1]
    of_images = output == "images"
    weights = f"@{network.weights_sha256[:8]}" if network.weights_sha256 else ""
    return Protocol(
        name=metric.printed(network.name),
        n_generated=len(generated),
        features=None if of_images else f"{network.name}/{generated.output_name(output)}{weights}",
        resize="none" if of_images else network.resize,
        precision="strict" if of_images else getattr(network, "details", {}).get("precision", "strict"),
        sizes=generated.size_text if of_images or network.size is None else "",
        references={side: sides[side].reference for side in metric.sides if side != "generated"},
        options=estimate.options,
        revision=metric.revision,
    ).signature


def own_score(name: str, function: Callable[..., float], sides: Mapping[str, Side], network: Extractor) -> Score:
    """A row for a metric of the caller's own."""
    real, generated = sides["real"], sides["generated"]
    value = float(function(real.output("features"), generated.output("features")))
    if not np.isfinite(value):
        raise DataError(f"your metric '{name}' returned {value}")
    estimate = Estimate(value, interval="no interval: a metric of your own")
    row = Metric("", "", ("real.features", "generated.features"), "", (-np.inf, np.inf), False, name, name, "", "")
    return Score(
        metric=name,
        name=row.printed(network.name),
        value=value,
        low=None,
        high=None,
        std_error=None,
        std_error_generated=None,
        interval=estimate.interval,
        better="",
        n_real=len(real),
        n_generated=len(generated),
        signature=signature_of(row, sides, network, estimate),
    )


def described(network: Extractor, side: Side) -> dict[str, Any]:
    """What a record says of the network."""
    return {
        "name": network.name,
        "weights_sha256": network.weights_sha256,
        "resize": network.resize,
        "outputs": {name: value.shape[1] for name, value in side.features.outputs.items()},
        "dtype": "float32",
        **getattr(network, "details", {}),
    }


def environment(network: Extractor) -> dict[str, Any]:
    """Versions and machine."""
    versions = {"genmetrics": genmetrics.__version__, "python": platform.python_version()}
    versions |= {name: metadata.version(name) for name in PACKAGES}
    return {"versions": versions, "device": getattr(network, "device", "cpu"), "platform": platform.platform()}


def with_report(record: Record, sides: Mapping[str, Side], folder: Path, seed: int, progress: Progress) -> Record:
    """The record with its pictures; the record and report.html written to `folder`."""
    from genmetrics.gallery import pictures_of
    from genmetrics.records import write_record
    from genmetrics.reports import html

    record = replace(record, pictures=tuple(pictures_of(record, sides, seed, progress)))
    page = html.render(record).encode(errors="replace")  # a file name may hold bytes that are no text
    write_record(folder, record, page)
    return record
