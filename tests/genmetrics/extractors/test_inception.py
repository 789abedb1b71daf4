"""The FID's network: the graph of 2015-12-05 by an independent derivation and by its peers, and its weights files."""

from __future__ import annotations

import hashlib
import re

import numpy as np
import pytest
import torch
from reference.inception import inception

import genmetrics as gm
from genmetrics._checks import DataError, UnknownNameError
from genmetrics.extractors import DEFAULT, find_extractor
from genmetrics.extractors import inception as inception_module
from genmetrics.extractors.inception import FILES, INPUTS, Inception
from genmetrics.extractors.inception_network import OUTPUTS
from genmetrics.extractors.precision import strict
from genmetrics.metrics import INCEPTION
from genmetrics.resizing import resize

PUBLISHED = "inception-2015-12-05-6726825d.pth"


def error(ours, theirs):
    """Relative Frobenius distance."""
    return np.linalg.norm(ours - np.asarray(theirs)) / np.linalg.norm(theirs)


@pytest.fixture(scope="module")
def images(random_inception):
    """Two pictures of 64 x 48, uint8 (h, w, 3)."""
    noise = random_inception.octaves(2, torch.Generator().manual_seed(3), 64)[..., :48]
    return list(((noise + 1) * 127.5).round().byte().permute(0, 2, 3, 1).contiguous().numpy())


def batch(images):
    """(n, 3, h, w) uint8."""
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()


@pytest.fixture(scope="module")
def plain(inception_weights, images):
    """Every output of the plain (eager) network."""
    return Inception(outputs=OUTPUTS, weights=inception_weights, backend="eager")(images)


# The graph


@torch.inference_mode()
def test_every_output_is_that_of_the_graph_derived_on_its_own(inception_state, images, plain):
    derived = inception(inception_state, (resize(batch(images), (299, 299), "tf1-bilinear") - 128) / 128)
    assert plain.keys() == OUTPUTS.keys()
    for name, width in OUTPUTS.items():
        assert plain[name].shape == (2, width)
        assert plain[name].dtype == np.float32
        assert plain[name].flags.c_contiguous
        assert error(plain[name], derived[name]) < 1e-5  # float32 through 48 layers, against float64


def test_the_fast_path_gives_the_same_to_1e_4(inception_weights, images, plain):
    fast = Inception(outputs=OUTPUTS, weights=inception_weights, backend="torch")(images)
    for name in OUTPUTS:
        assert error(fast[name], plain[name]) < 1e-4  # measured: 2e-6


def test_random_weights_neither_die_nor_explode(plain):
    for name, values in plain.items():
        assert 0.1 < values.std() < 10, name
        assert np.mean(values == 0) < (0.7 if name == "sfid" else 0.2), name  # a ReLU's own output: half of it is 0
        assert np.abs(values[0] - values[1]).mean() > 0.02 * values.std(), name  # they tell images apart


@pytest.mark.filterwarnings("ignore")  # torch-fidelity's own
@pytest.mark.parametrize(("backend", "tolerance"), [("eager", 1e-5), ("auto", 1e-4)])
def test_outputs_are_torch_fidelitys(inception_weights, images, backend, tolerance):
    peer = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3", reason="needs torch-fidelity")
    theirs = {"64": "64", "192": "192", "768": "768", "features": "2048", "logits": "logits_unbiased"}
    theirs["logits-with-bias"] = "logits"
    network = peer.FeatureExtractorInceptionV3(
        "inception", list(theirs.values()), feature_extractor_weights_path=str(inception_weights)
    )
    ours = Inception(outputs=theirs, weights=inception_weights, backend=backend)(images)
    with torch.inference_mode():
        for name, values in zip(theirs, network(batch(images)), strict=True):
            assert error(ours[name], values) < tolerance


@pytest.mark.filterwarnings("ignore")  # pytorch-fid's own
@pytest.mark.parametrize(("backend", "tolerance"), [("eager", 1e-5), ("auto", 1e-4)])
def test_outputs_are_pytorch_fids(inception_weights, inception_state, images, backend, tolerance, monkeypatch):
    peer = pytest.importorskip("pytorch_fid.inception", reason="needs pytorch-fid")
    monkeypatch.setattr(peer, "load_state_dict_from_url", lambda *_, **__: inception_state)
    network = peer.InceptionV3([0, 1, 2, 3]).eval()
    ours = Inception("torch-bilinear", OUTPUTS, weights=inception_weights, backend=backend)(images)
    with torch.inference_mode():
        for name, values in zip(("64", "192", "768", "features"), network(batch(images).float() / 255), strict=True):
            assert error(ours[name], values.mean((2, 3))) < tolerance


