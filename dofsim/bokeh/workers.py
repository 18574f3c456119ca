"""Threads for kernels that release the GIL."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Self, TypeVar

_Item = TypeVar("_Item")


class Workers:
    """A pool of threads, or none at all for one thread."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def run(self, work: Callable[[_Item], None], items: Iterable[_Item]) -> None:
        """Do the work on every item; the first error of any is raised here."""
        for _ in map(work, items) if self._pool is None else self._pool.map(work, items):
            pass
