"""python -m reference_models: list, train, sample, evaluate, export."""

from __future__ import annotations

import dataclasses
import inspect
import json
from pathlib import Path
from typing import Any

import click

from genmetrics._checks import DataError, UnknownNameError, unknown_name
from genmetrics.records import write_atomically
from reference_models import flags
from reference_models.models import MODELS

TRAIN_IMAGES = 10_000  # at most, for the "real data" column of `evaluate`


class Cli(click.Group):
    """Our errors as click's: one sentence on stderr; exit code 1 for data, 2 for names and flags."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except UnknownNameError as error:
            raise click.UsageError(str(error)) from None
        except DataError as error:
            raise click.ClickException(str(error)) from None


class OneCommandPerModel(click.Group):
    """`train MODEL`: each model's flags are the fields of its Config."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(MODELS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        if cmd_name not in MODELS:
            raise click.UsageError(str(unknown_name("model", cmd_name, MODELS)))
        return train_command(cmd_name)


@click.group(cls=Cli)
def main() -> None:
    """Train the models that the metrics are tried on. Each is one file, with its sources."""


seed_option = click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True)
device_option = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
run_argument = click.argument("run", type=click.Path(path_type=Path))


@main.command("list")
@json_option
def list_models(as_json: bool) -> None:
    """Each model's paper, and the parameters of its networks in the paper preset."""
    rows = [describe(name) for name in MODELS]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        counts = ", ".join(f"{network} {n:,}" for network, n in row["parameters"].items())
        click.echo(f"{row['name']:<15}{row['paper']}\n{'':15}{' x '.join(map(str, row['images']))}: {counts}")


def describe(name: str) -> dict[str, Any]:
    """One row of `list`."""
    from reference_models import data, models, training

    cls = models.find(name)
    model = models.build(name, cls.Config(), data.blank(cls.images, 10), training.choose_device("cpu"), seed=0)
    return {"name": name, "paper": cls.paper, "images": cls.images, "parameters": models.parameter_counts(model)}


@main.group("train", cls=OneCommandPerModel)
def train_group() -> None:
    """Train MODEL; `train MODEL --help` shows its settings with their sources."""


def train_command(name: str) -> click.Command:
    """The command `train NAME`."""
    from reference_models import models
    from reference_models.monitor import Watching
    from reference_models.training import Loop

    cls = models.find(name)

    @click.command(name, help=inspect.getdoc(inspect.getmodule(cls)), short_help=cls.paper)
    @click.option(
        "--dataset",
        "datasets",
        required=True,
        multiple=True,
        help="digits, mnist, cifar10, cifar100, svhn; or an .npz file with uint8 images x and labels y, a folder or a "
        "zip of images. Several are joined.",
    )
    @click.option("--test-set", help="A file or folder to test on; without one, a tenth of the images is split off.")
    @click.option(
        "--side", type=click.IntRange(min=4), help="Crop images to a square and resize them to so many pixels."
    )
    @click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the run.")
    @click.option("--preset", type=click.Choice(["paper", "quick"]), default="paper", show_default=True)
    @click.option("--resume", is_flag=True, help="Go on from the checkpoint in --out, if it holds one.")
    @click.option("--checkpoint-every", type=click.IntRange(min=1), default=500, show_default=True, help="Steps.")
    @seed_option
    @device_option
    @flags.options(Watching)
    @flags.options(Loop)
    @flags.options(cls.Config)
    def train(
        datasets: tuple[str, ...],
        test_set: str | None,
        side: int | None,
        out: Path,
        preset: str,
        resume: bool,
        checkpoint_every: int,
        seed: int,
        device: str,
        **given: Any,
    ) -> None:
        from reference_models import checkpoints, data, monitor, parallel, training

        config = flags.resolve(cls.Config(**(cls.quick if preset == "quick" else {})), given)
        loop = flags.resolve(training.Loop(), given)
        watching = flags.resolve(Watching(), given)
        chosen = training.choose_device(device)
        with parallel.group(chosen):
            images = data.load(datasets, test_set, side)
            model = models.build(name, config, images, chosen, seed)
            watch = monitor.watchers(watching, out, images, hasattr(model, "sample")) if parallel.rank() == 0 else ()
            training.check(model, loop)
            if parallel.rank() == 0:
                checkpoints.start(out, name, config, loop, images, (datasets, test_set, side), seed, resume=resume)
            parallel.wait()
            training.train(model, images, out, seed=seed, every=checkpoint_every, loop=loop, watch=watch)
        click.echo(f"{name}: {config.steps} steps done, saved in {out}", err=True)

    return train


