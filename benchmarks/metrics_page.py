"""docs/metrics.md from METRICS and results/sensitivity_mnist.csv; no measured number in it is typed.

python benchmarks/metrics_page.py
"""

from __future__ import annotations

import re
from pathlib import Path

from sensitivity_definitions import CONTRADICTED, EXCEPTIONS, HOLDS, TABLE, UNDECIDED, says
from sensitivity_mnist import CHANNELS, IMAGES, PANELS, Point, checks, curve_of, panel_of, read

from genmetrics.damage import DAMAGES
from genmetrics.metrics import METRICS
from genmetrics.panel import NOISE, Answer
from genmetrics.reports.panel import DECADES
from genmetrics.reports.wording import ARROWS, number

PAGE = Path(__file__).resolve().parents[1] / "docs" / "metrics.md"
SHORT = {  # of the table's columns
    "gaussian-noise": "Gaussian noise",
    "uniform-noise": "uniform noise",
    "blur": "blur",
    "jpeg": "JPEG",
    "modes-dropped": "classes missing",
    "class-imbalance": "class imbalance",
    "class-collapse": "one image a class",
    "duplication": "images repeated",
    "memorised": "training copies",
    "small-n": "fewer images",
}
HEAD = f"""# What each metric sees

What each metric is, and what it makes of damage to real images: {IMAGES} MNIST test images damaged more and more,
scored on `mnist-cnn` against {IMAGES} others, with {IMAGES} more as the training set. Values are means of
{len(PANELS)} such panels, each on images of its own (`python benchmarks/sensitivity_mnist.py`, 2026-11-28, 2 cores;
[values](../benchmarks/results/sensitivity_mnist.csv)). `genmetrics sensitivity REAL --extractor E` draws the same for
your images and your network; `genmetrics metrics` lists all metrics. That numbers are those of other packages, and
where they are not: [parity](parity.md). This page is made by `python benchmarks/metrics_page.py`; no measured number in
it is typed.

## At a glance

A number is the weakest strength, of those tried, from which on the value is worse than that of undamaged images by more
than {NOISE:g} times its noise (its standard deviation from one draw of images to another, the root mean square of that
without damage and that at the strength, where images are fewer); **at 2, 3.5**: at these strengths, but not at every
stronger one. **·** is blind: it never moves by so much. **▲** says better. **–** has no value. **a → b**, where images
are fewer: the value of all and of the fewest, a move beyond the noise of {IMAGES} images but not of one set of so few.

In the pictures that band is grey, and where values leave it by more than {DECADES} decades the scale is logarithmic
beyond it. The last two columns are no damage to the pictures: there blind is what a metric of quality should be, and
only `auth-pct`, `ct-score`, `ddm-relative`, `fls`, `mifid` and `parzen` look at the training set at all.
"""
HEADINGS = {
    "worse": "Sees",
    "better": "Says better",
    "cannot tell": "Moves, within the noise of so few,",
    "blind": "Blind to",
}
REMARKS = {
    "frechet": (
        "It rises when there are fewer images ({frechet small-n 0} for 500, {frechet small-n 0.9} for 50), though "
        "nothing is wrong with them: only equal n compare."
    ),
    "kernel": "Its value does not grow with 1/n, but its noise does.",
    "inception-score": (
        "Blind to a collapse within classes: with all of a class's images replaced by one of them it goes "
        "from {inception-score class-collapse 0} to {inception-score class-collapse 1}, while the Frechet distance "
        "goes from {frechet class-collapse 0} to {frechet class-collapse 1}."
    ),
    "ddm-relative": (
        "Copies look good to it, as they should by its definition: where every sample is a training image it is "
        "{ddm-relative memorised 1}. Far below 0 is a sign of copies."
    ),
    "parzen": (
        "Sigma is chosen on training images, so copies make it shrink, and test images become unlikely; where every "
        "sample is a copy there is no best sigma, and no value."
    ),
    "frechet-infinity": (
        "Fewer images leave it where it is ({frechet-infinity small-n 0}, with a fifth of them "
        "{frechet-infinity small-n 0.8}; the Frechet distance {frechet small-n 0} and {frechet small-n 0.8}), at the "
        "price of more noise."
    ),
    "vendi": (
        "On features noise is not diversity: noisy digits look alike to the network, and the score falls "
        "({vendi gaussian-noise 0} to {vendi gaussian-noise 100}) as it does for missing classes. It is below real "
        "data's in both cases."
    ),
    "rke": (
        "A collapse within classes moves it little ({rke class-collapse 0} to {rke class-collapse 1}): it counts "
        "frequent modes, and the ten classes are still there."
    ),
    "sliced-wasserstein": "Biased upwards by few images, as the Frechet distance is; has no interval.",
    "mifid": (
        "Its threshold of 0.1 was chosen for the Inception; on this network even other real images lie below it, so "
        "the penalty always divides. Blur takes them over it, where the value drops ({mifid blur 3.5} to "
        "{mifid blur 5}). The training set itself scores {mifid memorised 1}, the best there is, since the distance to "
        "it vanishes and the penalty only divides: report `auth-pct` and `ct-score` beside it."
    ),
    "fls": (
        "Real images score {fls blur 0} here, not 100: the baseline is a half of the training set and has fewer "
        "centres; as many real images, half of 500, score {fls small-n 0.5}."
    ),
    "precision": (
        "Blind to missing classes ({precision modes-dropped 0} with all ten, {precision modes-dropped 0.9} with one), "
        "where recall goes from {recall modes-dropped 0} to {recall modes-dropped 0.9}."
    ),
    "recall": (
        "Repeated images have no distance to each other, so their balls are empty: with four of each it "
        "is {recall duplication 0.75}. That scattered samples raise it is not seen here: noise gathers elsewhere."
    ),
    "density": "Above 1 samples crowd where real images do: one class alone has {density modes-dropped 0.9}.",
    "auth-pct": (
        "Noise is no copy, so it looks authentic ({auth-pct gaussian-noise 100} at the strongest noise): read it "
        "beside a metric of quality."
    ),
    "ct-score": (
        "Copies take it from {ct-score memorised 0} to {ct-score memorised 1}, noise to "
        "{ct-score gaussian-noise 100}: the sign tells which."
    ),
}
TAIL = """## Do the intervals cover?

Nominal 95% intervals of every metric that offers one, tried on Gaussians and on MNIST, at the null and away from it:
[the table, the worst cases and how it is done](intervals.md).

![coverage of each metric's intervals](pictures/coverage.svg)

## Not here

LPIPS diversity: the kept implementations (lpips, torchmetrics, torch-fidelity) download ImageNet weights of AlexNet or
VGG when they start, which nothing here does; `ms-ssim` measures pairs of images, `vendi` features of any network.
"""


