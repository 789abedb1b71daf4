"""What holds for every row of METRICS."""

import inspect
import math
import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import genmetrics
from genmetrics._checks import UnknownNameError
from genmetrics.metrics import INCEPTION, METRICS, find_metric, fls, prd

N, D, CLASSES = 300, 6, 5
SEEDS = {"train": 3, "real": 1, "generated": 2}  # in the order of the arguments
BY_CLASS = [name for name, row in METRICS.items() if "real.labels" in row.needs]  # have tests of their own
OF_ARRAYS = [name for name, row in METRICS.items() if row.needs != ("generated.images",) and name not in BY_CLASS]
COMPARING = [name for name, row in METRICS.items() if len(row.sides) > 1 and name not in BY_CLASS]
TWO_SIDED = [name for name in COMPARING if len(METRICS[name].needs) == 2]
OTHER_ARGUMENTS = {"ddm-variational-kl": ("f", "g"), "parzen": ("test", "generated", "sigma", "validation")}
ORDER_MATTERS = {  # splits; pairs, subsets, halves and starts drawn by position
    "inception-score",
    "ms-ssim",
    "ct-score",
    "frechet-infinity",
    "inception-score-infinity",
    "fls",
    "prd-f8",
    "prd-f1-8",
}
STRENGTHS = (0.0, 0.1, 0.2, 0.4, 0.6, 0.8)
SATURATES = {"ct-score": 0.3}  # from here on every sample lies farther out than every test image
NOT_MONOTONE = {
    "recall",  # balls around scattered samples are large, and hold real images
    "mifid",  # noise takes the penalty away
}
DIVERSITY = ("vendi", "rke")  # noise is diverse: damage, for these, is that images become alike
MIXING = np.linalg.qr(np.random.default_rng(0).normal(size=(D, D)))[0] * np.linspace(0.3, 1.5, D)


@pytest.fixture(autouse=True)
def fewer_repeats(monkeypatch):
    """What is repeated to lessen its chance, or fitted in steps, is so less often here."""
    monkeypatch.setattr(prd, "RUNS", 2)
    monkeypatch.setattr(fls, "STEPS", 40)


class Pictures:
    """A set of images in memory, as metrics of images read them."""

    def __init__(self, pixels):
        self.pixels, self.labels, self.classes = pixels, None, None
        n, h, w, c = pixels.shape
        self.images = SimpleNamespace(name="generated", sizes={(h, w): n}, channels=c)

    def __len__(self):
        return len(self.pixels)

    def take(self, rows, channels=None):
        return [self.pixels[i] for i in rows]


def features(seed, damage=0.0):
    """Skewed features; damage adds noise and takes modes away."""
    rng = np.random.default_rng(seed)
    clean = rng.gamma(2.0, size=(N, D)) @ MIXING
    return (clean + damage * (2 * rng.normal(size=(N, D)) + 3)).astype(np.float32)


def logits(seed, damage=0.0):
    """Confident answers about evenly frequent classes; damage takes the confidence away."""
    rng = np.random.default_rng(seed)
    answers = 8 * np.eye(CLASSES)[rng.integers(0, CLASSES, N)] + rng.normal(size=(N, CLASSES))
    return ((1 - damage) * answers).astype(np.float32)


def images(seed, damage=0.0):
    """White noise; damage blends one picture into all of them."""
    rng = np.random.default_rng(seed)
    pixels, same = rng.uniform(0, 255, (20, 32, 32, 1)), rng.uniform(0, 255, (32, 32, 1))
    return Pictures(np.uint8((1 - damage) * pixels + damage * same))


def labels(seed, damage=0.0):
    """Classes without bearing on the features."""
    return np.random.default_rng(seed).integers(0, 3, N)


def alike(seed, damage=0.0):
    """Features that damage draws towards one direction; nothing is left to tell images apart at 1."""
    return ((1 - damage) * features(seed) + 4 * damage).astype(np.float32)


MAKERS = {
    "features": features,
    "embedding": features,
    "sfid": features,
    "logits": logits,
    "images": images,
    "labels": labels,
}


def arguments(name, damage=0.0):
    """What the metric needs: real sets without damage, and a generated one with it."""
    wanted = [need.split(".") for need in METRICS[name].needs]
    makers = MAKERS if name not in DIVERSITY else {"features": alike}
    return [makers[output](SEEDS[side], damage if side == "generated" else 0.0) for side, output in wanted]


def estimate(name, *given, **options):
    return METRICS[name].compute()(*given, **options)


# the table


