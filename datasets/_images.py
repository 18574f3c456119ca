"""Read the picture files of data sets. Pillow, because it notices truncated files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from dofsim.errors import DepthError, PhotoError
from dofsim.photo.decode import check_size


def read_photo(path: Path) -> npt.NDArray[np.uint8]:
    """A photo as uint8 (h, w, 3), sRGB.

    Raises
    ------
    DepthError
        If the file is missing or broken.
    """
    return np.asarray(_decoded(path, "RGB"))


def read_integers(path: Path) -> npt.NDArray[np.integer[Any]]:
    """A grey picture of 8 or 16 bit, as it is stored: integer (h, w).

    Raises
    ------
    DepthError
        If the file is missing or broken, or holds colours.
    """
    stored = np.asarray(_decoded(path))
    if stored.ndim != 2 or not np.issubdtype(stored.dtype, np.integer):
        raise DepthError(f"{path} is no grey picture of whole numbers but {stored.shape} {stored.dtype}")
    return stored


def read_millimetres(path: Path) -> npt.NDArray[np.float32]:
    """Depth in metres, float32 (h, w), of a picture that holds whole millimetres; 0 is unknown.

    Raises
    ------
    DepthError
        As :func:`read_integers`.
    """
    return read_integers(path).astype(np.float32) / np.float32(1000.0)


def _decoded(path: Path, mode: str | None = None) -> Image.Image:
    try:
        with Image.open(path) as image:
            check_size(*image.size)
            image.load()
            return image if mode is None else image.convert(mode)
    except FileNotFoundError as error:
        raise DepthError(f"the file {path} is missing") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, PhotoError) as error:
        # Pillow's own message of an unknown format repeats the path.
        why = "it is no picture, or damaged" if isinstance(error, Image.UnidentifiedImageError) else error
        raise DepthError(f"{path} cannot be read: {why}") from error
