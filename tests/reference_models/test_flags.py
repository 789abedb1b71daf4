import dataclasses
from dataclasses import dataclass

import click
import pytest
from click.testing import CliRunner

from genmetrics._checks import DataError
from reference_models import flags
from reference_models.flags import hp


@dataclass(frozen=True)
class Config:
    learning_rate: float = hp(0.5, "Section 3")
    steps: int = hp(7, "ours")
    flip: bool = hp(True, "Table 1")
    betas: tuple[float, float] = hp((0.0, 0.9), "Algorithm 1", at_least=0, at_most=1)
    width: int = hp(64, "ours", at_least=1)


def parse(*arguments):
    seen = []

    @click.command()
    @flags.options(Config)
    def command(**given):
        seen.append(flags.resolve(Config(), given))

    result = CliRunner().invoke(command, arguments)
    return seen[0] if seen else result


def test_without_flags_the_settings_are_the_defaults():
    assert parse() == Config()


def test_every_kind_of_setting_can_be_given():
    given = parse("--learning-rate", "0.1", "--steps", "3", "--no-flip", "--betas", "0.5", "0.999")
    assert given == Config(0.1, 3, False, (0.5, 0.999))


@pytest.mark.parametrize("text", ["Section 3", "Algorithm 1", "[default: 0.5]", "[default: 0.0 0.9]"])
def test_help_shows_sources_and_defaults(text):
    assert text in parse("--help").output


def test_a_misspelt_flag_is_a_usage_error_that_names_the_nearest():
    result = parse("--learnin-rate", "1")
    assert result.exit_code == 2
    assert "--learning-rate" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--width", "0"), "'--width': 0 is not in the range x>=1"),
        (("--betas", "0.5", "1.5"), "'--betas': 1.5 is not in the range 0<=x<=1"),
    ],
)
def test_a_flag_out_of_its_range_is_a_usage_error(arguments, message):
    result = parse(*arguments)
    assert result.exit_code == 2
    assert message in result.output


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 0}, "width must be at least 1, got 0"),
        ({"betas": (-1.0, 0.5)}, "betas must be at least 0, got -1.0"),
        ({"betas": (0.5, 2.0)}, "betas must be at most 1, got 2.0"),
    ],
)
def test_a_setting_out_of_its_range_is_refused_in_python_too(settings, message):
    flags.in_range(Config())
    with pytest.raises(DataError, match=message):
        flags.in_range(Config(**settings))


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("steps", 1.5, "whole number"),
        ("steps", True, "whole number"),
        ("learning_rate", "1", "number"),
        ("flip", 1, "truth value"),
        ("betas", [0.5], "list of 2 numbers"),
        ("betas", [0.5, "1"], "list of 2 numbers"),
    ],
)
def test_a_setting_of_another_type_is_named(name, value, kind):
    with pytest.raises(DataError) as caught:
        flags.from_json(Config, {**dataclasses.asdict(Config()), name: value})
    assert f"setting {name} is {value!r}, which is no {kind}" in str(caught.value)


def test_settings_survive_json():
    import json

    settings = json.loads(json.dumps(dataclasses.asdict(Config())))
    assert flags.from_json(Config, settings) == Config()


def test_settings_of_another_version_are_named():
    with pytest.raises(DataError, match="momentum"):
        flags.from_json(Config, {**dataclasses.asdict(Config()), "momentum": 0.9})


def test_a_setting_that_came_later_is_the_default():
    """So a run of an older version can still be sampled: a new setting's default is what was done before."""
    settings = dataclasses.asdict(Config())
    first = next(iter(settings))
    del settings[first]
    assert flags.from_json(Config, settings) == Config()
