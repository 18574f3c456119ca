"""One lens over a sequence of planes of focus: what focus pulls and focus stacks share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from dofsim import lens
from dofsim.depth.depth_map import DepthKind
from dofsim.errors import ParameterError
from dofsim.lens import DEFAULT_BLUR, DEFAULT_SHARP_RANGE
from dofsim.refocus import Setting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dofsim.scene import Scene

Ease = Literal["smooth", "linear"]


def eased(count: int, ease: Ease = "smooth") -> list[float]:
    """Places 0..1 of the frames of a movement, first 0 and last 1.

    Parameters
    ----------
    count : int
        Frames, >= 2.
    ease : {"smooth", "linear"}
        ``"smooth"`` starts and ends at rest (3 t^2 - 2 t^3), as a hand turns a focus ring.

    Raises
    ------
    ParameterError
        If there are fewer than two frames, or the ease is unknown.
    """
    if count < 2:
        raise ParameterError(f"a movement takes at least 2 frames, not {count}")
    if ease not in ("smooth", "linear"):
        raise ParameterError(f"the ease is smooth or linear, not {ease!r}")
    steps = [index / (count - 1) for index in range(count)]
    return [t * t * (3.0 - 2.0 * t) for t in steps] if ease == "smooth" else steps


def lens_settings(
    scene: Scene,
    foci: Sequence[float],
    *,
    f_numbers: Sequence[float] | None = None,
    focal_length: float | None = None,
    blur: float | str | None = None,
    sharp_range: float | None = None,
) -> list[Setting]:
    """Settings of one and the same lens at several planes of focus.

    Where :meth:`dofsim.Scene.render` scales the lens to each focus, so that the most defocused pixel gets the radius
    that was asked for, here the lens stays: that radius is reached once, by the most defocused pixel of the whole
    sequence at the widest aperture.

    Parameters
    ----------
    scene : Scene
    foci : sequence of float
        Inverse depth of the planes of focus, in the inverse unit of the scene's depth.
    f_numbers : sequence of float, optional
        f-number at each of them. A real lens where the depth is metric and no ``blur`` is given; otherwise they say
        how the circles shrink as the lens is stopped down (as 1/N), the smallest having those of ``blur``.
    focal_length : float, optional
        35 mm-equivalent, mm, of a real lens; default: the photo's EXIF, else 50.
    blur : float or str, optional
        Radius of the largest circle, see :func:`dofsim.lens.parse_blur`; default, unless a real lens: 2 %.
    sharp_range : float, optional
        See :meth:`dofsim.Scene.coc`.

    Returns
    -------
    list of Setting
        One per focus.

    Raises
    ------
    ParameterError
        If a number is out of range, or a focal length is given without a real lens.
    """
    if f_numbers is not None and not all(math.isfinite(number) and number > 0 for number in f_numbers):
        raise ParameterError("f-numbers are above 0 (--aperture-from f/16, --aperture-to f/1.4)")
    real = f_numbers is not None and blur is None and scene.depth.kind is not DepthKind.RELATIVE
    if focal_length is not None and not real:
        raise ParameterError(
            "a focal length acts together with f-numbers, on metric depth and without --blur; "
            "leave it out (--focal-length)"
        )
    if sharp_range is None:
        sharp_range = 0.0 if real else DEFAULT_SHARP_RANGE
    if not 0.0 <= sharp_range <= 1.0:
        raise ParameterError(
            f"the sharp range is a share of the depth range, 0..1, not {sharp_range} (--sharp-range 0.02)"
        )
    far, near = scene.depth.range()
    if real and f_numbers is not None:
        focal = focal_length or scene.photo.focal_length_35mm or lens.DEFAULT_FOCAL_LENGTH_MM
        factors = [
            lens.physical_factor(number, focal, focus, scene.diagonal_px)
            for focus, number in zip(foci, f_numbers, strict=True)
        ]
    else:
        radius = lens.parse_blur(DEFAULT_BLUR if blur is None else blur, scene.diagonal_px)
        own = [lens.artistic_factor(radius, focus, far, near, sharp_range) for focus in foci]
        # 0 where all is sharp: such a focus says nothing about the others.
        widest = min((factor for factor in own if factor > 0), default=0.0)
        stops = [1.0] * len(foci) if f_numbers is None else [min(f_numbers) / number for number in f_numbers]
        factors = [widest * stop for stop in stops]
    return [
        Setting(focus, factor, factor * sharp_range * (near - far)) for focus, factor in zip(foci, factors, strict=True)
    ]
