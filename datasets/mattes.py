"""Read alpha mattes: ``<id>.jpg`` with ``<id>.alpha.png`` (8 bit, 255 = subject)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from dofsim.datasets.terms import matte_may_train
from dofsim.errors import PhotoError


@dataclass(frozen=True, eq=False)
class Subject:
    """A matted subject, cropped to where it is opaque.

    Attributes
    ----------
    name : str
    colour : uint8 (h, w, 3)
        Foreground colour, extended under the soft edge so that the old background does not shine through.
    alpha : uint8 (h, w)
        255 = subject.
    grounded : bool
        False where the subject is cut off by the lower edge of its photo.
    relief : float32 (h, w), optional
        Inverse depth above the subject's farthest part, as a share of the range of the scene it came from.
    """

    name: str
    colour: npt.NDArray[np.uint8]
    alpha: npt.NDArray[np.uint8]
    grounded: bool
    relief: npt.NDArray[np.float32] | None = None


def foreground_colour(photo: npt.NDArray[np.uint8], alpha: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Colour of the subject alone, spread from its opaque part over its soft edge.

    Parameters
    ----------
    photo : uint8 (h, w, 3)
    alpha : uint8 (h, w)

    Returns
    -------
    uint8 (h, w, 3)
    """
    solid = (alpha >= 242).astype(np.float32)
    spread = np.zeros(photo.shape, np.float32)
    weight = np.zeros(alpha.shape, np.float32)
    for sigma in (2.0, 6.0, 18.0):
        near = cv2.GaussianBlur(solid, (0, 0), sigma)
        colour = cv2.GaussianBlur(photo * solid[..., None], (0, 0), sigma)
        free = (weight < 0.02) & (near > 0.02)
        spread[free] = (colour / np.maximum(near, 1e-6)[..., None])[free]
        weight[free] = near[free]
    keep = (solid > 0) | (weight < 0.02)
    return np.where(keep[..., None], photo, np.clip(spread, 0, 255).astype(np.uint8))


def cut_out(name: str, photo: npt.NDArray[np.uint8], alpha: npt.NDArray[np.uint8]) -> Subject:
    """Crop a matte to its subject.

    Parameters
    ----------
    name : str
    photo : uint8 (h, w, 3)
    alpha : uint8 (h, w)

    Returns
    -------
    Subject

    Raises
    ------
    PhotoError
        If the two differ in size or nothing is opaque.
    """
    if photo.shape[:2] != alpha.shape:
        raise PhotoError(f"matte {name}: the alpha is {alpha.shape}, its photo {photo.shape[:2]}")
    rows = np.flatnonzero((alpha >= 128).any(axis=1))
    columns = np.flatnonzero((alpha >= 128).any(axis=0))
    if rows.size == 0:
        raise PhotoError(f"matte {name} holds no subject: its alpha is below one half everywhere")
    margin = 2
    top, bottom = max(rows[0] - margin, 0), min(rows[-1] + 1 + margin, alpha.shape[0])
    left, right = max(columns[0] - margin, 0), min(columns[-1] + 1 + margin, alpha.shape[1])
    colour = foreground_colour(photo, alpha)
    return Subject(
        name, colour[top:bottom, left:right], alpha[top:bottom, left:right], bool(rows[-1] < alpha.shape[0] - 2)
    )


def read_subjects(
    folder: str | Path, *, permitted_only: bool = True, longest: int = 400, fullest: float = 0.2
) -> list[Subject]:
    """Read every matte of a folder.

    Parameters
    ----------
    folder : path
    permitted_only : bool
        Leave out the mattes that may not train shipped weights.
    fullest : float
        Leave out subjects that fill less than this share of their frame, such as a spider's web.
    longest : int
        Mattes are reduced so that the subject's longest side is at most this, px.

    Returns
    -------
    list of Subject
        Sorted by name.

    Raises
    ------
    PhotoError
        If a file of a matte is missing or broken.
    """
    subjects = []
    for path in sorted(Path(folder).glob("*.alpha.png")):
        name = path.name.removesuffix(".alpha.png")
        if permitted_only and not matte_may_train(name):
            continue
        try:
            with Image.open(path) as image:
                alpha = np.asarray(image.convert("L"))
            with Image.open(path.with_name(f"{name}.jpg")) as image:
                photo = np.asarray(image.convert("RGB"))
        except OSError as error:
            raise PhotoError(f"matte {name} cannot be read: {error}") from error
        subject = cut_out(name, photo, alpha)
        if (subject.alpha >= 128).mean() < fullest:
            continue
        scale = longest / max(subject.alpha.shape)
        if scale < 1.0:
            height, width = subject.alpha.shape
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            subject = Subject(
                name,
                cv2.resize(subject.colour, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False),
                cv2.resize(subject.alpha, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False),
                subject.grounded,
            )
        subjects.append(subject)
    return subjects
