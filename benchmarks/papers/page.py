"""docs/papers.md from what the claims' scripts found; and `make papers`, which runs them all first.

    python benchmarks/papers/page.py            # the page from the files that are there
    python benchmarks/papers/page.py --measure  # every claim again, from stored runs; then the page

A claim whose runs are missing keeps what was found before, and is named at the end.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from importlib import import_module
from pathlib import Path

from claim import FOUND, Claim, Finding, Row, kept, shown
from lengths import APART, FULL, PAGE, REPO

HERE = Path(__file__).parent
SHORT = REPO / "benchmarks" / "results" / "papers"  # what was found of the short runs
ORDER = {  # papers and their claims, in the order of the page
    "AC-GAN (Odena et al. 2017)": (
        "acgan_native_resolution",
        "acgan_resolution",
        "acgan_diverse_classes",
        "acgan_accuracy_diversity",
        "acgan_class_count",
        "acgan_memorisation",
        "acgan_latent_holes",
    ),
    "Stacked GAN (Huang et al. 2017)": ("sgan_order", "sgan_entropy", "sgan_score_blind"),
    "The thesis that introduced DDM (Basart 2017)": (
        "ddm_order",
        "ddm_embeddings",
        "ddm_table",
        "parzen_weak",
        "ais_variance",
        "is_confident",
        "is_saturates",
        "corruption_slopes",
        "modnet_augmentation",
        "modnet_memorisation",
    ),
    "IntroVAE (Huang et al. 2018)": ("introvae_stable", "introvae_quality", "introvae_manifold"),
}
MARKS = {"holds": "✔", "does not hold": "✘", "cannot tell here": "?"}
HEAD = """# The papers' claims, tried again

What papers said when they proposed these metrics and models, and what the numbers say here: small models on a CPU,
mostly on MNIST, so a claim about ImageNet or long training may end as *cannot tell here*. Numbers in brackets are 95%
intervals, over seeds Student's. Published numbers stand beside them where a paper printed one; they are of other data.

This page is made from `benchmarks/results/papers/` by `python benchmarks/papers/page.py`; no measured number in it is
typed.
`make papers-train` trains what the claims need (hours on a CPU, resumable), `make papers` tries every claim again.
"""
HEAD_FULL = """# The papers' claims, tried again at the papers' lengths

The claims of [papers.md](papers.md) with models trained as long as the papers did (`make papers-train GPU=1`), made
from `benchmarks/results/full/papers/` by `make papers GPU=1`. A claim that does not hold has the reason that was found
for the short runs where the verdict is the same.
"""


def names() -> list[str]:
    return [name for some in ORDER.values() for name in some]


def claim_of(name: str) -> Claim:
    return import_module(name).CLAIM


def summary(found: dict[str, Finding]) -> list[str]:
    """One line a claim."""
    lines = ["| | claim | paper | found |", "| --- | --- | --- | --- |"]
    for name, finding in found.items():
        claim = claim_of(name)
        link = f"[{claim.says}](#{name.replace('_', '-')})"
        lines.append(f"| {MARKS[finding.verdict]} | {link} | {claim.paper}, {claim.where} | {finding.verdict} |")
    return lines


def section(name: str, finding: Finding) -> list[str]:
    """A claim, how it was tried, its numbers and their picture."""
    claim = claim_of(name)
    lines = [f"### {name.replace('_', ' ')}", "", f"> {claim.says}", f"> — {claim.paper}, {claim.where}", ""]
    lines += [f"**{finding.verdict[0].upper()}{finding.verdict[1:]}.** {finding.sentence}", ""]
    if why := reason(name, finding):
        lines += [why, ""]
    lines += [f"{claim.protocol} `python benchmarks/papers/{name}.py`", ""]
    lines += ["| | here | 95% interval | published |", "| --- | --- | --- | --- |"]
    lines += [line(row) for row in finding.rows]
    picture = Path("pictures", APART, f"papers_{name}.png").as_posix()
    return [*lines, "", f"![{claim.says}]({picture})", ""]


def reason(name: str, finding: Finding) -> str:
    """Why it does not hold or cannot be told; of a long run what was found of the short ones, if both end alike."""
    if finding.verdict == "holds":
        return ""
    short = SHORT / f"{name}.csv"
    if FULL and not (short.exists() and kept(name, SHORT).verdict == finding.verdict):
        return "Why has not been looked into yet."
    return f"As of the short runs: {claim_of(name).why}" if FULL else claim_of(name).why


def line(row: Row) -> str:
    return f"| {row.what} | {' | '.join(shown(row))} | {row.published} |"


def page() -> str:
    """The whole page, as Markdown; claims that were never tried are left out."""
    found = {name: kept(name) for name in names() if (FOUND / f"{name}.csv").exists()}
    counts = {v: sum(f.verdict == v for f in found.values()) for v in MARKS}
    counted = "; ".join(f"{n} {verdict}" for verdict, n in counts.items())
    lines = [HEAD_FULL if FULL else HEAD, f"{counted}.", "", *summary(found), ""]
    for paper, claims in ORDER.items():
        lines += [f"## {paper}", ""]
        for name in claims:
            lines += section(name, found[name]) if name in found else []
    return "\n".join(lines).rstrip() + "\n"


def measured() -> list[str]:
    """Run every claim's script; those that ended badly."""
    return [name for name in names() if subprocess.run([sys.executable, HERE / f"{name}.py"]).returncode]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", action="store_true", help="try every claim again first")
    missing = measured() if parser.parse_args().measure else []
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
    if missing:
        raise SystemExit(f"not tried: {', '.join(missing)}; see above")


if __name__ == "__main__":
    main()
