"""IntroVAE of Huang, Li, He, Sun & Tan (2018), "IntroVAE: Introspective Variational Autoencoders for Photographic Image
Synthesis", arXiv:1807.06358: a variational autoencoder whose encoder E tells real images from generated ones.

KL(x) is that of q(z|x) = E(x) to N(0, I), summed over z, a mean over the batch; x_r is the reconstruction of x, x_p a
sample from the prior; AE is the squared error of x_r, summed over pixels, a mean over the batch:

    encoder:   KL(x) + alpha ([m - KL(x_r)]+ + [m - KL(x_p)]+) + beta AE

    generator: alpha_generator (KL(x_r) + KL(x_p)) + beta AE

These are Eq. 11, with x_r and x_p held fixed in the hinges, and Eq. 12.

By default as in the authors' code (github.com/hhb072/IntroVAE): alpha_generator = 0.5 whatever alpha is. `--paper` has
one alpha for both and AE / 2. In both the hinge is that of the mean KL of a batch. Networks are those of `vae-conv`.

The first `pretrain_steps` train a plain VAE, KL(x) + beta AE; from its KL the margin m is chosen (Appendix D), unless
it is given. `--vae` trains one to the end. Batch norm of E normalises every batch by itself, real, reconstructed or
sampled; its running statistics, which encode images after training, are of real images (the code's are of all three).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genmetrics._checks import DataError
from reference_models.autoencoding import Autoencoding, gradient_energy
from reference_models.data import Dataset
from reference_models.flags import hp
from reference_models.generative import descend, parameters, update
from reference_models.vae import kl_to_standard_normal, squared_error
from reference_models.vae_conv import networks

PLAYERS = ("encoder", "generator")
CHOSEN_IN = 10  # the last tenth of pretraining, over whose steps the KL is averaged


@dataclass(frozen=True)
class Config:
    steps: int = hp(200_000, "unstated; ours. code, 256 x 256: 500 epochs of 29,000 images in batches of 16")
    pretrain_steps: int = hp(
        20_000, "ours; code run_256: none with m 120, 10 epochs with m 1000; run_1024: 4 epochs", at_least=0
    )
    batch_size: int = hp(64, "128 x 128; 256: 32, 512: 12, 1024: 8, Table 1; code run_256: 16")
    learning_rate: float = hp(2e-4, "Section 4.1, both players, fixed")
    adam_betas: tuple[float, float] = hp((0.9, 0.999), "Section 4.1")
    latent_dim: int = hp(
        128, "ours, for 32 x 32; the paper: 256 for 128 x 128, 512 for 256 x 256 and 1024 x 1024", at_least=1
    )
    margin: float = hp(0.0, "m; 0: chosen from pretraining. paper: 110 (128 x 128), 120 (256), 90 (1024)", at_least=0)
    margin_ratio: float = hp(1.15, "m over the KL of pretraining, where m is chosen; Appendix D: a little larger")
    alpha: float = hp(0.25, "Section 4.1; code run_256: weight_neg / 2 = 0.25, run_1024: 0.5", at_least=0)
    alpha_generator: float = hp(0.5, "code, a constant; with --paper it is alpha", at_least=0)
    beta: float = hp(
        1.0, "code; run_256 0.05, run_1024 0.01. paper: 0.5 (128 x 128), 0.05 (256), 0.0025 (1024)", at_least=0
    )
    pretrain_beta: float = hp(
        0.0, "beta while pretraining; 0: beta, for which m is chosen (Appendix D). code: 1", at_least=0
    )
    paper: bool = hp(False, "alpha for both players and AE / 2, as Eq. 10 to 12 print them")
    vae: bool = hp(False, "a plain VAE: no adversarial terms, to the end")
    narrow: int = hp(1, "ours; divides the channels of every layer", at_least=1)


class Margin(nn.Module):
    """m, kept with the networks: given, or a running mean while it is chosen."""

    m: Tensor

    def __init__(self, m: float) -> None:
        super().__init__()
        self.register_buffer("m", torch.tensor(m))

    def add(self, value: Tensor, k: int) -> None:
        """The k-th value of a mean, from 1."""
        self.m.lerp_(value.detach().to(self.m.dtype), 1 / k)


def encoder_loss(real: Tensor, others: tuple[Tensor, ...], margin: Tensor, alpha: float) -> Tensor:
    """KL(x) + alpha sum [m - KL(x_s)]+ from mean KLs; Eq. 11 without its last term."""
    return real + alpha * torch.stack([F.relu(margin - kl) for kl in others]).sum()


def generator_loss(others: tuple[Tensor, ...], alpha: float) -> Tensor:
    """alpha sum KL(x_s) from mean KLs; Eq. 12 without its last term."""
    return alpha * torch.stack(others).sum()


@contextmanager
def statistics_kept(network: nn.Module) -> Iterator[None]:
    """Within it, batch norm normalises by the batch but leaves its running statistics alone."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True