def page(points: list[Point]) -> str:
    """The whole page, as Markdown."""
    answers = {(answer.metric, answer.damage): answer for answer in panel_of(points).answers}
    held = checks(points)
    lines = [HEAD, *glance(answers), "", *by_definition(points, held), ""]
    for metric in METRICS:
        lines += section(metric, points, answers, held)
    return "\n".join([*lines, TAIL])


def glance(answers: dict[tuple[str, str], Answer]) -> list[str]:
    """Metric x damage."""
    lines = [f"| | {' | '.join(f'{SHORT[name]}, {kind.unit}' for name, kind in DAMAGES.items())} |"]
    lines.append(f"| --- |{' ---: |' * len(DAMAGES)}")
    for metric, row in METRICS.items():
        cells = [cell(answers.get((metric, damage))) for damage in DAMAGES]
        lines.append(f"| [{metric}](#{metric}) {ARROWS[row.better]} | {' | '.join(cells)} |")
    return lines


def cell(answer: Answer | None) -> str:
    if answer is None:
        return "–"
    if answer.verdict == "blind":
        return "·"
    if answer.verdict == "cannot tell":
        return f"{number(answer.undamaged).value} → {number(answer.at_most).value}"
    return f"{'▲ ' if answer.verdict == 'better' else ''}{answer.where.removeprefix('from ')}"


