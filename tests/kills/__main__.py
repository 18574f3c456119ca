"""Kill dofsim at random moments, and see that nothing is lost, half-written or left behind.

``python -m tests.kills --kills 200 --seed 1`` from a clone. Each round starts one command, sends it SIGINT, SIGTERM or
SIGKILL after a random part of the time that it takes undisturbed, and looks: the inputs are as they were, whatever
stands in the output is the old or the new, to the bit, no process is left, and the same command, undisturbed, goes on
to the very result, with nothing beside it. A clip of several parts is killed again while it goes on, until it is there.
Commands whose libraries are missing are left out, and named.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from random import Random

from dofsim.cli.app import main as main_of_dofsim
from tests.fuzz.case import workshop
from tests.kills.jobs import PART_FRAMES, Job, State, make_jobs

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
ENDS = {
    signal.SIGINT: (130, -signal.SIGINT), signal.SIGTERM: (143, 130, -signal.SIGTERM),
    signal.SIGKILL: (-signal.SIGKILL,),
}  # fmt: skip
"""Exit codes of a command that a signal ended; batch takes SIGTERM for Ctrl-C."""
MARK = "DOFSIM_KILLS_MARK"
PATIENCE_S = 60.0


def run(job: Job, more: tuple[str, ...] = (), *, after: float | None = None, number: int = signal.SIGKILL) -> int:
    """Run a job in a child that has everything loaded already, so that kills fall into its work; its exit code."""
    process = os.fork()
    if process == 0:
        code = 70
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(1, 2)
            sys.argv = ["dofsim", *job.arguments, *more]
            if job.in_parts:
                from dofsim.film.refocus import refocus_clip

                refocus_clip.__kwdefaults__["part_frames"] = PART_FRAMES
            main_of_dofsim()
        except SystemExit as left:
            code = int(left.code or 0)
        except KeyboardInterrupt:  # before dofsim has begun, or after it
            code = 130
        finally:
            os._exit(code)
    if after is not None:
        time.sleep(after)
        os.kill(process, number)  # nobody has waited for it yet, so that the number is still its own
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def load(jobs: list[Job]) -> None:
    """Load and compile here whatever the children need, without leaving threads that a fork would lose."""
    import cv2
    import imagecodecs  # noqa: F401
    import numpy as np
    import onnxruntime  # noqa: F401

    import dofsim
    import dofsim.film.refocus

    for module in ("av", "h5py", "torch", "accelerate", "tensorboard"):
        with suppress(ImportError):
            __import__(module)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    if any(job.name == "train" for job in jobs):
        from dofsim.pix2pix import train  # noqa: F401
    cv2.setNumThreads(0)
    photo = dofsim.Photo.from_array(np.zeros((16, 24, 3), np.uint8))
    depth = dofsim.DepthMap(np.linspace(0, 1, 384, dtype=np.float32).reshape(16, 24), dofsim.DepthKind.RELATIVE)
    dofsim.prepare(photo, depth=depth).render(blur="5%", threads=1)


def strays(folder: Path) -> list[str]:
    """Hidden files and folders anywhere below."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob(".*"))


def left_running(mark: str) -> list[int]:
    """Processes other than this one that a job began, after they had some time to end."""
    wanted, until = f"{MARK}={mark}".encode(), time.monotonic() + PATIENCE_S
    while True:
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if wanted in (place / "environ").read_bytes().split(b"\0") and int(place.name) != os.getpid():
                    found.append(int(place.name))
        if not found or time.monotonic() > until:
            return found
        time.sleep(0.05)