# What goes in and comes out


def test_by_default_it_gives_features_and_logits(inception_weights, images, plain):
    network = Inception(weights=inception_weights, backend="eager")
    assert network.outputs == ("features", "logits")
    found = network(images)
    assert list(found) == ["features", "logits"]
    np.testing.assert_array_equal(found["logits"], plain["logits"])


def test_other_outputs_come_when_asked_for(inception_weights, images, plain):
    found = gm.extract(np.stack(images), DEFAULT, ("192", "sfid"), weights=inception_weights)
    assert list(found) == ["192", "sfid"]
    for name, values in found.items():
        assert error(values, plain[name]) < 1e-4


def test_an_unknown_output_suggests_the_nearest(inception_weights):
    with pytest.raises(UnknownNameError, match="unknown output of inception-v3-tf2015 'logit'; did you mean 'logits'"):
        gm.extract(np.zeros((2, 8, 8, 3), np.uint8), DEFAULT, ("logit",), weights=inception_weights)


@pytest.mark.parametrize("protocol", INPUTS)
def test_the_resize_after_the_at_sign_is_the_one_that_is_done(protocol, inception_weights, images):
    network = find_extractor(f"{DEFAULT}@{protocol}", weights=inception_weights)
    assert network.name == DEFAULT
    assert network.resize == f"{protocol}-299"
    seen = []
    network.maps = lambda x: seen.append(x) or {"features": torch.zeros(2, 2048, 1, 1)}
    network(images)
    half = 127.5 if protocol == "torch-bilinear" else 128
    np.testing.assert_array_equal(seen[0], (resize(batch(images), (299, 299), protocol) - half) / half)


def test_an_unknown_resize_suggests_the_nearest(inception_weights):
    with pytest.raises(UnknownNameError, match="unknown resize 'cleen'; did you mean 'clean'"):
        find_extractor(f"{DEFAULT}@cleen", weights=inception_weights)


def test_grey_images_are_repeated_in_the_three_channels(inception_weights, images):
    grey = np.stack(images)[:, :, :, 0]
    network = Inception(weights=inception_weights)
    network.batch_size = 2
    features = [gm.extract(x, network, cache=False)["features"] for x in (grey, grey[..., None].repeat(3, axis=3))]
    np.testing.assert_array_equal(*features)


def test_making_the_network_uses_none_of_the_callers_random_numbers(inception_weights):
    before = torch.get_rng_state()
    Inception(weights=inception_weights)
    assert torch.equal(before, torch.get_rng_state())


def test_strict_precision_puts_the_settings_back():
    parts = (torch.backends.cudnn, torch.backends.cuda.matmul)
    before = [part.allow_tf32 for part in parts]
    with strict("cpu"):
        if hasattr(torch.backends.cudnn, "conv"):
            assert torch.backends.cudnn.conv.fp32_precision == "ieee"
            assert torch.backends.cuda.matmul.fp32_precision == "ieee"
        else:
            assert not any(part.allow_tf32 for part in parts)
    assert [part.allow_tf32 for part in parts] == before


def test_autocast_round_it_changes_nothing(inception_weights, images, plain):
    network = Inception(weights=inception_weights, backend="eager")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        np.testing.assert_array_equal(network(images[:1] * 2)["features"][0], plain["features"][0])


# Scores


def test_its_scores_bear_the_published_names(inception_weights, images):
    assert DEFAULT == INCEPTION == Inception.name
    network = Inception("clean", weights=inception_weights)
    network.batch_size = 4
    real = np.stack([*images, images[0][::-1], images[1][:, ::-1]])
    record = gm.evaluate(
        real, 255 - real, metrics=["frechet", "kernel", "inception-score", "ddm"], extractor=network, intervals=False
    )
    assert [score.name for score in record.scores] == ["fid", "kid", "is", "ddm_inception-v3-tf2015"]
    sha256 = hashlib.sha256(inception_weights.read_bytes()).hexdigest()
    for score in record.scores:
        assert f"|features:inception-v3-tf2015/{'logits' if score.metric[0] in 'id' else 'features'}@{sha256[:8]}|" in (
            score.signature
        )
        assert "|resize:clean-299|" in score.signature
    assert record.extractor["weights_sha256"] == sha256
    assert record.extractor["input"] == "(x - 128) / 128"
    assert record.extractor["backend"].endswith(", batch norms folded")


# Weights


