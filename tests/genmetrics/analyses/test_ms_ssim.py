"""MS-SSIM: published values, the slow reference, known answers; which pairs are drawn; the interval."""

import io
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import pytorch_msssim
import scipy.ndimage
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image

from genmetrics._checks import DataError
from genmetrics.analyses import ms_ssim as module
from genmetrics.analyses.diversity import ms_ssim_diversity
from genmetrics.analyses.ms_ssim import PROTOCOLS, WEIGHTS, ms_ssim, ms_ssim_of_pairs
from genmetrics.analyses.pairs import diversity_of_pairs, draw_pairs, pair_of_number
from tests.reference import ms_ssim as reference

DATA = Path(__file__).parents[4] / "shared" / "data"
PHOTOGRAPHS = DATA / "imagenet1k_224_jpeg.npz"
both = pytest.mark.parametrize("protocol", list(PROTOCOLS))
# The contract. The same float32 operations in another order differ by 1e-6.
AS_PYTORCH_MSSSIM = 1e-5
# The contract. A window's sum of squares rounds at 65025 * 2e-16, over C2 = 58.5; seen: 4e-15.
AS_REFERENCE = 1e-9


def blotches(n, side, seed=0, channels=3, common=0.0):
    """(n, channels, h, w) uint8: noise at every octave, coarse strongest; `common`: share that all have."""
    h, w = side if isinstance(side, tuple) else (side, side)
    rng = np.random.default_rng(seed)
    image = np.zeros((n, channels, h, w))
    for cells in (2**k for k in range(8)):
        shared = rng.normal(size=(1, channels, cells, cells))
        field = common * shared + (1 - common) * rng.normal(size=(n, channels, cells, cells))
        image += (field / cells**0.7).repeat(-(-h // cells), 2).repeat(-(-w // cells), 3)[:, :, :h, :w]
    return (image * (50 / image.std()) + 128).clip(0, 255).round().astype(np.uint8)


def photographs(n, side):
    """(n, 3, side, side) uint8 from real JPEG files."""
    if not PHOTOGRAPHS.exists():
        pytest.skip(f"needs {PHOTOGRAPHS.name} in {PHOTOGRAPHS.parent}")
    pack = np.load(PHOTOGRAPHS)
    files, ends = pack["bytes"], pack["offsets"]
    opened = [Image.open(io.BytesIO(files[ends[i] : ends[i + 1]].tobytes())).convert("RGB") for i in range(n)]
    return np.stack([np.asarray(image.resize((side, side))) for image in opened]).transpose(0, 3, 1, 2)


def pytorch_value(a, b):
    a, b = torch.tensor(a).float(), torch.tensor(b).float()
    return pytorch_msssim.ms_ssim(a, b, data_range=255, size_average=False).numpy()


# --- against code and definitions that are not ours


@pytest.mark.parametrize("side", [176, 256, (176, 256)])
def test_channel_equals_pytorch_msssim(side):
    x = blotches(24, side, seed=1)
    assert ms_ssim(x[:12], x[12:], "msssim-channel") == pytest.approx(
        pytorch_value(x[:12], x[12:]), abs=AS_PYTORCH_MSSSIM
    )


@pytest.mark.parametrize("side", [200, 165])  # 165 -> 83 -> 42 -> 21 -> 11: odd sides are padded with zeros
def test_channel_equals_pytorch_msssim_at_odd_sides(side):
    x = blotches(8, side, seed=3, common=0.6)
    assert ms_ssim(x[:4], x[4:], "msssim-channel") == pytest.approx(pytorch_value(x[:4], x[4:]), abs=AS_PYTORCH_MSSSIM)


@pytest.mark.parametrize("side", [176, 256])
def test_channel_equals_pytorch_msssim_on_photographs(side):
    x = photographs(12, side)
    ours, theirs = ms_ssim(x[:6], x[6:], "msssim-channel"), pytorch_value(x[:6], x[6:])
    assert theirs.std() > 0.01
    assert ours == pytest.approx(theirs, abs=AS_PYTORCH_MSSSIM)


@pytest.mark.parametrize(
    ("side", "channels"),
    [(28, 1), (28, 3), (32, 3), (64, 3), (128, 3), ((8, 13), 1), ((29, 37), 3), (17, 3), (8, 3)],
)
def test_google_equals_the_reference(side, channels):
    x = blotches(4, side, seed=2, channels=channels, common=0.4)
    expected = [reference.google(a, b) for a, b in zip(x[:2], x[2:], strict=True)]
    assert ms_ssim(x[:2], x[2:]) == pytest.approx(expected, abs=AS_REFERENCE)


def test_google_equals_the_reference_at_256():
    x = blotches(2, 256, seed=2, common=0.4)
    assert ms_ssim(x[:1], x[1:]) == pytest.approx([reference.google(x[0], x[1])], abs=AS_REFERENCE)


def test_google_equals_the_reference_on_photographs():
    x = photographs(4, 64)
    expected = [reference.google(a, b) for a, b in zip(x[:2], x[2:], strict=True)]
    assert ms_ssim(x[:2], x[2:]) == pytest.approx(expected, abs=AS_REFERENCE)


@pytest.mark.parametrize("side", [28, (29, 37), 64, 8])
def test_channel_equals_the_reference_below_pytorch_msssims_smallest(side):
    x = blotches(4, side, seed=5, common=0.6)
    expected = [reference.channel(a, b) for a, b in zip(x[:2], x[2:], strict=True)]
    assert ms_ssim(x[:2], x[2:], "msssim-channel") == pytest.approx(expected, abs=1e-4)  # float32 windows


def test_reference_equals_pytorch_msssim():
    a, b = blotches(2, 176, seed=6, common=0.6)
    assert reference.channel(a, b) == pytest.approx(pytorch_value(a[None], b[None])[0], abs=1e-5)


@given(npst.arrays(np.uint8, st.tuples(st.just(1), st.integers(1, 9), st.integers(1, 9))))
def test_halving_is_the_convolution_of_the_published_code(x):
    x = x.astype(np.float64)
    expected = scipy.ndimage.convolve(x, np.ones((1, 2, 2)) / 4, mode="reflect")[:, ::2, ::2]
    assert np.array_equal(module.halve_repeating_edges(torch.from_numpy(x)).numpy(), expected)
    assert np.array_equal(reference.halve_repeating_edges(x), expected)


def test_28_px_halve_to_2():
    sides = [scale.pixels.shape[-1] for scale in module.moments(torch.zeros(1, 1, 28, 28), PROTOCOLS["msssim-google"])]
    assert sides == [28, 14, 7, 4, 2]


# --- known answers


@both
@pytest.mark.parametrize("side", [8, 28, 33, 176])
def test_an_image_and_itself_give_1(protocol, side):
    x = blotches(3, side)
    assert ms_ssim(x, x, protocol) == pytest.approx(1, abs=1e-12)


@both
@pytest.mark.parametrize(("grey", "other"), [(0, 255), (10, 12), (200, 100)])
def test_constant_images_differ_in_luminance_alone(protocol, grey, other):
    # Every contrast term is C2 / C2 = 1; what is left is scale 5's luminance, to the power 0.1333.
    a, b = (np.full((1, 3, 64, 64), value, np.uint8) for value in (grey, other))
    luminance = (2 * grey * other + 2.55**2) / (grey**2 + other**2 + 2.55**2)
    # float32: E[x^2] - E[x]^2 of 255 is off by some 65025 * 1e-7 where C2 is 58.5.
    assert ms_ssim(a, b, protocol) == pytest.approx(
        luminance**0.1333, rel=1e-12 if protocol == "msssim-google" else 5e-4
    )


def test_an_image_against_its_negative_is_0():
    x = blotches(2, 64)
    assert np.array_equal(ms_ssim(x, 255 - x), [0, 0])


def test_value_by_hand_at_8_px():
    # Black against vertical stripes 0, 255: scale 1 has windows of 8 pixels, one place; then all is constant.
    stripes = np.tile(np.array([0, 255], np.uint8), (1, 1, 8, 4))
    weights = np.exp(-((np.arange(8) - 3.5) ** 2) / (2 * (1.5 * 8 / 11) ** 2))
    share = weights[1::2].sum() / weights.sum()
    variance = 255**2 * share * (1 - share)
    c1, c2 = 2.55**2, 7.65**2
    contrast = (c2 / (variance + c2)) ** WEIGHTS[0]
    luminance = (c1 / (127.5**2 + c1)) ** WEIGHTS[4]
    assert ms_ssim(np.zeros_like(stripes), stripes) == pytest.approx(contrast * luminance, rel=1e-12)


@both
def test_independent_white_noise_is_near_0(protocol):
    x = np.random.default_rng(0).integers(0, 256, (40, 3, 64, 64), dtype=np.uint8)
    assert ms_ssim(x[:20], x[20:], protocol).mean() < 0.1  # seen: 0.06


@both
def test_more_noise_means_less_alike(protocol):
    x = blotches(4, 64)
    noise = np.random.default_rng(1).normal(size=x.shape)
    values = [ms_ssim(x, (x + level * noise).clip(0, 255).astype(np.uint8), protocol) for level in (0, 5, 15, 40, 90)]
    assert (np.diff(values, axis=0) < 0).all()


@both
def test_more_blur_means_less_alike(protocol):
    x = blotches(4, 64)
    values = [ms_ssim(x, scipy.ndimage.gaussian_filter(x, (0, 0, sigma, sigma)), protocol) for sigma in (0, 1, 2, 4, 8)]
    assert (np.diff(values, axis=0) < 0).all()


def test_blurring_the_differences_makes_a_set_less_diverse():
    x = blotches(12, 64, common=0.3).astype(np.float64)
    mean = x.mean(axis=0)
    blurred = [mean + scipy.ndimage.gaussian_filter(x - mean, (0, 0, sigma, sigma)) for sigma in (0, 1, 3, 8)]
    values = [ms_ssim_diversity(y.clip(0, 255).astype(np.uint8)).value for y in blurred]
    assert (np.diff(values) > 0).all()


def test_channels_are_pooled_before_the_product_or_after_it():
    x = blotches(2, 64, common=0.6)
    gray = np.repeat(x[:, :1], 3, axis=1)
    assert abs(np.subtract(*(ms_ssim(x[:1], x[1:], protocol)[0] for protocol in PROTOCOLS))) > 1e-3
    assert ms_ssim(gray[:1], gray[1:], "msssim-google") == pytest.approx(
        ms_ssim(gray[:1], gray[1:], "msssim-channel"), abs=1e-5
    )


# --- properties


sides = st.integers(8, 40)


@both
@settings(deadline=None, max_examples=50)
@given(data=st.data())
def test_any_pair_gives_a_number_between_0_and_1(protocol, data):
    shape = (2, data.draw(st.sampled_from([1, 3])), data.draw(sides), data.draw(sides))
    a, b = (data.draw(npst.arrays(np.uint8, shape, fill=st.sampled_from([0, 1, 128, 255]))) for _ in "ab")
    values = ms_ssim(a, b, protocol)
    assert values.shape == (2,)
    assert values.dtype == np.float64
    assert ((values >= 0) & (values <= 1)).all()


@both
@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 1000), h=sides, w=sides)
def test_order_does_not_matter(protocol, seed, h, w):
    x = blotches(4, (h, w), seed, common=0.5)
    assert np.array_equal(ms_ssim(x[:2], x[2:], protocol), ms_ssim(x[2:], x[:2], protocol))


