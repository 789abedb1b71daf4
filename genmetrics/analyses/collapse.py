"""Which classes have collapsed, whether those are the ones a classifier does not see, and an eye on it in training.

Odena et al. (2017), arXiv:1610.09585, sections 4.2 and 4.3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np

from genmetrics._checks import DataError, count
from genmetrics.analyses.diversity import PROTOCOL, ms_ssim_diversity
from genmetrics.analyses.pairs import Diversity
from genmetrics.records import Z95

COLLAPSED = 0.25  # mean MS-SSIM of ImageNet's most uniform class, among real images at 128 px
UNSEEN = 0.01  # accuracy up to which a class counts as not seen


@dataclass(frozen=True)
class BelowLargestReal:
    """How many classes of samples are more diverse than the least diverse class of real images."""

    share: float  # in [0, 1], higher is better (AC-GAN: 84.7%)
    threshold: float  # the largest mean among real classes
    collapsed: tuple[Any, ...]  # the other classes, least diverse first


def share_below_largest_real(generated: Mapping[Any, float], real: Mapping[Any, float]) -> BelowLargestReal:
    """Share of classes whose mean MS-SSIM is below the largest mean of a real class.

    Raises:
        DataError: one of the tables is empty.
    Source: arXiv:1610.09585, section 4.2.
    """
    if not generated or not real:
        raise DataError(f"{len(generated)} classes of samples and {len(real)} of real images, but both need at least 1")
    threshold = max(real.values())
    collapsed = sorted((c for c, value in generated.items() if value >= threshold), key=lambda c: -generated[c])
    return BelowLargestReal(1 - len(collapsed) / len(generated), threshold, tuple(collapsed))


@dataclass(frozen=True)
class Joint:
    """Accuracy against MS-SSIM, class by class."""

    r: float | None  # Pearson's correlation; None where one of the two does not vary
    low: float | None  # 95% interval over classes; None below 4 classes
    high: float | None
    classes: int
    collapsed: int  # classes with MS-SSIM at `threshold` or above
    unseen_of_collapsed: float | None  # share of them with accuracy <= `unseen` (AC-GAN: 74%); None if there are none
    seen_of_diverse: float | None  # share of the others with accuracy > `unseen` (AC-GAN: 78%)
    threshold: float
    unseen: float


def joint_analysis(
    accuracy: Mapping[Any, float], ms_ssim: Mapping[Any, float], threshold: float = COLLAPSED, unseen: float = UNSEEN
) -> Joint:
    """Pearson's r of accuracy and mean MS-SSIM over the classes in both tables, and two conditional shares.

    Args:
        accuracy: class -> accuracy of a classifier, in [0, 1].
        ms_ssim: class -> mean MS-SSIM of its pairs, in [0, 1].
        threshold: MS-SSIM from which a class has collapsed.
        unseen: accuracy up to which a class is not seen.

    Returns:
        Joint: r in [-1, 1] with Fisher's interval over classes. Below 0: diverse classes are the ones that are seen.

    Raises:
        DataError: fewer than 2 classes are in both.
    Source: arXiv:1610.09585, section 4.3: r^2 there is 0.26; 74% and 78%.
    """
    shared = [label for label in accuracy if label in ms_ssim]
    if len(shared) < 2:
        raise DataError(f"{count(len(shared), 'class')} with both accuracy and MS-SSIM, but a correlation needs 2")
    x = np.array([ms_ssim[label] for label in shared])
    y = np.array([accuracy[label] for label in shared])
    r = float(np.corrcoef(x, y)[0, 1]) if x.std() > 0 and y.std() > 0 else None
    low, high = (None, None) if r is None else fishers_interval(r, len(shared))
    collapsed = x >= threshold
    return Joint(
        r,
        low,
        high,
        len(shared),
        int(collapsed.sum()),
        float((y[collapsed] <= unseen).mean()) if collapsed.any() else None,
        float((y[~collapsed] > unseen).mean()) if not collapsed.all() else None,
        threshold,
        unseen,
    )


def fishers_interval(r: float, n: int) -> tuple[float | None, float | None]:
    """95% interval of a correlation of n pairs: atanh(r) is normal with variance 1 / (n - 3)."""
    if n < 4:
        return None, None
    reach = Z95 / math.sqrt(n - 3)
    centre = math.atanh(min(max(r, -1 + 1e-15), 1 - 1e-15))
    return math.tanh(centre - reach), math.tanh(centre + reach)


@dataclass
class CollapseMonitor:
    """Mean MS-SSIM of a generator's samples while it trains; a value that climbs says that it collapses.

        monitor = CollapseMonitor(sample, every=1000, threshold=real.value, on_collapse=print)
        for step in range(steps):
            ...
            monitor(step)

    With Lightning: `Trainer(callbacks=[monitor.lightning()])`.

    Args:
        sample: returns uint8 images (n, c, h, w), or (images, labels); called every `every` steps.
        every: steps between two looks.
        pairs: pairs drawn (in each class, if there are labels).
        threshold: a value from which the samples have collapsed: that of real images, say.
        on_collapse: called with a sentence when the lower end of the interval is at the threshold or above.
        seed: fixes the pairs.
    """

    sample: Callable[[], Any]
    every: int = 1000
    pairs: int = 100
    threshold: float | None = None
    on_collapse: Callable[[str], Any] | None = None
    seed: int = 0
    protocol: str = PROTOCOL
    history: list[tuple[int, Diversity]] = field(default_factory=list)  # (step, what was seen)

    def __call__(self, step: int) -> Diversity | None:
        """Look, if it is time; what was seen, else None."""
        if step % self.every:
            return None
        taken = self.sample()
        images, labels = taken if isinstance(taken, tuple) else (taken, None)
        found = ms_ssim_diversity(images, labels, self.pairs, self.seed, self.protocol)
        self.history.append((step, found))
        if self.collapsed and self.on_collapse is not None:
            self.on_collapse(
                f"step {step}: mean MS-SSIM of samples is {found.value:.3f}, at or above {self.threshold:.3f}: "
                "they have collapsed"
            )
        return found

    @property
    def collapsed(self) -> bool:
        """Whether the last look was surely at the threshold or above."""
        if not self.history or self.threshold is None:
            return False
        found = self.history[-1][1]
        return (found.value if found.low is None else found.low) >= self.threshold

    def lightning(self) -> Any:
        """This monitor as a Lightning callback, whose log gets `ms_ssim`; Lightning is imported here."""
        base, monitor = lightnings_callback(), self

        class Monitor(base):
            def on_train_batch_end(self, trainer: Any, module: Any, *rest: Any) -> None:
                step = trainer.global_step
                if monitor.history and monitor.history[-1][0] == step:
                    return  # several batches make one step where gradients accumulate
                found = monitor(step)
                if found is not None:
                    module.log("ms_ssim", found.value)

        return Monitor()


def lightnings_callback() -> Any:
    """The class Callback of Lightning, under its new name or its old.

    Raises:
        ModuleNotFoundError: neither is installed.
    """
    for module in ("lightning.pytorch", "pytorch_lightning"):
        try:
            return import_module(module).Callback
        except ModuleNotFoundError:
            continue
    raise ModuleNotFoundError("a Lightning callback needs Lightning: pip install lightning, or call the monitor")
