"""One thing is made while the one before is used."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class _End:
    """The last thing in the queue, and why there is no other one."""

    error: BaseException | None


def ahead(items: Iterable[T]) -> Generator[T]:
    """Make items in a thread, one ahead of those that are asked for.

    Parameters
    ----------
    items : iterable
        Gone through in the thread, whose errors are raised here.

    Yields
    ------
    object
        The items, in order. When the generator is closed early, the thread has ended.
    """
    made: queue.Queue[T | _End] = queue.Queue(1)
    over = threading.Event()

    def make() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                made.put(item)
                if over.is_set():
                    return
        except BaseException as raised:  # noqa: BLE001 - raised again where the items are used
            error = raised
        made.put(_End(error))

    thread = threading.Thread(target=make, name="ahead", daemon=True)
    thread.start()
    try:
        while not isinstance(item := made.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        over.set()
        while thread.is_alive():
            # It may be waiting for a place in the queue.
            try:
                made.get(timeout=0.05)
            except queue.Empty:
                continue
        thread.join()
