"""What holds for every model: shapes, parameter counts, finite first steps, exact resume."""

import dataclasses

import numpy as np
import pytest
import torch

from genmetrics._checks import DataError
from reference_models import data, models, training
from reference_models.checkpoints import CHECKPOINT
from reference_models.models import MODELS, parameter_counts
from reference_models.training import Loop

ANCHORS = {  # model -> parameters with its paper's settings, from the papers' code or by hand (see below)
    "digits-cnn": {"classifier": 45_162},
    "mnist-cnn": {"classifier": 98_682},
    "sgan-encoder": {"classifier": 1_031_818},
    "wrn": {"classifier": 2_748_890},
    "vanilla-gan": {"generator": 2_503_984, "discriminator": 1_231_441},
    "gan-10": {"generator": 1_149_904, "discriminator": 217_473},
    "dcgan": {"generator": 1_446_976, "discriminator": 1_033_664},
    "improved-gan": {"generator": 4_933_382, "discriminator": 1_505_844},
    "wgan-gp": {"generator": 1_204_483, "critic": 1_053_825},
    "modnet": {"generator": 1_462_211, "discriminator": 1_033_729, "classifier": 1_070_602},
    "acgan": {"generator": 2_993_763, "discriminator": 1_663_883},
    "sgan": {"generator": 6_175_363, "discriminator": 1_491_542, "encoder": 1_031_818},
    "vae": {"encoder": 172_832, "decoder": 168_768, "noise": 1},
    "vae-10": {"encoder": 218_708, "decoder": 1_149_904, "noise": 1},
    "vae-50": {"encoder": 1_154_980, "decoder": 2_955_024, "noise": 1},
    "vae-conv": {"encoder": 3_382_848, "decoder": 2_382_531, "noise": 1},
    "introvae": {"encoder": 3_382_848, "generator": 2_382_531, "margin": 0},
}
SMALL = {  # settings that make a step cheap
    "wrn": {"depth": 10, "width": 1},
    "vanilla-gan": {"width": 16, "pieces": (8, 2)},
    "dcgan": {"width": 4},
    "improved-gan": {"narrow": 16, "labels_per_class": 2, "kernels": (6, 3), "generator_steps": 1},
    "sgan": {"encoder_steps": 1, "narrow": 16},
    "wgan-gp": {"width": 4, "generator_batch": 8, "critic_steps": 2},
    "modnet": {"width": 4},
    "acgan": {"width": 0.1},
    "vae": {"widths": (16, 32)},
    "vae-conv": {"narrow": 16, "latent_dim": 4},
    "introvae": {"narrow": 16, "latent_dim": 4, "margin": 5.0, "pretrain_steps": 1},
}
STAGED = ("sgan",)  # of whose steps each trains only a part
every = pytest.mark.parametrize("name", MODELS)
generating = pytest.mark.parametrize("name", [n for n in MODELS if "cnn" not in n and n not in ("wrn", "sgan-encoder")])


def small(name, **more):
    """A model of little work with random images of the shape that its paper has, and those images."""
    cls = models.find(name)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, *cls.images), dtype=np.uint8)
    part = data.Images(images, np.arange(40) % 10)
    dataset = data.Dataset("noise", part, part, part, 10)
    config = dataclasses.replace(cls.Config(), **{"batch_size": 8, "steps": 4, **SMALL.get(name, {}), **more})
    return models.build(name, config, dataset, torch.device("cpu"), 0), dataset


@every
def test_parameters(name):
    cls = models.find(name)
    dataset = data.blank(cls.images, 10)
    assert parameter_counts(models.build(name, cls.Config(), dataset, torch.device("cpu"), 0)) == ANCHORS[name]


