import itertools
import math

import numpy as np
import pytest
import torch
from reference.introvae import alternating_update
from torch import nn

from genmetrics._checks import DataError
from reference_models import data, training
from reference_models.autoencoding import gradient_energy, ratio_of_means
from reference_models.introvae import encoder_loss, generator_loss
from reference_models.vae_conv import CHANNELS, Encoder, decoder

SMALL = {"narrow": 16, "latent_dim": 6, "batch_size": 8, "pretrain_steps": 0}
ADVERSARIAL = {**SMALL, "margin": 5.0}


@pytest.fixture
def faces(quarters):
    """64 images of 32 x 32 in colour."""
    return quarters((3, 32, 32))


def test_losses_by_hand():
    """m = 10: of KLs 4 and 12 the first is 6 short, the second none."""
    real, others, margin = torch.tensor(3.0), (torch.tensor(4.0), torch.tensor(12.0)), torch.tensor(10.0)
    assert encoder_loss(real, others, margin, alpha=0.25).item() == pytest.approx(3 + 0.25 * 6)
    assert generator_loss(others, alpha=0.5).item() == pytest.approx(0.5 * 16)


def test_the_hinge_is_that_of_the_mean_of_a_batch():
    """Images of KL 0 and 20 have a mean of 10: with m = 10 they are not short, though one of them is."""
    each = torch.tensor([0.0, 20.0])
    assert encoder_loss(torch.tensor(0.0), (each.mean(),), torch.tensor(10.0), alpha=1.0) == 0


def count_by_hand(side, z):
    """Parameters of encoder and generator, layer by layer: k x k convolutions without biases have k^2 n m weights."""
    widths = CHANNELS[side]

    def block(n, m):
        return 9 * n * m + 9 * m * m + 4 * m + (n * m if n != m else 0)

    e = 25 * 3 * widths[0] + 2 * widths[0] + sum(block(n, m) for n, m in itertools.pairwise(widths))
    e += block(widths[-1], widths[-1]) + (16 * widths[-1] + 1) * 2 * z
    g = (z + 1) * 16 * widths[-1] + sum(block(m, n) for n, m in itertools.pairwise(widths))
    return e, g + block(widths[-1], widths[-1]) + block(widths[0], widths[0]) + 25 * widths[0] * 3 + 3


@pytest.mark.parametrize(("side", "z"), [(32, 128), (64, 128), (128, 256), (256, 512), (512, 512), (1024, 512)])
def test_networks_of_every_size(side, z):
    """log2(side) - 2 stages, 16 widths[-1] numbers before the last layer of E. The authors' encoder and generator have
    512^2 more for every block 512 -> 512 of their bodies, whose widths their code takes for different (`is not`)."""
    with torch.device("meta"):
        encoder, generator = Encoder(3, CHANNELS[side], z, 0), decoder(3, CHANNELS[side], z, 0)
        mean, log_variance = encoder(torch.empty(2, 3, side, side))
    assert len(CHANNELS[side]) == math.log2(side) - 2
    assert mean.shape == log_variance.shape == (2, z)
    assert generator(mean).shape == (2, 3, side, side)
    found = tuple(sum(p.numel() for p in net.parameters()) for net in (encoder, generator))
    assert found == count_by_hand(side, z)


def test_the_largest_networks_are_those_of_table_1_of_the_appendix():
    """1024 x 1024: 8 average pools and 8 residual blocks in E; 8 upsamplings, 9 blocks, FC-8192 in G; FC-1024 in E."""
    with torch.device("meta"):
        encoder, generator = Encoder(3, CHANNELS[1024], 512, 0), decoder(3, CHANNELS[1024], 512, 0)

    def count(network, name):
        return sum(type(module).__name__ == name for module in network.modules())

    assert (count(encoder, "AvgPool2d"), count(encoder, "ResBlock")) == (8, 8)
    assert (count(generator, "Upsample"), count(generator, "ResBlock")) == (8, 9)
    sizes = [m.out_features for net in (encoder, generator) for m in net.modules() if isinstance(m, nn.Linear)]
    assert sizes == [1024, 8192]


def one_step(model, dataset, seed=0):
    """A step with plain gradient descent, so that what an update does to the weights is known."""
    model.optimisers = {
        name: torch.optim.SGD(model.networks[name].parameters(), 0.003) for name in ("encoder", "generator")
    }
    images = torch.from_numpy(dataset.train.images[:8])
    torch.manual_seed(seed)
    return images, model.step(iter([(images, None)]))


