"""What a run keeps: its settings (run.json), and one checkpoint, replaced by renaming a finished file."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from types import NoneType
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

import genmetrics
from genmetrics._checks import DataError
from genmetrics.records import write_atomically
from reference_models.data import Dataset

CHECKPOINT = "checkpoint.safetensors"
SETTINGS = "run.json"
KEPT = {  # of run.json -> its types
    "model": (str,),
    "dataset": (list,),
    "test_set": (str, NoneType),
    "side": (int, NoneType),
    "dataset_sha256": (str,),
    "seed": (int,),
    "config": (dict,),
    "loop": (dict,),
}


def save_checkpoint(model: Any, path: Path, step: int) -> None:
    """Networks, their averages and optimisers after `step` steps: tensors, and JSON in the header.

    Raises:
        DataError: the place cannot be written (the disk is full, say); the checkpoint before it stays.
    """
    tensors = {f"network.{n}.{k}": v for n, net in model.networks.items() for k, v in net.state_dict().items()}
    tensors |= {f"average.{n}.{k}": v for n, net in averages(model).items() for k, v in net.state_dict().items()}
    groups = {}
    for name, optimiser in model.optimisers.items():
        state = optimiser.state_dict()
        groups[name] = state["param_groups"]
        for i, values in state["state"].items():
            tensors |= {f"optimiser.{name}.{i}.{key}": value for key, value in values.items()}
    header = {"json": json.dumps({"step": step, "param_groups": groups, "tensors": len(tensors)})}
    tensors = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    write_atomically(path, safetensors.torch.save(tensors, header))


def load_checkpoint(model: Any, path: Path) -> int:
    """Restore networks, averages and optimisers; the number of steps done.

    Raises:
        DataError: not a checkpoint of this model.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            header = json.loads(file.metadata()["json"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dictionary)
        whole(header, tensors)
        for name, network in model.networks.items():
            network.load_state_dict(under(tensors, f"network.{name}."))
        for name, network in averages(model).items():
            network.load_state_dict(under(tensors, f"average.{name}."))
        for name, optimiser in model.optimisers.items():
            optimiser.load_state_dict(optimiser_state(tensors, name, header["param_groups"][name]))
    except (
        safetensors.SafetensorError,
        AttributeError,
        KeyError,
        OSError,
        TypeError,
        ValueError,
        RuntimeError,
    ) as error:
        raise DataError(f"{path}: not a checkpoint of this model ({error})") from None
    return header["step"]


def whole(header: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """The number of steps is one, and every tensor that was saved is there; older checkpoints do not say how many.

    Raises:
        ValueError: it is not.
    """
    step, saved = header["step"], header.get("tensors", len(tensors))
    if type(step) is not int or step < 1:
        raise ValueError(f"step is {step!r}")
    if saved != len(tensors):
        raise ValueError(f"{len(tensors)} of the {saved} tensors that were saved")


def averages(model: Any) -> dict[str, torch.nn.Module]:
    """The running averages of its networks, if any are kept."""
    return getattr(model, "averages", {})


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


# --- run.json


def start(
    out: Path,
    name: str,
    config: Any,
    loop: Any,
    dataset: Dataset,
    files: tuple[Sequence[str], str | None, int | None],
    seed: int,
    *,
    resume: bool,
) -> None:
    """Write the settings of a new run, or see that they are those of the run to resume.

    A run that stopped before its first checkpoint is begun anew, with these settings.

    Raises:
        DataError: `out` holds a run and `resume` is off; that run has other settings; there is no step to do,
            or a batch is larger than the data.
    """
    possible(config, len(dataset.train))
    settings = {
        "model": name,
        "dataset": list(files[0]),
        "test_set": files[1],
        "side": files[2],
        "dataset_sha256": dataset.digest(),
        "seed": seed,
        "config": dataclasses.asdict(config),
        "loop": dataclasses.asdict(loop),
        "genmetrics": genmetrics.__version__,
        "torch": torch.__version__,
    }
    if (out / SETTINGS).exists() and begun(out):
        if not resume:
            raise DataError(f"{out} already holds a run; continue it with --resume, or choose another --out")
        same_settings(out, read_settings(out), json.loads(json.dumps(settings)))
        return
    write_atomically(out / SETTINGS, (json.dumps(settings, indent=2) + "\n").encode())


def begun(out: Path) -> bool:
    """A checkpoint is there, of the run or of one of its splits."""
    return (out / CHECKPOINT).exists() or any(out.glob(f"*/{CHECKPOINT}"))


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
        kept = {key: settings[key] for key in KEPT}
        for key, value in kept.items():
            if type(value) not in KEPT[key] or (key == "dataset" and {type(name) for name in value} != {str}):
                raise TypeError(f"{key} is {value!r}")
        return kept
    except FileNotFoundError:
        raise DataError(f"{out} holds no run (no {SETTINGS}); name the folder that was --out of `train`") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{out / SETTINGS}: not the settings of a run ({error})") from None


def same_settings(out: Path, started: dict[str, Any], given: dict[str, Any]) -> None:
    """A run is resumed with the settings that it was started with.

    Raises:
        DataError: it is not; the message says which differ.
    """
    if started["model"] != given["model"]:
        raise DataError(
            f"{out} holds a run of {started['model']}, not of {given['model']}; continue it with "
            f"`train {started['model']} --resume`, or choose another --out"
        )
    before, now = flat(started), flat(given)
    changed = [f"{key} {value!r}, not {now.get(key)!r}" for key, value in before.items() if value != now.get(key)]
    if changed:
        raise DataError(f"{out} was started with {'; '.join(changed)}; resume it with the same settings")


def flat(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings with those of `config` and `loop` among them."""
    own = {key: value for key, value in settings.items() if key not in ("config", "loop")}
    return {**own, **settings["config"], **settings["loop"]}
