import numpy as np
import pytest

from genmetrics._checks import DataError, UnknownNameError
from reference_models import data

GREY = np.arange(20, dtype=np.uint8).repeat(16).reshape(20, 4, 4)  # image i is all i
LABELS = np.arange(20) % 2


def test_digits_come_as_grey_images_in_three_parts(digits):
    assert digits.shape == (1, 8, 8)
    assert digits.classes == 10
    assert [len(getattr(digits, part)) for part in ("train", "test", "held_out")] == [1017, 390, 390]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((20, 4, 4), (1, 4, 4)),
        ((20, 4, 5, 1), (1, 4, 5)),
        ((20, 4, 5, 3), (3, 4, 5)),
        ((20, 3, 4, 5), (3, 4, 5)),
    ],
)
def test_a_file_may_hold_grey_or_colour_images_with_channels_first_or_last(npz, shape, expected):
    assert data.load(npz(x=np.zeros(shape, np.uint8), y=LABELS)).shape == expected


def test_a_file_is_split_into_disjoint_parts_that_keep_their_labels(npz):
    dataset = data.load(npz(x=GREY, y=LABELS))
    label_of = {image.tobytes(): label for image, label in zip(GREY, LABELS, strict=True)}
    seen = set()
    for part, size in ((dataset.train, 16), (dataset.test, 2), (dataset.held_out, 2)):
        assert len(part) == size
        assert [label_of[image.tobytes()] for image in part.images] == list(part.labels)
        seen |= {image.tobytes() for image in part.images}
    assert len(seen) == 20


def test_labels_are_optional(npz):
    assert data.load(npz(x=GREY)).classes == 0


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": GREY}, "holds no array `x`"),
        ({"x": GREY / 255}, "dtype float64; expected uint8"),
        ({"x": GREY.reshape(20, 16)}, r"shape \(20, 16\)"),
        ({"x": np.zeros((20, 2, 4, 4), np.uint8)}, r"shape \(20, 2, 4, 4\)"),
        ({"x": GREY, "y": LABELS[:19]}, r"y has shape \(19,\)"),
        ({"x": GREY, "y": LABELS - 1}, "class numbers from 0"),
        ({"x": GREY, "y": LABELS / 2}, "dtype float64"),
        ({"x": GREY[:9], "y": LABELS[:9]}, "9 images, but at least 10"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(npz, arrays, message):
    with pytest.raises(DataError, match=message):
        data.load(npz(**arrays))


def test_a_file_that_is_no_npz_says_so(tmp_path):
    path = tmp_path / "fake.npz"
    path.write_text("not a zip")
    with pytest.raises(DataError, match=r"not an \.npz file"):
        data.load(str(path))


def test_a_missing_file_says_so():
    with pytest.raises(DataError, match="no such file"):
        data.load("nowhere.npz")


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'digits'"):
        data.load("digist")


def test_the_digest_depends_on_images_and_labels(npz):
    first = data.load(npz("a.npz", x=GREY, y=LABELS)).digest()
    assert data.load(npz("b.npz", x=GREY, y=LABELS)).digest() == first
    assert data.load(npz("c.npz", x=GREY + 1, y=LABELS)).digest() != first
    assert data.load(npz("d.npz", x=GREY, y=1 - LABELS)).digest() != first
