"""The program of one worker process: jobs come in as lines of JSON on stdin, rows go out on stdout.

A process of its own can be killed and replaced, and its libraries be held to one thread before they are loaded. The
first line on stdin is what :class:`~dofsim.batch.work.Bench` takes; the end of stdin is the end of the work.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dofsim.batch.places import Job
    from dofsim.batch.work import Row

_THREADS_OF = ("DOFSIM", "NUMBA_NUM", "OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "VECLIB_MAXIMUM")
ONE_THREAD = {f"{library}_THREADS": "1" for library in _THREADS_OF}
"""Environment that holds a worker's libraries to one thread; it has to be set before they are loaded."""


def main() -> None:
    """Work until stdin ends, or until a signal to end comes: then what is being written is finished, and no more."""
    signal.signal(signal.SIGTERM, _leave)
    # Whatever a library prints must not get among the rows.
    rows = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    import warnings

    warnings.simplefilter("ignore")
    start = json.loads(sys.stdin.readline() or "null")
    if start is None:
        return
    from dofsim.batch.work import Bench

    bench = Bench(**start)
    bench.warm_up()
    lock = threading.Lock()

    def tell(message: dict[str, object]) -> None:
        try:
            with lock:
                rows.write(json.dumps(message) + "\n")
                rows.flush()
        except OSError:  # nobody listens any more
            os._exit(1)

    def report(number: int, row: Row) -> None:
        tell({"number": number, "row": row})

    tell({"ready": os.getpid()})
    try:
        bench.run(_jobs(), report)
    except SystemExit:
        # The thread that waits for stdin cannot be ended, and Python would stumble over it on its way out.
        os._exit(1)


def _jobs() -> Iterator[tuple[int, Job]]:
    from dofsim.batch.places import Job

    for line in sys.stdin:
        told = json.loads(line)
        yield told["number"], Job(told["source"], told["output"])


def _leave(_signal: int, _frame: object) -> None:
    raise SystemExit(1)


if __name__ == "__main__":
    main()