def gradients(model, network):
    return {name: p.grad for name, p in model.networks[network].named_parameters()}


def by_reference(model, images, seed=0, **settings):
    """The reference's gradients for the same noise."""
    torch.manual_seed(seed)
    noise, prior = torch.randn(8, 6), torch.randn(8, 6)
    return alternating_update(
        model.encoder, model.generator, images / 255, noise, prior, **{"margin": 5.0, "rate": 0.003, **settings}
    )


def assert_same(found, expected, most=1e-4):
    """Relative to the largest gradient of a layer: rounding in sums of float32."""
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert (found[name] - value).abs().max() <= most * value.abs().max() + 1e-6, name


def relative_distance(found, expected):
    difference = sum((found[name] - expected[name]).square().sum() for name in expected)
    return (difference / sum(value.square().sum() for value in expected.values())).sqrt().item()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {"alpha": 0.25, "alpha_generator": 0.5, "beta": 1.0}),
        ({"beta": 0.05}, {"alpha": 0.25, "alpha_generator": 0.5, "beta": 0.05}),
        ({"paper": True, "beta": 0.5}, {"alpha": 0.25, "alpha_generator": 0.25, "beta": 0.25}),  # beta / 2
        ({"margin": 500.0, "beta": 0.01}, {"alpha": 0.25, "alpha_generator": 0.5, "beta": 0.01, "margin": 500.0}),
    ],
)
def test_gradients_are_those_of_the_alternating_update_with_whole_graphs(build, faces, settings, expected):
    model, twin = (build("introvae", faces, seed=1, **{**ADVERSARIAL, **settings}) for _ in range(2))
    images, _ = one_step(model, faces)
    of_encoder, of_generator = by_reference(twin, images, **expected)
    assert_same(gradients(model, "encoder"), of_encoder)
    assert_same(gradients(model, "generator"), of_generator)


@pytest.mark.parametrize("wrong", ["rate", "alpha_generator", "beta"])
def test_each_part_of_the_generators_gradient_matters(build, faces, wrong):
    """The encoder's update between the passes, the KLs, the error: without one of them the gradient is another."""
    model, twin = (build("introvae", faces, seed=1, **ADVERSARIAL) for _ in range(2))
    images, _ = one_step(model, faces)
    settings = {"alpha": 0.25, "alpha_generator": 0.5, "beta": 1.0, wrong: 0.0}
    assert relative_distance(by_reference(twin, images, **settings)[1], gradients(model, "generator")) > 0.01


def test_without_adversarial_terms_it_is_a_vae(build, faces):
    """--vae and pretraining: both losses of the reference with alpha 0."""
    for settings in ({"vae": True}, {"pretrain_steps": 20, "steps": 40}):
        model, twin = (build("introvae", faces, seed=1, **{**ADVERSARIAL, "beta": 2.0, **settings}) for _ in range(2))
        images, shown = one_step(model, faces)
        of_encoder, of_generator = by_reference(twin, images, alpha=0.0, alpha_generator=0.0, beta=2.0)
        assert_same(gradients(model, "encoder"), of_encoder)
        assert_same(gradients(model, "generator"), of_generator)
        assert set(shown) == {"squared_error", "kl_real"}


def test_pretraining_may_have_a_weight_of_its_own(build, faces):
    model, twin = (build("introvae", faces, seed=1, **{**SMALL, "vae": True, "beta": b}) for b in (0.1, 1.0))
    model.config = type(model.config)(**{**vars(model.config), "pretrain_beta": 1.0})
    one_step(model, faces), one_step(twin, faces)
    assert_same(gradients(model, "encoder"), gradients(twin, "encoder"), 0)


def test_the_margin_is_chosen_from_the_last_tenth_of_pretraining(build, faces, repeat):
    model = build("introvae", faces, **{**SMALL, "steps": 24, "pretrain_steps": 20, "margin_ratio": 1.5})
    kls = []
    for step in range(24):
        model.progress = step / 24
        shown = model.step(repeat(faces, 8))
        kls.append(shown["kl_real"].item())
    assert shown["margin"].item() == pytest.approx(1.5 * np.mean(kls[18:20]), rel=1e-5)
    given = build("introvae", faces, **{**ADVERSARIAL, "steps": 24, "pretrain_steps": 20})
    for step in range(21):
        given.progress = step / 24
        given.step(repeat(faces, 8))
    assert given.margin.m == 5