@both
def test_blocks_do_not_matter(protocol, monkeypatch):
    x = blotches(10, 28, common=0.5)
    expected = ms_ssim(x[:5], x[5:], protocol)
    monkeypatch.setitem(module.BLOCK_BYTES, "cpu", 1)
    # the order of a float32 sum over pixels depends on the block; float64 shows no difference
    assert ms_ssim(x[:5], x[5:], protocol) == pytest.approx(
        expected, abs={"float64": 1e-14, "float32": 1e-6}[PROTOCOLS[protocol].dtype]
    )


@both
@pytest.mark.parametrize("kept", [2, 3, 5, 100])
def test_sharing_moments_changes_nothing(protocol, kept, monkeypatch):
    x = blotches(12, 28, common=0.5)
    pairs = np.random.default_rng(0).integers(0, 12, (60, 2))
    real_within = module.images_within
    monkeypatch.setattr(
        module, "images_within", lambda b, *rest: kept if b == module.STORE_BYTES else real_within(b, *rest)
    )
    values, _ = ms_ssim_of_pairs(x, pairs, protocol)
    assert values == pytest.approx(ms_ssim(x[pairs[:, 0]], x[pairs[:, 1]], protocol), abs=1e-6)


@pytest.mark.parametrize("most", [2, 3, 7, 50])
@pytest.mark.parametrize("n", [3, 20])
def test_chunks_hold_each_pair_once_and_few_images(most, n):
    pairs = np.random.default_rng(0).integers(0, n, (100, 2))
    chunks = list(module.chunks_sharing_images(pairs, most))
    assert sorted(np.concatenate(chunks)) == list(range(100))
    assert max(len(np.unique(pairs[chunk])) for chunk in chunks) <= most


