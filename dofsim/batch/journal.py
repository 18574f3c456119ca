"""The record of a run: a line for every photo as it ends, from which a run goes on and reports are made."""

from __future__ import annotations

import csv
import json
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

from dofsim import __version__
from dofsim.batch import store
from dofsim.batch.work import DONE, FAILED, Row
from dofsim.errors import DofsimError, OutputError, ParameterError, PhotoError
from dofsim.files import atomic_path
from dofsim.formats import check_format
from dofsim.recipe import Recipe

if TYPE_CHECKING:
    from dofsim.batch.places import Job

COLUMNS = (
    "source",
    "output",
    "status",
    "error",
    "exit_code",
    "tries",
    "width",
    "height",
    "bytes",
    "depth",
    "read_s",
    "make_s",
    "write_s",
    "worker",
    "note",
)
"""What is said of a photo: where it comes from and goes to; ``done`` or ``failed`` and why, with the exit code that
``dofsim render`` would give; how often it was tried; size in px and in bytes; where its depth comes from (photo,
estimator, cache); seconds that reading, making (depth and rendering) and writing took; process id of the worker; what
is good to know."""

FORMAT = 1
"""Version of the journal and of the report. One without a number is of 1."""

JOURNAL, CSV, JSON = "report.jsonl", "report.csv", "report.json"
_UPLOAD_EVERY_S = 60.0
_UPLOAD_SHARE = 0.05
"""Of the time, at most, that goes into uploads of a journal that has grown long."""


