"""What ModNet's scripts say of their numbers follows from the numbers."""

import mnist_modnet
import mnist_modnet_augment
import pytest

from reference_models.modnet_augment import FROM_ALL, FROM_FEW, REAL, Trial


def rows(label_changed_low, own_source):
    numbers = {"label_changed": 0.9, "target_seen": 0.7, "own_source": own_source, "mean_change": 20.0}
    return [
        {"seed": seed, "number": name, "value": value, "low": label_changed_low, "high": 1.0, "n": 10}
        for seed in (0, 1)
        for name, value in numbers.items()
    ]


@pytest.mark.parametrize(("low", "own", "words"), [
    (0.85, 1.0, ("test digits for every seed (lowest end of the intervals: 85.0%)", "so it is here: 100.0%")),
    (0.75, 0.4, ("test digits NOT for every seed (lowest end of the intervals: 75.0%)", "here it is not: 40.0%")),
])  # fmt: skip
def test_the_sentence_is_computed(low, own, words):
    text = mnist_modnet.sentence(rows(low, own))
    assert all(word in text for word in words)
    assert "70.0% to 70.0%" in text
    assert "20.0 to 20.0 of 255" in text


def test_gains_have_a_row_for_each_reading_and_size():
    values = {REAL: (0.1, 0.2), FROM_ALL: (0.3, 0.4001), FROM_FEW: (0.0, 0.3)}
    found = {Trial(name, 10, seed): pair[seed] for name, pair in values.items() for seed in (0, 1)}
    all_images, few = mnist_modnet_augment.gains(found)
    assert (all_images["images"], all_images["real_images"], all_images["verdict"]) == (FROM_ALL, 10, "confirmed")
    assert (few["images"], few["n"], few["verdict"]) == (FROM_FEW, 2, "undecided")
