"""How fast is FID end to end on a CPU, against pytorch-fid, torch-fidelity and torchmetrics?

    pip install --target PEERS --no-deps pytorch-fid torch-fidelity torchmetrics lightning-utilities
    PYTHONPATH=PEERS python benchmarks/race_fid.py [--n 256] [--rounds 1]

Two folders of n 256-pixel JPEGs of ImageNet (parity/image_folders.py), one file of random weights (parity/
random_inception.py). Each tool runs alone in a process of its own, on all cores, with its own defaults; in each pair
ours and one peer take turns, with the same input step. Seconds are those from two folders to the number, imports left
out; CPU-seconds, of the process and its workers, are what other work on the machine (column `load`, over five minutes)
disturbs least; memory is the largest proportional set size (shared pages counted once) of the process with its
workers, looked at twice a second. Writes benchmarks/results/race_fid.csv.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import warnings
from datetime import date
from pathlib import Path

import csv_tables

sys.path.insert(0, str(Path(__file__).parent / "parity"))
RESULT = Path(__file__).parent / "results" / "race_fid.csv"
FIELDS = ["date", "machine", "n", "round", "peer", "fid", "peer_fid", "images_per_s", "peer_images_per_s"]
FIELDS += ["times_as_fast", "cpu_s", "peer_cpu_s", "times_less_cpu", "peak_mib", "peer_peak_mib", "backend", "load"]
INPUT = {"pytorch-fid": "torch-bilinear", "torch-fidelity": "tf1-bilinear", "torchmetrics": "tf1-bilinear"}


def genmetrics(a: str, b: str, weights: str, protocol: str):
    import genmetrics as gm
    import genmetrics.extractors.inception  # as the peers import their networks before the clock starts

    def run():
        record = gm.evaluate(
            a,
            b,
            metrics=["frechet"],
            extractor=f"inception-v3-tf2015@{protocol}",
            weights=weights,
            device="cpu",
            intervals=False,
            cache=False,
        )
        return record["frechet"].value, record.extractor["backend"]

    return run


def pytorch_fid(a: str, b: str, weights: str, _: str):
    import pytorch_fid.fid_score as score
    import pytorch_fid.inception as peer
    import torch

    peer.load_state_dict_from_url = lambda *_, **__: torch.load(weights, weights_only=True)
    workers = min(os.cpu_count() or 1, 8)  # its command's default, as is the batch
    return lambda: (score.calculate_fid_given_paths([a, b], 50, "cpu", 2048, workers), "torch")


def torch_fidelity(a: str, b: str, weights: str, _: str):
    import torch_fidelity as peer

    def run():
        found = peer.calculate_metrics(
            input1=b, input2=a, cuda=False, fid=True, cache=False, verbose=False, feature_extractor_weights_path=weights
        )
        return found["frechet_inception_distance"], "torch"

    return run


def torchmetrics(a: str, b: str, weights: str, _: str):
    import torch
    from torchmetrics.image.fid import FrechetInceptionDistance
    from torchvision.io import ImageReadMode, decode_image

    def run():
        metric = FrechetInceptionDistance(feature_extractor_weights_path=weights, antialias=False)
        for folder, real in ((a, True), (b, False)):
            files = sorted(Path(folder).iterdir())
            for i in range(0, len(files), 50):
                batch = [decode_image(str(file), ImageReadMode.RGB) for file in files[i : i + 50]]
                metric.update(torch.stack(batch), real=real)
        return float(metric.compute()), "torch"

    return run


TOOLS = {f.__name__.replace("_", "-"): f for f in (genmetrics, pytorch_fid, torch_fidelity, torchmetrics)}


def one(tool: str, a: str, b: str, weights: str, protocol: str) -> None:
    """Run one tool in this process; one line of JSON."""
    warnings.simplefilter("ignore")
    run = TOOLS[tool](a, b, weights, protocol)
    start, cpu = time.perf_counter(), cpu_seconds()
    fid, backend = run()
    seconds, cpu = time.perf_counter() - start, cpu_seconds() - cpu
    print(json.dumps({"fid": float(fid), "seconds": seconds, "cpu": cpu, "backend": backend}))


def cpu_seconds() -> float:
    """Of this process and its workers that have ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def in_own_process(tool: str, *arguments: str) -> dict:
    """What `one` prints, and "mib"."""
    command = [sys.executable, __file__, "--one", tool, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, sum(map(proportional_mib, with_children(process.pid))))
            time.sleep(0.5)
        assert process.stdout is not None
        lines = process.stdout.read().splitlines()
    return {**json.loads(lines[-1]), "mib": peak}


def with_children(pid: int) -> list[int]:
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    except OSError:  # it has ended
        return []
    return [pid, *(below for child in children for below in with_children(child))]


def proportional_mib(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--peers", nargs="+", choices=list(INPUT), default=list(INPUT))
    parser.add_argument("--append", action="store_true", help="add to the results rather than replace them")
    parser.add_argument("--one", nargs=5, metavar=("TOOL", "A", "B", "WEIGHTS", "PROTOCOL"), help="used inside")
    arguments = parser.parse_args()
    if arguments.one:
        one(*arguments.one)
        return
    import image_folders
    import torch
    from random_inception import random_state

    rows, n = [], arguments.n
    with tempfile.TemporaryDirectory() as out:
        weights = Path(out) / "random.pth"
        torch.save(random_state(), weights)
        a, b = image_folders.make("imagenet", Path(out), n)
        for number in range(arguments.rounds):
            for peer in arguments.peers:
                settings = (str(a), str(b), str(weights), INPUT[peer])
                ours, theirs = (in_own_process(tool, *settings) for tool in ("genmetrics", peer))
                speeds = [2 * n / found["seconds"] for found in (ours, theirs)]
                values = [date.today(), f"{os.cpu_count()} cores, {platform.machine()}", n, number, peer]
                values += [ours["fid"], theirs["fid"], *(f"{speed:.2f}" for speed in speeds)]
                values += [f"{speeds[0] / speeds[1]:.2f}", f"{ours['cpu']:.1f}", f"{theirs['cpu']:.1f}"]
                values += [f"{theirs['cpu'] / ours['cpu']:.2f}", round(ours["mib"]), round(theirs["mib"])]
                values += [ours["backend"], f"{os.getloadavg()[1]:.1f}"]
                rows.append(dict(zip(FIELDS, values, strict=True)))
                print(*values, flush=True)
    csv_tables.write(RESULT, [*(csv_tables.read(RESULT) if arguments.append else []), *rows])


if __name__ == "__main__":
    main()
