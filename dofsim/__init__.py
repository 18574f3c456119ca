"""dofsim gives a phone photo the shallow depth of field of a fast lens.

    photo -> depth -> lens (signed circle of confusion, px) -> renderer -> photo

>>> import dofsim                                              # doctest: +SKIP
>>> scene = dofsim.prepare(dofsim.read_photo("photo.heic"))    # doctest: +SKIP
>>> scene.render(focus=0.7, blur="2.5%").save("out.jpg")       # doctest: +SKIP

Names are loaded on first use, so that ``import dofsim`` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "DepthKind": "dofsim.depth",
    "DepthMap": "dofsim.depth",
    "Focus": "dofsim.focus",
    "Photo": "dofsim.photo",
    "Recipe": "dofsim.recipe",
    "Scene": "dofsim.scene",
    "prepare": "dofsim.preparation",
    "read_depth": "dofsim.depth.files",
    "read_photo": "dofsim.photo",
    "read_recipe": "dofsim.recipe",
    "write_depth": "dofsim.depth.files",
}
_MODULES = ("bokeh", "depth", "errors", "focus", "lens", "photo", "recipe", "scene")

__all__ = ["__version__", *sorted(_HOME), *_MODULES]  # noqa: PLE0604

if TYPE_CHECKING:
    from dofsim import bokeh, depth, errors, focus, lens, photo, recipe, scene
    from dofsim.depth import DepthKind, DepthMap
    from dofsim.depth.files import read_depth, write_depth
    from dofsim.focus import Focus
    from dofsim.photo import Photo, read_photo
    from dofsim.preparation import prepare
    from dofsim.recipe import Recipe, read_recipe
    from dofsim.scene import Scene


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
    elif name in _MODULES:
        value = importlib.import_module(f"dofsim.{name}")
    else:
        raise AttributeError(f"module 'dofsim' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
