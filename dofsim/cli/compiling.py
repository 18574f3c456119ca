"""Tell the user why the very first run is slow: Numba compiles the kernels once and keeps them on disk."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

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
