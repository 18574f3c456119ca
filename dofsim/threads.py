"""How many threads the network and the renderer use."""

from __future__ import annotations

import os

from dofsim.errors import ParameterError

MOST_THREADS = 1024
"""More than any machine has cores; the system gives out only so many before it ends the process."""


def count_threads(threads: int | None = None) -> int:
    """How many threads to use.

    Parameters
    ----------
    threads : int, optional
        The caller's wish, which wins over the environment variable ``DOFSIM_THREADS``; without either, the cores that
        this process may use.

    Returns
    -------
    int
        1 to :data:`MOST_THREADS`.

    Raises
    ------
    ParameterError
        If the wish, or the environment variable without one, is no whole number in that range.
    """
    wish: int | str | None = os.environ.get("DOFSIM_THREADS", "").strip() or None if threads is None else threads
    if wish is None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return min(cores, MOST_THREADS)
    try:
        number = int(wish)
    except ValueError:
        number = 0
    if not 1 <= number <= MOST_THREADS:
        origin = "DOFSIM_THREADS" if threads is None else "--threads"
        raise ParameterError(f"the number of threads is a whole one from 1 to {MOST_THREADS}, not {wish!r} ({origin})")
    return number
