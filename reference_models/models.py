"""The table of models: name -> where its class is. Adding one is a file and a row."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from genmetrics._checks import DataError, unknown_name

if TYPE_CHECKING:
    import torch

    from reference_models.data import Dataset

MODELS = {
    "digits-cnn": "digits_cnn:DigitsClassifier",
    "mnist-cnn": "mnist_cnn:MnistClassifier",
    "sgan-encoder": "sgan_encoder:SGANEncoder",
    "wrn": "wrn:WideResNetClassifier",
    "vanilla-gan": "vanilla_gan:VanillaGAN",
    "gan-10": "gan10:GAN10",
    "dcgan": "dcgan:DCGAN",
    "improved-gan": "improved_gan:ImprovedGAN",
    "wgan-gp": "wgan_gp:WGANGP",
    "modnet": "modnet:ModNet",
    "acgan": "acgan:ACGAN",
    "sgan": "sgan:SGAN",
    "vae": "vae:VAE",
    "vae-10": "vae_ais:VAE10",
    "vae-50": "vae_ais:VAE50",
    "vae-conv": "vae_conv:ConvolutionalVAE",
    "introvae": "introvae:IntroVAE",
}


def find(name: str) -> Any:
    """The class of a model.

    Raises:
        UnknownNameError: no such model; the nearest is suggested.
    """
    if name not in MODELS:
        raise unknown_name("model", name, MODELS)
    module, cls = MODELS[name].split(":")
    return getattr(importlib.import_module(f"reference_models.{module}"), cls)


def build(name: str, config: Any, dataset: Dataset, device: torch.device, seed: int) -> Any:
    """The model with initial weights fixed by `seed`, whatever the device.

    Raises:
        DataError: the images do not suit the model, or a setting is out of its range.
    """
    import torch

    from reference_models import flags, parallel, training

    flags.in_range(config)
    missing = int((dataset.train.labels < 0).sum())
    if missing and not getattr(find(name), "semi_supervised", False):
        raise DataError(
            f"{dataset.name}: {missing} of {len(dataset.train)} training images have no label (y is -1), which {name} "
            "does not allow; leave them out"
        )
    with training.own_random_numbers(device), parallel.alone():
        torch.manual_seed(seed)
        try:
            return find(name)(config, dataset, device)
        except DataError:
            raise
        except (ValueError, RuntimeError) as error:
            raise DataError(f"{name} cannot be built with these settings: {error}") from None


def parameter_counts(model: Any) -> dict[str, int]:
    """Trainable numbers in each of its networks."""
    return {name: sum(p.numel() for p in net.parameters()) for name, net in model.networks.items()}
