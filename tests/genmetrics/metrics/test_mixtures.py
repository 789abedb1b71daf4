import math

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from genmetrics._checks import DataError
from genmetrics.metrics.ddm import ddm
from genmetrics.metrics.mixtures import Mixture, ddm_single_gaussian, ddm_variational_kl
from tests.reference.mixtures import variational_kl


def random_mixture(seed, n, kind, d=3):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(n, d, d))
    covariances = {
        "number": 0.7,
        "diagonal": rng.uniform(0.5, 2, (n, d)),
        "full": root @ root.transpose(0, 2, 1) + 0.3 * np.eye(d),
    }
    return Mixture(rng.normal(size=(n, d)), covariances[kind], rng.dirichlet(np.ones(n)))


KINDS = ("number", "diagonal", "full")


@pytest.mark.parametrize("kind", KINDS)
def test_a_mixture_is_at_0_from_itself(kind):
    f = random_mixture(1, 12, kind)
    assert abs(ddm_variational_kl(f, f).value) <= 1e-12


@pytest.mark.parametrize("first", KINDS)
@pytest.mark.parametrize("second", KINDS)
def test_agrees_with_plain_loops(first, second):
    f, g = random_mixture(2, 7, first), random_mixture(3, 9, second)
    found = ddm_variational_kl(f, g)
    assert found.value == pytest.approx(variational_kl(f, g), rel=1e-10, abs=1e-10)
    assert found.lower <= found.value <= found.upper


def test_one_component_each_is_the_closed_form():
    """KL( N(0, 1) || N(2, 4) ) = (1/4 + 4/4 - 1 + log 4) / 2."""
    found = ddm_variational_kl(Mixture([[0.0]], [[1.0]]), Mixture([[2.0]], [[4.0]]))
    assert found.value == pytest.approx((0.25 + math.log(4)) / 2, rel=1e-14)


@pytest.mark.parametrize("ratio", [0.6, 0.4, 1e-6, 1e-12, 1e-20, 1e-100, 1e20])
def test_variances_far_from_each_other(ratio):
    """One diagonal component each at one mean: (q - 1 - log q) / 2 a dimension."""
    f, g = (Mixture(np.zeros((1, 2)), np.full((1, 2), variance)) for variance in (ratio, 1.0))
    assert ddm_variational_kl(f, g).value == pytest.approx(ratio - 1 - math.log(ratio), rel=1e-12)


def test_of_features_it_is_ddm_less_the_numerator():
    rng = np.random.default_rng(4)
    f, g = rng.normal(size=(20, 3)), rng.normal(size=(30, 3))
    expected = ddm(f, g, scale=0.5).value - ddm(f, f, scale=0.5).value
    assert ddm_variational_kl(f, g, scale=0.5).value == pytest.approx(expected, rel=1e-10)
    spread = Mixture(f, np.full((20, 3), 1.0)), Mixture(g, np.full((30, 3), 1.0))
    assert ddm_variational_kl(*spread, scale=0.5).value == pytest.approx(expected, rel=1e-10)


def test_weights_count_as_copies():
    rng = np.random.default_rng(5)
    f, g = rng.normal(size=(5, 2)), rng.normal(size=(3, 2))
    copies = np.repeat(g, [1, 2, 3], axis=0)
    weighted = Mixture(g, 1.0, np.array([1, 2, 3]) / 6)
    assert ddm_variational_kl(f, weighted).value == pytest.approx(ddm_variational_kl(f, copies).value, rel=1e-12)
    nothing = Mixture(np.vstack([g, [[50.0, 50.0]]]), 1.0, [1 / 6, 2 / 6, 3 / 6, 0])
    assert ddm_variational_kl(f, nothing).value == pytest.approx(ddm_variational_kl(f, copies).value, rel=1e-12)


def test_single_gaussians_have_the_closed_form():
    rng = np.random.default_rng(6)
    t, g = rng.normal(size=(400, 3)), 1.5 * rng.normal(size=(500, 3)) + 1
    s, u = np.cov(t.T), np.cov(g.T)
    apart = g.mean(axis=0) - t.mean(axis=0)
    expected = 0.5 * (
        np.trace(np.linalg.solve(u, s))
        + apart @ np.linalg.solve(u, apart)
        - 3
        + np.log(np.linalg.det(u) / np.linalg.det(s))
    )
    assert ddm_single_gaussian(t, g) == pytest.approx(expected, rel=1e-10)
    assert ddm_single_gaussian(t, t) == pytest.approx(0, abs=1e-12)
    drawn = multivariate_normal(t.mean(axis=0), s).rvs(200_000, random_state=1)
    logs = [multivariate_normal(x.mean(axis=0), c).logpdf(drawn) for x, c in ((t, s), (g, u))]
    difference = logs[0] - logs[1]
    assert expected == pytest.approx(difference.mean(), abs=5 * difference.std() / np.sqrt(len(drawn)))


def test_what_is_no_mixture_is_refused():
    x = np.zeros((4, 2))
    for bad, message in (
        (Mixture(x, weights=[1, 1, 1, 1]), "sum to 1"),
        (Mixture(x, np.zeros((4, 2))), "above 0"),
        (Mixture(x, np.ones((3, 2))), "shape"),
        (Mixture(x, np.ones((4, 2, 2))), "not positive definite"),
    ):
        with pytest.raises(DataError, match=message):
            ddm_variational_kl(bad, Mixture(x, np.ones((4, 2))))
    with pytest.raises(DataError, match=r"f: .* number 1 has 0.5 at \(0, 1\) and 0.25 at \(1, 0\), .*: 0.25"):
        ddm_variational_kl(Mixture(x[:2], [np.eye(2), [[1, 0.5], [0.25, 1]]]), x)
    with pytest.raises(DataError, match="2 images give no covariance of 2 columns"):
        ddm_single_gaussian(x[:2], x)


def test_covariances_that_float32_has_rounded_are_symmetric():
    x = np.random.default_rng(0).normal(size=(3, 4, 4)).astype(np.float32)
    covariances = (x @ x.transpose(0, 2, 1) + np.eye(4)) * (1 + 1e-7 * np.tri(4))
    assert not np.array_equal(covariances, covariances.transpose(0, 2, 1))
    assert ddm_variational_kl(Mixture(np.zeros((3, 4)), covariances), np.zeros((2, 4))).value > 0


@pytest.mark.parametrize("mean", [1e300, 0.0])
def test_divergences_that_overflow_are_refused(mean):
    f = Mixture(np.full((2, 1), mean), np.full((2, 1), 1e200))
    with pytest.raises(DataError, match="overflow float64"):
        ddm_variational_kl(f, Mixture(np.zeros((1, 1)), np.full((1, 1), 1e-200)))
