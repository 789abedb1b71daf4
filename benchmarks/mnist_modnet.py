"""Does ModNet change the label of digits under a classifier that it was not trained against, and does it copy?

Needs the MNIST packs in ../shared/data. ModNet in the quick preset, three seeds that were chosen before any was
trained. Each of MNIST's 10,000 test images is changed towards another label than its own, and `mnist-cnn`, which took
no part in the training, says what it sees before and after. Then 2,000 training images are changed, and the nearest of
all training images to each is found (the thesis: it is always the source).

    OMP_NUM_THREADS=1 python benchmarks/mnist_modnet.py [--runs runs/mnist-modnet] [--literal]

With --literal the losses and the reach are those that the thesis states: the classifier is a network of its own, learns
generated images as their targets (Eq. 2.5), and lambda is 1.

A run that was stopped goes on. Writes results/mnist_modnet.csv and docs/pictures/mnist_modnet.png, or the same with
_literal in their names.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import csv_tables
import lengths
from figures import save as save_picture

from genmetrics.records import write_atomically
from reference_models import given
from reference_models.__main__ import main as reference_models
from reference_models.__main__ import trained
from reference_models.modnet_pictures import fooling_sheet
from reference_models.modnet_studies import Mean, classify_by, copies, fooling

REPO = Path(__file__).resolve().parents[1]
DATA = REPO.parent / "shared" / "data"
RESULTS = lengths.RESULTS
SEEDS = (0, 1, 2)  # declared before the first run
JUDGE = "mnist-cnn"
NEIGHBOURS = 2000  # training images whose changed versions are looked up
LITERAL = ("--classifier", "separate", "--label-generated", "--reach", "1", "--l1", "1", "--instance-noise", "0",
           "--frozen-layers", "1")  # fmt: skip
WANTED = 0.8  # share of test digits whose label changes


def train(seed: int, runs: Path, more: tuple[str, ...] = ()) -> Path:
    """The folder of a finished run."""
    out = runs / f"modnet{'-literal' if more else ''}-{seed}"
    packs = ["--dataset", f"{DATA / 'mnist_train.npz'}", "--test-set", f"{DATA / 'mnist_test.npz'}"]
    loop = [*lengths.LOOP, "--seed", f"{seed}", "--checkpoint-every", "100"]
    arguments = ["train", "modnet", *packs, "--out", str(out), *loop, *more]
    reference_models.main(arguments, standalone_mode=False, prog_name="reference_models")
    return out


def questions(run: Path, seed: int) -> tuple[list[dict[str, Any]], bytes]:
    """What a run answers, and its picture; kept in the run folder."""
    kept = run / "answers.json", run / "fooling.png"
    if not all(path.exists() for path in kept):
        model, dataset = trained(run, "cpu")
        judge = classify_by(given.classifier(JUDGE, dataset.shape, dataset.classes), model.device)
        found = fooling(model, judge, dataset.test, seed)
        near = copies(model, dataset.train, NEIGHBOURS, seed, lambda items, *_: items)
        own = Mean.of(model.classify(found.changed) == found.targets)
        numbers = {**found.numbers, **near.numbers, "own_classifier_target_seen": own}
        title = f"Original, delta and result; what {JUDGE} sees before and after"
        write_atomically(kept[1], fooling_sheet(found, 32, title))
        rows = [{"seed": seed, "number": name, **asdict(mean)} for name, mean in numbers.items()]
        write_atomically(kept[0], json.dumps(rows).encode())
    return json.loads(kept[0].read_text()), kept[1].read_bytes()


def save(name: str, rows: list[dict[str, Any]]) -> None:
    rounded = [{k: round(v, 6) if isinstance(v, float) else v for k, v in row.items()} for row in rows]
    csv_tables.write(RESULTS / name, rounded)


def sentence(rows: list[dict[str, Any]]) -> str:
    """What is wanted and what the thesis says, against the numbers."""
    by = {name: [row for row in rows if row["number"] == name] for name in dict.fromkeys(r["number"] for r in rows)}
    least = min(row["low"] for row in by["label_changed"])
    changed = "for every seed" if least >= WANTED else "NOT for every seed"
    values = {name: [row["value"] for row in found] for name, found in by.items()}
    target, own, delta = (values[name] for name in ("target_seen", "own_source", "mean_change"))
    always = "so it is here" if min(own) == 1 else "here it is not"
    return (
        f"ModNet changes the label that {JUDGE} sees in at least {WANTED:.0%} of the test digits {changed} (lowest end "
        f"of the intervals: {least:.1%}); {JUDGE} sees the very target in {min(target):.1%} to {max(target):.1%}. Mean "
        f"|delta| {min(delta):.1f} to {max(delta):.1f} of 255 grey levels. The thesis says that a changed image is "
        f"always nearest to its own source; {always}: {min(own):.1%} to {max(own):.1%}."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=lengths.RUNS / "mnist-modnet")
    parser.add_argument("--literal", action="store_true")
    arguments = parser.parse_args()
    more, name = (LITERAL, "mnist_modnet_literal") if arguments.literal else ((), "mnist_modnet")
    rows: list[dict[str, Any]] = []
    for seed in SEEDS:
        answers, picture = questions(train(seed, arguments.runs, more), seed)
        rows += answers
        if seed == SEEDS[0]:
            save_picture(f"{name}.png", picture)
        for row in answers:
            interval = f"[{row['low']:.4f}, {row['high']:.4f}]"
            print(f"seed {seed}  {row['number']:<28}{row['value']:9.4f}  95% {interval}", flush=True)
    save(f"{name}.csv", rows)
    print(sentence(rows))


if __name__ == "__main__":
    main()
