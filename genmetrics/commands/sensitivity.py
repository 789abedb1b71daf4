"""genmetrics sensitivity: which metric sees which damage."""

from __future__ import annotations

from pathlib import Path

import click

from genmetrics._console import shown, speaking_errors, stdout


@click.command()
@click.argument("real")
@click.option("--extractor", help="As for score.")
@click.option("--weights", type=click.Path(path_type=Path), help="File of the weights of inception-v3-tf2015.")
@click.option("--metrics", help="Comma-separated names; by default all that the extractor serves.")
@click.option("--damages", help="Comma-separated names, as gaussian-noise,blur; by default all.")
@click.option("--images", type=click.IntRange(min=1), help="Images in each part; by default a third, at most 2000.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for sensitivity.html, .csv, .json and pictures.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else, on stdout.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Fixes every random choice.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
@click.option("--no-intervals", is_flag=True, help="Leave out the 95% intervals; faster.")
@speaking_errors
def sensitivity(
    real: str,
    extractor: str | None,
    weights: Path | None,
    metrics: str | None,
    damages: str | None,
    images: int | None,
    out: Path | None,
    as_json: bool,
    seed: int,
    device: str,
    no_intervals: bool,
) -> None:
    """Damage the images of REAL more and more, and draw what each metric makes of it."""
    from genmetrics.panel import sensitivity as run

    panel = run(
        real,
        metrics=names(metrics, "--metrics"),
        extractor=extractor,
        damages=names(damages, "--damages"),
        n_images=images,
        seed=seed,
        intervals=not no_intervals,
        device=device,
        out=out,
        weights=weights,
        progress=shown,
    )
    if as_json:
        click.echo(panel.as_json(), nl=False)
    else:
        from genmetrics.reports.text import print_panel

        print_panel(panel, stdout())
    if out is not None:
        click.echo(f"Page: {out / 'sensitivity.html'}   Values: {out / 'sensitivity.csv'}", err=True)


def names(listed: str | None, option: str) -> list[str] | None:
    """The names of a comma-separated list; None where the option is not given."""
    if listed is None:
        return None
    found = [name.strip() for name in listed.split(",") if name.strip()]
    if not found:
        raise click.UsageError(f"{option} names nothing")
    return found
