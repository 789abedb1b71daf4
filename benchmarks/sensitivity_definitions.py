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

# Where the values contradict it, and why; {metric damage strength} is the value there.
EXCEPTIONS = {
    ("density", "gaussian-noise"): (
        "mild noise moves digits to where real ones crowd; density has no greatest value at real data, whose "
        "{density gaussian-noise 0} it exceeds"
    ),
}


def says(metric: str, damage: str) -> str:
    """One of CLAIMS' words; "" where the definition says nothing."""
    return CLAIMS[dict(zip(DAMAGES, TABLE[metric].split(), strict=True))[damage]]


HOLDS, CONTRADICTED, UNDECIDED = "holds", "does not hold", "cannot tell"


def verdict(
    word: str,
    moves: NDArray[np.float64],
    steps: NDArray[np.float64],
    slack_of_moves: NDArray[np.float64],
    slack_of_steps: NDArray[np.float64],
    end_reach: float,
) -> str:
    """Whether values at rising strength do what a word of CLAIMS says; "" for "".

    Args:
        word: "rises": no step down, and the last value above the first; "stays": no value moves; ...
        moves: (k,) value less that without damage, the first of which is 0.
        steps: (k - 1,) value less the one before.
        slack_of_moves, slack_of_steps: (k,), (k - 1,) what contradicts goes farther than this.
        end_reach: the last move of what rises or falls is one if it goes farther than this; else nobody can tell.
    """
    if word == "":
        return ""
    sign = -1.0 if word in ("falls", "never rises") else 1.0
    if word in ("rises", "falls"):
        if (sign * steps < -slack_of_steps).any() or sign * moves[-1] < -end_reach:
            return CONTRADICTED
        return HOLDS if sign * moves[-1] > end_reach else UNDECIDED
    against = np.abs(moves) if word == "stays" else -sign * moves
    return CONTRADICTED if (against > slack_of_moves).any() else HOLDS
