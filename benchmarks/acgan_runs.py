"""What the AC-GAN scripts share: data, runs that go on where they stopped, and the paper's analyses of a trained run.

    python benchmarks/acgan_runs.py RUN --classifier resnet56 [--n 10000] [--out FOLDER]

evaluates any trained run of `acgan`: accuracy of the classifier on its samples at several resolutions (section 4.1 of
arXiv:1610.09585), MS-SSIM of pairs within each class beside real images (4.2), both together (4.3), paths between
latents and classes by styles (4.5). Writes accuracy.csv, classes.csv, accuracy.svg, diversity.svg, joint.svg,
classes.png, rows.png and paths.png.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import csv_tables
import lengths
import networks
import numpy as np
import packs
import torch

import genmetrics as gm
from genmetrics._console import shown
from genmetrics.analyses.collapse import UNSEEN, BelowLargestReal, Joint, joint_analysis, share_below_largest_real
from genmetrics.analyses.latent import class_style_grid, interpolate
from genmetrics.records import write_atomically
from genmetrics.reports.curves import joint_scatter, quality_curves
from genmetrics.reports.plots import class_scatter
from reference_models.__main__ import main as reference_models
from reference_models.__main__ import trained
from reference_models.conditional import labelled_samples
from reference_models.data import Dataset
from reference_models.monitor import grid, last_channel, png

REPO = Path(__file__).resolve().parents[1]
RESULTS = lengths.RESULTS
MNIST = ("--dataset", f"{packs.DATA}/mnist_train.npz", "--test-set", f"{packs.DATA}/mnist_test.npz")
CIFAR10 = (
    *(word for half in "ab" for word in ("--dataset", f"{packs.DATA}/cifar10_train_lossless_{half}.npz")),
    *("--test-set", f"{packs.DATA}/cifar10_test1k.npz"),
)
QUICK = ("--preset", lengths.PRESET, "--ema", 0.99)  # found on seed 100
RESOLUTIONS = (4, 7, 8, 14, 16, 32, 64, 128)  # those below the native one are looked at
COLUMNS, PATH, PATHS = 10, 10, 10  # pictures: styles; images along a path, and paths


def run_of(out: Path, *settings: Any) -> tuple[Any, Dataset]:
    """The trained model of a run and its data; one that was stopped goes on, one that is done is read."""
    arguments = ["train", "acgan", "--out", out, "--resume", "--checkpoint-every", 100, *settings]
    reference_models.main([str(word) for word in arguments], standalone_mode=False, prog_name="reference_models")
    return trained(out, "auto" if torch.cuda.is_available() else "cpu")


def classifier(name: str) -> Any:
    """A network of the packs, or the name of an extractor."""
    return networks.Classifier(name) if name in networks.NETWORKS else name


@dataclass(frozen=True)
class Scores:
    """What AC-GAN's paper asks of samples, and of the test images."""

    accuracy: Any  # QualityCurve: over resolutions, the native one last
    diversity: Any  # Diversity within classes
    real_accuracy: Any
    real_diversity: Any
    below: BelowLargestReal
    joint: Joint | None  # of two classes and more

    def rows(self) -> list[dict[str, Any]]:
        """Class by class: accuracy and MS-SSIM of samples, and of real images."""
        found = []
        for name, seen in self.accuracy.best.per_class.items():
            alike, real = self.diversity.per_class[int(name)], self.real_diversity.per_class[int(name)]
            found.append(
                {"class": name, "n": seen["n"],
                 **{f"accuracy{end}": seen[key] for end, key in (("", "value"), ("_low", "low"), ("_high", "high"))},
                 **{f"ms_ssim{end}": alike[key] for end, key in (("", "value"), ("_low", "low"), ("_high", "high"))},
                 "real_accuracy": self.real_accuracy.best.per_class[name]["value"], "real_ms_ssim": real["value"]}
            )  # fmt: skip
        return found


def scores(
    samples: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    network: Any,
    resolutions: Sequence[int] = RESOLUTIONS,
) -> Scores:
    """The analyses of labelled images (n, c, h, w): samples, and those real ones that are of their classes."""
    seen, alike = [], []
    own = np.isin(test[1], samples[1])
    for images, labels in (samples, (test[0][own], test[1][own])):
        x, below = last_channel(images), [r for r in resolutions if r < images.shape[2]]
        seen.append(gm.resolution_discriminability(x, labels, network, below, progress=shown))
        alike.append(gm.ms_ssim_diversity(images, labels))
    means = [{name: row["value"] for name, row in found.per_class.items()} for found in alike]
    below = share_below_largest_real(*means)
    accuracies = {int(name): row["value"] for name, row in seen[0].best.per_class.items()}
    joint = joint_analysis(accuracies, means[0], below.threshold) if len(accuracies) > 1 else None
    return Scores(seen[0], alike[0], seen[1], alike[1], below, joint)


