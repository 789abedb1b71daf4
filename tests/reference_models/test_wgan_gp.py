import pytest
import torch
from torch import nn

from genmetrics._checks import DataError, UnknownNameError
from reference_models import data
from reference_models.models import parameter_counts
from reference_models.wgan_gp import gradient_penalty

SMALL = {"width": 8, "batch_size": 16, "generator_batch": 16}
MNIST = {"architecture": "mnist", "adam_betas": (0.5, 0.9)}


def blank(*shape):
    return data.blank(shape, 10, 100)


def repeat_of(dataset, n):
    while True:
        yield torch.from_numpy(dataset.train.images[:n]), torch.from_numpy(dataset.train.labels[:n])


def test_parameters_of_the_resnet_are_those_of_the_authors_code(build):
    assert parameter_counts(build("wgan-gp", blank(3, 32, 32))) == {"generator": 1_204_483, "critic": 1_053_825}


def test_parameters_of_the_other_networks_by_hand(build):
    found = parameter_counts(build("wgan-gp", blank(1, 28, 28), architecture="mnist", width=64))
    assert found["generator"] == 129 * 4096 + (6400 * 128 + 128) * 1 * 1 + 25 * 128 * 64 + 64 + 25 * 64 + 1 + 0
    assert found["critic"] == 26 * 64 + (1600 + 0) * 128 + 128 + 3200 * 256 + 256 + 4097
    found = parameter_counts(build("wgan-gp", blank(3, 32, 32), architecture="dcgan"))
    norms = 2 * (8192 + 256 + 128)
    assert found["generator"] == 129 * 8192 + 25 * (512 * 256 + 256 * 128 + 128 * 3) + 256 + 128 + 3 + norms
    assert found["critic"] == 25 * (3 * 128 + 128 * 256 + 256 * 512) + 128 + 256 + 512 + 8193


@pytest.mark.parametrize(
    ("architecture", "shape"), [("resnet", (3, 32, 32)), ("dcgan", (3, 32, 32)), ("mnist", (1, 28, 28))]
)
def test_shapes(build, architecture, shape):
    model = build("wgan-gp", blank(*shape), architecture=architecture, **SMALL)
    assert model.generator(model.latents(2)).shape == (2, *shape)
    assert model.critic(torch.zeros(2, *shape)).shape == (2, 1)
    assert model.sample(3, seed=0).shape == (3, *shape)


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0, 3.0])
def test_penalty_of_a_linear_critic_is_slope_minus_one_squared(slope):
    critic = nn.Sequential(nn.Flatten(), nn.Linear(12, 1))
    nn.init.constant_(critic[1].weight, slope / 12**0.5)
    real, fake = torch.rand(2, 5, 3, 2, 2)
    assert gradient_penalty(critic, real, fake, torch.rand(5, 1, 1, 1)).item() == pytest.approx(
        (slope - 1) ** 2, abs=1e-6
    )


def test_penalty_is_taken_on_the_line_between_real_and_fake():
    """f(x) = |x|^2 / 2 has slope |x|: at t = 1 that of the real image, at t = 0 that of the fake one."""

    class Half(nn.Module):
        def forward(self, x):
            return x.flatten(1).square().sum(1, keepdim=True) / 2

    real, fake = torch.full((1, 1, 1, 1), 3.0), torch.full((1, 1, 1, 1), 5.0)
    for t, slope in ((1.0, 3), (0.0, 5), (0.5, 4)):
        penalty = gradient_penalty(Half(), real, fake, torch.full((1, 1, 1, 1), t))
        assert penalty.item() == pytest.approx((slope - 1) ** 2)


def test_a_linear_critic_shows_the_difference_of_the_means(build):
    """The number shown is E f(x) - E f(G(z)) before the last update of the critic."""
    model = build("wgan-gp", blank(1, 28, 28), **MNIST, **SMALL, critic_steps=1)
    last = model.critic[-1]
    nn.init.zeros_(last.weight)
    nn.init.constant_(last.bias, 7.0)
    shown = model.step(repeat_of(blank(1, 28, 28), 16))
    assert shown["wasserstein"].item() == pytest.approx(0, abs=1e-5)
    assert shown["penalty"].item() == pytest.approx(1)  # slope 0


def test_the_critic_is_updated_as_often_as_said_and_the_generator_once(build):
    model = build("wgan-gp", blank(1, 28, 28), **MNIST, **SMALL, critic_steps=3)
    model.step(repeat_of(blank(1, 28, 28), 16))
    steps = {name: int(next(iter(o.state.values()))["step"]) for name, o in model.optimisers.items()}
    assert steps == {"generator": 1, "critic": 3}


def test_the_rate_falls_to_nothing_in_a_line_unless_it_is_not_to(build):
    for decay, expected in ((True, 0.25), (False, 1.0)):
        model = build("wgan-gp", blank(1, 28, 28), **MNIST, **SMALL, learning_rate=1.0, decay=decay, critic_steps=1)
        model.progress = 0.75
        model.step(repeat_of(blank(1, 28, 28), 16))
        assert model.optimisers["critic"].param_groups[0]["lr"] == pytest.approx(expected)


def test_grey_levels_fill_their_intervals_for_the_resnet(build):
    model = build("wgan-gp", blank(3, 32, 32), **SMALL)
    scaled = model.scaled(torch.tensor([0, 255], dtype=torch.uint8).reshape(2, 1, 1, 1).expand(2, 3, 32, 32))
    assert scaled[0].min() >= -1
    assert scaled[0].max() < -1 + 1 / 128
    assert 1 - 1 / 128 <= scaled[1].min() <= scaled[1].max() < 1


def test_it_learns_64_images_by_heart(build, quarters, distance, repeat):
    """Samples come at least two times nearer to them than they were at the start."""
    torch.manual_seed(0)
    dataset = quarters((1, 28, 28))
    model = build("wgan-gp", dataset, **MNIST, **SMALL, learning_rate=5e-3, critic_steps=3, decay=False)
    before, batches = distance(model, dataset), repeat(dataset, 16)
    for _ in range(60):
        model.step(batches)
    assert distance(model, dataset) < before / 2


def test_an_architecture_for_other_images_is_refused_with_the_choices(build):
    with pytest.raises(
        DataError, match=r"makes images of 32 x 32; .* choose another --architecture of resnet, dcgan, mnist"
    ):
        build("wgan-gp", blank(1, 28, 28))
    with pytest.raises(UnknownNameError, match="did you mean 'resnet'"):
        build("wgan-gp", blank(3, 32, 32), architecture="resnt")
