"""Measure ``dofsim video``: frames/s, processor time and memory, where the time goes, and whether memory grows.

    python benchmarks/video.py --json results/video.json       # 1920 x 1080, with one thread and with all cores
    python benchmarks/video.py --lengths 60,240,960            # the peak of memory of longer and longer clips

The clip is made here: a camera moves through a ray-cast portrait scene (``flicker.py``), enlarged, with noise of its
own in every frame, so that depth, edges and the encoder have what they have in a real one. Each turn is a process of
its own, after one that compiles; turns with different threads alternate, and the median counts. ``frames_per_s`` is
what ``dofsim video`` tells, its first frame included; figures per further frame are the difference between the clip and
its first few frames. Memory is read from /proc (Linux).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from flicker import make_clip

from dofsim.threads import count_threads

RATE = 30
FEW = 4
NOISE = 2.0
"""Of the frames, standard deviation in codes of 8 bits."""
RAY_CAST_ROWS = 270


def write_clip(path: Path, frames: int, width: int, height: int) -> None:
    """Write a clip; a camera that has come to its end goes back."""
    scene, _, _ = make_clip("portrait", 0, min(frames, 48), (RAY_CAST_ROWS, round(RAY_CAST_ROWS * width / height)))
    there_and_back = [*scene, *scene[-2:0:-1]]
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=RATE, options={"crf": "16", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(frames):
            small = there_and_back[index % len(there_and_back)]
            large = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)
            large += NOISE * rng.standard_normal((height, width, 1), np.float32)
            frame = av.VideoFrame.from_ndarray(np.clip(large, 0, 255).astype(np.uint8), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def run(clip: Path, out: Path, threads: int) -> dict[str, float]:
    """Run ``dofsim video`` once."""
    command = [sys.executable, "-m", "dofsim", "video", str(clip), "-o", str(out), "--focus", "0.9", "--overwrite"]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "DOFSIM_THREADS": str(threads)}
    begun = time.perf_counter()
    peak = 0.0
    with (
        tempfile.TemporaryFile("w+") as messages,
        subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=messages) as process,
    ):
        while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
            peak = max(peak, peak_mb(process.pid))
            time.sleep(0.02)
        process.returncode = os.waitstatus_to_exitcode(ended[1])
        messages.seek(0)
        told = messages.read()
    seconds, used = time.perf_counter() - begun, ended[2]
    found = re.search(r"(\d+) frames of \d+x\d+ in ([0-9.]+) s", told)
    if process.returncode or not found:
        sys.exit(told)
    return {
        "seconds": seconds,
        "frames_per_s": int(found[1]) / float(found[2]),
        "processor_s": used.ru_utime + used.ru_stime,
        "peak_mb": peak,
    }


def peak_mb(pid: int) -> float:
    """Most memory that a process has held; 0 if it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return 0.0


def medians(turns: list[dict[str, float]]) -> dict[str, float]:
    """Of each figure."""
    return {name: round(statistics.median(turn[name] for turn in turns), 3) for name in turns[0]}


def stages(clip: Path, threads: int) -> dict[str, float]:
    """Seconds per frame that each step takes, one after the other in this process, without the first frame."""
    from dofsim.depth.estimate import estimate
    from dofsim.film.clip import Clip
    from dofsim.film.encode import Encoder
    from dofsim.film.follow import Follower
    from dofsim.film.look import Look
    from dofsim.film.steady import Stabiliser
    from dofsim.photo import Photo
    from dofsim.preparation import prepare

    took: dict[str, list[float]] = {}
    last = 0.0

    def lap(name: str) -> None:
        nonlocal last
        now = time.perf_counter()
        took.setdefault(name, []).append(now - last)
        last = now

    stabiliser, look, follower = Stabiliser(), Look(focus=0.9), None
    with Clip(clip) as source:
        encoder = Encoder(source, 18)
        last = time.perf_counter()
        for moment in source.moments():
            lap("decode")
            photo = Photo(moment.pixels)
            follower = follower or Follower(look.focus, None, photo.width, photo.height)
            depth = estimate(photo.pixels, threads=threads).inverse()
            lap("network")
            steady = stabiliser.step(moment.pixels, depth)
            plane = follower.step(steady, moment.seconds)
            lap("steady")
            scene = prepare(photo, depth=steady.depth)
            lap("refine")
            setting = look.setting(plane, depth.kind, scene.diagonal_px)
            result = scene.render_setting(setting, grain=False, threads=threads)
            lap("render")
            encoder.encode(moment, result.pixels)
            lap("encode")
        encoder.finish()
    return {name: round(statistics.median(times[1:]), 4) for name, times in took.items()}


def measure(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Turns with one thread and with all cores, one after the other, and the steps."""
    clip, few, out = (folder / name for name in ("clip.mp4", "few.mp4", "out.mp4"))
    write_clip(clip, arguments.frames, arguments.width, arguments.height)
    write_clip(few, FEW, arguments.width, arguments.height)
    threads = sorted({1, count_threads()})
    run(few, out, threads[-1])
    turns: dict[int, list[dict[str, float]]] = {number: [] for number in threads}
    for _ in range(arguments.repeats):
        for number in threads:
            begun, whole = run(few, out, number), run(clip, out, number)
            further = arguments.frames - FEW
            whole["further_frames_per_s"] = further / (whole["seconds"] - begun["seconds"])
            whole["processor_s_per_further_frame"] = (whole["processor_s"] - begun["processor_s"]) / further
            turns[number].append(whole)
    return {
        "frames": arguments.frames,
        "size": [arguments.width, arguments.height],
        "repeats": arguments.repeats,
        "threads": {str(number): medians(turns[number]) for number in threads},
        "stages_s": {str(number): stages(clip, number) for number in threads},
    }


def measure_lengths(folder: Path, lengths: list[int]) -> dict[str, Any]:
    """Peak of memory by the number of frames, 320 x 180."""
    figures = {}
    for frames in lengths:
        write_clip(folder / "clip.mp4", frames, 320, 180)
        figures[str(frames)] = {
            name: round(value, 3) for name, value in run(folder / "clip.mp4", folder / "out.mp4", 1).items()
        }
    return {"size": [320, 180], "by_frames": figures}


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--width", type=int, default=1920)
    parser.add_argument("--height", type=int, default=1080)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--lengths", metavar="N,N", help="memory of small clips of so many frames instead")
    parser.add_argument("--json", type=Path, help="also write the figures there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dofsim-video-") as name:
        if arguments.lengths:
            figures = measure_lengths(Path(name), [int(part) for part in arguments.lengths.split(",")])
        else:
            figures = measure(Path(name), arguments)
    text = json.dumps(figures, indent=2)
    if arguments.json:
        arguments.json.write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
