"""Which photos there are, and where the result of each goes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dofsim.batch import store
from dofsim.errors import OutputError, ParameterError, PhotoError
from dofsim.photo.names import PHOTO_SUFFIXES, suffix_for

_MAGIC = "*?["
TAG = "dof"


@dataclass(frozen=True, slots=True)
class Job:
    """A photo and the place of its result.

    Attributes
    ----------
    source, output : str
        Paths or URLs.
    """

    source: str
    output: str


def plan_jobs(inputs: Sequence[str], out: str, *, suffix: str | None = None, overwrite: bool = False) -> list[Job]:
    """Find the photos and place their results; nothing is read or written.

    Parameters
    ----------
    inputs : sequence of str
        Photos, folders (with all that is in them), patterns (``"trip/**/*.jpg"``), or URLs of these.
    out : str
        Folder or URL. The tree of a folder, or what follows the fixed part of a pattern, is mirrored in it.
    suffix : str, optional
        Of the results, such as ``".png"``; default: see :func:`dofsim.photo.names.suffix_for`.
    overwrite : bool
        Whether a result may take the place of an input.

    Returns
    -------
    list of Job
        In a fixed order. Hidden files are left out of folders, and so is ``out`` where it lies in one.

    Raises
    ------
    PhotoError
        If there is no photo at a place.
    ParameterError
        If two results would get the same name.
    OutputError
        If a result would take the place of an input.
    """
    if store.is_url(out):
        files, path = store.filesystem(out)
        out = files.unstrip_protocol(path)
    jobs: list[Job] = []
    owner: dict[str, str] = {}
    for place in inputs:
        found = False
        for source, relative in _find(place, out):
            found = True
            name = PurePosixPath(relative)
            output = store.join(out, *name.parent.parts, f"{name.stem}.{TAG}{suffix or suffix_for(name)}")
            other = owner.setdefault(output, source)
            if other != source:
                raise ParameterError(
                    f"{other} and {source} would both become {output}; "
                    "give the folder that holds both, or do them one after the other, into two folders (-o)"
                )
            if not jobs or jobs[-1].source != source:
                jobs.append(Job(source, output))
        if not found:
            raise PhotoError(f"there is no photo at {place}")
    jobs = list(dict.fromkeys(jobs))
    if not overwrite:
        sources = {_identity(job.source) for job in jobs}
        for job in jobs:
            if _identity(job.output) in sources:
                raise OutputError(f"{job.output} is an input; choose another folder (-o), or allow it (--overwrite)")
    return jobs


def _find(place: str, out: str) -> Iterator[tuple[str, str]]:
    """Sources at a place, each with its name below it, with slashes."""
    if store.is_url(place):
        yield from _find_in_store(place, out)
    elif Path(place).is_dir():
        for path in _walk(place, os.path.realpath(out)):
            yield path, Path(path).relative_to(place).as_posix()
    elif Path(place).is_file() or not any(sign in place for sign in _MAGIC):
        if not Path(place).exists():
            raise PhotoError(f"there is no file {place}")
        yield place, Path(place).name
    else:
        base = _fixed_part(place)
        root = os.path.realpath(out)
        for match in sorted(Path(base).glob(place.removeprefix(base).lstrip("/"))):
            name = match.relative_to(base)
            hidden = any(part.startswith(".") for part in name.parts)
            if not hidden and _is_photo(match.name) and match.is_file() and not _within(os.path.realpath(match), root):
                yield str(match), name.as_posix()


def _walk(folder: str, out: str) -> Iterator[str]:
    """Photos in a tree, folder by folder in order; links to folders are not followed, for they may go round."""
    try:
        with os.scandir(folder) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
    except OSError as error:
        raise PhotoError(f"the folder {folder} cannot be read: {error.strerror}") from error
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            if os.path.realpath(entry.path) != out:
                yield from _walk(entry.path, out)
        elif _is_photo(entry.name) and entry.is_file():
            yield entry.path


def _find_in_store(url: str, out: str) -> Iterator[tuple[str, str]]:
    files, path = store.filesystem(url)
    # What other processes wrote meanwhile is not in its memory of earlier listings.
    files.invalidate_cache()
    try:
        if any(sign in path for sign in _MAGIC) and not files.exists(path):
            base, found = _fixed_part(path), files.glob(path)
        elif files.isdir(path):
            base, found = path, files.find(path)
        elif files.isfile(path):
            yield store.url_of(files, path, url), PurePosixPath(path).name
            return
        else:
            raise PhotoError(f"there is no file {url}")
    except PhotoError:
        raise
    except Exception as error:
        raise PhotoError(f"{url} cannot be read: {store.reason(error)}") from error
    for name in sorted(str(name) for name in found):
        source = store.url_of(files, name, url)
        if _is_photo(name) and not _within(source, out.rstrip("/")):
            yield source, name.removeprefix(base).lstrip("/")


def _fixed_part(pattern: str) -> str:
    """The folder that a pattern starts from: all of it before the first part with a wildcard."""
    fixed: list[str] = []
    for part in pattern.split("/")[:-1]:
        if any(sign in part for sign in _MAGIC):
            break
        fixed.append(part)
    return "/".join(fixed) or ("/" if pattern.startswith("/") else "")


def _identity(place: str) -> str:
    return place if store.is_url(place) else os.path.realpath(place)


def _is_photo(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in PHOTO_SUFFIXES


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