def summary(found: Scores) -> str:
    """One sentence for people."""
    best, alike, real = found.accuracy.best, found.diversity, found.real_diversity
    text = f"class accuracy {best.value:.1%} [{best.low:.1%}, {best.high:.1%}] "
    text += f"(real {found.real_accuracy.best.value:.1%}), "
    text += f"MS-SSIM within a class {alike.value:.3f} (real {real.value:.3f}), "
    text += f"{found.below.share:.0%} of classes below the largest real one ({found.below.threshold:.3f})"
    known = found.joint is not None and found.joint.r is not None
    return f"{text}, r of accuracy and MS-SSIM {found.joint.r:.2f}" if known else text


# --- pictures


def latents(model: Any, n: int, seed: int = 0) -> torch.Tensor:
    return model.latents(n, torch.Generator().manual_seed(seed))


def made(model: Any, z: Any, labels: Any) -> np.ndarray:
    """uint8 images (n, c, h, w) of latents and of places among the model's classes."""
    z = torch.as_tensor(np.asarray(z, np.float32)).to(model.device)
    return model.generate(z, torch.as_tensor(np.asarray(labels)).to(model.device)).cpu().numpy()


def classes_by_styles(model: Any) -> np.ndarray:
    """A row a class, a column a latent: figure 9, bottom."""
    z, labels = class_style_grid(latents(model, COLUMNS).cpu().numpy(), model.classes)
    return grid(made(model, z, labels), COLUMNS)


def rows_of_classes(model: Any) -> np.ndarray:
    """A row a class, every image of its own latent: figure 1 and section 4.7."""
    labels = np.repeat(np.arange(model.classes), COLUMNS)
    return grid(made(model, latents(model, len(labels), seed=1).cpu(), labels), COLUMNS)


def paths(model: Any) -> np.ndarray:
    """A row a path between two latents of one class: figure 9, top."""
    ends = latents(model, 2 * PATHS, seed=2).cpu().numpy().reshape(PATHS, 2, -1)
    z = np.concatenate([interpolate(start, end, PATH) for start, end in ends])
    return grid(made(model, z, np.repeat(np.arange(PATHS) % model.classes, PATH)), PATH)


PICTURES = {"classes": classes_by_styles, "rows": rows_of_classes, "paths": paths}


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows of a table; numbers with 4 decimals."""
    csv_tables.write(path, rows, ".4f")


def levels(found: Any, **more: Any) -> list[dict[str, Any]]:
    """The rows of a curve over resolutions."""
    return [
        {**more, "resolution": q.level, "accuracy": q.value, "low": q.low, "high": q.high, "std_of_10_subsets": q.std,
         "loss": q.loss, "classes_better_at_native": q.better_at_best}
        for q in found.rows
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--classifier", required=True, help=f"{', '.join(networks.NETWORKS)}, or an extractor")
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--out", type=Path, help="by default RUN/evaluation")
    asked = parser.parse_args()
    out = asked.out or asked.run / "evaluation"
    model, dataset = trained(asked.run, "auto" if torch.cuda.is_available() else "cpu")
    found = scores(labelled_samples(model, asked.n, 0), dataset.test, classifier(asked.classifier))
    print(summary(found))
    write_csv(
        out / "accuracy.csv", levels(found.real_accuracy, images="real") + levels(found.accuracy, images="samples")
    )
    rows = found.rows()
    write_csv(out / "classes.csv", rows)
    curves = {"real": found.real_accuracy.rows, "samples": found.accuracy.rows}
    means = [{row["class"]: row[key] for row in rows} for key in ("real_ms_ssim", "ms_ssim", "accuracy")]
    axes = ("MS-SSIM of samples", f"accuracy of {asked.classifier}")
    figures = {
        "accuracy.svg": quality_curves(curves, "Accuracy against resolution", real="real"),
        "diversity.svg": class_scatter(means[0], means[1], "MS-SSIM within classes"),
        "joint.svg": joint_scatter(means[1], means[2], "Both", axes, (found.below.threshold, UNSEEN)),
        **{f"{name}.png": png(draw(model)) for name, draw in PICTURES.items()},
    }
    for name, content in figures.items():
        write_atomically(out / name, content)
    print(f"tables and pictures in {out}")


if __name__ == "__main__":
    main()
