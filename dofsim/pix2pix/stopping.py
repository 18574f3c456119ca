"""Signals that ask a training run to end, answered when its step is done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Stop:
    """Which signal has asked the process to stop, if any."""

    signal: int | None = None

    @property
    def asked(self) -> bool:
        """Whether there was one."""
        return self.signal is not None

    def leave(self) -> None:
        """End as the signal would have, now that everything is saved."""
        if self.signal == signal.SIGINT:
            raise KeyboardInterrupt
        if self.signal is not None:
            raise SystemExit(128 + self.signal)


@contextmanager
def stopping() -> Iterator[Stop]:
    """Let SIGTERM and the first SIGINT end the run after the step that is being taken."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) or signal.SIG_DFL for number in (signal.SIGTERM, signal.SIGINT)}

    def ask(number: int, _frame: Any) -> None:
        stop.signal = number
        signal.signal(signal.SIGINT, before[signal.SIGINT])

    for number in before:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
