"""What one user of the page works on: a photo, its preview, and the full-size result; no web library."""

from __future__ import annotations

import math
import os
import threading
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from dofsim.bokeh.workers import stopping
from dofsim.errors import DepthError, DofsimError, ParameterError, StoppedError
from dofsim.lens import DEFAULT_FOCAL_LENGTH_MM
from dofsim.photo import Photo
from dofsim.photo.encode import encode
from dofsim.photo.metadata import Metadata
from dofsim.preparation import prepare
from dofsim.recipe import Recipe
from dofsim.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Callable

    from dofsim.depth import DepthMap

PREVIEW_PIXELS = 1_300_000
WIDEST, NARROWEST = 1.0, 16.0
"""The f-numbers between which the page's slider goes."""
STRONGEST_BLUR = 0.04
"""Radius of the strongest blur at f/1 where depth is relative, so that there is no real lens; share of the diagonal."""
VIEWS = ("photo", "focus", "depth", "coc", "original")
_PREVIEW_QUALITY = 85
_SHAPE = (
    "blades",
    "rotation",
    "roundness",
    "squeeze",
    "donut",
    "bubble",
    "cats_eye",
    "fringing",
    "highlights",
    "highlight_strength",
    "grain",
)


class Session:
    """A photo that is being refocused: small while the user tries, in full size once it shall be kept.

    Parameters
    ----------
    photo : Photo
        The photo in full size.
    depth : DepthMap, optional
        Depth of your own, any size; default: the photo's own, else the estimator's.

    Attributes
    ----------
    revision : int
        Grows with every change of the depth.
    """

    def __init__(self, photo: Photo, depth: DepthMap | None = None) -> None:
        self.photo = photo
        self._small = smaller(photo, PREVIEW_PIXELS)
        self._file: DepthMap | None = None
        self._lock = threading.Lock()
        self._wanted: Recipe | None = None
        self.revision = 0
        self.use_depth("auto" if depth is None else "file", depth)

    def use_depth(self, source: str, depth: DepthMap | None = None) -> None:
        """Choose where the depth comes from.

        Parameters
        ----------
        source : {"auto", "photo", "estimator", "file"}
        depth : DepthMap, optional
            For ``"file"``: the user's own; default: the one that was given before.

        Raises
        ------
        ParameterError
            If there is no depth from a file.
        DepthError, ModelError
            As :func:`dofsim.prepare`. The depth before stays in use.
        """
        found = self._find_depth(source, depth)
        preview = prepare(self._small, depth=found)
        with self._lock:
            self._depth, self.preview = found, preview
            self.revision += 1
            self._file = depth or self._file
            self.__dict__.pop("full", None)

    def _find_depth(self, source: str, depth: DepthMap | None) -> DepthMap:
        if source == "auto":
            source = "photo" if self.photo.depth is not None else "estimator"
        if source == "estimator":
            from dofsim.depth.estimate import estimate

            return estimate(self._small.pixels)
        if source == "photo":
            if self.photo.depth is None:
                raise DepthError("the photo carries no depth map of its own; take the network's, or give one")
            return self.photo.depth
        if source != "file":
            raise ParameterError(f"the depth comes from the photo, the estimator or a file, not from {source!r}")
        found = depth or self._file
        if found is None:
            raise ParameterError("give a depth map first: PNG, TIFF, NPY or EXR")
        return found

    @property
    def source(self) -> Literal["photo", "estimator", "file"]:
        """Where the depth comes from now."""
        return {"photo": "photo", "estimator": "estimator"}.get(self._depth.source, "file")  # type: ignore[return-value]

    @property
    def sources(self) -> list[str]:
        """Where the depth can come from: ``"photo"`` and ``"file"`` only where there is such a map."""
        return [
            *(["photo"] if self.photo.depth is not None else []),
            "estimator",
            *(["file"] if self._file is not None else []),
        ]

    @cached_property
    def full(self) -> Scene:
        """The scene in full size, prepared when it is first asked for."""
        return prepare(self.photo, depth=self._depth)

    @property
    def is_metric(self) -> bool:
        """Whether the depth is metric, so that the f-number is that of a real lens."""
        return self.preview.depth.is_metric

    def about_depth(self) -> str:
        """Where the depth comes from and how far it goes, for readers."""
        depth = self.preview.depth
        names = {"photo": "the phone", "estimator": "a depth network", "file": "a file", "array": "a file"}
        far, near = depth.range()
        reach = f", {_metres(near)} to {_metres(far)}" if depth.is_metric else ", without a scale"
        return f"From {names[depth.source]} ({depth.detail}){reach}"

    def recipe(self, settings: dict[str, Any]) -> Recipe:
        """The recipe of what the page's controls say.

        Parameters
        ----------
        settings : dict
            ``x``, ``y``: the point in focus, 0..1 from the top left, or both None for a guess; ``f_number``: 1..16;
            ``focal_length``: mm, for metric depth; and the shape, the highlights and ``grain`` of a
            :class:`~dofsim.recipe.Recipe`. What is missing takes its default.

        Returns
        -------
        Recipe

        Raises
        ------
        ParameterError
            If a value is out of its range or no number.
        """
        said = {name: settings[name] for name in _SHAPE if settings.get(name) is not None}
        number = _number(settings, "f_number", 2.8)
        if not WIDEST <= number <= NARROWEST:
            raise ParameterError(f"the aperture goes from f/{WIDEST:g} to f/{NARROWEST:g}, not f/{number:g}")
        if self.is_metric:
            focal = _number(settings, "focal_length", DEFAULT_FOCAL_LENGTH_MM)
            said |= {"aperture": number, "focal_length": focal}
        else:
            said["blur"] = f"{100 * STRONGEST_BLUR / number:.4g}%"
        if settings.get("x") is not None and settings.get("y") is not None:
            said["focus_at"] = ",".join(f"{100 * _number(settings, axis, 0.5):.6g}%" for axis in ("x", "y"))
        return Recipe(source=self.source).but(**said)

    def picture(self, view: str, settings: dict[str, Any]) -> bytes:
        """A preview-sized JPEG of one of :data:`VIEWS`.

        Parameters
        ----------
        view : str
            ``"photo"``: refocused; ``"focus"``: what is in front is warm, what is behind cool; ``"depth"``: near is
            bright; ``"coc"``: the signed radius of the circle of confusion, warm in front; ``"original"``.
        settings : dict
            See :meth:`recipe`.

        Returns
        -------
        bytes

        Raises
        ------
        ParameterError
            If the view is unknown, or as :meth:`recipe`.
        """
        if view not in VIEWS:
            raise ParameterError(f"there is no view {view!r}; the views are {', '.join(VIEWS)}")
        scene, recipe = self.preview, self.recipe(settings)
        if view == "original":
            return _jpeg(scene.photo)
        self._wanted = recipe
        if view == "depth":
            picture = Photo.from_array(_depth_colours(scene.depth))
        elif view == "coc":
            picture = Photo.from_array(_coc_colours(recipe.setting(scene).coc(scene.depth), scene.diagonal_px))
        elif view == "focus":
            picture = recipe.preview_focus(scene)
        else:
            picture = recipe.preview(scene)
        return _jpeg(picture)

    def about_focus(self, settings: dict[str, Any]) -> str:
        """Where the focus lies and how strong the blur is, for readers."""
        setting, depth = self.recipe(settings).setting(self.preview), self.preview.depth
        share = 100 * setting.max_radius(depth) / self.preview.diagonal_px
        far, near = depth.range()
        at = setting.focus
        where = _metres(at) if self.is_metric else f"{(at - far) / max(near - far, 1e-12):.2f} of the depth scale"
        return f"Focus at {where}; strongest blur {share:.1f} % of the diagonal"

    def save(
        self, settings: dict[str, Any], folder: Path, *, stage: Callable[[float, str], None] = lambda _, __: None
    ) -> Path:
        """Render in full size and write the result with the photo's metadata and the recipe.

        Parameters
        ----------
        settings : dict
            See :meth:`recipe`.
        folder : Path
            Where the result goes, as ``NAME.dof.jpg`` or in the photo's own format.
        stage : callable
            Told a share 0..1 of the work and what comes next.

        Returns
        -------
        Path

        Raises
        ------
        StoppedError
            If a :meth:`picture` of other settings is asked for meanwhile: that one shall not have to wait.
        DofsimError
            As :meth:`dofsim.Scene.render` and :meth:`dofsim.Photo.save`.
        """
        from dofsim.cli.outputs import suffix_for

        self._wanted = recipe = self.recipe(settings)

        def outdated() -> bool:
            return self._wanted != recipe

        def step(share: float, what: str) -> None:
            if outdated():
                raise StoppedError("other settings are wanted by now")
            stage(share, what)

        step(0.05, "depth in full size")
        with self._lock:
            scene = self.full
        step(0.3, "refocusing in full size")
        with stopping(outdated):
            result = recipe.render(scene)
        step(0.85, "writing the file")
        name = self.photo.path or Path("photo.png")
        return result.save(folder / f"{name.stem}.dof{suffix_for(name)}")


