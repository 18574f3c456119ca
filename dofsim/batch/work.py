"""What a worker does with its photos: read, render and write, each in a thread of its own, so that no core waits."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from dofsim.batch import store
from dofsim.batch.places import Job
from dofsim.errors import DofsimError
from dofsim.recipe import Recipe

if TYPE_CHECKING:
    from dofsim.batch.depth_cache import DepthCache
    from dofsim.depth import DepthMap
    from dofsim.photo import Photo

Row = dict[str, Any]
"""What is reported of a photo: see :data:`dofsim.batch.journal.COLUMNS`."""

DONE, FAILED = "done", "failed"
IN_FLIGHT = 5
"""Photos that a bench has begun and not ended, at most: one is read, one made, one written, and two wait between."""


@dataclass
class _Ticket:
    """A photo on its way through the three threads."""

    number: int
    job: Job
    row: Row
    data: bytes = b""
    photo: Photo | None = None
    error: BaseException | None = None
    times: dict[str, float] = field(default_factory=dict)


class Bench:
    """One warm worker: it knows the recipe and keeps what all photos share.

    Parameters
    ----------
    recipe : dict
        As :meth:`dofsim.recipe.Recipe.to_dict` gives it.
    depth_cache : str, optional
        Folder of a :class:`~dofsim.batch.depth_cache.DepthCache`.
    threads : int
        Threads of network and renderer.
    """

    def __init__(self, recipe: dict[str, Any], depth_cache: str | None = None, threads: int = 1) -> None:
        self._recipe = Recipe.from_dict(recipe)
        self._threads = threads
        self._cache: DepthCache | None = None
        if depth_cache is not None:
            from dofsim.batch.depth_cache import DepthCache

            self._cache = DepthCache(depth_cache)

    def warm_up(self) -> None:
        """Load libraries, network and kernels with a made-up photo, so that the first one takes no longer than others.

        What is wrong with the recipe is left for the photos to say.
        """
        import cv2
        import numpy as np

        from dofsim.photo import Photo

        cv2.setNumThreads(self._threads)
        noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8)
        with suppress(DofsimError):
            scene = replace(self._recipe, source="estimator").prepare(Photo.from_array(noise))
            scene.render(focus=1.0, threads=self._threads)

    def run(self, jobs: Iterable[tuple[int, Job]], report: Callable[[int, Row], None]) -> None:
        """Do the jobs in order; while one is rendered, the next is read and the one before is written.

        Parameters
        ----------
        jobs : iterable of (number, Job)
            Asked for in a thread, one ahead.
        report : callable
            Called with a number and its row, in a thread, when the result is in its place or could not be made.
        """
        read: queue.Queue[_Ticket | None] = queue.Queue(1)
        made: queue.Queue[_Ticket | None] = queue.Queue(1)
        writer = threading.Thread(target=self._write_all, args=(made, report), name="writer")
        reader = threading.Thread(target=self._read_all, args=(jobs, read), name="reader", daemon=True)
        writer.start()
        reader.start()
        try:
            for ticket in iter(read.get, None):
                if ticket.error is None:
                    self._guard(ticket, self._make)
                made.put(ticket)
        finally:
            made.put(None)
            writer.join()

    def _read_all(self, jobs: Iterable[tuple[int, Job]], read: queue.Queue[_Ticket | None]) -> None:
        for number, job in jobs:
            ticket = _Ticket(number, job, {"source": job.source, "output": job.output})
            self._guard(ticket, self._read)
            read.put(ticket)
        read.put(None)

    def _write_all(self, made: queue.Queue[_Ticket | None], report: Callable[[int, Row], None]) -> None:
        for ticket in iter(made.get, None):
            if ticket.error is None:
                self._guard(ticket, self._write)
            row, error = ticket.row, ticket.error
            row["status"] = DONE if error is None else FAILED
            row["error"] = "" if error is None else _sentence(error)
            row["exit_code"] = 0 if error is None else getattr(error, "exit_code", 1)
            row |= {f"{name}_s": round(seconds, 4) for name, seconds in ticket.times.items()}
            row["worker"] = os.getpid()
            report(ticket.number, row)

    @staticmethod
    def _guard(ticket: _Ticket, stage: Callable[[_Ticket], None]) -> None:
        begun = time.perf_counter()
        try:
            stage(ticket)
        except Exception as error:  # noqa: BLE001 - one bad photo must not stop the others
            ticket.error = error
            ticket.photo, ticket.data = None, b""
        ticket.times[stage.__name__.strip("_")] = time.perf_counter() - begun

    def _read(self, ticket: _Ticket) -> None:
        from dofsim.photo.read import parse_photo

        data = store.read(ticket.job.source)
        ticket.row["bytes"] = len(data)
        ticket.photo = parse_photo(data, PurePosixPath(ticket.job.source.partition("::")[0]).name)
        if self._cache is not None:
            ticket.data = data

    def _make(self, ticket: _Ticket) -> None:
        photo = ticket.photo
        if photo is None:
            return
        ticket.row |= {"width": photo.width, "height": photo.height}
        depth = self._depth(photo, ticket)
        scene = self._recipe.prepare(photo, depth=depth)
        ticket.row["depth"] = ticket.row.get("depth") or scene.depth.source
        ticket.row["note"] = "; ".join(photo.notes)
        if scene.depth.is_flat():
            ticket.row["note"] = "the depth is the same everywhere, so the photo is copied as it is"
            return
        ticket.photo = self._recipe.render(scene, threads=self._threads)

    def _depth(self, photo: Photo, ticket: _Ticket) -> DepthMap | None:
        """Depth out of the cache, or into it; None where the photo carries its own."""
        recipe = self._recipe
        carried = photo.depth is not None and recipe.source != "estimator" and recipe.model is None
        if self._cache is None or carried or recipe.source in ("photo", "file"):
            return None
        from dofsim.depth.estimate import estimate

        key = self._cache.key(ticket.data, recipe.model, flip=recipe.flip)
        ticket.data = b""
        depth = self._cache.get(key)
        ticket.row["depth"] = "estimator" if depth is None else "cache"
        if depth is None:
            depth = estimate(photo.pixels, model=recipe.model, threads=self._threads, flip=recipe.flip)
            self._cache.put(key, depth)
        return depth

    def _write(self, ticket: _Ticket) -> None:
        from dofsim.photo.encode import FORMATS, encode

        left_out: list[str] = []
        if ticket.photo is None:
            return
        suffix = PurePosixPath(ticket.job.output).suffix.lower()
        data = encode(ticket.photo, FORMATS[suffix], self._recipe.jpeg_quality, left_out)
        ticket.photo = None
        store.write(ticket.job.output, data)
        if left_out:
            ticket.row["note"] = "; ".join(filter(None, (ticket.row.get("note", ""), *left_out)))


def rows_of(bench: Bench, jobs: Iterable[Job]) -> Iterator[Row]:
    """Do jobs in this process and give their rows as they end.

    Parameters
    ----------
    bench : Bench
    jobs : iterable of Job

    Yields
    ------
    dict
        In the order of the jobs.
    """
    rows: queue.Queue[Row | None] = queue.Queue()

    def work() -> None:
        try:
            bench.run(enumerate(jobs), lambda _, row: rows.put(row))
        finally:
            rows.put(None)

    thread = threading.Thread(target=work, name="worker", daemon=True)
    thread.start()
    while (row := rows.get()) is not None:
        yield row
    thread.join()


def _sentence(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, DofsimError) else f"unexpected {type(error).__name__}: {text}"[:300]
