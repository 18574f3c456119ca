"""Recipes: everything about a rendering but the photo, carried in the XMP of the result and followed again."""

from __future__ import annotations

import json
import os
import re
import reprlib
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal

from dofsim import __version__
from dofsim.bokeh.aperture import Aperture
from dofsim.bokeh.render import Quality, check_quality
from dofsim.errors import DepthError, ParameterError
from dofsim.focus import Focus, parse_focus, parse_point
from dofsim.formats import check_format
from dofsim.highlights import check_strength
from dofsim.lens import DEFAULT_BLUR, DEFAULT_SHARP_RANGE
from dofsim.photo import xmp

if TYPE_CHECKING:
    from dofsim.depth import DepthMap
    from dofsim.photo import Photo
    from dofsim.refocus import Setting
    from dofsim.scene import Scene

FORMAT = 1
"""Version of the recipe's format; it grows with every field, so that no older dofsim leaves out what it cannot do."""

_TEXTS = frozenset(("focus", "focus_at", "blur", "quality", "source", "model", "depth_origin", "version"))
_SWITCHES = frozenset(("highlights", "grain", "flip"))
_WHOLES = frozenset(("blades", "jpeg_quality"))
_SOURCES = ("auto", "photo", "estimator", "file")
_UNSAID = frozenset(("depth_origin", "version"))
_LARGEST = 1e9
"""Beyond any number of a recipe."""


