"""Do the density claims of the thesis (Basart 2017, chapter 3) hold on these data and networks?

    python benchmarks/thesis/density.py modes --data cifar10        3.4.5: n distinct training images, IS beside DDM
    python benchmarks/thesis/density.py corruptions --data imagenet    3.4.6: noise and blur at rising strength
    python benchmarks/thesis/density.py embeddings --data cifar10      3.4.3, 3.4.4: other embeddings, other networks
    python benchmarks/thesis/density.py layers --data cifar10    DDM by layers, where hypercolumns disagree with logits
    python benchmarks/thesis/density.py parzen         3.4.1: Parzen windows, raw and PCA, beside DDM
    python benchmarks/thesis/density.py ais            3.1.2: AIS over the observation variance, on GAN-10
    python benchmarks/thesis/density.py page           the section of docs/density.md, from the tables that are there

Each writes benchmarks/results/thesis_NAME_DATA.csv and docs/pictures/thesis_NAME_DATA.png and prints a sentence that
says whether the claim holds; --redraw takes the table that is there. Embeddings are kept in the cache of features, so
a run that was stopped goes on. The experiments are the files beside this one; it needs the packs in ../shared/data.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

BENCHMARKS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(BENCHMARKS), str(BENCHMARKS / "papers")]

from thesis import page  # noqa: E402
from thesis.experiment import file_of, read, write  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", choices=(*page.EXPERIMENTS, "page"))
    parser.add_argument("--data", choices=("mnist", "cifar10", "imagenet"), default="mnist")
    parser.add_argument("--redraw", action="store_true", help="no measurement: picture and sentence from the table")
    arguments = parser.parse_args()
    if arguments.experiment == "page":
        page.write()
        return
    experiment: Any = import_module(f"thesis.{arguments.experiment}")
    if arguments.data not in experiment.DATA:
        parser.error(f"{arguments.experiment} is for {', '.join(experiment.DATA)}, not {arguments.data}")
    name = f"{arguments.experiment}_{arguments.data}"
    if not arguments.redraw:
        write(name, experiment.measure(arguments.data))
    rows = read(name)
    experiment.draw(arguments.data, rows)
    found = experiment.finding(arguments.data, rows)
    print(f"{file_of(name).name}: {found.verdict.upper()}: {found.sentence}")


if __name__ == "__main__":
    main()
