"""Files here and elsewhere: local paths, and URLs of any store that fsspec knows (s3://, gs://, memory://)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from dofsim.errors import MissingExtraError, OutputError, ParameterError, PhotoError
from dofsim.files import atomic_path, read_whole
from dofsim.leftovers import sweep


def is_url(place: str) -> bool:
    """Whether a place is a URL and not a path of this machine."""
    return "://" in place


def filesystem(url: str) -> tuple[Any, str]:
    """The store of a URL, and the path in it.

    Raises
    ------
    MissingExtraError
        If the store needs a package that is not installed.
    ParameterError
        If the URL cannot be read.
    """
    from fsspec.core import url_to_fs

    try:
        found = url_to_fs(url)
    except ImportError as error:
        raise MissingExtraError(f"{url} cannot be reached: {' '.join(str(error).split())}") from error
    except Exception as error:
        raise ParameterError(f"{url} cannot be reached ({reason(error)})") from error
    return found[0], str(found[1])


def url_of(store: Any, path: str, beside: str) -> str:
    """The URL of a path in the store of another URL, which may be an archive (``zip://photos::s3://pail/a.zip``)."""
    _, chain, archive = beside.partition("::")
    return f"{store.unstrip_protocol(path)}{chain}{archive}"


def read(place: str) -> bytes:
    """The bytes of a file.

    Raises
    ------
    PhotoError
        If it is missing or cannot be read.
    """
    try:
        if is_url(place):
            store, path = filesystem(place)
            return bytes(store.cat_file(path))
        return read_whole(place)
    except FileNotFoundError:
        raise PhotoError(f"there is no file {place}") from None
    except (MissingExtraError, ParameterError):
        raise
    except Exception as error:
        raise PhotoError(f"{place} cannot be read: {reason(error)}") from error


def write(place: str, data: bytes) -> None:
    """Write a file whole or not at all, and the folders that it lies in.

    In a store it is as whole as the store's own upload of one object.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    try:
        if is_url(place):
            store, path = filesystem(place)
            # What begins at no root begins with a bucket, which has no folders, and is not made where it is missing.
            if path.startswith("/"):
                store.makedirs(str(PurePosixPath(path).parent), exist_ok=True)
            store.pipe_file(path, data)
            return
        Path(place).parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(place) as temporary:
            temporary.write_bytes(data)
    except (MissingExtraError, ParameterError, OutputError):
        raise
    except Exception as error:
        raise OutputError(f"{place} cannot be written: {reason(error)}") from error


def exists(place: str) -> bool:
    """Whether there is a file."""
    if is_url(place):
        store, path = filesystem(place)
        return bool(store.isfile(path))
    return Path(place).is_file()


def below(url: str) -> list[str]:
    """URLs of all files below one, as the store has them at this moment.

    Raises
    ------
    PhotoError
        If the store cannot be read.
    """
    store, path = filesystem(url)
    # What other processes wrote meanwhile is not in its memory of earlier listings.
    store.invalidate_cache()
    try:
        return sorted(str(store.unstrip_protocol(name)) for name in store.find(path))
    except Exception as error:
        raise PhotoError(f"{url} cannot be read: {reason(error)}") from error


def tidy(places: Iterable[str]) -> None:
    """Remove what processes that have ended left unfinished beside files of this machine."""
    for folder in {Path(place).parent for place in places if not is_url(place)}:
        sweep(folder)


def join(folder: str, *parts: str) -> str:
    """A place in a folder."""
    if is_url(folder):
        return "/".join((folder.rstrip("/"), *parts))
    return str(Path(folder, *parts))


def reason(error: BaseException) -> str:
    """What went wrong, in a line."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:200]
