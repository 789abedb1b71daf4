"""What each metric's definition says it does under each damage, written down before any value was looked at.

A claim is about the expected value, as the damage gets stronger. Where the definition is silent (an Inception score of
noise depends on what the classifier makes of it) there is none.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CLAIMS = {
    "+": "rises",
    "-": "falls",
    "=": "stays",
    ">": "never falls",
    "<": "never rises",
    ".": "",
}
DAMAGES: tuple[str, ...] = (
    "gaussian-noise",
    "uniform-noise",
    "blur",
    "jpeg",
    "modes-dropped",
    "class-imbalance",
    "class-collapse",
    "duplication",
    "memorised",
    "small-n",
)
# A distance of distributions is least where they are equal; one whose estimate is biased by few images rises when they
# are left out or repeated, an unbiased one only when they are repeated. Training copies are real images to whatever
# does not look at the training set. Means over the samples do not see which of them are missing.
TABLE = {
    #                            gauss unif blur jpeg  modes imbal coll dupl  memo n
    "frechet":                  "+     +    +    +     +     +     +    +     =    +",
    "kernel":                   "+     +    +    +     +     +     +    +     =    =",
    "inception-score":          ".     .    .    .     -     -     >    -     =    -",
    "ddm":                      "+     +    +    +     +     +     +    +     =    +",
    "ddm-relative":             "+     +    +    +     +     +     +    +     -    +",
    "ddm-variational-kl":       "+     +    +    +     +     +     +    +     =    +",
    "parzen":                   ".     .    .    .     -     -     -    -     -    -",
    "frechet-infinity":         "+     +    +    +     +     +     +    +     =    =",
    "sfid":                     "+     +    +    +     +     +     +    +     =    +",
    "frechet-intra-class":      "+     +    +    +     .     .     +    +     =    +",
    "kernel-rbf":               "+     +    +    +     +     +     +    +     =    =",
    "inception-score-infinity": ".     .    .    .     -     -     >    -     =    =",
    "vendi":                    ".     .    .    .     -     -     -    -     =    -",
    "rke":                      ".     .    .    .     -     -     -    -     =    -",
    "sliced-wasserstein":       "+     +    +    +     +     +     +    +     =    +",
    "mifid":                    ".     .    .    .     +     +     +    +     -    +",
    "fls":                      "-     -    -    -     -     -     -    -     -    -",
    "prd-f8":                   "-     -    -    -     -     -     -    -     =    -",
    "prd-f1-8":                 "-     -    -    -     .     .     .    .     =    .",
    "ms-ssim":                  "-     -    .    .     .     =     +    +     =    =",
    "precision":                "-     -    -    -     >     >     =    =     =    =",
    "recall":                   ".     .    .    .     -     .     -    -     =    .",
    "density":                  "-     -    .    .     =     =     =    =     =    =",
    "coverage":                 "-     -    -    -     -     -     -    -     =    -",
    "two-sample":               "+     +    +    +     +     +     +    +     =    =",
    "auth-pct":                 ">     >    >    >     .     .     =    =     -    =",
    "ct-score":                 "+     +    +    +     .     .     =    =     -    =",
}  # fmt: skip

EXCEPTIONS: dict[tuple[str, str], str] = {}


def says(metric: str, damage: str) -> str:
    """One of CLAIMS' words; "" where the definition says nothing."""
    return CLAIMS[dict(zip(DAMAGES, TABLE[metric].split(), strict=True))[damage]]


def holds(
    word: str,
    moves: NDArray[np.float64],
    steps: NDArray[np.float64],
    reach: NDArray[np.float64],
    slack: NDArray[np.float64],
) -> bool | None:
    """Whether values at rising strength do what a word of CLAIMS says; None for "".

    Args:
        word: "rises": no step down, and the last value above the first; "stays": no value moves; ...
        moves: (k,) value less that without damage, the first of which is 0.
        steps: (k - 1,) value less the one before.
        reach, slack: (k,), (k - 1,) how far a move or a step may go for no reason.
    """
    if word == "":
        return None
    sign = -1.0 if word in ("falls", "never falls") else 1.0
    if word in ("rises", "falls"):
        return bool((sign * steps >= -slack).all() and sign * moves[-1] > reach[-1])
    if word == "stays":
        return bool((np.abs(moves) <= reach).all())
    return bool((sign * moves <= reach).all() if word == "never rises" else (moves >= -reach).all())
