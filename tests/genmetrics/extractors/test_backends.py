"""Whatever runs the Inception network, it is the same function; and less than float32 is asked for by name."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

import genmetrics as gm
from genmetrics._checks import DataError, UnknownNameError
from genmetrics.extractors import BACKENDS, DEFAULT, backends, find_extractor, openvino_network, precision
from genmetrics.extractors.inception import Inception
from genmetrics.extractors.inception_network import OUTPUTS

pytest.importorskip("openvino", reason="needs genmetrics[cpu]")


def error(ours, theirs):
    """Relative Frobenius distance."""
    return np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)


@pytest.fixture(scope="module")
def images(random_inception):
    """Two pictures of 64 x 64, uint8 (h, w, 3)."""
    noise = random_inception.octaves(2, torch.Generator().manual_seed(3), 64)
    return list(((noise + 1) * 127.5).round().byte().permute(0, 2, 3, 1).contiguous().numpy())


@pytest.fixture(scope="module")
def found(inception_weights, images):
    """Every output by every backend that starts at once."""
    return {
        name: Inception(outputs=OUTPUTS, weights=inception_weights, backend=name, device="cpu")(images)
        for name in ("eager", "torch", "openvino")
    }


@pytest.mark.parametrize("backend", ["torch", "openvino"])
@pytest.mark.parametrize("output", OUTPUTS)
def test_every_backend_gives_every_output_of_the_plain_network(found, backend, output):
    assert found[backend][output].dtype == np.float32
    assert error(found[backend][output], found["eager"][output]) < 3e-5  # measured: 4e-6


@pytest.mark.slow
def test_compiled_it_is_the_same(inception_weights, images, found):
    network = Inception(weights=inception_weights, backend="compile", device="cpu")
    assert "compiled" in network.details["backend"]
    assert error(network(images)["features"], found["eager"]["features"]) < 3e-5


def test_auto_is_openvino_on_a_cpu_where_it_is_installed_and_torch_elsewhere(inception_weights, monkeypatch):
    auto = Inception(weights=inception_weights, device="cpu")
    assert auto.details["backend"] == f"OpenVINO {openvino_network.version()}, batch norms folded"
    monkeypatch.setattr(openvino_network, "version", lambda: None)
    auto = Inception(weights=inception_weights, device="cpu")
    assert auto.details["backend"] == f"torch {torch.__version__}, batch norms folded, channels last"
    with pytest.raises(DataError, match=r"openvino is not installed: pip install 'genmetrics\[cpu\]'"):
        Inception(weights=inception_weights, device="cpu", backend="openvino")


def test_openvino_is_told_to_compute_in_float32(inception_weights, images):
    """Its own default is bfloat16 where the CPU has it: 2% off."""
    network = Inception(weights=inception_weights, device="cpu", backend="openvino")
    network(images)
    assert network.maps.compiled.get_property("INFERENCE_PRECISION_HINT").to_string() == "f32"
    assert str(network.maps.compiled.get_property("EXECUTION_MODE_HINT")).endswith("ACCURACY")


def test_openvino_gives_the_same_bits_whatever_the_threads_and_on_each_run(inception_weights, images):
    before, seen = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            network = Inception(weights=inception_weights, device="cpu", backend="openvino")
            seen += [network(images)["features"], network(images)["features"]]
    finally:
        torch.set_num_threads(before)
    for other in seen[1:]:
        np.testing.assert_array_equal(other, seen[0])


@pytest.mark.parametrize("backend", ["torch", "openvino"])
def test_features_do_not_depend_on_the_images_that_stand_beside(inception_weights, images, backend):
    network = Inception(weights=inception_weights, device="cpu", backend=backend)
    network.batch_size = 3
    batch = np.stack([images[0], images[1], images[0][::-1], images[1][:, ::-1]])
    whole = gm.extract(batch, network, cache=False)["features"]
    for i in range(len(batch)):
        np.testing.assert_array_equal(gm.extract(batch[i : i + 1], network, cache=False)["features"][0], whole[i])


def test_importing_openvino_tells_its_maker_nothing():
    code = (
        "from genmetrics.extractors.openvino_network import import_openvino; import sys; import_openvino();"
        "print('openvino' in sys.modules, 'openvino_telemetry' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert told.stdout.split() == ["True", "False"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": "openvin"}, "unknown backend 'openvin'; did you mean 'openvino'"),
        ({"precision": "fp16"}, "unknown precision 'fp16'"),
    ],
)
def test_unknown_backends_and_precisions_are_refused(inception_weights, options, message):
    with pytest.raises(UnknownNameError, match=message):
        Inception(weights=inception_weights, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": "torch"}, "backend: pixels has one; only inception-v3-tf2015 has a choice"),
        ({"precision": "bf16"}, "precision: pixels computes in float32 only"),
    ],
)
def test_a_network_without_the_choice_refuses_it(options, message):
    with pytest.raises(DataError, match=message):
        find_extractor("pixels", **options)


# Precision


def test_tf32_is_refused_where_there_is_none(inception_weights):
    with pytest.raises(DataError, match="tf32 is for NVIDIA GPUs from Ampere on, not for cpu"):
        Inception(weights=inception_weights, device="cpu", precision="tf32")


def test_bf16_is_refused_where_the_cpu_would_emulate_it(inception_weights, monkeypatch):
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: False)
    with pytest.raises(DataError, match="this CPU does not compute in bfloat16 itself"):
        Inception(weights=inception_weights, device="cpu", precision="bf16")


def test_less_than_float32_stands_in_the_signature_and_the_record(inception_weights, images, monkeypatch):
    """On a network whose arithmetic is stood in for: what is tested is what is told."""
    monkeypatch.setattr(backends, "refuse_unfit", lambda *_: None)
    signatures = {}
    for name in ("strict", "bf16"):
        network = Inception(weights=inception_weights, device="cpu", precision=name, backend="torch")
        network.batch_size = 2
        network.maps = lambda x: {"features": x.mean((2, 3), keepdim=True).repeat(1, 683, 1, 1)[:, :2048]}
        record = gm.evaluate(
            np.stack(images), 255 - np.stack(images), metrics=["frechet"], extractor=network, intervals=False
        )
        assert record.extractor["precision"] == name
        signatures[name] = record["frechet"].signature
    assert "|precision:bf16|" in signatures["bf16"]
    assert signatures["strict"] == signatures["bf16"].replace("|precision:bf16", "")


def test_every_backend_and_precision_has_a_flag():
    from click.testing import CliRunner

    from genmetrics.cli import main

    told = CliRunner().invoke(main, ["score", "--help"]).stdout
    for name in (*BACKENDS, "strict", "tf32", "bf16"):
        assert name in told


def test_the_flags_reach_the_network(inception_weights, images):
    network = find_extractor(DEFAULT, "cpu", inception_weights, backend="eager")
    assert network.details["backend"] == f"torch {torch.__version__}"
