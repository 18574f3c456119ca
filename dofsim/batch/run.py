"""A whole run: find, share out, write down, report."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Literal

from dofsim.batch.journal import Journal
from dofsim.batch.places import Job, plan_jobs
from dofsim.batch.pool import Pool
from dofsim.batch.work import DONE, Bench, Row, rows_of
from dofsim.errors import ParameterError
from dofsim.recipe import Recipe

Engine = Literal["local", "ray"]


@dataclass(frozen=True)
class Summary:
    """How a run went.

    Attributes
    ----------
    found : int
        Photos that there are.
    kept : int
        Of them, done by an earlier run.
    done, failed : int
        Of the others.
    seconds : float
        That it took.
    """

    found: int
    kept: int
    done: int
    failed: int
    seconds: float


def run_batch(
    inputs: Sequence[str],
    out: str,
    *,
    recipe: Recipe | None = None,
    workers: int | None = None,
    engine: Engine = "local",
    address: str | None = None,
    depth_cache: str | os.PathLike[str] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    max_memory: int | None = None,
    suffix: str | None = None,
    on_start: Callable[[int, int], None] | None = None,
    on_row: Callable[[Row], None] | None = None,
) -> Summary:
    """Refocus many photos.

    Parameters
    ----------
    inputs, out, suffix, overwrite
        See :func:`dofsim.batch.places.plan_jobs`.
    recipe : Recipe, optional
        How; default: as :class:`dofsim.recipe.Recipe` has it.
    workers : int, optional
        Processes, each of one thread; default: one per core. 0: none, this process does the work with all cores.
    engine : {"local", "ray"}
        Processes of this machine, or actors of a Ray cluster.
    address : str, optional
        Of the cluster; default: the one that the environment names, else a new one on this machine.
    depth_cache : path, optional
        Folder that keeps estimated depth.
    resume : bool
        Go on with the run that is in ``out``: what is done stays.
    max_memory : int, optional
        Bytes that all workers of this machine may hold.
    on_start : callable, optional
        Called once with the number of photos and how many of them are done already.
    on_row : callable, optional
        Called with the row of each photo (see :data:`dofsim.batch.journal.COLUMNS`) as it ends.

    Returns
    -------
    Summary

    Raises
    ------
    ParameterError
        If two results would get one name, or ``out`` holds a run of another recipe, or one that nobody mentioned.
    PhotoError
        If there is no photo at one of the places. A photo that fails later is a row in the report instead.
    OutputError
        If ``out`` cannot be written, or a result would take the place of an input.
    MissingExtraError
        If Ray, or a store's own package, is not installed.
    KeyboardInterrupt
        After the workers have ended and the report of what is done has been written.
    """
    if workers is not None and workers < 0:
        raise ParameterError(f"the number of workers is 0 or more, not {workers} (--workers 2)")
    if engine not in ("local", "ray"):
        raise ParameterError(f"the engine is local or ray, not {engine!r} (--engine local)")
    if engine == "local" and address is not None:
        raise ParameterError("an address is that of a cluster; say that it is one (--engine ray)")
    begun = time.perf_counter()
    told = (recipe or Recipe()).to_dict()
    jobs = plan_jobs(inputs, out, suffix=suffix, overwrite=overwrite)
    done = failed = 0
    with Journal(out, {**told, "suffix": suffix}, resume=resume, overwrite=overwrite) as journal:
        left = journal.left(jobs)
        if on_start is not None:
            on_start(len(jobs), len(jobs) - len(left))
        cache = None if depth_cache is None else os.fspath(depth_cache)
        with closing(_rows(left, told, workers, engine, address, cache, max_memory)) as rows:
            for row in rows:
                journal.add(row)
                done += row["status"] == DONE
                failed += row["status"] != DONE
                if on_row is not None:
                    on_row(row)
    return Summary(len(jobs), len(jobs) - len(left), done, failed, time.perf_counter() - begun)


def _rows(
    jobs: list[Job],
    recipe: dict[str, Any],
    workers: int | None,
    engine: Engine,
    address: str | None,
    depth_cache: str | None,
    max_memory: int | None,
) -> Generator[Row]:
    if not jobs:
        return
    if engine == "ray":
        from dofsim.batch.on_ray import run_on_ray

        yield from run_on_ray(jobs, recipe, depth_cache, workers or None, address)
        return
    from dofsim.threads import count_threads

    # A store in memory is seen by this process alone.
    if workers == 0 or any(place.startswith("memory:") for job in jobs for place in (job.source, job.output)):
        yield from rows_of(Bench(recipe, depth_cache, count_threads()), jobs)
        return
    with Pool(min(workers or count_threads(), len(jobs)), recipe, depth_cache, max_memory) as pool:
        try:
            yield from pool.run(jobs)
        except KeyboardInterrupt:
            yield from pool.stop()
            raise
