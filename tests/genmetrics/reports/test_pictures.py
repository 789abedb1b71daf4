"""Contact sheets and neighbour sheets."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from genmetrics._checks import DataError
from genmetrics.reports.pictures import GAP, NEUTRAL, contact_sheet, neighbour_sheet


def pixels(data: bytes) -> np.ndarray:
    """A PNG's pixels, (h, w, 3)."""
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "PNG"
        return np.asarray(image)


def flat(value: int, height: int, width: int, channels: int = 3) -> np.ndarray:
    """An image of one grey."""
    return np.full((height, width, channels), value, np.uint8)


@pytest.mark.parametrize("side", [8, 28, 32, 64, 128, 299, 512])
@pytest.mark.parametrize("n", [16, 25, 49, 64, 100])
def test_sheet_is_800_to_1000_wide(n, side):
    assert 800 <= pixels(contact_sheet([flat(9, side, side)] * n)).shape[1] <= 1000


def test_small_images_are_enlarged_by_a_whole_factor_without_smoothing():
    image = np.arange(64, dtype=np.uint8).reshape(8, 8, 1) * 4
    sheet = pixels(contact_sheet([image, image], columns=2, scale=3))
    assert sheet.shape == (24 + 2 * GAP, 2 * 24 + 3 * GAP, 3)
    np.testing.assert_array_equal(sheet[GAP : GAP + 24, GAP : GAP + 24, 0], image[..., 0].repeat(3, 0).repeat(3, 1))


def test_images_are_in_reading_order():
    sheet = pixels(contact_sheet([flat(v, 1, 1) for v in (10, 20, 30)], columns=2, scale=1))
    assert [sheet[y, x, 0] for y, x in ((4, 4), (4, 9), (9, 4))] == [10, 20, 30]
    assert tuple(sheet[9, 9]) == NEUTRAL


def test_large_images_are_smoothed_when_reduced():
    checkerboard = np.uint8(255 * (np.indices((512, 512)).sum(0) % 2))[..., None]
    sheet = pixels(contact_sheet([checkerboard], scale=0.25))
    assert sheet.shape[0] == 128 + 2 * GAP
    assert abs(int(sheet[60, 60, 0]) - 127) < 10  # antialiased: grey, neither black nor white


def test_mixed_sizes_are_centred_in_equal_cells():
    sheet = pixels(contact_sheet([flat(200, 12, 12), flat(50, 12, 6)], columns=2, scale=1))
    assert sheet.shape[:2] == (12 + 2 * GAP, 24 + 3 * GAP)
    cell = sheet[GAP : GAP + 12, 12 + 2 * GAP : 24 + 2 * GAP, 0]
    assert (cell[:, 3:9] == 50).all()
    assert (cell[:, :3] == NEUTRAL[0]).all()
    assert (cell[:, 9:] == NEUTRAL[0]).all()


@settings(deadline=None)  # the first image pays for the import
@given(st.lists(st.tuples(*[st.integers(1, 60)] * 2), min_size=1, max_size=40), st.sampled_from([None, 1, 7]))
def test_any_images_make_a_sheet(sizes, columns):
    assert pixels(contact_sheet([flat(0, *size) for size in sizes], columns=columns)).ndim == 3


def test_a_tall_image_does_not_make_a_giant_sheet():
    assert max(pixels(contact_sheet([flat(0, 45, 1)])).shape) < 300


def test_same_images_same_bytes():
    assert contact_sheet([flat(7, 8, 8)] * 4) == contact_sheet([flat(7, 8, 8)] * 4)


@pytest.mark.parametrize("bad", [np.zeros((8, 8, 3)), np.zeros((8, 8, 2), np.uint8), np.zeros((0, 8, 3), np.uint8)])
def test_what_is_not_an_image_is_refused(bad):
    with pytest.raises(DataError, match=r"image 1: expected uint8 \(h, w, 1 or 3\), got"):
        contact_sheet([flat(0, 8, 8), bad])


def test_no_images_are_refused():
    with pytest.raises(DataError, match="at least one"):
        contact_sheet([])


def test_neighbours_stand_in_their_columns_in_order():
    found = [[[flat(10 * j + k, 8, 8) for k in range(2)] for j in range(3)] for _ in range(2)]
    sheet = pixels(neighbour_sheet([flat(200, 8, 8), flat(201, 8, 8)], found, scale=4))
    for query, middle in ((200, -(32 + GAP + GAP + 16)), (201, -(GAP + 16))):
        row = sheet[middle, :, 0]
        runs = row[np.flatnonzero(np.diff(row, prepend=0))]
        assert [v for v in runs if v != NEUTRAL[0]] == [query, 0, 1, 10, 11, 20, 21]


def test_headings_are_drawn():
    rows = [[[flat(0, 8, 8)]] * 3]
    plain = pixels(neighbour_sheet([flat(0, 8, 8)], rows, headings=("", "", ""), sample="", scale=10))
    named = pixels(neighbour_sheet([flat(0, 8, 8)], rows, scale=10))
    changed = np.flatnonzero((plain != named).any(axis=(0, 2)))
    assert (plain[30:] == named[30:]).all()
    assert len(np.flatnonzero(np.diff(changed) > 30)) == 3  # four headings, three wide gaps between them


@pytest.mark.parametrize(
    ("queries", "rows", "message"),
    [(2, [[[], [], []]], "2 samples but 1 rows"), (0, [], "0 samples"), (1, [[[], []]], "2 distances")],
)
def test_neighbours_that_do_not_match_are_refused(queries, rows, message):
    with pytest.raises(DataError, match=message):
        neighbour_sheet([flat(0, 8, 8)] * queries, rows)
