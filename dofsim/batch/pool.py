"""Worker processes of this machine: kept busy, replaced when they are lost, their photos tried once more."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from dofsim.batch import store
from dofsim.batch.work import FAILED, Row
from dofsim.batch.worker import ONE_THREAD
from dofsim.errors import DofsimError

if TYPE_CHECKING:
    from types import TracebackType

    from dofsim.batch.places import Job

_AHEAD = 3
"""Jobs that a worker holds at most: one is read, one rendered, one written."""
TRIES = 2
"""How often a photo is begun whose worker was lost."""
STILLBORN = 3
"""Workers that may end before they have begun, one after the other."""
PACKAGE_PATH = os.pathsep.join(filter(None, (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH"))))
"""PYTHONPATH with which workers run this very package, wherever it was imported from."""
_PATIENCE_S = 20.0


class _Worker:
    """A process, the jobs that it holds, and a thread that hears it."""

    def __init__(self, start: dict[str, Any], environment: dict[str, str], heard: queue.Queue[_Message]) -> None:
        self.jobs: dict[int, Job] = {}
        self.ready = False
        self.alone = False
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dofsim.batch.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if os.environ.get("DOFSIM_DEBUG") else subprocess.DEVNULL,
            env=environment,
            text=True,
            encoding="utf-8",
            # Ctrl-C is for the parent, which then ends its workers in order.
            start_new_session=True,
        )
        self.say(start)
        threading.Thread(target=self._hear, args=(heard,), daemon=True).start()

    def say(self, message: dict[str, Any]) -> None:
        """Send a line; if the process is gone, its end is heard soon."""
        with suppress(OSError):
            if self.process.stdin is not None:
                self.process.stdin.write(json.dumps(message) + "\n")
                self.process.stdin.flush()

    def close(self) -> None:
        """Let it finish what it holds, and end."""
        with suppress(OSError):
            if self.process.stdin is not None:
                self.process.stdin.close()

    def _hear(self, heard: queue.Queue[_Message]) -> None:
        if self.process.stdout is not None:
            with self.process.stdout as lines:
                for line in lines:
                    # The last line of a worker that was killed may be cut.
                    with suppress(ValueError):
                        heard.put((self, json.loads(line)))
        self.process.wait()
        self.close()
        heard.put((self, None))


_Message = tuple[_Worker, dict[str, Any] | None]


class Pool:
    """Workers that do jobs; used as a context, at whose end none of them is left.

    Parameters
    ----------
    workers : int
        Processes, >= 1.
    recipe, depth_cache
        See :class:`dofsim.batch.work.Bench`.
    max_memory : int, optional
        Bytes that all of them together may hold.
    """

    def __init__(
        self, workers: int, recipe: dict[str, Any], depth_cache: str | None = None, max_memory: int | None = None
    ) -> None:
        from dofsim import memory

        self._start = {"recipe": recipe, "depth_cache": depth_cache}
        total = int(memory.FREE_SHARE * memory.free()) if max_memory is None else max_memory
        self._environment = {
            **os.environ, **ONE_THREAD, memory.LIMIT: str(max(total // workers, 1)), "PYTHONPATH": PACKAGE_PATH,
        }  # fmt: skip
        self._size = workers
        self._heard: queue.Queue[_Message] = queue.Queue()
        self._workers: set[_Worker] = set()
        self._again: deque[tuple[int, Job]] = deque()
        self._tries: dict[int, int] = {}
        self._stillborn = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.wait()
            store.tidy(job.output for job in worker.jobs.values())

    @property
    def held(self) -> dict[int, list[str]]:
        """Sources that each worker which has begun holds at this moment, by its process id."""
        return {
            worker.process.pid: [job.source for job in tuple(worker.jobs.values())]
            for worker in tuple(self._workers)
            if worker.ready
        }

    def run(self, jobs: Iterable[Job]) -> Iterator[Row]:
        """Do jobs, as they come free.

        Parameters
        ----------
        jobs : iterable of Job
            Taken no faster than they are done.

        Yields
        ------
        dict
            A row for each job, in the order in which they end. A job whose worker was lost is tried once more, alone.

        Raises
        ------
        DofsimError
            If workers end before they have begun.
        """
        coming = iter(enumerate(jobs))
        self._workers |= {self._hire() for _ in range(self._size)}
        while True:
            for worker in self._workers:
                self._feed(worker, coming)
            if not any(worker.jobs for worker in self._workers) and not self._again:
                break
            worker, message = self._heard.get()
            if message is None:
                yield from self._lost(worker)
            elif "ready" in message:
                worker.ready, self._stillborn = True, 0
            else:
                yield self._landed(worker, message)
        yield from self.drain()

    def drain(self) -> Iterator[Row]:
        """Let the workers finish what they hold and end; rows of that are still given."""
        for worker in self._workers:
            worker.close()
        yield from self._last_rows()

    def stop(self) -> Iterator[Row]:
        """Make the workers end soon; rows of what they finish nevertheless are still given."""
        for worker in self._workers:
            worker.process.terminate()
        yield from self._last_rows()

    def _last_rows(self) -> Iterator[Row]:
        while self._workers:
            try:
                worker, message = self._heard.get(timeout=_PATIENCE_S)
            except queue.Empty:
                return
            if message is None:
                self._workers.discard(worker)
                store.tidy(job.output for job in worker.jobs.values())
            elif "row" in message:
                yield self._landed(worker, message)

    def _hire(self) -> _Worker:
        return _Worker(self._start, self._environment, self._heard)

    def _feed(self, worker: _Worker, coming: Iterator[tuple[int, Job]]) -> None:
        if self._again and not worker.jobs:
            # Alone, so that a photo which costs a worker its life takes no other photo with it.
            worker.alone = True
            self._give(worker, *self._again.popleft())
        while not worker.alone and len(worker.jobs) < _AHEAD:
            following = next(coming, None)
            if following is None:
                return
            self._give(worker, *following)

    @staticmethod
    def _give(worker: _Worker, number: int, job: Job) -> None:
        worker.jobs[number] = job
        worker.say({"number": number, "source": job.source, "output": job.output})

    def _landed(self, worker: _Worker, message: dict[str, Any]) -> Row:
        number, row = message["number"], message["row"]
        worker.jobs.pop(number, None)
        worker.alone = worker.alone and bool(worker.jobs)
        row["tries"] = self._tries.pop(number, 0) + 1
        return dict(row)

    def _lost(self, worker: _Worker) -> Iterator[Row]:
        self._workers.discard(worker)
        store.tidy(job.output for job in worker.jobs.values())
        if not worker.ready:
            self._stillborn += 1
            if self._stillborn >= STILLBORN:
                raise DofsimError(
                    f"the workers end before they have begun (exit code {worker.process.returncode}); "
                    "DOFSIM_DEBUG=1 shows what they say"
                )
        for number, job in worker.jobs.items():
            # A worker that never began has tried nothing.
            tries = self._tries.get(number, 0) + worker.ready
            self._tries[number] = tries
            if tries < TRIES:
                self._again.append((number, job))
            else:
                del self._tries[number]
                yield lost_row(job, tries, f"exit code {worker.process.returncode}")
        self._workers.add(self._hire())


def lost_row(job: Job, tries: int, how: str) -> Row:
    """The row of a photo that cost every worker its life which began it.

    Parameters
    ----------
    job : Job
    tries : int
    how : str
        What became of the last worker.
    """
    return {
        "source": job.source,
        "output": job.output,
        "status": FAILED,
        "error": f"its worker was lost {tries} times ({how}); "
        "perhaps memory ran out: fewer --workers leave more for each",
        "exit_code": 1,
        "tries": tries,
    }