@dataclass(frozen=True)
class Recipe:
    """A rendering, in the words of ``dofsim render``: each field is the option of the same name.

    Attributes
    ----------
    focus : str
        ``"auto"``, 0..1 on the depth scale (0 = farthest, 1 = nearest), or a distance (``"1.2m"``).
    focus_at : str, optional
        A point, ``"X,Y"`` in px or per cent; wins over ``focus``.
    blur : str, optional
        Radius of the strongest blur, ``"2.5%"`` of the diagonal or ``"40px"``.
    aperture : float, optional
        f-number, instead of ``blur``; needs metric depth.
    focal_length : float, optional
        35 mm-equivalent focal length for ``aperture``, mm; default: that of the photo.
    sharp_range : float, optional
        Share of the depth scale around the focus that stays sharp, 0..1.
    blades, rotation, roundness, squeeze, donut, bubble, cats_eye, fringing
        Shape and fringing of the aperture, see :class:`dofsim.bokeh.Aperture` (where ``donut`` is the obstruction).
    highlights, highlight_strength, grain
        See :meth:`dofsim.Scene.render`.
    quality : {"fast", "best"}
        See :meth:`dofsim.Scene.render`.
    source : {"auto", "photo", "estimator", "file"}
        Where the depth comes from; ``"file"``: from one that the user gives.
    model : str, optional
        Depth model.
    flip : bool, optional
        Whether the model looks at the mirrored photo too.
    jpeg_quality : int, optional
        1..100; default: that of the format.
    depth_origin : str
        What the depth of this result was, for readers; nothing follows from it.
    version : str
        The dofsim that made the result.

    Raises
    ------
    ParameterError
        If the focus, the quality, the strength, the source or the aperture's shape cannot be.
    """

    focus: str = "auto"
    focus_at: str | None = None
    blur: str | None = None
    aperture: float | None = None
    focal_length: float | None = None
    sharp_range: float | None = None
    blades: int = 0
    rotation: float = 0.0
    roundness: float = 0.0
    squeeze: float = 1.0
    donut: float = 0.0
    bubble: float = 0.0
    cats_eye: float = 0.0
    fringing: float = 0.0
    highlights: bool = True
    highlight_strength: float = 1.0
    grain: bool = True
    quality: Quality = "fast"
    source: Literal["auto", "photo", "estimator", "file"] = "auto"
    model: str | None = None
    flip: bool | None = None
    jpeg_quality: int | None = None
    depth_origin: str = ""
    version: str = __version__

    def __post_init__(self) -> None:
        parse_focus(self.focus)
        if self.source not in _SOURCES:
            raise ParameterError(f"the depth source is one of {', '.join(_SOURCES)}, not {self.source!r}")
        check_quality(self.quality)
        check_strength(self.highlight_strength)
        _ = self.shape

    @property
    def shape(self) -> Aperture:
        """The shape of the aperture."""
        return Aperture(
            self.blades,
            self.rotation,
            self.roundness,
            self.squeeze,
            self.donut,
            self.bubble,
            self.cats_eye,
            self.fringing,
        )

    def but(self, **given: Any) -> Recipe:
        """The same with other values, which also drive out what they stand in place of.

        Parameters
        ----------
        **given
            Fields. A focus drives out a point, an f-number a blur and the other way round, a source the model,
            and a model the source.

        Returns
        -------
        Recipe
            Of this version of dofsim.

        Raises
        ------
        ParameterError
            If a field is unknown or its value cannot be.
        """
        dropped: set[str] = set()
        if "focus" in given:
            dropped |= {"focus_at"}
        if "blur" in given and self.aperture is not None:
            dropped |= {"aperture", "focal_length", "sharp_range"}
        if "aperture" in given and self.aperture is None:
            dropped |= {"blur", "sharp_range"}
        if "source" in given:
            dropped |= {"model", "flip"}
        if "model" in given:
            dropped |= {"source"}
        default = Recipe()
        empty = {name: getattr(default, name) for name in dropped | {"depth_origin", "version"}}
        _check(given)
        return replace(self, **{**empty, **given})

    def prepare(self, photo: Photo, *, depth: DepthMap | None = None) -> Scene:
        """Find the depth of a photo as the recipe says.

        Parameters
        ----------
        photo : Photo
        depth : DepthMap, optional
            Depth of your own; wins over the recipe.

        Returns
        -------
        Scene

        Raises
        ------
        DepthError
            If the recipe's depth came from a file and none is given; else as :func:`dofsim.prepare`.
        ModelError
            As :func:`dofsim.prepare`.
        """
        from dofsim.preparation import prepare

        if depth is not None:
            return prepare(photo, depth=depth)
        if self.source == "file":
            raise DepthError(
                f"the depth of this recipe came from a file ({self.depth_origin}); "
                "give one (--depth FILE) or another source (--source auto)"
            )
        return prepare(photo, source=self.source, model=self.model, flip=self.flip)

    def render(self, scene: Scene, *, threads: int | None = None, max_memory: str | float | None = None) -> Photo:
        """Refocus a scene; the result carries the recipe.

        Parameters
        ----------
        scene : Scene
        threads, max_memory
            See :meth:`dofsim.Scene.render`.

        Returns
        -------
        Photo

        Raises
        ------
        ParameterError, DepthError
            As :meth:`dofsim.Scene.render`.
        """
        result = scene.render(**self._optics(), **self._look(), threads=threads, max_memory=max_memory)
        return self.written_into(result, scene.depth)

    def setting(self, scene: Scene) -> Setting:
        """Plane of focus and strength of the blur in a scene, see :meth:`dofsim.Scene.setting`."""
        return scene.setting(**self._optics())

    def preview(self, scene: Scene) -> Photo:
        """As :meth:`render`, but to be looked at only: the result carries no recipe."""
        return scene.render_setting(self.setting(scene), **self._look())

    def preview_focus(self, scene: Scene, *, longest_side: int | None = None) -> Photo:
        """What will be sharp, see :meth:`dofsim.Scene.preview_focus`; the result carries the recipe."""
        return self.written_into(scene.preview_focus(**self._optics(), longest_side=longest_side), scene.depth)

    def _optics(self) -> dict[str, Any]:
        names = ("focus", "focus_at", "aperture", "focal_length", "blur", "sharp_range")
        return {name: getattr(self, name) for name in names}

    def _look(self) -> dict[str, Any]:
        names = ("shape", "highlights", "highlight_strength", "grain", "quality")
        return {name: getattr(self, name) for name in names}

    def written_into(self, photo: Photo, depth: DepthMap) -> Photo:
        """Put the recipe into the XMP packet of a result, beside what else is in it.

        It is written so that it can be followed on another machine and for other photos: defaults as values, points
        as shares of the picture, files by their names alone.

        Parameters
        ----------
        photo : Photo
            The result.
        depth : DepthMap
            The depth that was used.

        Returns
        -------
        Photo
            The same pixels.
        """
        told = self.but()
        if told.aperture is None and told.blur is None:
            told = replace(told, blur=f"{100 * DEFAULT_BLUR:g}%")
        if told.sharp_range is None:
            told = replace(told, sharp_range=DEFAULT_SHARP_RANGE if told.aperture is None else 0.0)
        if told.focus_at is not None:
            x, y = parse_point(told.focus_at, photo.width, photo.height).point
            told = replace(told, focus="auto", focus_at=f"{100 * x:.7g}%,{100 * y:.7g}%")
        if told.model is not None:
            told = replace(told, model=re.split(r"[/\\]", told.model.rstrip("/\\"))[-1])
        if depth.source in ("file", "array"):
            told = replace(told, source="file", model=None, flip=None)
        told = replace(told, depth_origin=f"{depth.source}: {depth.detail}" if depth.detail else depth.source)
        values = {_xmp_name(name): str(value) for name, value in told.to_dict().items()}
        packet = xmp.with_properties(photo.metadata.xmp, xmp.RECIPE, "dofsim", values)
        return replace(photo, metadata=replace(photo.metadata, xmp=packet))

    def to_dict(self) -> dict[str, Any]:
        """The recipe as text, numbers and booleans, with the version of its format; what is not said is left out."""
        said = {field.name: getattr(self, field.name) for field in fields(self)}
        return {"format": FORMAT} | {name: value for name, value in said.items() if value not in (None, "")}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Recipe:
        """Read what :meth:`to_dict` gives, of this format or an older one.

        Parameters
        ----------
        values : dict
            What is missing takes its default.

        Returns
        -------
        Recipe

        Raises
        ------
        ParameterError
            If the format is newer than this dofsim, a field is unknown, or a value cannot be.
        """
        check_format(values.get("format", FORMAT), FORMAT, "the recipe", ParameterError, values.get("version"))
        said = {name: value for name, value in values.items() if name != "format"}
        _check(said)
        return cls(**said)

    def options(self) -> list[str]:
        """The options of ``dofsim render`` that say the same, without those that are at their defaults."""
        default, options = Recipe(), []
        for name, value in self.to_dict().items():
            if name == "format" or name in _UNSAID or value == getattr(default, name) or value == "file":
                continue
            option = name.replace("_", "-")
            if isinstance(value, bool):
                options.append(f"--{option}" if value else f"--no-{option}")
            else:
                options.extend((f"--{option}", f"{value:g}" if isinstance(value, float) else str(value)))
        return options


