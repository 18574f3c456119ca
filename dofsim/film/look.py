"""How the frames of a clip are focused and blurred: the lens of each, from its depth and its plane of focus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dofsim import lens
from dofsim.bokeh import Aperture
from dofsim.depth.depth_map import DepthKind
from dofsim.errors import DepthError, ParameterError
from dofsim.film.steady import Stabiliser
from dofsim.focus import parse_focus
from dofsim.refocus import Setting

if TYPE_CHECKING:
    import os

    from dofsim.film.follow import Plane


@dataclass(frozen=True)
class Look:
    """How the frames of a clip are focused and blurred.

    Attributes
    ----------
    focus : float or str
        See :meth:`dofsim.Scene.focus_inverse_depth`; 0..1 counts on the depth of each frame, smoothed over time.
    focus_at : str, optional
        Point of the first frame, ``"X,Y"`` in px or per cent; what is there is followed.
    blur : float or str, optional
        See :meth:`dofsim.Scene.coc`; default, unless there is an f-number: 2 %.
    aperture : float, optional
        f-number of a real lens, instead of ``blur``; takes a model of metric depth.
    focal_length : float, optional
        35 mm-equivalent, mm, for ``aperture``; default: 50. Clips do not tell theirs.
    sharp_range : float, optional
        See :meth:`dofsim.Scene.coc`.
    shape : Aperture
        Of the circles of confusion.
    highlights : bool
        See :meth:`dofsim.Scene.render`.
    model, flip
        See :func:`dofsim.depth.estimate.estimate`.
    steadiness : float
        Share of the past in the depth, see :class:`dofsim.film.steady.Stabiliser`.

    Raises
    ------
    ParameterError
        If something is out of range or does not go together.
    """

    focus: float | str = "auto"
    focus_at: str | None = None
    blur: float | str | None = None
    aperture: float | None = None
    focal_length: float | None = None
    sharp_range: float | None = None
    shape: Aperture = Aperture()  # noqa: RUF009 - it is frozen
    highlights: bool = True
    model: str | os.PathLike[str] | None = None
    flip: bool | None = None
    steadiness: float = 0.8

    def __post_init__(self) -> None:
        if self.aperture is not None and self.blur is not None:
            raise ParameterError("an aperture and a blur exclude each other; leave out --aperture or --blur")
        if self.aperture is None and self.focal_length is not None:
            raise ParameterError("a focal length acts together with an f-number; give that too (--aperture 1.8)")
        if self.sharp_range is not None and not 0.0 <= self.sharp_range <= 1.0:
            raise ParameterError(
                f"the sharp range is a share of the depth range, 0..1, not {self.sharp_range} (--sharp-range 0.02)"
            )
        if self.aperture is not None:
            lens.physical_factor(self.aperture, self._focal_length, 0.0, 1.0)
        lens.parse_blur(lens.DEFAULT_BLUR if self.blur is None else self.blur, 1e9)
        parse_focus(self.focus)
        Stabiliser(self.steadiness)

    def setting(self, plane: Plane, kind: DepthKind, diagonal_px: float) -> Setting:
        """The lens of a frame.

        Parameters
        ----------
        plane : Plane
        kind : DepthKind
            Of the network's depth.
        diagonal_px : float
            Of the frame.

        Raises
        ------
        DepthError
            If an f-number is asked of relative depth.
        """
        if self.aperture is not None and kind is DepthKind.RELATIVE:
            raise DepthError(
                "an f-number needs metric depth, and that of this model is relative; name a metric one (--model, see "
                "dofsim models), or say how strong the blur shall be instead (--blur 2.5%)"
            )
        if self.aperture is not None:
            factor = lens.physical_factor(self.aperture, self._focal_length, plane.focus, diagonal_px)
            sharp_range = self.sharp_range or 0.0
        else:
            sharp_range = lens.DEFAULT_SHARP_RANGE if self.sharp_range is None else self.sharp_range
            radius = lens.parse_blur(lens.DEFAULT_BLUR if self.blur is None else self.blur, diagonal_px)
            factor = lens.artistic_factor(radius, plane.focus, plane.far, plane.near, sharp_range)
        return Setting(plane.focus, factor, factor * sharp_range * (plane.near - plane.far))

    @property
    def _focal_length(self) -> float:
        return lens.DEFAULT_FOCAL_LENGTH_MM if self.focal_length is None else self.focal_length
