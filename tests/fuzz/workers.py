"""Processes that run cases, watched from outside, because a broken file may end or hang the one that reads it."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from tests.fuzz.case import SECONDS, prepared, run_case

CHUNK = 250


def _work(pipe: Connection, seed: int, folder: str) -> None:
    place = Path(folder)
    # What libraries say on stderr about broken files is no news.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    try:
        corpus = prepared(place)
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
        self.since = time.monotonic() + 60

    def give(self, span: tuple[int, int]) -> None:
        self.todo = list(span)
        self.pipe.send(span)

    def stop(self) -> str:
        self.process.kill()
        self.process.join()
        return f"exit code {self.process.exitcode}"


def run_in_workers(first: int, cases: int, seed: int, workers: int, base: Path, on_result: Any) -> None:
    """Spread cases over processes."""
    spans = [(start, min(start + CHUNK, first + cases)) for start in range(first, first + cases, CHUNK)][::-1]
    crew = [Worker(seed, base, number) for number in range(min(workers, len(spans)))]
    while crew:
        ready = wait([worker.pipe for worker in crew], timeout=1.0)
        for worker in list(crew):
            try:
                if worker.pipe in ready:
                    _hear(worker, spans, crew, on_result)
                    continue
                reason = "it does not end" if time.monotonic() - worker.since > 6 * SECONDS else ""
            except (EOFError, ConnectionResetError):
                worker.process.join()
                reason = f"it ends the process (exit code {worker.process.exitcode})"
            if reason:
                worker.stop()
                number = worker.case
                if number is None:
                    raise RuntimeError(f"a worker does not even start: {reason}")
                on_result(
                    {"case": number, "kind": "?", "outcome": "crash", "seconds": 0.0, "peak": 0, "finding": reason}
                )
                rest = (number + 1, worker.todo[1])
                worker.start()
                if rest[0] < rest[1]:
                    spans.append(rest)


def _hear(worker: Worker, spans: list[Any], crew: list[Worker], on_result: Any) -> None:
    message = worker.pipe.recv()
    worker.since = time.monotonic()
    if isinstance(message, int):
        worker.case = message
    elif isinstance(message, dict):
        on_result(message)
        if message["finding"].startswith("the process holds"):
            worker.stop()
            rest = (message["case"] + 1, worker.todo[1])
            worker.start()
            if rest[0] < rest[1]:
                spans.append(rest)
    elif spans:
        worker.give(spans.pop())
    else:
        worker.pipe.send(None)
        worker.process.join(5)
        crew.remove(worker)