def test_a_run_stopped_while_the_margin_is_chosen_goes_on_to_the_same_end(build, faces, tmp_path):
    """Exact resume where the state is more than weights; 19 of 20 steps of pretraining are in the checkpoint."""
    settings = {**SMALL, "narrow": 32, "steps": 22, "pretrain_steps": 20}

    def run(out, stop_after):
        model = build("introvae", faces, **settings)
        step, left = model.step, iter(range(stop_after))
        model.step = lambda batches: step(batches) if next(left, None) is not None else {"loss": math.nan}
        training.train(model, faces, tmp_path / out, seed=3, every=19, show=False)

    run("whole", 22)
    with pytest.raises(DataError):
        run("parts", 19)
    run("parts", 22)
    whole, parts = ((tmp_path / out / "checkpoint.safetensors").read_bytes() for out in ("whole", "parts"))
    assert whole == parts


def test_running_statistics_of_the_encoder_are_of_real_images(build, faces):
    """After one step: 0.9 of the start, 0.1 of the batch, which the first convolution tells."""
    model = build("introvae", faces, **ADVERSARIAL)
    convolution, norm = model.encoder.body[1:3]
    images = torch.from_numpy(faces.train.images[:8])
    with torch.no_grad():
        expected = 0.1 * convolution(images / 255).mean((0, 2, 3))
    one_step(model, faces)
    torch.testing.assert_close(norm.running_mean, expected)
    assert norm.num_batches_tracked == 1


def test_it_learns_64_images_by_heart(build, faces, repeat):
    """From the error of their mean, 354 an image, to near that of the noise in them, 3.5, which no short code holds."""
    torch.manual_seed(0)
    settings = {"narrow": 16, "latent_dim": 8, "steps": 120, "pretrain_steps": 80, "learning_rate": 3e-3, "beta": 5.0}
    model = build("introvae", faces, batch_size=16, **settings)
    for step in range(120):
        model.progress = step / 120
        shown = model.step(repeat(faces, 16))
    assert shown["squared_error"] < 12
    assert shown["kl_real"] < shown["margin"]


def test_evaluation_encodes_images_it_was_not_trained_on(build, faces):
    model = build("introvae", faces, **ADVERSARIAL)
    found = model.evaluate(faces, seed=1)
    assert found == model.evaluate(faces, seed=1)
    assert found["squared_error_test"] == pytest.approx(model.squared_errors(faces.test.images).mean())
    assert found["squared_error_test_sampled"] != found["squared_error_test"]
    assert found["margin"] == 5


def test_images_of_28_pixels_are_framed(build, quarters):
    model = build("introvae", quarters((1, 28, 28)), **ADVERSARIAL)
    one_step(model, quarters((1, 28, 28)))
    assert model.sample(3, seed=0).shape == (3, 1, 28, 28)


@pytest.mark.parametrize(
    ("shape", "settings", "message"),
    [
        ((3, 48, 48), ADVERSARIAL, "28, 32, 64, 128, 256, 512, 1024 pixels a side"),
        ((3, 32, 32), SMALL, "the margin is chosen from pretraining, but pretrain_steps is 0; give --margin"),
        ((3, 32, 32), {**ADVERSARIAL, "pretrain_steps": 40, "steps": 40}, "all 40 steps are pretraining"),
        ((3, 32, 32), {**ADVERSARIAL, "margin_ratio": 0.0}, "margin_ratio must be above 0"),
    ],
)
def test_what_cannot_be_trained_is_said(build, shape, settings, message):
    with pytest.raises(DataError, match=message):
        build("introvae", data.blank(shape, 0), **settings)


def test_gradient_energy_by_hand():
    """An edge from 0 to 255 between 2 columns of 4: of 3 differences across one is 1; down there is none."""
    edge = np.zeros((2, 1, 4, 4), np.uint8)
    edge[0, :, :, 2:] = 255
    assert gradient_energy(edge).tolist() == pytest.approx([1 / 3, 0])
    assert gradient_energy(edge.swapaxes(2, 3)).tolist() == pytest.approx([1 / 3, 0])


def test_blurred_images_have_less_gradient_energy():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (5, 3, 8, 8), dtype=np.uint8)
    blurred = ((images[:, :, 1:] + images[:, :, :-1].astype(int)) // 2).astype(np.uint8)
    assert (gradient_energy(blurred) < gradient_energy(images)).all()


def test_the_ratio_of_means_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(400):
        _, low, high = ratio_of_means(rng.gamma(4, 0.5, 200), rng.gamma(4, 0.25, 300))
        inside += low <= 2 <= high
    assert 0.92 <= inside / 400 <= 0.98
