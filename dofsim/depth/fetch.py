"""Bring the file of a known depth network onto this machine, over the network or by hand.

Nothing here runs unless somebody asks for it: :func:`fetch_model` is called by ``dofsim models fetch`` alone.
"""

from __future__ import annotations

import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path

from dofsim.depth.registry import ModelRecord, known_record, sha256_of
from dofsim.errors import ModelError, OutputError
from dofsim.files import atomic_path

_BLOCK = 1 << 18
# Seconds without an answer or a byte.
_PATIENCE = 30.0

Progress = Callable[[int, int | None], None]


def fetch_model(name: str, *, progress: Progress | None = None) -> ModelRecord:
    """Download the file of a known model, check its hash, and put it into the folder of models.

    A download that breaks off leaves ``NAME.onnx.part``; the next call goes on from there if the server can.

    Parameters
    ----------
    name : str
        One of :func:`dofsim.depth.registry.known_models`.
    progress : callable, optional
        Called with (bytes so far, bytes in all or None).

    Returns
    -------
    ModelRecord
        Its file is there and is the recorded one.

    Raises
    ------
    ModelError
        If there is no such model or URL, the server does not give the file, or what it gives is not the recorded
        file (it is removed then).
    OutputError
        If the file cannot be written.
    """
    record = known_record(name)
    if record.file.is_file():
        _check(record, record.file, "; remove it, then fetch it again")
        return record
    if record.url is None:
        raise ModelError(f"it is not known where {name} is to be had; put the file there by hand as {record.file}")
    part = record.file.with_name(record.file.name + ".part")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        _download(record, part, progress)
        if record.sha256 not in (None, sha256_of(part)):
            part.unlink()
            raise ModelError(
                f"what came from {record.url} is not {name} (its SHA-256 differs) and was removed; try again"
            )
        part.replace(record.file)
    except (OSError, HTTPException) as error:
        if isinstance(error, urllib.error.URLError | TimeoutError | ConnectionError | HTTPException):
            raise ModelError(_refusal(record, error)) from error
        raise OutputError(f"cannot write {part}: {error.strerror or error}") from error
    return record


def install_model(name: str, file: str | os.PathLike[str]) -> ModelRecord:
    """Copy a file that was carried here by hand into the folder of models, if it is the recorded one.

    Parameters
    ----------
    name : str
        One of :func:`dofsim.depth.registry.known_models`.
    file : path
        The ``.onnx`` file.

    Returns
    -------
    ModelRecord

    Raises
    ------
    ModelError
        If there is no such model, the file cannot be read, or it is not the recorded one.
    OutputError
        If it cannot be copied.
    """
    record = known_record(name)
    _check(record, Path(file))
    try:
        record.file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {record.file.parent}: {error.strerror}") from error
    with atomic_path(record.file) as temporary:
        shutil.copyfile(file, temporary)
    return record


def _download(record: ModelRecord, part: Path, progress: Progress | None) -> None:
    assert record.url is not None
    begin = part.stat().st_size if part.is_file() else 0
    if record.size is not None and begin >= record.size:
        return
    request = urllib.request.Request(record.url, headers={"User-Agent": "dofsim"})  # noqa: S310 - URLs of our records
    if begin:
        request.add_header("Range", f"bytes={begin}-")
    try:
        answer = urllib.request.urlopen(request, timeout=_PATIENCE)  # noqa: S310
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:  # nothing is left to send
            return
        raise
    with answer:
        # A server that does not know ranges sends everything again.
        resumes = answer.status == 206
        length = answer.headers.get("Content-Length")
        so_far = begin if resumes else 0
        total = so_far + int(length) if length and length.isdigit() else record.size
        with part.open("ab" if resumes else "wb") as stream:
            while block := answer.read(_BLOCK):
                stream.write(block)
                so_far += len(block)
                if progress is not None:
                    progress(so_far, total)
    if total is not None and so_far < total:
        raise ConnectionError(f"the connection ended after {so_far} of {total} bytes")


def _check(record: ModelRecord, file: Path, advice: str = "") -> None:
    if record.sha256 is None:
        return
    found = sha256_of(file)
    if found != record.sha256:
        raise ModelError(f"{file} is not {record.name}: SHA-256 {found[:12]}… instead of {record.sha256[:12]}…{advice}")


def _refusal(record: ModelRecord, error: Exception) -> str:
    said = f"{error.code} {error.reason}" if isinstance(error, urllib.error.HTTPError) else str(error)
    return (
        f"{record.name} could not be fetched from {record.url} ({' '.join(said.split())}); try again (it goes on where "
        f"it stopped), or put the file there by hand as {record.file}"
    )
