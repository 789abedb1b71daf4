"""Can real and generated images be told apart? The accuracy of a classifier that tries: 1/2 where it cannot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genmetrics._checks import as_features, one_of, same_width
from genmetrics.intervals import share_of_parts, variances_of_parts, wilson
from genmetrics.kernels.close_pairs import all_squares
from genmetrics.metrics.manifold import pass_over
from genmetrics.records import Estimate

CLASSIFIERS = ("1-nn", "logistic")
PERMUTATIONS = 999
AT_LEAST = 40  # images on each side for an interval


@dataclass(frozen=True)
class TwoSample:
    """How often a classifier is right, with equal weight on both sides, and on each side."""

    accuracy: float
    accuracy_real: float
    accuracy_generated: float
    p_value: float  # of an accuracy as high as this if both sets came from one distribution
    low: float | None  # 95% interval of the accuracy
    high: float | None
    classified: tuple[int, int]  # real and generated images that were classified


def classifier_two_sample(real: Any, generated: Any, classifier: str = "1-nn", seed: int = 0) -> TwoSample:
    """Accuracy of telling real from generated images: (share of real ones told + share of generated ones told) / 2.

    Args:
        real: features (n, d) of real images; n >= 2.
        generated: features (m, d) of generated images, from the same extractor; m >= 2.
        classifier: "1-nn": the label of the nearest other image of both sets, leaving one out (a tie of both labels
            is half right); "logistic": regression on standardised features, fitted on half of the images, as many of
            each label, and judged on the other half.
        seed: of permutations, parts and halves.

    Returns:
        accuracy 0 to 1: 1/2 where the sets cannot be told apart, 1 where they are apart; closer to real is better;
        "1-nn" far below 1/2 means that each set sits on images of the other: copies. Its p-value is by 999
        permutations of the labels, that of "logistic" binomial; its interval by parts of the sets, that of "logistic"
        Wilson's, the fitted classifier standing fixed.

    Raises:
        DataError: too few images, widths differ, NaN or inf.
    Source: Lopez-Paz & Oquab (2017), arXiv:1610.06545, section 3; Xu et al. (2018), arXiv:1806.07755 (1-NN, one out);
        Schilling (1986), JASA 81 (its null distribution).
    Differs: equal weight on both sides, so that the null is 1/2 also where n and m differ.
    """
    one_of(classifier, "classifier", CLASSIFIERS)
    needed = 2 if classifier == "1-nn" else 4
    x, y = as_features(real, "real", at_least=needed), as_features(generated, "generated", at_least=needed)
    same_width(x.shape[1], y.shape[1])
    return by_nearest(x, y, seed) if classifier == "1-nn" else by_regression(x, y, seed)


def by_nearest(x: NDArray[Any], y: NDArray[Any], seed: int) -> TwoSample:
    """Leave-one-out nearest neighbour."""
    right = told_by_nearest(x, y)
    accuracy = float(right[0].mean() + right[1].mean()) / 2
    estimate = two_sample_estimate(x, y, seed=seed)
    return TwoSample(
        accuracy,
        float(right[0].mean()),
        float(right[1].mean()),
        permutation_p_value(x, y, seed),
        estimate.low,
        estimate.high,
        (len(x), len(y)),
    )


def told_by_nearest(x: NDArray[Any], y: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each image, whether the nearest other one has its label: 1, 0, or 1/2 for a tie."""
    near_x, near_y, found = pass_over(x, y)
    sides = ((near_x, found.nearest_y), (near_y, found.nearest_x))
    own_and_other = [(own.squares[:, 0], other.squares[:, 0]) for own, other in sides]
    return tuple((a < b) + (a == b) / 2 for a, b in own_and_other)  # pyright: ignore[reportReturnType]


def permutation_p_value(x: NDArray[Any], y: NDArray[Any], seed: int) -> float:
    """Share of permutations of the labels, this one included, under which the accuracy is as high."""
    near_x, near_y, found = pass_over(x, y)
    n, m = len(x), len(y)
    nearest = np.concatenate(
        [
            np.where(
                near_x.squares[:, 0] <= found.nearest_y.squares[:, 0],
                near_x.indices[:, 0],
                n + found.nearest_y.indices[:, 0],
            ),
            np.where(
                near_y.squares[:, 0] <= found.nearest_x.squares[:, 0],
                n + near_y.indices[:, 0],
                found.nearest_x.indices[:, 0],
            ),
        ]
    )
    is_real = np.arange(n + m) < n
    random = np.random.default_rng(seed)

    def accuracy(is_real: NDArray[np.bool_]) -> float:
        right = is_real == is_real[nearest]
        return float(right[is_real].sum()) / n + float(right[~is_real].sum()) / m

    observed = accuracy(is_real) - 1e-12
    as_high = sum(accuracy(random.permutation(is_real)) >= observed for _ in range(PERMUTATIONS))
    return (1 + as_high) / (1 + PERMUTATIONS)


def by_regression(x: NDArray[Any], y: NDArray[Any], seed: int) -> TwoSample:
    """Logistic regression fitted on one half and judged on the other."""
    from scipy.stats import binomtest
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    random = np.random.default_rng(seed)
    n = min(len(x), len(y))
    half = n // 2
    x, y = (z[random.permutation(len(z))[:n]].astype(np.float64) for z in (x, y))
    labels = np.repeat([0, 1], [half, half])
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(np.concatenate([x[:half], y[:half]]), labels)
    told_real, told_generated = model.predict(x[half:]) == 0, model.predict(y[half:]) == 1
    right, judged = int(told_real.sum() + told_generated.sum()), 2 * (n - half)
    low, high = wilson(right / judged, judged)
    p_value = float(binomtest(right, judged, 0.5, alternative="greater").pvalue)
    parts = float(told_real.mean()), float(told_generated.mean())
    return TwoSample(right / judged, *parts, p_value, low, high, (n - half, n - half))


def two_sample_estimate(real: Any, generated: Any, *, seed: int = 0, intervals: bool = True) -> Estimate:
    """The 1-NN accuracy of `classifier_two_sample`, with an interval over both sets (`variances_of_parts`)."""
    x, y = as_features(real, "real", at_least=2), as_features(generated, "generated", at_least=2)
    same_width(x.shape[1], y.shape[1])
    right = told_by_nearest(x, y)
    value = float(right[0].mean() + right[1].mean()) / 2
    options = {"classifier": "1-nn"}
    details = {"accuracy_real": float(right[0].mean()), "accuracy_generated": float(right[1].mean())}
    if not intervals:
        return Estimate.bare(value, options=options, details=details)
    details["p_value"] = permutation_p_value(x, y, seed)
    if min(len(x), len(y)) < AT_LEAST:
        why = f"parts of {min(len(x), len(y))} images are too few to see how the accuracy varies"
        return Estimate.bare(value, why, options=options, details=details)
    parts = variances_of_parts(x, y, nearest_accuracy, seed)
    return share_of_parts(value, *parts, len(x) + len(y), options=options, details=details)


def nearest_accuracy(x: NDArray[Any], y: NDArray[Any]) -> float:
    """The 1-NN accuracy of a part of the sets, all its pairs held."""
    across = all_squares(x, y)
    right = []
    for own, other in ((all_squares(x, x), across.min(axis=1)), (all_squares(y, y), across.min(axis=0))):
        np.fill_diagonal(own, np.inf)
        nearest = own.min(axis=1)
        right.append(float((nearest < other).mean() + (nearest == other).mean() / 2))
    return sum(right) / 2
