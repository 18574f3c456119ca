"""Augment a frame's photo and depth together, by albumentations, which no other module may import.

The photo is resampled by area, the depth by its nearest sample, so that neither depths across an edge nor known and
unknown pixels are ever mixed. A view that enlarges its subject brings it nearer: metric depth is divided by the zoom
(Eigen, Puhrsch and Fergus, NIPS 2014), and 1/m multiplied by it; relative depth has no scale to keep.

albumentations 2 (MIT) is no longer developed; whoever replaces it has this one file to change.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

from dofsim.datasets.frames import Frame
from dofsim.depth.depth_map import DepthKind
from dofsim.errors import MissingExtraError, ParameterError

Recipe = Literal["plain", "report", "strong"]
RECIPES: tuple[Recipe, ...] = get_args(Recipe)
#: The report resizes to 286 px and crops 256.
REPORT_MARGIN = 286 / 256
#: A view with a smaller share of known depth than this, relative to the frame's own, is drawn anew.
LEAST_KNOWN = 0.25
_TRIES = 8


@dataclass(frozen=True, eq=False)
class View:
    """What a transform makes of a frame.

    Attributes
    ----------
    photo : uint8 (height, width, 3)
    depth : float32 (height, width)
        In the unit of the frame's kind; NaN is unknown.
    zoom : float
        How much larger things are than in the whole frame resized to this size; 1 for ``plain``.
    """

    photo: npt.NDArray[np.uint8]
    depth: npt.NDArray[np.float32]
    zoom: float


class Transform:
    """Draw a random view of a frame.

    Parameters
    ----------
    recipe : {"plain", "report", "strong"}
        ``plain`` resizes the whole frame; ``report`` is pix2pix's jitter: resize to 286/256 of the size, crop at
        random, flip every other time; ``strong`` crops between 35 and 100 % of the area, flips, and changes colour,
        sharpness, noise and JPEG quality.
    size : int or (height, width)
        Of the result, px.
    divide_depth : bool
        Keep metric depth consistent with the zoom. Without it the depth's values are values of the frame.

    Raises
    ------
    ParameterError
        If the recipe is unknown or the size is below 8 px.
    MissingExtraError
        If albumentations is not installed.
    """

    def __init__(self, recipe: str = "report", size: int | tuple[int, int] = 256, *, divide_depth: bool = True) -> None:
        if recipe not in RECIPES:
            raise ParameterError(f"unknown augmentation {recipe!r}; use one of {', '.join(RECIPES)} (--augment plain)")
        self.recipe = recipe
        self.size = (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))
        if min(self.size) < 8:
            raise ParameterError(f"the size of augmented frames is at least 8 px, not {self.size} (--size 256)")
        self.divide_depth = divide_depth
        self._pipelines: tuple[Any, Any] | None = None
        _albumentations()

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_pipelines": None}

    def __call__(self, frame: Frame, seed: int | tuple[int, ...]) -> View:
        """Draw the view of a seed; the same frame and seed give the same view, in every process.

        Parameters
        ----------
        frame : Frame
        seed : int or tuple of int
            Numbers from 0 on, such as (run's seed, step, place in the batch).

        Returns
        -------
        View
        """
        if self._pipelines is None:
            self._pipelines = _pipeline(self.recipe, self.size), _pipeline("plain", self.size)
        numbers = (seed,) if isinstance(seed, int) else seed
        wanted = LEAST_KNOWN * float(frame.known.mean())
        for attempt in range(_TRIES):
            view = self._draw(self._pipelines[0], frame, (*numbers, attempt))
            if float(np.isfinite(view.depth).mean()) >= wanted:
                return view
        return self._draw(self._pipelines[1], frame, numbers)

    def _draw(self, pipeline: Any, frame: Frame, numbers: tuple[int, ...]) -> View:
        # 32 bits: albumentations hands the seed on to Python's and NumPy's generators.
        pipeline.set_random_seed(int(np.random.SeedSequence(numbers).generate_state(1)[0]))
        drawn = pipeline(image=frame.photo, mask=frame.depth)
        zoom = _zoom(drawn["applied_transforms"])
        depth = np.ascontiguousarray(drawn["mask"], np.float32)
        if self.divide_depth and frame.kind is DepthKind.METRIC:
            depth = depth / np.float32(zoom)
        elif self.divide_depth and frame.kind is DepthKind.INVERSE:
            depth = depth * np.float32(zoom)
        return View(np.ascontiguousarray(drawn["image"]), depth, zoom)


def _albumentations() -> Any:
    """Import the library without letting it ask the network for its latest version."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    try:
        import albumentations
    except ImportError as error:
        raise MissingExtraError("albumentations is not installed; pip install 'dofsim[train]' brings it") from error
    return albumentations


def _pipeline(recipe: str, size: tuple[int, int]) -> Any:
    lib = _albumentations()
    height, width = size
    smooth = {"interpolation": cv2.INTER_AREA, "mask_interpolation": cv2.INTER_NEAREST_EXACT}
    steps: list[Any]
    if recipe == "plain":
        steps = [lib.Resize(height, width, **smooth)]
    elif recipe == "report":
        steps = [
            lib.Resize(round(height * REPORT_MARGIN), round(width * REPORT_MARGIN), **smooth),
            lib.RandomCrop(height, width),
            lib.HorizontalFlip(p=0.5),
        ]
    else:
        aspect = width / height
        steps = [
            lib.RandomResizedCrop(size, scale=(0.35, 1.0), ratio=(0.8 * aspect, 1.25 * aspect), **smooth),
            lib.HorizontalFlip(p=0.5),
            lib.ColorJitter((0.7, 1.3), (0.7, 1.3), (0.6, 1.4), (-0.03, 0.03), p=0.8),
            lib.RandomGamma((70, 140), p=0.3),
            lib.ToGray(p=0.03),
            lib.GaussianBlur((3, 7), p=0.2),
            lib.GaussNoise((0.005, 0.04), noise_scale_factor=0.5, p=0.3),
            lib.ImageCompression("jpeg", (30, 95), p=0.25),
        ]
    return lib.Compose(steps, save_applied_params=True)


def _zoom(applied: list[tuple[str, dict[str, Any]]]) -> float:
    """Geometric mean of the two sides' enlargement, from the crop that was drawn; 1 without one."""
    for _, parameters in applied:
        if "crop_coords" in parameters:
            left, top, right, bottom = parameters["crop_coords"]
            height, width = parameters["shape"][:2]
            return float((height * width / ((right - left) * (bottom - top))) ** 0.5)
    return 1.0
