"""Do the density claims of the thesis (Basart 2017, chapter 3) hold on these data and networks?

    python benchmarks/thesis/density.py modes --data mnist     3.4.5: n distinct training images, IS beside DDM
    python benchmarks/thesis/density.py corruptions --data mnist      3.4.6: noise and blur at rising strength
    python benchmarks/thesis/density.py embeddings       3.4.3, 3.4.4: the same order by other embeddings and networks
    python benchmarks/thesis/density.py parzen           3.4.1: Parzen windows, raw and PCA, beside DDM
    python benchmarks/thesis/density.py ais              3.1.2: AIS over the observation variance, on a small decoder

Each writes benchmarks/results/thesis_NAME.csv and docs/pictures/thesis_NAME.png and prints a sentence that says whether
the claim holds. Replicating n images to 50,000 changes no mean over them, so DDM is taken over the n distinct ones.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.stats import kendalltau

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

import networks  # noqa: E402
import packs  # noqa: E402

import genmetrics as gm  # noqa: E402

DISTINCT, REPEATS = (10, 20, 100, 1000, 10_000), 5
KEPT = ROOT / "runs" / "thesis"  # features, so that a second run starts at once
STRENGTHS = {  # of 0-255 pixels; blur in pixels
    "gaussian noise": (10, 25, 50, 100),
    "uniform noise": (20, 50, 100, 200),
    "gaussian blur": (0.5, 1.0, 1.5, 2.5),
}


def embedded(images: NDArray[np.uint8], network: str) -> dict[str, NDArray[np.float32]]:
    """logits and features (prelogits) of `network`."""
    extractor: Any = network if network == "mnist-cnn" else networks.Classifier(network)
    return gm.extract(images, extractor, ("logits", "features"))


def kept(name: str, images: NDArray[np.uint8], network: str) -> dict[str, NDArray[np.float32]]:
    """`embedded`, from the last run if it kept them."""
    file = KEPT / f"{name}_{network}_{len(images)}.npz"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, **embedded(images, network))
    return dict(np.load(file))


def data(name: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8], str]:
    """Training images, test images, and the network that embeds them."""
    if name == "mnist":
        return packs.mnist("train").images, packs.mnist("test").images, "mnist-cnn"
    return packs.cifar10_train(20_000).images, packs.cifar10_test().images, "resnet20"


def corrupted(images: NDArray[np.uint8], kind: str, strength: float, seed: int = 0) -> NDArray[np.uint8]:
    """Images with noise of this standard deviation (uniform: half-width), or blurred."""
    rng, x = np.random.default_rng(seed), images.astype(np.float32)
    if kind == "gaussian blur":
        x = gaussian_filter(x, (0, strength, strength, 0)[: x.ndim])
    else:
        noise = rng.normal(size=x.shape) if kind == "gaussian noise" else rng.uniform(-1, 1, x.shape)
        x = x + strength * noise
    return np.clip(np.rint(x), 0, 255).astype(np.uint8)


def write(name: str, rows: list[dict[str, Any]]) -> None:
    file = ROOT / "benchmarks" / "results" / f"thesis_{name}.csv"
    with file.open("w", newline="") as opened:
        writer = csv.DictWriter(opened, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        print(
            "  ".join(
                f"{key} {value:.5g}" if isinstance(value, float) else f"{key} {value}" for key, value in row.items()
            )
        )


def draw(name: str, x: list[Any], curves: dict[str, Iterable[float]], label: str, *, log: bool = False) -> None:
    """One panel a curve."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(curves), figsize=(3.2 * len(curves), 2.6), squeeze=False)
    for axis, (title, values) in zip(axes[0], curves.items(), strict=True):
        axis.plot(x, list(values), "o-", ms=4)
        axis.set(title=title, xlabel=label, xscale="log" if log else "linear")
        axis.tick_params(axis="x", labelrotation=0 if log or len(x) < 6 else 60)
    figure.tight_layout()
    (ROOT / "docs" / "pictures").mkdir(parents=True, exist_ok=True)
    figure.savefig(ROOT / "docs" / "pictures" / f"thesis_{name}.png", dpi=80)