class Journal:
    """``OUT/report.jsonl``, and at its end ``report.csv`` and ``report.json``.

    Where OUT is a URL, the lines are kept in a temporary file and uploaded at once, every minute, and at the end.

    Parameters
    ----------
    out : str
        Folder or URL of the results.
    recipe : dict
        What the results depend on, see :meth:`dofsim.recipe.Recipe.to_dict`, and ``suffix``; a run can be gone on
        with only with the same. It may be of an older dofsim; every result says which one made it.
    resume : bool
        Go on with an earlier run.
    overwrite : bool
        Forget an earlier run.

    Raises
    ------
    ParameterError
        If there is an earlier run and neither is asked for, it had another recipe, or it is of a newer format.
    OutputError
        If the folder cannot be written.
    """

    def __init__(self, out: str, recipe: dict[str, Any], *, resume: bool, overwrite: bool) -> None:
        self._out = out
        self._head: dict[str, Any] = {"format": FORMAT, "dofsim": __version__, "recipe": recipe}
        self._remote = store.is_url(out)
        self._last: dict[str, int] = {}
        self.done: set[str] = set()
        """Sources whose results are there."""
        self._next_upload = 0.0
        self._file = self._open(resume=resume, overwrite=overwrite)
        if self._remote:
            try:
                # A bucket that is missing or closed is known before any work is done.
                self._upload()
            except OutputError:
                self._file.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._report()
        finally:
            self._file.close()

    def add(self, row: Row) -> None:
        """Write down how a photo went."""
        place = self._file.seek(0, os.SEEK_END)
        self._file.write(json.dumps(row).encode() + b"\n")
        self._file.flush()
        self._last[row["source"]] = place
        if self._remote and time.monotonic() >= self._next_upload:
            # A store that is out of reach for a moment is no reason to stop; the last upload will tell.
            with suppress(OutputError):
                self._upload()

    def rows(self) -> Iterator[Row]:
        """The last row of every photo, in the order in which they ended."""
        for place in sorted(self._last.values()):
            self._file.seek(place)
            yield json.loads(self._file.readline())

    def _open(self, *, resume: bool, overwrite: bool) -> IO[bytes]:
        place = store.join(self._out, JOURNAL)
        earlier = store.read(place) if store.exists(place) and not overwrite else b""
        if earlier and not resume:
            raise ParameterError(
                f"{self._out} holds an earlier run; choose another folder (-o), go on with that run (--resume), "
                "or start anew (--overwrite)"
            )
        try:
            if self._remote:
                file: IO[bytes] = tempfile.TemporaryFile("w+b")  # noqa: SIM115 - closed by __exit__
                file.write(earlier)
            else:
                Path(self._out).mkdir(parents=True, exist_ok=True)
                file = Path(place).open("r+b" if earlier else "w+b")  # noqa: SIM115 - closed by __exit__
        except OSError as error:
            raise OutputError(f"cannot write {place}: {error.strerror}; choose another folder (-o)") from error
        if earlier:
            try:
                self._recall(file)
            except BaseException:
                file.close()
                raise
        else:
            file.write(json.dumps(self._head).encode() + b"\n")
            file.flush()
        return file

    def _recall(self, file: IO[bytes]) -> None:
        """Read an earlier journal, and cut off a last line that was not finished."""
        file.seek(0)
        try:
            head = dict(json.loads(file.readline()))
            earlier = dict(head["recipe"])
        except (ValueError, TypeError, KeyError):
            raise ParameterError(f"{self._out}/{JOURNAL} is damaged; start anew (--overwrite)") from None
        _check(head, f"the run in {self._out}", ParameterError)
        if _wish(earlier) != _wish(self._head["recipe"]):
            raise ParameterError(
                f"the run in {self._out} had another recipe; "
                "give the same, choose another folder (-o), or start anew (--overwrite)"
            )
        end = file.tell()
        for line in iter(file.readline, b""):
            try:
                row = json.loads(line)
            except ValueError:
                break
            self._last[row["source"]] = end
            self.done.discard(row["source"])
            if row["status"] == DONE:
                self.done.add(row["source"])
            end = file.tell()
        file.truncate(end)

    def left(self, jobs: list[Job]) -> list[Job]:
        """The jobs that are still to be done: those whose result is not there."""
        if self._remote and self.done:
            # A listing names a thousand files, where asking for each costs a request each.
            there = set(store.below(self._out))
            return [job for job in jobs if job.source not in self.done or job.output not in there]
        return [job for job in jobs if job.source not in self.done or not store.exists(job.output)]

    def _report(self) -> None:
        counts = {DONE: 0, FAILED: 0}
        with (
            tempfile.TemporaryFile("w+", encoding="utf-8", newline="") as csv_file,
            tempfile.TemporaryFile("w+", encoding="utf-8") as json_file,
        ):
            writer = csv.DictWriter(csv_file, COLUMNS, restval="", extrasaction="ignore")
            writer.writeheader()
            separator = ""
            for row in self.rows():
                counts[row["status"]] += 1
                writer.writerow({name: _text(value) for name, value in row.items()})
                json_file.write(f"{separator}    {json.dumps(row)}")
                separator = ",\n"
            head = json.dumps({**self._head, **counts}, indent=2)[:-2]
            csv_file.seek(0)
            json_file.seek(0)
            self._put(CSV, _pieces(csv_file))
            self._put(JSON, chain([f'{head},\n  "photos": [\n'], _pieces(json_file), ["\n  ]\n}\n"]))
        if self._remote:
            self._upload()

    def _upload(self) -> None:
        begun = time.monotonic()
        self._file.seek(0)
        try:
            store.write(store.join(self._out, JOURNAL), self._file.read())
        finally:
            now = time.monotonic()
            self._next_upload = now + max(_UPLOAD_EVERY_S, (now - begun) / _UPLOAD_SHARE)

    def _put(self, name: str, parts: Iterable[str]) -> None:
        place = store.join(self._out, name)
        if self._remote:
            store.write(place, "".join(parts).encode())
            return
        with atomic_path(place) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            file.writelines(parts)


def read_report(out: str) -> dict[str, Any]:
    """What ``report.json`` says.

    Parameters
    ----------
    out : str
        Folder or URL of a run.

    Returns
    -------
    dict
        ``format``, ``dofsim``, ``recipe``, the numbers ``done`` and ``failed``, and ``photos``, a list of rows.

    Raises
    ------
    PhotoError
        If there is none, or it is damaged or of a newer dofsim.
    """
    try:
        report = dict(json.loads(store.read(store.join(out, JSON))))
    except (ValueError, TypeError) as error:
        raise PhotoError(f"{out}/{JSON} is damaged") from error
    _check(report, f"{out}/{JSON}", PhotoError)
    return report


def _check(head: dict[str, Any], what: str, error: type[DofsimError]) -> None:
    check_format(head.get("format", FORMAT), FORMAT, what, error, head.get("dofsim"))


def _wish(recipe: dict[str, Any]) -> dict[str, Any]:
    """What a recipe asks for, whichever dofsim wrote it down: what an older one did not know is at its default."""
    known = {name: value for name, value in recipe.items() if name != "suffix"}
    return {**Recipe.from_dict(known).but().to_dict(), "suffix": recipe.get("suffix")}


def _pieces(file: IO[str]) -> Iterator[str]:
    return iter(lambda: file.read(1 << 20), "")


def _text(value: Any) -> Any:
    # A file name need not be text; what is not gets its escapes, so that the table always is.
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
