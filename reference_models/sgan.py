"""Stacked GAN of Huang et al. (2017), "Stacked Generative Adversarial Networks", arXiv:1612.04357.

An encoder E maps images h_0 to features h_1 (its layer fc3) and labels h_2; generator G_i maps h_(i+1) and noise z_i
back to h_i, against a discriminator D_i of h_i whose head Q_i recovers z_i. Networks, losses and schedule of the
authors' code (github.com/xunhuang1995/SGAN), which differs between 28 x 28 (MNIST) and 32 x 32 (CIFAR-10); SVHN has no
code and takes the latter. The encoder is trained first, or comes from `--encoder`; then the stacks one by one on what
the encoder finds, the bottom one first; then all together, each on what the generator above makes.

    D_i: -1/2 log D(h) - 1/2 log(1 - D(G(h', z))) + 10 ent      G_i: -log D(G(h', z)) + cond + 10 ent
    cond: |E_i(G(h', z)) - h'|^2, of labels their cross-entropy      ent: |Q(G(h', z)) - z|^2      (means, not sums)

For 32 x 32 the code departs from the paper: D has K logits l of classes, D = Z / (Z + 1) with Z = sum exp l, and learns
the classes of real images too; G's loss log(1 - D) saturates, and G takes 1 to 7 steps a time. `--paper-loss` is Eq. 4
and 5 as printed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genmetrics._checks import DataError, one_of
from reference_models import checkpoints, parallel
from reference_models.data import Dataset
from reference_models.flags import hp
from reference_models.generative import Generative, normal_weights, update
from reference_models.sgan_encoder import WIDTHS, Encoder, SGANEncoder
from reference_models.sgan_encoder import Config as EncoderConfig
from reference_models.sgan_networks import (
    NOISE,
    NOISE_ABOVE,
    Composition,
    Discriminator,
    FeatureGenerator,
    ImageGenerator,
    StackedGenerator,
    feature_discriminator,
    image_discriminator,
)

CUTS = {1: (), 2: (9,), 3: (7, 9)}  # stacks -> where the encoder's layers are cut: after the second pool, after fc3
PATIENCE = ((0.65, 1), (0.5, 3), (0.3, 5), (-1.0, 7))  # D's loss above which G takes so many steps; CIFAR-10 code


@dataclass(frozen=True)
class Variant:
    """Which parts of the method are used."""

    stacked: bool = True  # no: the bottom generator alone, on labels instead of features
    joint: bool = True  # a last stage that trains all stacks together
    conditional: bool = True  # L^cond
    entropy: bool = True  # L^ent
    labels: bool = True
    intermediate: bool = True  # a discriminator for every stack, not only for images


VARIANTS = {  # Section 4.5, (a) to (f); the generator that "failed to converge" there; Section 3.2, left for the future
    "sgan": Variant(),
    "no-joint": Variant(joint=False),
    "adv-cond-ent": Variant(stacked=False, joint=False),
    "adv-cond": Variant(stacked=False, joint=False, entropy=False),
    "adv-ent": Variant(stacked=False, joint=False, conditional=False, labels=False),
    "adv": Variant(stacked=False, joint=False, conditional=False, entropy=False, labels=False),
    "full-generator": Variant(joint=False, intermediate=False),
    "no-labels": Variant(labels=False),
}


@dataclass(frozen=True)
class Config:
    variant: str = hp("sgan", f"one of {', '.join(VARIANTS)}; Section 4.5, the last from Section 3.2")
    stacks: int = hp(2, "Section 4; 1 to 3: 3 has the encoder's second pool between images and fc3")
    steps: int = hp(311_700, "encoder, then 200 passes a stage, code: two stacks and joint; 100,000 a stage less")
    encoder_steps: int = hp(
        11_700, "of the encoder, at first, in batches of this run; the stages share the others evenly", at_least=0
    )
    encoder: str = hp("", "run of sgan-encoder, or weights it exported, to start from; without, it is trained first")
    mirror: bool = hp(True, "training images of the encoder; Section 4: CIFAR-10 only, so not for 28 x 28; SVHN: no")
    batch_size: int = hp(100, "code")
    learning_rate: float = hp(1e-4, "code, both players")
    adam_betas: tuple[float, float] = hp((0.5, 0.999), "code")
    weights: tuple[float, float, float] = hp(
        (1.0, 1.0, 10.0), "Section 4, of the losses: adversarial, cond, ent", at_least=0
    )
    bottom_entropy: bool = hp(True, "entropy loss of the bottom generator; Figure 2 (d): no")
    joint_weight: float = hp(
        0.01, "CIFAR-10 code: of the loss of a stack for the generators above; MNIST code: 0", at_least=0
    )
    paper_loss: bool = hp(False, "Eq. 4 and 5 instead of the code's losses")
    generator_steps: int = hp(
        0, "a discriminator step; 0: as the code, 1 for 28 x 28, else 1, 3, 5 or 7 by D's loss", at_least=0
    )
    noise: int = hp(
        0, "numbers in z of the bottom generator; 0: as the code, 50, for 32 x 32 16; the others have 50", at_least=0
    )
    narrow: int = hp(1, "ours; divides maps of convolutions, and hidden units of the networks of features", at_least=1)

    def restored(self) -> Config:
        """Without what is needed at the start only: a checkpoint holds the encoder."""
        return replace(self, encoder="", encoder_steps=0) if self.encoder else self


class Stack(NamedTuple):
    """What is trained against each other, and the part of the encoder that it inverts."""

    generator: nn.Module  # (h_(i+1), z_i) -> h_i
    discriminator: Discriminator
    encoder: Callable[[Tensor], Tensor]  # h_i -> h_(i+1), of the top stack logits
    top: bool


class Made(NamedTuple):
    """What a stack's generator made of what."""

    stack: int
    condition: Tensor | None
    noise: Tensor
    output: Tensor


