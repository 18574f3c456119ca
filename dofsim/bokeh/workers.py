"""Threads for kernels that release the GIL."""

from __future__ import annotations

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
            if self._stop():
                raise StoppedError("the rendering was given up")
            work(item)

        for _ in map(step, items) if self._pool is None else self._pool.map(step, items):
            pass
