"""Networks in ONNX files: what they take and give, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import genmetrics as gm
from genmetrics._checks import DataError
from genmetrics.extractors import find_extractor

onnx = pytest.importorskip("onnx", reason="makes the files")
pytest.importorskip("onnxruntime", reason="needs genmetrics[cpu]")
from onnx import TensorProto, helper  # noqa: E402

WIDTH = 4


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)


@pytest.fixture
def matrix():
    return np.random.default_rng(1).normal(size=(192, WIDTH)).astype(np.float32)


def save(path, matrix, shape=("n", 3, 8, 8), dtype=TensorProto.FLOAT, outputs=("features",)):
    """A linear map of the pixels."""
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["floats"], ["flat"]),
        *(helper.make_node("MatMul", ["flat", "w"], [name]) for name in outputs),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("images", dtype, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, (shape[0], WIDTH)) for name in outputs],
        [helper.make_tensor("w", TensorProto.FLOAT, matrix.shape, matrix.ravel())],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return f"onnx:{path}"


def flat(images):
    return images.transpose(0, 3, 1, 2).reshape(len(images), -1)


@pytest.mark.parametrize("n", ["n", 3])
def test_a_float_network_gets_zero_to_one(tmp_path, images, matrix, n):
    name = save(tmp_path / "net.onnx", matrix, (n, 3, 8, 8))
    found = gm.extract(images, name, cache=False)["features"]
    np.testing.assert_allclose(found, flat(images) / 255 @ matrix, rtol=1e-4, atol=1e-4)


def test_a_uint8_network_gets_the_pixels_and_free_sizes_are_left_alone(tmp_path, images, matrix):
    name = save(tmp_path / "net.onnx", matrix, ("n", 3, "h", "w"), TensorProto.UINT8, ("logits", "features"))
    network = find_extractor(name, "cpu")
    assert (network.size, network.resize, network.outputs) == (None, "none", ("features", "logits"))
    found = gm.extract(images, network, ("features", "logits"), cache=False)
    for values in found.values():
        np.testing.assert_allclose(values, flat(images) @ matrix, rtol=1e-4, atol=1e-2)


def test_a_fixed_size_is_resized_to_and_told(tmp_path, matrix):
    name = save(tmp_path / "a@b.onnx", matrix)
    assert find_extractor(name, "cpu").resize == "pil-uint8-bicubic-8"
    assert find_extractor(f"{name}@clean", "cpu").resize == "clean-8"
    large = np.random.default_rng(0).integers(0, 256, (5, 20, 10, 3), dtype=np.uint8)
    record = gm.evaluate(large[:2], large[2:], extractor=name, metrics=["frechet"], intervals=False)
    assert record["frechet"].name == "fd_onnx:a@b"
    assert "|resize:pil-uint8-bicubic-8|" in record["frechet"].signature
    assert record.extractor["backend"].startswith("ONNX Runtime ")


def test_features_do_not_depend_on_the_images_that_stand_beside(tmp_path, images, matrix):
    name = save(tmp_path / "net.onnx", matrix)
    whole = gm.extract(images, name, cache=False)["features"]
    for i in range(len(images)):
        np.testing.assert_array_equal(gm.extract(images[i : i + 1], name, cache=False)["features"][0], whole[i])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shape": ("n", 12, 4, 4)}, "should take images of 3 channels"),
        ({"shape": ("n", 192)}, r"should take one uint8 or float input \(n, 3, h, w\)"),
        ({"dtype": TensorProto.DOUBLE}, r"takes images: tensor\(double\)"),
        ({"outputs": ("one", "two")}, "has outputs one, two; one of them should be named features"),
    ],
)
def test_a_network_of_another_kind_is_refused(tmp_path, matrix, options, message):
    with pytest.raises(DataError, match=message):
        find_extractor(save(tmp_path / "net.onnx", matrix, **options), "cpu")


def test_files_that_are_missing_or_none_are_named(tmp_path):
    with pytest.raises(DataError, match=r"no ONNX file at nowhere/net\.onnx"):
        find_extractor("onnx:nowhere/net.onnx", "cpu")
    (tmp_path / "net.onnx").write_text("hello")
    with pytest.raises(DataError, match=r"net\.onnx: ONNX Runtime cannot load it"):
        find_extractor(f"onnx:{tmp_path / 'net.onnx'}", "cpu")


def test_without_onnx_runtime_the_way_to_it_is_told(tmp_path, matrix, monkeypatch):
    name = save(tmp_path / "net.onnx", matrix)
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(DataError, match=r"needs ONNX Runtime: pip install 'genmetrics\[cpu\]'"):
        find_extractor(name, "cpu")


def test_images_of_another_size_than_a_free_network_takes_are_refused(tmp_path, matrix):
    name = save(tmp_path / "net.onnx", matrix, ("n", 3, "h", "w"))
    with pytest.raises(DataError, match=r"onnx:net failed on images of shape \(16, 3, 9, 9\)"):
        gm.extract(np.zeros((3, 9, 9, 3), np.uint8), name)


def test_an_unknown_resize_suggests_the_nearest(tmp_path, matrix):
    with pytest.raises(DataError, match="unknown resize 'cleen'; did you mean 'clean'"):
        find_extractor(f"{save(tmp_path / 'net.onnx', matrix)}@cleen", "cpu")
