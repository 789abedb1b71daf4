"""DDM rises with the strength of noise and blur."""

from __future__ import annotations

import numpy as np
from claim import Claim, Finding, Row, floats, main, read

CLAIM = Claim(
    "Basart (2017), thesis",
    "Section 3.4.6",
    "DDM rises with the strength of Gaussian noise, uniform noise and blur: some 10 bits per unit of blur, 12 for "
    "noise.",
    "500 clean MNIST test images against 500 corrupted ones, logits of mnist-cnn (`benchmarks/thesis/density.py "
    "corruptions`); slope of the least-squares line through the excess over no corruption. Published: ImageNet.",
    "The weakest noise of the table leaves the logits of a network that is sure of its digits where they were: two "
    "sets of 500 clean images differ by more. From the second strength on DDM rises at each step, for each corruption.",
)


def measure() -> Finding:
    found = read("thesis_corruptions_mnist.csv")
    rows, rising, first = [], {}, {}
    for kind, published in (("gaussian noise", "12"), ("uniform noise", "12"), ("gaussian blur", "10")):
        some = [row for row in found if row["kind"] == kind]
        strength, bits = np.array([0.0, *floats(some, "strength")]), np.array([0.0, *floats(some, "bits")])
        slope = float((strength @ bits) / (strength @ strength))
        unit = "pixel" if "blur" in kind else "25 grey levels"
        rows.append(Row(f"bits per {unit} of {kind}", slope * (1 if "blur" in kind else 25), published=published))
        rows += [Row(f"excess in bits, {kind} {s:g}", float(b)) for s, b in zip(strength[1:], bits[1:], strict=True)]
        rising[kind], first[kind] = bool(np.all(np.diff(bits) > 0)), float(bits[1])
    steady = [kind for kind, up in rising.items() if up]
    return Finding(
        rows,
        "holds" if len(steady) == len(rising) else "does not hold",
        f"DDM rises at every step for {', '.join(steady) or 'none'}; at the weakest strength it changes by "
        + ", ".join(f"{bits:+.2f} bits ({kind})" for kind, bits in first.items())
        + ".",
    )


if __name__ == "__main__":
    main(__file__, CLAIM, measure)
