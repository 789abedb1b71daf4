"""timm's networks by name: the field's input for each, weights from a file, and never a silent substitute."""

from __future__ import annotations

import math

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

import genmetrics as gm
from genmetrics._checks import DataError, UnknownNameError
from genmetrics.extractors import find_extractor
from genmetrics.extractors.timm_network import configuration, input_size, resample_positions

RESNET, VIT, CLIP = "test_resnet.r160_in1k", "test_vit.r160_in1k", "vit_xsmall_patch16_clip_224.tinyclip_yfcc15m"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Random weights of small networks under their names."""
    out = tmp_path_factory.mktemp("timm")
    torch.manual_seed(0)
    for name in (RESNET, VIT, CLIP):
        state = timm.create_model(name).state_dict()
        save_file(state, out / f"{name}.safetensors")
        torch.save(state, out / f"{name}.pth")
    return out


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (5, 40, 30, 3), dtype=np.uint8)


def by_hand(name, file, images):
    """Pillow to the input size, the network's own mean and deviation, its own forward passes."""
    network = timm.create_model(name)
    network.load_state_dict(torch.load(file, weights_only=True))
    cfg = network.pretrained_cfg
    side = cfg["input_size"][1]
    kernel = Image.Resampling[cfg["interpolation"].upper()]
    small = [Image.fromarray(image).resize((side, side), kernel) for image in images]
    x = np.stack([np.asarray(image) / 255 for image in small])
    x = ((x - cfg["mean"]) / cfg["std"]).transpose(0, 3, 1, 2)
    with torch.no_grad():
        network.eval()
        x = torch.from_numpy(x).float()
        last = network.forward_features(x)
        return network.forward_head(last, pre_logits=True).numpy(), network(x).numpy()


@pytest.mark.parametrize("name", [RESNET, VIT])
@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_features_and_logits_are_the_networks_own(folder, images, name, suffix):
    features, logits = by_hand(name, folder / f"{name}.pth", images)
    file = folder / f"{name}.{suffix}"
    found = gm.extract(images, f"timm:{name}", ("features", "logits"), weights=file, device="cpu", cache=False)
    np.testing.assert_allclose(found["features"], features, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found["logits"], logits, rtol=1e-4, atol=1e-5)


def test_a_clip_tower_gives_its_embedding_and_no_logits(folder, images):
    network = find_extractor(f"timm:{CLIP}", "cpu", folder / f"{CLIP}.safetensors")
    assert network.outputs == ("features",)
    _, embedding = by_hand(CLIP, folder / f"{CLIP}.pth", images)
    found = gm.extract(images, network, cache=False)["features"]
    np.testing.assert_allclose(found, embedding, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [RESNET, VIT])
def test_features_do_not_depend_on_the_images_that_stand_beside(folder, images, name):
    network = find_extractor(f"timm:{name}", "cpu", folder / f"{name}.pth")
    whole = gm.extract(images, network, cache=False)["features"]
    for i in range(len(images)):
        alone = gm.extract(images[i : i + 1], network, cache=False)["features"][0]
        np.testing.assert_allclose(alone, whole[i], rtol=1e-6, atol=1e-6)


def test_weights_are_found_by_name_and_stand_in_the_signature(folder, images, monkeypatch):
    monkeypatch.setenv("GENMETRICS_WEIGHTS_DIR", str(folder))
    record = gm.evaluate(images[:2], images[2:4], extractor=f"timm:{VIT}", metrics=["frechet"], intervals=False)
    score = record["frechet"]
    assert score.name == f"fd_timm:{VIT}"
    digest = record.extractor["weights_sha256"]
    assert f"|features:timm:{VIT}/features@{digest[:8]}|resize:pil-uint8-bicubic-160|" in score.signature
    assert f"timm {timm.__version__}" in record.extractor["backend"]


def test_another_resize_may_follow_the_at_sign(folder):
    network = find_extractor(f"timm:{VIT}@clean", "cpu", folder / f"{VIT}.pth")
    assert network.resize == "clean-160"


