"""Do images made by ModNet help to train a classifier? Basart (2017), Section 2.5.4.

Generated only: a fresh classifier learns from training images that were each changed to another label, and from
nothing else; beside it, one that learns from those training images as they are.

A few real ones: n real images and the 9 others that ModNet makes of each (one for every other label), against the n
real images alone. The thesis does not say what its ModNet was trained on, so both readings are tried: on all training
images with their labels, of which the n are some, and on nothing but the n.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from genmetrics._checks import DataError
from genmetrics.digits import split_indices
from genmetrics.extractors import sha256_of
from genmetrics.records import write_atomically
from reference_models import models, training
from reference_models.checkpoints import CHECKPOINT
from reference_models.classifiers import accuracy, cosine
from reference_models.data import Dataset, Images
from reference_models.generative import normal_weights, update
from reference_models.modnet import ModNet, other_labels
from reference_models.modnet_networks import Answering, stack
from reference_models.modnet_plan import Plan
from reference_models.modnet_studies import Mean, as_dict

REAL, FROM_ALL, FROM_FEW = "real only", "with ModNet of all images", "with ModNet of these images"
ALL_REAL, GENERATED = "all real", "generated only"
RESULTS = "augment.json"


@dataclass(frozen=True)
class Trial:
    """One classifier, to be trained and tested."""

    images: str  # one of the five names above
    n: int  # real images
    seed: int


def trials(sizes: Sequence[int], repetitions: int) -> list[Trial]:
    """All of them, one seed after the other."""
    few = [(name, n) for n in sizes for name in (REAL, FROM_ALL, FROM_FEW)]
    return [Trial(name, n, seed) for seed in range(repetitions) for name, n in [(ALL_REAL, 0), (GENERATED, 0), *few]]


def subset(train: Images, n: int, seed: int) -> Images:
    """n training images, each class with its share of them to within one image."""
    rows = split_indices(train.labels, (n,), seed)[1]
    return Images(train.images[rows], train.labels[rows])


def other_versions(model: ModNet, images: Images) -> Images:
    """Of each image one for every label that it has not."""
    shifts = np.tile(np.arange(1, model.classes), len(images))
    targets = (np.repeat(images.labels, model.classes - 1) + shifts) % model.classes
    return Images(model.modify(np.repeat(images.images, model.classes - 1, axis=0), targets), targets)


def joined(*parts: Images) -> Images:
    return Images(np.concatenate([p.images for p in parts]), np.concatenate([p.labels for p in parts]))


class Augmentation:
    """The trials of one experiment.

    Args:
        runs: ModNets trained on all training images; seed i takes run i, beginning again after the last.
        dataset: what they were trained on; accuracy is on its test images.
        out: folder of the ModNets that are trained on few images.
    """

    def __init__(self, runs: Sequence[ModNet], dataset: Dataset, plan: Plan, out: Path) -> None:
        self.runs, self.dataset, self.plan, self.out = runs, dataset, plan, out

    def accuracy(self, trial: Trial) -> float:
        """Of a fresh classifier on the test images."""
        images = self.images(trial)
        device = self.runs[0].device
        with training.own_random_numbers(device):
            torch.manual_seed(training.seed_of(trial.seed, len(images)))
            return accuracy(self.classifier(images, device), self.dataset.test)

    def images(self, trial: Trial) -> Images:
        """What the classifier of a trial learns from."""
        train = self.dataset.train
        model = self.runs[trial.seed % len(self.runs)]
        if trial.images in (ALL_REAL, GENERATED):
            some = subset(train, min(self.plan.generated_only, len(train)), trial.seed)
            if trial.images == ALL_REAL:
                return some
            targets = other_labels(some.labels, model.classes, trial.seed)
            return Images(model.modify(some.images, targets), targets)
        some = subset(train, trial.n, trial.seed)
        if trial.images == FROM_FEW:
            model = self.of_few(model, some, trial)
        return some if trial.images == REAL else joined(some, other_versions(model, some))

    def of_few(self, like: ModNet, images: Images, trial: Trial) -> ModNet:
        """A ModNet of the same settings that is trained on these images and no others."""
        batch = min(like.config.batch_size, len(images))
        config = dataclasses.replace(like.config, steps=self.plan.few_steps, batch_size=batch)
        few = dataclasses.replace(self.dataset, train=images)
        model = models.build("modnet", config, few, like.device, trial.seed)
        folder = self.out / f"modnet-{trial.n}-{trial.seed}"
        training.train(model, few, folder, seed=trial.seed, every=config.steps, show=False)
        return model

    def classifier(self, images: Images, device: torch.device) -> Any:
        """A fresh one, trained on these images: the stack of Figure 2.5, Adam on the cross-entropy."""
        plan, shape = self.plan, self.dataset.shape
        network = Answering(stack(shape, self.dataset.classes, plan.classifier_width))
        normal_weights(network, gains=True)
        network.to(device).train()
        adam = torch.optim.Adam(network.parameters(), plan.learning_rate)
        batches = training.batches(training.to_device(images, device), min(plan.classifier_batch, len(images)))
        for step in range(plan.classifier_steps):
            x, y = next(batches)
            adam.param_groups[0]["lr"] = plan.learning_rate * cosine(step / plan.classifier_steps)
            update(adam, F.cross_entropy(network(x / 255)["logits"], y))
        return network.eval()

    def run(self, wanted: Sequence[Trial], settings: dict[str, Any]) -> Iterator[tuple[Trial, float]]:
        """Every trial and its accuracy, as they come; those that a folder holds already are read, not done again.

        Raises:
            DataError: the folder holds an experiment with other settings.
        """
        done = self.kept(settings)
        for trial in wanted:
            if trial not in done:
                done[trial] = self.accuracy(trial)
                rows = [{**dataclasses.asdict(t), "accuracy": value} for t, value in done.items()]
                write_atomically(
                    self.out / RESULTS, json.dumps({"settings": settings, "rows": rows}, indent=1).encode()
                )
            yield trial, done[trial]

    def kept(self, settings: dict[str, Any]) -> dict[Trial, float]:
        """What was done before, if it was done with the same settings."""
        path = self.out / RESULTS
        if not path.exists():
            return {}
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["settings"] != json.loads(json.dumps(settings)):
            raise DataError(f"{path} holds an experiment with other settings or runs; choose another --out")
        return {Trial(row["images"], row["n"], row["seed"]): row["accuracy"] for row in found["rows"]}


# --- what came out


def settings(runs: Sequence[Path], digest: str, plan: Plan) -> dict[str, Any]:
    """What the results depend on besides the trial: the runs as they are now, their data, the plan."""
    weights = [sha256_of(run / CHECKPOINT) for run in runs]
    return {"runs": weights, "dataset_sha256": digest, "plan": dataclasses.asdict(plan)}


def table(found: dict[Trial, float]) -> list[str]:
    """Accuracy with its 95% interval over seeds, a row for each number of real images."""
    lines = [f"{'accuracy on test images':<26}" + "".join(f"{name:>32}" for name in (REAL, FROM_ALL, FROM_FEW))]
    columns = curves(found)
    for n in columns[REAL]:
        lines.append(f"{n:>12,} real images" + " " * 2 + "".join(f"{percent(c[n]):>32}" for c in columns.values()))
    alone = curves(found, (ALL_REAL, GENERATED))
    return [*lines, *(f"{name}: {percent(curve[0])}" for name, curve in alone.items())]


def percent(mean: Mean) -> str:
    return f"{100 * mean.value:.1f}% [{100 * mean.low:.1f}, {100 * mean.high:.1f}]"


def summary(found: dict[Trial, float]) -> dict[str, Any]:
    """All of it, for JSON."""
    shown = {**curves(found, (ALL_REAL, GENERATED)), **curves(found)}
    added = {name: gains(found, name) for name in (FROM_ALL, FROM_FEW)}
    return {
        "accuracy": {name: as_dict(curve) for name, curve in shown.items()},
        "gain": {name: as_dict(curve) for name, curve in added.items()},
        "verdict": {name: {n: verdict(gain) for n, gain in curve.items()} for name, curve in added.items()},
        "sentences": sentences(found),
    }


def curves(found: dict[Trial, float], names: Sequence[str] = (REAL, FROM_ALL, FROM_FEW)) -> dict[str, dict[int, Mean]]:
    """Mean accuracy over seeds, by what the classifier learned from and the number of real images."""
    sizes = sorted({trial.n for trial in found if trial.images in names})
    return {name: {n: mean_accuracy(found, name, n) for n in sizes} for name in names}


def mean_accuracy(found: dict[Trial, float], name: str, n: int) -> Mean:
    """Over seeds."""
    return Mean.of([value for trial, value in found.items() if (trial.images, trial.n) == (name, n)], (0.0, 1.0))


def gains(found: dict[Trial, float], name: str) -> dict[int, Mean]:
    """What generated images add to the accuracy, by the number of real images: seeds are paired, mean over them."""
    added: dict[int, list[float]] = {}
    for trial, value in found.items():
        if trial.images == name:
            added.setdefault(trial.n, []).append(value - found[Trial(REAL, trial.n, trial.seed)])
    return {n: Mean.of(values) for n, values in sorted(added.items())}


def verdict(gain: Mean) -> str:
    """Whether the interval of a gain lies above 0, below it, or around it."""
    if gain.low > 0:
        return "confirmed"
    return "denied" if gain.high < 0 else "undecided"


def sentences(found: dict[Trial, float]) -> list[str]:
    """The thesis's claim, that generated images raise the accuracy, for every n and both readings."""
    lines = []
    for name in (FROM_ALL, FROM_FEW):
        for n, gain in gains(found, name).items():
            points = f"{100 * gain.value:+.1f} points, 95% [{100 * gain.low:+.1f}, {100 * gain.high:+.1f}]"
            lines.append(f"{n:,} real images {name}: {points} over {gain.n} seeds: {verdict(gain)}")
    return lines
