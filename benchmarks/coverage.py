"""Do nominal 95% intervals hold the truth in 92-98% of repetitions? For every metric that offers an interval.

Image sets are drawn again and again from Gaussians and from MNIST as mnist-cnn sees it (../shared/data), at the null,
where samples are drawn as real images are, and away from it (`coverage_worlds.py`). The cases are in
`coverage_cases.py`. The truth is the mean over the repetitions, or the population's own value where an interval is for
the limit of many images. `difference` cases are of two sets of samples against one reference, drawn alike or not, as
`genmetrics compare` takes it; the reference is drawn anew too, unless the interval calls itself conditional on it.

    python benchmarks/coverage.py [--only kernel] [--of value] [--jobs 2] [--repetitions 100] [--anew]

Writes benchmarks/results/coverage.csv, a row when it is measured; cases that are there are not measured again, unless
--anew. Draws docs/pictures/coverage.svg, writes the table in docs/intervals.md and prints the cases outside 92-98%.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import fields, replace
from pathlib import Path

import csv_tables
import figures
import numpy as np
from coverage_cases import STUDIES, Case, Study, cases
from coverage_worlds import SIDES, Rows
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from genmetrics.comparison import difference
from genmetrics.intervals import wilson
from genmetrics.metrics import METRICS
from genmetrics.records import Z95, Estimate, Score

RESULT = Path(__file__).parent / "results" / "coverage.csv"
PAGE = Path(__file__).parents[1] / "docs" / "intervals.md"
PLACES = {"coverage": "value", "differences": "difference"}  # of the page's tables: what is in each
KEY = ("metric", "of", "images", "samples", "n")
FIELDS: tuple[str, ...] = (
    *KEY,
    "held_fixed",  # the other sets are drawn anew each time
    "truth",  # mean over the repetitions, or limit
    "repetitions",
    "value",  # the truth
    "sd",  # of the value over the repetitions
    "mean_std_error",  # that the metric claimed
    "too_low",  # intervals that lie below the truth
    "too_high",
    "coverage_percent",
    "ms",  # one estimate, on one core
    "a_better",  # verdicts on a difference: so often the first set, or the second
    "b_better",
    "unpaired_percent",  # that the interval of the two records alone covers, which is conditional on the reference
)
LOWEST, HIGHEST = 92.0, 98.0  # accepted for a nominal 95%
ONE_SIDE = 2.5  # percent of wrong verdicts
BETWEEN = ["of records alone", "verdicts where there is no difference, each side", "wrong ones where there is", "right"]
Row = dict[str, str]
# value, standard error, interval's ends; of a difference: verdict (1: a, -1: b), and the error of records alone
Repeated = tuple[float, float, float, float, float, float]
VERDICTS = {"a is better": 1.0, "b is better": -1.0, "cannot tell": 0.0}


def measured(case: Case) -> Row:
    """The case's row."""
    study, random = STUDIES[case.metric], np.random.default_rng(0)
    fixed = {side: held(case, side) for side in held_sides(study, case)}
    once = value_once if case.of == "value" else difference_once
    start = time.process_time()
    with threadpool_limits(1):
        repeated = np.array([once(study, case, fixed, random) for _ in range(case.repetitions)])
    taken = (time.process_time() - start) / len(repeated) / (1 if case.of == "value" else 2)
    values, errors, low, high, verdicts, unpaired = repeated.T
    kind, truth = truth_of(study, case, fixed, values)
    below, above = int((high < truth).sum()), int((low > truth).sum())
    compared = case.of == "difference"
    found = {
        "held_fixed": " and ".join(held_sides(study, case)),
        "truth": kind,
        "repetitions": case.repetitions,
        "value": f"{truth:.6g}",
        "sd": f"{values.std(ddof=1):.4g}",
        "mean_std_error": f"{errors.mean():.4g}",
        "too_low": below,
        "too_high": above,
        "coverage_percent": f"{100 * (1 - (below + above) / len(repeated)):.2f}",
        "ms": f"{1000 * taken:.1f}",
        "a_better": int((verdicts > 0).sum()) if compared else "",
        "b_better": int((verdicts < 0).sum()) if compared else "",
        "unpaired_percent": f"{100 * (np.abs(values - truth) <= Z95 * unpaired).mean():.2f}" if compared else "",
    }
    return {**dict(zip(KEY, case.key, strict=True)), **{name: str(value) for name, value in found.items()}}


