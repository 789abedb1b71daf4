import math

import numpy as np
import pytest
import torch

from reference_models import data
from reference_models.models import parameter_counts
from reference_models.vae import kl_to_standard_normal, negative_log_likelihood, squared_error


def repeat_of(dataset, n):
    while True:
        yield torch.from_numpy(dataset.train.images[:n]), torch.from_numpy(dataset.train.labels[:n])


def test_parameters_on_digits_and_on_mnist(build, npz):
    """Of a layer: (inputs + 1) outputs."""
    counts = parameter_counts(build("vae"))
    assert counts["encoder"] == (64 + 1) * 512 + (512 + 1) * 256 + (256 + 1) * 32
    assert counts["decoder"] == (16 + 1) * 256 + (256 + 1) * 512 + (512 + 1) * 64
    assert counts["noise"] == 1
    large = parameter_counts(build("vae", data.load(npz(x=np.zeros((10, 28, 28), np.uint8)))))
    assert large["decoder"] - counts["decoder"] == (512 + 1) * (784 - 64)


def test_shapes_follow_the_images(build, npz):
    model = build("vae", data.load(npz(x=np.zeros((10, 3, 6, 5), np.uint8))), latent_dim=7)
    mean, log_variance = model.encoder(torch.rand(4, 3, 6, 5))
    assert mean.shape == log_variance.shape == (4, 7)
    assert model.decoder(mean).shape == (4, 3, 6, 5)
    assert model.sample(2, seed=0).shape == (2, 3, 6, 5)


def test_kl_by_hand():
    """N(0, 1) from itself: 0. N(2, 1): 2^2 / 2 = 2. N(0, e): (e - 1 - 1) / 2. Dimensions add up."""
    mean = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 0.0], [2.0, 0.0]])
    log_variance = torch.tensor([[0.0, 0.0], [0.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    expected = torch.tensor([0.0, 2.0, (math.e - 2) / 2, 2 + (math.e - 2) / 2])
    torch.testing.assert_close(kl_to_standard_normal(mean, log_variance), expected)


def test_kl_is_that_of_torch():
    mean, log_variance = torch.randn(5, 3), torch.randn(5, 3)
    q = torch.distributions.Normal(mean, (log_variance / 2).exp())
    p = torch.distributions.Normal(0.0, 1.0)
    expected = torch.distributions.kl_divergence(q, p).sum(1)
    torch.testing.assert_close(kl_to_standard_normal(mean, log_variance), expected)


def test_squared_error_is_summed_over_pixels_of_each_image():
    images, means = torch.zeros(2, 1, 2, 2), torch.zeros(2, 1, 2, 2)
    means[1] = torch.tensor([[1.0, 2.0], [0.0, -1.0]])
    assert squared_error(images, means).tolist() == [0, 6]


def test_likelihood_is_that_of_a_gaussian():
    images, means, variance = torch.rand(3, 1, 2, 2), torch.rand(3, 1, 2, 2), torch.tensor(0.3)
    expected = -torch.distributions.Normal(means, variance.sqrt()).log_prob(images).flatten(1).sum(1)
    found = negative_log_likelihood(squared_error(images, means), 4, variance.log())
    torch.testing.assert_close(found, expected)


def test_the_likelihood_is_best_at_the_mean_squared_error():
    """The variance that the noise learns to: squared error per pixel."""
    log_variance = torch.tensor(math.log(6 / 4), requires_grad=True)
    negative_log_likelihood(torch.tensor(6.0), 4, log_variance).backward()
    assert log_variance.grad.item() == pytest.approx(0, abs=1e-6)


def test_the_shown_elbo_is_made_of_its_terms(build, digits):
    model = build("vae")
    shown = {name: float(value) for name, value in model.step(repeat_of(digits, 16)).items()}
    likelihood = shown["squared_error"] / (2 * 0.05) + 32 * math.log(2 * math.pi * 0.05)
    assert shown["elbo"] == pytest.approx(-likelihood - shown["kl"], rel=1e-5)


def test_gradients_reach_every_parameter(build, digits):
    model = build("vae")
    model.step(repeat_of(digits, 64))
    for network in model.networks.values():
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_it_learns_64_images_by_heart(build, digits):
    """From an error of 4.5 per image, that of their mean, to half that of a trained model on new images."""
    torch.manual_seed(0)
    model = build("vae", input_dropout=0.0)
    batches = repeat_of(digits, 64)
    for _ in range(700):
        shown = model.step(batches)
    assert shown["squared_error"] < 0.5


def test_the_first_samples_are_the_same_however_many_are_drawn(build):
    model = build("vae")
    assert (model.sample(5, seed=3) == model.sample(130, seed=3)[:5]).all()
    assert (model.sample(5, seed=3) != model.sample(5, seed=4)).any()


def test_evaluation_is_fixed_by_its_seed_and_leaves_the_callers_random_numbers(build, digits):
    model = build("vae")
    torch.manual_seed(0)
    first, after = model.evaluate(digits, seed=1), torch.rand(1)
    torch.manual_seed(0)
    assert torch.equal(after, torch.rand(1))
    assert model.evaluate(digits, seed=1) == first
    assert model.evaluate(digits, seed=2)["elbo_test"] != first["elbo_test"]
