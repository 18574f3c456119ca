"""A clip that was stopped goes on to the same clip, and leaves nothing beside it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dofsim.errors import OutputError, ParameterError
from dofsim.film import refocus
from dofsim.film.look import Look
from dofsim.film.parts import folder_of_parts
from dofsim.film.refocus import refocus_clip
from tests.film.clips import picture, quick_depth, write_clip

pytest.importorskip("av", reason="PyAV is not installed (pip install 'dofsim[video]')")

FRAMES, PART, CUT = 11, 3, 8
LOOK = Look(focus_at="25%,50%", blur="4px")


def frame(index: int) -> np.ndarray:
    """A moving square, and another scene from the cut on; x264 varies by itself where pictures are narrower."""
    large = picture(index).repeat(4, axis=0).repeat(4, axis=1)
    return large if index < CUT else 255 - large[::-1]


@pytest.fixture(scope="module", autouse=True)
def _quick() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dofsim.depth.estimate.estimate", quick_depth)
        yield


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    """Frames at uneven times, with a cut to another scene."""
    frames = [frame(index) for index in range(FRAMES)]
    times = tuple(np.cumsum([0, 1000, 1000, 300, 2000, 1000, 1000, 500, 1000, 4000, 1000]).tolist())
    return write_clip(tmp_path_factory.mktemp("clip") / "in.mp4", frames=frames, times=times)


@pytest.fixture(scope="module")
def whole(clip) -> bytes:
    """The result of a run that was never stopped."""
    out = clip.with_name("whole.mp4")
    summary = refocus_clip(clip, out, LOOK, part_frames=PART)
    assert (summary.frames, summary.made, summary.cuts) == (FRAMES, FRAMES, 1)
    assert any("--focus-at" in note for note in summary.notes)
    assert sorted(path.name for path in clip.parent.iterdir()) == ["in.mp4", "whole.mp4"]
    return out.read_bytes()


def stopped(clip: Path, out: Path, at: int, *, resume: bool = False) -> None:
    def stop(index: int) -> None:
        if index == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        refocus_clip(clip, out, LOOK, part_frames=PART, on_frame=stop, resume=resume)
    assert not out.exists()


def test_stopped_twice_and_gone_on_with(clip, whole, tmp_path) -> None:
    out = tmp_path / "out.mp4"
    stopped(clip, out, 2)
    assert not list(tmp_path.iterdir())
    stopped(clip, out, 4)
    assert [path.name for path in folder_of_parts(out).iterdir()] == ["000000.npz"]
    with pytest.raises(ParameterError, match="--resume"):
        refocus_clip(clip, out, LOOK, part_frames=PART)
    with pytest.raises(ParameterError, match="--overwrite"):
        refocus_clip(clip, out, Look(blur="5px"), part_frames=PART, resume=True)
    stopped(clip, out, 9, resume=True)
    # What is damaged is made anew, with what comes after it.
    (folder_of_parts(out) / "000001.npz").write_bytes(b"damaged")
    told: list[tuple[int | None, int]] = []
    summary = refocus_clip(
        clip, out, LOOK, part_frames=PART, resume=True, on_start=lambda *numbers: told.append(numbers)
    )
    assert told == [(FRAMES, PART)]
    assert (summary.frames, summary.made, summary.cuts) == (FRAMES, FRAMES - PART, 1)
    assert any("--focus-at" in note for note in summary.notes)
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
    assert out.read_bytes() == whole


def test_joining_that_failed_is_done_again_and_overwrite_starts_anew(clip, whole, tmp_path, monkeypatch) -> None:
    out = tmp_path / "out.mp4"

    def full(*_: object, **__: object) -> None:
        raise OutputError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(refocus, "join", full)
        with pytest.raises(OutputError):
            refocus_clip(clip, out, LOOK, part_frames=PART)
    summary = refocus_clip(clip, out, LOOK, part_frames=PART, resume=True)
    assert (summary.frames, summary.made) == (FRAMES, 0)
    assert out.read_bytes() == whole
    out.unlink()
    stopped(clip, out, 4)
    assert refocus_clip(clip, out, LOOK, part_frames=PART, overwrite=True).made == FRAMES
    assert out.read_bytes() == whole
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_killed_and_gone_on_with(clip, whole, tmp_path) -> None:
    out = tmp_path / "out.mp4"
    program = (
        "import sys, dofsim.depth.estimate; from tests.film.test_resume import *; "
        "dofsim.depth.estimate.estimate = quick_depth; refocus_clip(*sys.argv[1:], LOOK, part_frames=PART)"
    )
    command = [sys.executable, "-W", "ignore", "-c", program, str(clip), str(out)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2]) as process:
        deadline = time.monotonic() + 120
        while not (folder_of_parts(out) / "000000.npz").exists() and time.monotonic() < deadline:
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    assert not out.exists()
    assert refocus_clip(clip, out, LOOK, part_frames=PART, resume=True).made <= FRAMES - PART
    assert out.read_bytes() == whole
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
