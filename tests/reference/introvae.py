"""IntroVAE's alternating update with whole graphs, as its authors' code had it on PyTorch 0.4: nothing cut at z.

There the encoder's weights changed between two backward passes of one graph, which autograd now refuses. Here the old
weights and the new ones are two sets of tensors, so that the one graph of x_r and x_p stays whole. The gradients of
the generator come from both losses, since the code does not reset them between the two.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence
from torch.func import functional_call

Weights = dict[str, Tensor]


def of(network: nn.Module) -> Weights:
    """A copy of the weights that gradients reach."""
    return {name: p.detach().clone().requires_grad_() for name, p in network.named_parameters()}


def posterior(encoder: nn.Module, weights: Weights, images: Tensor) -> Normal:
    mean, log_variance = functional_call(encoder, weights, images)
    return Normal(mean, log_variance.exp().sqrt())


def mean_kl(encoder: nn.Module, weights: Weights, images: Tensor) -> Tensor:
    q = posterior(encoder, weights, images)
    return sum(row.sum() for row in kl_divergence(q, Normal(0.0, 1.0))) / len(images)


def alternating_update(
    encoder: nn.Module,
    generator: nn.Module,
    images: Tensor,
    noise: Tensor,
    prior: Tensor,
    *,
    margin: float,
    alpha: float,
    alpha_generator: float,
    beta: float,
    rate: float,
) -> tuple[Weights, Weights]:
    """Gradients of the encoder's and of the generator's weights, where the encoder steps by `rate` times its own."""
    old, made_by = of(encoder), of(generator)
    q = posterior(encoder, old, images)
    rebuilt = functional_call(generator, made_by, q.mean + q.stddev * noise)
    fake = functional_call(generator, made_by, prior)
    squared = sum(((a - b) ** 2).sum() for a, b in zip(images, rebuilt, strict=True)) / len(images)
    loss_e = mean_kl(encoder, old, images) + beta * squared
    for others in (rebuilt, fake):
        short_of = margin - mean_kl(encoder, old, others.detach())
        loss_e = loss_e + alpha * (short_of if short_of > 0 else 0.0)
    found = torch.autograd.grad(loss_e, [*old.values(), *made_by.values()], retain_graph=True)
    of_encoder = dict(zip(old, found[: len(old)], strict=True))
    first = dict(zip(made_by, found[len(old) :], strict=True))

    new = {name: p.detach() - rate * of_encoder[name] for name, p in old.items()}
    loss_g = alpha_generator * (mean_kl(encoder, new, rebuilt) + mean_kl(encoder, new, fake))
    second = torch.autograd.grad(loss_g, list(made_by.values()))
    return of_encoder, {name: first[name] + g for name, g in zip(made_by, second, strict=True)}