@main.command()
@run_argument
@click.option("--n", required=True, type=click.IntRange(min=1), help="How many images.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="A file PATH.npz, or a folder.")
@click.option(
    "--format", "form", type=click.Choice(["png", "npz", "tar"]), help="By default npz for PATH.npz, else png."
)
@click.option("--labels", is_flag=True, help="Keep the class of each image: y, or sub-folders. Classes come in turn.")
@seed_option
@device_option
def sample(run: Path, n: int, out: Path, form: str | None, labels: bool, seed: int, device: str) -> None:
    """Generate N images with the model trained in RUN; the first k are the same for every N."""
    from genmetrics._console import shown
    from reference_models import saving
    from reference_models.generative import MICRO_BATCH

    model, _ = trained(run, device)
    if not hasattr(model, "sample"):
        raise DataError(f"{run} holds a classifier, which generates no images; `evaluate` gives its accuracy")
    if labels and not model.classes:
        raise DataError(f"{run} holds a model that knows no classes; leave --labels out")
    parts = shown(model.samples(n, seed), "samples", -(-n // MICRO_BATCH))
    saving.save(parts, out, form or ("npz" if out.suffix == ".npz" else "png"), labels)
    click.echo(f"{n} images saved in {out}", err=True)


@main.command()
@run_argument
@json_option
@click.option("--n", type=click.IntRange(min=2), default=1000, show_default=True, help="Samples of a generator.")
@click.option("--extractor", help="Feature network for samples; by default one that suits the images, or the pixels.")
@seed_option
@device_option
def evaluate(run: Path, as_json: bool, n: int, extractor: str | None, seed: int, device: str) -> None:
    """How well the model in RUN does on images that it was not trained on.

    Accuracy of a classifier, the ELBO of a VAE; of any generator the usual panel of genmetrics: samples against test
    images, with training images for the "real data" column.
    """
    model, dataset = trained(run, device)
    result = model.evaluate(dataset, seed) if hasattr(model, "evaluate") else {}
    record = scored(model, dataset, n, extractor, seed) if hasattr(model, "sample") else None
    if as_json:
        click.echo(json.dumps({**result, **({"record": record.as_dict()} if record else {})}, indent=2))
        return
    click.echo("".join(f"{k:<20}{v:.4f}\n" for k, v in result.items()), nl=False)
    if record:
        from genmetrics._console import stdout
        from genmetrics.reports.text import print_record

        print_record(record, stdout())


def scored(model: Any, dataset: Any, n: int, extractor: str | None, seed: int) -> Any:
    """The record of n samples."""
    import genmetrics as gm
    from reference_models.monitor import last_channel, suitable_extractor

    some = dataset.train.images[:TRAIN_IMAGES]
    real, samples, train = (last_channel(images) for images in (dataset.test.images, model.sample(n, seed), some))
    name = extractor or suitable_extractor(dataset.shape)
    return gm.evaluate(real, samples, train, extractor=name, seed=seed, device=model.device.type)


@main.command()
@run_argument
@click.argument("path", type=click.Path(path_type=Path))
def export(run: Path, path: Path) -> None:
    """Write the weights of the network that RUN was for as the safetensors file PATH."""
    import safetensors.torch

    model, _ = trained(run, "cpu")
    weights = {key: value.contiguous() for key, value in model.networks[model.exports].state_dict().items()}
    write_atomically(path, safetensors.torch.save(weights))
    click.echo(f"{model.exports} saved in {path}", err=True)


def trained(run: Path, device: str) -> tuple[Any, Any]:
    """The model of a run at its last checkpoint, and the data that it was trained on.

    Raises:
        DataError: the folder holds no run or no checkpoint, or its data set has changed.
    """
    from reference_models import checkpoints, data, models, training

    settings = checkpoints.read_settings(run)
    dataset = data.load(settings["dataset"], settings["test_set"], settings["side"])
    if dataset.digest() != settings["dataset_sha256"]:
        raise DataError(f"{dataset.name} is no longer the data that {run} was trained on")
    if not (run / checkpoints.CHECKPOINT).exists():
        raise DataError(f"{run} holds no checkpoint yet; continue it with `train {settings['model']} --resume`")
    config = flags.from_json(models.find(settings["model"]).Config, settings["config"])
    config = config.restored() if hasattr(config, "restored") else config
    loop = flags.from_json(training.Loop, settings["loop"])
    model = models.build(settings["model"], config, dataset, training.choose_device(device), settings["seed"])
    training.prepare(model, dataclasses.replace(loop, compile=False, cuda_graphs=False))
    checkpoints.load_checkpoint(model, run / checkpoints.CHECKPOINT)
    return model, dataset


if __name__ == "__main__":
    main(prog_name="python -m reference_models")
