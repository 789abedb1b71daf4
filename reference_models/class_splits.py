"""Several models, each of some of the classes, trained one after the other and sampled as one.

Odena et al. (2017), arXiv:1610.09585, sections 3 and 4.6: 1000 classes are learned by 100 models of ten classes each.
A run with `--splits` holds splits.json, the classes of each model, and a folder for each: split-000, split-001, ...
with its checkpoint and log. A run that was stopped goes on in the model that it was at.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from genmetrics._checks import DataError
from genmetrics.records import write_atomically
from reference_models import checkpoints
from reference_models.data import Dataset, Images
from reference_models.generative import Generative
from reference_models.training import seed_of

SPLITS = "splits.json"
Splits = list[list[int]]  # the classes of each model, by their numbers in the data


class Part(NamedTuple):
    """One model of a run: where it is, what it learns, and its seed."""

    folder: Path
    dataset: Dataset
    seed: int
    title: str  # for people; "" where it is the only one


def wanted(config: Any, classes: int) -> Splits:
    """The splits that a run is asked for; none where one model learns all classes.

    Raises:
        DataError: more models than classes, or a file that is not one.
    """
    asked = getattr(config, "splits", "1")
    if not asked.isdecimal():
        return from_file(Path(asked), classes)
    if not 1 <= int(asked) <= max(classes, 1):
        raise DataError(f"splits must be from 1 to the {classes} classes, got {asked}")
    return contiguous(classes, int(asked)) if int(asked) > 1 else []


def contiguous(classes: int, splits: int) -> Splits:
    """Parts of 0, 1, ... in their order, whose sizes differ by one at most."""
    return [part.tolist() for part in np.array_split(np.arange(classes), splits)]


def from_file(path: Path, classes: int) -> Splits:
    """The classes of one model a line, numbers with spaces or commas between them. Classes may be left out.

    Raises:
        DataError: no such file, or a line that holds something else, or a class twice.
    """
    try:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        splits = [[int(word) for word in line.replace(",", " ").split()] for line in lines]
    except (OSError, ValueError) as error:
        raise DataError(
            f"--splits {path}: expected a number, or a file with class numbers, a model a line ({error})"
        ) from None
    listed = list(itertools.chain(*splits))
    wrong = [k for k in listed if not 0 <= k < classes]
    if not listed or wrong:
        raise DataError(f"{path}: {f'class {wrong[0]}' if wrong else 'no class'}, but classes are 0 to {classes - 1}")
    if twice := [k for k in sorted(set(listed)) if listed.count(k) > 1]:
        raise DataError(f"{path}: class {twice[0]} stands there twice; each class has one model")
    return splits


# --- the models of a run


def parts(run: Path, dataset: Dataset, seed: int, splits: Splits) -> list[Part]:
    """The models of a run in their order."""
    if not splits:
        return [Part(run, dataset, seed, "")]
    return [
        Part(folder(run, k), of_classes(dataset, own), seed_of(seed, k), title(k, splits))
        for k, own in enumerate(splits)
    ]


def folder(run: Path, k: int) -> Path:
    return run / f"split-{k:03d}"


def title(k: int, splits: Splits) -> str:
    return f"model {k + 1} of {len(splits)}, classes {', '.join(map(str, splits[k]))}"


def of_classes(dataset: Dataset, classes: list[int]) -> Dataset:
    """The images of some classes, which are numbered 0, 1, ... as they stand there.

    Raises:
        DataError: images without labels, which belong to no split.
    """
    if missing := int((dataset.train.labels < 0).sum()):
        raise DataError(f"{dataset.name}: {missing} training images have no label, so they belong to no split")
    place = np.zeros(dataset.classes, np.int64)
    place[classes] = np.arange(len(classes))
    train, test, held_out = (Images(part.images, place[part.labels]) for part in parts_of(covered(dataset, [classes])))
    return Dataset(dataset.name, train, test, held_out, len(classes))


def covered(dataset: Dataset, splits: Splits) -> Dataset:
    """The images of the classes that some model learns, with the labels that they have."""
    classes = list(itertools.chain(*splits))
    kept = [Images(*(array[np.isin(part.labels, classes)] for array in part)) for part in parts_of(dataset)]
    return Dataset(dataset.name, *kept, dataset.classes)


def parts_of(dataset: Dataset) -> tuple[Images, Images, Images]:
    return dataset.train, dataset.test, dataset.held_out


def keep(run: Path, splits: Splits) -> None:
    """Write the splits of a new run, with a folder for each model, or see that they are those of the run to resume.

    Raises:
        DataError: they are not.
    """
    if not checkpoints.begun(run):
        (run / SPLITS).unlink(missing_ok=True)
    if (before := kept(run)) and before != splits:
        raise DataError(f"{run} was started with the splits in {run / SPLITS}, which differ; resume it with the same")
    if splits and not before:
        write_atomically(run / SPLITS, (json.dumps(splits) + "\n").encode())
    for k in range(len(splits)):
        folder(run, k).mkdir(exist_ok=True)


def kept(run: Path) -> Splits:
    """The splits that a run was started with; none for a single model.

    Raises:
        DataError: the file is damaged.
    """
    path = run / SPLITS
    if not path.exists():
        return []
    try:
        return [[int(k) for k in own] for own in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{path}: not the classes of each model of a run ({error})") from None


# --- the models as one


class Members(nn.Module):
    """Generators, each of which makes the images of its own classes."""

    model_of: Tensor
    class_there: Tensor

    def __init__(self, generators: list[nn.Module], splits: Splits) -> None:
        super().__init__()
        self.members = nn.ModuleList(generators)
        places = sorted((k, model, there) for model, own in enumerate(splits) for there, k in enumerate(own))
        self.register_buffer("model_of", torch.tensor([model for _, model, _ in places]))
        self.register_buffer("class_there", torch.tensor([there for _, _, there in places]))

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Labels are places among the sorted classes of all members."""
        models, there = self.model_of[labels], self.class_there[labels]
        order = models.argsort(stable=True)
        made = [self.members[k](latents[rows], there[rows]) for k, rows in self.groups(models)]
        return torch.cat(made)[order.argsort()]

    def groups(self, models: Tensor) -> Iterator[tuple[int, Tensor]]:
        """Each model that is asked for, and its rows, in the order of the models."""
        for k in models.unique(sorted=True).tolist():
            yield k, (models == k).nonzero()[:, 0]


class Ensemble(Generative):
    """The trained models of a run as one that makes all of their classes, in turn and in ascending order."""

    def __init__(self, models: list[Any], splits: Splits) -> None:
        first = models[0]
        self.config, self.device, self.low, self.averages = first.config, first.device, first.low, {}
        self.numbers = np.array(sorted(itertools.chain(*splits)))
        self.classes = len(self.numbers)
        generators = [model.averages.get(model.exports, model.networks[model.exports]) for model in models]
        self.networks = {self.exports: Members(generators, splits).to(self.device)}

    def samples(self, n: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """n images in parts with the numbers that their classes have in the data."""
        for images, places in super().samples(n, seed):
            yield images, self.numbers[places]
