"""python -m genmetrics."""

from genmetrics.cli import main

main(prog_name="genmetrics")