@pytest.mark.parametrize("name", METRICS)
def test_a_row_names_functions_that_exist_and_its_paper(name):
    row = METRICS[name]
    assert callable(getattr(genmetrics, row.function))
    assert {"seed", "intervals"} <= set(inspect.signature(row.compute()).parameters)
    assert row.better in ("lower", "higher", "closer to real")
    assert row.bounds[0] < row.bounds[1]
    assert row.paper
    assert row.summary
    assert row.revision >= 1
    assert set(row.needs) <= {f"{side}.{output}" for side in SEEDS for output in MAKERS}
    assert row.stand_in in ("train", "real", "")
    assert row.stand_in != "train" or "train" not in row.sides, "copies of the training set are what it looks for"


@pytest.mark.parametrize("name", METRICS)
def test_the_docstring_gives_shapes_the_range_and_the_source(name):
    text = inspect.getdoc(getattr(genmetrics, METRICS[name].function))
    assert re.search(r"\(n, ", text)
    for heading in ("Args:", "Returns:", "Raises:", "Source:"):
        assert heading in text
    better = METRICS[name].better
    directions = ("closer to real", "lower is more diverse", "higher is more diverse")
    directions = directions if better == "closer to real" else (better,)
    assert any(words in text or words in METRICS[name].summary for words in directions)


@pytest.mark.parametrize("name", COMPARING)
def test_the_sets_come_in_order_training_test_generated(name):
    row = METRICS[name]
    assert list(row.sides) == [side for side in SEEDS if side in row.sides]
    in_order = [need.split(".")[0] for need in row.needs]
    assert in_order == sorted(in_order, key=list(SEEDS).index)
    if name in OTHER_ARGUMENTS:
        function = getattr(genmetrics, row.function)
        assert tuple(inspect.signature(function).parameters)[: len(OTHER_ARGUMENTS[name])] == OTHER_ARGUMENTS[name]
        return
    public = list(inspect.signature(getattr(genmetrics, row.function)).parameters)[: len(row.sides)]
    assert public in (list(row.sides), [{"real": "test"}.get(side, side) for side in row.sides])
    assert list(inspect.signature(row.compute()).parameters)[: len(row.sides)] == list(row.sides)


def test_only_the_inception_network_gives_fid_kid_and_is():
    printed = {name: (row.printed(INCEPTION), row.printed("digits-cnn")) for name, row in METRICS.items()}
    assert printed["frechet"] == ("fid", "fd_digits-cnn")
    assert printed["kernel"] == ("kid", "kd_digits-cnn")
    assert printed["inception-score"] == ("is", "is_digits-cnn")
    assert printed["ddm"] == (f"ddm_{INCEPTION}", "ddm_digits-cnn")
    assert printed["ms-ssim"] == ("ms_ssim", "ms_ssim")


def test_names_are_found_and_the_nearest_is_suggested():
    assert find_metric("ddm") is METRICS["ddm"]
    with pytest.raises(UnknownNameError, match="unknown metric 'frechett'; did you mean 'frechet'"):
        find_metric("frechett")


@pytest.mark.parametrize("name", METRICS)
def test_the_name_that_is_printed_leads_to_the_metric(name):
    row = METRICS[name]
    for printed in {row.printed(INCEPTION), row.printed("digits-cnn"), row.inception_name.upper()} - METRICS.keys():
        with pytest.raises(UnknownNameError, match=f"unknown metric '{printed}'; did you mean '{name}'"):
            find_metric(printed)


# the values


@pytest.mark.parametrize("name", METRICS)
def test_the_value_is_within_its_bounds_and_its_interval(name):
    low, high = METRICS[name].bounds
    for damage in (0.0, 0.5, 1.0):
        found = estimate(name, *arguments(name, damage))
        assert isinstance(found.value, float)
        assert low <= found.value + 1e-12
        assert found.value <= high + 1e-12
        assert found.interval
        if found.low is not None:
            assert max(low, found.low) - 1e-12 <= found.value <= min(high, found.high) + 1e-12
            assert found.std_error >= 0


@pytest.mark.parametrize("name", sorted(set(METRICS) - NOT_MONOTONE))
def test_damage_that_grows_makes_the_value_worse_each_time(name):
    strengths = [strength for strength in STRENGTHS if strength <= SATURATES.get(name, 1.0)]
    values = [estimate(name, *arguments(name, damage), intervals=False).value for damage in strengths]
    if METRICS[name].better == "higher" or name in DIVERSITY:
        values = values[::-1]
    assert all(np.diff(values) > 0), values


@pytest.mark.parametrize("name", [name for name in METRICS if METRICS[name].better != "closer to real"])
def test_real_images_rank_above_noise(name):
    """By more than both intervals, where they are given."""
    real, noise = estimate(name, *arguments(name, 0.0)), estimate(name, *arguments(name, 1.0))
    good, bad = (real, noise) if METRICS[name].better == "lower" else (noise, real)
    assert good.value < bad.value
    assert good.low is None or good.high < bad.low


