"""Prepare a photo once, refocus it many times: where photo, depth, lens and renderer meet."""

from __future__ import annotations

import math
import os
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dofsim import lens
from dofsim.depth.depth_map import DepthKind, DepthMap
from dofsim.errors import DepthError, DofsimWarning, ParameterError
from dofsim.focus import Focus, parse_focus, parse_point, resolve_focus
from dofsim.photo import Photo
from dofsim.preview import tint_focus
from dofsim.refocus import Setting, refocus, rows_at_a_time
from dofsim.thumbnail import shrink

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dofsim.bokeh import Aperture
    from dofsim.bokeh.render import Quality
    from dofsim.grain import Grain
    from dofsim.highlights import Highlights
    from dofsim.photo.editable import EditableSizes


@dataclass(frozen=True, eq=False, repr=False)
class Scene:
    """A photo with a depth for every pixel, ready to be refocused.

    Attributes
    ----------
    photo : Photo
        The all-in-focus photo, upright.
    depth : DepthMap
        Depth of every pixel of the photo, shape (H, W).
    """

    photo: Photo
    depth: DepthMap

    @cached_property
    def linear(self) -> npt.NDArray[np.float32]:
        """The photo in scene-linear light, float32 (H, W, 3), kept for the next refocusing."""
        return self.photo.linear()

    @cached_property
    def grain(self) -> Grain:
        """The grain of the photo, measured once."""
        from dofsim.grain import estimate_grain

        return estimate_grain(self.photo.pixels)

    @cached_property
    def highlights(self) -> Highlights:
        """The clipped lights of the photo, found once."""
        from dofsim.highlights import find_highlights

        return find_highlights(self.photo.pixels, self.photo.profile)

    @property
    def diagonal_px(self) -> float:
        """Diagonal of the photo, px."""
        return math.hypot(self.photo.width, self.photo.height)

    def focus_inverse_depth(
        self, focus: float | str | Focus = "auto", focus_at: str | tuple[float, float] | None = None
    ) -> float:
        """Inverse depth of the plane of focus, in the inverse unit of ``depth``.

        Parameters
        ----------
        focus : float, str or Focus
            Normalised inverse depth 0..1 (0 = farthest, 1 = nearest), ``"1.2m"`` (metric depth only), or ``"auto"``.
        focus_at : str or (float, float), optional
            A point of the picture, ``"X,Y"`` in px or per cent; wins over ``focus``.

        Returns
        -------
        float

        Raises
        ------
        ParameterError
            If the focus or the point cannot be read or is out of range.
        DepthError
            If metres are asked of relative depth.
        """
        wish = parse_focus(focus) if focus_at is None else parse_point(focus_at, self.photo.width, self.photo.height)
        return resolve_focus(wish, self.depth)

    def coc(
        self,
        focus: float | str | Focus = "auto",
        *,
        focus_at: str | tuple[float, float] | None = None,
        aperture: float | None = None,
        focal_length: float | None = None,
        blur: float | str | None = None,
        sharp_range: float | None = None,
    ) -> npt.NDArray[np.float32]:
        """Signed radius of the circle of confusion of every pixel.

        Parameters
        ----------
        focus, focus_at
            See :meth:`focus_inverse_depth`.
        aperture : float, optional
            f-number of the simulated full-frame lens; needs metric depth. Not together with ``blur``.
        focal_length : float, optional
            35 mm-equivalent focal length, mm; default: the photo's EXIF, else 50.
        blur : float or str, optional
            Radius of the most defocused pixel: a share of the diagonal (0.025 or ``"2.5%"``) or ``"40px"``.
            Default, without an aperture: 2 %.
        sharp_range : float, optional
            Share of the picture's range of inverse depth, on either side of the plane of focus, that stays sharp,
            0..1 (see :func:`dofsim.lens.keep_sharp`). Default: 0.02 with a blur, 0 (a real lens) with an aperture.

        Returns
        -------
        float32 array, shape (H, W)
            px; positive behind the plane of focus, negative in front of it.

        Raises
        ------
        ParameterError
            If an argument is out of range, or both ``aperture`` and ``blur`` are given.
        DepthError
            If an f-number is asked of relative depth.
        """
        return self.setting(
            focus,
            focus_at=focus_at,
            aperture=aperture,
            focal_length=focal_length,
            blur=blur,
            sharp_range=sharp_range,
        ).coc(self.depth)

    def setting(
        self,
        focus: float | str | Focus = "auto",
        *,
        focus_at: str | tuple[float, float] | None = None,
        aperture: float | None = None,
        focal_length: float | None = None,
        blur: float | str | None = None,
        sharp_range: float | None = None,
    ) -> Setting:
        """The law by which depth becomes the circle of confusion.

        Parameters
        ----------
        focus, focus_at, aperture, focal_length, blur, sharp_range
            See :meth:`coc`.

        Returns
        -------
        Setting
            For :meth:`render_setting`.

        Raises
        ------
        ParameterError, DepthError
            As :meth:`coc`.
        """
        at = self.focus_inverse_depth(focus, focus_at)
        if aperture is not None and blur is not None:
            raise ParameterError(
                "give either an aperture (f-number) or a blur (share of the diagonal), not both; "
                "leave out --aperture or --blur"
            )
        if aperture is None and focal_length is not None:
            raise ParameterError("a focal length acts together with an f-number; give --aperture too")
        if sharp_range is None:
            sharp_range = lens.DEFAULT_SHARP_RANGE if aperture is None else 0.0
        if not 0.0 <= sharp_range <= 1.0:
            raise ParameterError(
                f"the sharp range is a share of the depth range, 0..1, not {sharp_range} (--sharp-range 0.02)"
            )
        far, near = self.depth.range()
        if aperture is not None:
            if self.depth.kind is DepthKind.RELATIVE:
                raise DepthError(
                    "an f-number needs metric depth, and this depth is relative; "
                    "say how strong the blur shall be instead (--blur 2.5%)"
                )
            focal = (
                self.photo.focal_length_35mm or lens.DEFAULT_FOCAL_LENGTH_MM if focal_length is None else focal_length
            )
            factor = lens.physical_factor(aperture, focal, at, self.diagonal_px)
        else:
            radius = lens.parse_blur(lens.DEFAULT_BLUR if blur is None else blur, self.diagonal_px)
            factor = lens.artistic_factor(radius, at, far, near, sharp_range)
        return Setting(at, factor, factor * sharp_range * (near - far))

    def render(
        self,
        focus: float | str | Focus = "auto",
        *,
        focus_at: str | tuple[float, float] | None = None,
        aperture: float | None = None,
        focal_length: float | None = None,
        blur: float | str | None = None,
        sharp_range: float | None = None,
        shape: Aperture | None = None,
        highlights: bool = True,
        highlight_strength: float = 1.0,
        grain: bool = True,
        quality: Quality = "fast",
        threads: int | None = None,
        max_memory: str | float | None = None,
    ) -> Photo:
        """The photo as a lens with this focus and aperture would have taken it.

        Parameters
        ----------
        focus, focus_at, aperture, focal_length, blur, sharp_range
            See :meth:`coc`.
        shape : Aperture, optional
            Shape of the circle of confusion (see :class:`dofsim.bokeh.Aperture`); default: a disc.
        highlights : bool
            Whether clipped lights out of focus get back a plausible brightness first
            (see :func:`dofsim.highlights.recover_highlights`), so that they become bright discs and not grey ones.
        highlight_strength : float
            How much of it, 0..4: 0 nothing, 1 what is plausible, 2 twice as much.
        grain : bool
            Whether blurred areas get back the grain that the blur took from them (see
            :func:`dofsim.grain.add_grain`), so that they match the sharp ones and smooth walls show no contours.
        quality : {"fast", "best"}
            ``"best"`` is nearer to what a lens does at edges, and several times slower (see
            :func:`dofsim.bokeh.render`). It renders the photo whole, never in bands.
        threads : int, optional
            Threads of the renderer; default: all cores.
        max_memory : str or float, optional
            What the process may hold, ``"2GB"`` or bytes; default: the environment's ``DOFSIM_MAX_MEMORY``, else 60 %
            of what is free. Where that is too little for the whole photo, it is rendered in bands of rows.

        Returns
        -------
        Photo
            Same size, bit depth, profile and metadata, with the recipe in its XMP (see
            :class:`dofsim.recipe.Recipe`). With flat depth there is nothing to defocus:
            the photo itself comes back and a :class:`~dofsim.errors.DofsimWarning` is issued.

        Raises
        ------
        ParameterError, DepthError
            As :meth:`coc`; ParameterError too if there is no such quality or strength, or the memory is too little
            for the smallest band.
        """
        from dofsim.bokeh.render import check_quality

        check_quality(quality)
        setting = self.setting(
            focus,
            focus_at=focus_at,
            aperture=aperture,
            focal_length=focal_length,
            blur=blur,
            sharp_range=sharp_range,
        )
        if self.depth.is_flat():
            warnings.warn(
                "the depth is the same everywhere, so there is nothing to defocus; the photo is copied as it is",
                DofsimWarning,
                stacklevel=2,
            )
            return self.photo
        from dofsim.recipe import recipe_of_arguments

        refocused = self.render_setting(
            setting,
            shape=shape,
            highlights=highlights,
            highlight_strength=highlight_strength,
            grain=grain,
            quality=quality,
            threads=threads,
            max_memory=max_memory,
        )
        recipe = recipe_of_arguments(
            focus,
            focus_at,
            blur,
            shape,
            aperture=aperture,
            focal_length=focal_length,
            sharp_range=sharp_range,
            highlights=highlights,
            highlight_strength=highlight_strength,
            grain=grain,
            quality=quality,
        )
        return recipe.written_into(refocused, self.depth)

    def render_setting(
        self,
        setting: Setting,
        *,
        shape: Aperture | None = None,
        highlights: bool = True,
        highlight_strength: float = 1.0,
        grain: bool = True,
        quality: Quality = "fast",
        threads: int | None = None,
        max_memory: str | float | None = None,
    ) -> Photo:
        """The photo through a lens whose circle of confusion is given as a law, such as one of a sequence.

        Parameters
        ----------
        setting : Setting
            Plane of focus and K, from :meth:`setting` or :func:`dofsim.sequence.lens_settings`.
        shape, highlights, highlight_strength, grain, quality, threads, max_memory
            See :meth:`render`.

        Returns
        -------
        Photo
            Same size, bit depth, profile and metadata.

        Raises
        ------
        ParameterError
            If there is no such quality or strength, or the memory is too little for the smallest band.
        """
        from dofsim.bokeh.render import check_quality
        from dofsim.highlights import check_strength
        from dofsim.threads import count_threads

        check_quality(quality)
        check_strength(highlight_strength)
        fringing = shape.fringing if shape else 0.0
        max_radius = setting.max_radius(self.depth, fringing)
        return refocus(
            self.photo,
            self.depth,
            setting,
            shape,
            highlights=(lambda: self.highlights) if highlights else None,
            highlight_strength=highlight_strength,
            grain=(lambda: self.grain) if grain else None,
            threads=count_threads(threads),
            rows=rows_at_a_time(self.photo, max_radius, max_memory, quality, fringing=fringing > 0),
            quality=quality,
        )

    def preview_focus(
        self,
        focus: float | str | Focus = "auto",
        *,
        focus_at: str | tuple[float, float] | None = None,
        aperture: float | None = None,
        focal_length: float | None = None,
        blur: float | str | None = None,
        sharp_range: float | None = None,
        longest_side: int | None = None,
    ) -> Photo:
        """A quick picture of what will be sharp: in focus untouched, in front tinted warm, behind tinted cool.

        Parameters
        ----------
        focus, focus_at, aperture, focal_length, blur, sharp_range
            See :meth:`coc`.
        longest_side : int, optional
            Of the picture, px, for a small one; default: the photo's own size.

        Returns
        -------
        Photo
            The tint grows from none at a circle of confusion of 0.05 % of the diagonal to full at 0.5 %.

        Raises
        ------
        ParameterError, DepthError
            As :meth:`coc`.
        """
        coc = self.coc(
            focus,
            focus_at=focus_at,
            aperture=aperture,
            focal_length=focal_length,
            blur=blur,
            sharp_range=sharp_range,
        )
        sharp, full = 0.0005 * self.diagonal_px, 0.005 * self.diagonal_px
        photo, linear = self.photo, None
        if longest_side is not None and longest_side < max(coc.shape):
            photo, coc = photo.thumbnail(longest_side), shrink(coc, longest_side, mean=False)
            linear = photo.linear()
        linear = self.linear if linear is None else linear
        return photo.with_linear(tint_focus(linear, coc, sharp, full))

    def save_editable(
        self, result: Photo, path: str | os.PathLike[str], *, quality: int | None = None, overwrite: bool = False
    ) -> EditableSizes:
        """Write a rendering of this scene together with the original and its depth, so that it can be refocused again.

        Parameters
        ----------
        result : Photo
            From :meth:`render`.
        path, quality, overwrite
            See :func:`dofsim.photo.editable.write_editable`; a JPEG.

        Returns
        -------
        EditableSizes

        Raises
        ------
        ParameterError, OutputError
            As :func:`dofsim.photo.editable.write_editable`.
        """
        from dofsim.photo.editable import write_editable

        return write_editable(result, path, original=self.photo, depth=self.depth, quality=quality, overwrite=overwrite)

    def plot(
        self,
        focus: float | str | Focus = "auto",
        *,
        focus_at: str | tuple[float, float] | None = None,
        aperture: float | None = None,
        focal_length: float | None = None,
        blur: float | str | None = None,
        sharp_range: float | None = None,
    ) -> Figure:
        """Draw the photo, its depth, the signed circle of confusion, and what is in focus.

        Parameters
        ----------
        focus, focus_at, aperture, focal_length, blur, sharp_range
            See :meth:`coc`.

        Returns
        -------
        matplotlib.figure.Figure
            Depth with a colour bar in its own unit (m, 1/m or relative), on which a line marks the plane of focus; the
            circle of confusion, px, red in front of the plane of focus and blue behind it, white on it. Notebooks show
            it; ``scene.plot().savefig("scene.png")`` keeps it.

        Raises
        ------
        ParameterError, DepthError
            As :meth:`coc`.
        MissingExtraError
            Without matplotlib (``pip install 'dofsim[plot]'``).
        """
        from dofsim.plot import plot_scene

        return plot_scene(
            self, focus, focus_at=focus_at, aperture=aperture, focal_length=focal_length, blur=blur,
            sharp_range=sharp_range,
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"Scene({self.photo!r}, {self.depth!r})"

    def _repr_html_(self) -> str:
        return self.photo._repr_html_() + self.depth._repr_html_()
