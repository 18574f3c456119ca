"""Score a model on frames: per image, then the mean with a confidence interval."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from dofsim.datasets.frames import BadFrame, Frame, Frames
from dofsim.depth.depth_map import DepthKind
from dofsim.errors import DepthError, FrameError, ParameterError
from dofsim.evaluation.predict import Predictor
from dofsim.metrics.bootstrap import bootstrap_mean
from dofsim.metrics.depth import align_metric, aligned_error, pair_order, score_metric
from dofsim.metrics.edges import aligned_boundary_f1, aligned_edge_error, boundary_f1, edge_rmse
from dofsim.metrics.protocol import Protocol

Depth = npt.NDArray[np.float32]
Unit = Literal["images", "scenes"]

#: Figures of images whose true depth is metric, and of all images; large is good in those of :data:`BETTER_LARGE`.
METRIC = (
    "abs_rel", "sq_rel", "rmse", "rmse_log", "log10", "silog", "delta1", "delta2", "delta3", "boundary_f1", "edge_rmse",
)  # fmt: skip
RELATIVE = ("error", "order", "aligned_boundary_f1", "aligned_edge_error")
BETTER_LARGE = ("delta1", "delta2", "delta3", "boundary_f1", "order", "aligned_boundary_f1")


@dataclass(frozen=True)
class ImageScores:
    """Figures of one image.

    Attributes
    ----------
    index : int
        In the frames.
    name, scene : str
    kind : DepthKind
        Of the true depth.
    pixels : int
        How many counted.
    figures : dict of str to float
        :data:`METRIC` where the true depth is metric, and :data:`RELATIVE`; NaN where an image has none.
    """

    index: int
    name: str
    scene: str
    kind: DepthKind
    pixels: int
    figures: dict[str, float]


@dataclass(frozen=True)
class Mean:
    """Mean of one figure, its 95 % bootstrap interval, and how many images it is of."""

    mean: float
    low: float
    high: float
    images: int


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Attributes
    ----------
    model : Predictor
    protocol : Protocol
    data : dict
        What was evaluated: root, dataset, split, raw and so on, for the record.
    images : tuple of ImageScores
    bad : tuple of BadFrame
        Frames that were skipped.
    unit : {"images", "scenes"}
        What the means and intervals are over.
    seconds : float
        Time in the model, s.
    """

    model: Predictor
    protocol: Protocol
    data: dict[str, object]
    images: tuple[ImageScores, ...]
    bad: tuple[BadFrame, ...]
    unit: Unit
    seconds: float

    def means(self, names: Sequence[str]) -> dict[str, Mean]:
        """Means of some figures over the images that have them."""
        return {name: self._means[name] for name in names}

    @cached_property
    def _means(self) -> dict[str, Mean]:
        found = {}
        for name in (*METRIC, *RELATIVE):
            having = [image for image in self.images if not math.isnan(image.figures.get(name, math.nan))]
            values = [image.figures[name] for image in having]
            groups = [image.scene for image in having] if self.unit == "scenes" else None
            found[name] = Mean(*bootstrap_mean(values, groups), len(values))
        return found

    @property
    def metric_images(self) -> int:
        """Images whose true depth is metric."""
        return sum("abs_rel" in image.figures for image in self.images)

    @property
    def ranked_by(self) -> str:
        """The figure that says which images are the worst."""
        return "abs_rel" if self.metric_images else "error"

    def worst(self, count: int) -> list[ImageScores]:
        """The worst images first; of each scene one only where the unit is scenes."""
        name = self.ranked_by
        having = [image for image in self.images if not math.isnan(image.figures.get(name, math.nan))]
        ordered = sorted(having, key=lambda image: -image.figures[name])
        if self.unit == "scenes":
            seen: dict[str, ImageScores] = {}
            for image in ordered:
                seen.setdefault(image.scene, image)
            ordered = list(seen.values())
        return ordered[:count]


def choose_alignment(kind: DepthKind, wish: str = "auto") -> Literal["none", "median", "scale-shift-disparity"]:
    """The alignment for a model that puts out depth of some kind.

    Parameters
    ----------
    kind : DepthKind
    wish : {"auto", "none", "median", "scale-shift-disparity"}
        ``auto``: none for metric depth, scale and shift for relative.

    Raises
    ------
    ParameterError
        If relative depth shall be evaluated in metres without scale and shift.
    """
    if wish == "auto":
        return "scale-shift-disparity" if kind is DepthKind.RELATIVE else "none"
    if kind is DepthKind.RELATIVE and wish != "scale-shift-disparity":
        raise ParameterError(
            f"the model puts out relative depth, which has no metres: the alignment {wish!r} cannot be used, "
            "another can (--align scale-shift-disparity)"
        )
    if wish not in ("none", "median", "scale-shift-disparity"):
        raise ParameterError(
            f"unknown alignment {wish!r}; use auto, none, median or scale-shift-disparity (--align auto)"
        )
    return wish  # type: ignore[return-value]


