"""genmetrics compare: is one set of samples better than another?"""

from __future__ import annotations

import click

import genmetrics
from genmetrics._console import speaking_errors, stdout


@click.command()
@click.argument("record_a", type=click.Path(exists=True))
@click.argument("record_b", type=click.Path(exists=True))
@click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else, on stdout.")
@speaking_errors
def compare(record_a: str, record_b: str, as_json: bool) -> None:
    """Is one set of samples better? Difference A - B of every metric that two records share.

    RECORD_A and RECORD_B are folders that `genmetrics score --out` wrote, or record.json files. Both scored against the
    same reference images, the interval is paired on these where the folders hold what that takes (paired.npz).
    """
    from genmetrics.records import Record

    records = Record.from_json(record_a), Record.from_json(record_b)
    found = genmetrics.compare(*records)
    if as_json:
        import dataclasses
        import json

        click.echo(json.dumps([dataclasses.asdict(row) for row in found], indent=2))
        return
    from genmetrics.reports.text import print_differences
    from genmetrics.reports.wording import warning_remarks

    print_differences(found, stdout(), (record_a, record_b), (warning_remarks(records[0]), warning_remarks(records[1])))
