"""Networks layer by layer, each loss with known answers, the schedule, and how stacks are put together."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from click.testing import CliRunner
from torch import nn

from genmetrics._checks import DataError, UnknownNameError
from reference_models import data, sgan, sgan_sampling, training
from reference_models.__main__ import main, trained
from reference_models.sgan import Made
from reference_models.sgan_networks import Dropout, Found, Noise

SMALL = {"narrow": 8, "batch_size": 8, "encoder_steps": 1, "steps": 5}
GREY, COLOUR = (1, 28, 28), (3, 32, 32)


def blank(shape, classes=10):
    return data.blank(shape, classes, 60)


def noisy(shape, classes=10, n=40):
    images = np.random.default_rng(0).integers(0, 256, (n, *shape), dtype=np.uint8)
    part = data.Images(images, np.arange(n) % max(classes, 1))
    return data.Dataset("noise", part, part, part, classes)


def parameters(network):
    return sum(p.numel() for p in network.parameters())


def shapes(network, *inputs):
    """What every layer without children gives, but for activations."""
    found = []
    kinds = nn.Linear | nn.Conv2d | nn.ConvTranspose2d | nn.MaxPool2d
    hooks = [
        layer.register_forward_hook(lambda _, __, y: found.append(tuple(y.shape[1:])))
        for layer in network.modules()
        if isinstance(layer, kinds)
    ]
    network.eval()(*inputs)
    for hook in hooks:
        hook.remove()
    return found


# --- sizes


def test_layers_for_cifar10(build):
    model = build("sgan", blank(COLOUR))
    bottom, top = model.stacks
    assert (model.generator.widths, model.logits) == ((16, 50), 10)
    assert shapes(bottom.generator, torch.zeros(1, 256), torch.zeros(1, 16)) == [
        (128,), (128,), (6400,), (256, 10, 10), (128, 14, 14), (128, 28, 28), (3, 32, 32)]  # fmt: skip
    assert shapes(top.generator, torch.zeros(1, 10), torch.zeros(1, 50)) == [(512,), (256,), (512,), (512,), (256,)]
    assert shapes(bottom.discriminator, torch.zeros(1, *COLOUR)) == [
        (96, 32, 32), (96, 16, 16), (192, 16, 16), (192, 8, 8), (192, 6, 6), (192, 6, 6), (10,), (16,)]  # fmt: skip
    assert shapes(top.discriminator, torch.zeros(1, 256)) == [(512,), (512,), (10,), (50,)]
    assert (parameters(top.generator), parameters(bottom.generator)) == (808_192, 5_367_171)
    convolutions = 9 * (3 * 96 + 96 * 96 + 96 * 192 + 192 * 192 + 192 * 192) + 192 * 192
    norms, biases = 2 * (96 + 3 * 192), 96 + 192
    assert parameters(bottom.discriminator) == convolutions + norms + biases + 193 * 10 + (192 * 36 + 1) * 16
    assert parameters(top.discriminator) == 257 * 512 + 512 * 512 + 2 * 512 + 513 * 60


def test_layers_for_mnist(build):
    model = build("sgan", blank(GREY))
    bottom, top = model.stacks
    assert (model.generator.widths, model.logits) == ((50, 50), 1)
    assert shapes(bottom.generator, torch.zeros(1, 256), torch.zeros(1, 50)) == [
        (128,), (2048,), (128, 8, 8), (64, 12, 12), (64, 24, 24), (1, 28, 28)]  # fmt: skip
    assert shapes(top.generator, torch.zeros(1, 10), torch.zeros(1, 50)) == [(512,), (512,), (256,)]
    assert shapes(bottom.discriminator, torch.zeros(1, *GREY)) == [
        (32, 14, 14), (64, 7, 7), (128, 4, 4), (256,), (1,), (50,)]  # fmt: skip
    assert shapes(top.discriminator, torch.zeros(1, 256)) == [(256,), (256,), (1,), (50,)]
    assert parameters(top.generator) == 60 * 512 + 512 * 512 + 4 * 512 + 513 * 0 + 512 * 256 + 256
    deconvolutions = 25 * (128 * 128 + 128 * 64 + 64 * 64 + 64 * 1) + 1
    norms = 2 * (128 + 2048 + 128 + 64 + 64)
    assert parameters(bottom.generator) == 50 * 128 + 384 * 2048 + deconvolutions + norms
    convolutions = 25 * (32 + 32 * 64 + 64 * 128) + 32 + 64 + 128
    assert parameters(bottom.discriminator) == convolutions + 2049 * 256 + 257 * 51
    assert parameters(top.discriminator) == 257 * 256 * 2 + 257 * 51
    assert parameters(model.encoder) == 160_362


def test_weights_start_small_and_biases_at_0(build):
    model = build("sgan", blank(COLOUR))
    for network in (model.generator, model.networks["discriminator"]):
        for layer in network.modules():
            if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
                n = layer.weight.numel()
                assert layer.weight.std().item() == pytest.approx(0.02, abs=5 * 0.02 / math.sqrt(2 * n))
                assert layer.bias is None or not layer.bias.any()
            if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
                assert (layer.eps, layer.momentum) == (1e-6, 0.1)
                assert (layer.weight == 1).all()


def test_the_single_stack_is_the_bottom_one_on_labels(build):
    (stack,) = build("sgan", blank(COLOUR), variant="adv-cond-ent").stacks
    whole = build("sgan", blank(COLOUR)).stacks[0]
    assert parameters(whole.generator) - parameters(stack.generator) == (256 - 10) * 6400
    assert parameters(whole.discriminator) == parameters(stack.discriminator)


@pytest.mark.parametrize(("variant", "logits", "q"), [("adv-cond", 10, 0), ("adv-ent", 1, 16), ("adv", 1, 0)])
def test_what_the_ablations_leave_out(build, variant, logits, q):
    model = build("sgan", blank(COLOUR), variant=variant)
    (stack,) = model.stacks
    found = stack.discriminator.eval()(torch.zeros(2, *COLOUR))
    assert found.logits.shape == (2, logits)
    assert (found.noise is None) == (q == 0)
    assert model.classes == (10 if variant == "adv-cond" else 0)
    assert model.sample(3, 0).shape == (3, *COLOUR)


def test_without_its_entropy_loss_only_the_bottom_discriminator_has_no_q(build):
    bottom, top = build("sgan", blank(GREY), bottom_entropy=False).stacks
    assert bottom.discriminator.q is None
    assert top.discriminator.q is not None


def test_the_full_generator_has_one_discriminator_that_recovers_all_noise(build):
    model = build("sgan", blank(GREY), variant="full-generator")
    (stack,) = model.stacks
    assert stack.discriminator(torch.zeros(1, *GREY)).noise.shape == (1, 100)
    parts = build("sgan", blank(GREY)).stacks
    assert parameters(stack.generator) == sum(parameters(part.generator) for part in parts)
    condition, noise = torch.eye(10)[:2], torch.rand(2, 100)
    bottom, top = stack.generator.eval().parts
    assert torch.equal(stack.generator(condition, noise), bottom(top(condition, noise[:, 50:]), noise[:, :50]))


# --- the encoder in parts


@pytest.mark.parametrize("stacks", [1, 2, 3])
@pytest.mark.parametrize("shape", [GREY, COLOUR])
def test_the_parts_of_the_encoder_are_the_encoder(build, shape, stacks):
    dataset = noisy(shape)
    model = build("sgan", dataset, stacks=stacks, **SMALL)
    images = torch.rand(2, *shape)
    h = images
    for stack in model.stacks:
        h = stack.encoder(h)
    assert torch.equal(h, model.encoder(images)["logits"])
    levels = model.levels(images, torch.tensor([1, 3]))
    widths = {GREY: 512, COLOUR: 3200}[shape]
    assert [level.shape[1] for level in levels] == [shape[0], *{1: [], 2: [256], 3: [widths, 256]}[stacks], 10]
    assert levels[-1].argmax(1).tolist() == [1, 3]
    if stacks > 1:
        assert torch.equal(levels[-2], model.encoder(images)["features"])


# --- sampling


@pytest.mark.parametrize("stacks", [2, 3])
def test_sampling_equals_the_generators_one_after_the_other(build, stacks):
    model = build("sgan", blank(GREY), stacks=stacks, **SMALL)
    for weight in model.generator.parameters():
        weight.data *= 10 if weight.ndim > 1 else 1
    noise = model.latents(64, torch.Generator().manual_seed(5))
    model.generator.eval()
    h = torch.eye(10)[torch.arange(64) % 10]
    for i in reversed(range(stacks)):
        h = model.stacks[i].generator(h, noise[:, 50 * i : 50 * (i + 1)])
    by_hand = (h * 255).round().to(torch.uint8).numpy()
    samples = model.sample(20, seed=5)
    assert (samples == by_hand[:20]).all()
    assert (samples[0] != samples[10]).any()  # the same class, other noise


# --- losses


def test_losses_by_hand():
    even = torch.zeros(3, 1)
    assert sgan.discriminator_loss(even, even).item() == pytest.approx(2 * math.log(2))
    assert sgan.generator_loss(even, saturating=False).item() == pytest.approx(math.log(2))
    assert sgan.generator_loss(even, saturating=True).item() == pytest.approx(-math.log(2))
    real, fake = torch.tensor([[math.log(3.0)]]), torch.tensor([[-math.log(4.0)]])  # D = 3/4 and 1/5
    assert sgan.discriminator_loss(real, fake).item() == pytest.approx(-math.log(3 / 4) - math.log(4 / 5))
    assert sgan.generator_loss(fake, saturating=False).item() == pytest.approx(-math.log(1 / 5))
    assert sgan.generator_loss(fake, saturating=True).item() == pytest.approx(math.log(4 / 5))


def test_with_class_logits_d_is_z_over_z_plus_one():
    logits = torch.tensor([[math.log(1.0), math.log(2.0)]])  # Z = 3, D = 3/4
    assert sgan.discriminator_loss(logits, logits).item() == pytest.approx(-math.log(3 / 4) - math.log(1 / 4))
    assert sgan.generator_loss(logits, saturating=True).item() == pytest.approx(math.log(1 / 4))


def test_conditional_and_entropy_losses_are_means():
    recovered, wanted = torch.tensor([[1.0, 2], [3, 4]]), torch.tensor([[1.0, 0], [3, 2]])
    assert sgan.conditional_loss(recovered, wanted, labels=False).item() == pytest.approx((4 + 4) / 4)
    assert sgan.entropy_loss(recovered, wanted).item() == pytest.approx(2)
    logits, label = torch.tensor([[0.0, math.log(3.0)]]), torch.tensor([[0.0, 1.0]])
    assert sgan.conditional_loss(logits, label, labels=True).item() == pytest.approx(-math.log(3 / 4))


@pytest.mark.parametrize(("loss", "steps"), [(0.7, 1), (0.65, 3), (0.51, 3), (0.5, 5), (0.31, 5), (0.3, 7), (0.0, 7)])
def test_a_strong_discriminator_gives_the_generator_more_steps(loss, steps):
    assert sgan.patience(loss) == steps


def test_a_scaled_gradient_leaves_the_value():
    x = torch.tensor([0.1, -3.0], requires_grad=True)
    y = sgan.scaled_gradient(x, 0.01)
    assert torch.equal(y, x)
    (y * y).sum().backward()
    assert x.grad.tolist() == pytest.approx([0.002, -0.06])


class Fixed(nn.Module):
    """A discriminator that always finds the same."""

    def __init__(self, logits, noise):
        super().__init__()
        self.logits, self.noise = logits, noise

    def forward(self, _):
        return Found(self.logits, self.noise)


@pytest.mark.parametrize(("shape", "paper_loss"), [(GREY, False), (COLOUR, False), (COLOUR, True)])
def test_the_losses_of_a_generator_by_hand(build, shape, paper_loss):
    """D = 3/4 of every fake; Q off by 0.1; features off by 2 in all places."""
    model = build("sgan", noisy(shape), paper_loss=paper_loss, **SMALL)
    noise = torch.rand(4, 7)
    logits = torch.full((4, 1), math.log(3.0))
    image = torch.rand(4, *shape)
    stack = model.stacks[0]._replace(discriminator=Fixed(logits, noise + 0.1))
    model.stacks[0] = stack
    made = Made(0, stack.encoder(image) + 2, noise, image)
    found = {name: loss.item() for name, loss in model.generator_losses(made).items()}
    saturates = shape == COLOUR and not paper_loss
    assert found["generator"] == pytest.approx(math.log(1 / 4) if saturates else -math.log(3 / 4))
    assert found["cond"] == pytest.approx(4, rel=1e-4)
    assert found["ent"] == pytest.approx(0.01, rel=1e-3)
    total = sum(w * x for w, x in zip(model.config.weights, found.values(), strict=True))
    assert total == pytest.approx(found["generator"] + found["cond"] + 10 * found["ent"])


@pytest.mark.parametrize(("shape", "paper_loss", "expected"), [
    (GREY, False, 0.5 * (-math.log(3 / 4) - math.log(1 / 4)) + 10 * 0.01),
    (GREY, True, -math.log(3 / 4) - math.log(1 / 4) + 10 * 0.01),
    (COLOUR, False, 0.5 * (-math.log(3 / 4) - math.log(1 / 4)) + 10 * 0.01 - math.log(1 / 10)),
    (COLOUR, True, -math.log(3 / 4) - math.log(1 / 4) + 10 * 0.01),
])  # fmt: skip
def test_the_loss_of_a_discriminator_by_hand(build, shape, paper_loss, expected, monkeypatch):
    """D = 3/4 of all; Q off by 0.1; its ten classes, where it has some, equally likely: cross-entropy log 10."""
    model = build("sgan", noisy(shape), paper_loss=paper_loss, **SMALL)
    noise, image, seen = torch.rand(4, 7), torch.rand(4, *shape), []
    logits = torch.full((4, model.logits), math.log(3.0 / model.logits))
    model.stacks[0] = model.stacks[0]._replace(discriminator=Fixed(logits, noise + 0.1))
    monkeypatch.setattr(sgan, "update", lambda _, loss: seen.append(loss.item()))
    model.train_discriminators([Made(0, None, noise, image)], [image], torch.arange(4))
    assert seen == [pytest.approx(expected, rel=1e-4)]


# --- the schedule


@pytest.mark.parametrize(("variant", "stages"), [
    ("sgan", ["encoder", "encoder", 0, 0, 0, 1, 1, 1, "joint", "joint", "joint"]),
    ("no-joint", ["encoder", "encoder", 0, 0, 0, 0, 0, 1, 1, 1, 1]),
    ("adv-cond", ["encoder", "encoder", *[0] * 9]),
    ("adv-ent", [0] * 11),
    ("adv", [0] * 11),
    ("full-generator", ["encoder", "encoder", *[0] * 9]),
])  # fmt: skip
def test_stages(build, variant, stages):
    model = build("sgan", blank(GREY), variant=variant, steps=11, encoder_steps=2)
    found = []
    for step in range(11):
        model.progress = step / 11
        found.append(model.stage())
    assert found == stages


def test_a_stage_trains_its_own_networks_only(build):
    model = build("sgan", noisy(GREY), **{**SMALL, "encoder_steps": 2, "steps": 8})
    resident = training.to_device(noisy(GREY).train, model.device)
    nets = {"encoder": model.encoder}
    for i, stack in enumerate(model.stacks):
        nets |= {f"generator_{i}": stack.generator, f"discriminator_{i}": stack.discriminator}
    changed = []
    for step in range(8):
        model.progress = step / 8
        before = {name: next(net.parameters()).clone() for name, net in nets.items()}
        model.step(training.batches(resident, 8))
        changed.append({name for name, net in nets.items() if (next(net.parameters()) != before[name]).any()})
    alone = [{f"generator_{i}", f"discriminator_{i}"} for i in (0, 1)]
    assert changed == [{"encoder"}] * 2 + [alone[0]] * 2 + [alone[1]] * 2 + [alone[0] | alone[1]] * 2


def test_jointly_a_generator_is_given_what_the_one_above_made(build):
    model = build("sgan", noisy(GREY), **SMALL)
    real = model.levels(torch.rand(8, *GREY), torch.arange(8))
    torch.manual_seed(1)
    top, bottom = model.make([0, 1], real, joint=True)
    assert (top.stack, bottom.stack) == (1, 0)
    assert torch.equal(bottom.condition, top.output)
    assert torch.equal(top.condition, real[2])
    (alone,) = model.make([0], real, joint=False)
    assert torch.equal(alone.condition, real[1])


def test_a_generator_above_feels_a_hundredth_of_the_loss_below(build):
    """Gradients of L_1 + 0.01 L_0 for G_1, of L_0 for G_0, as two backward passes give them."""
    model = build("sgan", noisy(GREY), **{**SMALL, "weights": (1.0, 1.0, 10.0)})
    model.generator.train()
    real = model.levels(torch.rand(8, *GREY), torch.arange(8))
    parts = [list(stack.generator.parameters()) for stack in model.stacks]

    def losses(weight):
        torch.manual_seed(3)
        object.__setattr__(model.config, "joint_weight", weight)
        made = model.make([0, 1], real, joint=True)
        found = {m.stack: model.generator_losses(m) for m in made}
        return {i: sum(w * x for w, x in zip((1, 1, 10), f.values(), strict=True)) for i, f in found.items()}

    together = losses(0.01)
    found = torch.autograd.grad(together[0] + together[1], parts[0] + parts[1])
    apart = losses(1.0)
    bottom = torch.autograd.grad(apart[0], parts[0], retain_graph=True)
    top = torch.autograd.grad(apart[1] + 0.01 * apart[0], parts[1])
    for mine, expected in zip(found, (*bottom, *top), strict=True):
        torch.testing.assert_close(mine, expected, rtol=1e-3, atol=1e-7)


def test_noise_and_dropout_are_those_of_the_stage(build):
    model = build("sgan", noisy(COLOUR), **SMALL)
    rates = []
    for jointly in (False, True):
        for stack in model.stacks:
            stack.discriminator.jointly(jointly)
            rates.append([m.rate for m in stack.discriminator.modules() if isinstance(m, Noise | Dropout)])
    assert rates == [[0.05, 0.1, 0.1], [0.2, 0.0, 0.0], [0.05, 0.3, 0.3], [0.2, 0.2, 0.2]]
    layer = Noise(0.0, 0.5).eval()
    assert torch.equal(layer(torch.ones(3)), torch.ones(3))


def test_adam_starts_anew_with_the_joint_stage(build):
    model = build("sgan", noisy(GREY), **{**SMALL, "encoder_steps": 1, "steps": 10})
    resident = training.to_device(noisy(GREY).train, model.device)
    counts = []
    for step in range(10):
        model.progress = step / 10
        model.step(training.batches(resident, 8))
        state = model.optimisers["generator"].state
        counts.append(int(max((s["step"].item() for s in state.values()), default=0)))
    assert counts == [0, 1, 2, 3, 3, 3, 3, 1, 2, 3]


def test_the_generator_takes_as_many_steps_as_the_discriminators_loss_says(build, monkeypatch):
    model = build("sgan", noisy(COLOUR), **SMALL)
    model.progress = 1 / 5
    count = []
    monkeypatch.setattr(model, "train_generators", lambda made: count.append(1) or {})
    monkeypatch.setattr(model, "train_discriminators", lambda *_: {"discriminator_0": torch.tensor(0.4)})
    model.step(training.batches(training.to_device(noisy(COLOUR).train, model.device), 8))
    assert len(count) == 5
    assert build("sgan", noisy(GREY), **SMALL).steps_of_generator(torch.tensor(0.4)) == 1
    assert build("sgan", noisy(COLOUR), **SMALL, generator_steps=2).steps_of_generator(torch.tensor(0.4)) == 2
    assert build("sgan", noisy(COLOUR), **SMALL, paper_loss=True).steps_of_generator(torch.tensor(0.4)) == 1


@pytest.mark.parametrize("shape", [GREY, COLOUR])
@pytest.mark.parametrize("more", [{"stacks": 3}, {"variant": "no-labels"}, {"variant": "full-generator"},
                                  {"variant": "adv-ent"}, {"bottom_entropy": False}])  # fmt: skip
def test_every_variant_trains_and_samples(build, shape, more, tmp_path):
    dataset = noisy(shape, classes=0 if more.get("variant") in ("no-labels", "adv-ent") else 10)
    if "adv-ent" in more.values():
        dataset = noisy(shape)
    model = build("sgan", dataset, **{**SMALL, **more})
    shown = training.train(model, dataset, tmp_path, seed=0, every=9, show=False)
    assert all(map(math.isfinite, shown.values()))
    assert model.sample(3, seed=0).shape == (3, *shape)
    name = {"adv-ent": None, "no-labels": "encoder_squared_error_test"}.get(
        more.get("variant"), "encoder_accuracy_test"
    )
    assert (name in model.evaluate(dataset, 0)) == (name is not None)


# --- the encoder of another run, the command line, errors


def train(*arguments):
    return CliRunner().invoke(main, ["train", *arguments, "--device", "cpu"], catch_exceptions=False)


@pytest.fixture
def images(npz):
    x = np.random.default_rng(0).integers(0, 256, (60, 28, 28), dtype=np.uint8)
    return npz(x=x, y=np.arange(60) % 10)


def test_an_encoder_serves_several_runs(images, tmp_path):
    """Given as a run or as exported weights; the run of the GAN does not need it once it has started."""
    encoder, weights = tmp_path / "encoder", tmp_path / "encoder.safetensors"
    small = ["--dataset", images, "--batch-size", "8"]
    assert train("sgan-encoder", *small, "--steps", "3", "--out", str(encoder)).exit_code == 0
    assert CliRunner().invoke(main, ["export", str(encoder), str(weights)]).exit_code == 0
    expected = trained(encoder, "cpu")[0].classifier.state_dict()
    for place in (encoder, weights):
        out = tmp_path / f"gan-{place.name}"
        more = ["--steps", "3", "--narrow", "8", "--encoder", str(place), "--out", str(out)]
        assert train("sgan", *small, *more).exit_code == 0
    encoder.rename(tmp_path / "elsewhere")
    for place in ("encoder", "encoder.safetensors"):
        model = trained(tmp_path / f"gan-{place}", "cpu")[0]
        assert all(torch.equal(v, expected[k]) for k, v in model.encoder.state_dict().items())
        assert model.sample(2, seed=0).shape == (2, *GREY)


@pytest.mark.parametrize(("place", "content"), [("nowhere", None), ("x.safetensors", b"nonsense")])
def test_an_encoder_that_is_none_is_refused(build, tmp_path, place, content):
    if content:
        (tmp_path / place).write_bytes(content)
    with pytest.raises(DataError, match=r"not an encoder of such images .*`train sgan-encoder` makes one"):
        build("sgan", noisy(GREY), **SMALL, encoder=str(tmp_path / place))


def test_an_encoder_of_other_images_is_refused(build, tmp_path):
    weights = build("sgan-encoder", noisy(COLOUR)).classifier.state_dict()
    import safetensors.torch

    safetensors.torch.save_file(weights, tmp_path / "colour.safetensors")
    with pytest.raises(DataError, match="not an encoder of such images"):
        build("sgan", noisy(GREY), **SMALL, encoder=str(tmp_path / "colour.safetensors"))


def test_settings_that_cannot_be(build):
    with pytest.raises(UnknownNameError, match="did you mean 'no-joint'"):
        build("sgan", noisy(GREY), variant="no-join")
    with pytest.raises(DataError, match="stacks must be 1, 2 or 3, got 4"):
        build("sgan", noisy(GREY), stacks=4)
    with pytest.raises(DataError, match="steps must be at least 5: 2 of the encoder and one a stage, got 4"):
        build("sgan", noisy(GREY), steps=4, encoder_steps=2)
    with pytest.raises(DataError, match=r"28 or 32 pixels .* needs labels; noise has shape \(1, 8, 8\) and 10"):
        build("sgan", noisy((1, 8, 8)))
    with pytest.raises(DataError, match="no classes"):
        build("sgan", noisy(GREY, classes=0))


def test_an_encoder_without_labels_learns_to_reconstruct(build, quarters, tmp_path):
    dataset = quarters(GREY)
    model = build("sgan-encoder", dataset, labels=False, steps=60, batch_size=32)
    before = model.evaluate(dataset, 0)["squared_error_test"]
    training.train(model, dataset, tmp_path, seed=0, every=60, show=False)
    after = model.evaluate(dataset, 0)["squared_error_test"]
    assert before == pytest.approx(np.square(dataset.test.images / 255 - 0.5).mean(), rel=0.2)
    assert after < before / 4


def test_every_stack_learns_to_invert_its_part_of_the_encoder(build, quarters, tmp_path):
    """Images made of the features of an image are bright in its quarter; features made of a label have that label."""
    dataset = quarters(GREY)
    settings = {"steps": 260, "encoder_steps": 60, "narrow": 8, "batch_size": 16, "learning_rate": 1e-3}
    model = build("sgan", dataset, variant="no-joint", **settings)
    images, labels = (torch.from_numpy(part) for part in dataset.train)
    noise = model.latents(64, torch.Generator().manual_seed(0)).split(50, dim=1)

    def right():
        _, features, condition = model.levels(images / 255, labels)
        model.generator.eval()
        with torch.no_grad():
            made, seen = (model.stacks[i].generator(h, noise[i]) for i, h in ((0, features), (1, condition)))
            brightest = F.avg_pool2d(made, 14).flatten(1).argmax(dim=1)
            found = model.stacks[1].encoder(seen).argmax(dim=1)
        return (brightest == labels).float().mean().item(), (found == labels).float().mean().item()

    assert max(right()) < 0.6
    training.train(model, dataset, tmp_path, seed=0, every=260, show=False)
    assert min(right()) > 0.9


# --- sampling of one condition


def test_samples_in_rows_of_one_label_and_of_one_fc3(build):
    model = build("sgan", blank(GREY), **SMALL)
    for weight in model.generator.parameters():
        weight.data *= 10 if weight.ndim > 1 else 1
    given = []
    for hold in (False, True):
        latents, labels = sgan_sampling.condition_rows(model, rows=12, columns=3, seed=0, hold=hold)
        assert labels.tolist() == [row % 10 for row in range(12) for _ in range(3)]
        given.append(latents.reshape(12, 3, 100))
    free, held = given
    assert torch.equal(free[:, 0], held[:, 0])
    assert torch.equal(free[:, :, :50], held[:, :, :50])  # the bottom generator's differs in a row
    assert torch.equal(held[:, :, 50:], free[:, :1, 50:].expand(-1, 3, -1))
    latents, labels = sgan_sampling.condition_rows(model, rows=12, columns=3, seed=0, hold=True)
    model.generator.eval()
    features = model.stacks[1].generator(model.generator.condition(labels), latents[:, 50:]).reshape(12, 3, -1)
    assert torch.allclose(features, features[:, :1].expand(-1, 3, -1), atol=1e-5)
    images = sgan_sampling.rows(model, rows=12, columns=3, seed=0, hold=True)
    assert (images.shape, images.dtype) == ((36, *GREY), np.uint8)
    assert (images == model.generate(latents, labels).numpy()).mean() > 0.99


def test_nearest_images_are_those_of_the_training_set(quarters):
    dataset = quarters(GREY)
    images = dataset.train.images[[5, 9, 0]]
    found, distances = sgan_sampling.nearest_images(images, dataset)
    assert (found == images).all()
    assert distances.tolist() == [0, 0, 0]