def evaluate(
    model: Predictor,
    frames: Frames,
    protocol: Protocol,
    *,
    skip_bad: bool = False,
    unit: Unit = "images",
    data: dict[str, object] | None = None,
    on_frame: Callable[[str], None] = lambda _: None,
) -> Evaluation:
    """Score every frame.

    Parameters
    ----------
    model : Predictor
    frames : Frames
    protocol : Protocol
        For frames with metric depth.
    skip_bad : bool
        Leave out frames that cannot be read or have nothing to measure; otherwise the first one is fatal.
    unit : {"images", "scenes"}
        Mean over images, as usual; or over scenes, each the mean of its images.
    data : dict, optional
        What is evaluated, for the record.
    on_frame : callable
        Called with each frame's name before it is read.

    Returns
    -------
    Evaluation

    Raises
    ------
    DepthError
        If a frame cannot be used (without ``skip_bad``), or none can.
    ModelError
        If the model fails.
    """
    images: list[ImageScores] = []
    bad: list[BadFrame] = []
    seconds = 0.0
    for index, entry in enumerate(frames.entries):
        on_frame(entry.name)
        try:
            frame = frames[index]
        except FrameError as error:
            if not skip_bad:
                raise
            bad.append(BadFrame(entry.name, str(error)))
            continue
        began = time.perf_counter()
        predicted = model(frame.photo)
        seconds += time.perf_counter() - began
        try:
            images.append(_score(index, frame, predicted, model.kind, protocol))
        except DepthError as error:
            if not skip_bad:
                raise
            bad.append(BadFrame(entry.name, str(error)))
    if not images:
        first = f"; the first: {bad[0].reason}" if bad else ""
        raise DepthError(f"none of the {len(frames)} frames can be evaluated{first} (--nearest, --farthest, --crop)")
    return Evaluation(model, protocol, data or {}, tuple(images), (*frames.bad, *bad), unit, seconds)


def aligned_metres(predicted: Depth, kind: DepthKind, frame: Frame, protocol: Protocol) -> npt.NDArray[np.float64]:
    """A prediction in metres, aligned and clipped as the protocol says.

    Parameters
    ----------
    predicted : float32 (h, w)
        At the frame's size, of ``kind``.
    kind : DepthKind
    frame : Frame
        With metric depth (m or 1/m).
    protocol : Protocol

    Returns
    -------
    float64 (h, w)
        In m.
    """
    truth = true_metres(frame)
    given: npt.NDArray[np.float64] = predicted.astype(np.float64)
    if protocol.alignment == "scale-shift-disparity":
        given = given if kind is not DepthKind.METRIC else 1.0 / np.maximum(given, protocol.nearest)
    elif kind is DepthKind.INVERSE:
        given = 1.0 / np.maximum(given, 1.0 / protocol.farthest)
    return align_metric(
        given,
        truth,
        protocol.mask(truth),
        alignment=protocol.alignment,
        nearest=protocol.nearest,
        farthest=protocol.farthest,
    )


def true_metres(frame: Frame) -> npt.NDArray[np.float64]:
    """A frame's metric depth in m, float64 (h, w), NaN where unknown."""
    depth = frame.depth.astype(np.float64)
    if frame.kind is DepthKind.METRIC:
        return depth
    return np.divide(1.0, depth, out=np.full(depth.shape, np.nan), where=depth > 0)


def _score(index: int, frame: Frame, predicted: Depth, kind: DepthKind, protocol: Protocol) -> ImageScores:
    figures: dict[str, float] = {}
    pixels = int(frame.known.sum())
    try:
        if frame.kind is not DepthKind.RELATIVE:
            truth = true_metres(frame)
            mask = protocol.mask(truth)
            metres = aligned_metres(predicted, kind, frame, protocol)
            scores = asdict(score_metric(metres, truth, mask, nearest=protocol.nearest, farthest=protocol.farthest))
            pixels = int(scores.pop("pixels"))
            figures = scores | {
                "boundary_f1": boundary_f1(metres, truth, mask),
                "edge_rmse": edge_rmse(metres, truth, mask),
            }
        figures |= _relative(frame, predicted, kind)
    except DepthError as error:
        raise DepthError(f"{frame.name} cannot be evaluated: {error}") from error
    return ImageScores(index, frame.name, frame.scene, frame.kind, pixels, figures)


def _relative(frame: Frame, predicted: Depth, kind: DepthKind) -> dict[str, float]:
    """Figures in inverse depth, which need no metres."""
    truth = frame.depth if frame.kind is not DepthKind.METRIC else np.float32(1.0) / frame.depth
    given = predicted if kind is not DepthKind.METRIC else np.float32(1.0) / np.maximum(predicted, np.float32(1e-6))
    known = truth[np.isfinite(truth)]
    if known.size < 2 or np.ptp(known) == 0:
        if frame.kind is DepthKind.RELATIVE:
            raise DepthError("its true depth is the same everywhere, so relative depth cannot be compared")
        return dict.fromkeys(RELATIVE, math.nan)
    return {
        "error": aligned_error(given, truth),
        "order": pair_order(given, truth),
        "aligned_boundary_f1": aligned_boundary_f1(given, truth),
        "aligned_edge_error": aligned_edge_error(given, truth),
    }
