"""The very first run: Numba compiles the kernels once and keeps them on disk. Say so, and use both cores for it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dofsim.cli.report import Report


@contextmanager
def announce_compilation(report: Report) -> Iterator[None]:
    """Print one line as soon as a kernel is really compiled inside the block, nothing if all come from the cache.

    Parameters
    ----------
    report : Report
        Where the line goes.
    """
    # Numba broadcasts this event after it has looked in its cache and found nothing, hence never on a warm run.
    from numba.core import event

    class FirstCompilation(event.Listener):  # type: ignore[misc]
        told = False

        def on_start(self, _: event.Event) -> None:
            if not self.told:
                self.told = True
                report.note("compiling the kernels for this machine; this happens once and takes some seconds")

        def on_end(self, _: event.Event) -> None:
            pass

    with event.install_listener("numba:compile", FirstCompilation()):
        yield


@contextmanager
def compiling_beside() -> Iterator[Callable[[], None]]:
    """Compile half of the renderer's kernels in a second process while the block reads the photo, if they are cold.

    Yields a function to be called before rendering: it compiles the other half, and what comes after rendering, and
    waits for the second process.
    """
    from dofsim.bokeh.warmup import compile_first_half, is_cold

    if not is_cold():
        yield lambda: None
        return
    from dofsim.warmup import compile_last_steps, second_process

    with second_process("disc") as wait:

        def finish() -> None:
            compile_first_half()
            compile_last_steps()
            wait()

        yield finish
