"""Threads for kernels that release the GIL."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Self, TypeVar

from dofsim.errors import StoppedError

_Item = TypeVar("_Item")
_stop: ContextVar[Callable[[], bool]] = ContextVar("stop", default=lambda: False)


@contextmanager
def stopping(when: Callable[[], bool]) -> Iterator[None]:
    """Let renderings of this thread be given up while the block runs.

    Parameters
    ----------
    when : callable
        Asked by every thread of the renderer before each piece of work, some hundredths of a second long; once it is
        true, the rendering ends with :class:`~dofsim.errors.StoppedError`.
    """
    before = _stop.set(when)
    try:
        yield
    finally:
        _stop.reset(before)


class Workers:
    """A pool of threads, or none at all for one thread."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        # The threads of a pool do not see the context of the one that began it.
        self._stop = _stop.get()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def run(self, work: Callable[[_Item], None], items: Iterable[_Item]) -> None:
        """Do the work on every item; the first error of any is raised here.

        Raises
        ------
        StoppedError
            If :func:`stopping` says so.
        """

        def step(item: _Item) -> None:
            self._go_on()
            work(item)

        for _ in map(step, items) if self._pool is None else self._pool.map(step, items):
            pass

    @contextmanager
    def beside(self, work: Callable[[_Item], None], items: Iterable[_Item]) -> Iterator[None]:
        """Let one thread do the work on items while the block runs, and all of them what is left at its end.

        Raises
        ------
        StoppedError
            If :func:`stopping` says so.
        """
        left = deque(items)

        def drain(_: int = 0) -> None:
            while True:
                self._go_on()
                try:
                    item = left.popleft()
                except IndexError:
                    return
                work(item)

        first = None if self._pool is None else self._pool.submit(drain)
        try:
            yield
        except BaseException:
            left.clear()
            raise
        self.run(drain, range(self._threads))
        if first is not None:
            first.result()

    def _go_on(self) -> None:
        if self._stop():
            raise StoppedError("the rendering was given up")