def truth_of(study: Study, case: Case, fixed: dict[str, Rows], values: NDArray[np.float64]) -> tuple[str, float]:
    """What the intervals should hold, and how it is known."""
    if case.of == "difference":
        return ("symmetry", 0.0) if case.situation == case.other else ("mean", float(values.mean()))
    return ("mean", float(values.mean())) if study.limit is None else ("limit", limit(study, case, fixed))


def drawn(case: Case, side: str, random: np.random.Generator, situation: str = "") -> Rows:
    return case.world.draw(side, situation or case.situation, random, case.n)


def held(case: Case, side: str) -> Rows:
    """The set that stands fixed; of each side another one."""
    return drawn(case, side, np.random.default_rng([1000, SIDES.index(side)]))


def held_sides(study: Study, case: Case) -> list[str]:
    """What is not drawn anew."""
    return list(study.held_between if case.of == "difference" else study.held)


def given(study: Study, sets: dict[str, Rows]) -> list[np.ndarray]:
    """The metric's arguments."""
    return [sets[side][output] for side, output in (need.split(".") for need in study.needs)]


def value_once(study: Study, case: Case, fixed: dict[str, Rows], random: np.random.Generator) -> Repeated:
    sets = {side: fixed.get(side) or drawn(case, side, random) for side in study.sides}
    found = study.estimate(*given(study, sets))
    return numbers(found.value, found.std_error, found.low, found.high, 0.0, 0.0)


def difference_once(study: Study, case: Case, fixed: dict[str, Rows], random: np.random.Generator) -> Repeated:
    sets = {side: fixed.get(side) or drawn(case, side, random) for side in study.sides if side != "generated"}
    samples = [drawn(case, "generated", random, situation) for situation in (case.situation, case.other)]
    a, b = (scored(case, study.estimate(*given(study, {**sets, "generated": each}))) for each in samples)
    found = difference(a, b)
    alone = difference(*(replace(each, of_reference=None, of_parts=None) for each in (a, b)))
    assert ("conditional" in found.reason) == bool(study.held_between), f"{case.metric}: {found.reason}"
    errors = [((each.high or 0.0) - (each.low or 0.0)) / (2 * Z95) for each in (found, alone)]
    return numbers(found.value, errors[0], found.low, found.high, VERDICTS[found.verdict], errors[1])


def scored(case: Case, found: Estimate) -> Score:
    """The estimate as a record has it."""
    parts = {field.name: getattr(found, field.name) for field in fields(Estimate) if field.name != "options"}
    better = METRICS[case.metric].better if case.metric in METRICS else "lower"
    sides = "|".join(f"{side}:" for side in STUDIES[case.metric].sides)
    return Score(
        metric=case.metric, name="", better=better, n_real=case.n, n_generated=case.n, signature=sides, **parts
    )


def numbers(*found: float | None) -> Repeated:
    value, error, low, high, verdict, alone = (float("nan") if each is None else each for each in found)
    assert np.isfinite([value, error, low, high]).all(), "no interval was offered"
    return value, error, low, high, verdict, alone


def limit(study: Study, case: Case, fixed: dict[str, Rows]) -> float:
    """The measure of the whole population of samples."""
    assert study.limit is not None
    whole = case.world.draw("generated", case.situation, np.random.default_rng(2000), case.world.whole)
    return study.limit(*given(study, {**fixed, "generated": whole}))


# --- the table


def key_of(row: Row) -> tuple[str, ...]:
    return tuple(row[name] for name in KEY)


def read(path: Path = RESULT) -> dict[tuple[str, ...], Row]:
    """What was measured before, by case."""
    return {key_of(row): row for row in csv_tables.read(path)}


def write(path: Path, known: dict[tuple[str, ...], Row], order: Sequence[Case]) -> list[Row]:
    """The rows known, in the order of the cases; what is no case any more is left out."""
    rows = [known[case.key] for case in order if case.key in known]
    csv_tables.write(path, [{name: row.get(name, "") for name in FIELDS} for row in rows])
    return rows


def outside(row: Row) -> bool:
    """Does the case lie outside 92-98% by more than the simulation's noise (its own 95% interval)?"""
    low, high = wilson(float(row["coverage_percent"]) / 100, int(row["repetitions"]))
    return 100 * high < LOWEST or 100 * low > HIGHEST


