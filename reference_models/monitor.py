"""What is kept of a run while it trains: numbers, pictures, scores. None of it changes what is learned."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genmetrics._checks import DataError
from genmetrics.records import write_atomically
from reference_models.data import Dataset
from reference_models.flags import hp

LOG, GRIDS = "log.jsonl", "grids"
SIDE = 8  # samples in a row of a grid, and rows
ALIKE_IMAGES = 100  # samples a class for MS-SSIM
COLLAPSED = 0.3  # samples less spread out than this share of the real images' spread are warned of
EXTRACTORS = {(1, 8, 8): "digits-cnn", (1, 28, 28): "mnist-cnn", (3, 32, 32): "cifar10-wrn"}  # else the pixels


@dataclass(frozen=True)
class Watching:
    """What to look at, and how often; a resumed run may look elsewhere."""

    log_every: int = hp(10, "steps between rows of log.jsonl; 0: none", at_least=0)
    grid_every: int = hp(0, "steps between pictures of 64 samples of the same latents; 0: none", at_least=0)
    tensorboard: bool = hp(False, "numbers and pictures for TensorBoard too, in RUN/tensorboard")
    metrics: str = hp("", "names of genmetrics' metrics, such as frechet,ddm, of samples of the same latents")
    metrics_every: int = hp(1000, "steps between them", at_least=1)
    metrics_images: int = hp(1000, "samples and test images that they are computed from", at_least=2)
    extractor: str = hp("", "feature network for them; by default one that suits the images, or the pixels")
    ms_ssim_every: int = hp(
        0, "steps between mean MS-SSIM of samples, class by class (AC-GAN, Figure 5); 0: none", at_least=0
    )


def watchers(w: Watching, out: Path, dataset: Dataset, generates: bool, device: str = "cpu") -> tuple[Any, ...]:
    """Functions of (model, steps done, numbers), to be called after steps.

    Raises:
        UnknownNameError: no such metric or extractor.
        DataError: pictures or scores asked of a classifier, metrics that cannot be computed of these images, a log
            that is damaged, or TensorBoard is not installed.
    """
    if (w.grid_every or w.metrics or w.ms_ssim_every) and not generates:
        raise DataError("a classifier makes no samples: leave --grid-every, --metrics and --ms-ssim-every out")
    board = [tensorboard(out)] if w.tensorboard else []
    found: list[Any] = [Scores(w, dataset, device)] if w.metrics else []
    found += [Alike(w.ms_ssim_every, dataset)] if w.ms_ssim_every else []
    found += [Log(out / LOG, w.log_every)] if w.log_every else []
    found += [Grids(out / GRIDS, w.grid_every, board)] if w.grid_every else []
    return (*found, *(Board(writer, max(w.log_every, 1)) for writer in board))


class Log:
    """Rows of numbers as JSON, one a line; a resumed run goes on after the rows of the steps that it had saved."""

    def __init__(self, path: Path, every: int) -> None:
        self.path, self.every, self.started = path, every, False
        self.before = list(rows(path)) if path.exists() else []

    def __call__(self, model: Any, step: int, shown: dict[str, float]) -> None:
        if not self.started:
            self.forget_from(step)
        if step % self.every == 0:
            try:
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"step": step, **shown}) + "\n")
            except OSError as error:
                raise DataError(f"cannot write {self.path}: {error.strerror or error}") from None

    def forget_from(self, step: int) -> None:
        """Drop rows of steps that are done again."""
        self.started = True
        if self.path.exists():
            kept = [row for row in self.before if row["step"] < step]
            write_atomically(self.path, "".join(json.dumps(row) + "\n" for row in kept).encode())


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a log; a last one that was cut off is left out.

    Raises:
        DataError: it cannot be read, or another row is none.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from None
    for i, line in enumerate(text.splitlines(keepends=True), start=1):
        try:
            row = json.loads(line)
        except ValueError:
            row = None
            if not line.endswith("\n"):
                return
        if not isinstance(row, dict) or type(row.get("step")) is not int:
            raise DataError(
                f"{path}, line {i}: {line.strip()[:40]!r} is no row of numbers with a step; remove that line"
            )
        yield row


class Grids:
    """Samples of the same latents as one picture, step after step."""

    def __init__(self, folder: Path, every: int, boards: list[Any]) -> None:
        self.folder, self.every, self.boards = folder, every, boards

    def __call__(self, model: Any, step: int, shown: dict[str, float]) -> None:
        if step % self.every == 0 or step == model.config.steps:
            picture = grid(model.sample(SIDE * SIDE, seed=0))
            write_atomically(self.folder / f"{step:08d}.png", png(picture))
            for board in self.boards:
                board.add_image("samples", picture, step, dataformats="HWC")


def grid(images: np.ndarray, columns: int = SIDE, frame: int = 1) -> np.ndarray:
    """Images (n, c, h, w) row by row in one picture (rows, columns, c), grey lines between them."""
    n, channels, height, width = images.shape
    picture = np.full(
        (-(-n // columns) * (height + frame) - frame, columns * (width + frame) - frame, channels), 128, np.uint8
    )
    for i, image in enumerate(images):
        top, left = (i // columns) * (height + frame), (i % columns) * (width + frame)
        picture[top : top + height, left : left + width] = image.transpose(1, 2, 0)
    return picture


def png(picture: np.ndarray) -> bytes:
    """A picture (h, w, 1 or 3) as a PNG file."""
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture).save(file, "PNG", optimize=True)
    return file.getvalue()


class Scores:
    """Metrics of samples of the same latents against test images, put among the numbers of the step.

    `spread` is the mean distance between two samples relative to that between two real images, in pixels: a
    generator that collapses makes it fall towards 0, and is warned of once.
    """

    def __init__(self, w: Watching, dataset: Dataset, device: str = "cpu") -> None:
        self.names, self.every, self.n = w.metrics.split(","), w.metrics_every, w.metrics_images
        self.extractor, self.device = w.extractor or suitable_extractor(dataset.shape), device
        self.real = dataset.test.images[: self.n]
        self.warned = False
        self.rehearse(dataset.shape)

    def rehearse(self, shape: tuple[int, int, int]) -> None:
        """Score noise, so that what cannot be computed is known before the training.

        Raises:
            UnknownNameError: no such metric or extractor.
            DataError: a metric that needs the training images, or one that these images do not suit.
        """
        from genmetrics.metrics import find_metric

        for name in self.names:
            if "train" in find_metric(name).sides:
                raise DataError(f"--metrics {name} needs the training images too, which are not scored while training")
        noise = np.random.default_rng(0).integers(0, 256, (self.n, *shape), dtype=np.uint8)
        self.scores(noise)

    def __call__(self, model: Any, step: int, shown: dict[str, float]) -> None:
        if step % self.every and step != model.config.steps:
            return
        samples = model.sample(self.n, seed=0)
        shown |= self.scores(samples)
        shown["spread"] = spread(samples) / max(spread(self.real), 1e-12)
        if shown["spread"] < COLLAPSED and not self.warned:
            self.warned = True
            print(
                f"step {step}: samples differ from each other {shown['spread']:.0%} as much as real images do; "
                "the generator may have collapsed",
                file=sys.stderr,
            )

    def scores(self, samples: np.ndarray) -> dict[str, float]:
        """Name -> value of each metric of uint8 images (n, c, h, w)."""
        import genmetrics as gm

        record = gm.evaluate(
            *(last_channel(part) for part in (self.real, samples)),
            metrics=self.names,
            extractor=self.extractor,
            intervals=False,
            device=self.device,
            cache=False,
        )
        return {score.name: score.value for score in record.scores if score.value is not None}


class Alike:
    """Mean MS-SSIM of random pairs of samples of the same latents, put among the numbers of the step.

    With classes: 100 pairs of 100 samples in each, their mean `ms_ssim`, and that of each class, `ms_ssim_0` on. If
    the mean comes to the largest of a real class after it was below, or ends there, that is warned of once.
    """

    def __init__(self, every: int, dataset: Dataset) -> None:
        self.every, self.dataset, self.warned, self.varied = every, dataset, False, False
        self.largest: float | None = None

    def __call__(self, model: Any, step: int, shown: dict[str, float]) -> None:
        if step % self.every and step != model.config.steps:
            return
        parts = list(model.samples(ALIKE_IMAGES * (model.classes or 10), seed=0))
        images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        found = diversity(images, labels if model.classes else None)
        shown["ms_ssim"] = found.value
        shown |= {f"ms_ssim_{name}": row["value"] for name, row in found.per_class.items()}
        if self.largest is None:
            real = diversity(self.dataset.test.images, self.dataset.test.labels if model.classes else None)
            self.largest = max((row["value"] for row in real.per_class.values()), default=real.value)
        if found.value < self.largest:
            self.varied = True
        elif not self.warned and (self.varied or step == model.config.steps):
            self.warned = True
            print(
                f"step {step}: mean MS-SSIM of samples is {found.value:.3f}, not below the {self.largest:.3f} of the "
                "least varied real class; the generator may have collapsed",
                file=sys.stderr,
            )


def diversity(images: np.ndarray, labels: np.ndarray | None) -> Any:
    """Mean MS-SSIM of 100 pairs a class, or of 1,000 where there are no classes."""
    import genmetrics as gm

    return gm.ms_ssim_diversity(images, labels, pairs=1000 if labels is None else 100)


def suitable_extractor(shape: tuple[int, int, int]) -> str:
    """A feature network that ships with genmetrics for such images, or the pixels."""
    return EXTRACTORS.get(shape, "pixels")


def last_channel(images: np.ndarray) -> np.ndarray:
    """(n, c, h, w) as (n, h, w, c)."""
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1))


def spread(images: np.ndarray) -> float:
    """Root of the mean squared distance between two images, from the variance of each pixel."""
    return float(np.sqrt(2 * (images.reshape(len(images), -1) / 255).var(axis=0).sum()))


class Board:
    """Numbers for TensorBoard."""

    def __init__(self, writer: Any, every: int) -> None:
        self.writer, self.every = writer, every

    def __call__(self, model: Any, step: int, shown: dict[str, float]) -> None:
        if step % self.every == 0 or step == model.config.steps:
            for name, value in shown.items():
                self.writer.add_scalar(name, value, step)
            self.writer.flush()


def tensorboard(out: Path) -> Any:
    """A writer of TensorBoard's files.

    Raises:
        DataError: TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise DataError("--tensorboard needs the package 'tensorboard': pip install 'genmetrics[trainers]'") from None
    return SummaryWriter(str(out / "tensorboard"))
