"""Between two real faces there are faces all the way."""

from __future__ import annotations

import numpy as np
from claim import PRESET, RUNS, Claim, Finding, decided, main, over_seeds
from samples import features

from genmetrics.analyses.latent import evenness_of_paths, interpolate

SEEDS, PATHS, STEPS = (0, 1, 2), 60, 9

CLAIM = Claim(
    "IntroVAE, arXiv:1807.06358",
    "Section 4.2, Figure 4",
    "Paths between the encodings of real images are continuous: faces change step by step.",
    f"IntroVAE on CelebA faces of 32 pixels, {PRESET} preset, seeds 0, 1, 2; {PATHS} straight paths of {STEPS} images "
    "between the mean codes of held-out faces; the largest step over the mean step, in pixels and in the features of "
    "a ResNet-20. A jump would be one step that is half of the way and more, 4 times the mean.",
    f"The {PRESET} preset ends where the paper's training begins.",
)


def measure() -> Finding:
    import networks

    from reference_models.__main__ import trained

    network, of_pixels, of_features = networks.Classifier("resnet20"), [], []
    for seed in SEEDS:
        model, dataset = trained(RUNS / "introvae" / f"introvae-{seed}", "cpu")
        codes = model.encode(dataset.test.images[: 2 * PATHS])[0].reshape(PATHS, 2, -1)
        z = np.concatenate([interpolate(a, b, STEPS) for a, b in codes]).astype(np.float32)
        images = model.decode(z).transpose(0, 2, 3, 1)
        of_pixels.append(evenness_of_paths((images / 255).reshape(PATHS, STEPS, -1)).value)
        found = features(images, "features", extractor=network)["features"]
        of_features.append(evenness_of_paths(found.reshape(PATHS, STEPS, -1)).value)
    rows = [
        over_seeds("largest step over mean step, pixels", of_pixels),
        over_seeds("largest step over mean step, features", of_features),
    ]
    most = rows[1]
    jump = (STEPS - 1) / 2
    return Finding(
        rows,
        decided(jump - most.high, jump - most.low),
        f"The largest step is {rows[0].value:.2f} times the mean one in pixels, {most.value:.2f} [{most.low:.2f}, "
        f"{most.high:.2f}] times in features; a jump would be {jump:.0f}.",
    )


if __name__ == "__main__":
    main(__file__, CLAIM, measure)
