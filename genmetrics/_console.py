"""What every command shares: results on stdout, progress and messages on stderr, and what errors look like.

Exit status: 0 done, 1 the data cannot be used, 2 the command line cannot.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from genmetrics._checks import DataError, UnknownNameError

if TYPE_CHECKING:
    from rich.console import Console

RANGES = {"0,1": (0.0, 1.0), "-1,1": (-1.0, 1.0), "0,255": (0.0, 255.0)}  # --value-range


def speaking_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Bad data: one sentence on stderr and status 1. An unknown name: likewise, status 2."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            if sys.stdout is None:
                raise DataError("standard output is closed")
            command(*args, **kwargs)
            sys.stdout.flush()
        except DataError as error:
            click.echo(f"Error: {error}", err=True)
            sys.exit(2 if isinstance(error, UnknownNameError) else 1)
        except BrokenPipeError:
            raise
        except OSError as error:
            click.echo(f"Error: cannot write the result: {error.strerror or error}", err=True)
            os._exit(1)  # what is still buffered for standard output cannot be written either

    return run


def stdout() -> Console:
    """Where results are printed; a pipe gets plain text of 100 columns."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 100)


def shown(items: Iterable[Any], label: str, total: int) -> Iterable[Any]:
    """The items, with a progress bar on stderr where a person is looking."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(
        items,
        description=label,
        total=total,
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