def recipe_of(photo: Photo) -> Recipe | None:
    """The recipe that a photo carries in its XMP.

    Parameters
    ----------
    photo : Photo
        From :func:`dofsim.read_photo`.

    Returns
    -------
    Recipe or None
        None if it carries none, as photos of a camera do.

    Raises
    ------
    ParameterError
        If the recipe is damaged, or newer than this dofsim.
    """
    packet = photo.metadata.xmp
    if packet is None or xmp.RECIPE.encode() not in packet:
        return None
    try:
        stated = xmp.properties(packet, xmp.RECIPE)
    except Exception as error:
        raise ParameterError("the XMP packet that holds the recipe is damaged") from error
    return Recipe.from_dict({name: _value(name, text) for name, text in _field_names(stated).items()})


def read_recipe(path: str | os.PathLike[str]) -> Recipe:
    """The recipe of a result of dofsim.

    Parameters
    ----------
    path : path
        A file that dofsim wrote.

    Returns
    -------
    Recipe

    Raises
    ------
    PhotoError
        If the file cannot be read.
    ParameterError
        If it carries no recipe, or one that is damaged or newer than this dofsim.
    """
    from dofsim.photo import read_photo

    try:
        recipe = recipe_of(read_photo(path))
    except ParameterError as error:
        raise ParameterError(f"{os.fspath(path)}: {error}") from error
    if recipe is None:
        raise ParameterError(f"{os.fspath(path)} carries no recipe (--like); give a picture that `dofsim render` wrote")
    return recipe


def recipe_of_arguments(
    focus: float | str | Focus,
    focus_at: str | tuple[float, float] | None,
    blur: float | str | None,
    shape: Aperture | None,
    **rest: Any,
) -> Recipe:
    """The recipe of a call of :meth:`dofsim.Scene.render`, whose arguments may be numbers.

    Parameters
    ----------
    focus, focus_at, blur, shape, **rest
        As there.

    Returns
    -------
    Recipe
    """
    shape = shape or Aperture()
    wish = parse_focus(focus)
    if wish.kind == "point" and focus_at is None:
        focus_at = ",".join(f"{100 * share:.7g}%" for share in wish.point)
    if isinstance(focus_at, tuple):
        focus_at = ",".join(str(part) for part in focus_at)
    texts = {"auto": "auto", "normalised": f"{wish.value:.9g}", "metres": f"{wish.value:.9g}m", "point": "auto"}
    return Recipe(
        focus=texts[wish.kind],
        focus_at=focus_at,
        blur=blur if blur is None or isinstance(blur, str) else f"{100 * blur:.9g}%",
        blades=int(shape.blades),
        rotation=float(shape.rotation),
        roundness=float(shape.roundness),
        squeeze=float(shape.squeeze),
        donut=float(shape.obstruction),
        bubble=float(shape.bubble),
        cats_eye=float(shape.cats_eye),
        fringing=float(shape.fringing),
        **rest,
    )


def _check(values: dict[str, Any]) -> None:
    """Refuse unknown fields and values of another type."""
    known = {field.name: field.default for field in fields(Recipe)}
    for name, value in values.items():
        if name not in known:
            raise ParameterError(f"a recipe has no field {name!r}; its fields are {', '.join(known)}")
        if value is None and known[name] is None:
            continue
        if name in _TEXTS:
            fits = isinstance(value, str) and (value != "" or name == "depth_origin")
        elif name in _SWITCHES:
            fits = isinstance(value, bool)
        else:
            kinds = int if name in _WHOLES else (int, float)
            fits = isinstance(value, kinds) and not isinstance(value, bool) and -_LARGEST < value < _LARGEST
        if not fits:
            raise ParameterError(f"the recipe's {name} cannot be {reprlib.repr(value)}")


def _xmp_name(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _field_names(stated: dict[str, str]) -> dict[str, str]:
    names = {_xmp_name(name): name for name in ("format", *(field.name for field in fields(Recipe)))}
    return {names.get(name, name): text for name, text in stated.items()}


def _value(name: str, text: str) -> Any:
    if name in _TEXTS:
        return text
    try:
        return json.loads(text.lower())  # XMP writes True and False
    except (ValueError, RecursionError):
        return text