def modes(name: str) -> None:
    """DDM against the number of distinct images, and the score that saturates."""
    train, test, network = data(name)
    t, r = kept(f"{name}-test", test, network)["logits"], kept(f"{name}-train", train, network)["logits"]
    rows = []
    for n in (*DISTINCT, len(r)):
        ddms, scores, flipped = [], [], []
        for repeat in range(REPEATS if n < len(r) else 1):
            chosen = r[np.random.default_rng(repeat).permutation(len(r))[:n]]
            ddms.append(gm.ddm(t, chosen).value)
            flipped.append(gm.ddm(t, chosen, thesis_sign=True).value)
            scores.append(gm.inception_score(logits=chosen, splits=1).value)
        found = {"ddm": ddms, "score": scores, "thesis_sign": flipped}
        rows.append({"n": n, **{key: float(np.mean(v)) for key, v in found.items()}, "ddm_std": float(np.std(ddms))})
    write(f"modes_{name}", rows)
    draw(
        f"modes_{name}",
        [row["n"] for row in rows],
        {"DDM (lower is better)": [r["ddm"] for r in rows], f"IS by {network}": [r["score"] for r in rows]},
        "distinct training images",
        log=True,
    )
    ddm = [row["ddm"] for row in rows[: len(DISTINCT)]]
    last = [row["score"] for row in rows]
    strictly = bool(np.all(np.diff(ddm) < 0))
    left = [100 * abs(last[-1] - value) / abs(last[-1] - last[0]) for value in last]
    falls = [100 * (value - ddm[-1]) / (ddm[0] - ddm[-1]) for value in ddm]
    how = "falls" if strictly else "does NOT fall"
    print(
        f"{name}: DDM {how} strictly with n: {[round(v, 2) for v in ddm]}. Left at n = 100 and 1,000: {left[2]:.1f}% "
        f"and {left[3]:.1f}% of the score's rise, {falls[2]:.1f}% and {falls[3]:.1f}% of DDM's fall."
    )


def corruptions(name: str) -> None:
    """DDM of corrupted test images against the strength."""
    if name == "imagenet":
        images, network = packs.imagenet1k(range(1000)).images, "squeezenet"
        test, clean = images[:500], images[500:]
    else:
        _, test, network = data(name)
        test, clean = test[:500], test[500:1000]
    t = kept(f"{name}-corruption-test", test, network)["logits"]
    base = gm.ddm(t, kept(f"{name}-corruption-clean", clean, network)["logits"]).value
    rows = []
    for kind, strengths in STRENGTHS.items():
        for strength in strengths:
            found = kept(f"{name}-{kind}-{strength}", corrupted(clean, kind, strength), network)["logits"]
            value = gm.ddm(t, found).value
            rows.append(
                {
                    "kind": kind,
                    "strength": float(strength),
                    "ddm": value,
                    "excess": value - base,
                    "bits": (value - base) / np.log(2),
                }
            )
    write(f"corruptions_{name}", [{"kind": "none", "strength": 0.0, "ddm": base, "excess": 0.0, "bits": 0.0}, *rows])
    curves = {k: [base, *[r["ddm"] for r in rows if r["kind"] == k]] for k in STRENGTHS}
    draw(f"corruptions_{name}", list(range(5)), curves, "strength (index)")
    rising = {k: bool(np.all(np.diff(v) > 0)) for k, v in curves.items()}
    print(f"{name}: DDM rises at every step: {rising}.")


def embeddings(_: str) -> None:
    """The order of twelve corrupted sets by two embeddings of two networks."""
    test, clean = packs.cifar10_test().images[:500], packs.cifar10_test().images[500:1000]
    values: dict[str, list[float]] = {}
    names = [f"{kind} {s}" for kind, strengths in STRENGTHS.items() for s in strengths]
    for network in ("resnet20", "resnet32"):
        t = kept("cifar10-corruption-test", test, network)
        sets = [
            kept(f"cifar10-{kind}-{s}", corrupted(clean, kind, s), network)
            for kind, strengths in STRENGTHS.items()
            for s in strengths
        ]
        for output in ("logits", "features"):
            key = f"{network} {'prelogits' if output == 'features' else output}"
            values[key] = [gm.ddm(t[output], found[output]).value for found in sets]
    write("embeddings", [{"set": n, **{k: v[i] for k, v in values.items()}} for i, n in enumerate(names)])
    draw("embeddings", list(range(len(names))), values, "corrupted set")
    first = values["resnet20 logits"]
    taus = {key: float(kendalltau(first, v).statistic) for key, v in values.items() if v is not first}
    print(f"Kendall's tau with resnet20 logits over {len(names)} sets: { {k: round(v, 2) for k, v in taus.items()} }.")


