"""Does the main job give the same numbers whatever the container, and do its intervals tell equal sets apart?

Needs the MNIST packs in ../shared/data. Two questions:

1. 5,000 test images against 5,000 training images, written as PNG folders, as zip files and as npz: do the three
   give the same numbers to 1e-6 relative?
2. Draws of training images that share no image, in 20 pairs, each scored against the 5,000 test images: how many of
   the 20 intervals of the difference of two Frechet distances (`genmetrics compare`) hold 0? 19 are expected; 16 or
   fewer, or no interval at all, would happen once in 60 times or less if the coverage is 95%.

    python benchmarks/mnist_containers.py [--extractor digits-cnn] [--draw 1500]
"""

from __future__ import annotations

import argparse
import io
import tempfile
import zipfile
from pathlib import Path

import csv_tables
import numpy as np
from PIL import Image
from scipy.stats import binom

import genmetrics as gm

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
RESULTS = Path(__file__).parent / "results"
PAIRS = 20


def written(folder: Path, images: np.ndarray, labels: np.ndarray) -> dict[str, Path]:
    """The same images as a PNG folder with class sub-folders, as a zip of it, and as npz."""
    np.savez(folder / "images.npz", x=images, y=labels)
    with zipfile.ZipFile(folder / "images.zip", "w") as archive:
        for i, (image, label) in enumerate(zip(images, labels, strict=True)):
            buffer = io.BytesIO()
            Image.fromarray(image).save(buffer, "PNG")
            place = folder / "images" / str(label) / f"{i}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(buffer.getvalue())
            archive.writestr(f"{label}/{i}.png", buffer.getvalue())
    return {"folder": folder / "images", "zip": folder / "images.zip", "npz": folder / "images.npz"}


def same_in_all_containers(test: tuple, train: tuple, extractor: str) -> list[dict[str, object]]:
    """One row a metric: its value from the folder, and the largest relative difference of the others."""
    with tempfile.TemporaryDirectory() as place:
        sets = {}
        for name, (images, labels) in (("real", test), ("generated", train)):
            folder = Path(place) / name
            folder.mkdir()
            sets[name] = written(folder, images, labels)
        records = {
            kind: gm.evaluate(sets["real"][kind], sets["generated"][kind], extractor=extractor) for kind in sets["real"]
        }
    rows = []
    for score in records["folder"]:
        values = [record[score.metric].value for record in records.values()]
        spread = max(abs(value - score.value) / max(abs(score.value), 1e-12) for value in values)
        row = {"metric": score.name, "value": f"{score.value:.8g}", "largest_relative_difference": f"{spread:.1e}"}
        rows.append(row)
        assert len({record[score.metric].signature for record in records.values()}) == 1
    return rows


def intervals_of_differences(test: np.ndarray, train: np.ndarray, extractor: str, draw: int) -> list[dict[str, object]]:
    """One row a pair of disjoint draws: the difference of their Frechet distances, and whether the interval holds 0."""
    if 2 * PAIRS * draw > len(train):
        raise SystemExit(f"{2 * PAIRS} disjoint draws of {draw} need {2 * PAIRS * draw} images, there are {len(train)}")
    order = np.random.default_rng(0).permutation(len(train))
    records = [
        gm.evaluate(test, train[order[i * draw : (i + 1) * draw]], metrics=["frechet"], extractor=extractor)
        for i in range(2 * PAIRS)
    ]
    rows = []
    for i in range(PAIRS):
        (found,) = gm.compare(records[2 * i], records[2 * i + 1])
        holds = found.low is not None and found.low <= 0 <= found.high
        rows.append({"pair": i, "difference": found.value, "low": found.low, "high": found.high, "holds_0": holds})
    return rows


def save(name: str, rows: list[dict[str, object]]) -> None:
    csv_tables.write(RESULTS / name, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--extractor", default="digits-cnn")
    parser.add_argument("--draw", type=int, default=1500)
    arguments = parser.parse_args()
    test, train = (np.load(DATA / f"mnist_{name}.npz") for name in ("test", "train"))
    first = [(split["x"][:5000], split["y"][:5000]) for split in (test, train)]
    rows = same_in_all_containers(*first, arguments.extractor)
    save(f"mnist_containers_{arguments.extractor}.csv", rows)
    for row in rows:
        print("  ".join(f"{value:>14}" for value in row.values()))
    pairs = intervals_of_differences(first[0][0], train["x"], arguments.extractor, arguments.draw)
    save(f"mnist_null_differences_{arguments.extractor}.csv", pairs)
    held = sum(bool(row["holds_0"]) for row in pairs)
    print(f"{held} of {PAIRS} intervals hold 0; P(this few or fewer | 95%) = {binom.cdf(held, PAIRS, 0.95):.3f}")


if __name__ == "__main__":
    main()