@generating
def test_samples_have_the_shape_of_the_data_and_the_first_do_not_depend_on_how_many_there_are(name):
    model, dataset = small(name)
    if name in STAGED:  # weights N(0, 0.02) through many layers: all images are the same grey before training
        for weight in model.networks[model.exports].parameters():
            weight.data *= 30 if weight.ndim > 1 else 1
    samples = model.sample(70, seed=1)
    assert samples.shape == (70, *dataset.shape)
    assert samples.dtype == np.uint8
    assert (model.sample(3, seed=1) == samples[:3]).all()
    assert (model.sample(3, seed=2) != samples[:3]).any()


@every
def test_a_resumed_run_equals_an_uninterrupted_one(name, tmp_path):
    """With everything that a checkpoint may hold: averages of the weights too, where there are any."""
    loop = Loop(ema=0.5 if hasattr(models.find(name), "averaged") else 0.0, flip=True)
    more = {"historical_averaging": 0.1} if name == "improved-gan" else {}

    def run(steps, out):
        model, dataset = small(name, **more)
        step = model.step
        left = iter(range(steps))
        model.step = lambda batches: step(batches) if next(left, None) is not None else {"loss": float("nan")}
        try:
            training.train(model, dataset, tmp_path / out, seed=3, every=2, loop=loop, show=False)
        except training.DataError:
            assert steps < 4

    run(4, "whole")
    run(3, "parts")  # stops at the fourth; the checkpoint has two
    run(4, "parts")
    whole, parts = ((tmp_path / out / CHECKPOINT).read_bytes() for out in ("whole", "parts"))
    assert whole == parts


@every
def test_steps_change_all_trained_weights_and_show_finite_numbers(name):
    """One step of a model that trains everything at once; of one with stages, a step of each."""
    model, dataset = small(name)
    before = {n: [p.clone() for p in net.parameters()] for n, net in model.networks.items()}
    torch.manual_seed(0)
    resident = training.to_device(dataset.train, model.device)
    for step in range(model.config.steps if name in STAGED else 1):
        model.progress = step / model.config.steps
        shown = model.step(training.batches(resident, model.config.batch_size))
        assert all(np.isfinite(float(value)) for value in shown.values())
    for n, network in model.networks.items():
        pairs = zip(network.parameters(), before[n], strict=True)
        assert all((p != q).any() for p, q in pairs if p.requires_grad and p.ndim > 1), n


@generating
def test_averaged_weights_make_the_samples(name):
    """With a decay of 0 the average is the network itself; before any step it is the start."""
    model, dataset = small(name)
    start = model.sample(2, seed=0)
    average = training.prepare(model, Loop(ema=0.9))
    step = model.step
    model.progress = 0.8 if name in STAGED else 0.0  # the stage that trains all of the generator
    torch.manual_seed(0)
    for _ in range(3):
        step(training.batches(training.to_device(dataset.train, model.device), 8))
    assert (model.sample(2, seed=0) == start).all()  # not brought up to date yet
    average()
    kept, now = (net.state_dict() for net in (model.averages[model.exports], model.networks[model.exports]))
    assert any((kept[k] != v).any() for k, v in now.items() if v.is_floating_point() and v.ndim > 1)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("dcgan", {"width": 0}, "width must be at least 1, got 0"),
        ("improved-gan", {"decay_from": 1.5}, "decay_from must be at most 1, got 1.5"),
    ],
)
def test_a_setting_out_of_its_range_is_refused(build, name, settings, message):
    with pytest.raises(DataError, match=message):
        build(name, data.blank((1, 28, 28), 10, n=16), **settings)


@pytest.mark.parametrize("name", ["dcgan", "improved-gan"])
def test_a_rate_that_falls_from_the_end_on_does_not_fall(build, name):
    dataset = data.blank((1, 28, 28), 10, n=16)
    model = build(name, dataset, batch_size=8, learning_rate=0.5, decay_from=1.0, **SMALL[name])
    for progress in (0.0, 0.9, 1.0):
        model.progress = progress
        model.step(training.batches(training.to_device(dataset.train, model.device), 8))
        assert model.optimisers["generator"].param_groups[0]["lr"] == 0.5
