"""The section "The thesis's claims" of docs/density.md, from the tables of the experiments."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from claim import REPO
from thesis.experiment import NAMES, file_of, read

PAGE = REPO / "docs" / "density.md"
TITLE = "## The thesis's claims\n"
MEASURED = "2026-11-28, 2 cores"
INTRODUCTION = f"""
`python benchmarks/thesis/density.py NAME --data DATA` makes `benchmarks/results/thesis_NAME_DATA.csv` and the picture,
and prints whether the claim holds ({MEASURED}); `python benchmarks/thesis/density.py page` makes this section of the
tables: no measured number in it is typed. Brackets are 95% intervals: over draws or seeds Student's, over images by
halves, that is from the difference between random halves of both sets. [papers.md](papers.md) has the numbers.
"""
EXPERIMENTS = {  # name -> title, claim, and what the sentences do not say
    "modes": (
        "Missing modes (3.4.5, figure 3.7)",
        "The score no longer tells 1,000 distinct training images from all of them; DDM falls with every addition.",
        "Holds if every step's interval is above 0, the score has less than 5% of its way from 10 images to all left "
        "at 1,000, and DDM has more than the score. Published: 43% of DDM's way is left there, 3% of the score's.",
    ),
    "corruptions": (
        "Corruptions (3.4.6)",
        "DDM rises with the strength of noise and blur; on ImageNet by some 10 bits per unit of blur.",
        "Holds if every step's interval, wide enough for all twelve steps at once, is above 0; on ImageNet, if the "
        "ten bits hold too. 500 images against 500 others: test images, of ImageNet one a class.",
    ),
    "embeddings": (
        "Insensitivity to embedding and architecture (3.4.3, 3.4.4)",
        "Logits, prelogits and hypercolumns, and networks of other architectures, give the same order.",
        "Holds if no pair of sets that both embeddings tell apart, by intervals wide enough for all pairs at once, is "
        "the other way round, and 90% of the pairs are told apart by both. MNIST: samples of fifteen trained "
        "models; CIFAR-10 and ImageNet: the corrupted sets.",
    ),
    "layers": (
        "Why hypercolumns order noise and blur otherwise",
        "Early layers see noise more than blur, late ones blur more than noise.",
        "Four pairs of a mild noise and a blur that is worse by logits. Holds if for every pair DDM by the first group "
        "of layers puts the noise above the blur and by the last one the blur above the noise, by intervals.",
    ),
    "parzen": (
        "Parzen windows (3.1.2, 3.4.1)",
        "Parzen windows do not follow the quality of images, and can be fooled.",
        "Holds if on pixels and on principal components some poor set lies above as many real training images, while "
        "DDM puts it below them, by intervals over five draws. How they rank samples of DCGAN and of its weak "
        "variant stands in [papers.md](papers.md#parzen-weak).",
    ),
    "ais": (
        "Annealed importance sampling (3.1.2, figure 3.5)",
        "One generator's log-likelihood depends on the variance that is chosen for its pixels.",
        "Holds if at one of the thesis's variances the lower bound (AIS) lies above the upper bound (the likelihood at "
        "the nearest image of the generator) at another, by an interval over images. On grey: its range.",
    ),
}


def section() -> str:
    """The section as Markdown; what has no table is left out."""
    parts = [TITLE, INTRODUCTION]
    for name, (title, claim, criterion) in EXPERIMENTS.items():
        experiment: Any = import_module(f"thesis.{name}")
        tried = [data for data in experiment.DATA if file_of(f"{name}_{data}").exists()]
        if not tried:
            continue
        parts.append(f"\n### {title}\n\n> {claim}\n\n{criterion}\n\n")
        for data in tried:
            found = experiment.finding(data, read(f"{name}_{data}"))
            parts.append(f"- **{NAMES[data]}: {found.verdict}.** {found.sentence}\n")
        parts += [f"\n![{title}, {NAMES[data]}](pictures/thesis_{name}_{data}.png)\n" for data in tried]
    return "".join(parts)


def page() -> str:
    """The whole of docs/density.md, with this section as its last."""
    return PAGE.read_text(encoding="utf-8").partition(TITLE)[0] + section()


def write() -> None:
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
