"""Read ray-traced scenes with exact depth: ``.npz`` files with ``image`` (linear RGB) and ``depth`` (m)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from dofsim.errors import DepthError


def read_truth(path: str | Path) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Read one scene.

    Parameters
    ----------
    path : path
        Holds ``image``, float (h, w, 3), linear and unclipped, and ``depth``, float (h, w), metres along the axis.

    Returns
    -------
    photo : uint8 (h, w, 3)
        sRGB-like (gamma 2.2).
    inverse : float32 (h, w)
        1/m, near is large.

    Raises
    ------
    DepthError
        If the file is no such scene.
    """
    try:
        with np.load(path) as stored:
            image, depth = stored["image"].astype(np.float32), stored["depth"].astype(np.float32)
    except (OSError, ValueError, KeyError) as error:
        raise DepthError(f"{path} is no scene with an image and a depth: {error}") from error
    if image.ndim != 3 or image.shape[:2] != depth.shape:
        raise DepthError(f"{path}: the depth is {depth.shape}, its image {image.shape}")
    photo = (np.clip(image, 0.0, 1.0) ** np.float32(1 / 2.2) * 255.0 + 0.5).astype(np.uint8)
    known = np.isfinite(depth) & (depth > 0)
    inverse = np.where(known, 1.0 / np.where(known, depth, 1.0), np.where(np.isposinf(depth), 0.0, np.nan))
    return photo, inverse.astype(np.float32)


def read_truths(folder: str | Path) -> list[tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]]:
    """Every scene of a folder whose depth varies, sorted by name; empty without the folder."""
    scenes = [read_truth(path) for path in sorted(Path(folder).glob("*.npz"))]
    return [(photo, inverse) for photo, inverse in scenes if np.nanmax(inverse) > 1.05 * np.nanmin(inverse)]
