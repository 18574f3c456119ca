"""The worst images side by side: photo, true depth, predicted depth, and where it is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from dofsim.datasets.frames import Frame, Frames
from dofsim.depth.depth_map import DepthKind
from dofsim.evaluation.evaluate import Evaluation, ImageScores, aligned_metres, true_metres
from dofsim.evaluation.report import FIGURES
from dofsim.metrics.depth import fit_scale_shift

if TYPE_CHECKING:
    from PIL.Image import Image

Picture = npt.NDArray[np.uint8]
Values = npt.NDArray[np.float64]

PANEL = (320, 240)
_GAP, _CAPTION, _HEAD = 6, 22, 46
_UNKNOWN, _UNCOUNTED = 40, 110
#: Errors are shown up to this ratio of depths, or this share of the spread of inverse depth.
_RATIO, _SHARE = 1.5, 0.5


def draw_sheet(evaluation: Evaluation, frames: Frames, count: int = 8) -> Image:
    """Draw the worst images of an evaluation.

    Parameters
    ----------
    evaluation : Evaluation
    frames : Frames
        Those that were evaluated; the worst are read and predicted once more.
    count : int

    Returns
    -------
    PIL.Image.Image
        RGB; one row an image. Depth is coloured by inverse depth on the scale of the true depth, red is near; errors
        are blue where the prediction is too near and red where it is too far; dark is unknown, grey does not count.
    """
    from PIL import Image, ImageDraw, ImageFont

    chosen = evaluation.worst(count)
    width = 4 * PANEL[0] + 5 * _GAP
    height = _HEAD + len(chosen) * (PANEL[1] + _CAPTION + _GAP)
    sheet = Image.new("RGB", (width, height), (255, 255, 255))
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(14)
    ranked = FIGURES[evaluation.ranked_by][0]
    draw.text((_GAP, 4), f"{evaluation.model.name}: worst images by {ranked}", fill=(0, 0, 0), font=font)
    aligned = "" if evaluation.metric_images and evaluation.protocol.alignment == "none" else ", aligned"
    titles = ("photo", "true depth (red is near)", f"prediction{aligned}", "error (blue too near, red too far)")
    for column, title in enumerate(titles):
        draw.text((_left(column), 24), title, fill=(90, 90, 90), font=font)
    for row, image in enumerate(chosen):
        top = _HEAD + row * (PANEL[1] + _CAPTION + _GAP)
        for column, panel in enumerate(_panels(evaluation, frames[image.index])):
            sheet.paste(Image.fromarray(panel), (_left(column), top))
        draw.text((_GAP, top + PANEL[1] + 3), _caption(image), fill=(0, 0, 0), font=font)
    return sheet


def _left(column: int) -> int:
    return _GAP + column * (PANEL[0] + _GAP)


def _caption(image: ImageScores) -> str:
    names = ("abs_rel", "rmse", "delta1", "boundary_f1", "error") if "abs_rel" in image.figures else ("error", "order")
    figures = [f"{FIGURES[name][0].replace('δ', 'delta')} {image.figures[name]:.3f}" for name in names]
    return f"{image.name}   " + "   ".join(figures)


def _panels(evaluation: Evaluation, frame: Frame) -> list[Picture]:
    predicted = evaluation.model(frame.photo)
    if frame.kind is DepthKind.RELATIVE:
        truth: Values = frame.depth.astype(np.float64)
        given = predicted if evaluation.model.kind is not DepthKind.METRIC else 1.0 / np.maximum(predicted, 1e-6)
        scale, shift = fit_scale_shift(given, truth)
        mine: Values = given.astype(np.float64) * scale + shift
        counts = np.isfinite(truth)
        low, high = _spread(truth)
        wrong = (truth - mine) / max(high - low, 1e-12) / _SHARE
    else:
        metres = true_metres(frame)
        counts = evaluation.protocol.mask(metres)
        guess = aligned_metres(predicted, evaluation.model.kind, frame, evaluation.protocol)
        with np.errstate(invalid="ignore"):
            wrong = np.log(guess / metres) / np.log(_RATIO)
            truth, mine = 1.0 / metres, 1.0 / guess
        low, high = _spread(truth)
    known = np.isfinite(truth)
    error = _diverging(np.where(known, wrong, 0.0))
    error[~counts] = _UNCOUNTED
    error[~known] = _UNKNOWN
    true = _coloured(truth, low, high)
    true[~known] = _UNKNOWN
    return [_fitted(frame.photo), *(_fitted(panel) for panel in (true, _coloured(mine, low, high), error))]


def _spread(values: Values) -> tuple[float, float]:
    low, high = np.percentile(values[np.isfinite(values)], (2, 98))
    return float(low), float(high)


def _coloured(values: Values, low: float, high: float) -> Picture:
    scaled = (np.nan_to_num(values) - low) / max(high - low, 1e-12)
    level = (np.clip(scaled, 0.0, 1.0) * 255.0).astype(np.uint8)
    return cv2.applyColorMap(level, cv2.COLORMAP_TURBO)[..., ::-1].astype(np.uint8)


def _diverging(values: Values) -> Picture:
    """-1 is blue, 0 is white, 1 is red."""
    level = np.clip(values, -1.0, 1.0)[..., None]
    blue, white, red = (np.array(colour, np.float64) for colour in ((20, 70, 200), (255, 255, 255), (200, 30, 20)))
    mixed = np.where(level < 0, white + (white - blue) * level, white + (red - white) * level)
    return np.rint(mixed).astype(np.uint8)


def _fitted(panel: Picture) -> Picture:
    """The panel's size, with bars where the aspect ratio differs."""
    height, width = panel.shape[:2]
    scale = min(PANEL[0] / width, PANEL[1] / height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    small = cv2.resize(np.ascontiguousarray(panel), size, interpolation=how)
    result = np.full((PANEL[1], PANEL[0], 3), 255, np.uint8)
    top, left = (PANEL[1] - size[1]) // 2, (PANEL[0] - size[0]) // 2
    result[top : top + size[1], left : left + size[0]] = small
    return result
