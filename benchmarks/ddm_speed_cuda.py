"""How fast is exact DDM on a CUDA device, against other ways to the number there?

    python benchmarks/ddm_speed_cuda.py [--n 50000 1000000] [--d 10 640 2048] [--out FILE]

Standard normal points, n queries against n references, h = 1; wall seconds, warmed up, all n queries, ours with the
transfers. Beside it: the bare float64 product and exponential by torch, chunk after chunk (what a route through matrix
products costs at least); torch in chunks as one would write it, in float64; KeOps' LazyTensor, float64, where it is
installed and compiles; ours on the CPU, for --cpu-rows queries, scaled up. Values are compared first: a row is written
only if the certified intervals of CUDA and CPU meet, and that of CUDA is narrower than 1e-10 of the value.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import csv_tables
import numpy as np
import torch

import genmetrics as gm

RESULTS = Path(__file__).parent / "results" / "ddm_speed_cuda.csv"
PAIRS = 1 << 27  # of a chunk: 1 GiB of float64


def seconds(work: Callable[[], object]) -> float:
    """Wall seconds, all that was started on the device done."""
    synchronize()
    start = time.perf_counter()
    work()
    synchronize()
    return time.perf_counter() - start


def synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def chunks(x: torch.Tensor, y: torch.Tensor) -> list[torch.Tensor]:
    return list(x.split(max(1, PAIRS // len(y))))


def bare_products(x: torch.Tensor, y: torch.Tensor) -> None:
    """The product and the exponential, and nothing else."""
    for part in chunks(x, y):
        (part @ y.T).exp_()


def by_torch(x: torch.Tensor, y: torch.Tensor) -> float:
    """What one would write."""
    total = 0.0
    for part in chunks(x, y):
        square = (part**2).sum(1)[:, None] + (y**2).sum(1) - 2 * part @ y.T
        total += float(torch.logsumexp(-square / 2, 1).sum())
    return -total / len(x) + float(np.log(len(y)))


def by_keops(x: torch.Tensor, y: torch.Tensor) -> float:
    from pykeops.torch import LazyTensor

    a, b = LazyTensor(x[:, None]), LazyTensor(y[None])
    return float(-(-((a - b) ** 2).sum(-1) / 2).logsumexp(dim=1).mean() + np.log(len(y)))


def checked(x: np.ndarray, y: np.ndarray, device: str) -> None:
    """Stops where the device's number is not the CPU's."""
    here, there = gm.ddm(x, y), gm.ddm(x, y, device=device)
    meet = here.lower <= there.upper and there.lower <= here.upper
    if not (meet and there.upper - there.lower <= 1e-10 * max(1.0, there.value)):
        raise SystemExit(f"{there} on {device}, but {here} on the CPU")


def measured(n: int, d: int, cpu_rows: int, device: str) -> dict[str, object]:
    random = np.random.default_rng(0)
    x, y = random.standard_normal((n, d), np.float32), random.standard_normal((n, d), np.float32)
    checked(x[:512], y, device)
    found: dict[str, object] = {"n": n, "d": d, "ours_s": seconds(lambda: gm.ddm(x, y, device=device))}
    found["peak_mib"] = torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else float("nan")
    few = min(n, cpu_rows)
    found["cpu_s"] = seconds(lambda: gm.ddm(x[:few], y)) * n / few
    a, b = (torch.tensor(points, device=device, dtype=torch.float64) for points in (x, y))
    warm = chunks(a, b)[0]
    for name, route in (("bare_products_s", bare_products), ("torch_chunks_s", by_torch), ("keops_s", by_keops)):
        try:
            route(warm, b)
            found[name] = seconds(lambda route=route: route(a, b))
        except Exception as error:  # KeOps may be missing, or find no compiler: the rest stands
            print(f"{name}: {type(error).__name__}: {error}", flush=True)
            found[name] = float("nan")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, nargs="+", default=[50_000, 1_000_000])
    parser.add_argument("--d", type=int, nargs="+", default=[10, 640, 2048])
    parser.add_argument("--widest-of-many", type=int, default=10, help="widest d at n above 100,000")
    parser.add_argument("--cpu-rows", type=int, default=65_536, help="queries timed on the CPU")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    name = "cpu"
    if arguments.device != "cpu":
        torch.cuda.set_device(arguments.device if ":" in arguments.device else 0)
        name = torch.cuda.get_device_name()
    rows: list[dict[str, object]] = []
    for n in arguments.n:
        for d in arguments.d:
            if n > 100_000 and d > arguments.widest_of_many:
                continue
            if name != "cpu":
                torch.cuda.reset_peak_memory_stats()
            found = measured(n, d, arguments.cpu_rows, arguments.device)
            rows.append(found | {"device": name, "date": time.strftime("%Y-%m-%d")})
            print(rows[-1], flush=True)
            csv_tables.write(arguments.out, rows, ".4g")


if __name__ == "__main__":
    main()