# --- losses


def source(logits: Tensor) -> Tensor:
    """log sum exp over classes, the logit of D; a single logit is itself."""
    return logits.float().logsumexp(dim=1)


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """-log D(h) - log(1 - D(G)) from logits, means; Eq. 4, 2 log 2 at D = 1/2. The code has half of it."""
    return F.softplus(-source(real)).mean() + F.softplus(source(fake)).mean()


def generator_loss(fake: Tensor, saturating: bool) -> Tensor:
    """-log D(G), Eq. 5; or log(1 - D(G)), as the CIFAR-10 code."""
    return -F.softplus(source(fake)).mean() if saturating else F.softplus(-source(fake)).mean()


def conditional_loss(recovered: Tensor, condition: Tensor, labels: bool) -> Tensor:
    """Eq. 6: cross-entropy of logits with labels (as rows of 0 and 1), or the mean square difference of features."""
    return (F.cross_entropy if labels else F.mse_loss)(recovered.float(), condition.float())


def entropy_loss(recovered: Tensor, noise: Tensor) -> Tensor:
    """Eq. 7 with a Gaussian Q of fixed deviation: mean square difference."""
    return F.mse_loss(recovered.float(), noise)


def scaled_gradient(x: Tensor, weight: float) -> Tensor:
    """x, whose gradient is multiplied by `weight` on its way back."""
    return x.detach() + weight * (x - x.detach())


def patience(loss: float) -> int:
    """Steps of the generator after one of the discriminator with this adversarial loss (halved: log 2 at chance)."""
    return next(steps for bound, steps in PATIENCE if loss > bound)


# --- the model


