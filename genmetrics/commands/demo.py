"""genmetrics demo: the main job on digits that come with the package."""

from __future__ import annotations

from pathlib import Path

import click

from genmetrics._console import shown, speaking_errors, stdout


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default="demo-report", show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the records as JSON, and nothing else, on stdout.")
@speaking_errors
def demo(out: Path, seed: int, as_json: bool) -> None:
    """Score four sets of digits that come with the package, and say what each metric saw."""
    from genmetrics.demo import print_demo, run_demo

    results = run_demo(out, seed, shown)
    if as_json:
        import json

        click.echo(json.dumps({name: record.as_dict() for name, record in results.records.items()}, indent=2))
        return
    print_demo(results, stdout())
