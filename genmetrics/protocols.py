"""What was measured, exactly: a protocol's signature travels beside its number.

Two numbers may be compared only if their signatures are equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from genmetrics._checks import DataError, unknown_name


@dataclass(frozen=True)
class Protocol:
    """Metric, features, resizing, image sets and options behind one number."""

    name: str  # as printed: fid, fd_digits-cnn
    n_generated: int
    features: str | None = None  # extractor/output@first digits of the weights' SHA-256; None: images themselves
    resize: str = "none"
    precision: str = "strict"  # of the network; told where it is less
    sizes: str = ""  # image sizes, where they are not brought to one
    references: dict[str, str] = field(default_factory=dict)  # train, real -> n@first digits of the content digest
    options: dict[str, Any] = field(default_factory=dict)
    revision: int = 1

    @property
    def signature(self) -> str:
        """One line to paste beside the number, as in `fd_pixels-5000|features:pixels/features|...|revision:1`."""
        parts = [f"{self.name}-{self.n_generated}"]
        if self.features is not None:
            parts.append(f"features:{self.features}")
        parts.append(f"resize:{self.resize}" + (f"-{self.sizes}" if self.sizes else ""))
        if self.precision != "strict":
            parts.append(f"precision:{self.precision}")
        parts += [f"{side}:{content}" for side, content in self.references.items()]
        parts += [f"{name}:{value}" for name, value in self.options.items()]
        return "|".join([*parts, f"revision:{self.revision}"])


@dataclass(frozen=True)
class Named:
    """What a name like `fid-50k` stands for."""

    metrics: tuple[str, ...]
    extractor: str | None  # None: any, the number comes from the images themselves
    n_images: int | None  # generated; None: all that there are
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # metric -> where it departs from its row


INCEPTION, CLEAN = "inception-v3-tf2015", "inception-v3-tf2015@clean"
DINOV2 = "timm:vit_large_patch14_dinov2.lvd142m@pil-uint8-bicubic"  # as Stein et al. (2023)
PROTOCOLS = {
    "fid-50k": Named(("frechet",), INCEPTION, 50_000),
    "fid-10k": Named(("frechet",), INCEPTION, 10_000),
    "fid-clean-50k": Named(("frechet",), CLEAN, 50_000),
    "fid-infinity-50k": Named(("frechet-infinity",), INCEPTION, 50_000),
    "sfid-50k": Named(("sfid",), INCEPTION, 50_000),
    "kid-50k": Named(("kernel",), INCEPTION, 50_000),
    "kid-clean-50k": Named(("kernel",), CLEAN, 50_000),
    "is-50k": Named(("inception-score",), INCEPTION, 50_000),
    "is-infinity-50k": Named(("inception-score-infinity",), INCEPTION, 50_000),
    "fd-dinov2-50k": Named(("frechet",), DINOV2, 50_000),
    "mind-50k": Named(("sliced-wasserstein",), INCEPTION, 50_000),
    "prd-10k": Named(("prd-f8", "prd-f1-8"), INCEPTION, 10_000),
    # the papers take features of VGG16; ADM, and most since, those of the Inception
    "pr-50k": Named(("precision", "recall"), INCEPTION, 50_000),
    "dc-10k": Named(("density", "coverage"), INCEPTION, 10_000),
    "prdc-10k": Named(
        ("precision", "recall", "density", "coverage"),
        INCEPTION,
        10_000,
        {"precision": {"k": 5}, "recall": {"k": 5}},  # one k for all four, as Naeem et al. (2020)
    ),
    "msssim-google-100": Named(("ms-ssim",), None, None, {"ms-ssim": {"pairs": 100}}),  # a class: AC-GAN
    "msssim-google-10k": Named(("ms-ssim",), None, None, {"ms-ssim": {"pairs": 10_000, "per_class": False}}),  # PGGAN
}
ANY = "pixels"  # the extractor of a run whose protocols need none


def joined(names: Iterable[str], metrics: Any = None, extractor: Any = None) -> Named:
    """Several named protocols as one run: all on one extractor, over one number of images.

    Raises:
        UnknownNameError: no such protocol; the nearest is suggested.
        DataError: two of them differ in extractor, number or a metric's options, or metrics or an extractor are asked
            for besides.
    """
    asked = list(dict.fromkeys(names))
    for name in asked:
        if name not in PROTOCOLS:
            raise unknown_name("protocol", name, PROTOCOLS)
    if not asked:
        raise DataError(f"no protocol asked for; known: {', '.join(PROTOCOLS)}")
    if metrics is not None or extractor is not None:
        raise DataError(f"{asked[0]} says which metric and which extractor; ask for either it or --metrics/--extractor")
    known = {name: PROTOCOLS[name] for name in asked}
    extractors = {name: each.extractor for name, each in known.items() if each.extractor is not None}
    sizes = {name: each.n_images for name, each in known.items() if each.n_images is not None}
    for what, values in (("on", extractors), ("over", sizes)):
        if len(set(values.values())) > 1:
            listed = ", ".join(f"{name} {what} {value}" for name, value in values.items())
            raise DataError(f"these protocols cannot share a run ({listed}); score them one after the other")
    return Named(
        tuple(dict.fromkeys(metric for each in known.values() for metric in each.metrics)),
        next(iter(extractors.values()), ANY),
        next(iter(sizes.values()), None),
        joined_options(known),
    )


def joined_options(known: Mapping[str, Named]) -> dict[str, Mapping[str, Any]]:
    """Each metric's options, the same in all protocols that name it.

    Raises:
        DataError: two differ.
    """
    found: dict[str, Mapping[str, Any]] = {}
    asked_by: dict[str, str] = {}
    for name, each in known.items():
        for metric in each.metrics:
            options = each.options.get(metric, {})
            if found.setdefault(metric, options) != options:
                raise DataError(
                    f"these protocols cannot share a run: {asked_by[metric]} takes {metric} with "
                    f"{said(found[metric])}, {name} with {said(options)}; score them one after the other"
                )
            asked_by.setdefault(metric, name)
    return {metric: options for metric, options in found.items() if options}


def said(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in options.items()) or "its usual options"
