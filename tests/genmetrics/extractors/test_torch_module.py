"""A user's own network: torch.export and TorchScript files run, anything else is refused with a reason."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

import genmetrics as gm
from genmetrics._checks import DataError


class Net(torch.nn.Module):
    def __init__(self, answer: str = "features") -> None:
        super().__init__()
        self.answer = answer
        self.linear = torch.nn.Linear(3 * 8 * 8, 5)

    def forward(self, images):
        features = self.linear(images.flatten(1).float() / 255)
        if self.answer == "dict":
            return {"features": features, "logits": features * 2}
        return features.sum() if self.answer == "scalar" else features


def script(net: torch.nn.Module, path) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch.jit is deprecated, and still used
        torch.jit.trace(net, torch.zeros(64, 3, 8, 8, dtype=torch.uint8), strict=False).save(str(path))
    return f"module:{path}"


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (70, 8, 8, 3), dtype=np.uint8)


def expected(net: Net, images: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return net(torch.from_numpy(images.transpose(0, 3, 1, 2))).numpy()


def test_a_torchscript_network_gives_its_features(tmp_path, images):
    net = Net().eval()
    found = gm.extract(images, script(net, tmp_path / "net.pt"))["features"]
    np.testing.assert_allclose(found, expected(net, images), rtol=1e-5, atol=1e-6)


def test_an_exported_program_gives_its_features(tmp_path, images):
    net = Net().eval()
    program = torch.export.export(net, (torch.zeros(64, 3, 8, 8, dtype=torch.uint8),))
    torch.export.save(program, tmp_path / "net.pt2")
    found = gm.extract(images, f"module:{tmp_path / 'net.pt2'}")["features"]
    np.testing.assert_allclose(found, expected(net, images), rtol=1e-5, atol=1e-6)


def test_a_dict_answer_gives_logits_too(tmp_path, images):
    record = gm.evaluate(images[:35], images[35:], extractor=script(Net("dict").eval(), tmp_path / "net.pt"))
    assert record["inception-score"].name == "is_module:net"
    assert record.extractor["outputs"] == {"features": 5, "logits": 5}


def test_without_logits_the_score_that_needs_them_is_refused(tmp_path, images):
    name = script(Net().eval(), tmp_path / "net.pt")
    with pytest.raises(DataError, match="inception-score needs logits, but module:net gives none"):
        gm.evaluate(images[:35], images[35:], metrics=["inception-score"], extractor=name)


def test_the_weights_enter_the_signature(tmp_path, images):
    signatures = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        name = script(Net().eval(), tmp_path / "net.pt")
        record = gm.evaluate(images[:35], images[35:], metrics=["frechet"], extractor=name)
        signatures.append(record["frechet"].signature)
    assert signatures[0] != signatures[1]


def test_grey_images_are_repeated_to_three_channels(tmp_path, images):
    net = Net().eval()
    grey = images[..., 0]
    found = gm.extract(grey, script(net, tmp_path / "net.pt"))["features"]
    np.testing.assert_allclose(found, expected(net, np.repeat(grey[..., None], 3, 3)), rtol=1e-5, atol=1e-6)


def test_a_pickled_module_is_refused_with_what_to_do(tmp_path, images):
    torch.save(Net(), tmp_path / "net.pt")
    with pytest.raises(DataError, match=r"pickled.*torch\.export\.save"):
        gm.extract(images, f"module:{tmp_path / 'net.pt'}")


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, images):
    (tmp_path / "net.pt").write_text("hello")
    with pytest.raises(DataError, match="not a torch checkpoint"):
        gm.extract(images, f"module:{tmp_path / 'net.pt'}")


def test_a_missing_checkpoint_is_named(images):
    with pytest.raises(DataError, match=r"no checkpoint at nowhere/net\.pt"):
        gm.extract(images, "module:nowhere/net.pt")


def test_an_answer_of_another_shape_is_refused(tmp_path, images):
    with pytest.raises(DataError, match=r"'features' should have shape \(64, d\) for 64 images, got \(\)"):
        gm.extract(images, script(Net("scalar").eval(), tmp_path / "net.pt"))


def test_images_of_another_size_than_the_network_takes_are_refused(tmp_path):
    name = script(Net().eval(), tmp_path / "net.pt")
    with pytest.raises(DataError, match=r"module:net failed on uint8 images of shape \(64, 3, 9, 9\)"):
        gm.extract(np.zeros((3, 9, 9, 3), np.uint8), name)
