"""The one door of the renderer: linear light and a signed circle of confusion in, linear light out."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from dofsim.bokeh.aperture import Aperture
from dofsim.errors import ParameterError
from dofsim.threads import count_threads

Quality = Literal["fast", "best"]


def render(
    linear_rgb: npt.NDArray[Any],
    coc_px: npt.NDArray[Any],
    aperture: Aperture | None = None,
    *,
    quality: Quality = "fast",
    threads: int | None = None,
) -> npt.NDArray[np.float32]:
    """Spread every pixel over its circle of confusion, as a lens does.

    Near surfaces hide far ones, and what a wide lens sees behind their edges is filled from the far surface. Beyond
    the border lies half of what it reflects and half of its nearest pixel. See ``docs/renderer.md`` for the method.

    Parameters
    ----------
    linear_rgb : float array, shape (H, W, 3)
        Scene-linear radiance, 1.0 = white, may exceed 1; finite. Converted to float32.
    coc_px : float array, shape (H, W)
        Signed radius of the circle of confusion, px: positive behind the plane of focus, negative in front of it.
        It orders the surfaces too. Finite. A circle larger than the picture counts as one of the picture's size.
    aperture : Aperture, optional
        Shape and fringing of the circle of confusion; default: a disc in all colours.
    quality : {"fast", "best"}
        ``"best"`` follows rays of the lens wherever there are edges: nearer to the truth, and several times slower.
    threads : int, optional
        Threads to use, >= 1; default: the environment's ``DOFSIM_THREADS``, else all cores that this process may use.
        The result does not depend on it.

    Returns
    -------
    float32 array, shape (H, W, 3)
        A new array. Pixels are bit-identical to the input where every circle is below 0.6 px.

    Raises
    ------
    ParameterError
        If a shape, a type or a value does not fit.
    """
    rgb = _checked(linear_rgb, "linear_rgb")
    coc = _checked(coc_px, "coc_px")
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.size == 0:
        raise ParameterError(f"linear_rgb has the shape (height, width, 3), not {np.shape(linear_rgb)}")
    if coc.shape != rgb.shape[:2]:
        raise ParameterError(f"coc_px has the shape {rgb.shape[:2]} of the picture, not {np.shape(coc_px)}")
    if not (aperture is None or isinstance(aperture, Aperture)):
        raise ParameterError(f"the aperture is a dofsim.bokeh.Aperture or None, not {aperture!r}")
    check_quality(quality)
    workers = count_threads(threads)

    from dofsim.bokeh.fringing import render_colours
    from dofsim.bokeh.plan import IN_FOCUS_RADIUS

    lowest, highest = float(coc.min()), float(coc.max())
    if max(highest, -lowest) < IN_FOCUS_RADIUS:
        return rgb.copy()
    longest = float(max(coc.shape))
    if max(highest, -lowest) > longest:
        coc = np.clip(coc, -longest, longest)
        lowest, highest = max(lowest, -longest), min(highest, longest)
    aperture = aperture or Aperture()
    shape = aperture.one_colour

    def draw(radii: npt.NDArray[np.float32], max_radius: float) -> npt.NDArray[np.float32]:
        if quality == "best":
            from dofsim.bokeh.rays import render_rays

            return render_rays(rgb, radii, max_radius, shape, workers)
        from dofsim.bokeh.layered import render_layered

        return render_layered(rgb, radii, max_radius, shape, workers)

    return render_colours(draw, coc, (lowest, highest), aperture.fringing, longest)


def check_quality(quality: str) -> None:
    """Refuse what is no quality.

    Raises
    ------
    ParameterError
    """
    if quality not in get_args(Quality):
        raise ParameterError(f"the quality is fast or best, not {quality!r}")


def _checked(array: npt.NDArray[Any], name: str) -> npt.NDArray[np.float32]:
    array = np.asarray(array)
    if array.dtype.kind != "f":
        raise ParameterError(
            f"{name} holds floats, not {array.dtype}; convert 8-bit values to linear light first (Photo.linear does)"
            if name == "linear_rgb"
            else f"{name} holds floats, not {array.dtype}"
        )
    # Numba would compile every kernel anew for arrays that may not be written to.
    array = np.require(array, np.float32, ["C", "W"])
    with np.errstate(over="ignore", invalid="ignore"):
        # One number says so at once, unless it is out of range itself.
        all_finite = np.isfinite(array.sum()) or np.isfinite(array).all()
    if not all_finite:
        raise ParameterError(f"{name} has values that are not finite; replace NaN and infinity first")
    return array
