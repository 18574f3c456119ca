"""Run a module's ``main`` as a program: one line instead of a traceback for errors that are raised on purpose."""

from __future__ import annotations

import sys
from collections.abc import Callable

from dofsim.errors import DofsimError


def program(main: Callable[[], None]) -> None:
    """Call ``main``; print an error of dofsim's own as one line and leave with its exit code."""
    try:
        main()
    except DofsimError as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(error.exit_code) from error
