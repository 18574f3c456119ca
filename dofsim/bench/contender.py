"""Who takes part in ``dofsim bench blur``: our renderer in several roles, and what every machine can run beside it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dofsim.bench.scene import BenchScene

OURS = "dofsim"
JPEG = "JPEG decode + encode, q92"
LAYERS = 32

Prepare = Callable[[BenchScene, float], Callable[[], object]]


@dataclass(frozen=True)
class Contender:
    """Somebody who blurs.

    Attributes
    ----------
    name : str
        As in the table.
    prepare : callable
        ``prepare(scene, max_radius_px)`` returns the work to be timed, without arguments.
    is_cropped : bool
        Too slow for the whole picture: timed on a small version of the scene with the same radii, and scaled by the
        number of pixels. Near the borders, which are most of a small picture, discs reach less; so this errs in
        favour of contenders whose cost grows with the area.
    overhead : callable, optional
        Like ``prepare``, for a work that does all but the blur (starts a program, reads and writes the files): timed
        in turns with the rest, and its median is subtracted.
    """

    name: str
    prepare: Prepare
    is_cropped: bool = False
    overhead: Prepare | None = None


@dataclass(frozen=True)
class Role:
    """Our renderer with so many threads and such depth.

    Attributes
    ----------
    threads : int
        Threads, >= 1.
    noise : float
        Standard deviation of white noise on the depth, as a share of its range; infinity: nothing but noise.
    """

    threads: int = 1
    noise: float = 0.0

    @property
    def name(self) -> str:
        """As in the table, without the number of threads."""
        if not self.noise:
            return OURS
        return f"{OURS}, depth of white noise" if np.isinf(self.noise) else f"{OURS}, depth with {self.noise:.0%} noise"

    def prepare(self, scene: BenchScene, max_radius_px: float) -> Callable[[], object]:
        """The work: one call of the renderer."""
        from dofsim.bokeh import render

        linear, coc = scene.linear, scene.noisy(self.noise).coc(max_radius_px)
        return lambda: render(linear, coc, threads=self.threads)


def more_name(threads: int) -> str:
    """Our renderer's name when it has other threads than the plan says."""
    return f"{OURS}, {threads} threads"


def our_roles(threads: int, more_threads: int | None = None) -> dict[str, Role]:
    """Clean depth, depth with 1 %, 5 % and nothing but noise, clean depth with ``more_threads`` if given; by name."""
    roles = [Role(threads), *(Role(threads, noise) for noise in (0.01, 0.05, np.inf))]
    named = {role.name: role for role in roles}
    if more_threads is not None and more_threads != threads:
        named[more_name(more_threads)] = Role(more_threads)
    return named


def contenders(threads: int, more_threads: int | None = None) -> list[Contender]:
    """Everybody who needs no program beside dofsim's own libraries; the first is our renderer.

    Parameters
    ----------
    threads : int
        Threads of our renderer; the baselines have one.
    more_threads : int, optional
        Let our renderer also run with so many.
    """
    ours = [Contender(name, role.prepare) for name, role in our_roles(threads, more_threads).items()]
    return [
        *ours,
        Contender(JPEG, jpeg_round_trip),
        Contender("naive gather, compiled", compiled_gather),
        Contender("the report's Python loop", python_loop, is_cropped=True),
        Contender(f"OpenCV, {LAYERS} layers of filter2D", opencv_layers),
    ]


def jpeg_round_trip(scene: BenchScene, _: float) -> Callable[[], object]:
    """Decode the photo and encode it again: what every editor has to do anyway."""
    from PIL import Image

    def encode(image: Image.Image) -> bytes:
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=92)
        return stream.getvalue()

    data = encode(Image.fromarray(scene.rgb))

    def work() -> bytes:
        limit = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = None  # the picture is ours, however large
        try:
            return encode(Image.open(io.BytesIO(data)))
        finally:
            Image.MAX_IMAGE_PIXELS = limit

    return work


def compiled_gather(scene: BenchScene, radius: float) -> Callable[[], object]:
    """:func:`dofsim.bokeh.naive_loop.compiled_gather`."""
    from dofsim.bokeh.naive_loop import compiled_gather as compiled

    gather = compiled()
    rgb, radii = scene.rgb.astype(np.float32), np.abs(scene.coc(radius))
    out = np.empty_like(rgb)
    return lambda: gather(rgb, radii, out)


def python_loop(scene: BenchScene, radius: float) -> Callable[[], object]:
    """:func:`dofsim.bokeh.naive_loop.blur_loop`."""
    from dofsim.bokeh.naive_loop import blur_loop

    radii = np.abs(scene.coc(radius))
    return lambda: blur_loop(scene.rgb, radii)


def opencv_layers(scene: BenchScene, max_radius_px: float) -> Callable[[], object]:
    """The usual recipe: cut the depth into layers, ``filter2D`` each with its disc, lay them over each other."""
    import cv2

    linear, coc = scene.linear, scene.coc(max_radius_px)
    edges = np.linspace(coc.max(), coc.min(), LAYERS + 1, dtype=np.float32)

    def work() -> npt.NDArray[np.float32]:
        before = cv2.getNumThreads()
        cv2.setNumThreads(1)
        out = np.zeros_like(linear)
        index = np.clip(np.searchsorted(-edges, -coc, side="right") - 1, 0, LAYERS - 1)
        for layer in range(LAYERS):
            alpha = (index == layer).astype(np.float32)
            colour = linear * alpha[..., None]
            radius = abs(float(edges[layer] + edges[layer + 1]) / 2)
            if radius >= 0.5:
                kernel = disc_kernel(radius)
                alpha = cv2.filter2D(alpha, -1, kernel, borderType=cv2.BORDER_REFLECT)
                colour = cv2.filter2D(colour, -1, kernel, borderType=cv2.BORDER_REFLECT)
            out *= (1 - alpha)[..., None]
            out += colour
        cv2.setNumThreads(before)
        return out

    return work


def disc_kernel(radius_px: float) -> npt.NDArray[np.float32]:
    """Normalised disc with a one-pixel soft rim, float32 (2r + 1, 2r + 1), r = ceil(radius_px)."""
    reach = int(np.ceil(radius_px))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = np.clip(radius_px + 0.5 - np.hypot(x, y), 0.0, 1.0).astype(np.float32)
    return disc / disc.sum()