def open_session(path: str | os.PathLike[str], *, max_pixels: float = math.inf) -> Session:
    """Read a photo and find its depth.

    Parameters
    ----------
    path : path
        The photo.
    max_pixels : float
        Larger photos are refused before they are decoded.

    Returns
    -------
    Session

    Raises
    ------
    PhotoError
        If it cannot be read or is too large.
    ModelError
        If the depth model cannot be used.
    """
    from dofsim.photo import read_photo

    return Session(read_photo(path, max_pixels=max_pixels))


def smaller(photo: Photo, pixels: float) -> Photo:
    """A photo of at most so many pixels, without its metadata.

    Parameters
    ----------
    photo : Photo
    pixels : float

    Returns
    -------
    Photo
        Averaged over areas in the encoded scale; its depth stays as it is.
    """
    plain = replace(photo, metadata=Metadata(icc=photo.metadata.icc))
    scale = math.sqrt(pixels / (photo.width * photo.height))
    if scale >= 1:
        return plain
    size = max(1, round(photo.width * scale)), max(1, round(photo.height * scale))
    alpha = photo.alpha if photo.alpha is None else cv2.resize(photo.alpha, size, interpolation=cv2.INTER_AREA)
    return replace(plain, pixels=cv2.resize(photo.pixels, size, interpolation=cv2.INTER_AREA), alpha=alpha)