def too_low(row: Row) -> bool:
    return float(row["coverage_percent"]) < LOWEST


def spoken(row: Row) -> str:
    text = f"{row['metric']:<24} {row['of'][:5]:<5} {row['images']:<24} {row['samples']:<7} n={row['n']:<5}"
    ratio = float(row["mean_std_error"]) / (float(row["sd"]) or float("nan"))
    tails = f"{row['too_low']:>4} low {row['too_high']:>4} high of {row['repetitions']:<4}"
    return f"{text} {row['coverage_percent']:>6}% {tails} se/sd {ratio:.2f} {row['ms']:>7} ms" + (
        "  OUTSIDE" if outside(row) else ""
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="metrics, comma-separated")
    parser.add_argument("--of", choices=("value", "difference"), help="intervals of these alone")
    parser.add_argument("--repetitions", type=int, help="instead of each case's own")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--anew", action="store_true", help="measure also what is known")
    parser.add_argument("--out", type=Path, default=RESULT)
    arguments = parser.parse_args()
    order = list(cases())
    wanted = [c for c in order if not arguments.only or c.metric in arguments.only.split(",")]
    wanted = [case for case in wanted if arguments.of in (None, case.of)]
    if arguments.repetitions:
        wanted = [replace(case, repetitions=arguments.repetitions) for case in wanted]
    known = read(arguments.out)
    if not arguments.anew:
        wanted = [case for case in wanted if case.key not in known]
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for done in as_completed([pool.submit(measured, case) for case in wanted]):
            if done.exception():
                pool.shutdown(cancel_futures=True)
            row = done.result()
            print(spoken(row), flush=True)
            known[key_of(row)] = row
            write(arguments.out, known, order)
    rows = write(arguments.out, known, order)
    if arguments.out == RESULT:
        figures.save("coverage.svg", plot(rows))
        PAGE.write_text(with_tables(PAGE.read_text(), rows))
    print(*(spoken(row) for row in rows if outside(row)), sep="\n")


def with_tables(page: str, rows: list[Row]) -> str:
    """The page with these tables in place of those it has."""
    for place, of in PLACES.items():
        start, end = f"<!-- {place} -->\n", f"<!-- end of {place} -->\n"
        before, rest = page.split(start)
        page = before + start + table([row for row in rows if row["of"] == of]) + end + rest.split(end)[1]
    return page


def table(rows: list[Row]) -> str:
    """A line for each metric, in Markdown: how many cases, which cover least and most; in bold all that are outside."""
    headings = ["interval of", "conditional on", "cases", "covers least", "covers most"]
    verdicts = any(row["of"] == "difference" for row in rows)
    headings += BETWEEN if verdicts else []
    lines = [f"| {' | '.join(headings)} |", "|" + " --- |" * len(headings)]
    for name in dict.fromkeys(row["metric"] for row in rows):
        own = sorted((row for row in rows if row["metric"] == name), key=lambda row: float(row["coverage_percent"]))
        held = {"": "nothing"}.get(own[0]["held_fixed"], own[0]["held_fixed"])
        too_few, too_many = ([row for row in own if outside(row) and too_low(row) == side] for side in (True, False))
        ends = ["; ".join(map(in_words, some)) for some in (too_few or own[:1], too_many or own[-1:])]
        cells = [name, held, str(len(own)), *ends]
        lines.append(f"| {' | '.join([*cells, *([unpaired(own), *verdicts_in_words(own)] if verdicts else [])])} |")
    return "\n".join(lines) + "\n"


def unpaired(rows: list[Row]) -> str:
    """What intervals conditional on the reference cover, where the others are not."""
    shares = [float(row["unpaired_percent"]) for row in rows if row["unpaired_percent"] != row["coverage_percent"]]
    return spanned(shares) or "the same"


def verdicts_in_words(rows: list[Row]) -> list[str]:
    """How often a set was called better: where none is, the worse one, the better one. In bold: more than 2.5%."""
    metric = METRICS[rows[0]["metric"]]
    if metric.better not in ("lower", "higher") and metric.null is None:
        return ["no verdict without a baseline", "", ""]
    alike = [share_of(row, side) for row in rows if row["truth"] == "symmetry" for side in ("a_better", "b_better")]
    sides = [(row, better_set(row)) for row in rows if row["truth"] != "symmetry"]
    wrong = [share_of(row, "b_better" if side == "a_better" else "a_better") for row, side in sides]
    right = [share_of(row, side)[0] for row, side in sides]
    return [at_most(alike), at_most(wrong), spanned(right)]


