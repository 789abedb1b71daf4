"""How fast is exact DDM on a CUDA device, against its floor there and against other ways to the number?

    python benchmarks/ddm_speed_cuda.py [--n 50000 1000000] [--d 10 640 2048] [--out FILE]

Standard normal points, n queries against n references, h = 1; wall seconds after a warm-up of the same width, with the
transfers. Beside ours, for `--rows` queries, scaled up: the bare float64 product and exponential by torch, tile after
tile (what a route through matrix products costs at least); torch in chunks, as one would write it, in float64; KeOps'
LazyTensor, float64, where it is installed; ours on the CPU. Values are compared first:
a row is written only if ours on CUDA lies within the CPU's certificate.
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
COMPARED = 512  # queries whose values are compared


def seconds(work: Callable[[], object], device: str) -> float:
    """Wall seconds, all that was started on the device done."""
    if device != "cpu":
        torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def chunks(x: torch.Tensor, y: torch.Tensor) -> list[torch.Tensor]:
    return list(x.split(max(1, PAIRS // len(y))))


def floor(x: torch.Tensor, y: torch.Tensor) -> None:
    """The bare product and exponential, chunk by chunk in one buffer."""
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


def row(n: int, d: int, rows: int, device: str) -> dict[str, object]:
    random = np.random.default_rng(0)
    x, y = random.standard_normal((n, d), np.float32), random.standard_normal((n, d), np.float32)
    on_cpu, there = gm.ddm(x[:COMPARED], y), gm.ddm(x[:COMPARED], y, device=device)
    if not (on_cpu.lower <= there.upper and there.lower <= on_cpu.upper):
        raise SystemExit(f"n = {n}, d = {d}: {there.value!r} on {device}, but {on_cpu.value!r} on the CPU")
    few = min(n, rows)
    a, b = (torch.tensor(points, device=device, dtype=torch.float64) for points in (x[:few], y))
    up = n / few
    floor(a[:8], b)
    found: dict[str, object] = {"n": n, "d": d}
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
    found["ours_s"] = seconds(lambda: gm.ddm(x, y, device=device), device)
    found["peak_mib"] = (torch.cuda.max_memory_allocated() - before) / 2**20 if device != "cpu" else np.nan
    found["floor_of_products_s"] = seconds(lambda: floor(a, b), device) * up
    found["torch_chunks_s"] = seconds(lambda: by_torch(a, b), device) * up
    try:
        by_keops(a[:2], b)  # compiles
        found["keops_s"] = seconds(lambda: by_keops(a, b), device) * up
    except ImportError:
        found["keops_s"] = np.nan
    found["cpu_s"] = seconds(lambda: gm.ddm(x[:COMPARED], y), "cpu") * n / COMPARED
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, nargs="+", default=[50_000, 1_000_000])
    parser.add_argument("--d", type=int, nargs="+", default=[10, 640, 2048])
    parser.add_argument("--widest-of-many", type=int, default=10, help="widest d at n above 100,000")
    parser.add_argument("--rows", type=int, default=4096)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    name = torch.cuda.get_device_name(arguments.device) if arguments.device != "cpu" else "cpu"
    rows = []
    for n in arguments.n:
        for d in arguments.d:
            if n > 100_000 and d > arguments.widest_of_many:
                continue
            found = row(n, d, arguments.rows, arguments.device)
            rows.append(found | {"device": name, "date": time.strftime("%Y-%m-%d")})
            print(rows[-1], flush=True)
            csv_tables.write(arguments.out, rows, ".4g")


if __name__ == "__main__":
    main()