def _jpeg(picture: Photo) -> bytes:
    plain = replace(picture, alpha=None, metadata=Metadata(icc=picture.metadata.icc))
    return encode(plain, "JPEG", _PREVIEW_QUALITY, [], chroma="4:2:0")


def _depth_colours(depth: DepthMap) -> npt.NDArray[np.uint8]:
    codes = np.rint(255 * depth.normalised()).astype(np.uint8)
    return cv2.cvtColor(cv2.applyColorMap(codes, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


def _coc_colours(coc: npt.NDArray[np.float32], diagonal_px: float) -> npt.NDArray[np.uint8]:
    """White in focus; orange in front, blue behind, full at 2 % of the diagonal. The root lets small blur be seen."""
    strength = np.sqrt(np.clip(np.abs(coc) / (0.02 * diagonal_px), 0.0, 1.0))[..., None]
    front, behind = np.array([230, 97, 1], np.float32), np.array([1, 87, 201], np.float32)
    colour = np.where((coc < 0)[..., None], front, behind)
    return np.rint(255 + (colour - 255) * strength).astype(np.uint8)


def _number(settings: dict[str, Any], name: str, default: float) -> float:
    value = settings.get(name, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ParameterError(f"{name.replace('_', ' ')} is a number, not {value!r}")
    return float(value)


def _metres(inverse_depth: float) -> str:
    return "infinity" if inverse_depth <= 0 else f"{1 / inverse_depth:.3g} m"


def explained(error: Exception) -> str:
    """An error as a sentence for the page; unexpected ones keep their details to the log."""
    if isinstance(error, DofsimError):
        return " ".join(str(error).split())
    return f"unexpected {type(error).__name__}; this is a bug of dofsim"
