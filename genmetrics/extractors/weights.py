"""Files of published weights: where they are looked for, and that they are what their names and the network say."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from genmetrics._checks import DataError, count
from genmetrics.extractors import sha256_of

FOLDER = "GENMETRICS_WEIGHTS_DIR"
COUNTER = "num_batches_tracked"  # of batch norms; says nothing in evaluation
LISTED = 4  # parameters named in a message


def weights_folders() -> list[Path]:
    """Where published weights are looked for, in this order."""
    own = os.environ.get(FOLDER)
    return [*([Path(own)] if own else []), Path(torch.hub.get_dir()) / "checkpoints"]


def find_weights(names: Sequence[str], given: str | Path | None) -> Path | None:
    """The file `given`; or the first of `names` in the folders; or None.

    Raises:
        DataError: `given` is no file.
    """
    if given is not None:
        if not Path(given).is_file():
            raise DataError(f"weights: no file at {given}")
        return Path(given)
    candidates = (folder / name for folder in weights_folders() for name in names)
    return next((file for file in candidates if file.is_file()), None)


def checked_sha256(file: Path) -> str:
    """SHA-256 of a file, which begins as its name says, if it says so: `name-0123abcd.pth`, as torch hub names files.

    Raises:
        DataError: it begins otherwise.
    """
    content = sha256_of(file)
    named = re.search(r"-([0-9a-f]{8,64})\.\w+$", file.name)
    if named and not content.startswith(named[1]):
        raise DataError(
            f"{file}: its name says that its SHA-256 begins with {named[1]}, but it is {content}; "
            "the file is damaged or is another one: get it again, or rename it if it is your own"
        )
    return content


def load_weights(network: nn.Module, file: Path) -> None:
    """Put the weights of a file into a network that was made on the meta device. Runs no code from the file.

    Raises:
        DataError: it is no file of weights, or its names or shapes are not the network's; they are listed.
    """
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise DataError(f"{file}: cannot be read as a torch file of weights ({reason})") from None
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise DataError(f"{file}: should hold a dict of tensors by name, as network.state_dict() gives it")
    wanted = network.state_dict()
    counters = {name: torch.tensor(0) for name in wanted if name.endswith(COUNTER)}
    state = {name: value for name, value in state.items() if not name.endswith(COUNTER)}
    refuse_what_does_not_fit(file, {name: value for name, value in wanted.items() if name not in counters}, state)
    network.load_state_dict({**{name: value.float() for name, value in state.items()}, **counters}, assign=True)


def refuse_what_does_not_fit(file: Path, wanted: dict[str, Tensor], state: dict[str, Tensor]) -> None:
    """Names and shapes are the network's.

    Raises:
        DataError: they are not.
    """
    faults = {
        "missing": [name for name in wanted if name not in state],
        "unexpected": [name for name in state if name not in wanted],
        "of another shape": [
            f"{name} {tuple(state[name].shape)}, not {tuple(value.shape)}"
            for name, value in wanted.items()
            if name in state and state[name].shape != value.shape
        ],
    }
    told = [
        f"{count(len(names), 'parameter')} {fault} ({', '.join(names[:LISTED])}{', ...' if names[LISTED:] else ''})"
        for fault, names in faults.items()
        if names
    ]
    if told:
        raise DataError(f"{file}: these are not the weights of this network: {'; '.join(told)}")
