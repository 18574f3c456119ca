"""PyAV, which is an extra, and what its errors mean."""

from __future__ import annotations

from typing import Any

from dofsim.errors import MissingExtraError

SCALING_THREADS = 1
"""Of FFmpeg's conversion of colours. More would outlive it, and a process forked later would wait for them for ever."""


def require_av() -> Any:
    """The module ``av``.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise MissingExtraError(
            "videos are read and written with PyAV, which is not installed; pip install 'dofsim[video]' brings it "
            "(dofsim rack writes .gif and .webp without it)"
        ) from error
    return av


def first_line(error: BaseException) -> str:
    """What FFmpeg said, without its numbers and path."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:200]
