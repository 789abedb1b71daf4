"""One training job of QUEUE.md for at most ten minutes of a GPU: goes on where it was stopped, leaves it in pieces.

    python benchmarks/gpu/train.py cifar10-dcgan                    # leaves $OUT/cifar10-dcgan.tar.00, .01, ...
    python benchmarks/gpu/train.py cifar10-dcgan --from FOLDER      # goes on from such pieces
    python benchmarks/gpu/train.py --join FOLDER runs/              # the run folder again: runs/cifar10-dcgan
    python benchmarks/gpu/train.py --join FOLDER runs/full/mnist --as dcgan-0   # under the name that a claim looks for

Pieces have at most 15 MiB, and there are at most 8. Of a run that does not fit into them the networks and averages are
left without what optimisers keep: it can be sampled and evaluated, but one that goes on from it starts its optimisers
anew. A job whose networks do not fit is refused before it trains. A job that is not done says so at its end; one that
is done is evaluated. What comes after -- goes to `reference_models train` (-- --steps 100 --device cpu, to try it).
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO))  # the package may not be installed there
DATA = next((p for p in (REPO.parent / "shared" / "data", REPO / "shared" / "data") if p.is_dir()), Path("data"))
PIECE, PIECES = 15 << 20, 8
LIMIT, ROOM = PIECE * PIECES, 8 << 20  # bytes in all, and of them for logs and pictures
THIN = "without what optimisers keep: sample and evaluate it; training that goes on from it starts them anew"
CIFAR10 = (
    *(word for half in "ab" for word in ("--dataset", f"{DATA}/cifar10_train_lossless_{half}.npz")),
    *("--test-set", f"{DATA}/cifar10_test1k.npz"),
)
MNIST = ("--dataset", f"{DATA}/mnist_train.npz", "--test-set", f"{DATA}/mnist_test.npz")
FAST = ("--channels-last", "--compile")
GRIDS = ("--grid-every", "20000", "--log-every", "100")
DCGAN = ("dcgan", *CIFAR10, "--batch-size", "64", "--learning-rate", "5e-4", "--amp", "--channels-last", *GRIDS)
IMPROVED = ("improved-gan", *CIFAR10, "--steps", "100000", *FAST, *GRIDS)
FACES = os.environ.get("FACES", "faces")  # a folder or zip of faces of 128 pixels or more
FACES_128 = ("introvae", "--dataset", FACES, "--side", "128", "--latent-dim", "256", "--paper", "--beta", "0.5")
FACES_64 = ("introvae", "--dataset", f"{DATA}/celeba10k_jpeg.npz", "--side", "64", "--steps", "100000")
ACGAN = ("acgan", *CIFAR10, *FAST, "--ms-ssim-every", "1000")
SGAN = ("sgan", *CIFAR10, "--channels-last", *GRIDS)
LOOKS = ("--metrics", "frechet,ddm", "--metrics-every", "2000", "--metrics-images", "2000")  # what ddm_order.py reads
MNIST_DCGAN = ("dcgan", *MNIST, "--channels-last", "--cuda-graphs", *GRIDS, *LOOKS)
JOBS = {
    "cifar10-wrn-16-4": ("wrn", *CIFAR10, "--steps", "60000", "--amp", *FAST, "--log-every", "100"),
    "cifar10-dcgan": (*DCGAN, "--cuda-graphs", "--steps", "70000"),
    "cifar10-dcgan-weak": (*DCGAN, "--cuda-graphs", "--steps", "70000", "--weak"),
    "cifar10-improved-gan": IMPROVED,
    "cifar10-improved-gan-weak": (*IMPROVED, "--weak"),
    "cifar10-wgan-gp": ("wgan-gp", *CIFAR10, *FAST, *GRIDS),
    "cifar10-acgan": (*ACGAN, *GRIDS),
    "cifar10-acgan-side16": (*ACGAN, *GRIDS, "--side", "16"),
    "cifar10-sgan": (*SGAN, "--steps", "311700"),
    "cifar10-sgan-no-entropy": (*SGAN, "--steps", "311700", "--no-bottom-entropy"),
    "cifar10-sgan-no-joint": (*SGAN, "--steps", "211700", "--variant", "no-joint"),
    "cifar10-sgan-adv-cond-ent": (*SGAN, "--steps", "111700", "--variant", "adv-cond-ent"),
    "cifar10-sgan-adv-cond": (*SGAN, "--steps", "111700", "--variant", "adv-cond"),
    "cifar10-sgan-adv-ent": (*SGAN, "--steps", "100000", "--variant", "adv-ent"),
    "cifar10-sgan-adv": (*SGAN, "--steps", "100000", "--variant", "adv"),
    "cifar10-vae": ("vae-conv", *CIFAR10, "--steps", "40000", "--amp", *FAST, *GRIDS),
    "faces-introvae-128": (*FACES_128, "--amp", *FAST, *GRIDS, "--flip"),
    "faces-introvae-64": (*FACES_64, "--amp", *FAST, *GRIDS, "--flip"),
    "cifar10-modnet": ("modnet", *CIFAR10, "--no-label-generated", "--reach", "2", "--amp", *FAST, *GRIDS),
    "mnist-dcgan": MNIST_DCGAN,
    "mnist-dcgan-small": (*MNIST_DCGAN, "--small"),
    "mnist-dcgan-weak": (*MNIST_DCGAN, "--weak"),
}


def train(job: str, run: Path, minutes: float, more: list[str]) -> bool:
    """Train until done or out of time; whether it is done. Killing it loses no more than the last steps."""
    command = [sys.executable, "-m", "reference_models", "train", *JOBS[job], "--out", str(run)]
    command += ["--device", "cuda", "--resume", "--checkpoint-every", "1000", *more]
    try:
        subprocess.run(command, cwd=REPO, check=True, timeout=60 * minutes)
    except subprocess.TimeoutExpired:
        return False
    subprocess.run([sys.executable, "-m", "reference_models", "evaluate", str(run)], cwd=REPO, check=True)
    return True


def sizes(job: str, more: list[str] | None = None) -> tuple[int, int]:
    """Bytes of a checkpoint of the job: whole, and without what optimisers keep."""
    import torch

    from reference_models import data, flags, models
    from reference_models.__main__ import train_command
    from reference_models.training import Loop, prepare

    name, *settings = JOBS[job]
    given = train_command(name).make_context(name, [*settings, "--out", "unused", *(more or [])]).params
    cls, (channels, side) = models.find(name), ((1, 28) if MNIST[1] in given["datasets"] else (3, 32))
    side = given["side"] or side
    config = flags.resolve(cls.Config(**(cls.quick if given["preset"] == "quick" else {})), given)
    blank = data.blank((channels, side, side), 0 if job.startswith("faces") else 10)
    model = models.build(name, config, blank, torch.device("cpu"), seed=0)
    prepare(model, flags.resolve(Loop(), given))
    kept = [net.state_dict() for net in (*model.networks.values(), *model.averages.values())]
    networks = sum(value.nbytes for state in kept for value in state.values())
    optimisers = 0
    for optimiser in model.optimisers.values():
        moments = 1 if isinstance(optimiser, torch.optim.SGD) else 2  # Adam's, and a counter
        optimisers += sum(moments * p.nbytes + 4 for group in optimiser.param_groups for p in group["params"])
    return networks + optimisers, networks


def room_for(job: str, more: list[str]) -> None:
    """What the job will leave fits; says so if that is without optimisers.

    Raises:
        SystemExit: not even the networks fit.
    """
    whole, networks = sizes(job, more)
    if networks + ROOM > LIMIT:
        raise SystemExit(f"{job}: networks of {networks >> 20} MiB do not fit into {LIMIT >> 20} MiB; not trained")
    if whole + ROOM > LIMIT:
        print(f"{job}: {whole >> 20} MiB do not fit into {LIMIT >> 20} MiB; the run will be left {THIN}", flush=True)


def without_optimisers(checkpoint: Path) -> bytes:
    """The checkpoint with networks and averages alone."""
    import safetensors
    import safetensors.torch

    with safetensors.safe_open(checkpoint, framework="pt") as file:
        names = [name for name in file.keys() if not name.startswith("optimiser.")]  # noqa: SIM118 (no dictionary)
        header = json.loads(file.metadata()["json"]) | {"tensors": len(names)}  # how many a reader expects
        return safetensors.torch.save({name: file.get_tensor(name) for name in names}, {"json": json.dumps(header)})


def has_optimisers(checkpoint: Path) -> bool:
    import safetensors

    with safetensors.safe_open(checkpoint, framework="pt") as file:
        return any(name.startswith("optimiser.") for name in file.keys())  # noqa: SIM118


def archived(run: Path, thin: bool = False, folders: bool = True) -> bytes:
    """The run folder as a tar file, no half-written file in it.

    Args:
        thin: leave out what optimisers keep.
        folders: those in it, which hold pictures, too.
    """
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        files = (p for p in run.rglob("*") if p.is_file() and not p.name.startswith("."))
        for path in sorted(p for p in files if folders or p.parent == run):
            kept = without_optimisers(path) if thin and path.suffix == ".safetensors" else path.read_bytes()
            entry = tarfile.TarInfo(f"{run.name}/{path.relative_to(run)}")
            entry.size = len(kept)
            archive.addfile(entry, io.BytesIO(kept))
    return content.getvalue()


def split(run: Path, out: Path) -> list[Path]:
    """The run folder as a tar file in pieces, or what of it fits."""
    content = archived(run)
    if len(content) > LIMIT:
        content = archived(run, thin=True)
        print(f"{run.name} is left {THIN}")
    if len(content) > LIMIT:
        content = archived(run, thin=True, folders=False)
        print(f"{run.name} is left without its pictures")
    if len(content) > LIMIT:
        raise SystemExit(f"{run} has {len(content) >> 20} MiB, more than {PIECES} pieces of {PIECE >> 20} MiB")
    pieces = []
    for i in range(0, len(content), PIECE):
        pieces.append(out / f"{run.name}.tar.{i // PIECE:02d}")
        pieces[-1].write_bytes(content[i : i + PIECE])
    return pieces


def join(pieces: Path, runs: Path, job: str = "*", name: str | None = None) -> None:
    """The run folder from its pieces; under `name`, if one is given.

    Raises:
        SystemExit: there are no pieces, or a run of that name is there.
    """
    files = sorted(pieces.glob(f"{job}.tar.[0-9][0-9]"))
    if not files:
        raise SystemExit(f"{pieces} holds no pieces of a run (NAME.tar.00, ...)")
    if name and (runs / name).exists():
        raise SystemExit(f"{runs / name} is there already")
    runs.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(b"".join(file.read_bytes() for file in files))) as archive:
        if name is None:
            archive.extractall(runs, filter="data")
            return
        with tempfile.TemporaryDirectory(dir=runs) as place:
            archive.extractall(place, filter="data")
            next(Path(place).iterdir()).rename(runs / name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job", nargs="?", choices=JOBS)
    parser.add_argument("--from", dest="pieces", type=Path, help="folder with the pieces of the run to go on with")
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--join", nargs=2, type=Path, metavar=("FOLDER", "RUNS"))
    parser.add_argument("--as", dest="name", help="with --join: the name of the run there")
    own, more = sys.argv[1:], []
    if "--" in own:
        own, more = own[: own.index("--")], own[own.index("--") + 1 :]
    arguments = parser.parse_args(own)
    if arguments.join:
        join(*arguments.join, name=arguments.name)
        return
    if arguments.job is None:
        parser.error("name a job")
    runs, out = REPO / "runs" / "gpu", Path(os.environ.get("OUT", REPO / "runs" / "pieces"))
    out.mkdir(parents=True, exist_ok=True)
    room_for(arguments.job, more)
    if arguments.pieces:
        join(arguments.pieces, runs, arguments.job)
        checkpoint = runs / arguments.job / "checkpoint.safetensors"
        if checkpoint.exists() and not has_optimisers(checkpoint):
            print(f"{arguments.job} was left {THIN}", flush=True)
    done = train(arguments.job, runs / arguments.job, arguments.minutes, more)
    print(*split(runs / arguments.job, out), sep="\n")
    print(f"{arguments.job} is done" if done else f"{arguments.job} is not done: start it again with --from {out}")


if __name__ == "__main__":
    main()