def test_an_image_in_many_pairs_is_filtered_once(monkeypatch):
    seen = []
    real = module.moments
    monkeypatch.setattr(module, "moments", lambda x, rules: seen.append(len(x)) or real(x, rules))
    x = blotches(10, 28)
    ms_ssim_of_pairs(x, draw_pairs(10)[0])
    assert sum(seen) == 10


def test_only_the_images_of_pairs_are_read():
    class Watched:
        shape, dtype, read = (1000, 1, 28, 28), np.dtype(np.uint8), set()

        def __len__(self):
            return 1000

        def __getitem__(self, rows):
            self.read.update(rows.tolist())
            return np.zeros((len(rows), 1, 28, 28), np.uint8)

    images = Watched()
    ms_ssim_of_pairs(images, [[3, 999], [3, 7]])
    assert images.read == {3, 7, 999}


def test_tensors_and_arrays_give_the_same():
    x = blotches(6, 28)
    assert np.array_equal(ms_ssim(torch.tensor(x[:3]), torch.tensor(x[3:])), ms_ssim(x[:3], x[3:]))
    assert ms_ssim_diversity(torch.tensor(x)) == ms_ssim_diversity(x)


def test_read_only_arrays_are_read(tmp_path):
    x = blotches(6, 28)
    np.save(tmp_path / "x.npy", x)
    assert ms_ssim_diversity(np.load(tmp_path / "x.npy", mmap_mode="r")) == ms_ssim_diversity(x)


