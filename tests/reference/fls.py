"""The feature likelihood score by automatic differentiation: torch's own Adam on the paper's likelihood."""

from __future__ import annotations

import math

import torch

STEPS = 100


def log_density(x, centres, log_variances):
    """log (1/m) sum_j v_j^(-d/2) exp(-|x - c_j|^2 / 2 v_j), for each x."""
    square = (x[:, None] - centres[None]).square().sum(2)
    terms = -square / (2 * log_variances.exp()) - x.shape[1] / 2 * log_variances
    return terms.logsumexp(1) - math.log(len(centres))


def fitted(data, centres):
    log_variances = torch.zeros(len(centres), dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([log_variances], lr=0.5)
    schedule = torch.optim.lr_scheduler.MultiStepLR(adam, [50], gamma=0.1)
    for _ in range(STEPS):
        adam.zero_grad()
        (-log_density(data, centres, log_variances).mean()).backward()
        adam.step()
        schedule.step()
        with torch.no_grad():
            log_variances.clamp_(-100, 20)
    return log_variances.detach()


def fls(train, baseline, test, generated):
    """The score; features are given as float64 arrays."""
    sets = [torch.tensor(x) for x in (train, baseline, test, generated)]
    union = torch.cat(sets)
    train, baseline, test, generated = ((x - union.mean(0)) / union.std(0) for x in sets)
    of_generated = log_density(test, generated, fitted(train, generated)).mean()
    of_baseline = log_density(test, baseline, fitted(train, baseline)).mean()
    return 100 * math.exp(2 * float(of_generated - of_baseline) / train.shape[1])
