"""Does inception-v3-tf2015 give pytorch-fid's and torch-fidelity's numbers, and in what time?

    pip install --no-deps pytorch-fid torch-fidelity
    python benchmarks/parity/inception.py [--images FOLDER] [--n 64] [--threads 1]

Random weights in the published layout (random_inception.py), one file for all. Two sets of n images: noise pictures
of 64 pixels a side, or two halves of the images of a folder. Each peer resizes in its own way, and so do we (@).
Writes benchmarks/results/parity_inception.csv: relative Frobenius distance of each output, relative difference of
the Frechet distance, and CPU-milliseconds an image on each side (batches of 16; resizing and forward pass).
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from random_inception import octaves, random_state

import genmetrics as gm
from genmetrics.extractors.inception import Inception

RESULT = Path(__file__).parents[1] / "results" / "parity_inception.csv"
FIELDS = ["peer", "path", "n", "output", "relative_error", "cpu_ms_an_image", "peer_cpu_ms_an_image"]
BATCH = 16


def torch_fidelity(weights):
    """images (n, 3, h, w) uint8 -> outputs by our names."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    names = {"64": "64", "192": "192", "768": "768", "features": "2048", "logits": "logits_unbiased"}
    network = FeatureExtractorInceptionV3("x", list(names.values()), feature_extractor_weights_path=str(weights))
    return lambda images: dict(zip(names, network(images), strict=True))


def pytorch_fid(weights):
    import pytorch_fid.inception as peer

    peer.load_state_dict_from_url = lambda *_, **__: torch.load(weights, weights_only=True)
    network = peer.InceptionV3([0, 1, 2, 3]).eval()

    def run(images):
        found = network(images.float() / 255)
        return {name: x.mean((2, 3)) for name, x in zip(("64", "192", "768", "features"), found, strict=True)}

    return run


PEERS = {"torch-fidelity": (torch_fidelity, "tf1-bilinear"), "pytorch-fid": (pytorch_fid, "torch-bilinear")}


def outputs_of(run, images):
    """Outputs (n, d) by name, and CPU-milliseconds an image; the first batch is run once before, to warm up."""
    batches = [images[i : i + BATCH] for i in range(0, len(images), BATCH)]
    run(batches[0])
    start = time.process_time()
    found = [run(batch) for batch in batches]
    spent = 1e3 * (time.process_time() - start) / len(images)
    return {name: np.concatenate([np.asarray(part[name]) for part in found]) for name in found[0]}, spent


def pictures(folder, n):
    """2 n images (h, w, 3) uint8."""
    if folder is None:
        noise = octaves(2 * n, torch.Generator().manual_seed(1), 64)
        return ((noise + 1) * 127.5).round().byte().permute(0, 2, 3, 1).contiguous().numpy()
    return np.stack(list(gm.open_images(folder, "images").take(range(2 * n), 3)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--n", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    images, rows = pictures(arguments.images, arguments.n), []
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the peers'
        weights = Path(folder) / "random.pth"
        torch.save(random_state(), weights)
        nchw = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
        for peer, (make, resize) in PEERS.items():
            theirs, their_time = outputs_of(make(weights), nchw)
            for path in ("eager", "fast"):
                network = Inception(
                    resize, theirs, weights=weights, device="cpu", backend="eager" if path == "eager" else "auto"
                )
                ours, our_time = outputs_of(lambda batch, network=network: network(list(batch)), images)
                errors = {name: np.linalg.norm(ours[name] - x) / np.linalg.norm(x) for name, x in theirs.items()}
                half = arguments.n
                here, there = (gm.frechet_distance(x["features"][:half], x["features"][half:]) for x in (ours, theirs))
                for output, error in {**errors, "frechet": abs(here / there - 1)}.items():
                    values = (peer, path, 2 * half, output, f"{error:.1e}", round(our_time), round(their_time))
                    rows.append(dict(zip(FIELDS, values, strict=True)))
                    print(*values)
    with RESULT.open("w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
