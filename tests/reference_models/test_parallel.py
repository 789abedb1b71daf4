"""Two processes give what one gives with the same whole batch."""

import dataclasses
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from genmetrics._checks import DataError
from reference_models import acgan, data, improved_gan_networks, models, parallel, sgan_networks, training
from reference_models.classifiers import mirror_randomly, shift_randomly

VAE = ("vae", "--batch-size", "64", "--input-dropout", "0", "--dataset", "digits")
DROPOUT = ("vae", "--batch-size", "64", "--dataset", "digits")
WGAN_GP = ("wgan-gp", "--architecture", "mnist", "--width", "8", "--batch-size", "8", "--generator-batch", "8",
           "--learning-rate", "1e-4", "--adam-betas", "0.5", "0.9", "--no-decay")  # fmt: skip


def losses(out, command, settings, steps):
    """The numbers of every step, one row a step."""
    arguments = ["-m", "reference_models", "train", *settings, "--device", "cpu", "--out", str(out)]
    arguments += ["--steps", str(steps), "--log-every", "1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, *command, *arguments], env=environment, check=True, capture_output=True)
    rows = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return np.array([list(row.values()) for row in rows])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "steps"), [(VAE, 50), (DROPOUT, 50), (WGAN_GP, 20)], ids=["vae", "dropout", "wgan-gp"]
)
def test_two_processes_give_the_losses_of_one(tmp_path, npz, settings, steps):
    """Noise and dropout are drawn by place in the batch, gradients are averaged.

    In 50 steps of WGAN-GP, each of six updates, Adam blows rounding up to more than 1e-4; so it gets 20.
    """
    if settings is WGAN_GP:
        images = np.random.default_rng(0).integers(0, 256, (200, 28, 28), dtype=np.uint8)
        settings = (*WGAN_GP, "--dataset", npz(x=images))
    one = losses(tmp_path / "one", [], settings, steps)
    two = losses(tmp_path / "two", ["-m", "torch.distributed.run", "--nproc-per-node", "2"], settings, steps)
    assert one.shape == (steps, 4)
    assert np.ptp(one[:, 1]) > 0.1  # it does learn
    np.testing.assert_allclose(two, one, rtol=0, atol=1e-4)


def be(monkeypatch, rank, size):
    """From here on this process is one of several."""
    pretended = SimpleNamespace(
        is_initialized=lambda: True, get_world_size=lambda: size, get_rank=lambda: rank, is_available=lambda: True
    )
    monkeypatch.setattr(parallel, "dist", pretended)


@pytest.fixture
def second_of_two(monkeypatch):
    be(monkeypatch, 1, 2)


def test_a_process_takes_its_own_rows(second_of_two):
    assert parallel.own_rows(torch.arange(6)).tolist() == [3, 4, 5]
    assert parallel.share(6) == 3


def test_a_batch_that_cannot_be_shared_is_refused(second_of_two):
    with pytest.raises(DataError, match="a batch of 7 cannot be shared evenly by 2 processes"):
        parallel.share(7)


def test_alone_everything_is_ones_own():
    assert parallel.own_rows(torch.arange(3)).tolist() == [0, 1, 2]
    assert parallel.mean({"loss": 1.5}) == {"loss": 1.5}
    assert (parallel.size(), parallel.rank()) == (1, 0)


def test_under_torchrun_the_gpu_is_that_of_the_process(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert parallel.device_of_process("cuda") == "cuda:1"
    assert parallel.device_of_process("cpu") == "cpu"


def dropped(x):
    network = torch.nn.Sequential(torch.nn.Sequential(torch.nn.Dropout(0.3)))
    parallel.drop_out_by_rows(network)
    return network(x)


RANDOM = {
    "crop": lambda x: shift_randomly(x, 2),
    "mirror": mirror_randomly,
    "dropout": dropped,
    "sgan-dropout": sgan_networks.Dropout(0.3, 0.3),
    "acgan-noise": acgan.Noise(0.5),
    "improved-gan-noise": improved_gan_networks.Noise(0.5),
    "sgan-noise": sgan_networks.Noise(0.5, 0.5),
}


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("draw", RANDOM.values(), ids=RANDOM)
def test_what_is_random_is_drawn_by_place_in_the_whole_batch(monkeypatch, draw, layout):
    images = torch.rand(8, 3, 6, 6).to(memory_format=layout)

    def drawn(x):
        torch.manual_seed(0)
        return draw(x), torch.rand(1)  # and all have used up as many random numbers

    whole, after = drawn(images)
    for rank in range(2):
        be(monkeypatch, rank, 2)
        own, after_own = drawn(images[4 * rank : 4 * rank + 4])
        torch.testing.assert_close(own, whole[4 * rank : 4 * rank + 4], rtol=1e-6, atol=0)
        assert after_own == after
    assert not torch.equal(whole, images)


def test_a_gradient_passes_through_dropout_where_it_was_kept(second_of_two):
    x = torch.ones(50, 4, requires_grad=True)
    y = parallel.dropout(x, 0.5, training=True)
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())
    assert set(y.unique().tolist()) == {0.0, 2.0}
    assert parallel.dropout(x, 0.5, training=False) is x


@pytest.mark.parametrize(
    "name", ["digits-cnn", "wrn", "vanilla-gan", "gan-10", "acgan", "vae", "vae-50", "improved-gan"]
)
def test_every_dropout_of_a_model_is_by_rows(second_of_two, name):
    model = small(name)
    training.prepare(model, training.Loop())
    found = [m for net in model.networks.values() for m in net.modules() if isinstance(m, torch.nn.Dropout)]
    assert found
    assert all(type(m) is parallel.Dropout for m in found)


@pytest.mark.parametrize("name", ["improved-gan", "acgan"])
def test_all_processes_start_from_the_same_weights(monkeypatch, name):
    weights = []
    for rank in range(2):
        be(monkeypatch, rank, 2)
        model = small(name)
        weights.append(torch.cat([p.flatten() for net in model.networks.values() for p in net.parameters()]))
    monkeypatch.undo()
    model = small(name)
    weights.append(torch.cat([p.flatten() for net in model.networks.values() for p in net.parameters()]))
    assert torch.equal(weights[0], weights[1])
    assert torch.equal(weights[0], weights[2])


def small(name):
    """A model of random images, in its quick preset."""
    cls = models.find(name)
    part = data.Images(np.random.default_rng(0).integers(0, 256, (20, *cls.images), np.uint8), np.arange(20) % 10)
    dataset = data.Dataset("random", part, part, part, 10)
    config = dataclasses.replace(cls.Config(**cls.quick), batch_size=10)
    return models.build(name, config, dataset, torch.device("cpu"), 0)


def test_noise_compiles_into_one_graph():
    network = torch.nn.Sequential(acgan.Noise(0.5), torch.nn.Dropout(0.1))
    compiled = torch.compile(network, backend="eager", fullgraph=True)
    assert compiled(torch.zeros(3, 2)).shape == (3, 2)