def parzen(_: str) -> None:
    """Sets of falling quality by Parzen windows on pixels and on PCA, and by DDM."""
    train, test, network = data("mnist")
    rng = np.random.default_rng(0)
    pool = train[rng.permutation(50_000)[:2000]]
    validation = train[50_000:51_000].reshape(1000, -1) / 255
    sets = {
        "training images": pool,
        "training images, blur .5": corrupted(pool, "gaussian blur", 0.5),
        "training images, blur 1.5": corrupted(pool, "gaussian blur", 1.5),
        "100 distinct training images": pool[np.arange(2000) % 100],
        "100 means of k-means": means(train[:20_000], 100)[np.arange(2000) % 100],
        "gaussian noise 50": corrupted(pool, "gaussian noise", 50),
    }
    t = test[:1000]
    logits = kept("mnist-parzen-test", t, network)["logits"]
    rows = []
    for name, images in sets.items():
        g, x = images.reshape(len(images), -1) / 255, t.reshape(len(t), -1) / 255
        raw = gm.parzen_log_likelihood(x, g, validation=validation)
        pca = gm.parzen_log_likelihood(
            x, g, validation=validation, pca=True, train=train[:10_000].reshape(10_000, -1) / 255
        )
        ddm = gm.ddm(logits, kept(f"mnist-parzen-{name}", images, network)["logits"]).value
        rows.append({"set": name, "parzen": raw.value, "sigma": raw.sigma, "parzen_pca": pca.value, "ddm": ddm})
    write("parzen", rows)
    draw("parzen", list(range(len(rows))), {k: [r[k] for r in rows] for k in ("parzen", "parzen_pca", "ddm")}, "set")
    real, fake = rows[0], max(rows[1:], key=lambda row: row["parzen"])
    print(
        f"Parzen puts '{fake['set']}' at {fake['parzen']:.1f} nats, real training images at {real['parzen']:.1f}; DDM "
        f"at {fake['ddm']:.2f} against {real['ddm']:.2f} (lower is better)."
    )


def means(images: NDArray[np.uint8], k: int) -> NDArray[np.uint8]:
    """Centroids of k-means on pixels: what fools Parzen windows (Theis et al. 2016)."""
    from sklearn.cluster import MiniBatchKMeans

    found = MiniBatchKMeans(k, n_init=1, random_state=0).fit(images.reshape(len(images), -1).astype(np.float32))
    return np.rint(found.cluster_centers_).clip(0, 255).astype(np.uint8).reshape(k, *images.shape[1:])


def ais(_: str) -> None:
    """The small decoder that ships with the package, on real 8 x 8 digits."""
    from genmetrics import digits
    from genmetrics.extractors import digits_vae

    decoder = digits_vae.load()
    images = digits.load().images[:16]
    pixels = ((images.reshape(16, -1) + np.random.default_rng(0).random((16, 64))) / 256).astype(np.float32)
    rows = []
    for variance in (0.05, 0.025, 0.01, 0.005):
        found = gm.ais_log_likelihood(decoder, pixels, decoder.latent_dim, variance, temperatures=300, chains=8)
        bounds = gm.ais_bdmc(decoder, decoder.latent_dim, variance, n=16, temperatures=300, chains=8)
        rows.append(
            {
                "obs_var": variance,
                "nats": found.value,
                "std_error": found.std_error,
                "acceptance": found.acceptance,
                "bdmc_gap": bounds.gap,
            }
        )
    write("ais", rows)
    draw("ais", [r["obs_var"] for r in rows], {"AIS log-likelihood": [r["nats"] for r in rows]}, "obs_var", log=True)
    best = max(rows, key=lambda row: row["nats"])
    inside = rows[0]["obs_var"] > best["obs_var"] > rows[-1]["obs_var"]
    print(
        f"The likelihood is highest at obs_var {best['obs_var']}, {'inside' if inside else 'at the end of'} the range."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    experiments = {f.__name__: f for f in (modes, corruptions, embeddings, parzen, ais)}
    parser.add_argument("experiment", choices=experiments)
    parser.add_argument("--data", choices=("mnist", "cifar10", "imagenet"), default="mnist")
    arguments = parser.parse_args()
    experiments[arguments.experiment](arguments.data)


if __name__ == "__main__":
    main()
