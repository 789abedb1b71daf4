"""python -m reference_models: list, train, sample, evaluate, export, and the experiments of some of the models."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
from pathlib import Path
from typing import Any

import click

from genmetrics._checks import DataError, UnknownNameError, unknown_name
from genmetrics.records import write_atomically
from reference_models import flags, looking
from reference_models.models import MODELS

TRAIN_IMAGES = 10_000  # at most, for the "real data" column of `evaluate`

ELSEWHERE = {  # command -> the file it is in
    "interpret": "modnet_commands",
    "augment": "modnet_commands",
    "memorisation": "modnet_commands",
}


class Cli(click.Group):
    """Our errors as click's: one sentence on stderr; exit code 1 for data, 2 for names and flags."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except UnknownNameError as error:
            raise click.UsageError(str(error)) from None
        except DataError as error:
            raise click.ClickException(str(error)) from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *ELSEWHERE})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        return getattr(importlib.import_module(f"reference_models.{ELSEWHERE[cmd_name]}"), cmd_name)


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
        from reference_models import checkpoints, class_splits, data, monitor, parallel, training

        config = flags.resolve(cls.Config(**(cls.quick if preset == "quick" else {})), given)
        loop = flags.resolve(training.Loop(), given)
        watching = flags.resolve(Watching(), given)
        chosen = training.choose_device(device)
        with parallel.group(chosen):
            images = data.load(datasets, test_set, side)
            splits = class_splits.wanted(config, images.classes)
            parts = class_splits.parts(out, images, seed, splits)
            for part in parts:
                checkpoints.possible(config, len(part.dataset.train))

            def ready(part: class_splits.Part) -> tuple[Any, tuple[Any, ...]]:
                model = models.build(name, config, part.dataset, chosen, part.seed)
                training.check(model, loop)
                own = (watching, part.folder, part.dataset, hasattr(model, "sample"), chosen.type)
                return model, monitor.watchers(*own) if parallel.rank() == 0 else ()

            first = ready(parts[0])
            if parallel.rank() == 0:
                checkpoints.start(out, name, config, loop, images, (datasets, test_set, side), seed, resume=resume)
                class_splits.keep(out, splits)
            parallel.wait()
            for part in parts:
                if part.title and parallel.rank() == 0:
                    click.echo(part.title, err=True)
                model, watch = first if part is parts[0] else ready(part)
                own = {"seed": part.seed, "every": checkpoint_every, "loop": loop, "watch": watch}
                try:
                    training.train(model, part.dataset, part.folder, **own)
                except KeyboardInterrupt:
                    if parallel.rank() == 0:
                        click.echo(f"Stopped. The same command with --resume goes on from what {out} holds.", err=True)
                    raise
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
    images, with training images for the "real data" column. Of a generator that knows classes: are they seen in its
    samples (class_accuracy), and how alike are samples of one class (ms_ssim_within)?
    """
    model, dataset = trained(run, device)
    result = model.evaluate(dataset, seed) if hasattr(model, "evaluate") else {}
    record = None
    if hasattr(model, "sample"):
        from reference_models.conditional import class_scores, labelled_samples
        from reference_models.monitor import suitable_extractor

        images, labels = labelled_samples(model, n, seed)
        name = extractor or suitable_extractor(dataset.shape)
        if model.classes:
            result |= class_scores(images, labels, name, dataset.classes, model.device.type)
        record = scored(images, dataset, name, seed, model.device.type)
    if as_json:
        click.echo(json.dumps({**result, **({"record": record.as_dict()} if record else {})}, indent=2))
        return
    width = max(20, *(len(k) + 1 for k in result)) if result else 20
    click.echo("".join(f"{k:<{width}}{v:.4f}\n" for k, v in result.items()), nl=False)
    if record:
        from genmetrics._console import stdout
        from genmetrics.reports.text import print_record

        print_record(record, stdout())


def scored(images: Any, dataset: Any, extractor: str, seed: int, device: str) -> Any:
    """The record of these samples."""
    import genmetrics as gm
    from reference_models.monitor import last_channel

    some = dataset.train.images[:TRAIN_IMAGES]
    real, samples, train = (last_channel(part) for part in (dataset.test.images, images, some))
    return gm.evaluate(real, samples, train, extractor=extractor, seed=seed, device=device)


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
    """The model of a run at its last checkpoint, and the data that it was trained on: of its classes alone.

    Raises:
        DataError: the folder holds no run or no checkpoint, or its data set has changed.
    """
    from reference_models import checkpoints, class_splits, data, models, training

    settings = checkpoints.read_settings(run)
    dataset = data.load(settings["dataset"], settings["test_set"], settings["side"])
    if dataset.digest() != settings["dataset_sha256"]:
        raise DataError(f"{dataset.name} is no longer the data that {run} was trained on")
    config = flags.from_json(models.find(settings["model"]).Config, settings["config"])
    config = config.restored() if hasattr(config, "restored") else config
    loop = dataclasses.replace(flags.from_json(training.Loop, settings["loop"]), compile=False, cuda_graphs=False)
    splits, found = class_splits.kept(run), []
    for part in class_splits.parts(run, dataset, settings["seed"], splits):
        path = part.folder / checkpoints.CHECKPOINT
        if not path.exists():
            raise DataError(
                f"{part.folder} holds no checkpoint yet; continue with `train {settings['model']} --resume`"
            )
        model = models.build(settings["model"], config, part.dataset, training.choose_device(device), part.seed)
        training.prepare(model, loop)
        checkpoints.load_checkpoint(model, path)
        found.append(model)
    if splits:
        return class_splits.Ensemble(found, splits), class_splits.covered(dataset, splits)
    return found[0], dataset


for command in (looking.reconstruct, looking.interpolate, looking.curves):
    main.add_command(command)


if __name__ == "__main__":
    main(prog_name="python -m reference_models")
