"""The shape of the aperture, which is the shape of every circle of confusion."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from dofsim.errors import ParameterError

_LIMITS = {
    "blades": (0, 32),
    "rotation": (-360.0, 360.0),
    "roundness": (0.0, 1.0),
    "squeeze": (0.25, 1.0),
    "obstruction": (0.0, 0.9),
    "bubble": (-1.0, 1.0),
    "cats_eye": (0.0, 1.0),
    "fringing": (0.0, 0.1),
}


@dataclass(frozen=True)
class Aperture:
    """What the pupil of the lens lets through, inside the round one whose image is the circle of confusion.

    In front of the plane of focus the image of the pupil stands upside down, and bright rims become dark ones.

    Attributes
    ----------
    blades : int
        0: round. 3 and more: a polygon with that many sides, its corners on the circle.
    rotation : float
        Degrees clockwise; 0: a corner on top.
    roundness : float
        0: straight blades; 1: blades so curved that the opening is round.
    squeeze : float
        Width divided by height; below 1 the ovals of an anamorphic lens.
    obstruction : float
        Radius of the dark middle, as a share of the whole: the secondary mirror of a catadioptric lens ("donut").
    bubble : float
        Spherical aberration. Light over the disc goes as ``1 + bubble * (2 rho^2 - 1)``, rho = 0..1 from the middle to
        the rim: 1 is a soap bubble with a bright rim, -1 creamy with a soft one; behind the focus, and the
        opposite in front of it.
    cats_eye : float
        Optical vignetting: in the corner of the picture a second round stop is shifted by this share of the radius
        towards the middle, less further in; discs become lemons that point to the middle. Their light stays the same.
    fringing : float
        Axial chromatic aberration: red and blue are in focus farther away than green by this share of the depth scale
        (0 = farthest, 1 = nearest), so that rims are magenta in front of the focus and green behind it. Circles
        differ by this share of the span between the largest radius in front and the largest behind, less near the
        focus, where nothing gets a rim that is sharp without. 0.01: a plain 50 mm achromat in a scene that goes from
        1 m to infinity.

    Raises
    ------
    ParameterError
        If a value is out of its range.

    Examples
    --------
    >>> Aperture().is_disc, Aperture(blades=6, roundness=0.3).is_disc
    (True, False)
    >>> Aperture(blades=2)
    Traceback (most recent call last):
        ...
    dofsim.errors.ParameterError: an aperture has 3 blades at least, or 0 if it is round, not 2 (--blades 6)
    """

    blades: int = 0
    rotation: float = 0.0
    roundness: float = 0.0
    squeeze: float = 1.0
    obstruction: float = 0.0
    bubble: float = 0.0
    cats_eye: float = 0.0
    fringing: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value, (least, most) = getattr(self, field.name), _LIMITS[field.name]
            if not (isinstance(value, (int, float)) and math.isfinite(value) and least <= value <= most):
                what = field.name.replace("_", " ")
                option = "donut" if field.name == "obstruction" else field.name.replace("_", "-")
                raise ParameterError(
                    f"the aperture's {what} lies in {least:g}..{most:g}, not {value!r} (--{option} {least:g}..{most:g})"
                )
        if self.blades != int(self.blades) or self.blades in (1, 2):
            raise ParameterError(
                f"an aperture has 3 blades at least, or 0 if it is round, not {self.blades!r} (--blades 6)"
            )

    @property
    def is_disc(self) -> bool:
        """Whether it is the plain round one, in every colour."""
        round_ = self.blades == 0 or self.roundness == 1.0
        return round_ and self.squeeze == 1.0 and not (self.obstruction or self.bubble or self.cats_eye)

    @property
    def one_colour(self) -> Aperture | None:
        """What a single colour passes through: the same without fringing; None if that is a disc."""
        return None if self.is_disc else replace(self, fringing=0.0)

    def reach(self, angle: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Distance of the rim from the middle, before the squeeze, in units of the radius.

        Parameters
        ----------
        angle : float array
            Radians clockwise from the top, in the picture of a point behind the focus.

        Returns
        -------
        float array
            0..1.
        """
        if self.blades == 0:
            return np.ones_like(angle)
        sector = 2 * math.pi / self.blades
        beside = np.mod(angle - math.radians(self.rotation), sector) - sector / 2
        polygon = math.cos(sector / 2) / np.cos(beside)
        return polygon + self.roundness * (1.0 - polygon)

    def light(self, rho: npt.NDArray[np.float64], behind: bool) -> npt.NDArray[np.float64]:
        """Light that passes at ``rho`` = 0..1 from the middle to the rim, relative to the mean of a full disc.

        Parameters
        ----------
        rho : float array
        behind : bool
            Whether the point lies behind the plane of focus, or in front of it.

        Returns
        -------
        float array
            >= 0.
        """
        bubble = self.bubble if behind else -self.bubble
        return np.where(rho < self.obstruction, 0.0, 1.0 + bubble * (2.0 * rho * rho - 1.0))
