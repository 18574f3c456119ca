"""Kill renderings and packings at random moments, and see that nothing is lost, half-written or left behind.

``python -m tests.kills --kills 200 --seed 1`` from a clone. Each round starts one command, sends it SIGINT, SIGTERM or
SIGKILL after a random part of the time that it takes undisturbed, and looks: the input is as it was, the output is the
old one or the new one to the byte, and the next undisturbed run ends well, with no temporary file beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from dofsim.cli.app import main as main_of_dofsim

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)


@dataclass(frozen=True)
class Job:
    """A command, the files that it reads, the one that it writes, and what says whether that is whole."""

    name: str
    arguments: tuple[str, ...]
    inputs: tuple[Path, ...]
    output: Path
    fingerprint: Callable[[Path], bytes]


def make_jobs(folder: Path) -> list[Job]:
    """A rendering beside its input, one that replaces its input, and a packing of a data set."""
    from dofsim.datasets import fabricate

    rng = np.random.default_rng(0)
    depth = folder / "depth.png"
    Image.fromarray(np.tile(np.linspace(0, 255, 128).astype(np.uint8), (96, 1))).save(depth)
    photos = [folder / name for name in ("beside.png", "replaced.png")]
    for photo in photos:
        Image.fromarray(rng.integers(0, 256, (96, 128, 3)).astype(np.uint8)).save(photo)
    render = ("render", "--depth", str(depth), "--blur", "5%", "--overwrite", "--quiet")
    nyu = fabricate.write_nyu_png(folder / "nyu", scenes={"kitchen_0001a": 6}, test=0)
    pictures = tuple(sorted(path for path in nyu.rglob("*") if path.is_file()))
    beside, packed = folder / "beside.dof.png", folder / "packed.h5"
    return [
        Job("render", (*render, str(photos[0])), (photos[0], depth), beside, Path.read_bytes),
        Job("render over its input", (*render, str(photos[1]), "-o", str(photos[1])), (depth,), photos[1], _decoded),
        Job("data prepare", ("data", "prepare", str(nyu), "-o", str(packed)), pictures, packed, _frames),
    ]


def _decoded(path: Path) -> bytes:
    with Image.open(path) as image:
        return np.asarray(image).tobytes()


def _frames(path: Path) -> bytes:
    from dofsim.datasets import open_frames

    frames = open_frames(path, split="all")
    return b"".join(frame.photo.tobytes() + frame.depth.tobytes() for frame in frames)


def run(job: Job, *, after: float | None = None, number: int = signal.SIGKILL) -> int:
    """Run a job in a child that has everything loaded already, so that kills fall into its work; its exit code."""
    process = os.fork()
    if process == 0:
        code = 70
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(1, 2)
            sys.argv = ["dofsim", *job.arguments]
            main_of_dofsim()
        except SystemExit as left:
            code = int(left.code or 0)
        finally:
            os._exit(code)
    if after is not None:
        time.sleep(after)
        os.kill(process, number)  # nobody has waited for it yet, so that the number is still its own
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def load(folder: Path) -> None:
    """Load and compile here whatever the children need, without leaving threads that a fork would lose."""
    import cv2
    import h5py  # noqa: F401
    import imagecodecs  # noqa: F401

    import dofsim

    cv2.setNumThreads(0)
    photo = dofsim.read_photo(folder / "beside.png")
    dofsim.prepare(photo, depth=dofsim.read_depth(folder / "depth.png")).render(blur="5%", threads=1)


def strays(folder: Path) -> list[str]:
    """Hidden files and folders anywhere below."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob(".*"))


def torment(folder: Path, kills: int, seed: int) -> dict[str, object]:
    """Kill every job in turn; figures, and whatever was not as promised."""
    random = Random(seed)
    findings: list[str] = []
    killed: Counter[str] = Counter()
    survived = 0
    jobs = make_jobs(folder)
    load(folder)
    expected: dict[str, set[bytes]] = {}
    seconds: dict[str, float] = {}
    for job in jobs:
        before = job.fingerprint(job.output) if job.output.exists() else None
        began = time.monotonic()
        if run(job):
            raise RuntimeError(f"{job.name} fails undisturbed")
        seconds[job.name] = time.monotonic() - began
        expected[job.name] = {job.fingerprint(job.output)} | ({before} if before is not None else set())
    round_number = 0
    while sum(killed.values()) < kills:
        job = jobs[round_number % len(jobs)]
        round_number += 1
        inputs = {path: path.read_bytes() for path in job.inputs}
        original = job.output.read_bytes()
        if job.name == "data prepare":
            job.output.unlink(missing_ok=True)
        number = random.choice(SIGNALS)
        code = run(job, after=random.uniform(0.0, 1.1) * seconds[job.name], number=number)
        if code in (0, 5):
            survived += 1
        else:
            killed[f"{job.name}, {number.name}"] += 1
        if any(path.read_bytes() != data for path, data in inputs.items()):
            findings.append(f"{job.name}, {number.name}: an input was changed")
        if job.output.exists():
            # A rendering over its input goes on from what it made, so that any whole picture is right.
            whole = job.fingerprint(job.output)
            if job.name != "render over its input" and whole not in expected[job.name]:
                findings.append(f"{job.name}, {number.name}: the output is neither the old nor the new one")
        elif job.name != "data prepare":
            findings.append(f"{job.name}, {number.name}: the output is gone")
        if number != signal.SIGKILL and (left := [each for each in strays(folder) if ".dofsim-" in each]):
            findings.append(f"{job.name}, {number.name}: {left} is left")
        if run(job):
            findings.append(f"{job.name}: the next run fails")
        if left := strays(folder):
            findings.append(f"{job.name}: {left} is left by the next run")
        if job.name == "render over its input":
            job.output.write_bytes(original)
    return {"kills": dict(killed), "total": sum(killed.values()), "ended before": survived, "findings": findings}


def main() -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as base:
        figures = torment(Path(base), arguments.kills, arguments.seed)
    print(json.dumps(figures, indent=1))
    return 1 if figures["findings"] else 0


if __name__ == "__main__":
    os.environ.setdefault("DOFSIM_THREADS", "1")
    sys.exit(main())
