"""Render in several threads while others in the process use Numba's own threads, and in a fork of that.

``NUMBA_THREADING_LAYER=omp python -m tests.soak.layers`` from a clone, with ``workqueue``, ``omp`` or ``tbb`` (which
comes with ``pip install tbb``, and is found with ``LD_LIBRARY_PATH`` set to the environment's ``lib``). Prints which
layer was at work, whether every picture was the one of a quiet process, and whether dofsim alone had started the layer,
which it must not: ``workqueue`` aborts a process in which two threads enter it.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit, prange, threading_layer
from numba.np.ufunc import parallel

import dofsim

BLURS = ("1px", "4px", "5%")


@njit(parallel=True, cache=True)
def doubled(values):  # type: ignore[no-untyped-def]
    """What somebody else computes with Numba's threads."""
    out = np.empty_like(values)
    for place in prange(values.size):
        out[place] = 2 * values[place]
    return out


def render(blur: str) -> bytes:
    """A rendering in two threads of our own."""
    pixels = np.random.default_rng(0).integers(0, 256, (96, 128, 3)).astype(np.uint8)
    depth = dofsim.DepthMap(np.tile(np.linspace(0, 1, 128, dtype=np.float32), (96, 1)), dofsim.DepthKind.RELATIVE)
    return dofsim.prepare(dofsim.Photo.from_array(pixels), depth=depth).render(blur=blur, threads=2).pixels.tobytes()


def main() -> int:
    """Run the program."""
    expected = [render(blur) for blur in BLURS]
    started = bool(parallel._is_initialized)
    values = np.arange(10_000, dtype=np.float64)
    try:
        doubled(values)
    except ValueError as error:  # Numba names what it lacks
        print(json.dumps({"missing": str(error)}))
        return 0
    ended, wrong = threading.Event(), []

    def somebody_else() -> None:
        while not ended.is_set():
            if not np.array_equal(doubled(values), 2 * values):
                wrong.append("doubled")

    other = threading.Thread(target=somebody_else)
    other.start()
    with ThreadPoolExecutor(3) as pool:
        same = list(pool.map(render, BLURS * 3)) == expected * 3
    ended.set()
    other.join()
    figures = {"layer": threading_layer(), "started by dofsim": started, "same": same and not wrong}
    if hasattr(os, "fork"):
        child = os.fork()
        if child == 0:
            os._exit(0 if render(BLURS[1]) == expected[1] else 1)
        figures["same in a fork"] = os.waitpid(child, 0)[1] == 0
    print(json.dumps(figures))
    return 0 if figures["same"] and figures.get("same in a fork", True) and not started else 1


if __name__ == "__main__":
    sys.exit(main())
