"""The public function and the estimate of its row in METRICS give one number, also where sets are alike or small."""

from types import SimpleNamespace

import numpy as np
import pytest

import genmetrics as gm
from genmetrics._checks import DataError
from genmetrics.metrics import METRICS, fls, prd

PLAIN = {  # the function with the choices of the estimate, of the sets r (train), x (real) and y (generated)
    "frechet": lambda r, x, y: gm.frechet_distance(x, y),
    "sfid": lambda r, x, y: gm.frechet_distance(x, y),
    "frechet-intra-class": lambda r, x, y: gm.intra_class_frechet_distance(x, y, labels(x), labels(y)).value,
    "frechet-infinity": lambda r, x, y: gm.frechet_distance_infinity(x, y).value,
    "kernel": lambda r, x, y: gm.kernel_distance(x, y, subsets=None).value,
    "kernel-rbf": lambda r, x, y: gm.kernel_distance(x, y, subsets=None, kernel="rbf").value,
    "inception-score": lambda r, x, y: gm.inception_score(logits=y, splits=min(10, len(y)), shuffle=True).value,
    "inception-score-infinity": lambda r, x, y: gm.inception_score_infinity(logits=y).value,
    "ddm": lambda r, x, y: gm.ddm(x, y).value,
    "ddm-relative": lambda r, x, y: gm.ddm_relative(r, x, y).value,
    "ddm-variational-kl": lambda r, x, y: gm.ddm_variational_kl(x, y).value,
    "parzen": lambda r, x, y: gm.parzen_log_likelihood(x, y, validation=r).value,
    "vendi": lambda r, x, y: gm.vendi_score(y),
    "rke": lambda r, x, y: gm.rke(y),
    "sliced-wasserstein": lambda r, x, y: gm.sliced_wasserstein(x, y).value,
    "mifid": lambda r, x, y: gm.mifid(r, y).value,
    "fls": lambda r, x, y: gm.fls(r, x, y).value,
    "prd-f8": lambda r, x, y: gm.prd(x, y, runs=prd.RUNS).f8,
    "prd-f1-8": lambda r, x, y: gm.prd(x, y, runs=prd.RUNS).f1_8,
    "ms-ssim": lambda r, x, y: gm.ms_ssim_diversity(pictures(y).transpose(0, 3, 1, 2), pairs=10_000).value,
    "precision": lambda r, x, y: gm.precision_recall(x, y).precision,
    "recall": lambda r, x, y: gm.precision_recall(x, y).recall,
    "density": lambda r, x, y: gm.density_coverage(x, y).density,
    "coverage": lambda r, x, y: gm.density_coverage(x, y).coverage,
    "two-sample": lambda r, x, y: gm.classifier_two_sample(x, y).accuracy,
    "auth-pct": lambda r, x, y: gm.auth_pct(r, y),
    "ct-score": lambda r, x, y: gm.ct_score(r, x, y).value,
}


@pytest.fixture(autouse=True)
def fewer_repeats(monkeypatch):
    monkeypatch.setattr(prd, "RUNS", 2)
    monkeypatch.setattr(fls, "STEPS", 20)


def labels(x):
    return np.arange(len(x)) % 2


def pictures(x):
    """A small picture for each row, (n, 16, 16, 1)."""
    rng = np.random.default_rng(0)
    return np.uint8(rng.uniform(0, 128, (len(x), 16, 16, 1)) + x[:, :1, None, None] % 100)


def side(x):
    """`pictures`, as metrics of images read them."""
    pixels = pictures(x)
    images = SimpleNamespace(name="generated", sizes={(16, 16): len(x)}, channels=1)
    taken = {"take": lambda rows, channels=None: [pixels[i] for i in rows], "__len__": lambda self: len(x)}
    attributes = {"images": images, "labels": None, "classes": None, "take": staticmethod(taken["take"])}
    return type("Side", (), {**attributes, "__len__": taken["__len__"]})()


def drawn(n, d, seed):
    return np.random.default_rng(seed).gamma(2.0, size=(n, d)).astype(np.float32)


def permuted(x):
    return x[np.random.default_rng(0).permutation(len(x))]


def one_direction(x):
    return np.repeat(x[:, :1], x.shape[1], axis=1)


R, X, Y = (drawn(120, 5, seed) for seed in range(3))
WIDE = drawn(30, 40, 4)
SETS = {  # train, real, generated
    "random": (R, X, Y),
    "of different sizes": (R[:90], X, Y[:70]),
    "a shift apart": (R, X, X + np.float32(1e-4)),
    "identical": (X, X, X),
    "identical up to order": (permuted(X)[::-1], X, permuted(X)),
    "permuted, of rank 1": (R, one_direction(X), permuted(one_direction(X))),
    "all alike": (R, np.ones_like(X), np.ones_like(X)),
    "fewer than features": (drawn(30, 40, 5), WIDE, drawn(30, 40, 6)),
    "fewer than features, identical up to order": (WIDE[::-1], WIDE, permuted(WIDE)),
    **{f"{n} images": (R[:n], X[:n], Y[:n]) for n in (1, 2, 3, 5, 21)},
}


def given(name, train, real, generated):
    """What the row needs."""
    sets = {"train": train, "real": real, "generated": generated}
    found = []
    for need in METRICS[name].needs:
        whose, output = need.split(".")
        found.append({"labels": labels, "images": side}.get(output, np.asarray)(sets[whose]))
    return found


def outcome(compute):
    """The number, or that there is none."""
    try:
        return compute()
    except DataError:
        return "refused"


def test_every_metric_is_here():
    assert set(PLAIN) == set(METRICS)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore:Number of distinct clusters")
@pytest.mark.parametrize("which", SETS)
@pytest.mark.parametrize("name", METRICS)
def test_the_estimate_has_the_value_of_the_function_with_and_without_interval(name, which):
    plain = outcome(lambda: PLAIN[name](*SETS[which]))
    for intervals in (False, True):
        found = outcome(lambda i=intervals: METRICS[name].compute()(*given(name, *SETS[which]), intervals=i).value)
        assert found == (plain if plain == "refused" else pytest.approx(plain, rel=1e-12, abs=0)), intervals


@pytest.mark.parametrize("dtypes", [("f4", "f4"), ("f4", "f8"), ("f8", "f8")])
@pytest.mark.parametrize("shape", [(120, 5), (30, 30), (30, 40), (2, 3)])
def test_the_frechet_distance_of_the_same_images_in_another_order_is_0_exactly(shape, dtypes):
    for seed in range(8):  # rounding alone gives 0 by chance
        real = drawn(*shape, seed)
        real[real[:, 0] > 1, 0] = -0.0
        generated = permuted(real) + 0.0  # without -0
        real, generated = real.astype(dtypes[0]), generated.astype(dtypes[1])
        assert gm.frechet_distance(real, generated) == 0
        assert METRICS["frechet"].compute()(real, generated).value == 0
        generated[0, 1] += 0.5
        assert gm.frechet_distance(real, generated) > 0
