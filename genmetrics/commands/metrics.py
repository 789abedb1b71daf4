"""genmetrics metrics: what can be measured."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from genmetrics._console import speaking_errors, stdout


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else, on stdout.")
@click.option("--protocols", is_flag=True, help="List the named protocols instead: metric, extractor, images.")
@speaking_errors
def metrics(as_json: bool, protocols: bool) -> None:
    """List every metric: direction, range, what it needs, what it costs, its paper."""
    rows = protocol_rows() if protocols else metric_rows()
    if as_json:
        import json

        click.echo(json.dumps(rows, indent=2))
        return
    from genmetrics.reports.text import print_metrics, print_protocols

    (print_protocols if protocols else print_metrics)(rows, stdout())


def metric_rows() -> list[dict[str, Any]]:
    """METRICS as JSON values."""
    from genmetrics.metrics import METRICS

    return [
        {
            "metric": name,
            "printed": row.printed("EXTRACTOR"),
            "printed_on_inception": row.inception_name,
            "better": row.better,
            "range": [None if abs(end) == float("inf") else end for end in row.bounds],
            "needs": list(row.needs),
            "cost": row.cost,
            "usual": row.panel,
            "function": f"genmetrics.{row.function}",
            "paper": row.paper,
            "summary": row.summary,
        }
        for name, row in METRICS.items()
    ]


def protocol_rows() -> list[dict[str, Any]]:
    """PROTOCOLS as JSON values."""
    from genmetrics.protocols import PROTOCOLS

    return [{"protocol": name, **dataclasses.asdict(row)} for name, row in PROTOCOLS.items()]
