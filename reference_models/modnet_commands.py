"""The experiments of the thesis with ModNet: interpret, augment, memorisation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genmetrics._checks import DataError
from genmetrics._console import shown
from genmetrics.records import write_atomically
from reference_models import flags

if TYPE_CHECKING:
    from reference_models.data import Dataset, Images
    from reference_models.modnet import ModNet
    from reference_models.modnet_studies import Mean

PICTURED = 32  # examples in the picture
WORDS = {
    "accuracy_before": "right on the originals",
    "target_seen": "sees the target in the result",
    "label_changed": "changes its mind",
    "mean_change": "mean |delta|, grey levels",
    "own_source": "nearest to their own source",
    "of_target_label": "nearest to an image of their target label",
}

run_argument = click.argument("run", type=click.Path(path_type=Path))
seed_option = click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True)
device_option = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
part_option = click.option(
    "--part", type=click.Choice(["test", "held_out", "train"]), default="test", show_default=True
)


@click.command()
@run_argument
@click.option(
    "--classifier", help="mnist-cnn, digits-cnn, cifar10-wrn or a classifier's run; by default the ModNet's own."
)
@click.option("--part", type=click.Choice(["test", "held_out", "train"]), default="test", show_default=True)
@click.option("--n", type=click.IntRange(min=2), help="Images, from the first on; by default all.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for fooling.png and interpret.json.")
@seed_option
@device_option
@json_option
def interpret(
    run: Path,
    classifier: str | None,
    part: str,
    n: int | None,
    out: Path | None,
    seed: int,
    device: str,
    as_json: bool,
) -> None:
    """Natural examples that fool a classifier: what does the ModNet in RUN change so that it sees another label?

    Every image gets a target label other than its own, drawn at random. A ModNet that was trained against the
    classifier (train modnet --pretrained CLASSIFIER --freeze) shows what that classifier looks at; with any other
    classifier the question is whether the change means what it should.
    """
    from reference_models import modnet_studies as studies

    model, dataset = modnet_of(run, device)
    images = first_of(dataset, part, n)
    own = studies.classify_by(given_to(classifier, dataset), model.device) if classifier else model.classify
    found = studies.fooling(model, own, images, seed)
    name = classifier or "its own classifier"
    result = {"run": str(run), "classifier": name, "part": part, "seed": seed, **studies.as_dict(found.numbers)}
    if out is not None:
        from reference_models.modnet_pictures import fooling_sheet

        title = f"Original, delta and result; what {name} sees before and after"
        write_atomically(out / "fooling.png", fooling_sheet(found, PICTURED, title))
        write_atomically(out / "interpret.json", (json.dumps(result, indent=2) + "\n").encode())
    tell(result, f"{name}, {len(images):,} {part} images of {dataset.name}", found.numbers, as_json)


@click.command()
@run_argument
@click.option("--n", type=click.IntRange(min=2), default=1000, show_default=True, help="Training images to change.")
@seed_option
@device_option
@json_option
def memorisation(run: Path, n: int, seed: int, device: str, as_json: bool) -> None:
    """Is what the ModNet in RUN makes of a training image nearest to that image, of all training images?

    By L2 on pixels. The thesis found that it always is: the network changes its source, it does not look up another.
    """
    from reference_models import modnet_studies as studies

    model, dataset = modnet_of(run, device)
    found = studies.copies(model, dataset.train, n, seed, shown)
    result = {"run": str(run), "train": len(dataset.train), "seed": seed, **studies.as_dict(found.numbers)}
    title = f"{len(found.sources):,} changed images among {len(dataset.train):,} training images of {dataset.name}"
    tell(result, title, found.numbers, as_json)


def augment_options() -> Any:
    """One flag for each setting of `Plan`; its module is read when the command is."""
    from reference_models.modnet_plan import Plan

    return flags.options(Plan)


@click.command()
@click.argument("runs", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--n", "sizes", type=click.IntRange(min=1), multiple=True, default=(10, 100, 1000, 10_000),
              show_default=True, help="Real images; give it several times.")  # fmt: skip
@click.option("--seeds", type=click.IntRange(min=2), default=5, show_default=True, help="Repetitions: 0, 1, ...")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the results; goes on from them.")
@augment_options()
@device_option
@json_option
def augment(
    runs: tuple[Path, ...],
    sizes: tuple[int, ...],
    seeds: int,
    out: Path,
    device: str,
    as_json: bool,
    **given: Any,
) -> None:
    """Does a classifier learn more from a few real images and what ModNet makes of them, or from ModNet's images alone?

    RUNS are ModNets trained on all images of one data set: repetition i takes the i-th, and begins again after the
    last. The ModNets of the other reading, which see nothing but the few images, are trained here.
    """
    from reference_models import modnet_augment as study
    from reference_models.modnet_pictures import augmentation_plot

    plan = flags.resolve(study.Plan(), given)
    opened = [modnet_of(run, device) for run in runs]
    dataset = opened[0][1]
    digests = [other.digest() for _, other in opened]
    for run, digest in zip(runs, digests, strict=True):
        if digest != digests[0]:
            raise DataError(f"{run} was trained on other images than {runs[0]}; all runs need the same data set")
    if max(sizes) > len(dataset.train):
        raise DataError(f"--n {max(sizes)}: there are {len(dataset.train)} training images")
    experiment = study.Augmentation([model for model, _ in opened], dataset, plan, out)
    wanted = study.trials(sorted(set(sizes)), seeds)
    settings = study.settings(runs, digests[0], plan)
    found = dict(shown(experiment.run(wanted, settings), "classifiers", len(wanted)))
    plot = augmentation_plot(study.curves(found), f"{dataset.name}: what images made by ModNet add")
    write_atomically(out / "augment.svg", plot)
    if as_json:
        click.echo(json.dumps(study.summary(found), indent=2))
        return
    click.echo("\n".join([*study.table(found), "", *study.sentences(found)]))


# --- what they share


def modnet_of(run: Path, device: str) -> tuple[ModNet, Dataset]:
    """The ModNet of a run and its data.

    Raises:
        DataError: the run is of another model.
    """
    from reference_models.__main__ import trained
    from reference_models.modnet import ModNet

    model, dataset = trained(run, device)
    if not isinstance(model, ModNet):
        raise DataError(f"{run} holds another model; this needs a run of `train modnet`")
    return model, dataset


def given_to(name: str, dataset: Dataset) -> Any:
    from reference_models.given import classifier

    return classifier(name, dataset.shape, dataset.classes)


def first_of(dataset: Dataset, part: str, n: int | None) -> Images:
    """The first n images of a part, or all."""
    from reference_models.data import Images

    images, labels = getattr(dataset, part)
    return Images(images[:n], labels[:n])


def tell(result: dict[str, Any], title: str, numbers: dict[str, Mean], as_json: bool) -> None:
    """The numbers with their 95% intervals, or JSON."""
    if as_json:
        click.echo(json.dumps(result, indent=2))
        return
    click.echo(title)
    for name, mean in numbers.items():
        scale, unit = (1, "") if name == "mean_change" else (100, "%")
        low, value, high = (f"{scale * x:.1f}{unit}" for x in (mean.low, mean.value, mean.high))
        click.echo(f"  {WORDS[name]:<42}{value:>7}  95% [{low}, {high}]")
