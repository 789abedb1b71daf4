"""docs/metrics.md is what the sensitivity panels on MNIST say, and they do what the metrics' definitions say."""

import metrics_page
import numpy as np
import pytest
import sensitivity_mnist as script
from sensitivity_definitions import CONTRADICTED, EXCEPTIONS, HOLDS, TABLE, UNDECIDED, says, verdict
from sensitivity_definitions import DAMAGES as COLUMNS

from genmetrics.damage import DAMAGES
from genmetrics.metrics import METRICS
from genmetrics.panel import Measured

LEFT_OUT = {("frechet-intra-class", "modes-dropped")}  # a class without images has no distance


@pytest.fixture(scope="module")
def points():
    return script.read()


def test_the_page_is_made_from_the_values(points):
    assert metrics_page.PAGE.read_text(encoding="utf-8") == metrics_page.page(points)


def test_every_metric_has_a_curve_at_every_damage_and_a_picture(points):
    curves = {
        (metric, damage) for metric in METRICS for damage in DAMAGES if len(script.curve_of(points, metric, damage)) > 1
    }
    assert curves == {(metric, damage) for metric in METRICS for damage in DAMAGES} - LEFT_OUT
    for metric in METRICS:
        picture = script.PICTURES / f"{metric}.svg"
        assert picture.stat().st_size < 60_000
        assert picture.read_bytes().startswith(b"<svg")


def test_every_metric_says_something_of_every_damage():
    assert TABLE.keys() == METRICS.keys()
    assert tuple(DAMAGES) == COLUMNS
    assert all(says(metric, damage) is not None for metric in METRICS for damage in DAMAGES)


def test_curves_do_what_definitions_say_but_for_those_the_page_explains(points):
    answers = script.checks(points)
    assert {key for key, answer in answers.items() if answer == CONTRADICTED} == set(EXCEPTIONS)
    assert all(EXCEPTIONS.values())
    assert list(answers.values()).count(HOLDS) > 0.95 * len(answers)


@pytest.mark.parametrize(
    ("word", "values", "answer"),
    [
        ("rises", [0, 1, 2], HOLDS),
        ("rises", [0, 2, 1.95], HOLDS),
        ("rises", [0, 2, 1], CONTRADICTED),
        ("rises", [0, 0.05, 0.05], UNDECIDED),
        ("rises", [0, -1, 2], CONTRADICTED),
        ("falls", [0, -1, -2], HOLDS),
        ("falls", [0, 1, 2], CONTRADICTED),
        ("falls", [0, 0.05, 0.15], CONTRADICTED),
        ("stays", [0, 0.05, -0.05], HOLDS),
        ("stays", [0, 1, 0], CONTRADICTED),
        ("never falls", [0, 1, -0.05], HOLDS),
        ("never falls", [0, 1, -1], CONTRADICTED),
        ("never rises", [0, -1, 0.05], HOLDS),
        ("never rises", [0, 1, -1], CONTRADICTED),
        ("", [0, 1, -1], ""),
    ],
)
def test_what_holds_by_hand_where_a_move_of_0_1_means_nothing(word, values, answer):
    x = np.array(values, float)
    assert verdict(word, x - x[0], np.diff(x), np.full(3, 0.1), np.full(2, 0.1), 0.1) == answer


def test_points_are_means_over_panels_by_hand():
    def of_panel(first, second, noise):
        return [
            Measured("frechet", "blur", 0.0, first, None, None, noise),
            Measured("frechet", "blur", 2.0, second, None, None, noise),
        ]

    zero, one = script.over_panels([of_panel(1.0, 2.0, 3.0), of_panel(3.0, 8.0, 4.0)])
    assert (zero.value, zero.error, zero.move, zero.move_error, zero.step_error) == pytest.approx((2, 1, 0, 0, 0))
    assert (one.value, one.error, one.move, one.move_error, one.step, one.step_error) == pytest.approx(
        (5, 3, 3, 2, 3, 2)
    )
    assert one.noise == pytest.approx(np.sqrt(12.5))
    assert script.t_of(2, 0.975) == pytest.approx(12.7062, rel=1e-5)
    drawn = script.panel_of([zero, one]).values[0]
    assert (drawn.low, drawn.high) == pytest.approx((2 - 12.7062, 2 + 12.7062), rel=1e-5)


def test_a_point_that_a_panel_lacks_is_left_out():
    value = Measured("frechet", "blur", 0.0, 1.0, None, None, 1.0)
    other = Measured("frechet", "blur", 2.0, 1.0, None, None, 1.0)
    assert [p.strength for p in script.over_panels([[value, other], [value]])] == [0.0]


def test_kept_panels_are_read_back_and_only_what_is_missing_is_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(script, "RUNS", tmp_path)
    asked = []

    def sensitivity(images, metrics, extractor, **_):
        asked.append(metrics)
        values = tuple(Measured(name, "blur", 0.0, 0.1, None, None, 0.5) for name in metrics)
        return script.Panel(values, (), {}, ("nothing",))

    monkeypatch.setattr(script, "sensitivity", sensitivity)
    monkeypatch.setattr(script.packs, "mnist", lambda _: (np.zeros((50, 28, 28), np.uint8), np.zeros(50, np.int64)))
    monkeypatch.setattr(script, "METRICS", {"frechet": None, "sfid": None})
    script.measure(1)
    assert asked == [["frechet"], ["sfid"]]
    monkeypatch.setattr(script, "METRICS", {"frechet": None, "rke": None, "sfid": None})
    script.measure(1)
    assert asked[2:] == [["rke"]]
    assert script.stored(1) == [Measured(n, "blur", 0.0, 0.1, None, None, 0.5) for n in ("frechet", "sfid", "rke")]


def test_features_of_places_are_the_third_layers_row_by_row():
    import torch

    network = script.MnistPlaces()
    images = [np.random.default_rng(i).integers(0, 256, (28, 28, 1), np.uint8) for i in range(2)]
    found = network(images)
    with torch.inference_mode():
        x = torch.from_numpy(np.stack(images)[:, None, :, :, 0] / np.float32(255))
        for apply in network.network.layers[:3]:
            x = apply(x)
    assert found["sfid"].shape == (2, 7 * 7 * script.CHANNELS)
    place = found["sfid"][1].reshape(7, 7, script.CHANNELS)
    np.testing.assert_allclose(place[2, 5], x[1, : script.CHANNELS, 2, 5].numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found["features"], script.MnistExtractor()(images)["features"], rtol=1e-5, atol=1e-6)
