"""Temporary files that a killed process left: known by their names, and removed by the next one that writes there.

A name tells machine and process, so that nobody removes what somebody else is still writing.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import sys
import time
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

_NAME = re.compile(r"\.dofsim-([0-9a-f]{8})-([0-9]+)-[0-9a-f]{12}(\..*)?")
_STALE_SECONDS = 24 * 3600.0

_swept: set[tuple[int, str]] = set()


def temporary_beside(place: Path) -> Path:
    """A free name in the folder of ``place``, hidden, with its suffix; what older processes left there is removed.

    Parameters
    ----------
    place : Path
        Where the finished file, or folder, is to be.
    """
    key = os.getpid(), str(place.parent)
    if key not in _swept:
        _swept.add(key)
        sweep(place.parent)
    return place.with_name(f".dofsim-{_machine()}-{os.getpid()}-{secrets.token_hex(6)}{place.suffix}")


def sweep(folder: Path) -> None:
    """Remove temporary files whose process has ended, and those of other machines that are a day old.

    Whatever cannot be looked at or removed stays.

    Parameters
    ----------
    folder : Path
        Only what lies in it directly.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = _NAME.fullmatch(entry.name)
            if found is None:
                continue
            with suppress(OSError):
                if not (_has_ended(found[1], int(found[2])) or _is_old(entry)):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path)
                else:
                    Path(entry.path).unlink()


def _has_ended(machine: str, process: int) -> bool:
    # Signal 0 is a question on POSIX; on Windows it would be an order.
    if machine != _machine() or sys.platform == "win32":
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        return False
    return False


def _is_old(entry: os.DirEntry[str]) -> bool:
    return time.time() - entry.stat(follow_symlinks=False).st_mtime > _STALE_SECONDS


@lru_cache(maxsize=1)
def _machine() -> str:
    """Mark of this machine since its last start, and of the container: process numbers mean something in it alone."""
    facts = [os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")]
    with suppress(OSError):
        facts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii"))
        facts.append(str(Path("/proc/self/ns/pid").readlink()))
    return sha256("/".join(facts).encode()).hexdigest()[:8]
