"""Does inception-v3-tf2015 give the numbers of pytorch-fid, torch-fidelity and clean-fid on real images?

    pip install --target PEERS --no-deps pytorch-fid torch-fidelity clean-fid
    PYTHONPATH=PEERS python benchmarks/parity/inception.py [--n 64]

Random weights in the published layout (random_inception.py), one file for all. Images: two halves of n of CIFAR-10,
CelebA and 256-pixel JPEGs of ImageNet (image_folders.py), the second as negatives so that no score is near 0; read
from their files by each tool, resized by each in its own way (ours: the name after @), the peers' features turned into
scores by the peers' own functions. Our two paths: the plain network, and the default one.
Writes benchmarks/results/parity_inception.csv: the relative Frobenius distance of each output, the relative difference
of each score, and of `clean` resizing the largest difference in grey levels.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import tempfile
import warnings
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import image_folders
import numpy as np
import torch
from random_inception import random_state

import genmetrics as gm
from genmetrics.extractors.inception import Inception
from genmetrics.resizing import resize

RESULT = Path(__file__).parents[1] / "results" / "parity_inception.csv"
FIELDS = ["date", "machine", "images", "n", "peer", "path", "quantity", "ours", "theirs", "difference", "allowed"]
BATCH = 16
ALLOWED = {"eager": 1e-5, "auto": 1e-4}
SEED = 2020


def torch_fidelity(folder: Path, weights: Path) -> dict[str, np.ndarray]:
    """Its outputs for a folder, by our names."""
    from torch_fidelity.datasets import ImagesPathDataset
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    names = {"64": "64", "192": "192", "768": "768", "features": "2048", "logits": "logits_unbiased"}
    network = FeatureExtractorInceptionV3("x", list(names.values()), feature_extractor_weights_path=str(weights))
    images = torch.stack(list(ImagesPathDataset(sorted(map(str, folder.iterdir())))))
    parts = [network(batch) for batch in images.split(BATCH)]
    return {name: torch.cat([part[i] for part in parts]).numpy() for i, name in enumerate(names)}


def pytorch_fid(folder: Path, weights: Path) -> dict[str, np.ndarray]:
    """Likewise."""
    import pytorch_fid.fid_score as score
    import pytorch_fid.inception as peer

    peer.load_state_dict_from_url = lambda *_, **__: torch.load(weights, weights_only=True)
    network = peer.InceptionV3([3])
    files = sorted(folder.iterdir())
    return {"features": score.get_activations(files, network, BATCH, 2048, "cpu", 0)}


def scores_of_torch_fidelity(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> dict[str, float]:
    """Its scores of generated images b against real images a."""
    from torch_fidelity import metric_fid, metric_isc, metric_kid, metric_prc

    real, generated = (torch.from_numpy(x["features"]) for x in (a, b))
    moments = [metric_fid.fid_features_to_statistics(x) for x in (generated, real)]
    kid = metric_kid.kid_features_to_metric(
        generated, real, kid_subsets=100, kid_subset_size=len(real) // 2, rng_seed=SEED, verbose=False
    )
    score = metric_isc.isc_features_to_metric(torch.from_numpy(b["logits"]), splits=10, shuffle=False)
    precision, recall = metric_prc.calculate_precision_recall_full(generated, real)
    return {
        "FID": metric_fid.fid_statistics_to_metric(*moments, verbose=False)["frechet_inception_distance"],
        "KID mean": kid["kernel_inception_distance_mean"],
        "KID std": kid["kernel_inception_distance_std"],
        "IS mean": score["inception_score_mean"],
        "IS std": score["inception_score_std"],
        "precision": precision,
        "recall": recall,
    }


def scores_of_pytorch_fid(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> dict[str, float]:
    from pytorch_fid.fid_score import calculate_frechet_distance

    moments = [(x["features"].mean(axis=0), np.cov(x["features"], rowvar=False)) for x in (a, b)]
    return {"FID": calculate_frechet_distance(*moments[0], *moments[1])}


def our_scores(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> dict[str, float]:
    real, generated = a["features"], b["features"]
    kid = gm.kernel_distance(real, generated, subsets=100, subset_size=len(real) // 2, seed=SEED)
    found = {"FID": gm.frechet_distance(real, generated), "KID mean": kid.value, "KID std": kid.std}
    if "logits" in b:
        score = gm.inception_score(logits=b["logits"])
        found |= {"IS mean": score.value, "IS std": score.std}
    if "precision_recall" in gm.PUBLIC:
        both = gm.precision_recall(real, generated, k=3)
        found |= {"precision": both.precision, "recall": both.recall}
    return found


PEERS = {
    "torch-fidelity": (torch_fidelity, scores_of_torch_fidelity, "tf1-bilinear"),
    "pytorch-fid": (pytorch_fid, scores_of_pytorch_fid, "torch-bilinear"),
}


def comparisons(folders: tuple[Path, Path], weights: Path):
    """(peer, path, quantity, ours, theirs, difference, allowed) of everything compared on one pair of folders."""
    for peer, (outputs, scores, protocol) in PEERS.items():
        theirs = [outputs(folder, weights) for folder in folders]
        their_scores = scores(*theirs)
        for path, allowed in ALLOWED.items():
            network = Inception(protocol, theirs[0], weights=weights, device="cpu", backend=path)
            ours = [gm.extract(str(folder), network, tuple(theirs[0]), cache=False) for folder in folders]
            for name in theirs[0]:
                here, there = (np.concatenate([part[name] for part in both]) for both in (ours, theirs))
                error = np.linalg.norm(here - there) / np.linalg.norm(there)
                yield peer, path, f"output {name}", "", "", error, allowed
            our = our_scores(*ours)
            for name in (name for name in their_scores if name in our):
                difference = abs(our[name] / their_scores[name] - 1)
                yield peer, path, name, our[name], their_scores[name], difference, 1e-4
    yield "clean-fid", "clean", "largest difference in grey levels", "", "", clean_difference(folders), 1e-3


def clean_difference(folders: tuple[Path, Path]) -> float:
    from cleanfid.resize import build_resizer

    theirs = build_resizer("clean")
    worst = 0.0
    for folder in folders:
        for image in gm.open_images(str(folder), "images").take(range(16), 3):
            ours = resize(torch.from_numpy(image).permute(2, 0, 1)[None], (299, 299), "clean")[0].permute(1, 2, 0)
            worst = max(worst, float(np.abs(ours.numpy() - theirs(image).clip(0, 255)).max()))
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=64)
    n = parser.parse_args().n
    where = f"{os.cpu_count()} cores, {platform.machine()}"
    with RESULT.open("w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        for row in rows(n):
            row = dict(zip(FIELDS, [date.today(), where, *row], strict=True))
            writer.writerow(row)
            file.flush()
            equal = float(row["difference"]) <= float(row["allowed"])
            print(*list(row.values())[2:], "" if equal else "NOT EQUAL", flush=True)


def rows(n: int) -> Iterator[list[object]]:
    """Every comparison of every set of images."""
    with tempfile.TemporaryDirectory() as out, torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the peers'
        weights = Path(out) / "random.pth"
        torch.save(random_state(), weights)
        for images in image_folders.NAMES:
            folders = image_folders.make(images, Path(out), n, negative=True)
            for *told, difference, allowed in comparisons(folders, weights):
                yield [images, 2 * n, *told, f"{difference:.1e}", f"{allowed:g}"]


if __name__ == "__main__":
    main()
