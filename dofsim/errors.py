"""The errors and warnings that dofsim raises on purpose.

Every message is one sentence that says what is wrong and, where there is one, the way out.
The command line prints it without a traceback and leaves with the class's ``exit_code``.
"""

from __future__ import annotations

from typing import ClassVar


class DofsimError(Exception):
    """Base of every error that dofsim raises on purpose."""

    exit_code: ClassVar[int] = 1


class ParameterError(DofsimError, ValueError):
    """An argument is out of its range, of the wrong form, or does not fit another one."""

    exit_code = 2


class PhotoError(DofsimError):
    """A photo cannot be read: missing, empty, truncated, or not a picture."""

    exit_code = 3


class DepthError(DofsimError):
    """A depth map cannot be read, does not fit its photo, or lacks what was asked of it."""

    exit_code = 4


class FrameError(DepthError):
    """A frame of a data set cannot be used; the message names it."""


class OutputError(DofsimError):
    """A result cannot be written; whatever stood at that place is untouched."""

    exit_code = 5


class ModelError(DofsimError):
    """A depth model is unknown, of another signature, or does not match its recorded hash."""

    exit_code = 6


class MissingExtraError(DofsimError, ImportError):
    """An optional dependency is not installed; the message names the extra that brings it."""

    exit_code = 7


class StoppedError(DofsimError):
    """A rendering was given up because nobody wants it any more (see :func:`dofsim.bokeh.workers.stopping`)."""


class DofsimWarning(UserWarning):
    """Something the user should know although the work goes on."""