def better_set(row: Row) -> str:
    """The column of the set that is truly better; of metrics with a null value the cases name the nearer set first."""
    if METRICS[row["metric"]].null is not None:
        return "a_better"
    lower = METRICS[row["metric"]].better == "lower"
    return "a_better" if (float(row["value"]) < 0) == lower else "b_better"


def share_of(row: Row, column: str) -> tuple[float, int]:
    """In percent, and of how many repetitions."""
    return 100 * int(row[column]) / int(row["repetitions"]), int(row["repetitions"])


def spanned(shares: list[float]) -> str:
    """From the smallest share to the largest."""
    return " to ".join(f"{share:.1f}" for share in sorted({min(shares), max(shares)})) + "%" if shares else ""


def at_most(shares: list[tuple[float, int]]) -> str:
    """The largest share; in bold where it is above 2.5% by more than the simulation's noise."""
    share, n = max(shares, default=(0.0, 1))
    low, _ = wilson(share / 100, n)
    return f"**{share:.1f}%**" if 100 * low > ONE_SIDE else f"{share:.1f}%"


def in_words(row: Row) -> str:
    share = f"{float(row['coverage_percent']):.1f}%"
    share = f"**{share}**" if outside(row) else share
    return f"{share} of {row['repetitions']}: {row['images']}, {row['samples']}, n = {row['n']}"


def plot(rows: list[Row]) -> bytes:
    """A line for each metric, a point for each of its cases, over the 92 to 98% that are asked for."""
    from genmetrics.reports.plots import REAL, SAMPLES, figure, svg

    names = list(dict.fromkeys(named(row) for row in rows))
    with figure(7.5, 0.8 + 0.27 * len(names)) as drawn_on:
        axes = drawn_on.add_subplot()
        axes.axvspan(LOWEST, HIGHEST, color=REAL, alpha=0.15, linewidth=0)
        axes.axvline(95, color=REAL, linewidth=0.8)
        for mnist, label in ((False, "Gaussians"), (True, "MNIST")):
            for null in (True, False):
                some = [r for r in rows if ("MNIST" in r["images"], at_null(r)) == (mnist, null)]
                places = [len(names) - 1 - names.index(named(r)) + place_within(r, rows) for r in some]
                shares = np.array([float(r["coverage_percent"]) for r in some])
                ends = np.array([wilson(s / 100, int(r["repetitions"])) for s, r in zip(shares, some, strict=True)])
                reach = np.abs(100 * ends.reshape(-1, 2).T - shares)
                colour = "#b4552d" if mnist else SAMPLES
                style = {"color": colour, "markersize": 3.2, "linewidth": 0.6, "markerfacecolor": colour}
                style |= {} if null else {"markerfacecolor": "white"}
                where = "at the null" if null else "away from it"
                axes.errorbar(shares, places, xerr=reach, fmt="o", label=f"{label}, {where}", **style)
        axes.set_yticks(np.arange(len(names))[::-1], names, fontsize=8)
        axes.set_ylim(-0.8, len(names) - 0.2)
        axes.set_xlabel("% of nominal 95% intervals that hold the truth; bars: 95% intervals of the simulation")
        axes.legend(
            loc="upper center", bbox_to_anchor=(0.4, 1.0 + 0.6 / len(names)), ncols=4, fontsize=7, frameon=False
        )
        return svg(drawn_on)


def at_null(row: Row) -> bool:
    """Whether samples are drawn as real images are, or both sets of them alike."""
    return row["samples"] == "null" or row["truth"] == "symmetry"


def named(row: Row) -> str:
    return row["metric"] if row["of"] == "value" else f"{row['metric']}, difference"


def place_within(row: Row, rows: list[Row]) -> float:
    """Cases of one metric lie under each other, within 0.35 of its line."""
    own = [key_of(other) for other in rows if named(other) == named(row)]
    return 0.35 - 0.7 * (own.index(key_of(row)) + 0.5) / len(own)


if __name__ == "__main__":
    main()
