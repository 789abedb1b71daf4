"""Classifiers that others have trained: those that ship with genmetrics, and those of runs."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import torch
from torch import nn

from genmetrics._checks import DataError, unknown_name
from reference_models import checkpoints, data, models
from reference_models.flags import from_json

SHIPPED = {  # name -> module, shape of its images
    "digits-cnn": ("digits_cnn", (1, 8, 8)),
    "mnist-cnn": ("mnist_cnn", (1, 28, 28)),
    "cifar10-wrn": ("wide_resnet", (3, 32, 32)),
}


def classifier(name: str, shape: tuple[int, int, int], classes: int) -> nn.Module:
    """The classifier of this name or in this run folder: images (n, *shape) in [0, 1] -> {"logits": (n, k)}.

    In evaluation mode, on the CPU; k is at least `classes`.

    Raises:
        DataError: neither a known name nor a run of a classifier, or one of other images or fewer classes.
    """
    network = shipped(name, shape) if name in SHIPPED else of_run(name, shape, classes)
    try:
        with torch.no_grad():
            found = network.eval()(torch.zeros(1, *shape))["logits"].shape[1]
    except RuntimeError:
        raise DataError(f"{name} does not take images of shape {shape}") from None
    if found < classes:
        raise DataError(f"{name} tells {found} classes apart, but the images have {classes}")
    return network


def shipped(name: str, shape: tuple[int, int, int]) -> nn.Module:
    """A classifier with its weights in the package."""
    module, wanted = SHIPPED[name]
    if shape != wanted:
        colours = "grey" if wanted[0] == 1 else "colour"
        raise DataError(f"{name} takes {colours} images of {wanted[1]} x {wanted[2]}, not of shape {shape}")
    return importlib.import_module(f"genmetrics.extractors.{module}").load()


def of_run(name: str, shape: tuple[int, int, int], classes: int) -> nn.Module:
    """The network of a finished run, which is read and left alone."""
    run = Path(name)
    if not run.is_dir():
        if "/" in name:
            raise DataError(f"{name}: no such run")
        raise unknown_name("classifier", name, [*SHIPPED, "a run folder"])
    settings = checkpoints.read_settings(run)
    cls: Any = models.find(settings["model"])
    if cls.exports != "classifier":
        raise DataError(f"{run} holds a {settings['model']}, which is no classifier")
    config = from_json(cls.Config, settings["config"])
    model = models.build(settings["model"], config, data.blank(shape, classes), torch.device("cpu"), 0)
    model.averages = {}
    checkpoints.load_checkpoint(model, run / checkpoints.CHECKPOINT)
    return model.networks["classifier"].eval()
