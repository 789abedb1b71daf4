"""What is asked of any trained run of `sgan`: scores of its samples, and Figure 2 of its paper (arXiv:1612.04357).

    python benchmarks/sgan_runs.py RUN --classifier resnet56 [--n 50000] [--without RUN] [--out FOLDER]

Writes scores.json and figure.png: (a) samples, one label a row; (b) the training image nearest to each; (c) samples of
one label and one activation of fc3 a row; (d) the same of the run `--without`, trained with --no-bottom-entropy.
"""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path
from typing import Any

import networks
import numpy as np

import genmetrics as gm
from genmetrics.records import write_atomically
from genmetrics.reports.plots import figure
from reference_models.__main__ import trained
from reference_models.data import Dataset
from reference_models.monitor import grid, last_channel
from reference_models.sgan_sampling import nearest_images, rows

CONDITIONS, EACH, PAIRS = 100, 20, 10  # labels with an fc3; samples of each, and pairs of them
TITLES = {
    "a": "(a) one label a row",
    "b": "(b) nearest training images of (a)",
    "c": "(c) one label and one fc3 a row",
    "d": "(d) as (c), trained without entropy loss",
}


def panels(model: Any, dataset: Dataset, without: Any, shape: tuple[int, int], seed: int) -> dict[str, np.ndarray]:
    """The images of each panel, row by row; (d) if there is a model for it."""
    labelled = rows(model, *shape, seed, hold=False)
    found = {"a": labelled, "b": nearest_images(labelled, dataset)[0], "c": rows(model, *shape, seed, hold=True)}
    return found if without is None else {**found, "d": rows(without, *shape, seed, hold=True)}


def drawn(found: dict[str, np.ndarray], columns: int) -> bytes:
    """The panels side by side, under their titles, as a PNG file."""
    side = 3.4
    with figure(side * len(found), side + 0.3) as sheet:
        for axes, (name, images) in zip(sheet.subplots(1, len(found), squeeze=False)[0], found.items(), strict=True):
            show(axes, grid(images, columns), TITLES[name])
        return png(sheet)


def show(axes: Any, picture: np.ndarray, title: str) -> None:
    axes.imshow(picture.squeeze(), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_title(title, fontsize=9)
    axes.axis("off")


def png(sheet: Any) -> bytes:
    file = io.BytesIO()
    sheet.savefig(file, format="png", dpi=100, facecolor="white", metadata={"Software": None})
    return file.getvalue()


# --- scores


def scores(model: Any, dataset: Dataset, network: Any, n: int) -> dict[str, Any]:
    """What a classifier and MS-SSIM say of n samples.

    `accuracy` is the share in which the label is seen, of a model that is given one; `ms_ssim` is of pairs within a
    class, as the classifier sees them; `ms_ssim_held` of pairs of one label and one fc3, over CONDITIONS of them. Where
    the classifier tells other classes apart than the data has, there is no accuracy, and pairs are of one label.
    """
    images, labels = (np.concatenate(parts) for parts in zip(*model.samples(n, 0), strict=True))
    seen, known = classes(images, network, dataset.classes), model.classes > 0
    alike = gm.ms_ssim_diversity(images, labels if seen is None else seen)
    held = rows(model, CONDITIONS, EACH, 0, hold=True)
    of_one = gm.ms_ssim_diversity(held, np.arange(CONDITIONS).repeat(EACH), pairs=PAIRS)
    found: dict[str, Any] = {"accuracy": float((seen == labels).mean()) if known and seen is not None else None}
    found |= {"classes": len(set(seen.tolist())) if seen is not None else None, "ms_ssim": alike.value}
    found |= {"ms_ssim_held": of_one.value, "ms_ssim_held_low": of_one.low, "ms_ssim_held_high": of_one.high}
    return found | judged(images, dataset.test.images, dataset, network)


def judged(images: np.ndarray, test: np.ndarray, dataset: Dataset, network: Any) -> dict[str, float]:
    """Images against test images; `held_out` only serves the record's real-data column."""
    names = ["inception-score", "frechet", "ddm"]
    parts = (last_channel(part) for part in (test, images, dataset.held_out.images))
    record = gm.evaluate(*parts, metrics=names, extractor=network, intervals=False)
    columns = ("classifier_score", "frechet", "ddm")
    return {column: record[name].value for column, name in zip(columns, names, strict=True)}


def classes(images: np.ndarray, network: Any, wanted: int) -> np.ndarray | None:
    """What the classifier sees in images (n, c, h, w); None if it does not tell `wanted` classes apart."""
    logits = gm.extract(last_channel(images), network, ("logits",), cache=False)["logits"]
    return logits.argmax(axis=1) if logits.shape[1] == wanted else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--without", type=Path)
    parser.add_argument("--classifier", default="mnist-cnn", help="a network of the packs, or an extractor")
    parser.add_argument("--n", type=int, default=50_000)
    parser.add_argument("--out", type=Path, help="folder; by default the run's")
    asked = parser.parse_args()
    model, dataset = trained(asked.run, "auto")
    without = trained(asked.without, "auto")[0] if asked.without else None
    name, out = asked.classifier, asked.out or asked.run
    network = networks.Classifier(name, model.device.type) if name in networks.NETWORKS else name
    write_atomically(out / "figure.png", drawn(panels(model, dataset, without, (10, 10), 0), 10))
    found = scores(model, dataset, network, asked.n)
    write_atomically(out / "scores.json", json.dumps(found).encode())
    print(json.dumps(found))


if __name__ == "__main__":
    main()
