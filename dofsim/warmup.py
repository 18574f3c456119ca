"""Make the first photo as fast as the next ones: compile every kernel that a photo can need, and keep it on disk."""

from __future__ import annotations

import importlib
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KERNELS = {
    "dofsim._grain.add_codes": 1,
    "dofsim.bokeh._alone.find_alone": 1,
    "dofsim.bokeh._coarse.coarse_layer": 2,
    "dofsim.bokeh._coarse.draw_sources": 2,
    "dofsim.bokeh._composite.cascade_rows": 1,
    "dofsim.bokeh._edges.find_edges": 1,
    "dofsim.bokeh._edges.sweep": 1,
    "dofsim.bokeh._enlarge.enlarge_runs": 1,
    "dofsim.bokeh._fill.fill": 1,
    "dofsim.bokeh._fill.find_slopes": 1,
    "dofsim.bokeh._fine.fine_block": 2,
    "dofsim.bokeh._gather.gather_runs": 2,
    "dofsim.bokeh._hidden.extend": 1,
    "dofsim.bokeh._join.add_lights": 1,
    "dofsim.bokeh._join.join_tiles": 1,
    "dofsim.bokeh._mixed.unmix": 1,
    "dofsim.bokeh._rays.ray_tiles": 1,
    "dofsim.bokeh._survey.survey_rows": 1,
    "dofsim.depth._kernels.settle_pixels": 1,
    "dofsim.photo._kernels.encode": 2,
}
"""Every function between reading and writing a photo that Numba compiles and keeps on disk.

The number says for how many types of its arguments: discs and other apertures, photos of 8 and of 16 bits.
"""

NEEDED = sum(KERNELS.values())
"""How many compiled kernels there are when all is warm."""


@dataclass(frozen=True)
class Warmth:
    """How warming up went.

    Attributes
    ----------
    seconds : float
        That it took.
    compiled : int
        Kernels that were compiled, once for each type of their arguments.
    loaded : int
        Those that came from the cache on disk.
    folders : tuple of pathlib.Path
        Where they are kept.
    """

    seconds: float
    compiled: int
    loaded: int
    folders: tuple[Path, ...]


def warm_up(on_step: Callable[[str], None] = lambda _: None) -> Warmth:
    """Compile every kernel that a photo can need, for 8 and 16 bits, apertures of any shape, and both qualities.

    Two processes share the work, since Numba compiles under one lock per process. What is in the cache already is only
    loaded, so that doing it again costs little.

    Parameters
    ----------
    on_step : callable
        Told the name of each of the :data:`STEPS`.

    Returns
    -------
    Warmth

    Raises
    ------
    DofsimError
        If a small rendering at the end does not give the picture that it should.
    """
    from dofsim.bokeh import warmup
    from dofsim.bokeh.aperture import Aperture
    from dofsim.selftest import self_test

    start = time.perf_counter()
    before = _misses()
    if count_kept() < NEEDED:
        on_step(STEPS[0])
        compile_discs()
        on_step(STEPS[1])
        with second_process("shape") as wait:
            warmup.compile_first_half_of_shapes()
            wait()
    on_step(STEPS[2])
    _settle()
    compile_last_steps()
    for bits in (8, 16):
        for shape in (None, Aperture(blades=6)):
            self_test(bits, shape=shape)
    self_test(quality="best")
    _light_beside_an_edge()
    dispatchers = [dispatcher(name) for name in KERNELS]
    signatures = sum(len(dispatcher.signatures) for dispatcher in dispatchers)
    # What the second process compiled, this one has only loaded.
    compiled = _misses() - before
    return Warmth(time.perf_counter() - start, compiled, signatures - compiled, kept_in())


def compile_discs() -> None:
    """Compile, or load, what a photo of 8 bits needs that is blurred with a disc, in two processes."""
    from dofsim.bokeh.warmup import compile_first_half

    with second_process("disc") as wait:
        compile_first_half()
        compile_last_steps()
        wait()


STEPS = ("compiling the kernels of discs", "compiling the kernels of other apertures", "trying them")


def kept_in() -> tuple[Path, ...]:
    """Folders in which Numba keeps the kernels, sorted.

    Raises
    ------
    RuntimeError
        By Numba, if there is no folder that it may write to.
    """
    return tuple(sorted({Path(dispatcher(name).stats.cache_path) for name in KERNELS}))


def count_kept() -> int:
    """How many compiled kernels the cache on disk holds for this interpreter, as far as the names of its files tell.

    Returns
    -------
    int
        0..:data:`NEEDED`.
    """
    version = f"py{sys.version_info.major}{sys.version_info.minor}"
    kept = 0
    for name, types in KERNELS.items():
        module, function = name.rsplit(".", 1)
        pattern = f"{module.rsplit('.', 1)[1]}.{function}-*.{version}.*.nbc"
        kept += min(types, len(list(Path(dispatcher(name).stats.cache_path).glob(pattern))))
    return kept


def dispatcher(name: str) -> Any:
    """The compiled function of one of the :data:`KERNELS`."""
    module, function = name.rsplit(".", 1)
    return getattr(importlib.import_module(module), function)


def _misses() -> int:
    return sum(sum(dispatcher(name).stats.cache_misses.values()) for name in KERNELS)


@contextmanager
def second_process(half: Literal["disc", "shape"]) -> Iterator[Callable[[], None]]:
    """Compile the second half of the renderer's kernels in another process while the block runs.

    Whatever goes wrong there only costs time: its kernels are then compiled when they are needed.

    Parameters
    ----------
    half : {"disc", "shape"}
        See :mod:`dofsim.bokeh.warmup`.

    Yields
    ------
    callable
        Waits for the process.
    """
    with subprocess.Popen(  # noqa: S603 - this very program
        [sys.executable, "-m", "dofsim.bokeh.warmup", half],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:

        def wait() -> None:
            process.wait()

        try:
            yield wait
        finally:
            process.kill()


def compile_last_steps() -> None:
    """Compile, or load, the kernels that add grain and encode the result, for photos of 8 bits."""
    import numpy as np

    from dofsim.grain import add_grain, estimate_grain
    from dofsim.photo.colour import ColourProfile

    codes, profile = np.zeros((2, 2, 3), np.uint8), ColourProfile()
    light = profile.to_linear(codes)
    add_grain(light, np.ones((2, 2), np.float32), estimate_grain(codes), profile)
    profile.from_linear(light, like=codes)


def _settle() -> None:
    """Compile, or load, the kernel that gives a small depth map the edges of its photo."""
    import numpy as np

    from dofsim.depth import DepthKind, DepthMap
    from dofsim.depth.refine import refine

    pixels = np.zeros((96, 128, 3), np.uint8)
    inverse = np.ones((24, 32), np.float32)
    pixels[:, 64:], inverse[:, 16:] = 255, 2.0
    refine(DepthMap(inverse, DepthKind.INVERSE), pixels)


def _light_beside_an_edge() -> None:
    """Compile, or load, the kernel that draws lights of best quality; no photo without very bright ones needs it."""
    import numpy as np

    from dofsim.bokeh import render

    light, coc = np.zeros((96, 160, 3), np.float32), np.zeros((96, 160), np.float32)
    light[48, 90], coc[:, 80:] = 100.0, 12.0
    render(light, coc, threads=1, quality="best")