@pytest.mark.parametrize("name", TWO_SIDED)
def test_symmetry_is_as_declared(name):
    first, second = arguments(name, 0.4)
    forward, backward = estimate(name, first, second).value, estimate(name, second, first).value
    assert (backward == pytest.approx(forward, rel=1e-9)) == METRICS[name].symmetric


@pytest.mark.parametrize("name", METRICS)
def test_the_seed_fixes_everything(name):
    given = arguments(name, 0.3)
    assert estimate(name, *given, seed=3) == estimate(name, *given, seed=3)


@pytest.mark.parametrize("name", METRICS)
def test_intervals_can_be_switched_off_without_changing_the_value(name):
    given = arguments(name, 0.3)
    without = estimate(name, *given, intervals=False)
    assert without.low is without.high is without.std_error is without.std_error_generated is None
    assert without.interval == "no interval: intervals were switched off"
    assert without.value == pytest.approx(estimate(name, *given).value, rel=1e-12)


@pytest.mark.parametrize("name", OF_ARRAYS)
def test_arguments_are_not_changed(name):
    given = [np.asfortranarray(x.astype(np.float64)) for x in arguments(name, 0.3)]
    copies = [x.copy() for x in given]
    estimate(name, *given)
    for x, copy in zip(given, copies, strict=True):
        np.testing.assert_array_equal(x, copy)


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


CONTAINERS = {
    "float64": lambda x: x.astype(np.float64),
    "float16 and back": lambda x: x.astype(np.float16).astype(np.float32),
    "big-endian": lambda x: x.astype(">f4"),
    "Fortran order": np.asfortranarray,
    "every second row": lambda x: np.repeat(x, 2, axis=0)[::2],
    "read-only": read_only,
    "torch tensor": torch.tensor,
    "torch tensor with gradient": lambda x: torch.tensor(x, requires_grad=True),
    "torch float64": lambda x: torch.tensor(x, dtype=torch.float64),
    "lists": lambda x: x.tolist(),
}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("name", OF_ARRAYS)
def test_the_value_is_the_same_whatever_holds_the_numbers(name, container):
    """To 1e-9 relative, the contract for given features; the numbers are all exact in float16."""
    given = [x.astype(np.float16).astype(np.float32) for x in arguments(name, 0.3)]
    expected = estimate(name, *given)
    found = estimate(name, *[CONTAINERS[container](x) for x in given])
    assert found.value == pytest.approx(expected.value, rel=1e-9)
    assert (found.std_error is None) == (expected.std_error is None)
    assert found.std_error is None or found.std_error == pytest.approx(expected.std_error, rel=1e-7)


@pytest.mark.parametrize("name", sorted(set(OF_ARRAYS) - ORDER_MATTERS))
def test_the_order_of_images_does_not_matter(name):
    rng = np.random.default_rng(4)
    given = arguments(name, 0.3)
    shuffled = estimate(name, *[rng.permutation(x) for x in given])
    assert shuffled.value == pytest.approx(estimate(name, *given).value, rel=1e-9)


@pytest.mark.parametrize("name", COMPARING)
def test_sides_may_hold_different_numbers_of_images(name):
    low, high = METRICS[name].bounds
    for shorter in METRICS[name].sides:
        sides = [need.split(".")[0] for need in METRICS[name].needs]
        given = [x[:100] if side == shorter else x for side, x in zip(sides, arguments(name), strict=True)]
        assert low <= estimate(name, *given).value <= high


# what is refused


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", OF_ARRAYS)
def test_numbers_that_are_not_finite_are_refused_with_their_row(name, bad):
    for position in range(len(METRICS[name].needs)):
        given = arguments(name)
        given[position] = given[position].copy()
        given[position][[41, 7], 2] = bad
        with pytest.raises(ValueError, match=f"2 of {N} rows hold NaN or inf, first is row 7"):
            estimate(name, *given)


@pytest.mark.parametrize("name", OF_ARRAYS)
def test_empty_sets_are_refused(name):
    for position in range(len(METRICS[name].needs)):
        given = arguments(name)
        given[position] = given[position][:0]
        with pytest.raises(ValueError, match="0 images"):
            estimate(name, *given)


@pytest.mark.parametrize("name", [name for name in COMPARING if len(METRICS[name].needs) == len(METRICS[name].sides)])
def test_widths_that_differ_are_refused_with_both(name):
    *real, generated = arguments(name)
    with pytest.raises(ValueError, match=r"are 6-wide but generated are 4-wide"):
        estimate(name, *real, generated[:, :4])


@pytest.mark.parametrize("name", OF_ARRAYS)
def test_images_instead_of_features_are_refused_with_their_shape(name):
    for position in range(len(METRICS[name].needs)):
        given = arguments(name)
        given[position] = np.zeros((5, 3, 8, 8))
        with pytest.raises(ValueError, match=r"shape \(n, d\), got shape \(5, 3, 8, 8\)"):
            estimate(name, *given)
