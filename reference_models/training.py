"""The loop that every model shares: seeded batches, steps, checkpoints and exact resume.

A model is a class with

    Config                      frozen dataclass of hyperparameters, with `steps` and `batch_size`
    paper, quick                the citation; the settings that `--preset quick` changes
    Model(config, dataset, device)
    networks, optimisers        dictionaries of what is trained and what trains it
    step(batches)               one update; pulls as many (images, labels) as it needs; numbers to show
    evaluate(dataset, seed)     numbers on images that it was not trained on
    exports                     which network `export` writes
    sample(n, seed)             uint8 images (n, c, h, w), where it generates

and may read `progress`, the fraction of the training done, for its schedules.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor

import genmetrics
from genmetrics._checks import DataError
from genmetrics.extractors import pick_device
from genmetrics.records import write_atomically
from reference_models.data import Dataset, Images

CHECKPOINT = "checkpoint.safetensors"
SETTINGS = "run.json"


def train(model: Any, dataset: Dataset, out: Path, *, seed: int, every: int, show: bool = True) -> dict[str, float]:
    """Train to the last step, from the checkpoint in `out` if there is one; save one `every` so many steps.

    A resumed run equals an uninterrupted one, to the bit on one CPU: batches and noise of a step come from
    (seed, step) alone, and everything else that a step depends on is in the checkpoint.

    Raises:
        DataError: a loss or weight became NaN or infinite (the last checkpoint stays), or `out` cannot be
            written.
    """
    path, steps = out / CHECKPOINT, model.config.steps
    done = load_checkpoint(model, path) if path.exists() else 0
    resident = to_device(dataset.train, model.device)
    shown: dict[str, float] = {}
    with progress_bar(show) as bar, own_random_numbers(model.device):
        task = bar.add_task("", total=steps, completed=done, shown="")
        for step in range(done, steps):
            model.progress = step / steps
            torch.manual_seed(seed_of(seed, step))
            shown = model.step(batches(resident, model.config.batch_size))
            if not all(map(math.isfinite, shown.values())):
                raise DataError(stopped(shown, step, path))
            save = (step + 1) % every == 0 or step + 1 == steps
            if save and not finite(model):
                raise DataError(stopped({**shown, "weights": math.nan}, step, path))
            bar.update(task, advance=1, shown="  ".join(f"{k} {v:.4g}" for k, v in shown.items()))
            if save:
                save_checkpoint(model, path, step + 1)
    return shown


def seed_of(seed: int, step: int) -> int:
    """64 bits from (seed, step)."""
    return int(np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0])


def batches(data: tuple[Tensor, Tensor], size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless batches of uint8 images (size, c, h, w) and labels, each drawn without replacement."""
    images, labels = data
    while True:
        rows = torch.randperm(len(images))[:size].to(images.device)
        yield images[rows], labels[rows]


def to_device(data: Images, device: torch.device) -> tuple[Tensor, Tensor]:
    """The images and labels as tensors that stay on the device."""
    return torch.from_numpy(data.images).to(device), torch.from_numpy(data.labels).to(device)


def own_random_numbers(device: torch.device) -> Any:
    """A context that leaves the caller's random number generators as they were."""
    return torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])


def finite(model: Any) -> bool:
    """Whether every weight is a number: the update that follows a finite loss may be infinite."""
    return all(bool(p.isfinite().all()) for net in model.networks.values() for p in net.parameters())


def stopped(shown: dict[str, float], step: int, path: Path) -> str:
    """What to say when a loss is no longer a number."""
    values = ", ".join(f"{name} = {value}" for name, value in shown.items())
    kept = f"the last good checkpoint is {path}" if path.exists() else "there is no checkpoint yet"
    return f"step {step}: {values}; training stopped, {kept}; try a lower learning rate"