def test_missing_weights_are_told_with_place_and_origin(tmp_path, monkeypatch):
    monkeypatch.setenv("GENMETRICS_WEIGHTS_DIR", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(DataError) as told:
        find_extractor("timm:vit_large_patch14_dinov2.lvd142m")
    for part in ("huggingface.co/timm/vit_large_patch14_dinov2.lvd142m", str(tmp_path), ".safetensors", "--weights"):
        assert part in str(told.value)


@pytest.mark.parametrize("name", ["resnet5O", "test_vit.r161_in1k", "hf_hub:someone/else"])
def test_an_unknown_network_names_the_nearest(name):
    with pytest.raises(UnknownNameError, match=r"timm .* has no network .*; near it: "):
        find_extractor(f"timm:{name}")


def test_a_checkpoint_with_missing_parameters_lists_them(folder, tmp_path):
    state = torch.load(folder / f"{VIT}.pth", weights_only=True)
    del state["blocks.0.attn.qkv.weight"]
    torch.save(state, tmp_path / "vit.pth")
    with pytest.raises(DataError, match=r"not the weights of timm:test_vit.*blocks\.0\.attn\.qkv\.weight"):
        find_extractor(f"timm:{VIT}", "cpu", tmp_path / "vit.pth")


def test_another_networks_weights_and_damaged_files_are_refused(folder, tmp_path):
    (tmp_path / "text.safetensors").write_text("<html>404</html>")
    for file in (folder / f"{RESNET}.pth", tmp_path / "text.safetensors"):
        with pytest.raises(DataError, match="these are not the weights of timm:test_vit"):
            find_extractor(f"timm:{VIT}", "cpu", file)


def test_a_hash_in_the_name_is_checked(folder, tmp_path):
    wrong = tmp_path / "vit-01234567.pth"
    wrong.write_bytes((folder / f"{VIT}.pth").read_bytes())
    with pytest.raises(DataError, match="its name says that its SHA-256 begins with 01234567"):
        find_extractor(f"timm:{VIT}", "cpu", wrong)


def test_a_network_that_returns_nan_is_told(folder, images, tmp_path):
    state = torch.load(folder / f"{VIT}.pth", weights_only=True)
    state["norm.weight"] *= math.nan
    torch.save(state, tmp_path / "vit.pth")
    with pytest.raises(DataError, match=r"timm:test_vit\.r160_in1k returns NaN or inf in 'features' for image 0"):
        gm.extract(images, f"timm:{VIT}", weights=tmp_path / "vit.pth", device="cpu", cache=False)


def test_making_the_network_uses_none_of_the_callers_random_numbers(folder):
    before = torch.get_rng_state()
    find_extractor(f"timm:{VIT}", "cpu", folder / f"{VIT}.pth")
    assert torch.equal(before, torch.get_rng_state())


def test_what_timm_says_of_the_weights_is_a_warning(folder, images, monkeypatch):
    """Plain openai towers are natively QuickGELU; timm's note of it must reach the user."""
    from genmetrics.extractors import timm_network

    told = configuration(VIT) | {"notes": ("natively QuickGELU",)}
    monkeypatch.setattr(timm_network, "configuration", lambda name: told)
    network = find_extractor(f"timm:{VIT}", "cpu", folder / f"{VIT}.pth")
    record = gm.evaluate(images[:2], images[2:4], extractor=network, metrics=["frechet"], intervals=False)
    assert any("natively QuickGELU" in warning for warning in record.warnings)
    assert "natively QuickGELU" in configuration("vit_base_patch32_clip_224.openai")["notes"][0]


# DINOv2


def test_dinov2_is_fed_224_pixels_with_imagenets_mean():
    told = configuration("vit_large_patch14_dinov2.lvd142m")
    assert input_size("vit_large_patch14_dinov2.lvd142m", told) == (224, 224)
    assert told["mean"] == (0.485, 0.456, 0.406)
    assert told["std"] == (0.229, 0.224, 0.225)
    assert told["interpolation"] == "bicubic"


def cubic(t):
    """Keys' kernel with a = -3/4."""
    t, a = abs(t), -0.75
    if t <= 1:
        return (a + 2) * t**3 - (a + 3) * t**2 + 1
    return a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a if t < 2 else 0.0


def test_dinov2s_positions_are_resampled_as_its_authors_do():
    """By the kernel, place by place: output i reads (i + 1/2) / s - 1/2 with s = (16 + 0.1) / 37, border repeated."""
    torch.manual_seed(0)
    network = timm.create_model("vit_small_patch14_dinov2.lvd142m", depth=1)
    published = network.pos_embed.detach().clone().normal_()
    network.pos_embed = torch.nn.Parameter(published.clone())
    resample_positions(network, 224)
    assert network.pos_embed.shape == (1, 1 + 16 * 16, 384)
    scale = (16 + 0.1) / 37
    weights = np.zeros((16, 37))
    for i in range(16):
        at = (i + 0.5) / scale - 0.5
        for j in range(math.floor(at) - 1, math.floor(at) + 3):
            weights[i, min(max(j, 0), 36)] += cubic(at - j)
    grid = published[0, 1:, :5].reshape(37, 37, 5).double().numpy()
    expected = np.einsum("ik,jl,klc->ijc", weights, weights, grid).reshape(256, 5)
    np.testing.assert_allclose(network.pos_embed[0, 1:, :5].detach(), expected, atol=1e-5)
    torch.testing.assert_close(network.pos_embed[0, 0], published[0, 0])
    assert network(torch.zeros(1, 3, 224, 224)).shape == (1, 384)
