"""Processes that run cases, watched from outside, because a broken file may end or hang the one that reads it."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from tests.fuzz.case import BOUND, SECONDS, compile_kernels, prepared, run_case

LONGEST_WAIT_SECONDS = 600.0


def _work(pipe: Connection, seed: int, folder: str) -> None:
    place = Path(folder)
    # What libraries say on stderr about broken files is no news.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    try:
        corpus = prepared(place)
        compile_kernels()
        pipe.send("ready")
        while (span := pipe.recv()) is not None:
            for number in range(*span):
                pipe.send(number)
                pipe.send(run_case(number, seed, corpus, place))
            pipe.send("done")
    except EOFError:
        pass


class Worker:
    """A process that runs cases, and is replaced when one kills it."""

    def __init__(self, seed: int, base: Path, number: int) -> None:
        self.seed, self.base, self.number = seed, base, number
        self.todo: list[int] = []
        self.start()

    def start(self) -> None:
        folder = tempfile.mkdtemp(prefix=f"worker{self.number}-", dir=self.base)
        context = multiprocessing.get_context("spawn")
        self.pipe, there = context.Pipe()
        self.process = context.Process(target=_work, args=(there, self.seed, folder), daemon=True)
        self.process.start()
        there.close()
        self.case: int | None = None
        self.heard()

    def heard(self) -> None:
        """Start the clocks again."""
        self.since, self.worked = time.monotonic(), self._processor_seconds()

    def hangs(self) -> bool:
        """Whether a case takes too much of the processor, or waits forever; a busy machine is no reason."""
        return (
            self._processor_seconds() - self.worked > 2 * SECONDS
            or time.monotonic() - self.since > LONGEST_WAIT_SECONDS
        )

    def _processor_seconds(self) -> float:
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except OSError:  # no Linux, or it has ended
            return 0.0

    def give(self, span: tuple[int, int]) -> None:
        self.todo = list(span)
        self.pipe.send(span)

    def stop(self) -> str:
        self.process.kill()
        self.process.join()
        return f"exit code {self.process.exitcode}"


def run_in_workers(
    spans: list[tuple[int, int]],
    seed: int,
    workers: int,
    base: Path,
    on_result: Callable[[dict[str, Any]], None],
    seconds: float,
) -> None:
    """Spread spans of cases over processes; after so many seconds no more are begun than a process has in hand."""
    until = time.monotonic() + seconds
    waiting = deque(spans)
    crew = [Worker(seed, base, number) for number in range(min(workers, len(waiting)))]
    while crew:
        if time.monotonic() > until:
            waiting.clear()
        ready = wait([worker.pipe for worker in crew], timeout=1.0)
        for worker in list(crew):
            try:
                if worker.pipe in ready:
                    _hear(worker, waiting, crew, on_result)
                    continue
                reason = "it does not end" if worker.hangs() else ""
            except (EOFError, ConnectionResetError):
                worker.process.join()
                reason = f"it ends the process (exit code {worker.process.exitcode})"
            if reason:
                worker.stop()
                number = worker.case
                if number is None:
                    raise RuntimeError(f"a worker does not even start: {reason}")
                lost = {"kind": "?", "outcome": "crash", "seconds": 0.0, "peak": 0, "held": 0, "finding": reason}
                on_result({"case": number, **lost})
                rest = (number + 1, worker.todo[1])
                worker.start()
                if rest[0] < rest[1]:
                    waiting.appendleft(rest)


def _hear(worker: Worker, waiting: deque[tuple[int, int]], crew: list[Worker], on_result: Any) -> None:
    message = worker.pipe.recv()
    worker.heard()
    if isinstance(message, int):
        worker.case = message
    elif isinstance(message, dict):
        on_result(message)
        if message["held"] > BOUND:  # or all that follow would seem to hold as much
            worker.stop()
            rest = (message["case"] + 1, worker.todo[1])
            worker.start()
            if rest[0] < rest[1]:
                waiting.appendleft(rest)
    elif waiting:
        worker.give(waiting.popleft())
    else:
        worker.pipe.send(None)
        worker.process.join(5)
        crew.remove(worker)
