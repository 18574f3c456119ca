"""Renderings side by side, in threads, event loops and processes, give what one after the other gives, to the bit."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import re
import select
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import dofsim
from dofsim.depth.estimate import estimate

ROOT = Path(__file__).resolve().parents[2]
BLURS = ("1px", "4px", "5%")


def render(blur: str) -> bytes:
    """A rendering from scratch, network included, large enough for every library's own threads."""
    pixels = np.random.default_rng(0).integers(0, 256, (240, 320, 3)).astype(np.uint8)
    scene = dofsim.prepare(dofsim.Photo.from_array(pixels), source="estimator")
    return scene.render(blur=blur, threads=2).pixels.tobytes()


@pytest.fixture(scope="module")
def serial() -> list[bytes]:
    return [render(blur) for blur in BLURS]


def test_threads(serial: list[bytes]) -> None:
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(render, BLURS * 2)) == serial * 2


def test_one_scene_shared_by_threads() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (120, 160, 3)).astype(np.uint8)
    scene = dofsim.prepare(dofsim.Photo.from_array(pixels), source="estimator")
    alone = [dofsim.Scene(scene.photo, scene.depth).render(blur=blur).pixels.tobytes() for blur in BLURS]
    with ThreadPoolExecutor(4) as pool:
        shared = pool.map(lambda blur: scene.render(blur=blur).pixels.tobytes(), BLURS)
        assert list(shared) == alone


def test_an_event_loop_with_executors(serial: list[bytes]) -> None:
    async def together() -> list[bytes]:
        return await asyncio.gather(*(asyncio.to_thread(render, blur) for blur in BLURS))

    assert asyncio.run(together()) == serial


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_process_that_is_forked_after_rendering(serial: list[bytes]) -> None:
    # Bare fork: Python's own pools warn of threads, which the parent has had by now. More sessions than are kept: one
    # that came through the fork must not be destroyed, for it would wait for its threads.
    for threads in range(1, 6):
        estimate(np.zeros((32, 32, 3), np.uint8), threads=threads)
    for blur, expected in zip(BLURS[:2], serial, strict=False):
        end, start = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(start, b"same" if render(blur) == expected else b"else")
            os._exit(0)
        os.close(start)
        with os.fdopen(end, "rb") as pipe:
            answered = select.select([pipe], [], [], 120)[0]
            if not answered:
                os.kill(child, signal.SIGKILL)
            said = pipe.read()
        status = os.waitpid(child, 0)[1]
        assert (said, status) == (b"same", 0)


def test_processes_that_are_spawned(serial: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT)  # where the new process finds this module
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        assert pool.submit(render, BLURS[1]).result(120) == serial[1]


def test_numbas_own_threads_are_never_started(serial: list[bytes]) -> None:
    # Its workqueue layer aborts the process when two threads use it at a time. Kernels here release the GIL, and the
    # threads are Python's.
    from numba.np.ufunc import parallel

    assert not parallel._is_initialized
    for folder in ("dofsim", "datasets"):
        for path in (ROOT / folder).rglob("*.py"):
            assert not re.search(r"parallel\s*=\s*True|\bprange\b", path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize("layer", ["workqueue", "omp", "tbb"])
def test_beside_numbas_own_threads(layer: str) -> None:
    environment = {**os.environ, "NUMBA_THREADING_LAYER": layer, "DOFSIM_THREADS": "2"}
    command = [sys.executable, "-m", "tests.soak.layers"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    if "missing" in found:
        pytest.skip(f"Numba has no layer {layer} here")
    assert found == {"layer": layer, "started by dofsim": False, "same": True, "same in a fork": True}


def test_soaking_changes_no_picture() -> None:
    command = [sys.executable, "-m", "tests.soak", "--renders", "12"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["different"] == 0
