"""The command line: `genmetrics COMMAND`. Each command is a file in `commands/`, imported when it is asked for."""

from __future__ import annotations

from importlib import import_module

import click

import genmetrics

COMMANDS = {  # name -> what it does, in the order of --help; the command is commands/NAME.py:NAME
    "score": "Score generated images against real ones.",
    "metrics": "List every metric: direction, range, what it needs, cost, paper.",
    "sensitivity": "Which metric sees which damage to real images: values, pictures, a page.",
    "compare": "Is one set of samples better? The difference of two records.",
    "ais": "Log-likelihood of a decoder by annealed importance sampling.",
    "leaderboard": "Records ranked among equal signatures.",
    "features": "Write the features of images, or their statistics, to a file.",
    "cache": "List, check or remove the features that earlier runs kept.",
    "demo": "Score four sets of digits that come with the package.",
}


class Commands(click.Group):
    """The commands of COMMANDS: a name and a line for --help; the rest is imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        return getattr(import_module(f"genmetrics.commands.{cmd_name}"), cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(genmetrics.__version__, prog_name="genmetrics")
def main() -> None:
    """How good are these generated images, and can you trust the number?"""


if __name__ == "__main__":
    main()
