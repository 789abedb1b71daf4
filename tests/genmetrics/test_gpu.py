"""What runs on CUDA gives what the CPU gives. Run with: pytest -m gpu"""

from __future__ import annotations

import numpy as np
import pytest

import genmetrics as gm
from genmetrics.digits import splits

pytestmark = pytest.mark.gpu


def test_digit_features_on_cuda_are_those_of_the_cpu():
    images = splits().test.images
    cpu, cuda = (
        gm.extract(images, "digits-cnn", ("features", "logits"), device=device, cache=False)
        for device in ("cpu", "cuda")
    )
    for name in cpu:
        error = np.linalg.norm(cpu[name] - cuda[name]) / np.linalg.norm(cpu[name])
        assert error < 1e-4  # float32 convolutions, other algorithms


def test_ms_ssim_on_cuda_is_that_of_the_cpu():
    import torch

    a, b = np.random.default_rng(0).integers(0, 256, (2, 16, 3, 64, 64), dtype=np.uint8)
    on_cuda = gm.ms_ssim(torch.from_numpy(a).cuda(), torch.from_numpy(b).cuda())
    np.testing.assert_allclose(on_cuda, gm.ms_ssim(a, b), atol=1e-9)  # float64 on both


def test_inception_features_on_cuda_are_those_of_the_cpu_whatever_tf32_is_set_to(inception_weights, monkeypatch):
    import torch

    from genmetrics.extractors.inception import Inception

    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", True)
    images = list(np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), dtype=np.uint8))
    cpu, cuda = (Inception(device=device, weights=inception_weights)(images) for device in ("cpu", "cuda"))
    for name in cpu:
        error = np.linalg.norm(cpu[name] - cuda[name]) / np.linalg.norm(cpu[name])
        assert error < 1e-4  # float32 convolutions, other algorithms; TF32 would be 1e-3 and more


@pytest.mark.parametrize("distance", ["half_sq", "sq", "l2"])
@pytest.mark.parametrize("d", [1, 10, 640])
def test_ddm_on_cuda_is_that_of_the_cpu(distance, d):
    """With scales of 0.03 to 300, an outlier, and all far from the origin."""
    from genmetrics.kernels.pairwise import log_mean_exp

    x, y = np.random.default_rng(d).normal(size=(2, 3000, d)) + 1e4
    y[7] = 1e6
    for scale in (0.03, 1.0, 300.0):
        cpu, cuda = (log_mean_exp(x, y, distance=distance, scale=scale, device=device) for device in ("cpu", "cuda"))
        assert (np.abs(cpu.values - cuda.values) <= cpu.error + cuda.error).all()
        assert (cuda.error <= 1e-10 * np.maximum(1, np.abs(cuda.values))).all()


@pytest.mark.parametrize("seed", range(40))
def test_hard_cases_of_ddm_lie_within_their_bounds_on_cuda(seed):
    from tests.reference import ddm as slow
    from tests.reference.ddm_cases import random_case

    case = random_case(seed)
    found = gm.ddm(case.test[:6], case.generated[:150], case.distance, case.scale, device="cuda")
    expected = slow.ddm_precise(case.test[:6], case.generated[:150], case.distance, case.scale)
    assert found.lower <= expected <= found.upper
