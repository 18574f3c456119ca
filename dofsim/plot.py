"""Figures of a scene: the photo, its depth, the circle of confusion, and what is in focus."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from dofsim.depth.depth_map import DepthKind
from dofsim.errors import MissingExtraError
from dofsim.thumbnail import shrink

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dofsim.focus import Focus
    from dofsim.scene import Scene

_LONGEST_SIDE = 900


def plot_scene(
    scene: Scene,
    focus: float | str | Focus = "auto",
    *,
    focus_at: str | tuple[float, float] | None = None,
    aperture: float | None = None,
    focal_length: float | None = None,
    blur: float | str | None = None,
    sharp_range: float | None = None,
) -> Figure:
    """Draw a scene; see :meth:`dofsim.Scene.plot`."""
    lens: dict[str, Any] = {
        "focus_at": focus_at, "aperture": aperture, "focal_length": focal_length, "blur": blur,
        "sharp_range": sharp_range,
    }  # fmt: skip
    setting = scene.setting(focus, **lens)
    coc, plane = setting.coc(scene.depth), setting.focus
    overlay = scene.preview_focus(focus, **lens, longest_side=_LONGEST_SIDE)
    photo = scene.photo.thumbnail(_LONGEST_SIDE)

    height, width = photo.pixels.shape[:2]
    figure: Figure = _figure_class()(figsize=(11.0, max(4.0, 9.6 * height / width)), layout="constrained")
    (on_photo, on_depth), (on_coc, on_overlay) = figure.subplots(2, 2)
    on_photo.imshow(photo.display_pixels())
    on_photo.set_title(f"photo, {scene.photo.width} x {scene.photo.height}")

    depth = scene.depth
    metric = depth.kind is DepthKind.METRIC
    values = shrink(depth.values, _LONGEST_SIDE, mean=False)
    known = values[np.isfinite(values)]
    shown = on_depth.imshow(
        np.where(np.isfinite(values), values, np.nan), cmap="turbo_r" if metric else "turbo",
        vmin=known.min() if known.size else 0, vmax=known.max() if known.size else 1,
    )  # fmt: skip
    bar = figure.colorbar(shown, ax=on_depth, label=f"{'depth' if metric else 'inverse depth'}, {depth.unit}")
    focused = 1 / plane if metric and plane > 0 else plane
    bar.ax.axhline(focused, color="white", linewidth=3)
    bar.ax.axhline(focused, color="black", linewidth=1)
    on_depth.set_title(f"depth from {_origin(depth.source)} (red is near)")

    largest = max(float(np.abs(coc).max()), 1e-6)
    shown = on_coc.imshow(shrink(coc, _LONGEST_SIDE, mean=False), cmap="RdBu", vmin=-largest, vmax=largest)
    figure.colorbar(shown, ax=on_coc, label="radius of the circle of confusion, px\nbelow 0: in front, above: behind")
    on_coc.set_title(f"circle of confusion, up to {largest:.3g} px")

    on_overlay.imshow(overlay.display_pixels())
    place = _describe_focus(scene, plane)
    on_overlay.set_title(f"in focus: {place}; in front warm, behind cool")
    for axes in (on_photo, on_depth, on_coc, on_overlay):
        axes.set_xticks([])
        axes.set_yticks([])
    return figure


def _origin(source: str) -> str:
    return {"photo": "the photo's file", "file": "a file", "estimator": "the estimator"}.get(source, "an array")


def _describe_focus(scene: Scene, plane: float) -> str:
    if scene.depth.is_metric:
        return "infinity" if plane <= 0 else f"{1 / plane:.3g} m"
    far, near = scene.depth.range()
    return f"{(plane - far) / (near - far):.2f} of 0..1" if near > far else "everything"


@cache
def _figure_class() -> type[Figure]:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("plotting takes matplotlib; install it with: pip install 'dofsim[plot]'") from None

    class SceneFigure(Figure):
        """A figure that a notebook shows without pyplot, once."""

        def _repr_png_(self) -> bytes:
            import io

            stream = io.BytesIO()
            self.savefig(stream, format="png", dpi=80)
            return stream.getvalue()

    return SceneFigure
