"""Data sets by name, as torchvision reads them: `mnist:test`, `cifar10:train`."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from genmetrics._arrays import InMemory
from genmetrics._checks import DataError, one_of, to_numpy
from genmetrics.sources.arrays import open_array
from genmetrics.sources.image_set import ImageSet, Options

TRAIN_TEST = {"train": {"train": True}, "test": {"train": False}}
# name -> torchvision's class, and what it is called with for each split
KNOWN: dict[str, tuple[str, dict[str, dict[str, Any]]]] = {
    "mnist": ("MNIST", TRAIN_TEST),
    "fashion-mnist": ("FashionMNIST", TRAIN_TEST),
    "kmnist": ("KMNIST", TRAIN_TEST),
    "usps": ("USPS", TRAIN_TEST),
    "cifar10": ("CIFAR10", TRAIN_TEST),
    "cifar100": ("CIFAR100", TRAIN_TEST),
    "svhn": ("SVHN", {split: {"split": split} for split in ("train", "test", "extra")}),
    "stl10": ("STL10", {split: {"split": split} for split in ("train", "test", "unlabeled")}),
}


def is_known(text: str) -> bool:
    """Whether a text begins with the name of a data set."""
    return text.partition(":")[0].lower() in KNOWN


def open_known(text: str, name: str, options: Options) -> ImageSet:
    """A split of a known data set, from its files in the data folder.

    Raises:
        DataError: no such split; the files are not there, and were not to be downloaded or could not be.
    """
    from torchvision import datasets

    data_set, _, split = text.lower().partition(":")
    kind, splits = KNOWN[data_set]
    if not split:
        raise DataError(f"{name}: {data_set} has the splits {', '.join(splits)}; write {data_set}:{next(iter(splits))}")
    one_of(split, f"split of {data_set}", splits)
    root = data_folder(options)
    try:
        found = getattr(datasets, kind)(root, download=options.download, **splits[split])
    except Exception as error:  # a missing or damaged file, or anything that a download can run into
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if options.download:
            raise DataError(f"{name}: {text} cannot be downloaded to {root} ({reason})") from None
        raise DataError(
            f"{name}: {text} is not in {root} ({reason.split('. You can')[0]}); name the folder that torchvision keeps "
            "it in with --data-root (data_root=), or get it with --download (download=True)"
        ) from None
    images, labels = to_numpy(found.data), getattr(found, "targets", getattr(found, "labels", None))
    if options.labels is None and labels is not None and split != "unlabeled":
        options = replace(options, labels=to_numpy(labels))
    return open_array(InMemory(images), name, "dataset", text.lower(), options)


def data_folder(options: Options) -> Path:
    """Where torchvision's data sets are: as told, $GENMETRICS_DATA, or in the user's cache folder."""
    from platformdirs import user_cache_path

    return Path(options.data_root or os.environ.get("GENMETRICS_DATA") or user_cache_path("genmetrics") / "data")