class IntroVAE(Autoencoding):
    Config = Config
    paper = "Huang et al. (2018), arXiv:1807.06358"
    images = (3, 32, 32)
    quick = MappingProxyType(  # pretraining is so short that the KL still rises after it: a wider margin
        {"steps": 600, "pretrain_steps": 200, "batch_size": 32, "learning_rate": 1e-3, "latent_dim": 32, "narrow": 4}
        | {"margin_ratio": 1.4}
    )
    compilable = ("encoder",)  # a step walks the generator's graph twice; compiled, its buffers may go after once
    panels = MappingProxyType(  # of `curves`, as Figure 5 has them
        {"squared error": ("squared_error",), "KL": ("kl_real", "kl_reconstruction", "kl_sample", "margin")}
    )

    def __init__(self, config: Config, dataset: Dataset, device: torch.device) -> None:
        self.config, self.device, self.progress, self.averages = config, device, 0.0, {}
        if not config.margin and not config.vae and config.pretrain_steps < CHOSEN_IN:
            raise DataError(
                f"the margin is chosen from pretraining, but pretrain_steps is {config.pretrain_steps}; give --margin, "
                f"or at least {CHOSEN_IN} --pretrain-steps"
            )
        if not config.vae and config.steps <= config.pretrain_steps:
            raise DataError(
                f"all {config.steps} steps are pretraining ({config.pretrain_steps}); ask for more --steps or fewer "
                "--pretrain-steps, or say --vae for a plain VAE"
            )
        if config.margin_ratio <= 0:
            raise DataError(f"margin_ratio must be above 0, got {config.margin_ratio}")
        self.encoder, self.generator = networks("introvae", dataset, config.latent_dim, config.narrow)
        self.margin = Margin(config.margin)
        self.networks = {"encoder": self.encoder, "generator": self.generator, "margin": self.margin}
        for network in self.networks.values():
            network.to(device)
        self.optimisers = {
            name: torch.optim.Adam(self.networks[name].parameters(), config.learning_rate, config.adam_betas)
            for name in PLAYERS
        }

    def step(self, batches: Iterator[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        """One update of both networks: as a plain VAE while pretraining, then the encoder's and the generator's."""
        for name in PLAYERS:
            self.networks[name].train()
        images = next(batches)[0] / 255
        done = round(self.progress * self.config.steps)
        if self.config.vae or done < self.config.pretrain_steps:
            return self.step_of_a_vae(images, done)
        return self.introspective_step(images)

    def step_of_a_vae(self, images: Tensor, done: int) -> dict[str, Tensor]:
        """One update of both networks on KL(x) + beta AE."""
        mean, log_variance, z = self.posterior(images)
        error = squared_error(images, self.generator(z).float()).mean()
        kl = kl_to_standard_normal(mean, log_variance).mean()
        loss = kl + (self.config.pretrain_beta or self.config.beta) * self.half(error)
        encoder, generator = self.optimisers.values()
        for optimiser in (encoder, generator):
            optimiser.zero_grad()
        loss.backward(inputs=[*parameters(encoder), *parameters(generator)])
        descend(encoder)
        descend(generator)
        self.choose_margin(kl, done)
        return {"squared_error": error.detach(), "kl_real": kl.detach()}

    def introspective_step(self, images: Tensor) -> dict[str, Tensor]:
        """Algorithm 1: the encoder's update, then the generator's through the updated encoder.

        The generator's graph is cut at z. So the encoder's weights may change before the generator's backward pass,
        and what the generator gets is the gradient that the authors' code computes: of beta AE as it was before the
        encoder's update, and of the KLs after it.
        """
        c, (encoder, generator) = self.config, self.optimisers.values()
        mean, log_variance, z = self.posterior(images)
        cut = z.detach().requires_grad_()
        reconstruction, sample = self.generator(cut).float(), self.generator(self.batch_of_latents()).float()
        error = squared_error(images, reconstruction).mean()
        real = kl_to_standard_normal(mean, log_variance).mean()
        fixed = self.kl_of(reconstruction.detach()), self.kl_of(sample.detach())
        reconstructing = c.beta * self.half(error)

        encoder.zero_grad()
        (from_error,) = torch.autograd.grad(reconstructing, cut, retain_graph=True)
        loss = encoder_loss(real, fixed, self.margin.m, c.alpha)
        torch.autograd.backward([loss, z], [None, from_error], inputs=parameters(encoder))
        descend(encoder)

        others = self.kl_of(reconstruction), self.kl_of(sample)
        alpha = c.alpha if c.paper else c.alpha_generator
        update(generator, generator_loss(others, alpha) + reconstructing)
        return {
            "squared_error": error.detach(),
            "kl_real": real.detach(),
            "kl_reconstruction": fixed[0].detach(),
            "kl_sample": fixed[1].detach(),
            "margin": self.margin.m.clone(),
        }

    def posterior(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mean and log variance of q(z|x), and a sample of it."""
        mean, log_variance = (y.float() for y in self.encoder(images))
        return mean, log_variance, mean + (log_variance / 2).exp() * self.batch_of_latents()

    def kl_of(self, images: Tensor) -> Tensor:
        """Mean KL of images that are not real."""
        with statistics_kept(self.encoder):
            mean, log_variance = self.encoder(images)
        return kl_to_standard_normal(mean.float(), log_variance.float()).mean()

    def half(self, error: Tensor) -> Tensor:
        """AE: the paper's Eq. 10 has a factor 1/2, the code has none."""
        return error / 2 if self.config.paper else error

    def choose_margin(self, kl: Tensor, done: int) -> None:
        """At the end of pretraining: m becomes `margin_ratio` times the mean KL of its last tenth."""
        last = self.config.pretrain_steps // CHOSEN_IN
        k = done + 1 - (self.config.pretrain_steps - last)
        if not self.config.margin and 1 <= k <= last:
            self.margin.add(self.config.margin_ratio * kl, k)

    def evaluate(self, dataset: Dataset, seed: int) -> dict[str, float]:
        """Test images: squared error of their reconstructions, from the mean of q(z|x) and from a sample of it, and KL;
        KL and gradient energy of as many samples, the latter over that of the test images."""
        test = dataset.test.images
        samples = self.sample(len(test), seed)
        return {
            "squared_error_test": float(self.squared_errors(test).mean()),
            "squared_error_test_sampled": float(self.squared_errors(test, seed).mean()),
            "kl_test": self.mean_kl(test),
            "kl_samples": self.mean_kl(samples),
            "margin": self.margin.m.item(),
            "sharpness": float(gradient_energy(samples).mean() / gradient_energy(test).mean()),
        }

    def mean_kl(self, images) -> float:
        """Of uint8 images, the networks as trained."""
        return kl_to_standard_normal(*map(torch.from_numpy, self.encode(images))).mean().item()
