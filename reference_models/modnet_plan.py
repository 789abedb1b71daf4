"""The settings of the augmentation experiment; nothing heavy is imported, for they are the flags of a command."""

from __future__ import annotations

from dataclasses import dataclass

from reference_models.flags import hp


@dataclass(frozen=True)
class Plan:
    """How the classifiers are trained, and the ModNets of few images; the thesis says nothing of either."""

    classifier_steps: int = hp(150, "updates of each classifier; unstated, ours", at_least=1)
    classifier_batch: int = hp(64, "images in each; unstated, ours", at_least=1)
    classifier_width: int = hp(16, "maps of its first layer; Figure 2.5 shows 64 for 64 x 64 images", at_least=1)
    learning_rate: float = hp(2e-3, "of Adam, falls to 0 along a cosine; unstated, ours")
    generated_only: int = hp(
        10_000, "training images, at most, that the generated-only classifier's are made of; ours", at_least=1
    )
    few_steps: int = hp(100, "training iterations of a ModNet of n images; unstated, ours", at_least=1)