class Round:
    """A job, what it makes of what undisturbed, and what was found wrong with it.

    Parameters
    ----------
    job : Job
    findings : list of str
        Receives what is not as promised.
    """

    def __init__(self, job: Job, findings: list[str]) -> None:
        self.job, self._findings = job, findings
        self._inputs = {path: path.read_bytes() for path in job.inputs}
        self._start = job.output.read_bytes() if job.output.exists() else None
        self._before = job.state()
        self._undisturbed()  # compiles what is still to be compiled
        self.restore()
        began = time.monotonic()
        self._undisturbed()
        self.seconds = time.monotonic() - began
        self._after = job.state()
        self._beside = set(job.output.parent.iterdir())
        self._going_on = False
        assert self._after, f"{job.name} makes nothing"

    def _undisturbed(self) -> None:
        code = run(self.job)
        if code:
            raise RuntimeError(f"{self.job.name} fails undisturbed with {code}")

    def restore(self) -> None:
        """Let the output be as before the first run."""
        if self.job.output.is_dir():
            shutil.rmtree(self.job.output)
        if self._start is None:
            self.job.output.unlink(missing_ok=True)
        else:
            self.job.output.write_bytes(self._start)

    def kill(self, number: signal.Signals, share: float) -> bool:
        """Kill after a share of the time that it takes; whether it was still at work."""
        if not self._going_on:
            self.restore()
        os.environ[MARK] = mark = secrets.token_hex(8)
        code = run(self.job, self.job.again if self.job.in_parts else (), after=share * self.seconds, number=number)
        if code not in (0, *ENDS[number]):
            self._complain(number, f"it leaves with {code}")
        if running := left_running(mark):
            self._complain(number, f"processes go on: {running}")
        self._look(number)
        left = [each for each in strays(self.job.output.parent) if ".dofsim-" in each]
        if left and number != signal.SIGKILL:
            self._complain(number, f"{left} is left")
        self._going_on = self.job.in_parts and not self.job.output.exists()
        if not self._going_on:
            self._go_on(number)
        return code != 0

    def _state(self, number: signal.Signals) -> State | None:
        try:
            return self.job.state()
        except Exception as error:
            self._complain(number, f"something is half-written: {type(error).__name__}: {error}")
            return None

    def _look(self, number: signal.Signals) -> None:
        if any(path.read_bytes() != data for path, data in self._inputs.items()):
            self._complain(number, "an input was changed")
        found = self._state(number)
        if found is None or self.job.midway:
            return
        if lost := self._before.keys() - found.keys():
            self._complain(number, f"{sorted(lost)} is gone")
        for name, digest in found.items():
            if digest not in (self._before.get(name), self._after.get(name)):
                self._complain(number, f"{name} is neither the old nor the new one")

    def _go_on(self, number: signal.Signals) -> None:
        if self.job.output in self.job.inputs or self._start is not None:
            self.restore()  # a rendering over its input would be one of a rendering
        code = run(self.job, self.job.again)
        if code:
            self._complain(number, f"the next run fails with {code}")
        elif self._state(number) != self._after:
            self._complain(number, "the next run comes to another result")
        beside = [str(path) for path in self.job.output.parent.iterdir() if path not in self._beside]
        if left := strays(self.job.output.parent) + beside:
            self._complain(number, f"{left} is left by the next run")

    def _complain(self, number: signal.Signals, what: str) -> None:
        self._findings.append(f"{self.job.name}, {number.name}: {what}")


def torment(folder: Path, kills: int, seed: int, names: list[str] | None = None) -> dict[str, object]:
    """Kill every job in turn; figures, and whatever was not as promised."""
    random = Random(seed)
    findings: list[str] = []
    killed: Counter[str] = Counter()
    survived = 0
    jobs, left_out = make_jobs(folder)
    jobs = [job for job in jobs if names is None or job.name in names]
    load(jobs)
    rounds = [Round(job, findings) for job in jobs]
    turn = 0
    while killed.total() < kills:
        each = rounds[turn % len(rounds)]
        turn += 1
        number = random.choice(SIGNALS)
        if each.kill(number, random.uniform(0.0, 1.1)):
            killed[f"{each.job.name}, {number.name}"] += 1
        else:
            survived += 1
    return {
        "kills": dict(sorted(killed.items())), "total": killed.total(), "ended before": survived, "left out": left_out,
        "seconds": {each.job.name: round(each.seconds, 2) for each in rounds}, "findings": findings,
    }  # fmt: skip


def main() -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--job", action="append", help="only this one, such as 'video'; may be given again")
    arguments = parser.parse_args()
    # Its folder may lie in memory, and must not stay there; the children have handlers of their own.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(dir=workshop()) as base:
        figures = torment(Path(base), arguments.kills, arguments.seed, arguments.job)
    print(json.dumps(figures, indent=1))
    return 1 if figures["findings"] else 0


if __name__ == "__main__":
    os.environ.setdefault("DOFSIM_THREADS", "1")
    sys.exit(main())