class SGAN(Generative):
    Config = Config
    paper = "Huang et al. (2017), arXiv:1612.04357"
    images = (3, 32, 32)
    compilable = ()  # networks are called in parts
    quick = MappingProxyType(
        {"steps": 3100, "encoder_steps": 1000, "batch_size": 16, "narrow": 4, "noise": 4, "learning_rate": 1e-3}
    )

    def __init__(self, config: Config, dataset: Dataset, device: torch.device) -> None:
        check(config, dataset)
        self.variant = VARIANTS[config.variant]
        self.config, self.device, self.progress, self.averages = config, device, 0.0, {}
        self.classes = dataset.classes if self.variant.labels else 0
        as_code = dataset.shape[1] == 32 and not config.paper_loss
        self.saturating, self.adaptive = as_code, as_code and not config.generator_steps
        self.share = 1.0 if config.paper_loss else 0.5  # of Eq. 4
        learns = EncoderConfig(steps=config.encoder_steps, mirror=config.mirror, labels=self.variant.labels)
        self.pretraining = SGANEncoder(learns, dataset, device)
        self.encoder = self.pretraining.classifier
        if config.encoder:
            load_encoder(self.encoder, config.encoder)
        self.logits = self.classes if as_code and self.classes else 1
        self.stacks, self.generator = self.build(dataset.shape)
        discriminators = nn.ModuleList([stack.discriminator for stack in self.stacks])
        for network in (self.generator, discriminators):
            normal_weights(network, gains=False)  # code
        self.networks = {"generator": self.generator.to(device), "discriminator": discriminators.to(device)}
        self.networks |= {("encoder" if k == "classifier" else k): v for k, v in self.pretraining.networks.items()}
        self.optimisers = {
            name: torch.optim.Adam(self.networks[name].parameters(), config.learning_rate, config.adam_betas)
            for name in ("generator", "discriminator")
        }
        self.optimisers["encoder"] = self.pretraining.adam

    def build(self, shape: tuple[int, int, int]) -> tuple[list[Stack], StackedGenerator]:
        """The stacks, bottom first, and their generators as one."""
        c, v, side = self.config, self.variant, shape[1]
        cuts = CUTS[c.stacks] if v.stacked else ()
        above = [*(width_at(self.encoder, cut) for cut in cuts), self.classes]  # of what each generator is given
        noise = [c.noise or NOISE[side], *[NOISE_ABOVE] * len(cuts)]
        generators: list[nn.Module] = [ImageGenerator(shape, above[0], noise[0], c.narrow)]
        for i in range(1, len(above)):
            generators.append(FeatureGenerator(side, above[i], noise[i], above[i - 1], c.narrow))
        if not v.intermediate:
            generators = [Composition(generators, noise)]
            noise, cuts = [sum(noise)], ()
        parts = encoder_parts(self.encoder, cuts)
        recovered = [n if v.entropy and (i or c.bottom_entropy) else 0 for i, n in enumerate(noise)]
        discriminators = [image_discriminator(shape, self.encoder.mean.clone(), self.logits, recovered[0], c.narrow)]
        for i in range(1, len(generators)):
            discriminators.append(feature_discriminator(side, above[i - 1], self.logits, recovered[i], c.narrow))
        top = len(generators) - 1
        each = enumerate(zip(generators, discriminators, parts, strict=True))
        stacks = [Stack(*nets, top=i == top) for i, nets in each]
        return stacks, StackedGenerator(generators, noise, self.classes)

    def latents(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """U(0, 1): the noise of all generators, that of the bottom one first."""
        return self.uniform(n, sum(self.generator.widths), generator=generator)

    def stage(self, back: int = 0) -> str | int:
        """What this step trains, or the one so many steps back: "encoder", the number of a stack, or "joint"."""
        c = self.config
        step, first = round(self.progress * c.steps) - back, encoder_steps(c)
        if step < first:
            return "encoder"
        stages = stages_of(c)
        return stages[(step - first) * len(stages) // (c.steps - first)]

    def step(self, batches: Iterator[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        """One update of the encoder; or one of discriminators, then one or more of generators, on one batch."""
        stage = self.stage()
        if stage == "encoder":
            return self.pretraining.step(batches)
        joint = stage == "joint"
        if joint and self.stage(back=1) != "joint":  # its code is a script of its own, which starts Adam anew
            for name in ("generator", "discriminator"):
                self.optimisers[name].state.clear()
        for stack in self.stacks:
            stack.discriminator.jointly(joint)
        for name in ("generator", "discriminator"):
            self.networks[name].train()
        images, labels = next(batches)
        chosen = range(len(self.stacks)) if joint else [int(stage)]
        real = self.levels(images / 255, labels)
        with torch.no_grad():
            made = self.make(chosen, real, joint)
        shown = self.train_discriminators(made, real, labels)
        for _ in range(self.steps_of_generator(shown[f"discriminator_{chosen[0]}"])):
            shown |= self.train_generators(self.make(chosen, real, joint))
        return shown

    @torch.no_grad()
    def levels(self, images: Tensor, labels: Tensor) -> list[Tensor | None]:
        """h_0, ..., h_N: images, what the encoder makes of them, and labels as rows of 0 and 1 (None without)."""
        found = [images]
        for stack in self.stacks[:-1]:
            found.append(stack.encoder(found[-1]))
        return [*found, self.generator.condition(labels)]

    def make(self, chosen: Sequence[int], real: list[Tensor | None], joint: bool) -> list[Made]:
        """What these stacks generate, the top one first: each from what the encoder found, or jointly from above."""
        noise = self.batch_of_latents().split(self.generator.widths, dim=1)
        made, above = [], real[-1]
        for i in reversed(chosen):
            condition = above if joint else real[i + 1]
            output = self.stacks[i].generator(condition, noise[i])
            made.append(Made(i, condition, noise[i], output))
            above = scaled_gradient(output, self.config.joint_weight)
        return made

    def train_discriminators(self, made: list[Made], real: list[Tensor | None], labels: Tensor) -> dict[str, Tensor]:
        """One update of the discriminators of these stacks, on fakes without history."""
        adversarial, _, entropy = self.config.weights
        total, shown = torch.zeros((), device=self.device), {}
        for stack, _, noise, fake in made:
            discriminator = self.stacks[stack].discriminator
            on_real, on_fake = discriminator(real[stack]), discriminator(fake)
            loss = self.share * discriminator_loss(on_real.logits, on_fake.logits)
            shown[f"discriminator_{stack}"] = loss.detach()
            total = total + adversarial * loss
            if on_fake.noise is not None:
                total = total + entropy * entropy_loss(on_fake.noise, noise)
            if self.logits > 1:
                total = total + F.cross_entropy(on_real.logits.float(), labels)
        update(self.optimisers["discriminator"], total)
        return shown

    def steps_of_generator(self, loss: Tensor) -> int:
        """How many follow one of the discriminator, whose (bottom) adversarial loss this was."""
        if not self.adaptive:
            return self.config.generator_steps or 1
        return patience(parallel.mean({"loss": float(loss)})["loss"])

    def train_generators(self, made: list[Made]) -> dict[str, Tensor]:
        """One update of the generators of these stacks."""
        total, shown = torch.zeros((), device=self.device), {}
        for each in made:
            losses = self.generator_losses(each)
            total = total + sum(w * loss for w, loss in zip(self.config.weights, losses.values(), strict=True))
            shown |= {f"{name}_{each.stack}": loss.detach() for name, loss in losses.items()}
        update(self.optimisers["generator"], total)
        return shown

    def generator_losses(self, made: Made) -> dict[str, Tensor]:
        """Eq. 3 in its parts; those that the variant leaves out are 0."""
        stack, none = self.stacks[made.stack], torch.zeros((), device=self.device)
        found = stack.discriminator(made.output)
        losses = {"generator": generator_loss(found.logits, self.saturating), "cond": none, "ent": none}
        if self.variant.conditional and made.condition is not None:
            losses["cond"] = conditional_loss(stack.encoder(made.output), made.condition, labels=stack.top)
        if found.noise is not None:
            losses["ent"] = entropy_loss(found.noise, made.noise)
        return losses

    def evaluate(self, dataset: Dataset, seed: int) -> dict[str, float]:
        """How good the encoder is, on images that nothing was trained on; nothing without one."""
        if not uses_encoder(self.variant):
            return {}
        return {f"encoder_{name}": value for name, value in self.pretraining.evaluate(dataset, seed).items()}


# --- the encoder, and what can be trained


def encoder_parts(encoder: Encoder, cuts: tuple[int, ...]) -> list[Callable[[Tensor], Tensor]]:
    """The encoder in parts, the one that takes images first; the last gives logits."""

    def part(first: int, last: int | None) -> Callable[[Tensor], Tensor]:
        layers = encoder.body[first:last]

        def run(h: Tensor) -> Tensor:
            h = layers(h - encoder.mean if first == 0 else h)
            return encoder.head(h) if last is None else h

        return run

    return [part(*ends) for ends in zip((0, *cuts), (*cuts, None), strict=True)]


def width_at(encoder: Encoder, cut: int) -> int:
    """Features that come out of the encoder's first `cut` layers."""
    return next(layer for layer in [*encoder.body[cut:], encoder.head] if isinstance(layer, nn.Linear)).in_features


def load_encoder(encoder: Encoder, place: str) -> None:
    """Weights of a run of sgan-encoder, or of a file that it exported.

    Raises:
        DataError: there is none, or it is for other images.
    """
    path = Path(place) / checkpoints.CHECKPOINT if Path(place).is_dir() else Path(place)
    prefix = "network.classifier." if Path(place).is_dir() else ""
    try:
        encoder.load_state_dict(checkpoints.under(safetensors.torch.load_file(path), prefix))
    except (OSError, safetensors.SafetensorError, RuntimeError) as error:
        raise DataError(f"{path}: not an encoder of such images ({error}); `train sgan-encoder` makes one") from None


def uses_encoder(v: Variant) -> bool:
    return v.stacked or v.conditional


def encoder_steps(c: Config) -> int:
    """How many steps train the encoder: none if it is given, or if nothing asks it."""
    return c.encoder_steps if uses_encoder(VARIANTS[c.variant]) and not c.encoder else 0


def stages_of(c: Config) -> list[str | int]:
    """What is trained after the encoder, each for equally many steps."""
    v = VARIANTS[c.variant]
    stacks = c.stacks if v.stacked and v.intermediate else 1
    return [*range(stacks), *(["joint"] if v.joint and stacks > 1 else [])]


def check(c: Config, dataset: Dataset) -> None:
    """These settings suit the images and each other.

    Raises:
        DataError: they do not.
    """
    one_of(c.variant, "variant", tuple(VARIANTS))
    if c.stacks not in CUTS:
        raise DataError(f"stacks must be 1, 2 or 3, got {c.stacks}")
    labels, side = VARIANTS[c.variant].labels, dataset.shape[1]
    if side not in WIDTHS or dataset.shape[2] != side or (labels and not dataset.classes):
        raise DataError(
            f"sgan makes images of 28 or 32 pixels a side{', and this variant needs labels' if labels else ''}; "
            f"{dataset.name} has shape {dataset.shape} and {dataset.classes or 'no'} classes"
        )
    needed = encoder_steps(c) + len(stages_of(c))
    if c.steps < needed:
        raise DataError(
            f"steps must be at least {needed}: {encoder_steps(c)} of the encoder and one a stage, got {c.steps}"
        )
