"""Flags from a dataclass: a hyperparameter is a field with its source, and the source appears in --help."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import click

from genmetrics._checks import DataError

Command = TypeVar("Command", bound=Callable[..., Any])


def hp(value: Any, source: str) -> Any:
    """A dataclass field: a hyperparameter's value and where it comes from."""
    return dataclasses.field(default=value, metadata={"source": source})


def options(config: type) -> Callable[[Command], Command]:
    """Decorator: one flag per field of the dataclass `config`; a flag not given is passed as None."""
    types = get_type_hints(config)

    def decorate(command: Command) -> Command:
        for f in reversed(dataclasses.fields(config)):
            command = click.option(
                *flag(f.name, types[f.name]),
                **value_type(types[f.name]),
                default=None,
                help=f"{f.metadata['source']}.  [default: {shown(f.default)}]",
            )(command)
        return command

    return decorate


def resolve(config: Any, given: dict[str, Any]) -> Any:
    """`config` with the flags that were given, of those that are its fields."""
    names = {f.name for f in dataclasses.fields(config)}
    chosen = {name: value for name, value in given.items() if value is not None and name in names}
    return dataclasses.replace(config, **chosen)


def flag(name: str, kind: Any) -> list[str]:
    """The declaration of a flag: --batch-size, or --augment/--no-augment for a truth value."""
    long = name.replace("_", "-")
    return [name, f"--{long}/--no-{long}" if kind is bool else f"--{long}"]


def value_type(kind: Any) -> dict[str, Any]:
    """What click needs to know about the values of a field: its type, and how many there are."""
    if kind is bool:
        return {}
    if get_origin(kind) is tuple:
        return {"type": get_args(kind)[0], "nargs": len(get_args(kind))}
    return {"type": kind}


def shown(value: Any) -> str:
    """A default as one would type it."""
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def from_json(config: type, settings: dict[str, Any]) -> Any:
    """The dataclass that was written as JSON, where tuples became lists; what it lacks came later and is the default.

    Raises:
        DataError: a setting that this version does not have.
    """
    unknown = set(settings) - {f.name for f in dataclasses.fields(config)}
    if unknown:
        raise DataError(f"settings {sorted(unknown)} are not those of this version; train it again")
    return config(**{name: tuple(v) if isinstance(v, list) else v for name, v in settings.items()})
