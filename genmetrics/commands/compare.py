"""genmetrics compare: is one set of samples better than another?"""

from __future__ import annotations

import click

import genmetrics
from genmetrics._console import speaking_errors, stdout


@click.command()
@click.argument("record_a", type=click.Path(exists=True, dir_okay=False))
@click.argument("record_b", type=click.Path(exists=True, dir_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else, on stdout.")
@speaking_errors
def compare(record_a: str, record_b: str, as_json: bool) -> None:
    """Is one set of samples better? Difference A - B of every metric that two record.json files share."""
    from genmetrics.records import Record

    found = genmetrics.compare(Record.from_json(record_a), Record.from_json(record_b))
    if as_json:
        import dataclasses
        import json

        click.echo(json.dumps([dataclasses.asdict(row) for row in found], indent=2))
        return
    from genmetrics.reports.text import print_differences

    print_differences(found, stdout())