def by_definition(points: list[Point], held: dict[tuple[str, str], str]) -> list[str]:
    """What the definitions say, how much of it holds, and what does not."""
    count = list(held.values()).count
    lines = [
        "## By definition",
        "",
        "What a metric's definition says of a damage (rises, falls, stays) was written down before the values were",
        "looked at, in [sensitivity_definitions.py](../benchmarks/sensitivity_definitions.py). A curve that should",
        "rise is contradicted by a step down, and holds where the last value lies above the first, beyond what",
        "Student's t over the panels allows (99%, since there are hundreds of steps, and 95%).",
        "",
        f"**{count(HOLDS)} of {len(held)} hold**; right way, but not by more than the panels differ: "
        f"{count(UNDECIDED)}; contradicted: {count(CONTRADICTED)}.",
    ]
    failed = [key for key, answer in held.items() if answer != HOLDS]
    if failed:
        lines += ["", "| metric | damage | should | values, at rising strength | |", "| --- | --- | --- | --- | --- |"]
    for metric, damage in failed:
        values = ", ".join(number(point.value).value for point in curve_of(points, metric, damage))
        answer = held[metric, damage]
        why = filled(EXCEPTIONS[metric, damage], points) if answer == CONTRADICTED else "panels differ too much to tell"
        lines.append(f"| {metric} | {SHORT[damage]} | {says(metric, damage)} | {values} | {why} |")
    return lines


def section(
    metric: str, points: list[Point], answers: dict[tuple[str, str], Answer], held: dict[tuple[str, str], str]
) -> list[str]:
    """A metric: what it is, its picture, what it sees and what it does not."""
    row = METRICS[metric]
    low, high = ("∞" if abs(end) == float("inf") else f"{end:g}" for end in row.bounds)
    span = f"{'-' if low == '∞' else ''}{low} to {high}"
    network = f"`{row.prefix}_<extractor>`, on the 2015-12-05 Inception `{row.inception_name}`"
    printed = network if row.prefix else f"`{row.inception_name}`"
    lines = [f"## {metric}", "", f"{row.summary[0].upper()}{row.summary[1:]}.", ""]
    lines.append(f"- better: {row.better}; from {span}; printed {printed}")
    needs = ", ".join(f"`{need}`" for need in row.needs)
    lines += [f"- needs {needs}; cost {row.cost}; `gm.{row.function}`; {row.paper}", ""]
    undamaged = next(answers[metric, damage].undamaged for damage in DAMAGES if (metric, damage) in answers)
    lines.append(f"Without damage {number(undamaged).value}.")
    for verdict, heading in HEADINGS.items():
        said = [sentence(answers[metric, d], points) for d in DAMAGES if answers_verdict(answers, metric, d) == verdict]
        if said:
            lines.append(f"**{heading}** {'; '.join(said)}.")
    absent = [SHORT[damage] for damage in DAMAGES if (metric, damage) not in answers]
    if absent:
        lines.append(f"**No value** with {', '.join(absent)}.")
    counted = [answer for (name, _), answer in held.items() if name == metric]
    lines.append(f"Does what its definition says in {counted.count(HOLDS)} of {len(counted)} curves.")
    if metric in REMARKS:
        lines += ["", filled(REMARKS[metric], points)]
    if metric == "sfid":
        lines += [
            "",
            f"Here of {CHANNELS} channels of `mnist-cnn`'s third layer at 7 x 7, in place of the Inception's map.",
        ]
    return [*lines, "", f"![{metric} against the strength of each damage](pictures/metrics/{metric}.svg)", ""]


def answers_verdict(answers: dict[tuple[str, str], Answer], metric: str, damage: str) -> str:
    return answers[metric, damage].verdict if (metric, damage) in answers else ""


def sentence(answer: Answer, points: list[Point]) -> str:
    """'blur from 3.5 (12.3 at 10)'."""
    curve = curve_of(points, answer.metric, answer.damage)
    start = f" {answer.where}" if answer.where else ""
    steps = "" if answer.monotone else ", not at every step"
    return f"{SHORT[answer.damage]}{start} ({number(answer.at_most).value} at {curve[-1].strength:g}{steps})"


def filled(text: str, points: list[Point]) -> str:
    """`{metric damage strength}` as the value there."""
    values = {(p.metric, p.damage, f"{p.strength:g}"): p.value for p in points}

    def value(found: re.Match[str]) -> str:
        metric, damage, strength = found[1].split()
        return number(values[metric, damage, strength]).value

    return re.sub(r"\{([^{}]+)\}", value, text)


def main() -> None:
    assert TABLE.keys() == METRICS.keys()
    PAGE.write_text(page(read()), encoding="utf-8")
    print(PAGE)


if __name__ == "__main__":
    main()
