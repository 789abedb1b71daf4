"""From the bytes of one image file to uint8 pixels, or what is wrong with it.

`where` begins every message: the name of the set and the path of the file.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from genmetrics._checks import DataError, count

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile


class UnreadableError(DataError):
    """The bytes are not those of a whole image."""


FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
GREY_MODES = ("1", "L", "LA")
COLOUR_MODES = ("RGB", "RGBA", "P", "PA", "CMYK")
MAX_PIXELS = 89_478_485  # of one image; the size at which Pillow begins to warn

# What is done to an image without refusing it: which images, and what happened to them.
NOTES = {
    "palette": ("palette image", "converted to RGB"),
    "cmyk": ("CMYK image", "converted to RGB"),
    "alpha": ("image", "with an alpha channel that is opaque everywhere: alpha dropped"),
    "rotated": ("image", "with an EXIF rotation, which is not applied"),
}


@dataclass(frozen=True)
class Header:
    """What a file says of its image before the pixels are decoded."""

    height: int
    width: int
    grey: bool
    format: str  # "PNG", "JPEG", ...
    notes: tuple[str, ...]  # keys of NOTES


def inspect(data: bytes, where: str) -> Header:
    """The header of one image file that can be used. Pixels are decoded only to see whether alpha is opaque.

    Raises:
        DataError: not an image, damaged, empty, too large, animated, deeper than 8 bits, or transparent.
    """
    if not data:
        raise UnreadableError(f"{where} is empty, 0 bytes; remove it or save it again")
    with pillow(where):
        image = open_image(data)
        width, height = image.size
        check_size(height, width, where)
        check_mode(image, data, where)
        frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)  # MPO: a JPEG with previews
        if frames > 1:
            raise DataError(f"{where} is animated, it holds {frames} frames; save each frame as an image of its own")
        notes = tuple(notes_of(image))
        image.verify()  # PNG: the checksum of every chunk
        if "alpha" in notes:
            refuse_transparency(open_image(data), where)
        kind = "JPEG" if image.format == "MPO" else image.format or ""
        return Header(height, width, image.mode in GREY_MODES, kind, notes)


def decode(data: bytes, where: str) -> np.ndarray:
    """The pixels of a file that `inspect` accepted: uint8 (h, w, 1) if it is grey, else (h, w, 3).

    Raises:
        DataError: the pixels are damaged.
    """
    with pillow(where):
        image = open_image(data)
        pixels = np.array(image.convert("L" if image.mode in GREY_MODES else "RGB"))
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def decoder() -> str:
    """What `decode` decodes with; another version may give other pixels of a JPEG."""
    import PIL

    return f"pillow-{PIL.__version__}"


@contextmanager
def pillow(where: str) -> Iterator[None]:
    """Pillow made strict and silent: half a file is an error, and every error a DataError that names it."""
    from PIL import Image, ImageFile

    lenient, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except DataError:
        raise
    except Image.UnidentifiedImageError:
        raise UnreadableError(f"{where} is not an image that Pillow can read; remove it or save it again") from None
    except Image.DecompressionBombError:
        raise DataError(f"{where} has more than the {MAX_PIXELS} pixels that an image may have") from None
    except Exception as error:  # a damaged file makes Pillow's readers raise nearly anything
        raise UnreadableError(f"{where} is damaged ({error}); remove it or save it again") from None
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = lenient


def open_image(data: bytes) -> ImageFile:
    """The image in `data`, header read, pixels not."""
    from PIL import Image

    return Image.open(io.BytesIO(data), formats=FORMATS)


def check_size(height: int, width: int, where: str) -> None:
    """The pixels fit in memory. (Pillow itself refuses an image without any.)"""
    if height * width > MAX_PIXELS:
        raise DataError(f"{where} is {height}x{width}, more than the {MAX_PIXELS} pixels that an image may have")


def check_mode(image: ImageFile, data: bytes, where: str) -> None:
    """Eight bits a sample, and colours that convert to grey or RGB."""
    bits = bits_per_sample(image, data)
    if bits > 8:
        raise DataError(f"{where} holds {bits}-bit samples (mode {image.mode}); convert it to 8 bits first")
    if image.mode not in GREY_MODES + COLOUR_MODES:
        raise DataError(f"{where} has colour mode {image.mode}; save it as grey or RGB")


def bits_per_sample(image: ImageFile, data: bytes) -> int:
    """Depth of the samples in the file. Pillow's mode does not tell: it opens 16-bit RGB as 8-bit RGB."""
    if image.format == "PNG":
        return data[24]  # of IHDR, always the first chunk
    if image.format == "TIFF":
        return max(image.tag_v2.get(258, (1,)))  # pyright: ignore[reportAttributeAccessIssue]
    if image.format == "PPM":
        codec, *_, args = image.tile[0]
        maximum = args[-1] if codec.startswith("ppm") and isinstance(args, tuple) else 255
        return 32 if image.mode == "F" else 16 if image.mode == "I" or int(maximum) > 255 else 8
    return 8


def notes_of(image: ImageFile) -> Iterator[str]:
    """The keys of NOTES that hold for this image."""
    if image.mode in ("P", "PA"):
        yield "palette"
    if image.mode == "CMYK":
        yield "cmyk"
    if image.mode.endswith("A") or "transparency" in image.info:
        yield "alpha"
    if "exif" in image.info and image.getexif().get(0x0112, 1) != 1:
        yield "rotated"


def refuse_transparency(image: ImageFile, where: str) -> None:
    """Every pixel is opaque, so that dropping alpha changes nothing."""
    opaque = image.convert("RGBA").getchannel("A").histogram()[255]
    transparent = image.width * image.height - opaque
    if transparent:
        raise DataError(
            f"{where} has {count(transparent, 'transparent pixel')}; composite the images on a background first"
        )
