"""genmetrics cache: what earlier runs kept."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import TYPE_CHECKING

import click

from genmetrics._checks import DataError, count
from genmetrics._console import shown, speaking_errors, stdout

if TYPE_CHECKING:
    from genmetrics.feature_cache import Listed

KEY_DIGITS = 12  # shown, and enough to name an entry


@click.group()
def cache() -> None:
    """Features that earlier runs kept, so that no network sees the same images twice.

    They lie in the user's cache folder, or where GENMETRICS_CACHE says.
    """


@cache.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else, on stdout.")
@speaking_errors
def ls(as_json: bool) -> None:
    """List every entry: what it is of, its size, when it was last written."""
    from genmetrics.feature_cache import cache_folder, entries

    found = entries()
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(entry) for entry in found], indent=2))
        return
    click.echo(
        f"{cache_folder()}: {entries_of(found)}, {size_text(sum(entry.bytes for entry in found))}", err=not found
    )
    if found:
        print_entries(found)


@cache.command()
@click.argument("keys", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Remove every entry.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print the keys removed as JSON, and nothing else, on stdout.")
@speaking_errors
def rm(keys: tuple[str, ...], everything: bool, yes: bool, as_json: bool) -> None:
    """Remove the entries whose keys begin with KEYS; `ls` shows the keys."""
    from genmetrics.feature_cache import entries, remove

    if bool(keys) == everything:
        raise click.UsageError("name the entries to remove, or pass --all")
    chosen = entries() if everything else [entry for key in dict.fromkeys(keys) for entry in named(key)]
    chosen = list({entry.key: entry for entry in chosen}.values())
    freed = f"{entries_of(chosen)}, {size_text(sum(entry.bytes for entry in chosen))}"
    if everything and chosen and not yes:
        click.confirm(f"Remove {freed}?", abort=True, err=True)
    for entry in chosen:
        remove(entry.entry)
    click.echo(json.dumps([entry.key for entry in chosen]) if as_json else f"removed: {freed}")


@cache.command()
@click.argument("keys", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else, on stdout.")
@speaking_errors
def verify(keys: tuple[str, ...], as_json: bool) -> None:
    """Read everything (or the entries whose keys begin with KEYS) and check it against its digests.

    Exit status 1 if something is damaged. It needs no mending: what is damaged is computed again when it is wanted.
    """
    from genmetrics.feature_cache import damaged, entries

    chosen = [entry for key in keys for entry in named(key)] if keys else entries()
    wrong = {entry.key: damaged(entry.entry) for entry in shown(chosen, "verify", len(chosen))}
    problems = sum(map(len, wrong.values()))
    if as_json:
        click.echo(json.dumps(wrong, indent=2))
    else:
        click.echo(f"{entries_of(chosen)} checked, {count(problems, 'damaged shard')}")
    for problem in (problem for some in wrong.values() for problem in some):
        click.echo(problem, err=True)
    if problems:
        sys.exit(1)


def named(key: str) -> list[Listed]:
    """The entries whose keys begin with `key`.

    Raises:
        DataError: there are none.
    """
    from genmetrics.feature_cache import entries

    found = [entry for entry in entries() if key and entry.key.startswith(key)]
    if not found:
        raise DataError(f"no entry of the cache begins with '{key}'; see genmetrics cache ls")
    return found


def print_entries(found: list[Listed]) -> None:
    """A table on stdout."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading, right in (("key", 0), ("images", 1), ("of", 0), ("by", 0), ("size", 1), ("written, UTC", 0)):
        table.add_column(heading, justify="right" if right else "left", overflow="fold")
    for entry in found:
        done = f"{entry.done:,}" if entry.done == entry.n else f"{entry.done:,} of {entry.n:,}"
        by = f"{entry.about.get('extractor', '?')}, {entry.about.get('resize', '?')}"
        written = entry.used[:16].replace("T", " ")
        of = str(entry.about.get("images", "?"))
        table.add_row(entry.key[:KEY_DIGITS], done, of, by, size_text(entry.bytes), written)
    stdout().print(table)


def entries_of(found: list[Listed]) -> str:
    return "1 entry" if len(found) == 1 else f"{len(found)} entries"


def size_text(size: int) -> str:
    """'12.3 MB'."""
    value = float(size)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:,.1f} GB"
