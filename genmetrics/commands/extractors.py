"""genmetrics extractors: the feature networks, and getting and checking their weights."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from genmetrics._console import shown, speaking_errors, stdout


@click.group()
def extractors() -> None:
    """The feature networks: list them, fetch their weights, verify the weights that are here."""


@extractors.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else, on stdout.")
@speaking_errors
def list_extractors(as_json: bool) -> None:
    """Every extractor: what it is for, and whether its weights are here."""
    from genmetrics.extractors import EXTRACTORS
    from genmetrics.extractors.published import PUBLISHED, here

    rows = []
    for name, told in EXTRACTORS.items():
        entry = PUBLISHED.get(name)
        file = None if entry is None else here(entry)
        size = None if entry is None else entry.bytes
        rows.append(
            {"name": name, "what": told, "download_bytes": size, "weights": None if file is None else str(file)}
        )
    if as_json:
        import json

        click.echo(json.dumps(rows, indent=2))
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table("extractor", "what it is", "weights")
    for row in rows:
        table.add_row(*map(escape, (row["name"], row["what"], state_of(row))))
    stdout().print(table)


def state_of(row: dict) -> str:
    """What a person is told of the weights."""
    if row["weights"]:
        return f"here: {row['weights']}"
    if row["download_bytes"]:
        return f"not here ({row['download_bytes'] / 1e6:.0f} MB); genmetrics extractors fetch gets them"
    return "your own file" if row["name"].endswith("PATH") else "--weights FILE" if "NAME" in row["name"] else "-"


@extractors.command()
@click.argument("name", default="inception-v3-tf2015")
@click.option("--to", "folder", type=click.Path(path_type=Path), help="Folder for the file; torch hub's by default.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@speaking_errors
def fetch(name: str, folder: Path | None, yes: bool) -> None:
    """Download the published weights of NAME, and check their SHA-256 before the file gets its name."""
    from genmetrics.extractors.published import fetch as download
    from genmetrics.extractors.published import here, published

    entry = published(name)
    file = here(entry)
    if file is not None and folder is None:
        click.echo(f"{name}: the weights are here already: {file}", err=True)
        click.echo(str(file))
        return
    if folder is None:
        from genmetrics.extractors.weights import weights_folders

        folder = weights_folders()[0]
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("nobody is there to ask; pass --yes to download")
        click.confirm(f"Download {entry.url} ({entry.bytes / 1e6:.0f} MB) into {folder}?", abort=True, err=True)
    click.echo(str(download(entry, folder, shown)))


@extractors.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else, on stdout.")
@speaking_errors
def verify(name: str | None, as_json: bool) -> None:
    """Compute the SHA-256 of the weights that are here, and say whether they are the published ones.

    Exit status 1 if they are not, or if those of NAME are not here.
    """
    from genmetrics._checks import DataError
    from genmetrics.extractors.published import PUBLISHED, published, weights_state

    rows = []
    for entry in PUBLISHED.values() if name is None else [published(name)]:
        file, digest, fits = weights_state(entry)
        rows.append({"name": entry.extractor, "file": file and str(file), "sha256": digest, "fits": fits})
    if as_json:
        import json

        click.echo(json.dumps(rows, indent=2))
    for row in rows:
        if not as_json:
            click.echo(f"{row['name']}: {row['file'] or 'not here'}")
            click.echo(
                f"SHA-256 {row['sha256']}: {'as published' if row['fits'] else 'NOT the published file'}"
                if row["file"]
                else f"genmetrics extractors fetch {row['name']}"
            )
    if any(not row["fits"] and (row["file"] or name) for row in rows):
        sys.stdout.flush()
        raise DataError("the weights are not the published ones, or not here; fetch them again")
