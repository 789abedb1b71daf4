"""Temporary files that live as long as the images that are read from them."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path

from genmetrics._checks import DataError
from genmetrics.sources.image_set import ImageSet


class Scratch:
    """A new folder in the system's place for temporary files (TMPDIR), deleted when nobody needs it.

    Raises:
        DataError: nothing can be written there.
    """

    def __init__(self, name: str) -> None:
        try:
            self.folder = Path(tempfile.mkdtemp(prefix="genmetrics-"))
        except OSError as error:
            raise DataError(f"{name}: no temporary folder can be made ({error}); set TMPDIR to one with room") from None
        self.remove = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    def kept_for(self, images: ImageSet) -> ImageSet:
        """`images`; the folder is there as long as their pixels can be read, and this process runs."""
        weakref.finalize(images.pixels, self.close)
        return images

    def close(self) -> None:
        self.remove()
