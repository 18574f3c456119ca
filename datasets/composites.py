"""2.5-D composites: subjects, matted or cut from scenes, placed into a photo whose depth is known or plausible.

The depth edge of a subject lies exactly where its alpha passes one half. A subject that stands inside the
picture takes the depth of the ground at its feet; one that is cut off by the frame stands before all it hides.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from dofsim.datasets.augment import tone
from dofsim.datasets.mattes import Subject

Photo = npt.NDArray[np.uint8]
Inverse = npt.NDArray[np.float32]


def ground_plane(size: tuple[int, int], rng: np.random.Generator) -> Inverse:
    """Inverse depth of a plain under a far background.

    A plane seen by a level camera has an inverse depth that grows linearly with the rows below the horizon.

    Parameters
    ----------
    size : (height, width)
    rng : numpy Generator
        Draws the horizon, a roll of the camera, and the far distance.

    Returns
    -------
    float32 (height, width)
        0..1 and slightly beyond; 1 is the nearest row.
    """
    height, width = size
    horizon = rng.uniform(0.15, 0.65)
    roll = rng.normal(0.0, 0.04)
    rows = (np.arange(height) + 0.5)[:, None] / height
    columns = ((np.arange(width) + 0.5) / width - 0.5)[None, :]
    below = (rows + roll * columns - horizon) / (1.0 - horizon)
    return np.maximum(below, rng.uniform(0.0, 0.08)).astype(np.float32)


def _relief(opaque: npt.NDArray[np.bool_], amount: float) -> Inverse:
    """A dome over the subject's silhouette, 0 at its rim and ``amount`` in its middle."""
    distance = cv2.distanceTransform(np.pad(opaque, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    peak = float(distance.max())
    if peak <= 0:
        return np.zeros(opaque.shape, np.float32)
    share = np.clip(distance / peak, 0.0, 1.0)
    return (amount * np.sqrt(share * (2.0 - share))).astype(np.float32)


def place(
    photo: Photo, inverse: Inverse, subject: Subject, rng: np.random.Generator
) -> tuple[Photo, Inverse, npt.NDArray[np.float32]]:
    """Place one subject at a random size, position and depth.

    Parameters
    ----------
    photo : uint8 (h, w, 3)
    inverse : float32 (h, w)
        NaN is unknown.
    subject : Subject
    rng : numpy Generator

    Returns
    -------
    photo : uint8 (h, w, 3)
    inverse : float32 (h, w)
        Changed exactly where ``alpha`` >= 0.5.
    alpha : float32 (h, w)
        0..1, of the placed subject.
    """
    height, width = inverse.shape
    known = np.isfinite(inverse)
    if known.sum() < 32:
        return photo, inverse, np.zeros(inverse.shape, np.float32)
    far, near = np.percentile(inverse[known], (3, 97))
    span = max(float(near - far), 1e-6)
    cut = (not subject.grounded) or rng.random() < 0.3
    tall = rng.uniform(0.55, 1.15) if cut else rng.uniform(0.2, 0.85)
    rows, columns = subject.alpha.shape
    scale = tall * height / rows
    scale = min(scale, 1.1 * width / columns)
    size = (max(4, round(columns * scale * np.exp(rng.normal(0, 0.06)))), max(4, round(rows * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    colour, alpha8 = (
        cv2.resize(subject.colour, size, interpolation=how),
        cv2.resize(subject.alpha, size, interpolation=how),
    )
    relief = None if subject.relief is None else cv2.resize(subject.relief, size, interpolation=how)
    if rng.random() < 0.5:
        colour, alpha8 = colour[:, ::-1], alpha8[:, ::-1]
        relief = None if relief is None else relief[:, ::-1]
    colour = tone(np.ascontiguousarray(colour, dtype=np.uint8), rng, 0.8)
    left = int(rng.uniform(-0.3 * size[0], width - 0.7 * size[0]))
    # cut subjects reach below the frame; grounded ones stand somewhere on the lower half
    foot = (
        round(height + (0.0 if not subject.grounded else rng.uniform(0.0, 0.35) * size[1]))
        if cut
        else round(rng.uniform(0.55, 1.0) * height)
    )
    top = foot - size[1]
    alpha = np.zeros((height, width), np.float32)
    layer = np.zeros((height, width, 3), np.float32)
    y0, y1, x0, x1 = max(top, 0), min(foot, height), max(left, 0), min(left + size[0], width)
    if y1 - y0 < 2 or x1 - x0 < 2:
        return photo, inverse, alpha
    part = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
    alpha[y0:y1, x0:x1] = alpha8[part].astype(np.float32) / 255.0
    layer[y0:y1, x0:x1] = colour[part]
    opaque = alpha >= 0.5
    if opaque.sum() < 16:
        return photo, inverse, np.zeros_like(alpha)
    hidden = inverse[opaque & known]
    behind = float(np.percentile(hidden, 90)) if hidden.size else float(far)
    depth = behind + span * rng.uniform(0.08, 1.2)
    if not cut and y1 < height:
        feet = inverse[max(y1 - 4, 0) : y1 + 3, x0:x1]
        feet = feet[np.isfinite(feet)]
        if feet.size and float(np.median(feet)) > behind - 0.1 * span:
            depth = max(float(np.median(feet)), behind + 0.03 * span)
    if relief is None:
        surface = np.float32(depth) + _relief(opaque, span * rng.uniform(0.0, 0.12))
    else:
        surface = np.full((height, width), depth, np.float32)
        surface[y0:y1, x0:x1] += relief[part] * np.float32(span * rng.uniform(0.3, 1.0))
    result = photo.astype(np.float32)
    if not cut:  # contact: a soft shadow at the feet
        shadow = cv2.GaussianBlur(np.roll(alpha, round(0.03 * height), axis=0), (0, 0), 0.03 * height)
        result *= 1.0 - 0.45 * rng.random() * shadow[..., None]
    if rng.random() < 0.6:  # the subject takes on some of the scene's light
        layer *= 1.0 + 0.5 * (result.mean() / max(float(layer[opaque].mean()), 1.0) - 1.0)
    result = result * (1.0 - alpha[..., None]) + layer * alpha[..., None]
    return (
        np.clip(result, 0, 255).astype(np.uint8),
        np.where(opaque, surface, inverse).astype(np.float32),
        alpha,
    )


def compose(
    photo: Photo, inverse: Inverse, subjects: Sequence[Subject], rng: np.random.Generator, *, most: int = 3
) -> tuple[Photo, Inverse]:
    """Place one to ``most`` subjects, the later ones in front.

    Parameters
    ----------
    photo, inverse : the scene behind, see :func:`place`
    subjects : sequence of Subject
        To draw from.
    rng : numpy Generator
    most : int

    Returns
    -------
    photo : uint8 (h, w, 3)
    inverse : float32 (h, w)
    """
    for _ in range(int(rng.integers(1, most + 1))):
        photo, inverse, _alpha = place(photo, inverse, subjects[int(rng.integers(len(subjects)))], rng)
    return photo, inverse
