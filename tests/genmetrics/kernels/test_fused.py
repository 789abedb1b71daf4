"""The CUDA kernel without a GPU: Triton interprets it, in a process of its own, and compiles it."""

import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp

import genmetrics as gm
import genmetrics.kernels
from genmetrics._checks import DataError
from genmetrics.kernels import pairwise
from genmetrics.kernels.careful import careful_log_sum_exp
from genmetrics.kernels.geometry import DISTANCES
from genmetrics.kernels.pairwise import log_mean_exp
from genmetrics.metrics.ddm import ddm
from genmetrics.metrics.parzen import parzen_log_likelihood
from tests.reference import ddm as slow
from tests.reference.ddm_cases import random_case

triton = pytest.importorskip("triton")
fused = pytest.importorskip("genmetrics.kernels.fused")

distances = st.sampled_from(DISTANCES)


@pytest.fixture(scope="module")
def interpreter():
    """A process in which Triton was imported to interpret: it decides that once."""
    os.environ["TRITON_INTERPRET"] = "1"
    try:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            pool.submit(os.getpid).result()
            del os.environ["TRITON_INTERPRET"]
            yield lambda *args, **options: pool.submit(fused.fused_log_sum_exp, *args, **options).result(timeout=300)
    finally:
        os.environ.pop("TRITON_INTERPRET", None)


@pytest.fixture(scope="module")
def on_cpu(interpreter):
    return lambda x, y, distance, scale, **more: interpreter(x, y, distance=distance, scale=scale, device="cpu", **more)


def test_one_reference_at_distance_5(on_cpu):
    """h = 2: 25 / 8, 25 / 4, 5 / 2, from a reference that weighs 3 times what it did."""
    for distance, expected in (("half_sq", -25 / 8), ("sq", -25 / 4), ("l2", -2.5)):
        values, _ = on_cpu(np.array([[3.0, 4.0]]), np.zeros((1, 2)), distance, 2.0)
        assert values == pytest.approx([expected], rel=1e-15)
        weighed, _ = on_cpu(np.array([[3.0, 4.0]]), np.zeros((1, 2)), distance, 2.0, log_weights=np.log([3.0]))
        assert weighed == pytest.approx([expected + np.log(3)], rel=1e-15)


@pytest.mark.parametrize("seed", range(60))
def test_hard_cases_lie_within_their_bound(on_cpu, seed):
    """Far outliers, duplicates, scales from 1e-6 to 1e3, float32 and float64: against 60 digits or plain loops."""
    case = random_case(seed)
    test, generated = case.test[:6], case.generated[:150]
    values, error = on_cpu(test, generated, case.distance, case.scale)
    value = -(values - np.log(len(generated))).mean()
    expected = float(slow.ddm_precise(test, generated, case.distance, case.scale))
    assert abs(value - expected) <= error.mean() + 1e-15 * abs(expected)
    assert (error <= 1e-11 * np.maximum(1, np.abs(values))).all()


@given(st.integers(0, 10**6), st.integers(1, 70), st.integers(1, 140), st.integers(1, 4), distances, st.floats(0, 60))
@settings(deadline=None, max_examples=40)
def test_weighted_sums_are_those_of_the_cpu(on_cpu, seed, n, m, d, distance, spread):
    rng = np.random.default_rng(seed)
    x, y, w = rng.normal(size=(n, d)), rng.normal(size=(m, d)), spread * rng.normal(size=m)
    there, error = on_cpu(x, y, distance, 0.7, log_weights=w)
    here = log_mean_exp(x, y, distance=distance, scale=0.7, log_weights=w)
    assert (np.abs(there - here.values) <= error + here.error).all()


@pytest.mark.parametrize("m", [64, 65, 16 * 64, 16 * 64 + 1, 5000])
def test_many_slices_of_references(on_cpu, m):
    """The last reference is the nearest; one query has a slice a tile, as many as there are programs."""
    y = np.linspace(2, 3, m)[:, None]
    y[-1] = 0
    values, error = on_cpu(np.zeros((2, 1)), y, "half_sq", 0.1)
    assert (np.abs(values - logsumexp(-(y[:, 0] ** 2) / 0.02)) <= error).all()