def test_a_plain_dict_without_counters_gives_the_same(inception_state, random_inception, images, plain, tmp_path):
    converted = random_inception.in_layout(inception_state, "converted")
    assert len(converted) < len(inception_state)
    torch.save(converted, tmp_path / "weights.pth")
    found = Inception(weights=tmp_path / "weights.pth", backend="eager")(images)
    np.testing.assert_array_equal(found["features"], plain["features"])


def test_missing_weights_are_told_with_file_hash_place_and_choices(tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"the folder that GENMETRICS_WEIGHTS_DIR names or .*checkpoints") as told:
        find_extractor(DEFAULT)
    for part in (*FILES, "6726825d", "--weights FILE", "pixels, digits-cnn, mnist-cnn, cifar10-wrn, module:PATH"):
        assert part in str(told.value)
    monkeypatch.setenv("GENMETRICS_WEIGHTS_DIR", str(tmp_path))
    with pytest.raises(DataError, match=re.escape(f"put it into {tmp_path} or ")):
        find_extractor(DEFAULT)


def test_weights_are_the_file_given_then_the_own_folder_then_torch_hub(tmp_path, monkeypatch):
    """Each file is empty, so that the first one tried fails and is named."""
    own, hub, given = tmp_path / "own", tmp_path / "home" / "hub" / "checkpoints", tmp_path / "given.pth"
    monkeypatch.setattr(inception_module, "FILES", ("pt_inception.pth", "weights-inception.pth"))
    monkeypatch.setenv("GENMETRICS_WEIGHTS_DIR", str(own))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))

    def tried(weights=None):
        with pytest.raises(DataError, match="cannot be read as a torch file of weights") as told:
            find_extractor(DEFAULT, weights=weights)
        return str(told.value).partition(":")[0]

    for folder in (own, hub):
        folder.mkdir(parents=True)
    (hub / "pt_inception.pth").touch()
    assert tried() == str(hub / "pt_inception.pth")
    (own / "weights-inception.pth").touch()
    assert tried() == str(own / "weights-inception.pth")
    (own / "pt_inception.pth").touch()
    assert tried() == str(own / "pt_inception.pth")
    given.touch()
    assert tried(given) == str(given)
    with pytest.raises(DataError, match="weights: no file at"):
        find_extractor(DEFAULT, weights=tmp_path / "nowhere.pth")


def test_content_that_is_not_what_the_name_says_is_refused(inception_weights, tmp_path):
    content = hashlib.sha256(inception_weights.read_bytes()).hexdigest()
    for name in FILES:
        (tmp_path / name).symlink_to(inception_weights)
        with pytest.raises(DataError, match=f"SHA-256 begins with 6726825d, but it is {content}"):
            Inception(weights=tmp_path / name)
    honest = tmp_path / f"mine-{content[:8]}.pth"
    honest.symlink_to(inception_weights)
    assert Inception(weights=honest).weights_sha256 == content


def test_names_and_shapes_that_do_not_fit_are_listed(inception_state, tmp_path):
    state = dict(inception_state)
    for name in ("Mixed_5b.branch1x1.conv.weight", "Mixed_7c.branch_pool.bn.bias"):
        del state[name]
    state["AuxLogits.fc.weight"] = torch.zeros(3)
    state["fc.weight"], state["fc.bias"] = torch.zeros(1000, 2048), torch.zeros(1000)
    torch.save(state, tmp_path / "imagenet.pth")
    with pytest.raises(DataError) as told:
        Inception(weights=tmp_path / "imagenet.pth")
    assert str(told.value).partition(": ")[2] == (
        "these are not the weights of this network: 2 parameters missing (Mixed_5b.branch1x1.conv.weight, "
        "Mixed_7c.branch_pool.bn.bias); 1 parameter unexpected (AuxLogits.fc.weight); 2 parameters of another shape "
        "(fc.weight (1000, 2048), not (1008, 2048), fc.bias (1000,), not (1008,))"
    )


class Opens:
    """Unpickled, it would create a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("content", ["code", "text", "list"])
def test_what_is_no_file_of_weights_is_refused_and_runs_no_code(content, tmp_path):
    file = tmp_path / "weights.pth"
    if content == "text":
        file.write_text("<html>404</html>")
    else:
        torch.save(Opens(tmp_path / "ran") if content == "code" else [torch.zeros(1)], file)
    with pytest.raises(DataError, match=r"weights\.pth: (cannot be read as|should hold a dict)"):
        Inception(weights=file)
    assert not (tmp_path / "ran").exists()


def test_weights_for_a_network_that_takes_none_are_refused(inception_weights):
    with pytest.raises(DataError, match="weights: pixels takes no file of weights; only inception-v3-tf2015 and"):
        gm.extract(np.zeros((2, 8, 8), np.uint8), "pixels", weights=inception_weights)
