"""Plots as SVG."""

import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from genmetrics._checks import DataError
from genmetrics.reports import plots

TEXT = "{http://www.w3.org/2000/svg}text"


def words(svg: bytes) -> list[str]:
    """The texts of a valid SVG."""
    return ["".join(text.itertext()) for text in ElementTree.fromstring(svg).iter(TEXT)]


def scatter(real=None, generated=None, title="MS-SSIM") -> bytes:
    return plots.class_scatter(real or {"0": 0.1, "1": 0.2}, generated or {"0": 0.15, "1": 0.1}, title=title)


def test_few_classes_are_labelled_and_many_are_not():
    few, many = ({f"class {i}": i / 10 for i in range(n)} for n in (20, 21))
    assert "class 7" in words(scatter(few, few))
    assert "class 7" not in words(scatter(many, many))


def test_classes_without_samples_are_counted():
    said = words(scatter({"0": 0.1, "1": 0.2, "2": 0.3}, {"1": 0.2}))
    assert "1 of 3" not in " ".join(said)
    assert "2 of 3 classes have too few samples" in said


def test_no_shared_class_is_refused():
    with pytest.raises(DataError, match="no class"):
        scatter({"a": 1.0}, {"b": 1.0})


@pytest.mark.parametrize("name", ["$\\frac{$", "<b>&", "犬", "\x1b[0m", "a--b"])
def test_any_class_name_makes_a_valid_svg(name):
    written = "\\x1b[0m" if name.startswith("\x1b") else name
    assert written in words(scatter({name: 0.1, "b": 0.2}, {name: 0.3, "b": 0.2}, title=name))


def test_plots_are_the_same_bytes_in_any_process():
    code = (
        "import sys; from genmetrics.reports import plots;"
        "svg = plots.class_scatter({'0': .1, '1': .2}, {'0': .15, '1': .1}, 'MS-SSIM');"
        "assert 'matplotlib.pyplot' not in sys.modules; sys.stdout.buffer.write(svg)"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert scatter() == other


def test_nothing_outside_is_referred_to():
    text = scatter().decode()
    assert text.startswith("<svg")
    assert all(target.startswith("#") for target in re.findall(r'href="([^"]*)"', text))
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", text))


def test_global_style_is_left_alone():
    import matplotlib

    before = matplotlib.rcParams.copy()
    scatter()
    assert matplotlib.rcParams.copy() == before
