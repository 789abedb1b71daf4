"""What does each metric see on MNIST? The panel of docs/metrics.md: its pictures, and the values behind them.

Needs the MNIST pack in ../shared/data. 6,000 test images in three parts of 2,000: a reference, a training set, and
the part that is damaged.

    python benchmarks/sensitivity_mnist.py [--extractor mnist-cnn] [--images 2000]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from genmetrics.metrics import METRICS
from genmetrics.panel import sensitivity

ROOT = Path(__file__).resolve().parents[1]
MNIST = ROOT.parent / "shared" / "data" / "mnist_test.npz"
PICTURES = ROOT / "docs" / "pictures" / "metrics"
RESULTS = Path(__file__).parent / "results" / "sensitivity_mnist.csv"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--extractor", default="mnist-cnn")
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--metrics", help="comma-separated; by default all that the extractor serves")
    arguments = parser.parse_args()
    data = np.load(MNIST)
    names = arguments.metrics.split(",") if arguments.metrics else [name for name in METRICS if name != "sfid"]

    def spoken(items, label, total):
        for i, item in enumerate(items):
            print(f"{i + 1}/{total} {label} {item}", flush=True)
            yield item

    with tempfile.TemporaryDirectory() as folder:
        panel = sensitivity(
            data["x"],
            names,
            arguments.extractor,
            n_images=arguments.images,
            labels=data["y"],
            out=folder,
            progress=spoken,
        )
        PICTURES.mkdir(parents=True, exist_ok=True)
        for picture in Path(folder).glob("*.svg"):
            (PICTURES / picture.name).write_bytes(picture.read_bytes())
    RESULTS.write_text(panel.as_csv())
    for answer in panel.answers:
        monotone = "" if answer.monotone else "not at every step"
        print(f"{answer.metric:<26} {answer.damage:<16} {answer.verdict:<7} {monotone:<18}", end="")
        print(f"{answer.undamaged:>12.5g} {answer.at_most:>12.5g}")
    for reason in panel.left_out:
        print("left out:", reason)


if __name__ == "__main__":
    main()
