"""Flags from a dataclass: a hyperparameter is a field with its source, and the source appears in --help."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import click

from genmetrics._checks import DataError

Command = TypeVar("Command", bound=Callable[..., Any])


def hp(value: Any, source: str, *, at_least: int | None = None, at_most: int | None = None) -> Any:
    """A dataclass field: a hyperparameter's value, where it comes from, and its range, or that of each of its parts."""
    return dataclasses.field(default=value, metadata={"source": source, "range": (at_least, at_most)})


def options(config: type) -> Callable[[Command], Command]:
    """Decorator: one flag per field of the dataclass `config`; a flag not given is passed as None."""
    types = get_type_hints(config)

    def decorate(command: Command) -> Command:
        for f in reversed(dataclasses.fields(config)):
            command = click.option(
                *flag(f.name, types[f.name]),
                **value_type(types[f.name], *f.metadata["range"]),
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


def value_type(kind: Any, at_least: int | None, at_most: int | None) -> dict[str, Any]:
    """What click needs to know about the values of a field: their type and range, and how many there are."""
    if kind is bool:
        return {}
    parts = get_args(kind) if get_origin(kind) is tuple else (kind,)
    own = parts[0]
    if (at_least, at_most) != (None, None):
        own = (click.IntRange if own is int else click.FloatRange)(at_least, at_most)
    return {"type": own, "nargs": len(parts)}


def shown(value: Any) -> str:
    """A default as one would type it."""
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def from_json(config: type, settings: dict[str, Any]) -> Any:
    """The dataclass that was written as JSON, where tuples became lists; what it lacks came later and is the default.

    Raises:
        DataError: a setting that this version does not have, or a value of another type.
    """
    unknown = set(settings) - {f.name for f in dataclasses.fields(config)}
    if unknown:
        raise DataError(f"settings {sorted(unknown)} are not those of this version; train it again")
    types = get_type_hints(config)
    for name, value in settings.items():
        if not fits(value, types[name]):
            raise DataError(f"setting {name} is {value!r}, which is no {described(types[name])}; train it again")
    return config(**{name: tuple(v) if isinstance(v, list) else v for name, v in settings.items()})


def fits(value: Any, kind: Any) -> bool:
    """A value from JSON is of a field's type; a float may be a whole number."""
    if get_origin(kind) is tuple:
        parts = get_args(kind)
        return isinstance(value, list | tuple) and len(value) == len(parts) and all(map(fits, value, parts))
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def described(kind: Any) -> str:
    """A field's type in words."""
    if get_origin(kind) is tuple:
        return f"list of {len(get_args(kind))} numbers"
    return {int: "whole number", float: "number", bool: "truth value", str: "text"}[kind]


def in_range(config: Any) -> None:
    """Every setting lies in its range; the command line has looked already, a caller in Python has not.

    Raises:
        DataError: one does not.
    """
    for f in dataclasses.fields(config):
        low, high = f.metadata["range"]
        value = getattr(config, f.name)
        for part in value if isinstance(value, tuple) else (value,):
            if low is not None and not part >= low:  # NaN neither
                raise DataError(f"{f.name} must be at least {low}, got {part}")
            if high is not None and not part <= high:
                raise DataError(f"{f.name} must be at most {high}, got {part}")
