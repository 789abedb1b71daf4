"""The loop that every model shares: seeded batches, steps, checkpoints and exact resume.

A model is a class with

    Config                      frozen dataclass of hyperparameters, with `steps` and `batch_size`
    paper, quick                the citation; the settings that `--preset quick` changes
    images                      shape of the images that its paper has, for `list`
    Model(config, dataset, device)
    networks, optimisers        dictionaries of what is trained and what trains it
    step(batches)               one update; pulls as many (images, labels) as it needs; numbers to show
    exports                     which network `export` writes
    evaluate(dataset, seed)     numbers on images that it was not trained on; generative models may leave it out
    sample(n, seed)             uint8 images (n, c, h, w), where it generates

and may read `progress`, the fraction of the training done, for its schedules; may have `seen`, the training images
with the labels that it is to see, and `semi_supervised`, if images without labels (-1) are welcome. Models that
generate share `reference_models.generative.Generative`.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from genmetrics._checks import DataError, pick_device
from reference_models import parallel
from reference_models.checkpoints import CHECKPOINT, load_checkpoint, save_checkpoint
from reference_models.data import Dataset, Images
from reference_models.flags import hp

SHOWN_EVERY = 20  # steps, on a GPU: reading a number waits for it

Watch = Callable[[Any, int, dict[str, float]], None]  # (model, steps done, numbers of the last one)


@dataclass(frozen=True)
class Loop:
    """How any model is trained. These settings change the result, so that a run keeps them."""

    flip: bool = hp(False, "mirror training images left to right, each with probability 1/2")
    ema: float = hp(0.0, "decay of an average of the generator's weights, which then makes the samples; 0: none")
    amp: bool = hp(False, "bfloat16 where PyTorch holds it safe (torch.autocast)")
    channels_last: bool = hp(False, "pixels stored channels last, which makes convolutions faster on most devices")
    compile: bool = hp(False, "torch.compile of the networks that allow it")
    cuda_graphs: bool = hp(False, "torch.compile with CUDA graphs (mode reduce-overhead)")


def train(
    model: Any,
    dataset: Dataset,
    out: Path,
    *,
    seed: int,
    every: int,
    loop: Loop | None = None,
    watch: tuple[Watch, ...] = (),
    show: bool = True,
) -> dict[str, float]:
    """Train to the last step, from the checkpoint in `out` if there is one; save one `every` so many steps.

    A resumed run equals an uninterrupted one, to the bit on one CPU: batches and noise of a step come from
    (seed, step) alone, and everything else that a step depends on is in the checkpoint.

    Args:
        watch: called after every step whose numbers are read (on a CPU every step), in the first process; after the
            checkpoint, if one is due, so that one that fails loses no step.

    Raises:
        DataError: a loss or weight became NaN or infinite (the last checkpoint stays), or `out` cannot be
            written.
    """
    loop = loop or Loop()
    path, steps = out / CHECKPOINT, model.config.steps
    average = prepare(model, loop)
    done = load_checkpoint(model, path) if path.exists() else 0
    resident = to_device(getattr(model, "seen", dataset.train), model.device)
    shown: dict[str, float] = {}
    first = parallel.rank() == 0
    with progress_bar(show and first) as bar, own_random_numbers(model.device):
        task = bar.add_task("", total=steps, completed=done, shown="")
        for step in range(done, steps):
            model.progress = step / steps
            torch.manual_seed(seed_of(seed, step))
            with autocast(loop, model.device):
                found = model.step(batches(resident, model.config.batch_size, loop.flip))
            average()
            save = (step + 1) % every == 0 or step + 1 == steps
            if save or model.device.type == "cpu" or (step + 1) % SHOWN_EVERY == 0:
                shown = parallel.mean({name: float(value) for name, value in found.items()})
                stop_unless_finite(model, shown, step, path, weights=save)
                bar.update(task, completed=step + 1, shown="  ".join(f"{k} {v:.4g}" for k, v in shown.items()))
                if save and first:
                    save_checkpoint(model, path, step + 1)
                for look in watch if first else ():
                    look(model, step + 1, shown)
    return shown


def seed_of(seed: int, step: int) -> int:
    """64 bits from (seed, step)."""
    return int(np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0])


def batches(data: tuple[Tensor, Tensor], size: int, flip: bool = False) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless batches of uint8 images (size, c, h, w) and labels, each drawn without replacement.

    Of several processes each gets its own rows.
    """
    images, labels = data
    while True:
        rows = parallel.own_rows(torch.randperm(len(images))[:size]).to(images.device)
        drawn = images[rows]
        if flip:
            mirrored = parallel.own_rows(torch.rand(size) < 0.5).to(images.device)
            drawn = torch.where(mirrored[:, None, None, None], drawn.flip(3), drawn)
        yield drawn, labels[rows]


