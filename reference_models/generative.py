"""What the models that generate share: random numbers by place in the batch, updates, samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from genmetrics.extractors.digits_vae import MICRO_BATCH, to_uint8
from reference_models import parallel


class Generative:
    """A model that makes images with one of its networks, the one that it `exports`.

    It has `latents(n, generator)`, the noise of n images, and may have `classes`, how many it tells apart.
    """

    exports = "generator"
    averaged = ("generator",)  # networks of which --ema keeps an average
    low = 0.0  # of the network's pixels that is black; white is 1
    classes = 0  # 0: images have no labels

    config: Any
    device: torch.device
    networks: dict[str, nn.Module]
    averages: dict[str, nn.Module]

    def latents(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """The noise that n images are made of, from `generator` or from the seed of the step."""
        return self.normal(n, self.config.latent_dim, generator=generator)

    def batch_of_latents(self, n: int | None = None) -> Tensor:
        """This process's rows of the latents of n images (of a batch)."""
        return parallel.own_rows(self.latents(n or self.config.batch_size))

    def normal(self, *shape: int, generator: torch.Generator | None = None) -> Tensor:
        """N(0, 1); with a generator, on the CPU first, so that every device gets the same."""
        device = "cpu" if generator else self.device
        return torch.randn(*shape, generator=generator, device=device).to(self.device)

    def uniform(self, *shape: int, generator: torch.Generator | None = None) -> Tensor:
        """U(0, 1), likewise."""
        device = "cpu" if generator else self.device
        return torch.rand(*shape, generator=generator, device=device).to(self.device)

    def scaled(self, images: Tensor) -> Tensor:
        """uint8 images in the network's range, [low, 1]."""
        return images / 255 if self.low == 0 else images / 127.5 - 1

    def samples(self, n: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """n images in parts, uint8 (k, c, h, w), with their classes (k,), which come in turn.

        Every part has the same shape before it is cut and the latents come from one generator on the CPU, in order,
        so an image depends on its place and the seed alone. Networks run as trained, batch norm with its running
        statistics; if the run keeps an average of the weights, that one is used.
        """
        generator = torch.Generator().manual_seed(seed)
        for done in range(0, n, MICRO_BATCH):
            labels = torch.arange(done, done + MICRO_BATCH) % max(self.classes, 1)
            images = self.generate(self.latents(MICRO_BATCH, generator), labels.to(self.device))
            yield images[: n - done].cpu().numpy(), labels[: n - done].numpy()

    @torch.no_grad()
    def generate(self, latents: Tensor, labels: Tensor) -> Tensor:
        """uint8 images of these latents (and classes, where the model has some)."""
        network = self.averages.get(self.exports, self.networks[self.exports])
        was_training = network.training
        network.eval()
        images = network(latents, labels) if self.classes else network(latents)
        network.train(was_training)
        return to_uint8((images.float() - self.low) / (1 - self.low))

    def sample(self, n: int, seed: int) -> np.ndarray:
        """n images, uint8 (n, c, h, w); the first k are the same for every n."""
        return np.concatenate([images for images, _ in self.samples(n, seed)])


def normal_weights(network: nn.Module, *, gains: bool) -> None:
    """Weights N(0, 0.02), biases 0; gains of batch norm N(1, 0.02) if asked for, as DCGAN's code has them."""
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0, 0.02)
        elif gains and isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1, 0.02)
        if isinstance(bias := getattr(module, "bias", None), Tensor):
            nn.init.zeros_(bias)


def update(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    """One step of the optimiser down the loss."""
    backward(optimiser, loss)
    descend(optimiser)


def backward(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    """Gradients of the loss; only those of the optimiser's own parameters are computed."""
    optimiser.zero_grad()
    loss.backward(inputs=parameters(optimiser))


def descend(optimiser: torch.optim.Optimizer) -> None:
    """One step along the gradients that are there, averaged over processes."""
    parallel.average_gradients(parameters(optimiser))
    optimiser.step()


def parameters(optimiser: torch.optim.Optimizer) -> list[Tensor]:
    return [p for group in optimiser.param_groups for p in group["params"]]
