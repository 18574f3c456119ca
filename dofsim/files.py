"""Write a file, or a folder, whole or not at all; read one whole, if it has an end and fits into the memory."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from dofsim.errors import OutputError
from dofsim.leftovers import temporary_beside

if TYPE_CHECKING:
    from collections.abc import Iterator


def require_regular(path: str | os.PathLike[str]) -> int:
    """Refuse what has no end, or whose beginning may never come: pipes, devices, sockets.

    Returns
    -------
    int
        Size of the file, bytes.

    Raises
    ------
    OSError
        If there is no such file, or it is no regular one.
    """
    facts = Path(path).stat()
    if stat.S_ISDIR(facts.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(facts.st_mode):
        raise OSError(errno.EINVAL, "it is a pipe or a device and no regular file; save what it gives first")
    return facts.st_size


def read_whole(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a file.

    Raises
    ------
    OSError
        If there is no such file, it is no regular one, it cannot be read, or it is larger than what memory may be used
        (:func:`dofsim.memory.limit`).
    """
    from dofsim.memory import limit, megabytes

    size, room = require_regular(path), limit(None)
    if size > room:
        raise OSError(
            errno.EFBIG, f"it takes {megabytes(size)}, and {megabytes(room)} may be used; give more (DOFSIM_MAX_MEMORY)"
        )
    return Path(path).read_bytes()


@contextmanager
def atomic_path(path: str | os.PathLike[str], *, overwrite: bool = True) -> Iterator[Path]:
    """Give a temporary path to write to; put it in the place of ``path`` when the block ends well.

    The temporary file stands in the same folder (so that the rename is atomic), exists and is empty on entry,
    and has the same suffix (so that writers which choose a format by the name choose the right one). If the block
    raises, it is removed and whatever stood at ``path`` is untouched; if the process is killed, the next one that
    writes to the folder removes it. The result gets the permissions of the file
    that it replaces, otherwise those that the process gives to every new file.

    Parameters
    ----------
    path : path
        The place of the finished file. A symbolic link is followed, not replaced.
    overwrite : bool
        Whether an existing file may be replaced.

    Yields
    ------
    pathlib.Path
        The temporary path.

    Raises
    ------
    OutputError
        If ``path`` exists and must stay, is not a regular file, or its folder is missing or unwritable; also for
        every ``OSError`` inside the block.
    """
    # Paths that the system cannot even hold, such as one with a NUL, are ValueErrors.
    try:
        place = Path(os.path.realpath(path))
        exists = place.exists()
        regular = place.is_file()
    except (OSError, ValueError) as error:
        raise OutputError(f"cannot write {os.fspath(path)!r}: {_reason(error)}") from error
    if exists and not regular:
        kind = "a folder" if place.is_dir() else "no regular file"
        raise OutputError(f"cannot write {path}: it is {kind}; give the path of a file")
    if exists and not overwrite:
        raise OutputError(f"{path} exists already; choose another name or allow it to be overwritten (--overwrite)")
    require_folder(place.parent, path)
    temporary = temporary_beside(place)
    try:
        temporary.touch(exist_ok=False)
        if exists:
            temporary.chmod(place.stat().st_mode & 0o777)
        yield temporary
        _to_disk(temporary)
        temporary.replace(place)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {_reason(error)}") from error
    finally:
        # After the rename there is nothing left to remove; on every other way out there is.
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary folder to fill; put it in the place of ``path`` when the block ends well.

    If the block raises, the temporary folder and all that is in it are removed.

    Parameters
    ----------
    path : path
        The place of the finished folder: a name that is free, or an empty folder.

    Yields
    ------
    pathlib.Path
        The temporary folder, beside ``path``, empty.

    Raises
    ------
    OutputError
        If ``path`` exists and is no empty folder, or the folder that it is to be in is missing or unwritable; also for
        every ``OSError`` inside the block.
    """
    try:
        place = Path(os.path.realpath(path))
        taken = place.exists() and not (place.is_dir() and not any(place.iterdir()))
    except (OSError, ValueError) as error:
        raise OutputError(f"cannot write {os.fspath(path)!r}: {_reason(error)}") from error
    if taken:
        raise OutputError(f"{path} exists already and is no empty folder; choose another name")
    require_folder(place.parent, path)
    temporary = temporary_beside(place)
    try:
        temporary.mkdir()
        yield temporary
        if place.is_dir():
            place.rmdir()
        temporary.rename(place)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {_reason(error)}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _to_disk(path: Path) -> None:
    """Wait until the system has written a file: a name must not get to the disk before what it stands for."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def require_folder(folder: Path, path: str | os.PathLike[str]) -> None:
    """Refuse to write where there is no folder.

    Parameters
    ----------
    folder : Path
        That ``path`` is to be written to.
    path : path
        For the message.

    Raises
    ------
    OutputError
        If there is no such folder, or something else in its place.
    """
    if folder.is_dir():
        return
    if folder.exists():
        raise OutputError(f"cannot write {os.fspath(path)}: {folder} is no folder; name another place (-o)")
    raise OutputError(
        f"cannot write {os.fspath(path)}: the folder {folder} does not exist; make it first, or name another (-o)"
    )


def _reason(error: OSError | ValueError) -> str:
    """Say what the system said, without its number and path."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return text[:1].lower() + text[1:]