def to_device(data: Images, device: torch.device) -> tuple[Tensor, Tensor]:
    """The images and labels as tensors that stay on the device."""
    return torch.from_numpy(np.ascontiguousarray(data.images)).to(device), torch.from_numpy(data.labels).to(device)


def check(model: Any, loop: Loop) -> None:
    """The model can be trained so.

    Raises:
        DataError: a decay outside [0, 1), averages asked of a model that has none, or a batch that cannot be shared.
    """
    if not 0 <= loop.ema < 1:
        raise DataError(f"ema must be at least 0 and below 1, got {loop.ema}")
    if loop.ema and not getattr(model, "averaged", ()):
        raise DataError("ema averages the weights of a generator, and this model has none; leave --ema out")
    parallel.share(model.config.batch_size)


def prepare(model: Any, loop: Loop) -> Callable[[], None]:
    """Networks laid out, averaged and compiled as `loop` says; a function that brings the averages up to date."""
    check(model, loop)
    if parallel.size() > 1:
        for network in model.networks.values():
            parallel.drop_out_by_rows(network)
    if loop.channels_last:
        for network in model.networks.values():
            network.to(memory_format=torch.channels_last)
    names: tuple[str, ...] = model.averaged if loop.ema else ()
    model.averages = {name: copy.deepcopy(model.networks[name]).eval().requires_grad_(False) for name in names}
    if loop.compile or loop.cuda_graphs:
        for name in getattr(model, "compilable", tuple(model.networks)):
            model.networks[name].compile(mode="reduce-overhead" if loop.cuda_graphs else "default")
    return lambda: [step_average(model.averages[name], model.networks[name], loop.ema) for name in names]


@torch.no_grad()
def step_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """average = decay * average + (1 - decay) * network; running statistics are copied."""
    torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - decay)
    for kept, now in zip(average.buffers(), network.buffers(), strict=True):
        kept.copy_(now)


def autocast(loop: Loop, device: torch.device) -> AbstractContextManager[Any]:
    """bfloat16 within it, if asked for."""
    return torch.autocast(device.type, torch.bfloat16) if loop.amp else nullcontext()


def own_random_numbers(device: torch.device) -> Any:
    """A context that leaves the caller's random number generators as they were."""
    return torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])


def stop_unless_finite(model: Any, shown: dict[str, float], step: int, path: Path, *, weights: bool) -> None:
    """Every number shown, and every weight if asked, is a number: the update after a finite loss may be infinite.

    Raises:
        DataError: one is not; says what, and which checkpoint is good.
    """
    if weights and not all(bool(p.isfinite().all()) for net in model.networks.values() for p in net.parameters()):
        shown = {**shown, "weights": math.nan}
    if all(map(math.isfinite, shown.values())):
        return
    values = ", ".join(f"{name} = {value}" for name, value in shown.items())
    kept = f"the last good checkpoint is {path}" if path.exists() else "there is no checkpoint yet"
    raise DataError(f"step {step}: {values}; training stopped, {kept}; try a lower learning rate")


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
    """`auto` is a GPU where there is one; under torchrun, this process's.

    Raises:
        DataError: this machine has no such device.
    """
    return torch.device(pick_device(parallel.device_of_process(name)))
