"""From a photo to a scene: find the depth of every pixel, once."""

from __future__ import annotations

import math
import os
from typing import Literal

from dofsim.depth.depth_map import DepthMap
from dofsim.errors import DepthError, ParameterError
from dofsim.photo import Photo
from dofsim.scene import Scene

DepthSource = Literal["auto", "photo", "estimator"]

_ASPECT_TOLERANCE = 0.02


def prepare(
    photo: Photo,
    *,
    depth: DepthMap | None = None,
    source: DepthSource = "auto",
    model: str | os.PathLike[str] | None = None,
    flip: bool | None = None,
) -> Scene:
    """Find the depth of every pixel of a photo, once.

    Parameters
    ----------
    photo : Photo
        From :func:`dofsim.read_photo`.
    depth : DepthMap, optional
        Depth of your own; any size of the photo's aspect ratio (within 2 %). Wins over ``source``.
    source : {"auto", "photo", "estimator"}
        ``"photo"``: the phone's own depth map; ``"estimator"``: a depth network; ``"auto"``: the phone's where the
        file carries one, else the network. Whoever names a ``model`` wants the network.
    model : str or path, optional
        Name of a registered depth model, an ``.onnx`` file or the folder of a training run, for the estimator.
    flip : bool, optional
        Whether the estimator looks at the mirrored photo too, see :func:`dofsim.depth.estimate.estimate`.

    Returns
    -------
    Scene
        With depth refined to the photo's size and edges.

    Raises
    ------
    DepthError
        If the photo carries no depth and ``source`` is ``"photo"``, or the aspect ratios differ.
    ModelError
        If the depth model cannot be used.
    """
    if depth is None:
        depth = _find_depth(photo, source, model, flip=flip)
    if depth.source != "estimator":  # the estimator's grid has other proportions but the photo's field of view
        _check_aspect(depth, photo)
    from dofsim.depth.refine import refine

    return Scene(photo, refine(depth, photo.pixels))


def _find_depth(
    photo: Photo, source: DepthSource, model: str | os.PathLike[str] | None, *, flip: bool | None
) -> DepthMap:
    if source not in ("auto", "photo", "estimator"):
        raise ParameterError(f"the depth source is auto, photo or estimator, not {source!r} (--source auto)")
    if photo.depth is not None and (source == "photo" or (source == "auto" and model is None)):
        return photo.depth
    if source == "photo":
        raise DepthError(
            "the photo carries no depth map of its own; let the estimator find it (--source estimator) "
            "or give one (--depth FILE)"
        )
    from dofsim.depth.estimate import estimate

    return estimate(photo.pixels, model=model, flip=flip)


def _check_aspect(depth: DepthMap, photo: Photo) -> None:
    height, width = depth.shape
    ratio = width / height * photo.height / photo.width
    within_a_pixel = abs(width - height * photo.width / photo.height) <= 1
    if abs(math.log(ratio)) > math.log1p(_ASPECT_TOLERANCE) and not within_a_pixel:
        raise DepthError(
            f"the depth map is {width}x{height} and the photo {photo.width}x{photo.height}: "
            "their aspect ratios differ; give a depth map of the same field of view, upright as the photo "
            "(--depth FILE), or let the estimator guess one (--source estimator)"
        )