def test_input_is_not_changed():
    x = blotches(6, 28)
    before = x.copy()
    ms_ssim_diversity(x)
    assert np.array_equal(x, before)


# --- which pairs


def test_every_pair_has_a_number():
    first = pair_of_number(np.arange(6)).tolist()
    assert first == [[0, 1], [0, 2], [1, 2], [0, 3], [1, 3], [2, 3]]


@given(st.integers(1, 2**31))
def test_numbers_of_pairs_are_exact_at_triangular_numbers(m):
    number = m * (m - 1) // 2
    expected = [[m - 2, m - 1], [0, m], [1, m]] if m > 1 else [[0, 1], [0, 1], [0, 2]]
    numbers = np.array([number - 1, number, number + 1] if m > 1 else [0, 0, 1])
    assert pair_of_number(numbers).tolist() == expected


@given(n=st.integers(2, 40), pairs=st.integers(1, 200), seed=st.integers(0, 100))
def test_pairs_are_distinct_and_of_different_images(n, pairs, seed):
    drawn, _ = draw_pairs(n, None, pairs, seed)
    assert (drawn[:, 0] < drawn[:, 1]).all()
    assert len(np.unique(drawn, axis=0)) == len(drawn) == min(pairs, n * (n - 1) // 2)
    assert drawn.min() >= 0
    assert drawn.max() < n


@given(labels=st.lists(st.integers(0, 4), min_size=12, max_size=40), pairs=st.integers(1, 30))
def test_pairs_stay_within_a_class(labels, pairs):
    drawn, classes = draw_pairs(len(labels), labels, pairs)
    labels = np.array(labels)
    assert np.array_equal(labels[drawn], np.stack([classes, classes], axis=1))
    for label, n in zip(*np.unique(labels, return_counts=True), strict=True):
        assert (classes == label).sum() == min(pairs, n * (n - 1) // 2)


def test_every_pair_is_drawn_as_often():
    drawn = np.concatenate([draw_pairs(6, None, 5, seed)[0] for seed in range(3000)])
    counts = np.unique(drawn, axis=0, return_counts=True)[1]
    assert len(counts) == 15
    assert counts == pytest.approx(1000, abs=4 * math.sqrt(1000))  # 4 standard deviations, 15 counts


def test_a_seed_fixes_the_pairs():
    assert np.array_equal(draw_pairs(100, seed=3)[0], draw_pairs(100, seed=3)[0])
    assert not np.array_equal(draw_pairs(100, seed=3)[0], draw_pairs(100, seed=4)[0])


# --- the mean and its interval


def test_a_set_of_one_image_has_diversity_1():
    found = ms_ssim_diversity(np.repeat(blotches(1, 28), 20, axis=0))
    assert found.value == pytest.approx(1, abs=1e-12)
    assert (found.low, found.high, found.std_error) == pytest.approx((1, 1, 0), abs=1e-12)


def test_classes_count_the_same_whatever_their_size():
    x = np.concatenate([np.repeat(blotches(1, 28), 30, axis=0), blotches(6, 28, seed=1)])
    found = ms_ssim_diversity(x, ["same"] * 30 + ["other"] * 6, pairs=100)
    rows = found.per_class
    assert list(rows) == ["other", "same"]
    assert found.value == pytest.approx((rows["same"]["value"] + rows["other"]["value"]) / 2)
    assert rows["same"]["value"] == pytest.approx(1)
    assert (rows["other"]["n"], rows["other"]["pairs"], found.pairs) == (6, 15, 115)
    assert rows["other"]["value"] == pytest.approx(ms_ssim_diversity(x[30:]).value)
    json.dumps(rows)


def test_class_table_agrees_with_each_class_alone():
    x, labels = blotches(40, 28, common=0.5), np.arange(40) % 2
    found = ms_ssim_diversity(x, labels, pairs=1000)
    alone = [ms_ssim_diversity(x[labels == label], pairs=1000) for label in (0, 1)]
    for label in (0, 1):
        row = found.per_class[label]
        assert (row["value"], row["low"], row["high"]) == pytest.approx(
            (alone[label].value, alone[label].low, alone[label].high)
        )
    assert found.std_error == pytest.approx(math.hypot(*(a.std_error for a in alone)) / 2)


def test_interval_cut_to_0_and_1_holds_the_value():
    found = ms_ssim_diversity(blotches(10, 28))
    assert 0 <= found.low <= found.value <= found.high <= 1


@given(st.integers(4, 12), st.integers(0, 1000))
def test_standard_error_is_the_dyadic_sum_corrected(n, seed):
    rng = np.random.default_rng(seed)
    effect = rng.normal(size=n)
    pairs, _ = draw_pairs(n, None, 20, seed)
    values = effect[pairs].sum(axis=1) + 0.1 * rng.normal(size=len(pairs))
    found, images = diversity_of_pairs(values, pairs), len(np.unique(pairs))
    assert found.value == pytest.approx(values.mean())
    assert (found.std_error is None) == (images < 4)
    if images >= 4:
        dyadic = reference.dyadic_variance(values.tolist(), pairs.tolist())
        dyadic *= images * (images - 1) / ((images - 2) * (images - 3))
        independent = values.var(ddof=1) / len(values)
        assert found.std_error == pytest.approx(math.sqrt(max(dyadic, independent) * (1 + 1 / images)))


def test_standard_error_of_all_pairs_of_additive_effects_by_hand():
    # value = a_i + a_j over all pairs: the mean is twice the mean of a, so its error twice s / sqrt(n);
    # then the variance's factor of 1 + 1/n
    effect = np.array([0.0, 1.0, 4.0, 9.0, 2.0, 2.5])
    pairs, _ = draw_pairs(6)
    error = diversity_of_pairs(effect[pairs].sum(axis=1), pairs).std_error
    assert error == pytest.approx(2 * effect.std(ddof=1) / math.sqrt(6) * math.sqrt(7 / 6))


def test_the_floor_lies_under_the_sum_of_classes_not_under_each():
    # All pairs of 4 images, twice: once a sum of effects; once so that they cancel at each image.
    six, _ = draw_pairs(4)
    effects = np.array([0.0, 0.1, 0.2, 0.4])[six].sum(axis=1)
    cancelling = np.array([0.1, 0.2, 0.3, 0.3, 0.2, 0.1])  # (0,1) (0,2) (1,2) (0,3) (1,3) (2,3)
    dyadics, floors = [], []
    for values in (effects, cancelling):
        dyadics.append(reference.dyadic_variance(values.tolist(), six.tolist()) * 6 * 1.25)
        floors.append(values.var(ddof=1) / 6 * 1.25)
    assert dyadics[0] > floors[0]
    assert dyadics[1] < 0 < sum(floors) < sum(dyadics)
    assert diversity_of_pairs(cancelling, six).std_error == pytest.approx(math.sqrt(floors[1]))
    values, classes = np.concatenate([effects, cancelling]), np.repeat([0, 1], 6)
    pairs, dyadic, floor = np.concatenate([six, six + 4]), sum(dyadics), sum(floors)
    found = diversity_of_pairs(values, pairs, classes)
    assert found.std_error == pytest.approx(math.sqrt(max(dyadic, floor)) / 2)


def test_interval_by_hand():
    # 4 images in 2 disjoint pairs: e = -+0.1, variance 0.02 / 4 times 12 / 2 times 5 / 4; t(3) = 3.182446
    found = diversity_of_pairs([0.4, 0.6], [[0, 1], [2, 3]])
    assert found.std_error == pytest.approx(math.sqrt(0.0375))
    assert (found.low, found.high) == (0, 1)  # 0.5 -+ 0.62
    found = diversity_of_pairs([0.49, 0.51], [[0, 1], [2, 3]])
    assert (found.low, found.high) == pytest.approx((0.5 - 0.0616278, 0.5 + 0.0616278), abs=1e-6)


def test_interval_holds_the_true_mean_as_often_as_it_says():
    # E exp(-|x - y|^2 / 2) = 1/3 for standard normal x, y in two dimensions; 92-98% is the contract
    held = 0
    for seed in range(400):
        x = np.random.default_rng(seed).normal(size=(30, 2))
        pairs, classes = draw_pairs(30, np.arange(30) % 2, 60, seed)
        found = diversity_of_pairs(np.exp(-((x[pairs[:, 0]] - x[pairs[:, 1]]) ** 2).sum(1) / 2), pairs, classes)
        held += found.low <= 1 / 3 <= found.high
    assert 0.92 - 0.02 < held / 400 < 0.98 + 0.02  # 0.02: two binomial standard errors


# --- what is said, and refused


def test_clamped_pairs_are_counted_and_noted():
    x = blotches(1, 32)
    found = ms_ssim_diversity(np.concatenate([x, x, 255 - x]))
    assert found.clamped_pairs == 2
    assert any("2 of 3 pairs had a negative term" in note for note in found.notes)
    assert found.std_error is None
    assert any("fewer than 4 images" in note for note in found.notes)


@both
def test_clamped_pairs_are_those_with_a_negative_term_of_the_reference(protocol):
    x = blotches(40, 16, common=0.3)
    pairs = np.arange(40).reshape(-1, 2)
    _, clamped = ms_ssim_of_pairs(x, pairs, protocol)
    halve = reference.halve_repeating_edges if protocol == "msssim-google" else reference.halve_padding_zeros
    for (i, j), negative in zip(pairs, clamped, strict=True):
        terms = reference.terms(x[i], x[j], halve)
        assert negative == ((terms.mean(axis=1) if protocol == "msssim-google" else terms) < 0).any()
    assert 0 < clamped.sum() < 20


def test_a_class_of_one_image_is_left_out_and_noted():
    found = ms_ssim_diversity(blotches(9, 28), [0, 0, 0, 0, 1, 2, 2, 2, 2])
    assert list(found.per_class) == [0, 2]
    assert any("1 of 3 classes have 1 image and were left out: 1" in note for note in found.notes)
    assert found.std_error is not None


@pytest.mark.parametrize(
    ("side", "protocol", "said"),
    [(16, "msssim-google", ["below 28"]), (28, "msssim-google", []), (64, "msssim-google", []),
     (64, "msssim-channel", ["below 161"]), (161, "msssim-channel", []),
     (16, "msssim-channel", ["below 28", "below 161"])],
)  # fmt: skip
def test_small_images_are_noted(side, protocol, said):
    notes = module.notes_on_size((5, 3, side, 300), protocol)
    assert len(notes) == len(said)
    assert all(words in note for words, note in zip(said, notes, strict=True))


BAD_IMAGES = {
    r"images: expected uint8 pixels \(0 to 255\), got float32; pixels in \[0, 1\]": np.zeros(
        (4, 3, 32, 32), np.float32
    ),
    "got int64": np.zeros((4, 3, 32, 32), np.int64),
    r"expected images of shape \(n, 3 or 1, height, width\), got \(4, 2, 32, 32\)": np.zeros((4, 2, 32, 32), np.uint8),
    r"got \(4, 4, 32, 32\)": np.zeros((4, 4, 32, 32), np.uint8),
    r"got \(4, 32, 32, 3\); move the channels": np.zeros((4, 32, 32, 3), np.uint8),
    r"got \(4, 32, 32\)": np.zeros((4, 32, 32), np.uint8),
    "images: 1 image, but at least 2": np.zeros((1, 3, 32, 32), np.uint8),
    "images: 0 images": np.zeros((0, 3, 32, 32), np.uint8),
    "images are 32 x 7 px, but MS-SSIM needs sides of 8": np.zeros((4, 3, 32, 7), np.uint8),
}


@pytest.mark.parametrize(("message", "images"), BAD_IMAGES.items())
def test_unusable_images_are_refused(message, images):
    with pytest.raises(DataError, match=message):
        ms_ssim_diversity(images)


def test_tensors_of_floats_are_refused():
    with pytest.raises(DataError, match=r"a: expected uint8 pixels \(0 to 255\), got torch.float32"):
        ms_ssim(torch.zeros(2, 3, 32, 32), torch.zeros(2, 3, 32, 32))


def test_sets_of_different_shape_are_refused():
    with pytest.raises(DataError, match=r"a has shape \(2, 3, 32, 32\) but b has \(3, 3, 32, 32\)"):
        ms_ssim(np.zeros((2, 3, 32, 32), np.uint8), np.zeros((3, 3, 32, 32), np.uint8))


@pytest.mark.parametrize("call", [ms_ssim_diversity, lambda x, **k: ms_ssim(x, x, **k)])
def test_an_unknown_protocol_suggests_the_nearest(call):
    with pytest.raises(DataError, match="did you mean 'msssim-google'"):
        call(np.zeros((4, 3, 32, 32), np.uint8), protocol="msssim-gogle")


def test_labels_of_another_length_are_refused():
    with pytest.raises(DataError, match=r"labels have shape \(3,\) but there are 4 images"):
        ms_ssim_diversity(np.zeros((4, 3, 32, 32), np.uint8), [0, 0, 1])


def test_classes_without_pairs_are_refused():
    with pytest.raises(DataError, match="none of the 4 classes has 2 images"):
        ms_ssim_diversity(np.zeros((4, 3, 32, 32), np.uint8), [0, 1, 2, 3])


@pytest.mark.parametrize("pairs", [[[0, 4]], [[-1, 2]]])
def test_pairs_of_missing_images_are_refused(pairs):
    with pytest.raises(DataError, match="but there are 4, numbered from 0"):
        ms_ssim_of_pairs(np.zeros((4, 3, 32, 32), np.uint8), pairs)


@pytest.mark.parametrize("pairs", [[[0.0, 1.0]], [0, 1], [[0, 1, 2]]])
def test_what_is_no_list_of_pairs_is_refused(pairs):
    with pytest.raises(DataError, match=r"pairs: expected integers of shape \(P, 2\)"):
        ms_ssim_of_pairs(np.zeros((4, 3, 32, 32), np.uint8), pairs)


def test_no_pairs_are_refused():
    with pytest.raises(DataError, match="pairs must be at least 1, got 0"):
        ms_ssim_diversity(np.zeros((4, 3, 32, 32), np.uint8), pairs=0)


def test_no_two_images_no_pair():
    with pytest.raises(DataError, match="1 image, but a pair needs 2"):
        draw_pairs(1)


def test_importing_does_not_import_torch():
    code = "import sys, genmetrics.analyses.ms_ssim; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.gpu
@both
def test_cuda_gives_the_same(protocol):
    x = blotches(20, 64, common=0.5)
    pairs, _ = draw_pairs(20)
    on_cuda, _ = ms_ssim_of_pairs(torch.tensor(x).cuda(), pairs, protocol)
    assert on_cuda == pytest.approx(ms_ssim_of_pairs(x, pairs, protocol)[0], abs=1e-5)
