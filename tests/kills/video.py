"""Kill ``dofsim video`` at random moments until it is through, and see that the clip is as if nothing had happened.

``python -m tests.kills.video --kills 50 --seed 1`` from a clone. Each round starts a run in a process of its own, sends
it SIGINT, SIGTERM or SIGKILL after a random part of the time that it takes undisturbed, and goes on with it until the
clip is there. Then it has to be that of the undisturbed run to the byte, with nothing beside it once a run has ended
by itself.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

from tests.film.clips import picture, write_clip

FRAMES, PART = 24, 4
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
PROGRAM = f"""
import signal, sys
from dofsim.film.refocus import refocus_clip
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
refocus_clip(sys.argv[1], sys.argv[2], part_frames={PART}, resume=True)
"""


def run(clip: Path, out: Path, *, after: float | None = None, number: int = signal.SIGKILL) -> int:
    """Make the clip, or go on with it, and send a signal meanwhile; the exit code."""
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, str(clip), str(out)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        if after is not None:
            try:
                process.wait(after)
            except subprocess.TimeoutExpired:
                process.send_signal(number)
    return process.returncode


def torment(folder: Path, kills: int, seed: int) -> dict[str, object]:
    """Kill and go on until so many runs were killed; figures, and whatever was not as promised."""
    random = Random(seed)
    findings: list[str] = []
    killed: Counter[str] = Counter()
    clip = write_clip(
        folder / "in.mp4",
        # x264's result varies by itself where pictures are narrower.
        frames=[picture(index % 15).repeat(4, axis=0).repeat(4, axis=1) for index in range(FRAMES)],
        times=tuple(range(0, 1000 * FRAMES, 1000)),
    )
    whole = folder / "whole.mp4"
    run(clip, whole)
    begun = time.monotonic()
    run(clip, whole)
    seconds = time.monotonic() - begun
    expected = whole.read_bytes()
    clips = 0
    while sum(killed.values()) < kills:
        out = folder / "out.mp4"
        while not out.exists():
            number = random.choice(SIGNALS)
            code = run(clip, out, after=random.uniform(0.3, 1.1) * seconds, number=number)
            if code:
                killed[number.name] += 1
        clips += 1
        if out.read_bytes() != expected:
            findings.append(f"clip {clips} is another one")
        # Killed after the clip was put in its place, and before its parts were removed.
        if code and (run(clip, out) or out.read_bytes() != expected):
            findings.append(f"clip {clips} is another one when its run is gone on with")
        if beside := sorted(path.name for path in folder.iterdir() if path not in (clip, whole, out)):
            findings.append(f"{beside} stands beside clip {clips}")
        out.unlink()
    return {"kills": dict(killed), "total": sum(killed.values()), "clips": clips, "findings": findings}


def main() -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(prog="python -m tests.kills.video", description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as base:
        figures = torment(Path(base), arguments.kills, arguments.seed)
    print(json.dumps(figures, indent=1))
    return 1 if figures["findings"] else 0


if __name__ == "__main__":
    sys.exit(main())
