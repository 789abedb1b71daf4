"""genmetrics leaderboard: records ranked among equal signatures."""

from __future__ import annotations

from pathlib import Path

import click

from genmetrics._checks import DataError
from genmetrics._console import speaking_errors, stdout

BOARD = click.option(
    "--board", type=click.Path(path_type=Path), default="leaderboard.sqlite", show_default=True, help="SQLite file."
)


@click.group()
def leaderboard() -> None:
    """Records ranked in one SQLite file, among equal signatures and only there."""


@leaderboard.command()
@click.argument("records", nargs=-1, required=True, type=click.Path(path_type=Path))
@BOARD
@click.option("--name", help="The model's name; by default the folder of its record.json, or the file's own name.")
@click.option("--replace", is_flag=True, help="Take the place of this model's scores of equal signature.")
@speaking_errors
def add(records: tuple[Path, ...], board: Path, name: str | None, replace: bool) -> None:
    """Put RECORDS (record.json files, or their folders) on the board: all of them, or none if one is refused."""
    from genmetrics.leaderboard import Leaderboard, check
    from genmetrics.records import Record

    if name is not None and len(records) > 1:
        raise click.UsageError(f"--name names one model, but {len(records)} records are given")
    named = []
    for path in records:
        named.append((Record.from_json(path), name or model_of(path)))
        try:
            check(named[-1][0])
        except DataError as error:
            raise DataError(f"{path}: {error}") from None
    added = Leaderboard(board).add_all(named, replace=replace)
    for (_, model), new in zip(named, added, strict=True):
        click.echo(f"{model}: {'added' if new else 'was there already'}", err=True)


@leaderboard.command()
@BOARD
@click.option("--out", type=click.Path(path_type=Path), help="Folder for leaderboard.md, .csv, .json and index.html.")
@click.option("--title", default="Leaderboard", show_default=True)
@click.option("--json", "as_json_", is_flag=True, help="Print the tables as JSON, and nothing else, on stdout.")
@speaking_errors
def build(board: Path, out: Path | None, title: str, as_json_: bool) -> None:
    """Rank what is on the board; print it, and write it to a folder."""
    from genmetrics.leaderboard import Leaderboard, as_json, build

    tables = Leaderboard(board, create=False).tables()
    if not tables:
        raise DataError(f"{board} holds no records; add one with: genmetrics leaderboard add RECORD --board {board}")
    if as_json_:
        import json

        click.echo(json.dumps(as_json(tables), indent=2))
    else:
        from genmetrics.reports.leaderboard import print_tables

        print_tables(tables, stdout())
    if out is not None:
        written = build(tables, out, title)
        click.echo(f"Page: {written['index.html']}", err=True)


def model_of(path: Path) -> str:
    """samples-a/record.json is `samples-a`; runs/dcgan.json is `dcgan`."""
    return path.absolute().parent.name if path.stem == "record" else path.stem
