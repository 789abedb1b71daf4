"""What does each metric see on MNIST? The panel of docs/metrics.md: its pictures, and the values behind them.

Needs the MNIST pack in ../shared/data. Test images in three parts, of 500 by default: a reference, a training set, and
the part that is damaged. The two extrapolated metrics come without intervals, which take hundreds of fits.

    python benchmarks/sensitivity_mnist.py [--extractor mnist-cnn] [--images 500]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from genmetrics.metrics import METRICS
from genmetrics.panel import Panel, sensitivity

ROOT = Path(__file__).resolve().parents[1]
MNIST = ROOT.parent / "shared" / "data" / "mnist_test.npz"
PICTURES = ROOT / "docs" / "pictures" / "metrics"
WITHOUT_INTERVALS = ("frechet-infinity", "inception-score-infinity")
RESULTS = Path(__file__).parent / "results" / "sensitivity_mnist.csv"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--extractor", default="mnist-cnn")
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--metrics", help="comma-separated; by default all that the extractor serves")
    arguments = parser.parse_args()
    data = np.load(MNIST)
    names = arguments.metrics.split(",") if arguments.metrics else [name for name in METRICS if name != "sfid"]

    def spoken(items, label, total):
        for i, item in enumerate(items):
            print(f"{i + 1}/{total} {label} {item}", flush=True)
            yield item

    quick = [name for name in names if name not in WITHOUT_INTERVALS]
    slow = [name for name in names if name in WITHOUT_INTERVALS]
    tables = []
    for some, intervals in ((quick, True), (slow, False)):
        if not some:
            continue
        with tempfile.TemporaryDirectory() as folder:
            panel = sensitivity(
                data["x"],
                some,
                arguments.extractor,
                n_images=arguments.images,
                labels=data["y"],
                intervals=intervals,
                out=folder,
                progress=spoken,
            )
            PICTURES.mkdir(parents=True, exist_ok=True)
            for picture in Path(folder).glob("*.svg"):
                (PICTURES / picture.name).write_bytes(picture.read_bytes())
        tables.append(panel.as_csv())
        show(panel)
    RESULTS.write_text(tables[0] + "".join(table.split("\n", 1)[1] for table in tables[1:]))


def show(panel: Panel) -> None:
    for answer in panel.answers:
        monotone = "" if answer.monotone else "not at every step"
        print(f"{answer.metric:<26} {answer.damage:<16} {answer.verdict:<7} {monotone:<18}", end="")
        print(f"{answer.undamaged:>12.5g} {answer.at_most:>12.5g}")
    for reason in panel.left_out:
        print("left out:", reason)


if __name__ == "__main__":
    main()
