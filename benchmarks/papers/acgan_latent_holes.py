"""Between two latents there are digits all the way."""

from __future__ import annotations

import numpy as np
from claim import PRESET, RUNS, Claim, Finding, decided, main, over_seeds
from samples import features

from genmetrics.analyses.latent import evenness_of_paths, interpolate

SEEDS, PATHS, STEPS = (0, 1, 2), 100, 9

CLAIM = Claim(
    "AC-GAN, arXiv:1610.09585",
    "Section 4.5, Figure 9",
    "Paths between latents have no holes, and images change along them step by step.",
    f"AC-GAN on MNIST, {PRESET} preset, seeds 0, 1, 2; {PATHS} straight paths of {STEPS} images within a class; share "
    "of the images in the middle that mnist-cnn sees as the class that was asked for, less that of the ends; the "
    "largest step in its features over the mean step.",
)


def measure() -> Finding:
    import torch

    from reference_models.__main__ import trained

    drops, even = [], []
    for seed in SEEDS:
        model = trained(RUNS / "acgan" / f"mnist-{seed}", "cpu")[0]
        ends = model.latents(2 * PATHS, torch.Generator().manual_seed(seed)).numpy().reshape(PATHS, 2, -1)
        z = np.concatenate([interpolate(a, b, STEPS) for a, b in ends]).astype(np.float32)
        labels = np.repeat(np.arange(PATHS) % model.classes, STEPS)
        images = model.generate(torch.from_numpy(z), torch.from_numpy(labels)).cpu().numpy()[:, 0]
        found = features(images)
        right = (found["logits"].argmax(1) == labels).reshape(PATHS, STEPS)
        drops.append(float(right[:, [0, -1]].mean() - right[:, 2:-2].mean()))
        even.append(evenness_of_paths(found["features"].reshape(PATHS, STEPS, -1)).value)
    drop = over_seeds("class accuracy at the ends less in the middle", drops)
    step = over_seeds("largest step over mean step", even)
    return Finding(
        [drop, step],
        decided(-drop.high, -drop.low, -0.05),
        f"The middle of a path loses {drop.value:.3f} [{drop.low:.3f}, {drop.high:.3f}] of class accuracy; less than "
        f"0.05 is taken as no holes. The largest of {STEPS - 1} steps is {step.value:.1f} times the mean one (one "
        f"jump would be {STEPS - 1}).",
    )


if __name__ == "__main__":
    main(__file__, CLAIM, measure)