def test_many_blocks_of_queries(on_cpu):
    x = np.linspace(-1, 1, fused.QUERIES + 1)[:, None]
    values, error = on_cpu(x, np.array([[0.5]]), "sq", 1.0)
    assert (np.abs(values + (x[:, 0] - 0.5) ** 2) <= error).all()


@given(st.integers(1, 10**6), st.integers(1, 10**9))
def test_slices_are_whole_tiles_and_no_longer_than_they_may_be(n, m):
    span = fused.columns_each(n, m)
    assert span % fused.COLUMNS == 0
    assert 0 < span <= fused.SLICE
    programs = -(-n // fused.ROWS) * -(-m // span)
    assert programs >= min(fused.PROGRAMS, -(-n // fused.ROWS) * -(-m // fused.COLUMNS)) / 2


@pytest.mark.parametrize("weight", [1e3, 1e5, 1e7])
def test_the_bound_holds_where_weights_and_distances_are_large_and_their_difference_is_small(on_cpu, weight):
    x = np.full((1, 100), 1 / 3)
    square = 100 * Fraction(1 / 3) ** 2
    scale = float(np.sqrt(float(square) / weight))
    values, error = on_cpu(x, np.zeros((1, 100)), "sq", scale, log_weights=np.array([weight]))
    assert abs(Fraction(values[0]) - (Fraction(weight) - square / Fraction(scale) ** 2)) <= error[0]
    slow, bound = careful_log_sum_exp(x, np.zeros((1, 100)), np.zeros(100), "sq", scale, np.array([weight]))
    assert abs(Fraction(slow[0]) - (Fraction(weight) - square / Fraction(scale) ** 2)) <= bound[0]


def test_whatever_the_layout_in_memory(on_cpu):
    x, y = np.random.default_rng(4).normal(size=(2, 9, 4)).astype(np.float32)
    expected, _ = on_cpu(x[:, ::2].copy(), y[::-1, 1::2].copy(), "sq", 1.0)
    y.flags.writeable = False
    assert on_cpu(x[:, ::2], y[::-1, 1::2], "sq", 1.0)[0].tolist() == expected.tolist()


@pytest.mark.parametrize("size", [1e-150, 1e-100, 1e100, 1e150])
def test_whatever_the_units(on_cpu, size):
    x, y = np.random.default_rng(5).normal(size=(2, 5, 3))
    if size == 1e-150:
        with pytest.raises(DataError, match="leaves float64"):
            on_cpu(size * x, size * y, "half_sq", size)
        return
    there, error = on_cpu(size * x, size * y, "half_sq", size)
    here = log_mean_exp(x, y, distance="half_sq", scale=1.0)
    assert (np.abs(there - np.log(5) - here.values) <= error + here.error + 1e-14).all()  # 1e100 x is rounded


def test_what_is_infinitely_far_adds_nothing(on_cpu):
    far = np.array([[1e200], [3.0], [-1e200]])
    assert on_cpu(np.zeros((1, 1)), far, "sq", 1.0)[0] == pytest.approx([-9.0], rel=1e-15)
    assert on_cpu(np.zeros((1, 1)), far[::2], "sq", 1.0)[0].tolist() == [-np.inf]


@pytest.fixture
def on_cuda(interpreter, monkeypatch):
    """As if a CUDA device were here."""
    asked = []

    def run(*args, device, progress, **options):
        asked.append(device)
        return interpreter(*args, device="cpu", **options)

    monkeypatch.setattr(pairwise, "pick_device", lambda device: "cuda" if device == "auto" else device)
    monkeypatch.setattr(pairwise, "fused", lambda device: SimpleNamespace(fused_log_sum_exp=run))
    return asked


def test_ddm_and_parzen_are_what_they_are_on_the_cpu(on_cuda):
    test, generated, train = np.random.default_rng(3).normal(size=(3, 30, 4))
    here = ddm(test, generated, scale=0.5, train=train)
    there = ddm(test, generated, scale=0.5, train=train, device="cuda:1")
    assert there.value == pytest.approx(here.value, rel=1e-13)
    assert there.excess == pytest.approx(here.excess, rel=1e-12)
    assert there.lower <= here.value <= there.upper
    assert there.upper - there.lower < 1e-11
    assert on_cuda == ["cuda:1"] * 2
    log_likelihoods = [
        parzen_log_likelihood(test, generated, validation=train, grid=[0.3, 0.6, 1.2], device=device)
        for device in ("cpu", "cuda")
    ]
    assert log_likelihoods[1].value == pytest.approx(log_likelihoods[0].value, rel=1e-13)
    assert log_likelihoods[1].searched == pytest.approx(log_likelihoods[0].searched, rel=1e-12)
    assert len(on_cuda) == 2 + 1 + len(log_likelihoods[1].searched)


def test_where_every_distance_overflows_ddm_says_so(on_cuda):
    with pytest.raises(DataError, match="overflow float64"):
        ddm([[0.0]], [[1e200]], device="cuda")


@pytest.mark.parametrize("device", ["cuda:99", "meta", "gpu", None])
def test_a_device_that_cannot_be_used_is_refused_by_name(device):
    with pytest.raises(DataError, match=f"device '{device}' cannot be used here"):
        gm.ddm([[0.0]], [[1.0]], device=device)


def test_a_device_that_the_kernel_does_not_run_on(monkeypatch):
    monkeypatch.setattr(pairwise, "pick_device", lambda device: device)
    with pytest.raises(DataError, match="'cpu' or 'cuda' only"):
        gm.ddm([[0.0]], [[1.0]], device="mps")


def test_without_triton_a_cuda_device_is_refused_with_what_to_install(monkeypatch):
    monkeypatch.setattr(pairwise, "pick_device", lambda device: device)
    monkeypatch.setitem(sys.modules, "triton", None)
    monkeypatch.delitem(sys.modules, "genmetrics.kernels.fused")
    monkeypatch.delattr(genmetrics.kernels, "fused")
    with pytest.raises(DataError, match="pip install triton"):
        gm.ddm([[0.0]], [[1.0]], device="cuda")


def test_auto_is_the_cpu_where_there_is_nothing_else():
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    for device in ("auto", torch.device("cpu")):
        assert ddm([[0.0]], [[2.0]], device=device).value == pytest.approx(2, rel=1e-14)


@pytest.mark.parametrize("options", [{"backend": "faiss"}, {"backend": "clustered"}, {"thesis_sign": True}])
def test_only_exact_has_a_device(options):
    with pytest.raises(ValueError, match="runs on the CPU"):
        ddm([[0.0]], [[1.0]], device="cuda", **options)


@pytest.mark.parametrize("rooted", [False, True])
@pytest.mark.parametrize("architecture", [80, 90])
def test_it_compiles_for_a100_and_h100_and_keeps_its_tiles_in_registers(architecture, rooted, tmp_path, monkeypatch):
    """And float64 all through: a scalar argument would not be."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    pointers = ("queries", "references", "log_weights", "largest_out", "total_out", "per_unit")
    constants = {"ROOTED": rooted, "ROWS": fused.ROWS, "COLUMNS": fused.COLUMNS, "FAR": fused.FAR}
    names = fused.sums_of_slices.arg_names
    kinds = {n: "*fp64" if n in pointers else "constexpr" if n in constants else "i32" for n in names}
    source = ASTSource(fn=fused.sums_of_slices, signature=kinds, constexprs=constants)
    compiled = triton.compile(source, target=GPUTarget("cuda", architecture, 32), options={"num_warps": fused.WARPS})
    (tmp_path / "kernel.cubin").write_bytes(compiled.asm["cubin"])
    tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    usage = subprocess.run([tool, "-res-usage", tmp_path / "kernel.cubin"], check=True, capture_output=True, text=True)
    assert "STACK:0 " in usage.stdout, usage.stdout
    assert "LOCAL:0 " in usage.stdout, usage.stdout
    assert "f64" in compiled.asm["ttir"]
    assert "f32" not in compiled.asm["ttir"]
