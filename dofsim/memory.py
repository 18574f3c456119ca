"""How much memory there is, and how much of it a photo takes."""

from __future__ import annotations

import os
import re
import resource
import sys
from pathlib import Path

from dofsim.errors import ParameterError

LIMIT = "DOFSIM_MAX_MEMORY"
"""Environment variable: what a process may hold, see :func:`parse_memory`."""
FREE_SHARE = 0.6
"""Share of what is free that one rendering takes when nobody says how much it may."""

READING = 20
"""Bytes per pixel while a photo is decoded and its depth refined."""
RENDERING = 60
"""Bytes per pixel of those rows that are rendered at a time: linear light, circle of confusion, result, and grids."""
IN_ONE_PIECE = 32_000_000
"""Pixels of the largest photo that is rendered in one piece where there is room for it."""
AT_A_TIME = 24_000_000
"""Pixels that are rendered at a time of larger ones, or half of them: some more work, and below 40 bytes per pixel."""
RENDERING_BEST = 108
"""The same for the quality "best", which renders a photo whole."""
CLOSE = 85_000_000
"""More bytes that it takes at most for photos of up to 1.6 MP, whose hidden surfaces are known for every pixel."""
FRINGING = 12
"""More bytes per pixel of those rows where red and blue are rendered apart from green."""
BASE = 130_000_000
"""Bytes of the process before it reads anything."""

_UNITS = {"": 1, "B": 1, "K": 1e3, "KB": 1e3, "M": 1e6, "MB": 1e6, "G": 1e9, "GB": 1e9, "T": 1e12, "TB": 1e12}
_UNKNOWN = 2_000_000_000


def parse_memory(text: str | float) -> int:
    """An amount of memory, in bytes.

    Parameters
    ----------
    text : str or float
        Bytes, or a number with a unit: ``"800MB"``, ``"1.5 GB"`` (powers of 1000).

    Raises
    ------
    ParameterError
        If it cannot be read or is not above 0.
    """
    found = re.fullmatch(r"([0-9.]+)\s*([A-Za-z]*)", str(text).strip())
    unit = found and _UNITS.get(found[2].upper())
    try:
        amount = int(float(found[1]) * unit) if found and unit else 0
    except ValueError:
        amount = 0
    if amount <= 0:
        raise ParameterError(f"an amount of memory looks like 800MB or 1.5GB, not {text!r} (--max-memory 2GB)")
    return amount


def free() -> int:
    """Bytes that this process may still take: what the machine has free, or its control group leaves."""
    amounts = []
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        amounts += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
        group = Path("/sys/fs/cgroup")
        limit = (group / "memory.max").read_text(encoding="ascii").strip()
        if limit.isdigit():
            amounts.append(max(int(limit) - int((group / "memory.current").read_text(encoding="ascii")), 0))
    except (OSError, ValueError, IndexError):
        pass
    return min(amounts, default=_UNKNOWN)


def used() -> int:
    """Bytes of memory that this process holds."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


def limit(max_memory: str | float | None) -> int:
    """Bytes that the whole process may hold.

    Parameters
    ----------
    max_memory : str, float or None
        See :func:`parse_memory`; None: the environment's ``DOFSIM_MAX_MEMORY``, else what the process holds and
        :data:`FREE_SHARE` of what is free.

    Raises
    ------
    ParameterError
        If the amount cannot be read.
    """
    if max_memory is None:
        max_memory = os.environ.get(LIMIT, "").strip() or None
    return int(used() + FREE_SHARE * free()) if max_memory is None else parse_memory(max_memory)


def check_photo(width: int, height: int) -> None:
    """Refuse a photo that cannot be worked on, before it is decoded.

    Raises
    ------
    ParameterError
        If the photo's pixels and their depth alone take more than :func:`limit`.
    """
    need, room = BASE + READING * width * height, limit(None)
    if need > room:
        raise ParameterError(
            f"a photo of {width} x {height} pixels takes {megabytes(need)} at the least, and {megabytes(room)} may be "
            "used; make the photo smaller, or give more (--max-memory)"
        )


def megabytes(amount: int) -> str:
    """An amount for a message."""
    return f"{amount / 1e6:,.0f} MB"