def progress_bar(show: bool) -> Any:
    """Steps done, time left and the last numbers, on stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[shown]}"),
        console=Console(stderr=True),
        disable=not show,
    )


def choose_device(name: str) -> torch.device:
    """`auto` is a GPU where there is one.

    Raises:
        DataError: this machine has no such device.
    """
    return torch.device(pick_device(name))


# --- Checkpoints: one safetensors file, whose header holds the JSON; replaced by renaming a finished one.


def save_checkpoint(model: Any, path: Path, step: int) -> None:
    """Networks and optimisers after `step` steps."""
    tensors = {f"network.{n}.{k}": v for n, net in model.networks.items() for k, v in net.state_dict().items()}
    groups = {}
    for name, optimiser in model.optimisers.items():
        state = optimiser.state_dict()
        groups[name] = state["param_groups"]
        for i, values in state["state"].items():
            tensors |= {f"optimiser.{name}.{i}.{key}": value for key, value in values.items()}
    header = {"json": json.dumps({"step": step, "param_groups": groups})}
    tensors = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    write_atomically(path, safetensors.torch.save(tensors, header))


def load_checkpoint(model: Any, path: Path) -> int:
    """Restore networks and optimisers; the number of steps done.

    Raises:
        DataError: not a checkpoint of this model.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            header = json.loads(file.metadata()["json"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dictionary)
        for name, network in model.networks.items():
            network.load_state_dict(under(tensors, f"network.{name}."))
        for name, optimiser in model.optimisers.items():
            optimiser.load_state_dict(optimiser_state(tensors, name, header["param_groups"][name]))
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"{path}: not a checkpoint of this model ({error})") from None
    return header["step"]


def optimiser_state(tensors: dict[str, Tensor], name: str, groups: list[dict[str, Any]]) -> dict[str, Any]:
    """What `Optimizer.load_state_dict` expects."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in under(tensors, f"optimiser.{name}.").items():
        i, field = key.split(".", 1)
        state.setdefault(int(i), {})[field] = value
    return {"state": state, "param_groups": groups}


def under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The entries whose names start with `prefix`, without it."""
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


# --- run.json: the settings that a run was started with.


def start(out: Path, name: str, config: Any, dataset: Dataset, seed: int, *, resume: bool) -> None:
    """Write the settings of a new run, or see that they are those of the run to resume.

    Raises:
        DataError: `out` holds a run and `resume` is off; that run has other settings; there is no step to do,
            or a batch is larger than the data.
    """
    possible(config, len(dataset.train))
    settings = {
        "model": name,
        "dataset": dataset.name,
        "dataset_sha256": dataset.digest(),
        "seed": seed,
        "config": dataclasses.asdict(config),
        "genmetrics": genmetrics.__version__,
        "torch": torch.__version__,
    }
    if (out / SETTINGS).exists():
        if not resume:
            raise DataError(f"{out} already holds a run; continue it with --resume, or choose another --out")
        same_settings(out, read_settings(out), json.loads(json.dumps(settings)))
        return
    write_atomically(out / SETTINGS, (json.dumps(settings, indent=2) + "\n").encode())


def possible(config: Any, images: int) -> None:
    """There is a step to do, and images for its batch.

    Raises:
        DataError: there is not.
    """
    if config.steps < 1:
        raise DataError(f"steps must be at least 1, got {config.steps}")
    if not 1 <= config.batch_size <= images:
        raise DataError(f"batch_size must be from 1 to the {images} training images, got {config.batch_size}")


def read_settings(out: Path) -> dict[str, Any]:
    """The run.json of a run.

    Raises:
        DataError: there is none, or it is not one.
    """
    try:
        settings = json.loads((out / SETTINGS).read_text(encoding="utf-8"))
        return {key: settings[key] for key in ("model", "dataset", "dataset_sha256", "seed", "config")}
    except FileNotFoundError:
        raise DataError(f"{out} holds no run (no {SETTINGS}); name the folder that was --out of `train`") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{out / SETTINGS}: not the settings of a run ({error})") from None


def same_settings(out: Path, started: dict[str, Any], given: dict[str, Any]) -> None:
    """A run is resumed with the settings that it was started with.

    Raises:
        DataError: it is not; the message says which differ.
    """
    before, now = flat(started), flat(given)
    changed = [f"{key} {value!r}, not {now.get(key)!r}" for key, value in before.items() if value != now.get(key)]
    if changed:
        raise DataError(f"{out} was started with {'; '.join(changed)}; resume it with the same settings")


def flat(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings with those of `config` among them."""
    return {**{key: value for key, value in settings.items() if key != "config"}, **settings["config"]}
