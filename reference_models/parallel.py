"""One process among several, as torchrun starts them: `torchrun --nproc-per-node 2 -m reference_models train ...`.

The batch of a step and everything random in it (noise, dropout, crops, mirroring) are drawn whole by every process,
from the same seed; each takes its own rows, and gradients are averaged before an update. So a run depends on the size
of the batch, not on how many processes share it, unless a network mixes the rows of a batch (batch norm, minibatch
discrimination).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from genmetrics._checks import DataError

_alone = False


def size() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() and not _alone else 1


def rank() -> int:
    """Which of them this is; 0 saves and shows."""
    return dist.get_rank() if dist.is_initialized() and not _alone else 0


@contextmanager
def alone() -> Iterator[None]:
    """Within it a process draws as if it were the only one: from one seed all draw the same."""
    global _alone
    before, _alone = _alone, True
    try:
        yield
    finally:
        _alone = before


def device_of_process(name: str) -> str:
    """Under torchrun `cuda` or `auto` is the GPU of this process's number."""
    local = os.environ.get("LOCAL_RANK")
    use_gpu = name == "cuda" or (name == "auto" and torch.cuda.is_available())
    return f"cuda:{local}" if local is not None and use_gpu else name


@contextmanager
def group(device: torch.device) -> Iterator[None]:
    """Within it, the processes that torchrun started know each other; alone, nothing happens."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or dist.is_initialized():
        yield
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def wait() -> None:
    """Until every process is here."""
    if size() > 1:
        dist.barrier()


def share(batch_size: int) -> int:
    """Rows of a batch for each process.

    Raises:
        DataError: they cannot be shared evenly.
    """
    if batch_size % size():
        raise DataError(f"a batch of {batch_size} cannot be shared evenly by {size()} processes; change --batch-size")
    return batch_size // size()


def own_rows(batch: Tensor) -> Tensor:
    """This process's rows of a whole batch."""
    n = len(batch) // size()
    return batch[rank() * n : (rank() + 1) * n]


def normal_like(x: Tensor) -> Tensor:
    """N(0, 1) for activations (n, ...) of this process's rows: its rows of what is drawn for the whole batch."""
    return own_rows(torch.randn_like(whole(x)))


def dropout(x: Tensor, rate: float, training: bool) -> Tensor:
    """Dropout of activations (n, ...), its mask likewise drawn for the whole batch."""
    if size() == 1 or not training or not rate:
        return F.dropout(x, rate, training)
    return x * own_rows(F.dropout(torch.ones_like(whole(x)), rate))


def whole(x: Tensor) -> Tensor:
    """A tensor laid out as x, (n, ...), with the rows of all processes; what it holds means nothing."""
    return x if size() == 1 else torch.cat([x.detach()] * size())


class Dropout(nn.Dropout):
    """Dropout by place in the whole batch."""

    def forward(self, input: Tensor) -> Tensor:
        return dropout(input, self.p, self.training)


def drop_out_by_rows(network: nn.Module) -> None:
    """Every nn.Dropout in the network becomes one by place in the whole batch."""
    for module in network.modules():
        for name, child in module.named_children():
            if type(child) is nn.Dropout:
                setattr(module, name, Dropout(child.p).train(child.training))


@torch.no_grad()
def average_gradients(parameters: list[Tensor]) -> None:
    """The mean over processes of every gradient, in one exchange."""
    if size() == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients])
    dist.all_reduce(flat)
    for gradient, mean in zip(gradients, (flat / size()).split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))


def mean(values: dict[str, float]) -> dict[str, float]:
    """The mean over processes of every number."""
    if size() == 1:
        return values
    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    together = torch.tensor(list(values.values()), dtype=torch.float64, device=device)
    dist.all_reduce(together)
    return dict(zip(values, (together / size()).tolist(), strict=True))
