"""Things cut out of photos with depth along their depth edges: subjects that bring a relief of their own.

Mattes are few. Any scene with depth holds things that stand before the rest, bounded by jumps of the depth, and a jump
says where to cut. The cut is as exact as the depth's edge, a pixel or two, so the alpha is softened by as much.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
import numpy.typing as npt

from dofsim.datasets.mattes import Subject, foreground_colour

Photo = npt.NDArray[np.uint8]
Inverse = npt.NDArray[np.float32]

#: Smallest jump that counts, as a share of the scene's range of inverse depth.
JUMP = 0.05
#: Share of the picture that a thing may fill.
LEAST, MOST = 0.008, 0.45
#: Shortest side of a thing that is kept, px.
SMALLEST = 24
# Beyond every inverse depth.
_FAR = 1e12


def cut_segments(name: str, photo: Photo, inverse: Inverse) -> list[Subject]:
    """Cut out what stands before its surroundings.

    Parameters
    ----------
    name : str
        Of the scene; the subjects are named after it.
    photo : uint8 (h, w, 3)
    inverse : float32 (h, w)
        Near is large, NaN is unknown.

    Returns
    -------
    list of Subject
        With ``relief``; may be empty. A thing qualifies if its depth is known nearly everywhere and at least three
        fifths of its outline inside the picture are jumps down to something farther.
    """
    known = np.isfinite(inverse)
    if known.mean() < 0.4:
        return []
    far, near = np.percentile(inverse[known], (1, 99))
    span = float(near - far)
    if span <= 0:
        return []
    filled = np.where(known, inverse, np.float32(far))
    box = np.ones((3, 3), np.uint8)
    edge = (cv2.dilate(filled, box) - cv2.erode(filled, box) > JUMP * span) | ~known
    count, labels = cv2.connectedComponents((~edge).astype(np.uint8), connectivity=4)
    height, width = inverse.shape
    subjects = []
    sizes = np.bincount(labels.ravel(), minlength=count)
    for label in np.argsort(sizes)[::-1]:
        if label == 0 or not LEAST < sizes[label] / labels.size < MOST:
            continue
        mask = cv2.morphologyEx((labels == label).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
        # the edge's own pixels were left out on both sides; give one back
        mask = cv2.dilate(mask, box)
        if not _stands_out(mask, filled, known, span):
            continue
        alpha = np.asarray(cv2.GaussianBlur(mask * np.uint8(255), (0, 0), 0.8), np.uint8)
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        part = np.s_[
            max(rows[0] - 2, 0) : min(rows[-1] + 3, height), max(columns[0] - 2, 0) : min(columns[-1] + 3, width)
        ]  # fmt: skip
        inside = filled[mask > 0]
        level = np.median(inside)
        relief = np.where(mask > 0, np.clip(filled, *np.percentile(inside, (2, 98))), level) - np.percentile(inside, 2)
        colour = foreground_colour(photo, alpha)
        subjects.append(
            Subject(
                f"{name}#{label}", colour[part], alpha[part], bool(rows[-1] < height - 3),
                (relief[part] / span).astype(np.float32),
            )
        )  # fmt: skip
    return subjects


def _stands_out(mask: npt.NDArray[np.uint8], filled: Inverse, known: npt.NDArray[np.bool_], span: float) -> bool:
    """Whether the outline, where it runs inside the picture, mostly falls off to something farther."""
    inner = mask - cv2.erode(mask, np.ones((3, 3), np.uint8))
    margin = 3
    inner[:margin] = inner[-margin:] = 0
    inner[:, :margin] = inner[:, -margin:] = 0
    if inner.sum() < 40 or known[mask > 0].mean() < 0.93:
        return False
    solid = cv2.erode(mask, np.ones((5, 5), np.uint8))
    inside = np.where(solid > 0, filled, np.float32(-_FAR))
    outside = np.where((mask == 0) & known, filled, np.float32(_FAR))
    reach = np.ones((11, 11), np.uint8)
    drop = cv2.dilate(inside, reach) - cv2.erode(outside, reach)
    lowest_inside = cv2.erode(np.where(solid > 0, filled, np.float32(_FAR)), reach)
    falls = (drop > JUMP * span) & (lowest_inside > cv2.erode(outside, reach) + 0.5 * JUMP * span)
    return bool(falls[inner > 0].mean() > 0.6)


def segments_of(scenes: Iterable[tuple[str, Photo, Inverse]], *, longest: int = 400) -> list[Subject]:
    """Cut out the things of several scenes, reduced so that each one's longest side is at most ``longest`` px."""
    cut = (subject for scene in scenes for subject in cut_segments(*scene))
    return [_reduced(subject, longest) for subject in cut if min(subject.alpha.shape) >= SMALLEST]


def _reduced(subject: Subject, longest: int) -> Subject:
    scale = longest / max(subject.alpha.shape)
    if scale >= 1 or subject.relief is None:
        return subject
    size = (round(subject.alpha.shape[1] * scale), round(subject.alpha.shape[0] * scale))
    return Subject(
        subject.name,
        np.asarray(cv2.resize(subject.colour, size, interpolation=cv2.INTER_AREA), np.uint8),
        np.asarray(cv2.resize(subject.alpha, size, interpolation=cv2.INTER_AREA), np.uint8),
        subject.grounded,
        np.asarray(cv2.resize(subject.relief, size, interpolation=cv2.INTER_AREA), np.float32),
    )
